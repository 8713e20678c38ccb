# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirements ``once_per_run`` and ``override``: what people have agreed to before, and what they have set aside.

In: whose word counts. Out: yes or no. Never here: a store.

Both stand in ``any``, beside the requirements that they replace.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..answer import Answer, no, unknown, yes
from ..expression import Context
from ..facts import APPROVED, OVERRIDES, RUN, Facts, Need, PendingDeployment, Unknown
from ..words import DURATION, duration
from .history import in_scope
from .kind import FLAG, Group, Kind, Names, just_true
from .people import members, teams_of

_SAME = ("repository", "environment")


@dataclass(frozen=True)
class Override:
    """Whose overrides count, and for how long at most from now on; None for everybody, and for any time."""

    group: Group | None
    longest: timedelta | None


# once_per_run


def _needs_once(arguments: object, pending: PendingDeployment) -> tuple[Need, ...]:
    return (APPROVED, RUN)


def _judge_once(arguments: object, facts: Facts, context: Context) -> Answer:
    found, run = facts.get(APPROVED), facts.get(RUN)
    if isinstance(found, Unknown):
        return unknown(f"former decisions: {found.reason}")
    if isinstance(run, Unknown):
        return unknown(f"the run: {run.reason}")
    # Who runs it again keeps the number of the run, and may be somebody else (E7): only this attempt counts.
    begun = datetime.fromisoformat(run["run_started_at"]).timestamp()
    same = [item for item in found if _is_earlier_job(item, facts.pending, begun)]
    return yes("an earlier job of this run was approved for it") if same else no("it is the run's first job")


def _is_earlier_job(item: t.Mapping[str, t.Any], pending: PendingDeployment, begun: float) -> bool:
    approved = item["outcome"] == "approve" and float(item["time"]) >= begun
    return approved and bool(item["run_id"] == pending.run_id) and in_scope(item, pending, _SAME)


# override


def _parse_override(argument: bool | dict[str, t.Any], names: Names, what: str) -> Override:
    given = argument if isinstance(argument, dict) else {}
    group = names.group(given["from"], what) if "from" in given else None
    return Override(group, duration(given["longest"]) if "longest" in given else None)


def _needs_override(arguments: Override, pending: PendingDeployment) -> tuple[Need, ...]:
    return (OVERRIDES, *teams_of(arguments.group))


def _judge_override(arguments: Override, facts: Facts, context: Context) -> Answer:
    found, allowed = facts.get(OVERRIDES), members(arguments.group, facts)
    if isinstance(found, Unknown):
        return unknown(f"overrides: {found.reason}")
    now = context.now.timestamp()
    held = [item for item in found if item["expires"] > now and in_scope(item, facts.pending, _SAME)]
    if arguments.longest is not None:
        held = [item for item in held if item["expires"] <= now + arguments.longest.total_seconds()]
    if not held:
        return no("nobody has set the rule aside")
    if isinstance(allowed, Unknown):
        return unknown(f"the group: {allowed.reason}")
    good = [item for item in held if item["reason"] and (allowed is None or str(item["by"]).lower() in allowed)]
    if not good:
        return no(f"{held[-1]['by']} has set the rule aside, and may not, or gave no reason")
    last = good[-1]
    until = datetime.fromtimestamp(last["expires"], UTC)
    return yes(f"{last['by']} has set the rule aside until {until:%Y-%m-%d %H:%M %Z}: {last['reason']}")


ONCE_PER_RUN = Kind(
    name="once_per_run",
    says="An earlier job of this run was approved for this environment; stands in `any` beside what the first needs.",
    schema=FLAG,
    example=True,
    parse=just_true,
    judge=_judge_once,
    needs=_needs_once,
)
OVERRIDE = Kind(
    name="override",
    says="Somebody has set the rule aside for a time, with a reason; stands in `any` beside what it sets aside.",
    schema={
        "if": {"type": "object"},
        "then": {
            "properties": {"from": {"type": "string"}, "longest": DURATION},
            "minProperties": 1,
            "additionalProperties": False,
        },
        "else": FLAG,
    },
    example={"from": "release", "longest": "4h"},
    parse=_parse_override,
    judge=_judge_override,
    needs=_needs_override,
)
