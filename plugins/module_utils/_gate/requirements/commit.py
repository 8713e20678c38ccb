# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirements ``signed_commits``, ``ticket`` and ``max_age``: what the commit is and says.

In: a pattern, places to look at, ages. Out: yes or no. Never here: how a commit is read.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import timedelta

from ..answer import Answer, all_of, no, unknown, yes
from ..expression import Context
from ..facts import COMMIT, PULLS, Facts, Need, PendingDeployment, Unknown
from ..words import DURATION, duration, regex, spoken
from .kind import FLAG, Kind, Names, just_true

_LONGEST = 20_000
_PLACES = ("pr.title", "pr.body", "commit.message", "ref")


@dataclass(frozen=True)
class Ticket:
    """What a ticket looks like, and where one must be named."""

    pattern: re.Pattern[str]
    places: tuple[str, ...]


@dataclass(frozen=True)
class Ages:
    """How old the request and the commit may be."""

    request: timedelta | None
    commit: timedelta | None


# signed_commits


def _needs_commit(arguments: object, pending: PendingDeployment) -> tuple[Need, ...]:
    return (COMMIT,)


def _judge_signed(arguments: object, facts: Facts, context: Context) -> Answer:
    commit = facts.get(COMMIT)
    if isinstance(commit, Unknown):
        return unknown(f"the commit: {commit.reason}")
    if commit["verified"] is True:
        return yes("the commit's signature is verified")
    return no("the commit has no signature that GitHub could verify")


# ticket


def _parse_ticket(argument: dict[str, t.Any], names: Names, what: str) -> Ticket:
    return Ticket(regex(argument["pattern"], what), tuple(argument.get("in") or _PLACES))


def _needs_ticket(arguments: Ticket, pending: PendingDeployment) -> tuple[Need, ...]:
    wanted = {place.partition(".")[0] for place in arguments.places}
    return tuple(need for name, need in (("pr", PULLS), ("commit", COMMIT)) if name in wanted)


def _judge_ticket(arguments: Ticket, facts: Facts, context: Context) -> Answer:
    unread = []
    for place in arguments.places:
        texts = _texts(place, facts)
        if isinstance(texts, Unknown):
            unread.append(texts.reason)
            continue
        for text in texts:
            found = arguments.pattern.search(text[:_LONGEST])
            if found:
                return yes(f"the ticket {found[0][:80]} is named in {place}")
    if unread:
        return unknown(f"no ticket was found so far: {unread[0]}")
    return no(f"no ticket like {arguments.pattern.pattern} is named in {', '.join(arguments.places)}")


def _texts(place: str, facts: Facts) -> list[str] | Unknown:
    if place == "ref":
        ref = facts.pending.ref
        return Unknown("the delivery names no ref") if ref is None else [ref]
    if place == "commit.message":
        commit = facts.get(COMMIT)
        return commit if isinstance(commit, Unknown) else [commit["message"]]
    pulls = facts.get(PULLS)
    if isinstance(pulls, Unknown):
        return pulls
    return [str(pull.get(place.removeprefix("pr.")) or "") for pull in pulls]


# max_age


def _parse_ages(argument: dict[str, str], names: Names, what: str) -> Ages:
    found = {name: duration(text) for name, text in argument.items()}
    return Ages(found.get("request"), found.get("commit"))


def _needs_ages(arguments: Ages, pending: PendingDeployment) -> tuple[Need, ...]:
    return (COMMIT,) if arguments.commit is not None else ()


def _judge_ages(arguments: Ages, facts: Facts, context: Context) -> Answer:
    now, answers = context.now.timestamp(), []
    if arguments.request is not None:
        answers.append(_age("request", facts.pending.begun, arguments.request, now))
    if arguments.commit is not None:
        commit = facts.get(COMMIT)
        made = commit if isinstance(commit, Unknown) else commit.get("committed")
        answers.append(_age("commit", made, arguments.commit, now))
    return all_of(answers)


def _age(what: str, begun: float | Unknown | None, most: timedelta, now: float) -> Answer:
    if isinstance(begun, Unknown):
        return unknown(f"the {what}: {begun.reason}")
    if begun is None:
        return unknown(f"the {what} names no time")
    old = timedelta(seconds=int(now - begun))
    if old > most:
        return no(f"the {what} is {spoken(old)} old, and may be {spoken(most)}")
    return yes(f"the {what} is young enough")


SIGNED_COMMITS = Kind(
    name="signed_commits",
    says="The commit carries a signature that GitHub has verified.",
    schema=FLAG,
    example=True,
    parse=just_true,
    judge=_judge_signed,
    needs=_needs_commit,
)
TICKET = Kind(
    name="ticket",
    says="A ticket is named in the pull request, the commit's message or the ref.",
    schema={
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "minLength": 1, "maxLength": 500},
            "in": {"type": "array", "items": {"enum": list(_PLACES)}, "minItems": 1, "uniqueItems": True},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    },
    example={"pattern": "\\b(OPS|REL)-[0-9]+\\b", "in": ["pr.title", "commit.message"]},
    parse=_parse_ticket,
    judge=_judge_ticket,
    needs=_needs_ticket,
)
MAX_AGE = Kind(
    name="max_age",
    says="The request, or the commit, is not older than this.",
    schema={
        "type": "object",
        "properties": {"request": DURATION, "commit": DURATION},
        "minProperties": 1,
        "additionalProperties": False,
    },
    example={"request": "7d", "commit": "30d"},
    parse=_parse_ages,
    judge=_judge_ages,
    needs=_needs_ages,
)
