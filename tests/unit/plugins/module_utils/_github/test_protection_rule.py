"""Custom protection rules: found by the App's slug or id, enabled once, six at most."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._github.environment import Environment
from ansible_collections.aphex.platform.plugins.module_utils._github.protection_rule import ProtectionRule
from tests.sandbox.faults import KINDS
from tests.unit.plugins.module_utils._github.conftest import OWNER, REPOSITORY, World

SLUG = "aphex-platform"


def _rule(**given: Any) -> ProtectionRule:
    place = {"owner": OWNER, "repository": REPOSITORY, "environment": "prod/eu"}
    return ProtectionRule(**{**place, "app": SLUG, **given})


def _prepare(world: World) -> None:
    world.run(Environment(OWNER, REPOSITORY, "prod/eu"))
    world.requests()


def _enabled(world: World) -> list[str]:
    return list(world.standin.state()["environments"][0]["custom_rules"].values())


def test_a_rule_is_enabled_once_and_disabled_once(world: World) -> None:
    _prepare(world)
    outcome, result = world.run(_rule())
    assert outcome.plan.changed
    assert (result["app_slug"], result["app_id"], result["enabled"]) == (SLUG, world.standin.app_id, True)
    assert world.run(_rule())[0].plan.steps == ()
    assert world.run(_rule(app=str(world.standin.app_id)))[0].plan.steps == ()
    assert world.run(_rule(app="Aphex-Platform"))[0].plan.steps == ()
    assert _enabled(world) == [SLUG]
    world.run(_rule(present=False))
    assert _enabled(world) == []
    world.requests()
    assert world.run(_rule(present=False))[0].plan.steps == ()
    assert world.writes() == []


def test_the_app_itself_may_do_it(world: World) -> None:
    world.run(Environment(OWNER, REPOSITORY, "prod/eu"), client=world.app())
    world.run(_rule(), client=world.app())
    assert _enabled(world) == [SLUG]


def test_settings_of_the_environment_leave_the_rule_alone(world: World) -> None:
    _prepare(world)
    world.run(_rule())
    world.run(Environment(OWNER, REPOSITORY, "prod/eu", wait_timer=5))
    assert _enabled(world) == [SLUG]


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_is_enabled_once_whatever_happens_to_the_answer(world: World, kind: str) -> None:
    _prepare(world)
    world.fault(kind, "POST")
    world.run(_rule())
    assert _enabled(world) == [SLUG]


def test_an_app_that_github_does_not_offer_is_one_sentence(world: World) -> None:
    _prepare(world)
    other = world.standin.add_app("no-event", events=["push"])
    world.standin.install(other["id"], OWNER)
    for app in ("no-event", "nobody"):
        with pytest.raises(Failure) as caught:
            world.run(_rule(app=app))
        assert caught.value.kind is Kind.MISSING
        assert f"it offers {SLUG}" in caught.value.sentence()
    assert world.writes() == []


def test_e14_a_seventh_rule_is_refused_with_the_limit(world: World) -> None:
    _prepare(world)
    for number in range(6):
        made = world.standin.add_app(f"gate-{number}")
        world.standin.install(made["id"], OWNER)
        world.run(_rule(app=f"gate-{number}"))
    with pytest.raises(Failure) as caught:
        world.run(_rule())
    assert caught.value.kind is Kind.REFUSED
    assert "GitHub allows 6" in caught.value.sentence()


def test_a_missing_environment_is_one_sentence_and_in_check_mode_one_to_come(world: World) -> None:
    with pytest.raises(Failure) as caught:
        world.run(_rule())
    assert "github_environment first" in caught.value.sentence()
    outcome, _unused = world.run(_rule(), check=True)
    assert outcome.plan.changed
    assert world.run(_rule(present=False))[0].plan.steps == ()
    assert world.writes() == []


@pytest.mark.parametrize("given", [{"app": ""}, {"app": "a b"}, {"environment": ""}, {"owner": "a/b"}])
def test_names_that_are_none_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        _rule(**given)
    assert caught.value.kind is Kind.INVALID
