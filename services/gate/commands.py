"""The commands about policies and what they would have made of what happened: lint, test, schema, simulate, explain.

In: files, records, options. Out: a table or JSON, and whether all is well. Never here: a change of anything.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind, invalid
from ansible_collections.aphex.platform.plugins.module_utils._gate import cases, lint, schema
from ansible_collections.aphex.platform.plugins.module_utils._gate import policy as policies
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy
from services.gate import config as configuration
from services.gate import explain, output, simulate, store
from services.gate.audit import Record
from services.gate.config import Wrong, texts_of
from services.gate.inbox import Inbox
from services.gate.output import Progress
from services.gate.running import read_policy
from services.gate.simulate import Changed, Result

_YAML, _ICS = (".yml", ".yaml"), ".ics"
_PAGE = 1000
_SHOWN_REASONS = 2


@dataclass(frozen=True)
class Files:
    """Files of a policy, told apart by their names: rules, calendar files (ICS), cases."""

    rules: tuple[Path, ...]
    holidays: tuple[Path, ...]
    cases: tuple[Path, ...]

    @classmethod
    def of(cls, given: Sequence[Path]) -> Files:
        """Return the files, and those in folders; without a file of cases those that lie beside the rules."""
        found = [each for path in given for each in (sorted(path.iterdir()) if path.is_dir() else [path])]
        found = [path for path in found if path.suffix in (*_YAML, _ICS) or path in given]
        told = [path for path in found if path.name.endswith(cases.SUFFIXES)]
        holidays = [path for path in found if path.suffix == _ICS]
        rules = [path for path in found if path not in told and path not in holidays]
        folders = sorted({path.parent for path in rules})
        beside = [path for folder in folders for suffix in cases.SUFFIXES for path in sorted(folder.glob(f"*{suffix}"))]
        return cls(tuple(rules), tuple(holidays), tuple(told or beside))

    def policy(self) -> Policy:
        """Return the policy. Raises Wrong with every problem."""
        found, problems = policies.read(texts_of(self.rules), texts_of(self.holidays))
        if found is None:
            raise Wrong(problems)
        return found


def policy_of(config: Path, given: Sequence[Path]) -> Policy:
    """Return the policy of these files, or that of the configuration. Raises Wrong with every problem."""
    return Files.of(given).policy() if given else read_policy(configuration.read(config))


def check(given: Sequence[Path], now: float, style: str, strict: bool) -> int:
    """Lint policy files: say every problem with its line and what to do."""
    files = Files.of(given)
    texts = texts_of((*files.rules, *files.cases))
    found = lint.problems(texts, texts_of(files.holidays), datetime.fromtimestamp(now, UTC))
    rows = [
        (f"{item.file}:{item.line}", item.severity, item.said + (f". {item.remedy}" if item.remedy else ""))
        for item in found
    ]
    data = [asdict(item) for item in found]
    output.show(("WHERE", "SEVERITY", "WHAT"), rows, data, style, f"{len(files.rules)} files of rules, no problem.")
    return 1 if any(strict or item.severity == lint.ERROR for item in found) else 0


def tested(given: Sequence[Path], style: str) -> int:
    """Run the cases beside a policy, and show what differs from what they expect."""
    files = Files.of(given)
    found = cases.run(files.policy(), cases.load(texts_of(files.cases)))
    if not found:
        said = f"there is no file *{cases.SUFFIXES[0]} beside it, or no case in it"
        raise invalid(", ".join(map(str, given)), said, "Write one: docs/guides/gate.md shows how")
    rows = [(item.case.place, "ok" if item.passed else "FAILED", _told(item)) for item in found]
    data = [
        {
            "case": item.case.name,
            "place": item.case.place,
            "passed": item.passed,
            "verdict": item.verdict.outcome,
            "rule": item.verdict.rule,
            "problems": list(item.problems),
        }
        for item in found
    ]
    output.show(("CASE", "RESULT", "WHAT"), rows, data, style)
    failed = sum(not item.passed for item in found)
    if style == "table":
        print(f"{len(found)} cases, {failed} failed.")
    return 1 if failed else 0


def _told(item: cases.Result) -> str:
    return f"{item.case.name}: {'; '.join(item.problems)}" if item.problems else item.case.name


def print_schema() -> int:
    """Print the JSON schema of a policy file, for editors."""
    print(json.dumps(schema.schema(), indent=2))
    return 0


@contextlib.contextmanager
def records_of(
    config: Path, events: Path | None, where: Mapping[str, object] | None = None
) -> Iterator[Iterator[Record]]:
    """Yield the records of a file of JSON lines, or those of the configuration's store that ``where`` names."""
    if events is not None:
        try:
            with events.open(encoding="utf-8") as lines:
                yield simulate.lines(lines, str(events))
        except OSError as error:
            raise invalid(str(events), f"it cannot be read: {error.strerror}", "Check its path") from error
        except ValueError as error:
            raise invalid("The events", str(error), "Give what `aphex-gate audit export` wrote") from error
        return
    inbox = store.opened(configuration.read(config))
    try:
        yield all_records(inbox, where)
    finally:
        inbox.close_store()


def all_records(inbox: Inbox, where: Mapping[str, object] | None = None) -> Iterator[Record]:
    """Yield every record of a store in order, a page at a time."""
    after = 0
    while page := inbox.records(after, _PAGE, where):
        yield from page
        after = page[-1].number


def simulated(
    records: Iterator[Record], policy: Policy, at: datetime | None, since: datetime | None, style: str
) -> int:
    """Judge what was recorded by another policy or clock, and show the verdicts that would differ."""
    progress = Progress()

    def told(result: Result) -> None:
        progress.tell(f"{result.judged} verdicts judged again, {len(result.changed)} differ")

    first = since.timestamp() if since else 0.0
    result = simulate.simulate((item for item in records if item.time >= first), policy, at, told)
    progress.end()
    rows = [_row(item) for item in result.changed]
    data = {
        "judged": result.judged,
        "unrecorded": result.unrecorded,
        "moves": [{"was": was, "would_be": now, "count": count} for (was, now), count in sorted(result.moves.items())],
        "changed": [_plain(item) for item in result.changed],
    }
    heads = ("RECORD", "TIME", "DEPLOYMENT", "WAS", "WOULD BE", "RULE", "BECAUSE")
    output.show(heads, rows, data, style, "No verdict would differ.")
    if style == "table":
        print(_summary(result))
    return 0


def explained(record: Record, policy: Policy, at: datetime | None, style: str) -> int:
    """Print what every rule of a policy makes of a record, and what was made of it."""
    now = at or datetime.fromtimestamp(record.time, UTC)
    selection, facts = simulate.known(record, policy, now)
    found = explain.explain(policy, selection, facts, now)
    if style == "json":
        data = {"deployment": output.title(record), "guid": record.guid, "entry": record.entry, **found.plain()}
        print(json.dumps(data, indent=2, ensure_ascii=False))
        return 0
    print(f"{output.title(record)}, run {record.run_id}, delivery {record.guid}, entry {record.entry}")
    print(f"Judged as of {now:%Y-%m-%d %H:%M:%S %Z} by the policy {policy.digest}.\n")
    for line in explain.lines(found):
        print(output.harmless(line))
    answer = f" ({record.answer})" if record.answer else ""
    print(f"\nRecorded {output.when(record.time)}: {record.outcome} by the policy {record.policy}{answer}.")
    return 0


def record_of(records: Iterator[Record], which: str) -> Record:
    """Return the newest record of a GUID or an entry that holds a verdict. Raises Failure(missing)."""
    found = None
    for record in records:
        if record.kind in simulate.JUDGED and record.pending and which in (record.guid, str(record.entry)):
            found = record
    if found is None:
        raise Failure(
            Kind.MISSING,
            tried=f"Looking for a verdict on {which}",
            said="no record has one of that GUID or entry",
            remedy="`aphex-gate pending` shows what waits; what was just received may not have been judged yet",
        )
    return found


def _row(item: Changed) -> tuple[str, ...]:
    record, verdict = item.record, item.verdict
    rule = record.rule if record.rule == verdict.rule else f"{record.rule or 'none'} > {verdict.rule or 'none'}"
    return (
        str(record.number),
        output.when(record.time),
        output.title(record),
        record.outcome,
        verdict.outcome,
        rule,
        "; ".join(verdict.reasons[:_SHOWN_REASONS]),
    )


def _plain(item: Changed) -> dict[str, Any]:
    record, verdict = item.record, item.verdict
    return {
        "record": record.number,
        "time": output.when(record.time),
        "guid": record.guid,
        "deployment": output.title(record),
        "run_id": record.run_id,
        "was": {"outcome": record.outcome, "rule": record.rule, "reasons": list(record.reasons)},
        "would_be": {
            "outcome": verdict.outcome,
            "rule": verdict.rule,
            "reasons": list(verdict.reasons),
            "until": verdict.until.isoformat() if verdict.until else None,
        },
        "unrecorded": list(item.unrecorded),
    }


def _summary(result: Result) -> str:
    moves = [f"{count} from {was} to {now}" for (was, now), count in sorted(result.moves.items()) if was != now]
    said = f"{result.judged} verdicts judged again, {len(result.changed)} would differ"
    said += f" ({', '.join(moves)})." if moves else "."
    if result.unrecorded:
        said += (
            f" {result.unrecorded} of them need a fact that was not looked up at the time: it is unknown here, "
            "and never approves."
        )
    return said


def moment(text: str) -> datetime:
    """Return the time of an option; one without a zone is UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
