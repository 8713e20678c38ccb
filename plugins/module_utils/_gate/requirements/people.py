# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirements ``actor`` and ``approvals``: who has started a run, and who has agreed to it.

In: groups, a count, where approvals count. Out: yes, no, or wait for more approvals. Never here: a list of members.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..answer import Answer, no, unknown, wait, yes
from ..expression import Context
from ..facts import APPROVALS, COMMIT, REVIEWS, RUN, Facts, Need, PendingDeployment, Unknown
from ..facts import members as members_of
from ..words import texts
from .kind import Group, Kind, Names

_SOURCES = {"pr_review": REVIEWS, "deployment_review": APPROVALS}


@dataclass(frozen=True)
class Actor:
    """Who may have started a run."""

    group: Group | None
    not_author: bool
    not_bot: bool


@dataclass(frozen=True)
class Approvals:
    """How many of whom must have agreed, and where."""

    count: int
    group: Group | None
    sources: tuple[str, ...]
    not_author: bool


def members(group: Group | None, facts: Facts) -> frozenset[str] | Unknown | None:
    """Return the logins of a group in lower case, None for everybody; unknown when a team could not be read."""
    if group is None:
        return None
    found = set(group.users)
    for team in group.teams:
        logins = facts.get(members_of(team))
        if isinstance(logins, Unknown):
            return logins
        found.update(login.lower() for login in logins)
    return frozenset(found)


def teams_of(group: Group | None) -> tuple[Need, ...]:
    """Return what has to be looked up of a group."""
    return tuple(members_of(team) for team in group.teams) if group else ()


def _author(facts: Facts) -> str | Unknown:
    commit = facts.get(COMMIT)
    if isinstance(commit, Unknown):
        return commit
    return str(commit.get("author") or "").lower() or Unknown("the commit names no author whom GitHub knows")


# actor


def _parse_actor(argument: dict[str, t.Any], names: Names, what: str) -> Actor:
    group = names.group(argument["in"], what) if "in" in argument else None
    return Actor(group, argument.get("not_author", False), argument.get("not_bot", False))


def _needs_actor(arguments: Actor, pending: PendingDeployment) -> tuple[Need, ...]:
    return (RUN, *teams_of(arguments.group), *((COMMIT,) if arguments.not_author else ()))


def _judge_actor(arguments: Actor, facts: Facts, context: Context) -> Answer:
    run, allowed = facts.get(RUN), members(arguments.group, facts)
    if isinstance(run, Unknown):
        return unknown(f"the run: {run.reason}")
    # Who started it again counts, and not who did first (E7).
    who = run.get("triggering_actor") or run.get("actor") or {}
    actor, kind = str(who.get("login") or "").lower(), who.get("type")
    if not actor or (arguments.not_bot and kind is None):
        return unknown("the run does not say who started it")
    if arguments.not_bot and kind != "User":
        return no(f"{actor} is a {kind}, and a person has to start it")
    if isinstance(allowed, Unknown):
        return unknown(f"the group: {allowed.reason}")
    if allowed is not None and actor not in allowed:
        return no(f"{actor} may not start it")
    author = _author(facts) if arguments.not_author else ""
    if isinstance(author, Unknown):
        return unknown(author.reason)
    return no(f"{actor} has written the commit") if author == actor else yes(f"{actor} has started it")


# approvals


def _parse_approvals(argument: dict[str, t.Any], names: Names, what: str) -> Approvals:
    return Approvals(
        count=argument.get("count", 1),
        group=names.group(argument["from"], what) if "from" in argument else None,
        sources=texts(argument.get("source")) or ("deployment_review",),
        not_author=argument.get("not_author", True),
    )


def _needs_approvals(arguments: Approvals, pending: PendingDeployment) -> tuple[Need, ...]:
    sources = tuple(_SOURCES[name] for name in arguments.sources)
    return (*sources, *teams_of(arguments.group), *((COMMIT,) if arguments.not_author else ()))


def _judge_approvals(arguments: Approvals, facts: Facts, context: Context) -> Answer:
    allowed = members(arguments.group, facts)
    author = _author(facts) if arguments.not_author else ""
    reasons = [item.reason for item in (allowed, author) if isinstance(item, Unknown)]
    agreed: set[str] = set()
    for name in arguments.sources:
        found = facts.get(_SOURCES[name])
        if isinstance(found, Unknown):
            reasons.append(found.reason)
        else:
            agreed.update(_agreed(found))
    if isinstance(allowed, Unknown) or isinstance(author, Unknown):
        return unknown(f"the approvals: {reasons[0]}")
    counted = sorted(login for login in agreed if login != author and (allowed is None or login in allowed))
    if len(counted) >= arguments.count:
        return yes(f"approved by {', '.join(counted)}")
    if reasons:
        return unknown(f"the approvals: {reasons[0]}")
    more = arguments.count - len(counted)
    return wait(f"{more} more approval{'s are' if more > 1 else ' is'} wanted")


def _agreed(reviews: list[dict[str, t.Any]]) -> set[str]:
    """Return who agrees by their last word, in lower case; a remark without a verdict takes none back.

    A review of a pull request agrees to what it has seen: not to commits that came after it.
    """
    last = {str(each["user"]).lower(): each for each in reviews if each["state"] != "commented"}
    return {login for login, each in last.items() if each["state"] == "approved" and each.get("current", True) is True}


ACTOR = Kind(
    name="actor",
    says="Who started the run, or started it again, belongs to a group, has not written the commit, is a person.",
    schema={
        "type": "object",
        "properties": {"in": {"type": "string"}, "not_author": {"const": True}, "not_bot": {"const": True}},
        "minProperties": 1,
        "additionalProperties": False,
    },
    example={"in": "release", "not_author": True},
    parse=_parse_actor,
    judge=_judge_actor,
    needs=_needs_actor,
)
APPROVALS_GIVEN = Kind(
    name="approvals",
    says="So many people of a group agree, in reviews of the pull request or of the deployment.",
    schema={
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "maximum": 20},
            "from": {"type": "string"},
            "source": {"type": "array", "items": {"enum": list(_SOURCES)}, "minItems": 1, "uniqueItems": True},
            "not_author": {"type": "boolean"},
        },
        "additionalProperties": False,
    },
    example={"count": 2, "from": "release", "source": ["pr_review", "deployment_review"]},
    parse=_parse_approvals,
    judge=_judge_approvals,
    needs=_needs_approvals,
)
