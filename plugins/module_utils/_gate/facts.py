# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a waiting deployment when it is judged.

In: what the delivery says, and what look-ups have answered. Out: Facts, in which each fact is known, or unknown with a
reason. Never here: a look-up, a judgement.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Unknown:
    """What stands in place of a value that is not known. ``missing`` when it was read, and is just not there."""

    reason: str
    missing: bool = False

    def __bool__(self) -> bool:
        raise TypeError(f"unknown is neither true nor false: {self.reason}")


@dataclass(frozen=True)
class Need:
    """One look-up that a requirement wants: the kind of fact, and of what (a team, an environment, a pattern)."""

    fact: str
    of: str = ""

    def __str__(self) -> str:
        return f"{self.fact} of {self.of}" if self.of else self.fact

    @classmethod
    def from_text(cls, text: str) -> Need:
        """Return the need of that text."""
        fact, _of, of = text.partition(" of ")
        return cls(fact, of)


@dataclass(frozen=True)
class PendingDeployment:
    """A deployment that waits at an environment, as its delivery tells it (facts of the payload: 2.1).

    ``ref`` is a branch, a tag or a sha, as GitHub gives it. Times are seconds since 1970. ``payload`` is the parsed
    body, of which only the fields of the schema may be relied on. ``received`` is when the gate first heard of it: with
    no other time, its deadline counts from there.
    """

    owner: str
    repository: str
    run_id: int
    environment: str
    deployment_id: int | None = None
    event: str | None = None
    ref: str | None = None
    sha: str | None = None
    installation_id: int | None = None
    created_at: float | None = None
    updated_at: float | None = None
    payload: t.Mapping[str, t.Any] = field(default_factory=dict, hash=False)
    received: float | None = None

    @property
    def full_name(self) -> str:
        """Owner and repository, as GitHub writes them."""
        return f"{self.owner}/{self.repository}"

    @property
    def begun(self) -> float | None:
        """When it began to wait: as GitHub says, else when the gate heard of it."""
        return self.received if self.created_at is None else self.created_at


RUN = Need("run")
"""The workflow run, as GitHub gives it."""
COMMIT = Need("commit")
"""``message``, ``author`` (login), ``verified``, ``committed`` (seconds since 1970)."""
PULLS = Need("pulls")
"""The pull requests that the commit belongs to, each with ``title``, ``body``, ``labels`` (names)."""
CHECKS = Need("checks")
"""The latest checks and statuses of the commit: ``name``, ``conclusion`` (None while it runs)."""
REVIEWS = Need("reviews")
"""Reviews of the pull requests, the oldest first: ``user``, ``state`` in lower case, ``current`` (False when commits
came after it: then it approves nothing)."""
APPROVALS = Need("approvals")
"""Reviews of the run's deployments to this environment by people, the oldest first: ``user``, ``state``."""
CHANGED = Need("changed")
"""Paths of the files that the commit's pull requests change; without any, those that the commit changes."""
BRANCH = Need("branch")
"""The branch that the ref names: ``name``, ``protected``, ``sha`` (of its head). Unknown and missing when the ref names
none, for instance a tag."""
APPROVED = Need("approved")
"""What the gate has approved in the last 31 days: ``time``, ``owner``, ``repository`` (with owner), ``environment``,
``run_id``, ``outcome`` (``approve`` or ``abstain``)."""
ACTIVE = Need("active")
"""What it has approved and what has not ended: ``owner``, ``repository`` (with owner), ``environment``, ``run_id``."""
OVERRIDES = Need("overrides")
"""What people have set aside: ``by``, ``reason``, ``expires`` (seconds since 1970), ``repository`` (with owner),
``environment``."""


def members(team: str) -> Need:
    """Return the need of a team's members: a list of logins. ``team`` is ``owner/slug``."""
    return Need("members", team)


def deployments(environment: str) -> Need:
    """Return the need of the deployments of this repository to an environment, of each ``sha``, ``state``, ``ended``.

    ``state`` is its last status but ``inactive``, which GitHub sets on all former ones when another succeeds.
    """
    return Need("deployments", environment)


LOOKED_UP: t.Final[t.Mapping[str, Need]] = {
    "run": RUN,
    "commit": COMMIT,
    "pulls": PULLS,
    "checks": CHECKS,
    "reviews": REVIEWS,
    "approvals": APPROVALS,
    "changed": CHANGED,
    "branch": BRANCH,
    "history": APPROVED,
}
"""What expressions may ask for by name, and the look-up that answers it."""
DELIVERED: t.Final = (
    "environment",
    "event",
    "ref",
    "sha",
    "deployment",
    "repository",
    "organization",
    "pull_requests",
    "sender",
)
"""What expressions may ask for by name that the delivery says."""
_OF_PENDING: t.Final = frozenset(("environment", "event", "ref", "sha"))


@dataclass(frozen=True)
class Facts:
    """A pending deployment with what was looked up for it. A need that nobody looked up is unknown."""

    pending: PendingDeployment
    found: t.Mapping[Need, t.Any] = field(default_factory=dict, hash=False)

    def get(self, need: Need) -> t.Any:
        """Return what was found, or Unknown."""
        found = self.found.get(need)
        return Unknown(f"{need} was not looked up") if found is None else found

    def view(self) -> dict[str, t.Any]:
        """Return what expressions see: the fields of the delivery, and what can be looked up, known or unknown."""
        return self._view

    @functools.cached_property
    def _view(self) -> dict[str, t.Any]:
        seen: dict[str, t.Any] = {}
        for name in DELIVERED:
            value = getattr(self.pending, name) if name in _OF_PENDING else self.pending.payload.get(name)
            # A field that the delivery leaves out is missing, and not null: `!=` must not hold for it.
            if value is not None:
                seen[name] = value
        for name, need in LOOKED_UP.items():
            seen[name] = self.get(need)
        return seen
