# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a policy and facts to a verdict: select the rule by what is cheap, then judge with what was looked up.

In: Policy, PendingDeployment or Facts, the time. Out: Selection, Verdict with its trace. Never here: I/O, the clock.

What is not known never approves: a rule of which it cannot be told whether it matches is the last that is looked at,
for one after it may be laxer.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from . import answer
from .answer import Answer, Outcome
from .expression import Context
from .facts import Facts, PendingDeployment
from .policy import Combined, Policy, Requirement, Rule
from .selection import Selection, matches, select

APPROVE, REJECT, DEFER, ABSTAIN = "approve", "reject", "defer", "abstain"
_LONGEST_PAUSE = timedelta(minutes=15)
_SLOWER = 20
"""A deployment that has waited for an hour is looked at every three minutes: the twentieth part."""


@dataclass(frozen=True)
class Trace:
    """What one requirement answered, for people; ``depth`` is how deep it stands in the rule."""

    place: str
    kind: str
    outcome: Outcome
    said: str
    until: datetime | None = None
    depth: int = 0


@dataclass(frozen=True)
class Verdict:
    """What the policy says of a deployment: ``approve``, ``reject``, ``defer`` (until) or ``abstain``, and why.

    ``shadows`` are the verdicts of rules that are only judged, by their name. ``unknown`` is True when something that
    could not be found out has made it so. ``comment`` is the rule's own template; ``words`` fill it.
    """

    outcome: str
    rule: str
    reasons: tuple[str, ...]
    until: datetime | None = None
    trace: tuple[Trace, ...] = ()
    shadows: t.Mapping[str, str] = field(default_factory=dict, hash=False)
    digest: str = ""
    unknown: bool = False
    comment: str = ""

    def words(self) -> dict[str, t.Any]:
        """Return what a comment may name; see comment.py."""
        until = f"{self.until:%Y-%m-%d %H:%M %Z}" if self.until else None
        shown = {"verdict": self.outcome, "rule": self.rule, "reasons": self.reasons, "until": until}
        return {**shown, "policy.digest": self.digest}


def evaluate(policy: Policy, selection: Selection, facts: Facts, now: datetime) -> Verdict:
    """Return the verdict of the selected rule."""
    context = Context(now, policy.is_open)
    shadows = {rule.name: _of_rule(policy, rule, facts, context).outcome for rule in selection.shadows}
    verdict = _of_selection(policy, selection, facts, context)
    template = selection.rule.comment if selection.rule else ""
    return replace(
        _within_deadline(policy, verdict, facts.pending, now), shadows=shadows, digest=policy.digest, comment=template
    )


def _of_selection(policy: Policy, selection: Selection, facts: Facts, context: Context) -> Verdict:
    if selection.rule is None:
        return Verdict(policy.defaults.on_no_match, "", ("no rule of the policy matches",))
    if selection.unknown:
        said = f"whether the rule {selection.rule.name} matches cannot be told: {selection.unknown}"
        return _on_error(policy, selection.rule, (said,), ())
    verdict = _of_rule(policy, selection.rule, facts, context)
    if selection.rule.mode == "dry_run" and verdict.outcome != ABSTAIN:
        said = f"the rule {selection.rule.name} is a dry run and would {verdict.outcome}"
        return Verdict(ABSTAIN, verdict.rule, (said, *verdict.reasons), trace=verdict.trace)
    return verdict


def _of_rule(policy: Policy, rule: Rule, facts: Facts, context: Context) -> Verdict:
    judged = judge(rule.require, facts, context)
    found, reasons, trace = judged.answer, judged.reasons, judged.trace
    if found.outcome is Outcome.YES:
        return Verdict(rule.decision, rule.name, reasons or ("it requires nothing",), trace=trace)
    if found.outcome is Outcome.UNKNOWN:
        return _on_error(policy, rule, reasons, trace)
    if found.lasting and rule.otherwise != DEFER:
        return Verdict(rule.otherwise, rule.name, reasons, trace=trace)
    return Verdict(DEFER, rule.name, reasons, until=found.until, trace=trace)


@dataclass(frozen=True)
class Judged:
    """The answer of requirements, the sentences that have made it, and what each one of them said."""

    answer: Answer
    reasons: tuple[str, ...]
    trace: tuple[Trace, ...]


def judge(part: Requirement | Combined, facts: Facts, context: Context, depth: int = 0) -> Judged:
    """Return what a requirement answers, or several added up; every one is asked, so that people see them all."""
    if isinstance(part, Requirement):
        found = _asked(part, facts, context)
        trace = Trace(part.place, part.kind.name, found.outcome, found.said, found.until, depth)
        return Judged(found, (found.said,), (trace,))
    inner = [judge(item, facts, context, depth + 1) for item in part.parts]
    found = _ADDED_UP[part.how]([item.answer for item in inner])
    own = (Trace(part.place, part.how, found.outcome, found.said, found.until, depth),) if depth else ()
    reasons = tuple(said for item in inner if _counts(part.how, found, item.answer) for said in item.reasons)
    return Judged(found, reasons, (*own, *(line for item in inner for line in item.trace)))


_ADDED_UP: t.Final[t.Mapping[str, t.Callable[[t.Sequence[Answer]], Answer]]] = {
    "all": answer.all_of,
    "any": answer.any_of,
    "none": answer.none_of,
}


def _counts(how: str, whole: Answer, part: Answer) -> bool:
    """Return whether a part has helped to make the answer what it is."""
    held, holds = whole.outcome is Outcome.YES, part.outcome is Outcome.YES
    if how == "none":
        return held or part.outcome is not Outcome.NO
    return held == holds


def _asked(part: Requirement, facts: Facts, context: Context) -> Answer:
    """Return the answer of one requirement. A fact of another form than it has to have is as good as none."""
    try:
        return part.kind.judge(part.arguments, facts, context)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return answer.unknown(f"{part.kind.name}: a fact has another form than it should ({type(error).__name__})")


def _on_error(policy: Policy, rule: Rule, reasons: tuple[str, ...], trace: tuple[Trace, ...]) -> Verdict:
    outcome = REJECT if policy.defaults.on_error == REJECT else DEFER
    return Verdict(outcome, rule.name, reasons, trace=trace, unknown=True)


def _within_deadline(policy: Policy, verdict: Verdict, pending: PendingDeployment, now: datetime) -> Verdict:
    """Return the verdict; one that waits past the deadline becomes what the policy says for that (E1: 30 days).

    What is not known by then is rejected: it never lets anything through.
    """
    if verdict.outcome != DEFER:
        return verdict
    begun = now if pending.begun is None else datetime.fromtimestamp(pending.begun, UTC)
    deadline = begun + policy.defaults.max_defer
    if now < deadline:
        until = min(verdict.until or now + _pause(policy, now - begun), deadline)
        return replace(verdict, until=max(until, now + timedelta(seconds=1)))
    said = f"it has waited for longer than {policy.defaults.max_defer.days} days"
    outcome = REJECT if verdict.unknown else policy.defaults.on_deadline
    return replace(verdict, outcome=outcome, until=None, reasons=(said, *verdict.reasons))


def _pause(policy: Policy, waited: timedelta) -> timedelta:
    """Return when to look again at what tells no time: the longer it waits, the more seldom."""
    shortest = policy.defaults.retry
    return max(shortest, min(waited / _SLOWER, _LONGEST_PAUSE))


__all__ = ["Judged", "Selection", "Trace", "Verdict", "evaluate", "judge", "matches", "select"]
