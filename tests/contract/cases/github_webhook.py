"""github_webhook: a repository's webhook that follows its path, pinged through the edge.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World


def _good(world: World) -> Args:
    return {
        "owner": world.owner,
        "repository": "shop",
        "url": f"https://{world.public_host()}/hook/one",
        "path_pattern": "/hook/*",
        "events": ["push", "star"],
        "secret": world.secret("webhook-secret"),
    }


def _ours(world: World) -> list[dict[str, Any]]:
    return [hook for hook in world.webhooks() if "/hook/" in hook["config"]["url"]]


def _change(world: World, path: str, body: dict[str, Any]) -> None:
    for hook in _ours(world):
        world.ask_github("PATCH", f"/repos/{world.repository}/hooks/{hook['id']}{path}", body)
    world.github.settle()


def _bend(world: World) -> None:
    _change(world, "", {"events": ["fork"]})


def _move(world: World) -> None:
    _change(world, "/config", {"url": f"https://{world.public_host()}/hook/elsewhere"})


def _lose(world: World) -> None:
    for hook in _ours(world):
        world.ask_github("DELETE", f"/repos/{world.repository}/hooks/{hook['id']}")


def _whole(world: World) -> list[Any]:
    """Every webhook, and whether it signs with the secret that was given."""
    names = ("target", "url", "content_type", "events", "active")
    found = [item for item in world.github.state()["webhooks"] if world.name in item["url"]]
    return [[*(item[name] for name in names), item["secret"] == world.secret("webhook-secret")] for item in found]


def _two_of_a_shape(world: World) -> None:
    for name in ("a", "b"):
        config = {"url": f"https://theirs.example.org/two/{name}", "content_type": "json"}
        world.ask_github("POST", f"/repos/{world.repository}/hooks", {"name": "web", "config": config})


CASE = Case(
    module="github_webhook",
    key="webhook",
    good=_good,
    bad=(
        Bad("no owner", lambda world: {"owner": None}, ("owner",)),
        Bad("a content type that is none", lambda world: {"content_type": "xml"}, ("content_type", "xml")),
        Bad("a state that is none", lambda world: {"state": "there"}, ("state", "there")),
        Bad("no address", lambda world: {"url": "hooks.example.org"}, ("hooks.example.org", "no http or https URL")),
        Bad("a loopback address", lambda world: {"url": "https://localhost/hook/"}, ("loopback",)),
        Bad("owner and name in one", lambda world: {"repository": "acme/shop"}, ("acme/shop", "the name alone")),
        Bad(
            "an event for Apps", lambda world: {"events": ["deployment_review"]}, ("deployment_review", "of Apps only")
        ),
        Bad(
            "an event of organizations", lambda world: {"events": ["membership"]}, ("membership", "organizations only")
        ),
        Bad("no event", lambda world: {"events": []}, ("events", "there is none")),
        Bad("an empty secret", lambda world: {"secret": ""}, ("webhook secret", "empty")),
        Bad("a pattern that does not fit", lambda world: {"path_pattern": "/other/*"}, ("path_pattern",)),
        Bad("no time for the ping", lambda world: {"ping_timeout": 0}, ("ping_timeout",)),
        Bad("no credentials", lambda world: {"github_token": ""}, ("GITHUB_TOKEN", "github_app_id")),
        Bad(
            "a token with a line end",
            lambda world: {"github_token": world.secret("token") + "\n"},
            ("GitHub token", "line end"),
        ),
        Bad(
            "token and App",
            lambda world: {"github_app_id": "1", "github_app_private_key": world.secret("key")},
            ("both set",),
        ),
        Bad(
            "a key that is none",
            lambda world: {"github_token": "", "github_app_id": "1", "github_app_private_key": world.secret("key")},
            ("private key", "PEM"),
        ),
        Bad("the address for browsers", lambda world: {"github_api_url": "https://github.com"}, ("api.github.com",)),
        Bad(
            "a repository that is not there",
            lambda world: {"repository": "nothing"},
            ("nothing", "Not Found", "repository_hooks: write"),
            looks=True,
        ),
        Bad(
            "several of that shape",
            lambda world: {"url": "https://theirs.example.org/two/c", "path_pattern": "/two/*"},
            ("2 webhooks fit", "path_pattern"),
            looks=True,
            prepare=_two_of_a_shape,
        ),
        Bad(
            "a token that nobody knows",
            lambda world: {"github_token": world.secret("unknown-token")},
            ("Bad credentials", "github_token"),
            looks=True,
        ),
    ),
    left=lambda world: [hook["config"]["url"] for hook in _ours(world)],
    whole=_whole,
    drifts=(
        Drift("other events", _bend, lambda world: ("fork", "star")),
        Drift("another path", _move, lambda world: ("/hook/elsewhere", "/hook/one")),
        Drift("deleted by hand", _lose, lambda world: ("/hook/one", "fingerprint")),
    ),
    update=lambda world: {"url": f"https://{world.public_host()}/hook/two"},
    update_shows=lambda world: ("/hook/one", "/hook/two"),
    absent=lambda world: {"state": "absent"},
)
