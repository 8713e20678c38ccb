"""Environments, protection rules and waiting runs of the GitHub stand-in over real sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.standins.github import GitHub
from tests.sandbox.standins.github.deployments import ALREADY, NOTHING_PENDING, TROUBLE
from tests.sandbox.standins.github.openapi import taken
from tests.sandbox.standins.github.refusals import ALLOW_LIST
from tests.unit.sandbox.github_client import REPO, Client, Origin, jwt

ENVIRONMENTS = f"{REPO}/environments"
ONE = f"{ENVIRONMENTS}/production"
POLICIES, RULES = f"{ONE}/deployment-branch-policies", f"{ONE}/deployment_protection_rules"
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


def kinds(environment: dict[str, Any]) -> list[str]:
    return [rule["type"] for rule in environment["protection_rules"]]


# Environments


def test_an_environment_is_made_replaced_and_deleted(call: Client, github: GitHub) -> None:
    person, team = call.do("GET", "/users/olga")["id"], github.add_team("acme-corp", "release")
    reviewers = [{"type": "User", "id": person}, {"type": "Team", "id": team}]
    made = call.environment(
        wait_timer=30, prevent_self_review=True, reviewers=reviewers, deployment_branch_policy=CUSTOM
    )
    assert kinds(made) == ["wait_timer", "required_reviewers", "branch_policy"]
    wait, required, _policy = made["protection_rules"]
    assert (wait["wait_timer"], required["prevent_self_review"]) == (30, True)
    assert [each["reviewer"].get("login") or each["reviewer"]["slug"] for each in required["reviewers"]] == [
        "olga",
        "release",
    ]
    assert call.do("GET", ONE) == made
    assert call.do("GET", ENVIRONMENTS)["total_count"] == 1
    again = call.environment(wait_timer=5)
    assert (again["id"], kinds(again), again["deployment_branch_policy"]) == (made["id"], ["wait_timer"], None)
    assert call("DELETE", ONE).status == 204
    assert call("GET", ONE).refused == (404, "Not Found")


def test_names_are_told_by_their_encoding_and_not_by_their_case(call: Client) -> None:
    made = call.environment("Review/é 1")
    assert made["name"] == "Review/é 1"
    assert made["url"].endswith("/environments/Review%2F%C3%A9%201")
    assert call.do("GET", f"{ENVIRONMENTS}/review%2F%C3%A9%201")["id"] == made["id"]
    assert call("GET", f"{ENVIRONMENTS}/review/%C3%A9%201").status == 404
    assert len(taken()) == 1


def test_the_undescribed_bypass_is_taken(call: Client) -> None:
    assert call.environment()["can_admins_bypass"] is True
    assert call.environment(can_admins_bypass=False)["can_admins_bypass"] is False


@pytest.mark.parametrize(
    ("body", "noticed"),
    [
        ({"wait_timer": 43_201}, 0),
        ({"wait_timer": "long"}, 1),
        ({"reviewers": [{"type": "User", "id": number} for number in range(7)]}, 0),
        ({"reviewers": [{"type": "User", "id": 4711}]}, 0),
        ({"reviewers": [{"type": "Team", "id": 4711}]}, 0),
        ({"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}}, 0),
    ],
)
def test_settings_that_are_refused(call: Client, body: dict[str, Any], noticed: int) -> None:
    assert call("PUT", ONE, body).refused[0] == 422
    assert call.do("GET", ENVIRONMENTS)["environments"] == []
    assert len(taken()) == noticed


def test_rights_on_environments(call: Client, github: GitHub) -> None:
    reader = github.add_token({"actions": "read"}, "acme-corp")
    call.environment()
    assert call.do("GET", ONE, token=reader)["name"] == "production"
    reply = call("PUT", ONE, {}, token=reader)
    assert reply.refused == (403, "Resource not accessible by personal access token")
    assert reply.headers["X-Accepted-GitHub-Permissions"] == "administration=write"


def test_branch_policies(call: Client) -> None:
    call.environment(deployment_branch_policy=CUSTOM)
    made = call.do("POST", POLICIES, {"name": "release/*"})
    assert (made["name"], made["type"]) == ("release/*", "branch")
    assert call("POST", POLICIES, {"name": "release/*"}).status == 303
    tag = call.do("POST", POLICIES, {"name": "release/*", "type": "tag"})
    assert [each["type"] for each in call.do("GET", POLICIES)["branch_policies"]] == ["branch", "tag"]
    one = f"{POLICIES}/{made['id']}"
    assert call.do("PUT", one, {"name": "main"})["name"] == call.do("GET", one)["name"] == "main"
    assert call("DELETE", one).status == 204
    assert call("GET", one).refused == (404, "Not Found")
    call.environment(deployment_branch_policy={"protected_branches": True, "custom_branch_policies": False})
    assert call.do("GET", POLICIES)["total_count"] == 0
    assert call("POST", POLICIES, {"name": "main"}).status == 404
    assert tag["id"] != made["id"]


# Custom rules


def test_a_custom_rule_is_enabled_and_taken_away(call: Client, github: GitHub) -> None:
    call.environment()
    apps = call.do("GET", f"{RULES}/apps")["available_custom_deployment_protection_rule_integrations"]
    assert [each["slug"] for each in apps] == ["aphex-platform"]
    made = call.do("POST", RULES, {"integration_id": github.app_id})
    assert (made["enabled"], made["app"]["slug"]) == (True, "aphex-platform")
    listed = call.do("GET", RULES)
    assert (listed["total_count"], listed["custom_deployment_protection_rules"]) == (1, [made])
    assert call.do("GET", f"{RULES}/{made['id']}") == made
    assert kinds(call.environment(wait_timer=1)) == ["wait_timer", "custom"]
    assert call("POST", RULES, {"integration_id": github.app_id}).refused[0] == 422
    assert call("DELETE", f"{RULES}/{made['id']}").status == 204
    assert call("GET", f"{RULES}/{made['id']}").refused == (404, "Not Found")


def test_an_environment_has_six_custom_rules_of_apps_that_can_decide(call: Client, github: GitHub) -> None:
    call.environment()
    rights, event = {"deployments": "write", "metadata": "read"}, ["deployment_protection_rule"]
    deaf = github.add_app("deaf", rights, [])
    weak = github.add_app("weak", {"deployments": "read"}, event)
    absent = github.add_app("absent", rights, event)
    for app in (deaf, weak):
        github.install(app["id"], "acme-corp")
    for app in (deaf, weak, absent):
        assert call("POST", RULES, {"integration_id": app["id"]}).refused[0] == 422
    for number in range(7):
        app = github.add_app(f"gate-{number}", rights, event)
        github.install(app["id"], "acme-corp")
        reply = call("POST", RULES, {"integration_id": app["id"]})
        assert reply.status == (201 if number < 6 else 422)


# Runs that wait


class Gate:
    """A run that waits for the App on `production`, and the App's way to decide."""

    def __init__(self, call: Client, jobs: int = 1, **environment: Any) -> None:
        self.call, github = call, call.github
        call.environment(**environment)
        call.do("POST", RULES, {"integration_id": github.app_id})
        self.token = call.installation_token()
        self.run = github.start_run("acme-corp/web-shop", ["production"], event="schedule", jobs=jobs)
        self.path = f"{REPO}/actions/runs/{self.run['id']}"

    def decide(self, token: str | None = None, **body: Any) -> Any:
        whole = {"environment_name": "production", **body}
        return self.call("POST", f"{self.path}/deployment_protection_rule", whole, token or self.token)

    def pending(self) -> Any:
        return self.call.do("GET", f"{self.path}/pending_deployments")

    def ended(self) -> tuple[str, str | None]:
        found = self.call.do("GET", self.path)
        return found["status"], found["conclusion"]


def test_an_app_is_asked_and_answers(call: Client, github: GitHub) -> None:
    with Origin() as origin:
        github.deliver_to = origin.url
        call.do("PATCH", "/app/hook/config", {"url": "https://gate.example.com", "content_type": "json"}, jwt(github))
        gate = Gate(call, jobs=2)
        github.settle()
        told = [json.loads(entry.body) for entry in origin.log.entries()]
    assert {each["deployment"]["id"] for each in told} == set(gate.run["deployments"])
    assert [each["deployment_callback_url"] for each in told] == [
        f"{github.url}{gate.path}/deployment_protection_rule"
    ] * 2
    assert (told[0]["environment"], told[0]["event"], told[0]["action"]) == ("production", "schedule", "requested")
    assert gate.ended() == ("waiting", None)
    assert [each["environment"]["name"] for each in gate.pending()] == ["production"]
    assert gate.decide(comment="looking").status == 204
    assert gate.decide(environment_name="PRODUCTION", state="approved", comment="fine").status == 204
    assert gate.ended() == ("completed", "success")
    approvals = call.do("GET", f"{gate.path}/approvals")
    assert [(each["state"], each["comment"]) for each in approvals] == [("pending", "looking"), ("approved", "fine")]
    assert approvals[0]["user"]["login"] == "aphex-platform[bot]"
    assert gate.decide(state="approved").refused == (422, NOTHING_PENDING)


def test_a_rejection_is_final(call: Client) -> None:
    gate = Gate(call)
    assert gate.decide(state="rejected").status == 204
    assert gate.ended() == ("completed", "failure")
    assert gate.decide(state="approved").refused == (422, NOTHING_PENDING)


def test_people_and_the_app_decide_each_for_themselves(call: Client, github: GitHub) -> None:
    person = call.do("GET", "/users/olga")["id"]
    gate = Gate(call, reviewers=[{"type": "User", "id": person}])
    (waiting,) = gate.pending()
    assert waiting["current_user_can_approve"] is True
    body = {"environment_ids": [waiting["environment"]["id"]], "state": "approved", "comment": "ship it"}
    path = f"{gate.path}/pending_deployments"
    assert gate.decide(state="approved").status == 204
    assert gate.decide(state="approved").refused == (422, ALREADY)
    assert gate.ended() == ("waiting", None)
    assert call("POST", path, body, gate.token).refused == (403, "Resource not accessible by integration")
    (deployment,) = call.do("POST", path, body)
    assert deployment["id"] == gate.run["deployments"][0]
    assert gate.ended() == ("completed", "success")
    assert call("POST", path, body).refused == (422, NOTHING_PENDING)


def test_what_cannot_be_decided(call: Client, github: GitHub) -> None:
    gate = Gate(call)
    assert gate.decide(token=github.token, state="approved").status == 403
    assert gate.decide(environment_name="elsewhere", state="approved").refused[0] == 422
    assert gate.decide(comment="x" * 1025).refused[0] == 422
    assert gate.decide(state="perhaps").refused[0] == 422
    assert len(taken()) == 1
    for _number in range(10):
        assert gate.decide(comment="still looking").status == 204
    assert gate.decide(comment="once more").refused[0] == 422
    github.deployments.trouble = 1
    assert gate.decide(state="approved").refused == (422, TROUBLE)
    assert gate.decide(state="approved").status == 204


def test_a_cancelled_run_waits_no_more(call: Client, github: GitHub) -> None:
    gate = Gate(call)
    github.deployments.cancel(gate.run["id"])
    assert gate.pending() == []
    assert gate.ended() == ("completed", "cancelled")
    assert gate.decide(state="approved").refused == (422, NOTHING_PENDING)


def test_runs_and_deployments_are_found(call: Client, github: GitHub) -> None:
    gate, free = Gate(call), github.start_run("acme-corp/web-shop", ["staging"], sha="c" * 40)
    runs = f"{REPO}/actions/runs"
    assert [each["id"] for each in call.do("GET", runs)["workflow_runs"]] == [free["id"], gate.run["id"]]
    assert [each["id"] for each in call.do("GET", f"{runs}?status=waiting")["workflow_runs"]] == [gate.run["id"]]
    assert call.do("GET", f"{runs}?head_sha={'c' * 40}")["total_count"] == 1
    run = call.do("GET", gate.path)
    assert (run["event"], run["run_attempt"], run["path"]) == ("schedule", 1, ".github/workflows/deploy.yml")
    (deployment,) = call.do("GET", f"{REPO}/deployments?environment=staging")
    assert deployment["sha"] == "c" * 40
    (status,) = call.do("GET", f"{REPO}/deployments/{deployment['id']}/statuses")
    assert status["state"] == "success"
    assert call("GET", f"{REPO}/deployments/1/statuses").refused == (404, "Not Found")
    assert call("GET", f"{runs}/1").refused == (404, "Not Found")
    assert github.state()["runs"][0]["status"] == "waiting"
    assert github.state()["environments"][0]["custom_rules"]


def test_a_fork_a_later_job_and_a_deleted_run(call: Client, github: GitHub) -> None:
    github.add_repository("globex/web-shop")
    github.guard("acme-corp/web-shop", "production")
    github.guard("acme-corp/web-shop", "production")
    run = github.start_run("acme-corp/web-shop", ["production"], fork="globex/web-shop")
    path = f"{REPO}/actions/runs/{run['id']}"
    found = call.do("GET", path)
    assert (found["repository"]["full_name"], found["head_repository"]["full_name"]) == (
        "acme-corp/web-shop",
        "globex/web-shop",
    )
    token = call.installation_token()
    body = {"environment_name": "production", "state": "approved"}
    assert call("POST", f"{path}/deployment_protection_rule", body, token).status == 204
    assert call.do("GET", path)["status"] == "completed"
    later = github.go_on(run["id"], "production")
    assert later not in run["deployments"]
    assert call.do("GET", path)["status"] == "waiting"
    assert call("POST", f"{path}/deployment_protection_rule", body, token).status == 204
    assert len(call.do("GET", f"{path}/approvals")) == 2
    github.deployments.delete(run["id"])
    assert call("GET", path).status == 404


def test_refusals_that_are_ordered(call: Client, github: GitHub) -> None:
    gate = Gate(call)
    for row, status, words in (
        ("race in a list", 422, "Validation Failed"),
        ("credentials", 401, "Bad credentials"),
        ("allow list", 403, ALLOW_LIST),
        ("bad gateway", 502, "Server Error"),
    ):
        github.refusals.order(row, "/deployment_protection_rule$")
        reply = gate.decide(state="approved")
        assert (reply.status, reply.data["message"]) == (status, words)
    github.refusals.order("used up", "/pending_deployments$", "GET", times=2)
    for _number in range(2):
        reply = call("GET", f"{gate.path}/pending_deployments")
        assert (reply.status, reply.headers["X-RateLimit-Remaining"]) == (403, "0")
    github.refusals.order("nothing pending", "/deployment", meanwhile=lambda: github.deployments.cancel(gate.run["id"]))
    assert gate.decide(state="approved").refused == (422, NOTHING_PENDING)
    assert gate.ended() == ("completed", "cancelled")
    with pytest.raises(ValueError, match="there is no refusal"):
        github.refusals.order("whatever", "")
