# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``promoted_from``: the same commit was deployed elsewhere before, and has stayed there for a while.

In: an environment, whether the commit must be the same, how long it must have been there. Out: yes, no until then, or
wait. Never here: how deployments are read.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..answer import Answer, no, unknown, wait, yes
from ..expression import Context
from ..facts import Facts, Need, PendingDeployment, Unknown, deployments
from ..words import DURATION, duration
from .kind import Kind, Names

_AGAIN = timedelta(minutes=1)
_RUNNING = frozenset(("pending", "queued", "in_progress", "waiting"))


@dataclass(frozen=True)
class Promotion:
    """Where it must have been before, for how long, and how long to wait for it to get there."""

    environment: str
    same_sha: bool
    min_age: timedelta
    patience: timedelta


def _parse(argument: dict[str, t.Any], names: Names, what: str) -> Promotion:
    return Promotion(
        environment=argument["environment"],
        same_sha=argument.get("same_sha", True),
        min_age=duration(argument.get("min_age", "0s")),
        patience=duration(argument.get("wait", "0s")),
    )


def _needs(arguments: Promotion, pending: PendingDeployment) -> tuple[Need, ...]:
    return (deployments(arguments.environment),)


def _judge(arguments: Promotion, facts: Facts, context: Context) -> Answer:
    found = facts.get(deployments(arguments.environment))
    if isinstance(found, Unknown):
        return unknown(f"the deployments to {arguments.environment}: {found.reason}")
    sha = facts.pending.sha
    if arguments.same_sha and sha is None:
        return unknown("the delivery names no commit")
    fitting = [each for each in found if not arguments.same_sha or each["sha"] == sha]
    since = _good_since(fitting)
    if since is None:
        return _not_yet(arguments, fitting, facts.pending, context.now)
    ripe = datetime.fromtimestamp(since, UTC) + arguments.min_age
    if context.now < ripe:
        return no(f"it has to stay in {arguments.environment} until {ripe:%Y-%m-%d %H:%M %Z}", until=ripe)
    return yes(f"it was deployed to {arguments.environment} before")


def _good_since(found: list[dict[str, t.Any]]) -> float | None:
    """Return since when it is well there: from the first success after which nothing failed; None when it is not."""
    since: float | None = None
    for each in sorted(
        (each for each in found if each["state"] not in _RUNNING), key=lambda each: float(each["ended"])
    ):
        if each["state"] != "success":
            since = None
        elif since is None:
            since = float(each["ended"])
    return since


def _not_yet(wanted: Promotion, found: list[dict[str, t.Any]], pending: PendingDeployment, now: datetime) -> Answer:
    what = "this commit" if wanted.same_sha else "nothing"
    said = f"{what} was not deployed to {wanted.environment} yet, or failed there last"
    until = now if pending.begun is None else datetime.fromtimestamp(pending.begun, UTC) + wanted.patience
    if now < until:
        return wait(said, min(until, now + _AGAIN))
    return (
        wait(f"it is on its way to {wanted.environment}")
        if any(each["state"] in _RUNNING for each in found)
        else no(said)
    )


PROMOTED_FROM = Kind(
    name="promoted_from",
    says="The same commit was deployed to another environment before, for at least some time.",
    schema={
        "type": "object",
        "properties": {
            "environment": {"type": "string", "minLength": 1},
            "same_sha": {"type": "boolean"},
            "min_age": DURATION,
            "wait": DURATION,
        },
        "required": ["environment"],
        "additionalProperties": False,
    },
    example={"environment": "staging", "same_sha": True, "min_age": "2h"},
    parse=_parse,
    judge=_judge,
    needs=_needs,
)
