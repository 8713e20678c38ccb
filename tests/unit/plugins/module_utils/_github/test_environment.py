"""Environments: merged before they are replaced, their names encoded, their branch policies exact."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.environment import Environment
from tests.sandbox.faults import KINDS
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, World


def _environment(**given: Any) -> Environment:
    return Environment(**{"owner": OWNER, "repository": REPOSITORY, "name": "production", **given})


def _there(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.standin.state()["environments"][0]
    return found


def _body(world: World) -> dict[str, Any]:
    entries = [entry for entry in world.standin.log.entries() if entry.method == "PUT"]
    found: dict[str, Any] = json.loads(entries[-1].body)
    return found


def test_an_environment_is_made_and_then_costs_one_call(world: World) -> None:
    desired = _environment(wait_timer=30, reviewer_users=("Olga",), prevent_self_review=True)
    outcome, result = world.run(desired)
    assert outcome.plan.changed
    assert (result["wait_timer"], result["reviewer_users"], result["prevent_self_review"]) == (30, ["olga"], True)
    assert result["branches"] == "all"
    world.requests()
    assert world.run(desired)[0].plan.steps == ()
    assert world.requests() == ["GET environments"]


def test_an_app_may_do_it_with_administration(world: World) -> None:
    world.run(_environment(reviewer_teams=()), client=world.app())
    minted = [json.loads(entry.body) for entry in world.standin.log.entries() if "access_tokens" in entry.path]
    assert minted == [{"permissions": {"actions": "read", "administration": "write"}}]


def test_what_is_not_named_is_written_back(world: World) -> None:
    """GitHub resets what a replacement leaves out."""
    team = world.standin.add_team(OWNER, "release")
    world.run(
        _environment(
            wait_timer=30,
            reviewer_users=("olga",),
            reviewer_teams=("release",),
            prevent_self_review=True,
            branch_policies=(("branch", "main"),),
        )
    )
    outcome, result = world.run(_environment(wait_timer=5))
    assert outcome.plan.diff[0]["after"] == {"wait_timer": 5}
    assert (result["reviewer_teams"], result["prevent_self_review"]) == (["release"], True)
    body = _body(world)
    assert {"type": "Team", "id": team} in body["reviewers"]
    assert len(body["reviewers"]) == 2
    assert body["deployment_branch_policy"] == {"protected_branches": False, "custom_branch_policies": True}
    assert "can_admins_bypass" not in body
    assert result["branch_policies"] == [{"type": "branch", "name": "main"}]


def test_reviewers_are_looked_up_only_when_they_are_new(world: World) -> None:
    world.standin.add_owner("ida", "User")
    world.run(_environment(reviewer_users=("olga",)))
    world.requests()
    world.run(_environment(reviewer_users=("olga", "ida")))
    assert world.requests() == ["GET environments", "GET users/ida", "PUT environments/production"]
    world.run(_environment(reviewer_users=()))
    assert _there(world)["protection_rules"] == []


def test_a_reviewer_who_is_not_there_is_one_sentence(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(_environment(reviewer_teams=("nobody",)))
    assert caught.value.kind is Kind.MISSING
    assert "team nobody" in caught.value.sentence()
    assert world.writes() == []


@pytest.mark.parametrize("name", ["prod/eu", "prod eu", "Prüfung", "a%2Fb"])
def test_a_name_is_percent_encoded_whatever_it_holds(world: World, name: str) -> None:
    world.run(_environment(name=name, wait_timer=1))
    assert _there(world)["name"] == name
    assert world.run(_environment(name=name, wait_timer=1))[0].plan.steps == ()
    world.run(_environment(name=name, branch_policies=(("branch", "main"),)))
    world.run(_environment(name=name, present=False))
    assert world.standin.state()["environments"] == []


def test_another_case_of_the_name_is_the_same_environment(world: World) -> None:
    world.run(_environment(wait_timer=1))
    world.run(_environment(name="PRODUCTION", wait_timer=2))
    assert [item["name"] for item in world.standin.state()["environments"]] == ["production"]


def test_branch_policies_are_exactly_those(world: World) -> None:
    first = (("branch", "main"), ("branch", "release/*"))
    outcome, _unused = world.run(_environment(branch_policies=first))
    assert [step.verb for step in outcome.done] == ["create"] * 3
    second = (("branch", "main"), ("tag", "v*"))
    outcome, result = world.run(_environment(branch_policies=second))
    assert [(step.verb, step.target.split(" of ")[0]) for step in outcome.done] == [
        ("create", "Tag policy v*"),
        ("delete", "Branch policy release/*"),
    ]
    assert result["branch_policies"] == [{"type": "branch", "name": "main"}, {"type": "tag", "name": "v*"}]
    assert world.run(_environment(branch_policies=second))[0].plan.steps == ()
    outcome, result = world.run(_environment(branches="protected"))
    assert len(outcome.done) == 1
    assert (result["branches"], result["branch_policies"]) == ("protected", [])


def test_a_type_is_changed_by_another_policy(world: World) -> None:
    world.run(_environment(branch_policies=(("branch", "v1"),)))
    world.run(_environment(branch_policies=(("tag", "v1"),)))
    assert world.run(_environment(branch_policies=(("tag", "v1"),)))[0].plan.steps == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_is_made_once_whatever_happens_to_the_answer(world: World, kind: str) -> None:
    world.fault(kind, "POST", "deployment-branch-policies")
    desired = _environment(branch_policies=(("branch", "main"),))
    world.run(desired)
    assert world.run(desired)[0].plan.steps == ()


def test_admins_may_be_kept_from_bypassing(world: World) -> None:
    assert world.run(_environment(admin_bypass=False))[1]["admin_bypass"] is False
    assert world.run(_environment(admin_bypass=False))[0].plan.steps == ()
    assert world.run(_environment(wait_timer=1))[1]["admin_bypass"] is False


def test_absence_is_told_from_a_repository_that_is_hidden(world: World) -> None:
    world.run(_environment())
    world.run(_environment(present=False))
    assert world.standin.state()["environments"] == []
    assert world.run(_environment(present=False))[0].plan.steps == ()
    stranger = world.client(token=Sensitive(world.standin.add_classic_token(["workflow"])))
    with pytest.raises(Failure) as caught:
        world.run(_environment(present=False), client=stranger)
    assert caught.value.kind is Kind.MISSING
    assert "actions: read" in caught.value.remedy


def test_check_mode_writes_nothing(world: World) -> None:
    outcome, result = world.run(_environment(wait_timer=1, branch_policies=(("branch", "main"),)), check=True)
    assert [step.verb for step in outcome.plan.steps] == ["create", "create"]
    assert result["branch_policies"] == [{"type": "branch", "name": "main"}]
    assert world.writes() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": " "}, "is empty"),
        ({"name": "a\nb"}, "control letters"),
        ({"wait_timer": 43_201}, "43200"),
        ({"wait_timer": -1}, "43200"),
        ({"reviewer_users": tuple(f"user{number}" for number in range(7))}, "more than 6"),
        ({"reviewer_users": ("a/b",)}, "no name of a user"),
        ({"branches": "some"}, "branches is none of"),
        ({"branches": "all", "branch_policies": ()}, "not selected"),
        ({"branch_policies": (("commit", "x"),)}, "branch policy"),
        ({"branch_policies": (("branch", " "),)}, "branch policy"),
        ({"repository": "a/b"}, "the name alone"),
    ],
)
def test_values_that_github_would_refuse_are_refused_first(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure) as caught:
        _environment(**given)
    assert caught.value.kind is Kind.INVALID
    assert words in caught.value.sentence()


def test_self_review_without_reviewers_is_refused(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(_environment(prevent_self_review=True))
    assert "without a reviewer" in caught.value.sentence()
    assert world.writes() == []
