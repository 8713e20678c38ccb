"""What GitHub knows of a run and its commit, in one form: whole lists, the right words, and nothing that was cut."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._github import evidence
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._github.evidence import Repository
from tests.sandbox.standins.github import GitHub
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, World

PLACE = Repository(OWNER, REPOSITORY)
NAME = PLACE.full_name
SHA, LATER = "a" * 40, "b" * 40


@pytest.fixture
def github(world: World) -> GitHub:
    return world.standin


@pytest.fixture
def client(world: World) -> Client:
    """As the gate asks: by an App, with a token for each right."""
    return world.app()


def people(github: GitHub, *logins: str) -> None:
    for login in logins:
        github.add_owner(login, "User")


def test_a_commit_says_who_when_and_whether_it_is_signed(github: GitHub, client: Client) -> None:
    github.commits.add(NAME, SHA, "OPS-1 mend it", verified=True, at="2026-01-31T09:30:00Z")
    assert evidence.commit(client, PLACE, SHA) == {
        "sha": SHA,
        "message": "OPS-1 mend it",
        "author": "olga",
        "verified": True,
        "committed": 1769851800.0,
    }


@pytest.mark.parametrize("verified", [None, False])
def test_what_is_not_said_to_be_verified_is_no_signature(github: GitHub, client: Client, verified: bool | None) -> None:
    github.commits.add(NAME, SHA, author="", verified=verified)
    found = evidence.commit(client, PLACE, SHA)
    assert (found["verified"], found["author"]) == (False, None)


def test_pull_requests_carry_their_labels_by_name(github: GitHub, client: Client) -> None:
    github.pulls.add(NAME, [SHA], "Mend it", labels=["hotfix"], base="topic")
    github.pulls.add(NAME, [SHA], body="why", state="open")
    one, two = evidence.pulls(client, PLACE, SHA)
    assert (one["title"], one["body"], one["labels"], one["merged"], one["base"]) == (
        "Mend it",
        "",
        ["hotfix"],
        True,
        "topic",
    )
    assert (two["number"], two["body"], two["labels"], two["merged"], two["head"]) == (2, "why", [], False, SHA)


def test_more_pull_requests_than_are_read_are_a_failure_and_no_shorter_list(github: GitHub, client: Client) -> None:
    for _number in range(21):
        github.pulls.add(NAME, [SHA], state="open")
    with pytest.raises(Failure) as caught:
        evidence.reviews(client, PLACE, SHA)
    assert caught.value.kind is Kind.BROKEN


def test_checks_and_statuses_stand_in_one_list(github: GitHub, client: Client) -> None:
    github.commits.add(NAME, SHA)
    github.checks.check(NAME, SHA, "build", "failure")
    github.checks.check(NAME, SHA, "build", "success")
    github.checks.check(NAME, SHA, "test")
    github.checks.check(NAME, SHA, "odd", "success", status="queued")
    github.checks.status(NAME, SHA, "ci", "pending")
    github.checks.status(NAME, SHA, "scan", "failure")
    assert [(item["name"], item["conclusion"]) for item in evidence.checks(client, PLACE, SHA)] == [
        ("build", "success"),
        ("test", None),
        ("odd", None),
        ("ci", None),
        ("scan", "failure"),
    ]


def test_checks_and_statuses_of_every_page_are_read(github: GitHub, client: Client) -> None:
    github.commits.add(NAME, SHA)
    for number in range(101):
        github.checks.check(NAME, SHA, f"check-{number}", "success")
        github.checks.status(NAME, SHA, f"status-{number}", "success")
    assert len(evidence.checks(client, PLACE, SHA)) == 202


def test_reviews_come_the_oldest_first_and_say_whether_commits_came_after(github: GitHub, client: Client) -> None:
    people(github, "ann", "bob", "cy")
    one, two = (github.pulls.add(NAME, [SHA], state="open") for _number in range(2))
    for minute, (number, login, state) in enumerate(
        [(two, "cy", "CHANGES_REQUESTED"), (one, "ann", "APPROVED"), (one, "bob", "PENDING"), (one, "", "APPROVED")]
    ):
        github.clock.shift = 60.0 * minute
        github.pulls.review(NAME, number, login, state)
    github.pulls.grow(NAME, two, LATER)
    found = evidence.reviews(client, PLACE, SHA)
    assert [(item["user"], item["state"], item["current"], item["pull"]) for item in found] == [
        ("cy", "changes_requested", False, two),
        ("ann", "approved", True, one),
    ]


def test_approvals_are_those_of_people_for_this_environment(world: World, github: GitHub, client: Client) -> None:
    github.guard(NAME, "Prod")
    for environment in ("Prod", "staging"):
        github.want_reviewer(NAME, environment)
    run = github.start_run(NAME, ["Prod", "staging"])
    path = f"{PLACE.path}/actions/runs/{run['id']}"
    access = PLACE.access(actions="read", deployments="write")
    rule = {"environment_name": "Prod", "state": "approved", "comment": "by the gate"}
    client.post(f"{path}/deployment_protection_rule", access, rule, look=lambda: None, tried="Deciding")
    person = world.client()
    for item in person.get(f"{path}/pending_deployments", access, tried="Looking at"):
        said = {"environment_ids": [item["environment"]["id"]], "state": "approved", "comment": "well"}
        person.post(f"{path}/pending_deployments", access, said, look=lambda: None, tried="Reviewing")
    people(github, "ann")
    github.deployments.remark(run["id"], "Prod", "ann")
    assert len(github.state()["runs"][0]["reviews"]) == 4
    assert evidence.approvals(client, PLACE, run["id"], "prod") == [
        {"user": "olga", "state": "approved"},
        {"user": "ann", "state": "commented"},
    ]


def test_changed_paths_are_those_of_the_pull_requests_with_both_names_of_a_move(github: GitHub, client: Client) -> None:
    github.commits.add(NAME, SHA, files=["x"])
    github.pulls.add(NAME, [SHA], files=["b", ("a", "c")])
    assert evidence.changed(client, PLACE, SHA) == ["a", "b", "c"]


def test_without_a_pull_request_the_commit_tells_what_it_changes(github: GitHub, client: Client) -> None:
    files = [f"file-{number:04}" for number in range(2999)]
    github.commits.add(NAME, SHA, files=files)
    assert evidence.changed(client, PLACE, SHA) == files
    github.commits.add(NAME, SHA, files=[*files, "one", "and another"])
    with pytest.raises(Failure, match="there may be more"):
        evidence.changed(client, PLACE, SHA)


def test_a_branch_of_any_name_is_asked_for(github: GitHub, client: Client) -> None:
    head = github.commits.set_branch(NAME, "feature/a b", protected=True)
    found = evidence.branch(client, PLACE, "feature/a b")
    assert found == {"name": "feature/a b", "protected": True, "sha": head}
    with pytest.raises(Failure) as caught:
        evidence.branch(client, PLACE, "none")
    assert caught.value.kind is Kind.MISSING


def test_all_members_of_a_team_are_read(github: GitHub, client: Client) -> None:
    logins = [f"member-{number}" for number in range(101)]
    people(github, *logins)
    github.add_team(OWNER, "release")
    for login in logins:
        github.directory.join_team(OWNER, "release", login)
    assert evidence.members(client, f"{OWNER}/release") == logins


def test_a_deployment_that_was_good_stays_good_when_another_took_its_place(github: GitHub, client: Client) -> None:
    github.clock.shift = -3600.0
    good, bad = (github.start_run(NAME, ["staging"], sha=SHA)["deployments"][0] for _number in range(2))
    ended = github.clock.now().timestamp()
    github.guard(NAME, "staging")
    [waits] = github.start_run(NAME, ["staging"], sha=SHA)["deployments"]
    github.clock.shift = 0.0
    github.deployments.report(good, "inactive")
    github.deployments.report(bad, "failure")
    found = {item["id"]: item for item in evidence.deployments(client, PLACE, "staging", SHA)}
    assert {number: item["state"] for number, item in found.items()} == {
        good: "success",
        bad: "failure",
        waits: "pending",
    }
    assert found[good]["ended"] == pytest.approx(ended, abs=2.0)
    assert [evidence.deployment_ended(client, PLACE, number) for number in (good, bad, waits)] == [True, True, False]


@pytest.mark.parametrize(
    ("right", "ask"),
    [
        ("contents: read", lambda client: evidence.commit(client, PLACE, SHA)),
        ("contents: read", lambda client: evidence.branch(client, PLACE, "main")),
        ("pull_requests: read", lambda client: evidence.pulls(client, PLACE, SHA)),
        ("pull_requests: read", lambda client: evidence.reviews(client, PLACE, SHA)),
        ("checks: read", lambda client: evidence.checks(client, PLACE, SHA)),
        ("members: read", lambda client: evidence.members(client, f"{OWNER}/release")),
    ],
)
def test_a_right_that_is_missing_is_told_by_its_name(github: GitHub, client: Client, right: str, ask: Any) -> None:
    github.push(NAME, after=SHA)
    github.uninstall(OWNER)
    github.install(github.app_id, OWNER, permissions={"metadata": "read", "actions": "read", "deployments": "write"})
    with pytest.raises(Failure) as caught:
        ask(client)
    assert right in caught.value.sentence()


def test_what_is_no_object_is_a_failure(world: World) -> None:
    world.receiver.body = b'["x"]'
    elsewhere = world.client(url=world.receiver.url)
    with pytest.raises(Failure, match="no object"):
        evidence.run(elsewhere, PLACE, 7)
