"""What the GitHub stand-in knows of commits, pull requests, checks and teams, over real sockets."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.faults import Fault, Match
from tests.sandbox.standins.control import Control
from tests.sandbox.standins.github import GitHub
from tests.unit.sandbox.github_client import REPO, SECRET, Client, Origin

NAME = "acme-corp/web-shop"
SHA, LATER = "a" * 40, "b" * 40
TEAM = "/orgs/acme-corp/teams/release/members"
NEWEST = "2026-03-10"


def pages(call: Client, path: str, key: str = "", size: int = 100) -> list[int]:
    """Follow the links from page to page; returns how much stood on each."""
    found, path = [], f"{path}?per_page={size}"
    while path:
        reply = call("GET", path)
        found.append(len(reply.result[key] if key else reply.result))
        following = re.search(r'<([^>]+)>; rel="next"', reply.headers.get("Link", ""))
        path = following[1].removeprefix(call.github.url) if following else ""
    return found


def test_what_a_run_and_a_push_are_of_is_a_commit(call: Client, github: GitHub) -> None:
    run = github.start_run(NAME, ["production"])
    made = call.do("GET", f"{REPO}/commits/{run['sha']}")
    assert (made["author"]["login"], made["commit"]["verification"]["verified"]) == ("olga", False)
    assert [file["filename"] for file in made["files"]] == ["README.md"]
    github.push(NAME, after=SHA)
    assert call.do("GET", f"{REPO}/branches/main")["commit"]["sha"] == SHA
    assert call.do("GET", f"{REPO}/commits/main")["sha"] == SHA
    assert call("GET", f"{REPO}/commits/{LATER}").refused == (422, f"No commit found for SHA: {LATER}")


def test_a_commit_is_signed_or_not_or_says_nothing(call: Client, github: GitHub) -> None:
    for verified in (True, False, None):
        github.commits.add(NAME, SHA, verified=verified, author="")
        found = call.do("GET", f"{REPO}/commits/{SHA}")
        assert found["commit"].get("verification", {}).get("verified") is verified
        assert found["author"] is None


def test_a_branch_is_protected_or_not_there(call: Client, github: GitHub) -> None:
    head = github.commits.set_branch(NAME, "release/1", protected=True)
    found = call.do("GET", f"{REPO}/branches/release%2F1")
    assert (found["name"], found["protected"], found["commit"]["sha"]) == ("release/1", True, head)
    assert call("GET", f"{REPO}/branches/release").refused == (404, "Branch not found")


def test_the_pull_requests_of_a_commit_are_the_merged_one_or_all_that_it_is_part_of(
    call: Client, github: GitHub
) -> None:
    github.pulls.add(NAME, [SHA], state="closed")
    opened = github.pulls.add(NAME, [SHA, LATER], "Mend it", labels=["hotfix"], state="open")
    beside = github.pulls.add(NAME, [SHA], base="topic", state="merged")
    assert numbers(call, SHA) == [opened, beside]
    [one] = call.do("GET", f"{REPO}/commits/{LATER}/pulls")
    assert (one["title"], one["labels"][0]["name"], one["head"]["sha"], one["merged_at"]) == (
        "Mend it",
        "hotfix",
        LATER,
        None,
    )
    merged = github.pulls.add(NAME, [SHA])
    assert numbers(call, SHA) == [beside, merged]
    assert call("GET", f"{REPO}/commits/{'c' * 40}/pulls").status == 422
    [newer] = call("GET", f"{REPO}/commits/{LATER}/pulls", X_GitHub_Api_Version=NEWEST).result
    assert "merge_commit_sha" in one
    assert "merge_commit_sha" not in newer


def numbers(call: Client, sha: str) -> list[int]:
    return [pull["number"] for pull in call.do("GET", f"{REPO}/commits/{sha}/pulls")]


def test_reviews_are_of_the_commit_that_was_seen_and_nobody_sees_what_is_not_submitted(
    call: Client, github: GitHub
) -> None:
    for login in ("ann", "bob"):
        github.add_owner(login, "User")
    number = github.pulls.add(NAME, [SHA], state="open")
    github.pulls.review(NAME, number, "ann")
    github.pulls.review(NAME, number, "bob", "PENDING")
    github.pulls.review(NAME, number, "", "COMMENTED")
    github.pulls.grow(NAME, number, LATER)
    github.pulls.review(NAME, number, "olga", "PENDING")
    path = f"{REPO}/pulls/{number}/reviews"
    seen = [((each["user"] or {}).get("login"), each["state"], each["commit_id"]) for each in call.do("GET", path)]
    assert seen == [("ann", "APPROVED", SHA), (None, "COMMENTED", SHA), ("olga", "PENDING", LATER)]
    token = call.installation_token()
    assert len(call.do("GET", path, token=token)) == 2
    assert call("GET", f"{REPO}/pulls/99/reviews").refused == (404, "Not Found")


def test_of_the_attempts_of_a_check_the_last_counts_and_of_a_context_the_last_status(
    call: Client, github: GitHub
) -> None:
    github.commits.add(NAME, SHA)
    path = f"{REPO}/commits/{SHA}"
    assert call.do("GET", f"{path}/status")["state"] == "pending"
    github.checks.check(NAME, SHA, "build", "failure")
    github.checks.check(NAME, SHA, "build")
    github.checks.check(NAME, SHA, "test", "success")
    [build, test] = call.do("GET", f"{path}/check-runs")["check_runs"]
    assert [(each["name"], each["status"], each["conclusion"]) for each in (build, test)] == [
        ("build", "in_progress", None),
        ("test", "completed", "success"),
    ]
    assert call.do("GET", f"{path}/check-runs?filter=all")["total_count"] == 3
    assert call.do("GET", f"{path}/check-runs?status=completed&check_name=test")["check_runs"] == [test]
    for state, whole in (("pending", "pending"), ("success", "success"), ("error", "failure"), ("success", "success")):
        github.checks.status(NAME, SHA, "scan", state)
        found = call.do("GET", f"{path}/status")
        assert (found["state"], [each["state"] for each in found["statuses"]]) == (whole, [state])
    assert call("GET", f"{REPO}/commits/{LATER}/status").refused == (404, "Not Found")
    assert call("GET", f"{REPO}/commits/{LATER}/check-runs").status == 422


def test_people_join_and_leave_a_team(call: Client, github: GitHub) -> None:
    assert call("GET", TEAM).status == 404
    github.add_team("acme-corp", "release")
    github.directory.join_team("acme-corp", "release", "olga")
    assert [(each["login"], each["role"]) for each in call.do("GET", TEAM)] == [("olga", "member")]
    assert call.do("GET", f"{TEAM}?role=maintainer") == []
    assert call.do("GET", TEAM.removesuffix("/members"))["members_count"] == 1
    github.directory.leave_team("acme-corp", "release", "olga")
    assert call.do("GET", TEAM) == []


def test_every_list_comes_in_pages(call: Client, github: GitHub) -> None:
    many = [f"file-{number}" for number in range(205)]
    github.commits.add(NAME, SHA, files=many)
    number = github.pulls.add(NAME, [SHA], files=many)
    github.add_team("acme-corp", "release")
    for each in range(105):
        github.pulls.add(NAME, [SHA])
        github.pulls.review(NAME, number, "olga", "COMMENTED")
        github.checks.check(NAME, SHA, f"check-{each}")
        github.checks.status(NAME, SHA, f"status-{each}", "success")
        github.add_owner(f"member-{each}", "User")
        github.directory.join_team("acme-corp", "release", f"member-{each}")
    commit = f"{REPO}/commits/{SHA}"
    assert pages(call, commit, "files") == pages(call, f"{REPO}/pulls/{number}/files") == [100, 100, 5]
    assert len(call.do("GET", commit)["files"]) == 205
    assert pages(call, f"{commit}/pulls") == [100, 6]
    assert pages(call, f"{REPO}/pulls/{number}/reviews") == pages(call, TEAM) == [100, 5]
    assert pages(call, f"{commit}/check-runs", "check_runs") == pages(call, f"{commit}/status", "statuses") == [100, 5]


def test_a_deployment_keeps_every_status_the_newest_first(call: Client, github: GitHub) -> None:
    [made] = github.start_run(NAME, ["staging"])["deployments"]
    github.deployments.report(made, "inactive")
    path = f"{REPO}/deployments/{made}/statuses"
    assert [each["state"] for each in call.do("GET", path)] == ["inactive", "success"]
    assert [each["state"] for each in call.do("GET", f"{path}?per_page=1")] == ["inactive"]


RIGHTS = [
    (f"{REPO}/commits/{SHA}", "contents"),
    (f"{REPO}/branches/main", "contents"),
    (f"{REPO}/commits/{SHA}/pulls", "pull_requests"),
    (f"{REPO}/pulls/1/reviews", "pull_requests"),
    (f"{REPO}/pulls/1/files", "pull_requests"),
    (f"{REPO}/commits/{SHA}/check-runs", "checks"),
    (f"{REPO}/commits/{SHA}/status", "statuses"),
    (TEAM, "members"),
]


@pytest.mark.parametrize(("path", "right"), RIGHTS)
def test_each_look_up_needs_its_own_right_and_has_the_faults_of_all(
    call: Client, github: GitHub, path: str, right: str
) -> None:
    github.push(NAME, after=SHA)
    github.pulls.add(NAME, [SHA])
    github.add_team("acme-corp", "release")
    reply = call("GET", path, token=call.installation_token(permissions={right: "read"}))
    assert (reply.status, reply.headers["X-Accepted-GitHub-Permissions"]) == (200, f"{right}=read")
    refused = call("GET", path, token=call.installation_token(permissions={"actions": "read"}))
    assert refused.refused == (403, "Resource not accessible by integration")
    assert refused.headers["X-Accepted-GitHub-Permissions"] == f"{right}=read"
    assert call("GET", path, token="").refused[0] == 401
    assert call("GET", path, If_None_Match=call("GET", path).headers["ETag"]).status == 304
    github.faults.arm(Fault("500", match=Match("GET", path)))
    assert call("GET", path).refused == (500, "Server Error")
    assert github.log.entries()[-1].fault == "500"


# What is told to webhooks


def told(github: GitHub) -> list[tuple[Any, Any]]:
    github.settle()
    return [(each["event"], each["request"]["payload"].get("action")) for each in github.log_of(github.app_id)[::-1]]


def test_webhooks_hear_of_checks_statuses_and_reviews() -> None:
    with Origin() as origin, GitHub(deliver_to=origin.url) as github:
        github.hook_app("https://hooks.example.com/in", SECRET)
        number = github.pulls.add(NAME, [SHA])
        github.checks.check(NAME, SHA, "build")
        assert told(github) == []
        github.subscribe(["check_run", "status", "pull_request_review"])
        github.checks.check(NAME, SHA, "build", "success")
        github.checks.status(NAME, SHA, "scan", "success")
        github.pulls.review(NAME, number, "olga")
        github.pulls.review(NAME, number, "olga", "PENDING")
        assert sorted(told(github), key=str) == [
            ("check_run", "completed"),
            ("pull_request_review", "submitted"),
            ("status", None),
        ]


def test_an_app_hears_of_its_installations_without_a_subscription() -> None:
    with Origin() as origin, GitHub(deliver_to=origin.url) as github:
        github.hook_app("https://hooks.example.com/in", SECRET)
        control = Control(github.url)
        for what, given, action in (
            ("suspend", {}, "suspend"),
            ("suspend", {"suspended": False}, "unsuspend"),
            ("accept_permissions", {"permissions": {"issues": "read"}}, "new_permissions_accepted"),
            ("uninstall", {}, "deleted"),
            ("install", {"app_id": github.app_id}, "created"),
        ):
            control.do(what, owner="globex", **given)
            assert told(github)[-1] == ("installation", action)
        assert github.installation_view("globex")["permissions"]["issues"] == "read"
