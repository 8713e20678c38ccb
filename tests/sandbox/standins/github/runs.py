"""Workflow runs and their deployments: records, and the JSON by which the API shows them.

In: a repository, and what a workflow wants to deploy. Out: typed records. Never here: who may let it pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.standins.github.environments import Environment
from tests.sandbox.standins.github.places import App, Owner, Repository, node

_RUN_LINKS = ("jobs", "logs", "check_suite", "artifacts", "cancel", "rerun")


@dataclass
class Deployment:
    """One job's wish to deploy to an environment. ``waits_for`` are the Apps that have not decided yet, ``people``
    says whether reviewers must; ``comments`` counts what an App has said without deciding."""

    id: int
    environment: Environment
    waits_for: list[App]
    people: bool
    created_at: str
    decided: set[int] = field(default_factory=set)
    comments: dict[int, int] = field(default_factory=dict)
    history: list[tuple[str, str]] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.history[-1][0] if self.history else "waiting"

    def become(self, state: str, at: str) -> None:
        """Give it another status; the earlier ones stay in its history, each with its time."""
        self.history.append((state, at))

    @property
    def pending(self) -> bool:
        return self.state == "waiting"

    def view(self, run: Run, base: str) -> dict[str, Any]:
        here = f"{base}/repos/{run.repository.full_name}"
        return {
            "url": f"{here}/deployments/{self.id}",
            "id": self.id,
            "node_id": node("DE", self.id),
            "sha": run.head_sha,
            "ref": run.head_branch,
            "task": "deploy",
            "payload": {},
            "original_environment": self.environment.name,
            "environment": self.environment.name,
            "description": None,
            "creator": run.actor.view(base),
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "statuses_url": f"{here}/deployments/{self.id}/statuses",
            "repository_url": here,
            "transient_environment": False,
            "production_environment": False,
            "performed_via_github_app": None,
        }

    def statuses(self, run: Run, base: str) -> list[dict[str, Any]]:
        """Return every status of the deployment, the newest first."""
        every = [self._status(run, base, *item) for item in enumerate(self.history)]
        return every[::-1]

    def _status(self, run: Run, base: str, number: int, said: tuple[str, str]) -> dict[str, Any]:
        here, own, (state, at) = f"{base}/repos/{run.repository.full_name}", 100 * self.id + number, said
        return {
            "url": f"{here}/deployments/{self.id}/statuses/{own}",
            "id": own,
            "node_id": node("DES", own),
            "state": {"waiting": "pending"}.get(state, state),
            "creator": run.actor.view(base),
            "description": "",
            "environment": self.environment.name,
            "target_url": "",
            **dict.fromkeys(("created_at", "updated_at"), at),
            "deployment_url": f"{here}/deployments/{self.id}",
            "repository_url": here,
        }


@dataclass(frozen=True)
class Review:
    """What somebody said to environments of a run: approved, rejected, or pending for a comment alone."""

    environments: tuple[Environment, ...]
    state: str
    user: Owner
    comment: str

    def view(self, base: str) -> dict[str, Any]:
        shown = [
            {**each.short(base), "created_at": each.created_at, "updated_at": each.updated_at}
            for each in self.environments
        ]
        return {"environments": shown, "state": self.state, "user": self.user.view(base), "comment": self.comment}


@dataclass
class Run:
    """A workflow run. ``status`` is waiting, in_progress or completed, ``head`` the fork that it comes from."""

    id: int
    repository: Repository
    event: str
    head_branch: str
    head_sha: str
    path: str
    actor: Owner
    created_at: str
    run_attempt: int = 1
    status: str = "in_progress"
    conclusion: str | None = None
    deployments: list[Deployment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    head: Repository | None = None

    def pending(self) -> list[Deployment]:
        return [deployment for deployment in self.deployments if deployment.pending]

    def settle(self) -> None:
        """Bring the run in line with its deployments."""
        states = {deployment.state for deployment in self.deployments}
        if "waiting" in states:
            self.status, self.conclusion = "waiting", None
        else:
            self.status = "completed"
            self.conclusion = self.conclusion or ("failure" if "failure" in states else "success")

    def view(self, base: str) -> dict[str, Any]:
        here = f"{base}/repos/{self.repository.full_name}/actions/runs/{self.id}"
        web = f"https://github.com/{self.repository.full_name}/actions/runs/{self.id}"
        author = {"name": self.actor.login, "email": f"{self.actor.login}@users.noreply.github.com"}
        return {
            "id": self.id,
            "name": self.path.rpartition("/")[2],
            "node_id": node("WFR", self.id),
            "check_suite_id": self.id + 1,
            "head_branch": self.head_branch,
            "head_sha": self.head_sha,
            "path": self.path,
            "display_title": "A change",
            "run_number": 1,
            "run_attempt": self.run_attempt,
            "event": self.event,
            "status": self.status,
            "conclusion": self.conclusion,
            "workflow_id": 4711,
            "url": here,
            "html_url": web,
            "pull_requests": [],
            **dict.fromkeys(("created_at", "updated_at", "run_started_at"), self.created_at),
            **dict.fromkeys(("actor", "triggering_actor"), self.actor.view(base)),
            **{f"{name}_url": f"{here}/{name}" for name in _RUN_LINKS},
            "previous_attempt_url": None,
            "workflow_url": f"{base}/repos/{self.repository.full_name}/actions/workflows/4711",
            "head_commit": {
                "id": self.head_sha,
                "tree_id": self.head_sha,
                "message": "A change",
                "timestamp": self.created_at,
                "author": author,
                "committer": author,
            },
            "repository": self.repository.view(base),
            "head_repository": (self.head or self.repository).view(base),
        }
