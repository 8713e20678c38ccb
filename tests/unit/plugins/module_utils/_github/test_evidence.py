"""What GitHub knows of a run and its commit, in one form: whole lists, the right words, and nothing that was cut."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github import evidence
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._github.evidence import Repository
from tests.sandbox.standins.server import Answer, Request, StandIn

PLACE = Repository("acme", "web")
SHA = "a" * 40
COMMIT = {
    "sha": SHA,
    "author": {"login": "olga"},
    "commit": {
        "message": "OPS-1 mend it",
        "committer": {"date": "2026-01-31T09:30:00Z"},
        "verification": {"verified": True},
    },
}
PULL = {
    "number": 5,
    "title": "Mend it",
    "body": None,
    "labels": [{"name": "hotfix"}],
    "user": {"login": "olga"},
    "state": "closed",
    "merged_at": "2026-01-31T09:00:00Z",
    "base": {"ref": "main"},
    "head": {"sha": SHA, "repo": None},
}


class GitHub(StandIn):
    """Answers each path with what a test has put there; a list of lists is a list in pages."""

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[str, Any] = {}
        self.asked: list[str] = []

    def answer(self, request: Request) -> Answer:
        path = unquote(request.path).removeprefix("/repos/acme/web")
        self.asked.append(path)
        if path not in self.there:
            return Answer(404, b'{"message": "Not Found"}', {"Content-Type": "application/json"})
        found = self.there[path]
        headers = {"Content-Type": "application/json"}
        if isinstance(found, list) and found and isinstance(found[0], list):
            page = int(request.argument("page") or 1)
            if page < len(found):
                headers["Link"] = f'<{self.url}{request.path}?page={page + 1}>; rel="next"'
            found = found[page - 1]
        return Answer(200, json.dumps(found).encode(), headers)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as standin:
        yield standin


@pytest.fixture
def client(github: GitHub) -> Client:
    return Client(runtime=Runtime(now=time.time), token=Sensitive("ghp_x"), url=github.url, backoff=Backoff(attempts=1))


def test_a_commit_says_who_when_and_whether_it_is_signed(github: GitHub, client: Client) -> None:
    github.there[f"/commits/{SHA}"] = COMMIT
    assert evidence.commit(client, PLACE, SHA) == {
        "sha": SHA,
        "message": "OPS-1 mend it",
        "author": "olga",
        "verified": True,
        "committed": 1769851800.0,
    }


@pytest.mark.parametrize("verification", [None, {}, {"verified": None}, {"verified": "true"}, {"verified": False}])
def test_only_a_plain_true_is_a_signature(github: GitHub, client: Client, verification: Any) -> None:
    inner = {**COMMIT["commit"], "verification": verification}  # type: ignore[dict-item]
    github.there[f"/commits/{SHA}"] = {**COMMIT, "author": None, "commit": inner}
    found = evidence.commit(client, PLACE, SHA)
    assert (found["verified"], found["author"]) == (False, None)


def test_pull_requests_carry_their_labels_by_name(github: GitHub, client: Client) -> None:
    github.there[f"/commits/{SHA}/pulls"] = [[PULL], [{**PULL, "number": 6, "labels": [], "merged_at": None}]]
    one, two = evidence.pulls(client, PLACE, SHA)
    assert (one["title"], one["body"], one["labels"], one["merged"], one["base"]) == (
        "Mend it",
        "",
        ["hotfix"],
        True,
        "main",
    )
    assert (two["number"], two["labels"], two["merged"]) == (6, [], False)


def test_more_pull_requests_than_are_read_are_a_failure_and_no_shorter_list(github: GitHub, client: Client) -> None:
    github.there[f"/commits/{SHA}/pulls"] = [PULL] * 21
    with pytest.raises(Failure) as caught:
        evidence.reviews(client, PLACE, SHA)
    assert caught.value.kind is Kind.BROKEN


def test_checks_and_statuses_stand_in_one_list(github: GitHub, client: Client) -> None:
    github.there[f"/commits/{SHA}/check-runs"] = {
        "check_runs": [
            {"name": "build", "status": "completed", "conclusion": "success"},
            {"name": "test", "status": "in_progress", "conclusion": None},
            {"name": "odd", "status": "queued", "conclusion": "success"},
        ]
    }
    github.there[f"/commits/{SHA}/status"] = {
        "statuses": [{"context": "ci", "state": "pending"}, {"context": "scan", "state": "failure"}]
    }
    assert [(item["name"], item["conclusion"]) for item in evidence.checks(client, PLACE, SHA)] == [
        ("build", "success"),
        ("test", None),
        ("odd", None),
        ("ci", None),
        ("scan", "failure"),
    ]


def test_reviews_come_the_oldest_first_and_say_whether_commits_came_after(github: GitHub, client: Client) -> None:
    def review(who: str, when: str, state: str, commit: str = SHA) -> dict[str, Any]:
        return {"user": {"login": who}, "submitted_at": when, "state": state, "commit_id": commit}

    github.there[f"/commits/{SHA}/pulls"] = [PULL, {**PULL, "number": 6}]
    github.there["/pulls/5/reviews"] = [
        review("ann", "2026-01-03", "APPROVED"),
        review("bob", "2026-01-04", "PENDING"),
        {**review("ghost", "2026-01-05", "APPROVED"), "user": None},
    ]
    github.there["/pulls/6/reviews"] = [review("cy", "2026-01-02", "CHANGES_REQUESTED", "b" * 40)]
    found = evidence.reviews(client, PLACE, SHA)
    assert [(item["user"], item["state"], item["current"]) for item in found] == [
        ("cy", "changes_requested", False),
        ("ann", "approved", True),
    ]


def test_approvals_are_those_of_people_for_this_environment(github: GitHub, client: Client) -> None:
    def said(login: str, state: str, environment: str, kind: str = "User") -> dict[str, Any]:
        return {"user": {"login": login, "type": kind}, "state": state, "environments": [{"name": environment}]}

    github.there["/actions/runs/7/approvals"] = [
        said("ann", "approved", "Prod"),
        said("bob", "approved", "staging"),
        said("gate[bot]", "approved", "prod", "Bot"),
        said("cy", "pending", "prod"),
        {**said("x", "approved", "prod"), "user": None},
    ]
    assert evidence.approvals(client, PLACE, 7, "prod") == [
        {"user": "ann", "state": "approved"},
        {"user": "cy", "state": "commented"},
    ]


def test_changed_paths_are_those_of_the_pull_requests_with_both_names_of_a_move(github: GitHub, client: Client) -> None:
    github.there[f"/commits/{SHA}/pulls"] = [PULL]
    github.there["/pulls/5/files"] = [[{"filename": "b"}], [{"filename": "c", "previous_filename": "a"}]]
    assert evidence.changed(client, PLACE, SHA) == ["a", "b", "c"]


def test_without_a_pull_request_the_commit_tells_what_it_changes(github: GitHub, client: Client) -> None:
    github.there[f"/commits/{SHA}/pulls"] = []
    github.there[f"/commits/{SHA}"] = {**COMMIT, "files": [{"filename": "x"}]}
    assert evidence.changed(client, PLACE, SHA) == ["x"]
    github.there[f"/commits/{SHA}"] = {**COMMIT, "files": [{"filename": str(number)} for number in range(3000)]}
    with pytest.raises(Failure, match="there may be more"):
        evidence.changed(client, PLACE, SHA)


def test_a_branch_of_any_name_is_asked_for(github: GitHub, client: Client) -> None:
    github.there["/branches/feature/a b"] = {"name": "feature/a b", "protected": True, "commit": {"sha": SHA}}
    found = evidence.branch(client, PLACE, "feature/a b")
    assert found == {"name": "feature/a b", "protected": True, "sha": SHA}
    with pytest.raises(Failure) as caught:
        evidence.branch(client, PLACE, "none")
    assert caught.value.kind is Kind.MISSING


def test_all_members_of_a_team_are_read(github: GitHub, client: Client) -> None:
    github.there["/orgs/acme/teams/release/members"] = [[{"login": "ann"}], [{"login": "bob"}]]
    assert evidence.members(client, "acme/release") == ["ann", "bob"]


def test_a_deployment_that_was_good_stays_good_when_another_took_its_place(github: GitHub, client: Client) -> None:
    def status(state: str) -> dict[str, str]:
        return {"state": state, "created_at": "2026-01-31T09:30:00Z"}

    github.there["/deployments"] = [{"id": number, "sha": SHA} for number in (1, 2, 3)]
    github.there["/deployments/1/statuses"] = [status("inactive"), status("success"), status("in_progress")]
    github.there["/deployments/2/statuses"] = [status("failure"), status("success")]
    github.there["/deployments/3/statuses"] = []
    found = evidence.deployments(client, PLACE, "staging", SHA)
    assert [(item["id"], item["state"]) for item in found] == [(1, "success"), (2, "failure"), (3, "pending")]
    assert found[0]["ended"] == 1769851800.0
    assert [evidence.deployment_ended(client, PLACE, number) for number in (1, 2, 3)] == [True, True, False]


def test_what_is_no_object_is_a_failure(github: GitHub, client: Client) -> None:
    github.there["/actions/runs/7"] = ["x"]
    with pytest.raises(Failure, match="no object"):
        evidence.run(client, PLACE, 7)
