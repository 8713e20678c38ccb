# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirements ``rate`` and ``max_concurrent``: how much the gate has let through, and how much is on its way.

In: limits and their scope. Out: yes, or no until there is room. Never here: a store.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..._core.failure import invalid
from ..answer import Answer, no, unknown, wait, yes
from ..expression import Context
from ..facts import ACTIVE, APPROVED, Facts, Need, PendingDeployment, Unknown
from ..words import DURATION, duration, spoken
from .kind import Kind, Names

REMEMBERED = timedelta(days=31)
_SCOPES = ("owner", "repository", "environment")


@dataclass(frozen=True)
class Rate:
    """So many in that time, at most ``burst`` of them at once, counted for each value of the scope."""

    most: int
    per: timedelta
    burst: int
    scope: tuple[str, ...]

    @property
    def fills(self) -> timedelta:
        """How long an empty bucket takes to be full again; what is older does not count."""
        return self.per / self.most * self.burst


@dataclass(frozen=True)
class Concurrent:
    """So many at the same time, counted for each value of the scope."""

    most: int
    scope: tuple[str, ...]


def in_scope(item: t.Mapping[str, t.Any], pending: PendingDeployment, scope: tuple[str, ...]) -> bool:
    """Return whether a remembered deployment counts for this one."""
    own = {"owner": pending.owner, "repository": pending.full_name, "environment": pending.environment}
    return all(str(item[name]).lower() == own[name].lower() for name in scope)


# rate


def _parse_rate(argument: dict[str, t.Any], names: Names, what: str) -> Rate:
    scope = tuple(argument.get("scope") or ("repository", "environment"))
    made = Rate(argument["max"], duration(argument["per"]), argument.get("burst", argument["max"]), scope)
    if not timedelta(0) < made.fills <= REMEMBERED:
        said = f"a rate of {made.most} per {argument['per']} with a burst of {made.burst} fills in {spoken(made.fills)}"
        raise invalid(what, said, f"The gate remembers {spoken(REMEMBERED)}; give a time or a burst that fits into it")
    return made


def _needs_approved(arguments: object, pending: PendingDeployment) -> tuple[Need, ...]:
    return (APPROVED,)


def _judge_rate(arguments: Rate, facts: Facts, context: Context) -> Answer:
    found = facts.get(APPROVED)
    if isinstance(found, Unknown):
        return unknown(f"former decisions: {found.reason}")
    times = sorted(item["time"] for item in found if in_scope(item, facts.pending, arguments.scope))
    room = _room(times, arguments, context.now.timestamp())
    if room is None:
        return yes("the rate has room")
    until = datetime.fromtimestamp(room, UTC)
    return no(
        f"the rate of {arguments.most} per {spoken(arguments.per)} is used up until {until:%Y-%m-%d %H:%M:%S %Z}",
        until=until,
    )


def _room(times: list[float], rate: Rate, now: float) -> float | None:
    """Return when a bucket of ``burst`` that fills steadily has a token again, None when it has one now."""
    interval = rate.per.total_seconds() / rate.most
    tokens, last = float(rate.burst), times[0] if times else now
    for time in times:
        tokens = min(float(rate.burst), tokens + (time - last) / interval) - 1.0
        last = time
    tokens = min(float(rate.burst), tokens + (now - last) / interval)
    return None if tokens >= 1.0 - 1e-9 else now + (1.0 - tokens) * interval


# max_concurrent


def _parse_concurrent(argument: int | dict[str, t.Any], names: Names, what: str) -> Concurrent:
    if isinstance(argument, int):
        return Concurrent(argument, ("repository", "environment"))
    return Concurrent(argument["max"], tuple(argument.get("scope") or ("repository", "environment")))


def _needs_active(arguments: object, pending: PendingDeployment) -> tuple[Need, ...]:
    return (ACTIVE,)


def _judge_concurrent(arguments: Concurrent, facts: Facts, context: Context) -> Answer:
    found = facts.get(ACTIVE)
    if isinstance(found, Unknown):
        return unknown(f"what runs: {found.reason}")
    pending = facts.pending
    others = {
        (item["repository"], item["run_id"])
        for item in found
        if in_scope(item, pending, arguments.scope) and item["run_id"] != pending.run_id
    }
    if len(others) < arguments.most:
        return yes("there is room for another deployment")
    return wait(f"{len(others)} deployments run already, and {arguments.most} may")


_SCOPE = {"type": "array", "items": {"enum": list(_SCOPES)}, "minItems": 1, "uniqueItems": True}

RATE = Kind(
    name="rate",
    says="Not more than so many deployments in a time.",
    schema={
        "type": "object",
        "properties": {
            "max": {"type": "integer", "minimum": 1},
            "per": DURATION,
            "burst": {"type": "integer", "minimum": 1},
            "scope": _SCOPE,
        },
        "required": ["max", "per"],
        "additionalProperties": False,
    },
    example={"max": 3, "per": "1h", "burst": 1, "scope": ["repository", "environment"]},
    parse=_parse_rate,
    judge=_judge_rate,
    needs=_needs_approved,
)
MAX_CONCURRENT = Kind(
    name="max_concurrent",
    says="Not more than so many deployments at the same time.",
    schema={
        "if": {"type": "object"},
        "then": {
            "properties": {"max": {"type": "integer", "minimum": 1}, "scope": _SCOPE},
            "required": ["max"],
            "additionalProperties": False,
        },
        "else": {"type": "integer", "minimum": 1},
    },
    example=1,
    parse=_parse_concurrent,
    judge=_judge_concurrent,
    needs=_needs_active,
)
