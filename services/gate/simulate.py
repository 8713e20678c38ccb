"""What another policy, or another clock, would have made of what happened.

In: audit records, a policy, a time. Out: the verdicts that would differ. Never here: a store, a look-up, a print.

A record is judged by the same functions as a delivery, with the facts that were written down. What the policy of then
did not ask for was not looked up: it is unknown here, and never approves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import Selection, Verdict
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Facts, Unknown
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy
from services.gate import audit
from services.gate.audit import Record

JUDGED = (audit.DECIDED, audit.DEFERRED)


@dataclass(frozen=True)
class Changed:
    """A recorded verdict beside the one that it would be. ``unrecorded`` are the facts that nobody had looked up."""

    record: Record
    verdict: Verdict
    unrecorded: tuple[str, ...] = ()


@dataclass
class Result:
    """What a simulation has found. ``moves`` counts verdicts by what they were and would be."""

    judged: int = 0
    passed_over: int = 0
    unrecorded: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed: list[Changed] = field(default_factory=list)


def simulate(
    records: Iterable[Record],
    policy: Policy,
    at: datetime | None = None,
    progress: Callable[[Result], None] = lambda _result: None,
) -> Result:
    """Judge every record that holds a verdict anew; ``at`` takes the place of the time of each."""
    result = Result()
    for record in records:
        if record.kind not in JUDGED or not record.pending:
            result.passed_over += 1
            continue
        judged = again(record, policy, at)
        result.judged += 1
        result.unrecorded += bool(judged.unrecorded)
        result.moves[record.outcome, judged.verdict.outcome] += 1
        if judged.verdict.outcome != record.outcome:
            result.changed.append(judged)
        progress(result)
    return result


def again(record: Record, policy: Policy, at: datetime | None = None) -> Changed:
    """Return what the policy makes of a record."""
    now = at or datetime.fromtimestamp(record.time, UTC)
    selection, facts = known(record, policy, now)
    unrecorded = tuple(str(need) for need in selection.needs if str(need) not in record.facts)
    return Changed(record, evaluate.evaluate(policy, selection, facts, now), unrecorded)


def known(record: Record, policy: Policy, now: datetime) -> tuple[Selection, Facts]:
    """Return what the policy selects for a record, and its facts; what was not recorded is unknown, and says so."""
    written = audit.facts(record)
    selection = evaluate.select(policy, written.pending, now)
    missing = {need: Unknown(f"{need} was not recorded") for need in selection.needs if need not in written.found}
    return selection, Facts(written.pending, {**written.found, **missing})


def lines(text: Iterable[str], name: str) -> Iterator[Record]:
    """Yield the records of a file of JSON lines. Raises ValueError with file and line for one that is none."""
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                yield audit.decode(line)
            except ValueError as error:
                raise ValueError(f"{name}:{number}: {error}") from error
