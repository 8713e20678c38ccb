# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Review: a decision about a deployment of a workflow run that waits at an environment.

In: a Review and a client. Out: a step that decides, and what is known of the decision as plain data.
Never here: why it is decided so.

An App decides its own protection rule, a person decides as required reviewer; each rule of an environment must pass by
itself (E1). An unclear answer is settled by a look: what no longer waits was decided (facts of the answers: 2.2).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import Change, Step
from .client import AS_APP, Access, Client, GitHubFailure, repository_path
from .environment import check_name

APPROVED, REJECTED = "approved", "rejected"
LONGEST_COMMENT = 1024


@dataclass(frozen=True)
class Review:
    """The deployments of a run that wait at an environment should be approved, or rejected. Raises Failure(invalid)."""

    owner: str
    repository: str
    run_id: int
    environment: str
    state: str
    comment: str = ""
    present: bool = True

    def __post_init__(self) -> None:
        repository_path(self.owner, self.repository)
        check_name(self.environment)
        if self.run_id <= 0:
            raise invalid("run_id", "it is not above 0", "Give the id of the workflow run, not its number")
        if self.state not in (APPROVED, REJECTED):
            raise invalid(f"The decision {self.state[:40]!r}", f"it is neither {APPROVED} nor {REJECTED}")
        if len(self.comment) > LONGEST_COMMENT:
            raise invalid("The comment", f"it is longer than {LONGEST_COMMENT} characters")

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Review:
        """Return the review that a module's params ask for."""
        names = ("owner", "repository", "run_id", "environment", "state", "comment")
        return cls(**{name: params[name] for name in names})

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "github"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Deployment of run {self.run_id} of {self.owner}/{self.repository} to {self.environment}"

    @property
    def path(self) -> str:
        """The path of the run."""
        return f"{repository_path(self.owner, self.repository)}/actions/runs/{self.run_id}"

    @property
    def needs(self) -> Access:
        """What a token must open to work here."""
        return Access.of(self.owner, actions="read", deployments="write")


@dataclass(frozen=True)
class Decision:
    """What ``perform`` needs: the review that was asked for, and the environment by its name and id at GitHub."""

    of: Review
    name: str
    number: t.Any


def plan(client: Client, desired: Review) -> tuple[list[Step], t.Any]:
    """Return the step that decides, unless it is decided already, and the decision as it will be."""
    waiting = pending(client, desired)
    reviews = _reviews(client, desired)
    if waiting is None:
        return [], _settled(desired, reviews)
    if any(_counts(client, each) for each in reviews if each.get("state") == desired.state):
        # Other rules of the environment have still to pass; this one has heard its word.
        return [], describe(desired, reviews)
    environment = waiting["environment"]
    write = Decision(desired, str(environment["name"]), environment["id"])
    change = Change({"state": "waiting"}, {"state": desired.state, "comment": desired.comment})
    shown = {**describe(desired, reviews), "state": desired.state}
    return [Step("github", "review", desired.title, write, change)], shown


def perform(client: Client, step: Step) -> None:
    """Decide."""
    write: Decision = step.desired
    desired = write.of

    def look() -> t.Any:
        """Return what tells that an unclear attempt was heard: nothing waits there any more."""
        return None if pending(client, desired) else {"state": desired.state}

    body: dict[str, t.Any] = {"state": desired.state, "comment": desired.comment or f"{desired.state} by automation"}
    if client.is_app:
        path, body = f"{desired.path}/deployment_protection_rule", {**body, "environment_name": write.name}
    else:
        path, body = f"{desired.path}/pending_deployments", {**body, "environment_ids": [write.number]}
    client.post(path, desired.needs, body, look=look, tried="Reviewing the", on=step.target)


def review(client: Client, desired: Review) -> bool:
    """Decide for an App, by two calls; False when nothing waits there any more, and others have settled it.

    For who judges, and plans nothing. Raises Failure(conflict) when something waits on, but not for this App.
    """
    waiting = pending(client, desired)
    if waiting is None:
        return False
    path = f"{desired.path}/deployment_protection_rule"
    body = {
        "environment_name": str(waiting["environment"]["name"]),
        "state": desired.state,
        "comment": desired.comment or f"{desired.state} by automation",
    }

    def look() -> t.Any:
        """Return whether an unclear attempt was heard; None while it still waits, and has to be sent again."""
        return None if pending(client, desired) else {"heard": own_word(client, desired) == desired.state}

    try:
        found = client.post(path, desired.needs, body, look=look, tried="Reviewing the", on=desired.title)
    except GitHubFailure:
        # Somebody may have been faster, in which case there was nothing left to decide.
        if pending(client, desired) is not None:
            raise
        return False
    return found is None or bool(found["heard"])


def note(client: Client, desired: Review) -> bool:
    """Say something to a deployment that goes on waiting; False when nothing waits there any more.

    GitHub takes ten such words a deployment. One whose answer got lost is not said again.
    """
    path = f"{desired.path}/deployment_protection_rule"
    body = {"environment_name": desired.environment, "comment": desired.comment}
    heard: list[bool] = []

    def look() -> dict[str, t.Any]:
        heard.append(pending(client, desired) is not None)
        return {}

    client.post(path, desired.needs, body, look=look, tried="Commenting on the", on=desired.title)
    return all(heard)


def own_word(client: Client, desired: Review) -> str | None:
    """Return what this App has decided there, None when it has not: for who cannot know whether it was heard."""
    own = [each for each in _reviews(client, desired) if each.get("state") in (APPROVED, REJECTED)]
    return next((str(each["state"]) for each in reversed(own) if _counts(client, each)), None)


def pending(client: Client, desired: Review) -> dict[str, t.Any] | None:
    """Return what waits of that run at that environment, or None."""
    path = f"{desired.path}/pending_deployments"
    found = client.get(path, desired.needs, tried="Looking for the", on=desired.title)
    return next((each for each in found if _same(desired, each.get("environment") or {})), None)


def describe(desired: Review, reviews: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """Return what results show of a decision."""
    decided = [each for each in reviews if each.get("state") in (APPROVED, REJECTED)]
    return {
        "owner": desired.owner,
        "repository": desired.repository,
        "run_id": desired.run_id,
        "environment": desired.environment,
        "state": decided[-1].get("state") if decided else None,
        "reviews": [
            {"state": each.get("state"), "user": (each.get("user") or {}).get("login"), "comment": each.get("comment")}
            for each in reviews
        ],
    }


def _reviews(client: Client, desired: Review) -> list[dict[str, t.Any]]:
    """Return what was said about that environment so far, the oldest first."""
    found = client.get(f"{desired.path}/approvals", desired.needs, tried="Looking for the", on=desired.title)
    return [each for each in found if any(_same(desired, item) for item in each.get("environments") or [])]


def _settled(desired: Review, reviews: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """Return the decision that was made already. Raises Failure when there is none, or another one."""
    shown = describe(desired, reviews)
    if shown["state"] is None:
        raise Failure(
            Kind.MISSING,
            tried="Reviewing the",
            on=desired.title,
            said="nothing of that run waits there, and nobody has reviewed it",
            remedy="Check run_id and environment; the run may have been cancelled",
        )
    if shown["state"] != desired.state:
        raise Failure(
            Kind.CONFLICT,
            tried="Reviewing the",
            on=desired.title,
            said=f"it is {shown['state']} already, which is final",
            remedy="Run the workflow again for another decision",
        )
    return shown


def _same(desired: Review, environment: dict[str, t.Any]) -> bool:
    return str(environment.get("name")).lower() == desired.environment.lower()


def _counts(client: Client, review: dict[str, t.Any]) -> bool:
    """Tell whether a review has passed the same rule: this App's own, or that of the reviewers, of whom one is enough.

    The App's name is asked for only when an App has reviewed at all.
    """
    login = str((review.get("user") or {}).get("login"))
    bot = login.endswith("[bot]")
    if not (client.is_app and bot):
        return not client.is_app and not bot
    found = client.remember("app", lambda: client.get("/app", AS_APP, tried="Reading the", on="App"))
    return bool(login == f"{found.get('slug')}[bot]")
