"""authentik_blueprint: a blueprint by its content, with a value in its context.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

import json
from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World
from tests.sandbox.standins import authentik_blueprints as models

_CONTENT = """\
version: 1
metadata: {name: any}
entries:
  - model: authentik_core.group
    identifiers:
      name: !Context group
    attrs:
      is_superuser: false
"""


def _good(world: World) -> Args:
    return {
        "name": f"blueprint-{world.name}",
        "content": _CONTENT,
        "blueprint_context": {"group": f"admins-{world.name}"},
    }


def _instances(world: World) -> list[dict[str, Any]]:
    return [item for item in world.authentik.instances if world.name in item["name"]]


def _whole(world: World) -> list[Any]:
    kept = ("name", "path", "content", "context", "enabled", "status", "last_applied_hash")
    groups = [item for item in world.authentik.items(models.GROUP) if world.name in item["name"]]
    return [
        [{key: item[key] for key in kept} for item in _instances(world)],
        sorted([item["name"], item["is_superuser"]] for item in groups),
    ]


def _path(world: World) -> str:
    return f"/managed/blueprints/{_instances(world)[0]['pk']}/"


def _change(world: World) -> None:
    world.ask_authentik("PATCH", _path(world), {"content": _CONTENT.replace("false", "true"), "enabled": False})


def _break(world: World) -> None:
    """The worker could not apply it."""
    _instances(world)[0]["status"] = "error"


def _lose(world: World) -> None:
    world.ask_authentik("DELETE", _path(world))


CASE = Case(
    module="authentik_blueprint",
    key="blueprint",
    good=_good,
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("a context that is none", lambda world: {"blueprint_context": "group"}, ("blueprint_context",)),
        Bad("nothing to apply", lambda world: {"content": None}, ("path", "content")),
        Bad("both", lambda world: {"path": "mounted/a.yaml"}, ("path", "content")),
        Bad("a content that is no text", lambda world: {"content": {"version": 1}}, ("content", "text")),
        Bad(
            "a path that leaves the folder",
            lambda world: {"content": None, "path": "../etc/passwd"},
            ("not below the folder",),
        ),
        Bad("no address", lambda world: {"authentik_url": ""}, ("authentik_url",)),
        Bad("no token", lambda world: {"authentik_token": ""}, ("AUTHENTIK_TOKEN",)),
        Bad(
            "a file that is not there",
            lambda world: {"content": None, "path": "mounted/nothing.yaml"},
            ("mounted/nothing.yaml", "/blueprints"),
            looks=True,
        ),
        Bad(
            "a token that nobody knows",
            lambda world: {"authentik_token": world.secret("unknown-token")},
            ("Token invalid", "authentik_token"),
            looks=True,
        ),
    ),
    left=lambda world: [json.dumps(item["name"]) for item in _instances(world)],
    whole=_whole,
    drifts=(
        Drift("changed by hand", _change, lambda world: ("'enabled': False", "sha256:")),
        Drift("not applied", _break, lambda world: ("'applied': 'error'", "successful")),
        Drift("deleted by hand", _lose, lambda world: ("'applied': 'never'",)),
    ),
    update=lambda world: {"blueprint_context": {"group": f"operators-{world.name}"}},
    update_shows=lambda world: (f"admins-{world.name}", f"operators-{world.name}"),
    absent=lambda world: {"state": "absent"},
)
