# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``checks``: checks and statuses of the commit have ended as wanted.

In: patterns of names, conclusions, how long to wait. Out: yes, no, or wait while one still runs or has not begun.
Never here: how checks are read.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..answer import Answer, all_of, no, unknown, wait, yes
from ..expression import Context
from ..facts import CHECKS, Facts, Need, PendingDeployment, Unknown
from ..words import DURATION, duration, texts
from .kind import Kind, Names

_AGAIN = timedelta(minutes=1)
_CONCLUSIONS = (
    "success",
    "neutral",
    "skipped",
    "failure",
    "cancelled",
    "timed_out",
    "action_required",
    "stale",
    "error",
)


@dataclass(frozen=True)
class Checks:
    """Each pattern must fit at least one check, and all that it fits must have one of the conclusions."""

    names: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    conclusions: tuple[str, ...]
    patience: timedelta


def _parse(argument: dict[str, t.Any], names: Names, what: str) -> Checks:
    return Checks(
        names=texts(argument["names"]),
        patterns=tuple(re.compile(fnmatch.translate(name)) for name in argument["names"]),
        conclusions=texts(argument.get("conclusion")) or ("success",),
        patience=duration(argument.get("wait", "0s")),
    )


def _needs(arguments: Checks, pending: PendingDeployment) -> tuple[Need, ...]:
    return (CHECKS,)


def _judge(arguments: Checks, facts: Facts, context: Context) -> Answer:
    found = facts.get(CHECKS)
    if isinstance(found, Unknown):
        return unknown(f"the checks: {found.reason}")
    begun = facts.pending.begun
    until = context.now if begun is None else datetime.fromtimestamp(begun, UTC) + arguments.patience
    ended = [
        _one(name, [check for check in found if pattern.match(str(check["name"]))], arguments, context.now, until)
        for name, pattern in zip(arguments.names, arguments.patterns, strict=True)
    ]
    return all_of(ended)


def _one(pattern: str, fitting: list[dict[str, t.Any]], wanted: Checks, now: datetime, until: datetime) -> Answer:
    ended = [check for check in fitting if check["conclusion"] is not None]
    bad = next((check for check in ended if check["conclusion"] not in wanted.conclusions), None)
    if bad is not None:
        return no(f"the check {bad['name']} ended with {bad['conclusion']}")
    if fitting and len(ended) == len(fitting):
        return yes(f"the check {pattern} ended with {' or '.join(wanted.conclusions)}")
    said = f"the check {pattern} still runs" if fitting else f"there is no check {pattern}"
    return wait(said, min(until, now + _AGAIN)) if now < until else no(said)


CHECKS_ENDED = Kind(
    name="checks",
    says="Checks and statuses of the commit have ended with one of these conclusions, within a time.",
    schema={
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            "conclusion": {"type": "array", "items": {"enum": list(_CONCLUSIONS)}, "minItems": 1},
            "wait": DURATION,
        },
        "required": ["names"],
        "additionalProperties": False,
    },
    example={"names": ["build", "test-*"], "conclusion": ["success"], "wait": "30m"},
    parse=_parse,
    judge=_judge,
    needs=_needs,
)
