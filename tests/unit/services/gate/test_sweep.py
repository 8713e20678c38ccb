"""A run that waits is found without its delivery, and told with nothing in it that is not sure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._github.client import Access
from services.gate.inbox import key_of
from services.gate.payload import EVENT, Delivery, parse
from services.gate.sweep import GRACE, Waiting, waiting
from tests.sandbox.standins.github import GitHub
from tests.unit.services.gate.a_github import APP, REPOSITORY, There, there


@pytest.fixture
def place() -> Iterator[There]:
    with there() as made:
        yield made


@pytest.fixture
def github(place: There) -> GitHub:
    return place.github


def found(place: There, *known: str, later: float = 2 * GRACE) -> list[Waiting]:
    """Sweep so many seconds after now."""
    place.github.clock.shift += later
    return list(waiting(place.connect(), APP, known, place.now()))


def decide(place: There, run: int, environment: str = "production") -> None:
    """Have the App approve its rule."""
    client = place.connect()
    path = f"/repos/{REPOSITORY}/actions/runs/{run}/deployment_protection_rule"
    access = Access.of("acme-corp", actions="read", deployments="write")
    body = {"environment_name": environment, "state": "approved", "comment": "fine"}
    client.post(path, access, body, look=lambda: None, tried="Deciding")


def test_what_is_told_is_what_the_delivery_said(place: There, github: GitHub) -> None:
    run = place.start(event="schedule")
    [line] = place.lines()
    sent = parse(Delivery("1", EVENT, json.dumps(line["request"]["payload"]).encode(), APP), github.url)
    [told] = found(place)
    pending = parse(Delivery(told.guid, EVENT, json.dumps(told.payload).encode(), APP), github.url)
    assert pending.run_id == run
    assert told.since == sent.created_at
    # Which deployment of the run it is cannot be told, and the rest of the payload has its own test.
    assert replace(pending, payload={}) == replace(sent, payload={}, deployment_id=None)
    differing = {name for name in sent.payload if pending.payload.get(name) != sent.payload[name]}
    assert differing <= {"deployment", "organization", "repository", "installation"}
    assert pending.payload["repository"]["full_name"] == REPOSITORY
    assert pending.payload["installation"]["id"] == sent.payload["installation"]["id"]


def test_it_is_found_under_one_guid_by_whoever_looks(place: There) -> None:
    place.start()
    assert found(place) == found(place, later=0) != []
    assert len({each.guid for each in [*found(place), *found(place, later=3600)]}) == 2


def test_what_is_known_or_young_is_left_alone(place: There) -> None:
    run = place.start()
    assert found(place, later=GRACE / 2) == []
    assert found(place, key_of(APP, REPOSITORY, run, "production")) == []
    assert len(found(place)) == 1


def test_a_run_that_waits_for_somebody_else_is_not_ours(place: There, github: GitHub) -> None:
    other = github.add_app("another", owner="acme-corp")["id"]
    github.install(other, "acme-corp")
    github.guard(REPOSITORY, "staging", other)
    place.start("staging")
    assert found(place) == []


def test_what_is_decided_is_ours_again_only_when_nobody_else_can_be_meant(place: There, github: GitHub) -> None:
    run = place.start()
    decide(place, run)
    assert found(place) == []
    # A later job of the run, whose delivery was lost.
    github.go_on(run, "production")
    assert [told.payload["workflow_run"]["id"] for told in found(place)] == [run]
    other = github.add_app("another", owner="acme-corp")["id"]
    github.install(other, "acme-corp")
    github.guard(REPOSITORY, "production", other)
    both = place.start()
    decide(place, both)
    assert both not in [told.payload["workflow_run"]["id"] for told in found(place)]


def test_of_a_fork_neither_ref_nor_pull_requests_are_told(place: There, github: GitHub) -> None:
    github.add_repository("globex/web-shop")
    place.start(event="push")
    place.start(event="push", fork="globex/web-shop")
    place.start(event="pull_request")
    foreign, request, own = _by_event(found(place))
    for told in (foreign, request):
        assert "pull_requests" not in told.payload
        assert "ref" not in told.payload
    assert (own.payload["ref"], own.payload["pull_requests"]) == ("main", [])


def _by_event(tolds: list[Waiting]) -> list[Waiting]:
    """Those without a ref first."""
    return sorted(tolds, key=lambda told: "ref" in told.payload)


def test_an_owner_that_cannot_be_read_hides_no_other(place: There, github: GitHub) -> None:
    run = place.start()
    github.add_owner("initech")
    github.install(github.app_id, "initech", permissions={"metadata": "read"})
    github.suspend("globex")
    assert [told.payload["workflow_run"]["id"] for told in found(place)] == [run]
