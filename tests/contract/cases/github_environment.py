"""github_environment: an environment with a slash in its name, reviewers and branch policies.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World


def _good(world: World) -> Args:
    return {
        "owner": world.owner,
        "repository": "shop",
        "name": "prod/eu",
        "wait_timer": 30,
        "reviewer_users": ["olga"],
        "prevent_self_review": True,
        "branch_policies": [{"name": "main"}, {"name": "v*", "type": "tag"}],
    }


def _path(world: World) -> str:
    return f"/repos/{world.repository}/environments"


def _there(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.ask_github("GET", _path(world))["environments"]
    return found


def _whole(world: World) -> list[Any]:
    """Every environment with its rules and its branch policies."""
    found = []
    for item in _there(world):
        rules = [{**rule, "id": 0, "node_id": ""} for rule in item["protection_rules"]]
        policies = world.ask_github("GET", f"{_path(world)}/{quote(item['name'], safe='')}/deployment-branch-policies")
        kept = sorted((each["type"], each["name"]) for each in policies["branch_policies"])
        found.append([item["name"], item["can_admins_bypass"], item["deployment_branch_policy"], rules, kept])
    return found


def _reset(world: World) -> None:
    """Somebody writes another wait timer as GitHub's own examples do, and so resets the rest."""
    world.ask_github("PUT", f"{_path(world)}/prod%2Feu", {"wait_timer": 5})


def _open(world: World) -> None:
    world.ask_github("POST", f"{_path(world)}/prod%2Feu/deployment-branch-policies", {"name": "feature/*"})


def _lose(world: World) -> None:
    world.ask_github("DELETE", f"{_path(world)}/prod%2Feu")


CASE = Case(
    module="github_environment",
    key="environment",
    good=_good,
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("a timer that is no number", lambda world: {"wait_timer": "long"}, ("wait_timer",)),
        Bad("a type that is none", lambda world: {"branch_policies": [{"name": "x", "type": "commit"}]}, ("commit",)),
        Bad("a timer too long", lambda world: {"wait_timer": 50000}, ("wait_timer 50000", "43200")),
        Bad("too many reviewers", lambda world: {"reviewer_users": list("abcdefg")}, ("more than 6",)),
        Bad("policies that cannot be", lambda world: {"branches": "all"}, ("branch_policies", "not selected")),
        Bad("owner and name in one", lambda world: {"repository": "acme/shop"}, ("acme/shop", "the name alone")),
        Bad("no credentials", lambda world: {"github_token": ""}, ("GITHUB_TOKEN",)),
        Bad(
            "a self-review without reviewers", lambda world: {"reviewer_users": []}, ("without a reviewer",), looks=True
        ),
        Bad(
            "a reviewer who is not there",
            lambda world: {"reviewer_users": ["nobody-here"]},
            ("nobody-here", "Not Found"),
            looks=True,
        ),
        Bad("a repository that is not there", lambda world: {"repository": "nothing"}, ("nothing",), looks=True),
    ),
    left=lambda world: [item["name"] for item in _there(world)],
    whole=_whole,
    drifts=(
        Drift("reset by hand", _reset, lambda world: ("'wait_timer': 5", "olga", "selected")),
        Drift("another branch may deploy", _open, lambda world: ("feature/*",)),
        Drift("deleted by hand", _lose, lambda world: ("prod/eu", "olga")),
    ),
    update=lambda world: {"wait_timer": 60, "branch_policies": [{"name": "main"}]},
    update_shows=lambda world: ("'wait_timer': 30", "'wait_timer': 60", "v*"),
    absent=lambda world: {"state": "absent"},
)
