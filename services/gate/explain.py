"""Why a policy says what it says of a deployment: every rule, what it looked for, what was seen, what it required.

In: a policy, facts, a time. Out: plain data, and the same as lines for people. Never here: a verdict of its own; all
that is told comes from the functions that judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import Trace, Verdict
from ansible_collections.aphex.platform.plugins.module_utils._gate.expression import Context
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Facts, Unknown
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Match, Policy
from ansible_collections.aphex.platform.plugins.module_utils._gate.selection import (
    Delivered,
    Selection,
    is_over,
    matches,
)

YES, NO, UNKNOWN, EXPIRED = "yes", "no", "unknown", "expired"
_WIDE = 14


@dataclass(frozen=True)
class Part:
    """One thing that a rule looks for: what it wants, what was seen, and whether that fits."""

    name: str
    wanted: str
    seen: str
    fits: str


@dataclass(frozen=True)
class Told:
    """One rule. ``counts`` is why it does or does not: it is the one, a shadow beside it, or behind the one."""

    rule: str
    place: str
    mode: str
    matched: str
    counts: str
    parts: tuple[Part, ...]
    trace: tuple[Trace, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """All rules in their order, and the verdict."""

    rules: tuple[Told, ...]
    verdict: Verdict

    def plain(self) -> dict[str, Any]:
        """Return it for programs."""
        verdict = self.verdict
        return {
            "rules": [asdict(rule) | {"trace": [_plain(step) for step in rule.trace]} for rule in self.rules],
            "verdict": {
                "outcome": verdict.outcome,
                "rule": verdict.rule,
                "reasons": list(verdict.reasons),
                "until": verdict.until.isoformat() if verdict.until else None,
                "shadows": dict(verdict.shadows),
                "policy": verdict.digest,
            },
        }


def explain(policy: Policy, selection: Selection, facts: Facts, now: datetime) -> Explanation:
    """Return what every rule of the policy makes of these facts."""
    context = Context(now, policy.is_open)
    shadows = {rule.name for rule in selection.shadows}
    told: list[Told] = []
    behind = False
    for rule in policy.rules:
        chosen = selection.rule is not None and rule.name == selection.rule.name
        judged = chosen or rule.name in shadows
        told.append(
            Told(
                rule=rule.name,
                place=rule.place,
                mode=rule.mode,
                matched=EXPIRED if is_over(rule, now) else _word(matches(rule.match, facts.pending, context)),
                counts=_counts(chosen, judged, behind),
                parts=tuple(_match_parts(rule.match, facts, context)),
                trace=evaluate.judge(rule.require, facts, context).trace if judged else (),
            )
        )
        behind = behind or chosen
    return Explanation(tuple(told), evaluate.evaluate(policy, selection, facts, now))


def lines(explanation: Explanation) -> Iterator[str]:
    """Yield it for people."""
    for rule in explanation.rules:
        mode = "" if rule.mode == "enforce" else f", {rule.mode}"
        yield f"{rule.matched.upper():8} {rule.rule} ({rule.place}{mode}): {rule.counts}"
        for part in rule.parts:
            yield f"         {part.fits:8} {part.name:{_WIDE}} wanted {part.wanted}; seen {part.seen}"
        if rule.trace:
            yield "         requires"
        for step in rule.trace:
            again = f" (ask again {step.until:%Y-%m-%d %H:%M:%S %Z})" if step.until else ""
            yield f"         {'  ' * step.depth}{step.outcome!s:8} {step.kind:{_WIDE}} {step.said}{again}"
    verdict = explanation.verdict
    until = f" until {verdict.until:%Y-%m-%d %H:%M:%S %Z}" if verdict.until else ""
    yield ""
    yield f"Verdict: {verdict.outcome}{until}" + (f" by the rule {verdict.rule}" if verdict.rule else "")
    for reason in verdict.reasons:
        yield f"  - {reason}"
    for name, outcome in verdict.shadows.items():
        yield f"The shadow rule {name} says {outcome}."


def _counts(chosen: bool, judged: bool, behind: bool) -> str:
    if chosen:
        return "counts"
    if judged:
        return "is judged beside it"
    return "stands behind the rule that counts" if behind else "is passed over"


def _match_parts(match: Match, facts: Facts, context: Context, prefix: str = "") -> Iterator[Part]:
    """Yield each part of a match, asked as a match of its own."""
    delivered = Delivered(facts.pending)

    def fits(part: Match) -> str:
        return _word(matches(part, facts.pending, context))

    for name, patterns in match.patterns.items():
        part = Match(patterns={name: patterns})
        yield Part(prefix + name, ", ".join(patterns.given), _seen(delivered.field(name)), fits(part))
    for name, patterns in match.properties.items():
        part = Match(properties={name: patterns})
        yield Part(f"{prefix}property {name}", ", ".join(patterns.given), _seen(delivered.property(name)), fits(part))
    if match.default_branch is not None:
        part = Match(default_branch=match.default_branch)
        wanted = "yes" if match.default_branch else "no"
        yield Part(f"{prefix}default_branch", wanted, _seen(delivered.field("ref")), fits(part))
    if match.when is not None:
        held = match.when.value(delivered.view, context)
        yield Part(f"{prefix}when", match.when.text, _seen(held), fits(Match(when=match.when)))
    if match.but_not is not None:
        yield from _match_parts(match.but_not, facts, context, f"{prefix}not ")


def _word(held: bool | Unknown) -> str:
    return UNKNOWN if isinstance(held, Unknown) else YES if held else NO


def _seen(value: Any) -> str:
    if isinstance(value, Unknown):
        return f"nothing ({value.reason})"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(step: Trace) -> Mapping[str, Any]:
    until = step.until.isoformat() if step.until else None
    return {"kind": step.kind, "outcome": str(step.outcome), "said": step.said, "until": until, "depth": step.depth}
