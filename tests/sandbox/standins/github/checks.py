"""Checks and statuses of commits, as whoever builds and scans reports them.

In: checks and statuses that a test reports, calls. Out: answers, and what is told to webhooks. Never here: a workflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.sandbox.standins.github.answers import not_found, ok, page, part
from tests.sandbox.standins.github.commits import REPO, Commits
from tests.sandbox.standins.github.endpoints import Call, Endpoint
from tests.sandbox.standins.github.payloads import Happen
from tests.sandbox.standins.github.places import App, Owner, Places, Repository, node
from tests.sandbox.standins.server import Answer, Clock

COMPLETED = "completed"
_BAD = ("error", "failure")


@dataclass(frozen=True)
class Check:
    """A check run of a commit. ``conclusion`` is None while it goes on."""

    id: int
    repository: Repository
    sha: str
    name: str
    status: str
    conclusion: str | None
    at: str

    def view(self, app: App, base: str) -> dict[str, Any]:
        here = f"{base}/repos/{self.repository.full_name}/check-runs/{self.id}"
        web = f"https://github.com/{self.repository.full_name}/runs/{self.id}"
        said = dict.fromkeys(("title", "summary", "text"))
        return {
            "id": self.id,
            "node_id": node("CR", self.id),
            "name": self.name,
            "head_sha": self.sha,
            "external_id": "",
            "url": here,
            "html_url": web,
            "details_url": web,
            "status": self.status,
            "conclusion": self.conclusion,
            "started_at": self.at,
            "completed_at": self.at if self.status == COMPLETED else None,
            "output": {**said, "annotations_count": 0, "annotations_url": f"{here}/annotations"},
            "check_suite": {"id": self.id + 1},
            "app": app.view(base),
            "pull_requests": [],
        }


@dataclass(frozen=True)
class Status:
    """A status of a commit: pending, success, failure or error, by its context."""

    id: int
    context: str
    state: str
    at: str

    def view(self, repository: Repository, sha: str, base: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "node_id": node("SC", self.id),
            "context": self.context,
            "state": self.state,
            "description": None,
            "target_url": None,
            "avatar_url": None,
            "url": f"{base}/repos/{repository.full_name}/statuses/{sha}",
            **dict.fromkeys(("created_at", "updated_at"), self.at),
        }


class Checks:
    """Everything that was reported of every commit. ``happen`` tells webhooks of it."""

    def __init__(self, clock: Clock, places: Places, commits: Commits, happen: Happen) -> None:
        self._clock = clock
        self._places = places
        self._commits = commits
        self._happen = happen
        self._checks: dict[tuple[int, str], list[Check]] = {}
        self._statuses: dict[tuple[int, str], list[Status]] = {}
        rights = {"checks": "write", "metadata": "read"}
        self._app = App(15368, "github-actions", Owner(9919, "github"), rights, [], created_at="2018-07-30T09:30:17Z")

    def endpoints(self) -> Iterator[Endpoint]:
        here = "/repos/{owner}/{repo}/commits/{ref}"
        yield Endpoint("GET", f"{here}/check-runs", self._list, "checks:read", REPO)
        yield Endpoint("GET", f"{here}/status", self._combined, "statuses:read", ("repo:status",))

    # What tests set up

    def check(self, repository: str, sha: str, name: str, conclusion: str | None = None, status: str = "") -> int:
        """Report a check of a commit, as it begins or, with a ``conclusion``, as it ends; returns its id.

        A later one of that name is another attempt. ``status`` is what fits the conclusion unless told.
        """
        place = self._places.named(repository)
        state = status or (COMPLETED if conclusion else "in_progress")
        made = Check(self._places.next_id(), place, sha, name, state, conclusion, self._now())
        self._checks.setdefault((place.id, sha), []).append(made)
        action = COMPLETED if state == COMPLETED else "created"
        self._happen("check_run", place, lambda base: {"action": action, "check_run": made.view(self._app, base)})
        return made.id

    def status(self, repository: str, sha: str, context: str, state: str) -> int:
        """Report a status of a commit; returns its id."""
        place = self._places.named(repository)
        made = Status(self._places.next_id(), context, state, self._now())
        self._statuses.setdefault((place.id, sha), []).append(made)
        self._happen("status", place, lambda _base: {"id": made.id, "sha": sha, "context": context, "state": state})
        return made.id

    # Calls

    def _list(self, call: Call) -> Answer:
        commit = self._commits.found(call, "ref")
        found = list(self._checks.get((call.repository.id, commit.sha), []))
        if call.request.argument("filter") != "all":
            # Of several attempts only the last counts.
            found = list({item.name: item for item in found}.values())
        for name in ("status", "check_name"):
            wanted = call.request.argument(name)
            found = [item for item in found if wanted in (None, item.status if name == "status" else item.name)]
        return page([item.view(self._app, call.base) for item in found], call.request, call.base, "check_runs")

    def _combined(self, call: Call) -> Answer:
        repository = call.repository
        commit = self._commits.find(repository, call.params["ref"])
        if commit is None:
            raise not_found()
        latest = {item.context: item for item in self._statuses.get((repository.id, commit.sha), [])}
        states = {item.state for item in latest.values()}
        shown, links = part(list(latest.values()), call.request, call.base)
        here = f"{call.base}/repos/{repository.full_name}/commits/{commit.sha}"
        return ok(
            {
                "state": _whole(states),
                "statuses": [item.view(repository, commit.sha, call.base) for item in shown],
                "sha": commit.sha,
                "total_count": len(latest),
                "repository": repository.view(call.base),
                "commit_url": here,
                "url": f"{here}/status",
            },
            headers=links,
        )

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole(states: set[str]) -> str:
    """Return what all statuses together say; none at all is pending too."""
    if states & set(_BAD):
        return "failure"
    return "success" if states == {"success"} else "pending"
