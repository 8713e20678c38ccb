"""Decisions about waiting deployments: made once, by an App for its own rule or by a person as reviewer."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._github import deployment
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._github.deployment import Review
from ansible_collections.aphex.platform.plugins.module_utils._github.environment import Environment
from ansible_collections.aphex.platform.plugins.module_utils._github.protection_rule import ProtectionRule
from tests.sandbox.faults import KINDS
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, World

NAME = "prod/eu"


def _waiting(world: World, rule: bool = True, people: bool = True) -> int:
    """A run that waits for the App's rule, for a person, or for both."""
    world.run(Environment(OWNER, REPOSITORY, NAME, reviewer_users=("olga",) if people else ()))
    if rule:
        world.run(ProtectionRule(OWNER, REPOSITORY, NAME, "aphex-platform"))
    number = int(world.standin.start_run(f"{OWNER}/{REPOSITORY}", [NAME])["id"])
    world.requests()
    return number


def _review(number: int, state: str = "approved", **given: Any) -> Review:
    return Review(OWNER, REPOSITORY, number, given.pop("environment", NAME), state, **given)


def _clients(world: World, who: str) -> Client:
    return world.app() if who == "app" else world.client()


@pytest.mark.parametrize("who", ["app", "person"])
@pytest.mark.parametrize("state", ["approved", "rejected"])
def test_a_deployment_is_decided_once(world: World, who: str, state: str) -> None:
    number = _waiting(world, rule=who == "app", people=who == "person")
    desired = _review(number, state, comment="as planned")
    outcome, result = world.run(desired, client=_clients(world, who))
    assert outcome.plan.changed
    assert result["state"] == state
    run = world.standin.state()["runs"][0]
    assert run["reviews"][0]["state"] == state
    assert run["reviews"][0]["comment"] == "as planned"
    world.requests()
    outcome, result = world.run(desired, client=_clients(world, who))
    assert outcome.plan.steps == ()
    assert result["state"] == state
    assert world.writes() == []


def test_e1_the_app_and_the_reviewers_each_pass_their_own_rule(world: World) -> None:
    number = _waiting(world)
    world.run(_review(number), client=world.app())
    assert world.standin.state()["runs"][0]["status"] == "waiting"
    world.requests()
    assert world.run(_review(number), client=world.app())[0].plan.steps == ()
    assert world.writes() == []
    world.run(_review(number))
    assert world.standin.state()["runs"][0]["conclusion"] == "success"
    assert len(world.standin.state()["runs"][0]["reviews"]) == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["app", "person"])
def test_a_decision_is_made_once_whatever_happens_to_the_answer(world: World, who: str, kind: str) -> None:
    number = _waiting(world, rule=who == "app", people=who == "person")
    world.fault(kind, "POST", "pending_deployments|protection_rule")
    world.run(_review(number), client=_clients(world, who))
    assert len(world.standin.state()["runs"][0]["reviews"]) == 1


def test_a_race_between_reviews_is_settled_by_a_look(world: World) -> None:
    number = _waiting(world, people=False)
    world.standin.deployments.trouble = 1
    world.run(_review(number), client=world.app())
    assert world.standin.state()["runs"][0]["conclusion"] == "success"


def test_another_decision_than_the_final_one_is_refused(world: World) -> None:
    number = _waiting(world, rule=False)
    world.run(_review(number, "rejected"))
    with pytest.raises(Failure) as caught:
        world.run(_review(number))
    assert caught.value.kind is Kind.CONFLICT
    assert "final" in caught.value.sentence()


@pytest.mark.parametrize("environment", ["elsewhere", NAME])
def test_what_does_not_wait_and_was_not_decided_is_one_sentence(world: World, environment: str) -> None:
    number = _waiting(world)
    if environment == NAME:
        world.standin.deployments.cancel(number)
    with pytest.raises(Failure) as caught:
        world.run(_review(number, environment=environment))
    assert caught.value.kind is Kind.MISSING
    assert "nothing of that run waits there" in caught.value.sentence()


def test_a_run_that_is_not_there_is_one_sentence(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(_review(4711))
    assert caught.value.kind is Kind.MISSING


def test_check_mode_decides_nothing(world: World) -> None:
    number = _waiting(world)
    outcome, _unused = world.run(_review(number), check=True)
    assert outcome.plan.diff[0]["after"]["state"] == "approved"
    assert world.writes() == []


@pytest.mark.parametrize(
    "given", [{"run_id": 0}, {"state": "waiting"}, {"comment": "x" * 1025}, {"environment": ""}, {"repository": "a/b"}]
)
def test_what_cannot_be_a_decision_is_refused(given: dict[str, Any]) -> None:
    whole = {"owner": OWNER, "repository": REPOSITORY, "run_id": 1, "environment": NAME, "state": "approved"}
    with pytest.raises(Failure) as caught:
        Review(**{**whole, **given})
    assert caught.value.kind is Kind.INVALID


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_a_word_to_what_waits_is_said_once_and_decides_nothing(world: World, kind: str | None) -> None:
    number = _waiting(world, people=False)
    if kind is not None:
        world.fault(kind, "POST", "protection_rule")
    assert deployment.note(world.app(), _review(number, comment="until nine"))
    [run] = world.standin.state()["runs"]
    assert run["status"] == "waiting"
    assert [review["state"] for review in run["reviews"]] in ([], ["pending"])
    assert len(world.writes()) == (2 if kind == "429" else 1)


def test_a_word_to_what_waits_no_more_is_told(world: World) -> None:
    number = _waiting(world, people=False)
    world.standin.deployments.cancel(number)
    assert not deployment.note(world.app(), _review(number, comment="until nine"))


def test_the_own_word_is_the_apps_and_no_persons(world: World) -> None:
    number = _waiting(world)
    client = world.app()
    world.run(_review(number))
    assert deployment.own_word(client, _review(number)) is None
    assert deployment.note(client, _review(number, comment="until nine"))
    assert deployment.own_word(client, _review(number)) is None
    assert deployment.review(client, _review(number, "rejected"))
    assert deployment.own_word(client, _review(number)) == "rejected"


def test_what_was_cancelled_in_between_was_not_our_word(world: World) -> None:
    number = _waiting(world, people=False)
    github = world.standin
    github.refusals.order("nothing pending", "protection_rule$", meanwhile=lambda: github.deployments.cancel(number))
    assert not deployment.review(world.app(), _review(number))
    assert deployment.own_word(world.app(), _review(number)) is None


def test_a_word_whose_answer_got_lost_was_ours(world: World) -> None:
    number = _waiting(world, people=False)
    world.fault("lost", "POST", "protection_rule")
    assert deployment.review(world.app(), _review(number))
    assert len(world.writes()) == 1


def test_a_second_word_to_what_waits_for_people_is_a_conflict(world: World) -> None:
    number = _waiting(world)
    assert deployment.review(world.app(), _review(number))
    with pytest.raises(Failure) as caught:
        deployment.review(world.app(), _review(number))
    assert caught.value.kind is Kind.CONFLICT
    assert len(world.writes()) == 2
