# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with policy files, and what is right by the letter and still not what people mean.

In: the texts of policies, cases and holidays; the time. Out: problems with file, line and remedy. Never here: a file
system, the clock.

An ``error`` keeps a policy from being loaded; a ``warning`` does not.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from .._core.failure import Failure
from . import cases, lint_expressions, policy
from .policy import Combined, Policy, Requirement, Rule
from .selection import is_over

ERROR, WARNING = "error", "warning"
_ENDS_SOON = timedelta(days=60)
_PLACE = re.compile(r"(.+):([0-9]+)")
_LINE = re.compile(r"line ([0-9]+)")
_ALWAYS_KNOWN = ("environment", "owner", "repository")
_SECTIONS = {"calendars": "calendar", "freezes": "list of freezes", "groups": "group"}


@dataclass(frozen=True)
class Problem:
    """One problem of one file."""

    file: str
    line: int
    said: str
    remedy: str = ""
    severity: str = ERROR


Found = tuple[str, str, str]
"""Place, what is said, remedy."""


def problems(
    texts: t.Mapping[str, str], holidays: t.Mapping[str, str] | None = None, now: datetime | None = None
) -> list[Problem]:
    """Return every problem, by file and line. What hangs on the time is left out without one."""
    policies = {name: text for name, text in texts.items() if not name.endswith(cases.SUFFIXES)}
    loaded, failures = policy.read(policies, holidays or {})
    failures = failures + cases.read({name: text for name, text in texts.items() if name not in policies})[1]
    found = [_problem(failure) for failure in failures]
    if loaded is not None:
        found += [_at(place, said, remedy, WARNING) for place, said, remedy in _warnings(loaded, now)]
        found += [Problem(name, 1, *words, WARNING) for name, words in _files(loaded, holidays or {}, now)]
    return sorted(found, key=lambda item: (item.file, item.line, item.severity))


def _problem(failure: Failure) -> Problem:
    line = _LINE.match(failure.said)
    made = _at(failure.tried, failure.said, failure.remedy, ERROR)
    return Problem(made.file, int(line[1]), made.said, made.remedy) if line else made


def _at(place: str, said: str, remedy: str, severity: str) -> Problem:
    found = _PLACE.fullmatch(place)
    return (
        Problem(found[1], int(found[2]), said, remedy, severity) if found else Problem(place, 1, said, remedy, severity)
    )


def _warnings(loaded: Policy, now: datetime | None) -> t.Iterator[Found]:
    yield from _defaults(loaded)
    yield from _unused(loaded)
    yield from _unreachable(loaded)
    yield from lint_expressions.of_policy(loaded)
    for rule in loaded.rules:
        yield from _rule(rule)
        for requirement in _requirements(rule.require):
            yield from _requirement(requirement, rule)
    if now is not None:
        yield from _by_now(loaded, now)


# what does not hang on the time


def _defaults(loaded: Policy) -> t.Iterator[Found]:
    place = loaded.places.get(("defaults",), "")
    if loaded.defaults.on_no_match == "abstain":
        said = "what no rule is about is let through to the required reviewers, also where an environment has none"
        yield place, said, "Write `on_no_match: reject`"
    if loaded.defaults.on_deadline == "abstain":
        yield place, "what has waited for too long is let through", "Write `on_deadline: reject`"


def _unused(loaded: Policy) -> t.Iterator[Found]:
    for (section, *rest), place in loaded.places.items():
        if rest and (section, rest[0]) not in loaded.used:
            yield place, f"nothing uses the {_SECTIONS[section]} {rest[0]!r}", "Use it, or take it away"


def _unreachable(loaded: Policy) -> t.Iterator[Found]:
    """A rule before that is about the same, or about everything, takes it all."""
    before: list[Rule] = []
    for rule in loaded.rules:
        taken = next((earlier for earlier in before if _takes_all(earlier) or earlier.match == rule.match), None)
        if taken is not None:
            said = f"the rule {rule.name} is never reached: {taken.name} at {taken.place} matches before it"
            yield rule.place, said, "Put it before, or match less there"
        if rule.mode != "shadow" and rule.expires is None:
            before.append(rule)


def _takes_all(rule: Rule) -> bool:
    """Return whether a rule is about every delivery."""
    match = rule.match
    wide = all(name in _ALWAYS_KNOWN and "*" in patterns.given for name, patterns in match.patterns.items())
    return wide and not match.properties and match.default_branch is None and not match.when and not match.but_not


def _rule(rule: Rule) -> t.Iterator[Found]:
    kinds = {requirement.kind.name for requirement in _requirements(rule.require)}
    if "abstain" in (rule.decision, rule.otherwise) and not rule.comment:
        said = f"the rule {rule.name} leaves it to the required reviewers, and does not tell them why"
        yield rule.place, said, "Give it a comment"
    if rule.decision == "reject" and rule.otherwise == "reject" and rule.require.parts:
        said = f"the rule {rule.name} rejects, whether its requirements hold or not"
        yield rule.place, said, "Take the requirements away, or say `else: defer`"
    if rule.decision == "approve" and not kinds & {"run", "when"} and _names(rule, "event", "schedule"):
        said = f"the rule {rule.name} trusts the event: who runs a scheduled run again by hand has the same one"
        yield rule.place, said, "Require `run: run_attempt == `1``, and the workflow's path"
    if rule.decision == "approve" and not kinds & {"run", "branch"} and _names(rule, "ref", "refs/heads/"):
        said = f"the rule {rule.name} matches a branch by its name, which a tag may bear as well"
        yield rule.place, said, "Require `branch` too"


def _names(rule: Rule, field: str, begin: str) -> bool:
    patterns = rule.match.patterns.get(field)
    return patterns is not None and any(text.startswith(begin) for text in patterns.given)


def _requirement(requirement: Requirement, rule: Rule) -> t.Iterator[Found]:
    kind, arguments = requirement.kind.name, requirement.arguments
    if kind in ("once_per_run", "override") and requirement in rule.require.parts:
        said = f"{kind} stands beside the other requirements, so all of them have to hold"
        yield requirement.place, said, "Put it below `any`, beside what it replaces"
    if kind == "checks" and "*" in arguments.names:
        said = "`*` is every check, also that of the job which waits here: it never ends"
        yield requirement.place, said, "Name the checks"
    if kind == "ticket" and lint_expressions.is_slow(arguments.pattern.pattern):
        yield requirement.place, *lint_expressions.SLOW


def _requirements(part: Requirement | Combined) -> t.Iterator[Requirement]:
    if isinstance(part, Requirement):
        yield part
    else:
        for item in part.parts:
            yield from _requirements(item)


# what hangs on the time


def _by_now(loaded: Policy, now: datetime) -> t.Iterator[Found]:
    for rule in loaded.rules:
        if rule.expires is not None and is_over(rule, now):
            said = f"the rule {rule.name} has expired on {rule.expires:%Y-%m-%d}, and those below it count"
            yield rule.place, said, "Take it away, or give it a later date"
    for freezes in loaded.freezes.values():
        for freeze in freezes:
            if freeze.end <= now:
                yield freeze.place, f"the freeze {freeze.name} ended on {freeze.end:%Y-%m-%d}", "Take it away"
    for name, calendar in loaded.calendars.items():
        if calendar.opens(now) is None:
            place = loaded.places["calendars", name]
            yield place, f"the calendar {name} does not open any more", "Look at its days and holidays"


def _files(
    loaded: Policy, holidays: t.Mapping[str, str], now: datetime | None
) -> t.Iterator[tuple[str, tuple[str, str]]]:
    for name in sorted(holidays):
        last = loaded.holiday_files.get(name)
        if last is None:
            yield name, ("no calendar uses this holiday file", "Name it below `holidays`, or take it away")
        elif now is not None and last < (now + _ENDS_SOON).date():
            yield name, (f"its last holiday is on {last:%Y-%m-%d}: after it every day counts", "Get a newer one")
