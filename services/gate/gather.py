"""Looks up what a policy needs to know: each fact known, or unknown with a reason.

In: needs, a connection to GitHub, the store. Out: Facts. Never here: a judgement, a write to GitHub.

Every look-up fails alone: what a missing right, a time-out or a strange answer hides is unknown, with a reason that
says which permission is missing. Only a limit ends all of them, since GitHub then wants a rest from everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import (
    BRANCH,
    Facts,
    Need,
    PendingDeployment,
    Unknown,
)
from ansible_collections.aphex.platform.plugins.module_utils._github import evidence
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._github.evidence import Repository
from services.gate import question
from services.gate.inbox import Approval, Inbox

_SIDE_BY_SIDE = 8
_NEAR = ("active", "approved", "overrides")
"""What the store knows: asked for in the worker's own thread, which has its connection."""
_REMEMBERED = 31 * 24 * 3600.0
_MOST_ACTIVE = 100
_FOR_TOKEN = re.compile(r"(\S+) \((.+)\)")
"""What a failure to get a token is about: an owner, and the permissions that were asked for."""
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What a reader raises when an answer has not the form that GitHub documents."""


@dataclass(frozen=True)
class Sources:
    """Where facts come from. ``own`` are the entries that are judged: they are no history of themselves."""

    client: Client
    inbox: Inbox
    app: str
    now: float
    own: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _Asked:
    """One look-up: for which deployment, of what."""

    sources: Sources
    pending: PendingDeployment
    of: str

    @property
    def client(self) -> Client:
        return self.sources.client

    @property
    def place(self) -> Repository:
        return Repository(self.pending.owner, self.pending.repository)

    @property
    def sha(self) -> str:
        """The commit. Raises _Missing when the delivery names none."""
        if not self.pending.sha:
            raise _Missing("the delivery names no commit")
        return self.pending.sha


class _Missing(Exception):
    """A fact is not there; its text says why."""


_Reader = Callable[[_Asked], Any]


def gather(sources: Sources, pending: PendingDeployment, needs: Sequence[Need]) -> Facts:
    """Return the facts with what was looked up, all side by side. Raises Failure(busy) when GitHub wants a rest."""
    far = [need for need in needs if need.fact not in _NEAR]
    near = [need for need in needs if need.fact in _NEAR]
    if len(far) < 2:
        return Facts(pending, {need: look_up(sources, pending, need) for need in needs})
    with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(far)), thread_name_prefix="gather") as pool:
        asked = {need: pool.submit(look_up, sources, pending, need) for need in far}
        found = {need: look_up(sources, pending, need) for need in near}
        found.update({need: future.result() for need, future in asked.items()})
    return Facts(pending, found)


def look_up(sources: Sources, pending: PendingDeployment, need: Need) -> Any:
    """Return one fact, or Unknown. Raises Failure(busy)."""
    reader = READERS.get(need.fact)
    if reader is None:
        return Unknown(f"nobody can look up {need}")
    try:
        return reader(_Asked(sources, pending, need.of))
    except _Missing as missing:
        return Unknown(str(missing), missing=True)
    except Failure as failure:
        if failure.kind is Kind.BUSY:
            raise
        # GitHub answers "not found" to who lacks a right as well: only a branch is known not to be there by that.
        return Unknown(_reason(failure), missing=failure.kind is Kind.MISSING and need.fact == BRANCH.fact)
    except _UNREADABLE as error:
        return Unknown(f"the answer about {need.fact} has not the form that GitHub documents ({type(error).__name__})")


def _reason(failure: Failure) -> str:
    """Return why a look-up failed; a permission that was never granted is told by its name."""
    wanted = _FOR_TOKEN.fullmatch(failure.on)
    if failure.status == 422 and wanted is not None:
        return f"the App lacks the permission {wanted[2]} at {wanted[1]}"
    return failure.sentence()


# What GitHub knows


def _run(asked: _Asked) -> Any:
    return evidence.run(asked.client, asked.place, asked.pending.run_id)


def _commit(asked: _Asked) -> Any:
    return evidence.commit(asked.client, asked.place, asked.sha)


def _pulls(asked: _Asked) -> Any:
    return evidence.pulls(asked.client, asked.place, asked.sha)


def _checks(asked: _Asked) -> Any:
    return evidence.checks(asked.client, asked.place, asked.sha)


def _reviews(asked: _Asked) -> Any:
    return evidence.reviews(asked.client, asked.place, asked.sha)


def _approvals(asked: _Asked) -> Any:
    return evidence.approvals(asked.client, asked.place, asked.pending.run_id, asked.pending.environment)


def _changed(asked: _Asked) -> Any:
    return evidence.changed(asked.client, asked.place, asked.sha)


def _branch(asked: _Asked) -> Any:
    ref = asked.pending.ref or ""
    if not ref or ref.startswith("refs/tags/"):
        raise _Missing(f"{ref} is a tag" if ref else "the delivery names no ref")
    return evidence.branch(asked.client, asked.place, ref.removeprefix("refs/heads/"))


def _members(asked: _Asked) -> Any:
    return evidence.members(asked.client, asked.of)


def _deployments(asked: _Asked) -> Any:
    return evidence.deployments(asked.client, asked.place, asked.of, asked.pending.sha)


def _http(asked: _Asked) -> Any:
    return question.ask(asked.of, asked.pending)


# What the gate remembers


def _approved(asked: _Asked) -> Any:
    sources = asked.sources
    found = sources.inbox.approved(sources.app, sources.now - _REMEMBERED)
    return [_remembered(item) for item in found if item.entry not in sources.own]


def _active(asked: _Asked) -> Any:
    """Return what was approved and still goes on; GitHub is asked about each, and what has ended is remembered."""
    sources, found = asked.sources, []
    approved = [item for item in sources.inbox.active(sources.app) if item.entry not in sources.own]
    if len(approved) > _MOST_ACTIVE:
        raise _Missing(f"more than {_MOST_ACTIVE} deployments may still go on")
    for item in approved:
        if _has_ended(asked.client, item):
            sources.inbox.ended(item)
        else:
            found.append(_remembered(item))
    return found


def _has_ended(client: Client, item: Approval) -> bool:
    place = Repository(item.owner, item.repository)
    try:
        if evidence.run(client, place, item.run_id).get("status") == "completed":
            return True
        return bool(item.deployments) and all(
            evidence.deployment_ended(client, place, number) for number in item.deployments
        )
    except Failure as failure:
        if failure.kind is not Kind.MISSING:
            raise
        # A run that was deleted deploys nothing any more.
        return True


def _overrides(asked: _Asked) -> Any:
    sources = asked.sources
    return [
        {
            "by": item.by,
            "reason": item.reason,
            "expires": item.expires,
            "owner": item.owner,
            "repository": f"{item.owner}/{item.repository}",
            "environment": item.environment,
        }
        for item in sources.inbox.overrides(sources.now)
        if item.app == sources.app
    ]


def _remembered(item: Approval) -> dict[str, Any]:
    return {
        "time": item.time,
        "owner": item.owner,
        "repository": f"{item.owner}/{item.repository}",
        "environment": item.environment,
        "run_id": item.run_id,
        "outcome": item.outcome,
    }


READERS: dict[str, _Reader] = {
    "active": _active,
    "approvals": _approvals,
    "approved": _approved,
    "branch": _branch,
    "changed": _changed,
    "checks": _checks,
    "commit": _commit,
    "deployments": _deployments,
    "http": _http,
    "members": _members,
    "overrides": _overrides,
    "pulls": _pulls,
    "reviews": _reviews,
    "run": _run,
}
"""The reader of each kind of fact that `_gate/facts.py` names."""

__all__ = ["READERS", "Sources", "gather", "look_up"]
