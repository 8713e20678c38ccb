# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A policy: rules with what they match and require, the names that they use, and the defaults.

In: the texts of policy files, and of holiday files. Out: Policy, or Failure(invalid) with file, line and the fix.
Never here: a file system, a judgement.
"""

from __future__ import annotations

import functools
import hashlib
import re
import typing as t
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from .._core.failure import Failure, invalid
from . import calendar, comment, holidays, schema
from .calendar import Calendar, Freeze
from .expression import Expression, compile_expression, nodes
from .facts import DELIVERED, LOOKED_UP
from .requirements import KINDS
from .requirements.kind import Group, Kind
from .source import Source
from .words import Patterns, duration, spoken, texts

GITHUB_WAITS = timedelta(days=30)
"""GitHub fails a job that has waited for so long."""
LONGEST_DEFER = timedelta(days=29)
_FACTS = frozenset((*DELIVERED, *LOOKED_UP))
_TEAM = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_T = t.TypeVar("_T")


@dataclass(frozen=True)
class Defaults:
    """What holds where a rule says nothing. ``max_defer`` counts from when the deployment was asked for."""

    on_no_match: str = "reject"
    on_error: str = "defer"
    on_deadline: str = "reject"
    max_defer: timedelta = timedelta(days=29)
    retry: timedelta = timedelta(minutes=1)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


@dataclass(frozen=True)
class Match:
    """Patterns by field of the delivery and by property of the repository, a condition, and what must not match."""

    patterns: t.Mapping[str, Patterns] = field(default_factory=dict, hash=False)
    properties: t.Mapping[str, Patterns] = field(default_factory=dict, hash=False)
    default_branch: bool | None = None
    when: Expression | None = None
    but_not: Match | None = None


@dataclass(frozen=True)
class Requirement:
    """One requirement of a rule: a kind with its arguments."""

    kind: Kind
    arguments: t.Any
    place: str


@dataclass(frozen=True)
class Combined:
    """Requirements that are added up: ``all``, ``any`` or ``none``."""

    how: str
    parts: tuple[Requirement | Combined, ...]
    place: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule. ``otherwise`` is what happens when a requirement does not hold and time will not change that."""

    name: str
    match: Match
    require: Combined
    decision: str
    otherwise: str = "reject"
    mode: str = "enforce"
    expires: datetime | None = None
    comment: str = ""
    place: str = ""


@dataclass(frozen=True)
class Policy:
    """All rules in their order; the first that matches counts. ``digest`` tells one policy from another.

    ``places`` has file and line of what is defined by name, ``used`` what of it a rule names; both by section and name.
    ``holiday_files`` has the last day of each file that a calendar names. ``index`` belongs to selection.py.
    """

    rules: tuple[Rule, ...]
    defaults: Defaults = field(default_factory=Defaults)
    calendars: t.Mapping[str, Calendar] = field(default_factory=dict, hash=False)
    digest: str = ""
    freezes: t.Mapping[str, tuple[Freeze, ...]] = field(default_factory=dict, hash=False)
    groups: t.Mapping[str, Group] = field(default_factory=dict, hash=False)
    places: t.Mapping[tuple[str, ...], str] = field(default_factory=dict, hash=False)
    used: frozenset[tuple[str, str]] = frozenset()
    holiday_files: t.Mapping[str, date] = field(default_factory=dict, hash=False)
    index: dict[tuple[str, ...], tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)

    def is_open(self, name: str, now: datetime) -> bool:
        """Return whether a calendar is open. Raises ValueError for one that there is not: an expression is unknown."""
        if name not in self.calendars:
            raise ValueError(f"there is no calendar {name!r}")
        return self.calendars[name].is_open(now)


def load(files: t.Mapping[str, str], holiday_files: t.Mapping[str, str] | None = None) -> Policy:
    """Return the policy of several files, by their names. Raises Failure(invalid) for the first problem of them all."""
    policy, problems = read(files, holiday_files or {})
    if policy is None:
        raise problems[0]
    return policy


def read(files: t.Mapping[str, str], holiday_files: t.Mapping[str, str]) -> tuple[Policy | None, list[Failure]]:
    """Return the policy and every problem; there is no policy when there is a problem."""
    sources = [Source(name, text) for name, text in sorted(files.items())]
    reader = _Reader(sources, holiday_files)
    policy = reader.policy()
    return (None, reader.problems) if reader.problems else (policy, [])


class _Reader:
    """Makes one policy of several files; collects problems, so that one look shows them all."""

    def __init__(self, sources: list[Source], holiday_files: t.Mapping[str, str]) -> None:
        self._sources = sources
        self._holiday_files = holiday_files
        self._calendars: dict[str, Calendar] = {}
        self._freezes: dict[str, tuple[Freeze, ...]] = {}
        self._groups: dict[str, Group] = {}
        self._defaults = Defaults()
        self._defaults_of: str | None = None
        self._places: dict[tuple[str, ...], str] = {}
        self._used: set[tuple[str, str]] = set()
        self._last_days: dict[str, date] = {}
        self._same: dict[tuple[str, ...], Patterns] = {}
        self.problems: list[Failure] = []

    def policy(self) -> Policy:
        """Return the policy; it is whole only when there are no problems."""
        for source in self._sources:
            self._try(source.parse)
            for problem in schema.check(source.data) if source.data else ():
                self.problems.append(invalid(source.place(*problem.path), problem.said))
        if self.problems:
            return Policy(())
        for source in self._sources:
            self._try(functools.partial(self._read_defaults, source))
        # Expressions may name calendars, wherever those stand: they are read first.
        for source in self._sources:
            self._named(source, "calendars", self._calendars, self._calendar, dict)
        for source in self._sources:
            self._named(source, "calendars", self._freezes, self._freeze_list, list)
            self._named(source, "freezes", self._freezes, self._freeze_list, list)
            self._named(source, "groups", self._groups, self._group, dict)
        rules: list[Rule] = []
        for source in self._sources:
            for number, item in enumerate(source.data.get("rules") or []):
                self._try(functools.partial(self._add_rule, rules, source, number, item))
        self._refuse_twice(rules)
        return Policy(
            rules=tuple(rules),
            defaults=self._defaults,
            calendars=self._calendars,
            digest=self._digest(),
            freezes=self._freezes,
            groups=self._groups,
            places=self._places,
            used=frozenset(self._used),
            holiday_files=self._last_days,
        )

    # what rules use by name

    def calendar(self, name: str, what: str) -> Calendar:
        """Return opening hours."""
        self._used.add(("calendars", name))
        return _known(self._calendars, name, "calendar", what)

    def freezes(self, name: str, what: str) -> tuple[Freeze, ...]:
        """Return a list of freezes."""
        self._used.add(("freezes", name))
        return _known(self._freezes, name, "list of freezes", what)

    def group(self, name: str, what: str) -> Group:
        """Return a group of people."""
        self._used.add(("groups", name))
        return _known(self._groups, name, "group", what)

    def expression(self, text: str, what: str, *, of_facts: bool = True) -> Expression:
        """Return an expression of the facts, or of one thing among them. Raises Failure(invalid)."""
        made = compile_expression(text, what)
        if of_facts:
            for name in sorted(made.roots() - _FACTS):
                there = ", ".join(sorted(_FACTS))
                raise invalid(what, f"`{text}` asks for {name}, which there is not", f"There are: {there}")
        for node in nodes(made.parsed):
            if node["type"] == "function_expression" and node["value"] == "in_window":
                self.calendar(node["children"][0]["value"], what)
        return made

    # parts of a file

    def _named(
        self,
        source: Source,
        section: str,
        into: dict[str, t.Any],
        make: t.Callable[[Source, tuple[t.Any, ...], t.Any], t.Any],
        form: type,
    ) -> None:
        def add(name: str, item: t.Any) -> None:
            if name in into:
                raise invalid(source.place(section, name), f"{name!r} is defined somewhere else too", "Keep one")
            into[name] = make(source, (section, name), item)
            self._places["freezes" if form is list else section, name] = source.place(section, name)

        for name, item in (source.data.get(section) or {}).items():
            if isinstance(item, form):
                self._try(functools.partial(add, name, item))

    def _read_defaults(self, source: Source) -> None:
        given = source.data.get("defaults")
        if given is None:
            return
        place = source.place("defaults")
        if self._defaults_of is not None:
            raise invalid(place, f"{self._defaults_of} has defaults too", "Keep them in one file")
        self._defaults_of = self._places["defaults",] = place
        values: dict[str, t.Any] = dict(given)
        for name in ("max_defer", "retry"):
            if name in values:
                values[name] = duration(values[name])
        if "timezone" in values:
            values["zone"] = calendar.zone(values.pop("timezone"), source.place("defaults", "timezone"))
        made = Defaults(**values)
        if made.max_defer > LONGEST_DEFER:
            said = (
                f"GitHub fails what has waited for {GITHUB_WAITS.days} days, and max_defer is {spoken(made.max_defer)}"
            )
            raise invalid(source.place("defaults", "max_defer"), said, f"Write {spoken(LONGEST_DEFER)} or less")
        if not made.retry:
            raise invalid(source.place("defaults", "retry"), "it asks again without a rest", "Write 1m")
        self._defaults = made

    def _calendar(self, source: Source, path: tuple[t.Any, ...], item: dict[str, t.Any]) -> Calendar:
        place = source.place(*path)
        closed = {_day(text, place) for text in texts(item.get("closed"))}
        for file in texts(item.get("holidays")):
            if file not in self._holiday_files:
                there = ", ".join(sorted(self._holiday_files)) or "none"
                raise invalid(
                    place, f"there is no holiday file {file!r}", f"Hand it over with the policy; there are: {there}"
                )
            days = holidays.days(self._holiday_files[file], file)
            self._last_days[file] = max(days, default=date.min)
            closed |= days
        hours = tuple(calendar.Hours.parse(text, place) for text in texts(item.get("hours")))
        return Calendar(
            name=path[-1],
            zone=calendar.zone(item["tz"], place) if "tz" in item else self._defaults.zone,
            days=calendar.weekdays(texts(item.get("days")) or calendar.DAYS, place),
            hours=hours or (calendar.ALL_DAY,),
            holidays=frozenset(closed),
        )

    def _freeze_list(
        self, source: Source, path: tuple[t.Any, ...], items: list[dict[str, t.Any]]
    ) -> tuple[Freeze, ...]:
        return tuple(self._freeze(source.place(*path, number), item) for number, item in enumerate(items))

    def _freeze(self, place: str, item: dict[str, t.Any]) -> Freeze:
        zone = calendar.zone(item["tz"], place) if "tz" in item else self._defaults.zone
        begin = calendar.moment(item["from"], zone, place)
        end = calendar.moment(item["to"], zone, place, end=True)
        if end <= begin:
            raise invalid(place, f"the freeze {item['name']} ends before it begins", "Exchange `from` and `to`")
        text = item.get("except_if")
        return Freeze(item["name"], begin, end, self.expression(text, place) if text else None, place)

    def _group(self, source: Source, path: tuple[t.Any, ...], item: dict[str, t.Any]) -> Group:
        teams = texts(item.get("teams"))
        for team in teams:
            if not _TEAM.fullmatch(team):
                raise invalid(source.place(*path), f"{team!r} is no team", "Write it as owner/slug")
        return Group(teams, frozenset(user.lower() for user in texts(item.get("users"))))

    def _add_rule(self, rules: list[Rule], source: Source, number: int, item: dict[str, t.Any]) -> None:
        rules.append(self._rule(source, number, item))

    def _rule(self, source: Source, number: int, item: dict[str, t.Any]) -> Rule:
        path = ("rules", number)
        place = source.place(*path)
        expires = item.get("expires")
        return Rule(
            name=item["name"],
            match=self._match(item.get("match") or {}, source.place(*path, "match")),
            require=self._combined(source, (*path, "require"), "all", item.get("require") or []),
            decision=item["decision"],
            otherwise=item.get("else", "reject"),
            mode=item.get("mode", "enforce"),
            expires=calendar.moment(expires, self._defaults.zone, place, end=True) if expires else None,
            comment=comment.check(item.get("comment", ""), source.place(*path, "comment")),
            place=place,
        )

    def _match(self, item: dict[str, t.Any], place: str) -> Match:
        return Match(
            patterns={name: self._patterns(item[name], place) for name in schema.MATCHED if name in item},
            properties={name: self._patterns(value, place) for name, value in item.get("property", {}).items()},
            default_branch=item.get("default_branch"),
            when=self._cheap(item["when"], place) if "when" in item else None,
            but_not=self._match(item["not"], place) if "not" in item else None,
        )

    def _patterns(self, given: str | list[str], place: str) -> Patterns:
        """Return patterns; the same texts are the same object, which is asked once a delivery."""
        names = texts(given)
        if names not in self._same:
            self._same[names] = Patterns.of(names, place)
        return self._same[names]

    def _cheap(self, text: str, place: str) -> Expression:
        """Return the condition of a match: rules are selected before anything is looked up."""
        made = self.expression(text, place)
        for name in sorted(made.roots() - frozenset(DELIVERED)):
            raise invalid(
                place, f"`{text}` asks for {name}, which is not in the delivery", "Ask for it below `require`"
            )
        return made

    def _combined(self, source: Source, path: tuple[t.Any, ...], how: str, items: list[dict[str, t.Any]]) -> Combined:
        parts: list[Requirement | Combined] = []
        for number, item in enumerate(items):
            [(name, argument)] = item.items()
            here = (*path, number, name)
            if name in schema.COMBINED:
                parts.append(self._combined(source, here, name, argument))
            else:
                place = source.place(*here)
                parts.append(Requirement(KINDS[name], KINDS[name].parse(argument, self, place), place))
        return Combined(how, tuple(parts), source.place(*path))

    def _refuse_twice(self, rules: list[Rule]) -> None:
        seen: dict[str, Rule] = {}
        for rule in rules:
            if rule.name in seen:
                said = f"the rule {rule.name!r} stands in {seen[rule.name].place} too"
                self.problems.append(invalid(rule.place, said, "Give each rule a name of its own"))
            seen[rule.name] = rule

    def _digest(self) -> str:
        texts = [(source.name, source.text) for source in self._sources] + sorted(self._holiday_files.items())
        return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]

    def _try(self, action: t.Callable[[], None]) -> None:
        try:
            action()
        except Failure as failure:
            self.problems.append(failure)


def _known(table: t.Mapping[str, _T], name: str, kind: str, what: str) -> _T:
    if name not in table:
        raise invalid(what, f"there is no {kind} {name!r}", f"There are: {', '.join(sorted(table)) or 'none'}")
    return table[name]


def _day(text: str, place: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise invalid(place, f"{text!r} is no date", "Write 2026-12-25") from error
