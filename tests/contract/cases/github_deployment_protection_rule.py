"""github_deployment_protection_rule: the App of the sandbox decides about an environment.

In: an environment. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World


def _good(world: World) -> Args:
    return {"owner": world.owner, "repository": "shop", "environment": "prod/eu", "app": "aphex-platform"}


def _path(world: World) -> str:
    return f"/repos/{world.repository}/environments/prod%2Feu"


def _prepare(world: World) -> None:
    world.ask_github("PUT", _path(world), {"wait_timer": 1})


def _rules(world: World) -> list[dict[str, Any]]:
    found = world.ask_github("GET", f"{_path(world)}/deployment_protection_rules")
    rules: list[dict[str, Any]] = found["custom_deployment_protection_rules"]
    return rules


def _lose(world: World) -> None:
    for rule in _rules(world):
        world.ask_github("DELETE", f"{_path(world)}/deployment_protection_rules/{rule['id']}")


CASE = Case(
    module="github_deployment_protection_rule",
    key="protection_rule",
    prepare=_prepare,
    good=_good,
    bad=(
        Bad("no App", lambda world: {"app": None}, ("app",)),
        Bad("a state that is none", lambda world: {"state": "enabled"}, ("state", "enabled")),
        Bad("an option that is not there", lambda world: {"app_slug": "x"}, ("app_slug",)),
        Bad("an App that is none", lambda world: {"app": "the App"}, ("the App", "slug")),
        Bad("an empty environment", lambda world: {"environment": ""}, ("environment", "empty")),
        Bad("no credentials", lambda world: {"github_token": ""}, ("GITHUB_TOKEN",)),
        Bad(
            "an environment that is not there",
            lambda world: {"environment": "nowhere"},
            ("no environment nowhere", "github_environment"),
            looks=True,
        ),
        Bad("an App that is not installed", lambda world: {"app": "nobody"}, ("nobody", "Install it"), looks=True),
    ),
    left=lambda world: [rule["app"]["slug"] for rule in _rules(world)],
    whole=lambda world: [(rule["app"]["slug"], rule["enabled"]) for rule in _rules(world)],
    drifts=(Drift("disabled by hand", _lose, lambda world: ("aphex-platform", "prod/eu")),),
    absent=lambda world: {"state": "absent"},
)
