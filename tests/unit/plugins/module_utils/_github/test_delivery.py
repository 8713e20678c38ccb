"""Lost deliveries are sent again: each GUID once, the oldest first, only what the log still has."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.delivery import Redelivery
from ansible_collections.aphex.platform.plugins.module_utils._github.hooks import Place
from ansible_collections.aphex.platform.plugins.module_utils._github.webhook import AppWebhook, Webhook
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, World

FULL = f"{OWNER}/{REPOSITORY}"
PLACE = Place(OWNER, REPOSITORY)
URL = "https://hooks.example.org/"


def _redelivery(**given: Any) -> Redelivery:
    return Redelivery(**{"place": PLACE, "url": URL, **given})


def _prepare(world: World, **given: Any) -> None:
    world.run(Webhook(**{"place": PLACE, "url": URL, "secret": Sensitive("secret"), **given}))
    world.standin.settle()
    world.requests()


def _lose(world: World, count: int = 1, ref: str = "") -> list[str]:
    """Push so often while nobody answers; the GUIDs."""
    world.receiver.code = 503
    guids = []
    for _unused in range(count):
        guids.append(world.standin.push(FULL, ref))
        world.standin.settle()
    world.receiver.code = 200
    return guids


def _arrived(world: World) -> Counter[str]:
    """How often each GUID was answered with success."""
    entries = world.receiver.log.entries()
    return Counter(entry.headers["x-github-delivery"] for entry in entries if entry.status == 200)


def test_an_outage_of_60_deliveries_is_made_good_and_none_arrives_twice(world: World) -> None:
    _prepare(world)
    before = world.standin.push(FULL)
    world.standin.settle()
    lost = _lose(world, 60)
    outcome, result = world.run(_redelivery())
    assert [step.verb for step in outcome.done] == ["redeliver"] * 60 + ["wait"]
    assert [item["guid"] for item in result["redelivered"]] == lost
    arrived = _arrived(world)
    assert [arrived[guid] for guid in [before, *lost]] == [1] * 61
    world.requests()
    again, _unused = world.run(_redelivery())
    assert again.plan.steps == ()
    assert world.writes() == []


def test_a_guid_that_failed_twice_is_sent_once(world: World) -> None:
    _prepare(world)
    guid = _lose(world)[0]
    world.receiver.code = 500
    with pytest.raises(Failure) as caught:
        world.run(_redelivery())
    assert caught.value.kind is Kind.BROKEN
    assert guid in caught.value.sentence()
    world.receiver.code = 200
    outcome, _unused = world.run(_redelivery())
    assert len(outcome.done) == 2
    assert _arrived(world)[guid] == 1


def test_deliveries_without_any_answer_are_lost_as_well(world: World) -> None:
    """GitHub's own filter of failures does not show all of them."""
    _prepare(world)
    world.standin.deliver_to, address = None, world.standin.deliver_to
    guid = world.standin.push(FULL)
    world.standin.settle()
    world.standin.deliver_to = address
    world.run(_redelivery())
    assert _arrived(world)[guid] == 1


def test_only_the_newest_push_of_a_branch_when_asked(world: World) -> None:
    _prepare(world)
    main = _lose(world, 3)
    other = _lose(world, 2, "refs/heads/other")
    arrived = _lose(world, 1, "refs/heads/done")
    newer = world.standin.push(FULL, "refs/heads/done")
    world.standin.settle()
    outcome, _unused = world.run(_redelivery(newest_push=True))
    assert len([step for step in outcome.done if step.verb == "redeliver"]) == 2
    found = _arrived(world)
    assert [found[guid] for guid in (*main, *other, *arrived, newer)] == [0, 0, 1, 0, 1, 0, 1]


def test_what_is_older_than_the_window_or_another_event_stays(world: World) -> None:
    _prepare(world, events=("push", "star"))
    world.standin.clock.shift = -7200.0
    old = _lose(world)[0]
    world.standin.clock.shift = 0.0
    world.receiver.code = 500
    star = world.standin.emit("star", FULL, {"action": "created"})
    world.standin.settle()
    young = _lose(world)[0]
    world.run(_redelivery(window=3600.0, events=("push",)))
    found = _arrived(world)
    assert [found[guid] for guid in (old, star, young)] == [0, 0, 1]


def test_an_unclear_request_for_a_redelivery_is_not_repeated_when_it_was_heard(world: World) -> None:
    _prepare(world)
    guid = _lose(world)[0]
    world.fault("lost", "POST", "attempts")
    world.run(_redelivery())
    assert _arrived(world)[guid] == 1


def test_check_mode_lists_what_is_lost_and_sends_nothing(world: World) -> None:
    _prepare(world)
    guid = _lose(world)[0]
    outcome, result = world.run(_redelivery(), check=True)
    assert outcome.plan.changed
    assert [item["guid"] for item in result["redelivered"]] == [guid]
    assert world.writes() == []


def test_without_waiting_it_asks_and_goes_on(world: World) -> None:
    _prepare(world)
    _lose(world)
    outcome, _unused = world.run(_redelivery(timeout=0.0))
    assert [step.verb for step in outcome.done] == ["redeliver"]


def test_a_webhook_that_is_not_there_is_one_sentence(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(_redelivery(url="https://nowhere.example.org/"))
    assert caught.value.kind is Kind.MISSING


def test_deliveries_of_the_app_are_sent_again_as_well(world: World) -> None:
    world.address_of_app("https://former.example.org/")
    world.run(AppWebhook(url=URL, secret=Sensitive("secret")), client=world.app())
    world.receiver.code = 503
    guid = world.standin.emit("deployment_protection_rule", FULL, {"action": "requested"})
    world.standin.settle()
    world.receiver.code = 200
    world.run(Redelivery(Place()), client=world.app())
    assert _arrived(world)[guid] == 1
    assert world.run(Redelivery(Place()), client=world.app())[0].plan.steps == ()


@pytest.mark.parametrize("given", [{"url": ""}, {"url": "nowhere"}, {"window": 0.0}, {"timeout": -1.0}])
def test_what_cannot_be_meant_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        _redelivery(**given)
    assert caught.value.kind is Kind.INVALID
