# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases beside a policy: a deployment with its facts, a time, and the verdict that people expect.

In: the texts of case files, a policy. Out: for each case what the policy says, and how that differs. Never here: a file
system, a print.

A fact stands by the text of its need (``run``, ``members of acme/release``), or ``http`` for whatever is asked;
``{unknown: why}`` is one that could not be found out, and what a case leaves out is unknown too. Times in facts are ISO
texts, or ``-2h``: two hours before the case.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from datetime import datetime

from .._core.failure import Failure, invalid
from . import schema
from .evaluate import Verdict, evaluate, select
from .facts import Facts, Need, PendingDeployment, Unknown
from .policy import Policy
from .source import Source
from .words import DURATION, duration, texts

SUFFIXES = (".cases.yml", ".cases.yaml")
_TIMES = frozenset(("time", "ended", "committed", "expires"))
_SHIFT = re.compile(r"([+-])(([0-9]{1,5}[smhd]){1,4})")
_TEXT = {"type": "string", "minLength": 1}
_VERDICT = {"enum": ["approve", "reject", "defer", "abstain"]}


@dataclass(frozen=True)
class Expected:
    """What people expect; None where it does not matter. ``says`` are parts of the reasons."""

    verdict: str
    rule: str | None = None
    until: datetime | None = None
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One deployment to judge, and what should come of it."""

    name: str
    place: str
    pending: PendingDeployment
    found: t.Mapping[str, t.Any] = field(hash=False)
    now: datetime
    expected: Expected


@dataclass(frozen=True)
class Result:
    """What the policy says of a case; ``problems`` say how that differs from what is expected."""

    case: Case
    verdict: Verdict
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when nothing differs."""
        return not self.problems


def case_schema() -> dict[str, t.Any]:
    """Return the JSON schema of a file of cases."""
    delivery = {
        "repository": {"type": "string", "pattern": "^[^/]+/[^/]+$"},
        "environment": _TEXT,
        **dict.fromkeys(("event", "ref", "sha"), _TEXT),
        "run_id": {"type": "integer"},
        "deployment_id": {"type": "integer"},
        "waited": DURATION,
        "payload": {"type": "object"},
    }
    expected = {
        "if": {"type": "object"},
        "then": _closed({"verdict": _VERDICT, "rule": _TEXT, "until": _TEXT, "says": _list_or_text()}, ("verdict",)),
        "else": _VERDICT,
    }
    case = {
        "name": _TEXT,
        "at": _TEXT,
        "delivery": _closed(delivery, ("repository", "environment")),
        "facts": {"type": "object"},
        "expect": expected,
    }
    cases = {"type": "array", "items": _closed(case, ("name", "at", "delivery", "expect"))}
    return _closed({"version": {"const": 1}, "cases": cases}, ("version", "cases"))


def load(files: t.Mapping[str, str]) -> list[Case]:
    """Return the cases of several files. Raises Failure(invalid) with file and line for the first problem."""
    found, problems = read(files)
    if problems:
        raise problems[0]
    return found


def read(files: t.Mapping[str, str]) -> tuple[list[Case], list[Failure]]:
    """Return the cases of several files, and every problem."""
    found: list[Case] = []
    problems: list[Failure] = []
    for name, text in sorted(files.items()):
        source = Source(name, text)
        try:
            source.parse()
            wrong = [invalid(source.place(*item.path), item.said) for item in schema.check(source.data, case_schema())]
            problems += wrong
            if not wrong:
                found += [_case(source, number, item) for number, item in enumerate(source.data["cases"])]
        except Failure as failure:
            problems.append(failure)
    return found, problems


def run(policy: Policy, cases: t.Iterable[Case]) -> list[Result]:
    """Return what the policy says of each case."""
    return [_run(policy, case) for case in cases]


def _run(policy: Policy, case: Case) -> Result:
    selection = select(policy, case.pending, case.now)
    facts = Facts(case.pending, {need: _fact(case, need) for need in selection.needs})
    verdict = evaluate(policy, selection, facts, case.now)
    return Result(case, verdict, tuple(_problems(case.expected, verdict)))


def _problems(expected: Expected, verdict: Verdict) -> t.Iterator[str]:
    if verdict.outcome != expected.verdict:
        yield f"the verdict is {verdict.outcome}, expected {expected.verdict}: {'; '.join(verdict.reasons)}"
    if expected.rule is not None and verdict.rule != expected.rule:
        yield f"the rule is {verdict.rule or 'none'}, expected {expected.rule}"
    if expected.until is not None and verdict.until != expected.until:
        shown = verdict.until.isoformat() if verdict.until else "no time"
        yield f"it waits until {shown}, expected {expected.until.isoformat()}"
    for text in expected.says:
        if not any(text in reason for reason in verdict.reasons):
            yield f"no reason says {text!r}: {'; '.join(verdict.reasons)}"


def _fact(case: Case, need: Need) -> t.Any:
    for name in (str(need), need.fact):
        if name in case.found:
            value = _timed(case.found[name], "", case.now)
            if isinstance(value, dict) and isinstance(value.get("unknown"), str):
                return Unknown(value["unknown"], missing=value.get("missing") is True)
            return value
    return Unknown(f"the case does not tell {need}")


def _timed(value: t.Any, key: str, now: datetime) -> t.Any:
    """Return a value with its times as seconds since 1970."""
    if isinstance(value, dict):
        return {name: _timed(item, name, now) for name, item in value.items()}
    if isinstance(value, list):
        return [_timed(item, key, now) for item in value]
    if key not in _TIMES or not isinstance(value, str):
        return value
    found = _SHIFT.fullmatch(value)
    if not found:
        return datetime.fromisoformat(value).timestamp()
    shift = duration(found[2]).total_seconds()
    return now.timestamp() + (shift if found[1] == "+" else -shift)


def _case(source: Source, number: int, item: dict[str, t.Any]) -> Case:
    path = ("cases", number)
    place, now = source.place(*path), _moment(item["at"], source.place(*path, "at"))
    facts = item.get("facts") or {}
    try:
        _timed(facts, "", now)
    except ValueError as error:
        remedy = "Write 2026-12-20T10:00+01:00, or -2h"
        raise invalid(source.place(*path, "facts"), f"a time is none: {error}", remedy) from error
    pending = _pending(item["delivery"], now)
    return Case(item["name"], place, pending, facts, now, _expected(item["expect"], source.place(*path, "expect")))


def _pending(delivery: dict[str, t.Any], now: datetime) -> PendingDeployment:
    owner, _slash, repository = delivery["repository"].partition("/")
    given = {name: delivery[name] for name in ("event", "ref", "sha", "deployment_id") if name in delivery}
    return PendingDeployment(
        owner=owner,
        repository=repository,
        run_id=delivery.get("run_id", 1),
        environment=delivery["environment"],
        created_at=now.timestamp() - duration(delivery.get("waited", "0s")).total_seconds(),
        payload=delivery.get("payload") or {},
        **given,
    )


def _expected(given: str | dict[str, t.Any], place: str) -> Expected:
    if isinstance(given, str):
        return Expected(given)
    until = _moment(given["until"], place) if "until" in given else None
    return Expected(given["verdict"], given.get("rule"), until, texts(given.get("says")))


def _moment(text: str, place: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(place, f"{text!r} is no time", "Write 2026-12-20T10:00+01:00") from error
    if found.tzinfo is None:
        raise invalid(place, f"{text!r} names no zone", f"Write {text}+01:00, or {text}Z")
    return found


def _closed(properties: dict[str, t.Any], required: t.Sequence[str]) -> dict[str, t.Any]:
    form = {"type": "object", "properties": properties, "required": list(required)}
    return {**form, "additionalProperties": False}


def _list_or_text() -> dict[str, t.Any]:
    return {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
