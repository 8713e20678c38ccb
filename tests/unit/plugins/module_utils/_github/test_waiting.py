"""What waits at environments: of one run, of all, and nothing any more once it was decided."""

from __future__ import annotations

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._github import waiting
from ansible_collections.aphex.platform.plugins.module_utils._github.environment import Environment
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, World


def _start(world: World, *names: str) -> int:
    for name in names:
        world.run(Environment(OWNER, REPOSITORY, name, reviewer_users=("Olga",), wait_timer=5))
    number = int(world.standin.start_run(f"{OWNER}/{REPOSITORY}", list(names))["id"])
    world.requests()
    return number


def test_every_run_that_waits_is_found_with_who_may_review_it(world: World) -> None:
    first, second = _start(world, "prod/eu", "prod/us"), _start(world, "prod/eu")
    found = waiting.pending_deployments(world.client(), OWNER, REPOSITORY)
    assert [(item["run_id"], item["environment"]) for item in found] == [
        (first, "prod/eu"),
        (first, "prod/us"),
        (second, "prod/eu"),
    ]
    assert found[0]["reviewer_users"] == ["olga"]
    assert found[0]["reviewer_teams"] == []
    assert found[0]["wait_timer"] == 5
    assert (found[0]["owner"], found[0]["repository"]) == (OWNER, REPOSITORY)


def test_one_run_costs_one_request(world: World) -> None:
    _start(world, "prod/eu")
    number = _start(world, "prod/eu")
    [item] = waiting.pending_deployments(world.client(), OWNER, REPOSITORY, number)
    assert item["run_id"] == number
    assert len(world.requests()) == 1


def test_what_was_decided_does_not_wait(world: World) -> None:
    number = _start(world, "prod/eu")
    world.standin.deployments.cancel(number)
    assert waiting.pending_deployments(world.client(), OWNER, REPOSITORY) == []


def test_a_run_that_cannot_be_is_refused_before_any_request(world: World) -> None:
    with pytest.raises(Failure, match="above 0"):
        waiting.pending_deployments(world.client(), OWNER, REPOSITORY, 0)
    assert world.requests() == []
