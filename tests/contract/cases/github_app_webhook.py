"""github_app_webhook: the App's own webhook, configured as the App.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import jwt

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World

_FORMER = "https://former.example.org/"


def as_app(world: World) -> Args:
    """The options by which a task is the App, whatever token the environment has."""
    return {
        "github_token": "",
        "github_app_id": str(world.github.app_id),
        "github_app_private_key": world.github.private_key,
    }


def ask_as_app(world: World, method: str, path: str, body: dict[str, Any]) -> None:
    """One request to GitHub's API from outside, as the App."""
    now = int(time.time())
    claims = {"iss": str(world.github.app_id), "iat": now - 60, "exp": now + 300}
    claim = jwt.encode(claims, world.github.private_key, algorithm="RS256")
    headers = {"Authorization": f"Bearer {claim}", "User-Agent": "outside"}
    request = urllib.request.Request(world.github.url + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def _configure(world: World) -> None:
    ask_as_app(world, "PATCH", "/app/hook/config", {"url": _FORMER, "content_type": "form"})


def _whole(world: World) -> list[Any]:
    """The webhook of the App, and whether it signs with the secret that was given."""
    (app,) = world.github.state()["apps"]
    webhook = app["webhook"]
    names = ("url", "content_type")
    return [*(webhook[name] for name in names), webhook["secret"] == world.secret("app-webhook-secret")]


def _good(world: World) -> Args:
    return {
        "url": f"https://gate-{world.name}.example.org/",
        "content_type": "json",
        "secret": world.secret("app-webhook-secret"),
        "secret_fingerprint": world.memo.get("fingerprint"),
        **as_app(world),
    }


CASE = Case(
    module="github_app_webhook",
    key="webhook",
    prepare=_configure,
    good=_good,
    bad=(
        Bad("a content type that is none", lambda world: {"content_type": "xml"}, ("content_type", "xml")),
        Bad("a word for a switch", lambda world: {"insecure_ssl": "perhaps"}, ("insecure_ssl",)),
        Bad("a state", lambda world: {"state": "absent"}, ("state",)),
        Bad("no address", lambda world: {"url": "gate"}, ("gate", "no http or https URL")),
        Bad("an empty secret", lambda world: {"secret": ""}, ("webhook secret", "empty")),
        Bad("no App", lambda world: {"github_app_id": ""}, ("github_app_id",)),
        Bad("an App id that is none", lambda world: {"github_app_id": "an App"}, ("github_app_id", "client id")),
        Bad("no key", lambda world: {"github_app_private_key": ""}, ("private key", "one of both")),
        Bad(
            "an App that GitHub does not know",
            lambda world: {"github_app_id": "999"},
            ("Integration not found", "github_app_id"),
            looks=True,
        ),
    ),
    whole=_whole,
    drifts=(Drift("another address", _configure, lambda world: (_FORMER, f"gate-{world.name}")),),
    update=lambda world: {"url": f"https://other-{world.name}.example.org/"},
    update_shows=lambda world: (f"gate-{world.name}", f"other-{world.name}"),
)
