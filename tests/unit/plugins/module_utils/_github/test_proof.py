"""A webhook proves itself: pinged when it was written or last failed, and the answer's code decides."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.hooks import Place
from ansible_collections.aphex.platform.plugins.module_utils._github.proof import Proof
from ansible_collections.aphex.platform.plugins.module_utils._github.webhook import Webhook
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, World

PLACES = [Place(OWNER, REPOSITORY), Place(OWNER)]
by_place = pytest.mark.parametrize("place", PLACES, ids=["repository", "organization"])


def _webhook(place: Place, **given: Any) -> Webhook:
    return Webhook(**{"place": place, "url": "https://hooks.example.org/", "secret": Sensitive("secret"), **given})


def _pings(world: World) -> int:
    return len([entry for entry in world.receiver.log.entries() if entry.headers["x-github-event"] == "ping"])


@by_place
def test_a_new_webhook_is_proven_by_the_ping_that_github_sends_by_itself(world: World, place: Place) -> None:
    webhook = _webhook(place)
    outcome, delivery = world.run(webhook, Proof(webhook))
    assert [step.verb for step in outcome.done] == ["create", "ping"]
    assert delivery["status_code"] == 200
    assert delivery["event"] == "ping"
    assert _pings(world) == 1
    assert [step.change is None for step in outcome.done] == [False, True]


def test_an_unchanged_proven_webhook_of_a_repository_costs_one_call(world: World) -> None:
    webhook = _webhook(PLACES[0])
    world.run(webhook, Proof(webhook))
    world.requests()
    outcome, _unused = world.run(webhook, Proof(webhook))
    assert outcome.plan.steps == ()
    assert world.requests() == ["GET hooks"]


def test_an_unchanged_webhook_of_an_organization_costs_one_call_when_three_days_old(world: World) -> None:
    webhook = _webhook(PLACES[1])
    world.standin.clock.shift = -4 * 86400.0
    world.run(webhook, Proof(webhook))
    world.requests()
    assert world.run(webhook, Proof(webhook))[0].plan.steps == ()
    assert world.requests() == ["GET hooks"]


def test_a_young_webhook_of_an_organization_is_looked_up_in_its_log(world: World) -> None:
    webhook = _webhook(PLACES[1])
    world.run(webhook, Proof(webhook))
    world.requests()
    assert world.run(webhook, Proof(webhook))[0].plan.steps == ()
    assert world.requests() == ["GET hooks", "GET hooks/deliveries"]


@by_place
def test_a_changed_webhook_is_pinged_again(world: World, place: Place) -> None:
    world.run(_webhook(place), Proof(_webhook(place)))
    changed = _webhook(place, events=("star",))
    outcome, delivery = world.run(changed, Proof(changed))
    assert [step.verb for step in outcome.done] == ["update", "ping"]
    assert delivery["status_code"] == 200
    assert _pings(world) == 2
    assert world.run(changed, Proof(changed))[0].plan.steps == ()


@by_place
def test_a_proof_that_a_kill_prevented_is_made_by_the_next_run(world: World, place: Place) -> None:
    world.receiver.code = 500
    world.run(_webhook(place))
    world.standin.settle()
    world.receiver.code = 200
    outcome, delivery = world.run(_webhook(place), Proof(_webhook(place)))
    assert [step.verb for step in outcome.done] == ["ping"]
    assert not outcome.plan.changed
    assert delivery["status_code"] == 200
    assert world.run(_webhook(place), Proof(_webhook(place)))[0].plan.steps == ()


@by_place
@pytest.mark.parametrize(
    ("code", "words"), [(401, "another secret"), (404, "path"), (502, "tunnel"), (530, "connector"), (418, "address")]
)
def test_the_answers_code_decides_and_says_what_to_do(world: World, place: Place, code: int, words: str) -> None:
    world.receiver.code = code
    webhook = _webhook(place)
    with pytest.raises(Failure) as caught:
        world.run(webhook, Proof(webhook))
    assert caught.value.kind is Kind.BROKEN
    assert str(code) in caught.value.sentence()
    assert words in caught.value.remedy
    assert len(world.hooks()) == 1


def test_an_address_that_nobody_answers_is_no_proof(world: World) -> None:
    world.standin.deliver_to = None
    webhook = _webhook(PLACES[0])
    with pytest.raises(Failure) as caught:
        world.run(webhook, Proof(webhook))
    assert "failed to connect" in caught.value.sentence()


def test_a_ping_without_a_trace_is_a_timeout(world: World) -> None:
    webhook = _webhook(PLACES[0])
    world.run(webhook, Proof(webhook))
    world.standin.courier.stop()
    with pytest.raises(Failure) as caught:
        world.run(webhook, Proof(webhook, always=True, timeout=0.01))
    assert caught.value.kind is Kind.TIMEOUT


def test_always_pings_each_time(world: World) -> None:
    webhook = _webhook(PLACES[0])
    for _unused in range(3):
        world.run(webhook, Proof(webhook, always=True))
    assert _pings(world) == 4


@pytest.mark.parametrize("given", [{"active": False}, {"present": False}])
def test_what_is_not_active_is_not_pinged(world: World, given: dict[str, Any]) -> None:
    webhook = _webhook(PLACES[0], **given)
    outcome, _unused = world.run(webhook, Proof(webhook, always=True))
    assert "ping" not in [step.verb for step in outcome.done]


def test_check_mode_announces_the_ping_and_sends_none(world: World) -> None:
    webhook = _webhook(PLACES[0])
    outcome, _unused = world.run(webhook, Proof(webhook), check=True)
    assert [step.verb for step in outcome.plan.steps] == ["create", "ping"]
    assert world.writes() == []


def test_a_lost_answer_to_the_ping_request_makes_no_second_ping(world: World) -> None:
    webhook = _webhook(PLACES[0])
    world.run(webhook, Proof(webhook))
    world.fault("lost", "POST", "pings")
    world.run(webhook, Proof(webhook, always=True))
    assert _pings(world) == 2
