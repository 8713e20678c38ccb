"""platform_secret: a Secret with values made once, given and mirrored, and a copy of it elsewhere.

In: a namespace with a Secret that somebody else keeps. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World
from tests.sandbox.api import Object


def _secrets(world: World) -> str:
    return f"/api/v1/namespaces/{world.name}/secrets"


def _theirs(world: World, name: str, **body: Any) -> Object:
    metadata = {"name": name, "namespace": world.name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **body}


def _prepare(world: World) -> None:
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}})
    world.make(_theirs(world, "source", data={"theirs": world.secret64("mirrored value")}))


def _good(world: World) -> Args:
    source = {"namespace": world.name, "name": "source", "key": "theirs"}
    return {
        "namespace": world.name,
        "name": "login",
        "labels": {"team": "platform"},
        "keys": [
            {"name": "made"},
            {"name": "letters", "generate": {"length": 24, "encoding": "alphanumeric"}},
            {"name": "given", "value": world.secret("given value")},
            {"name": "mirrored", "from_secret": source},
        ],
        "copies": [{"namespace": world.name, "name": "copy", "keys": {"made": "clientSecret", "given": "given"}}],
    }


def _meddle(world: World) -> None:
    """Somebody changes what is given, in the Secret and in its copy, and adds a key."""
    world.patch(f"{_secrets(world)}/login", {"data": {"given": "dGhlaXJz", "added": "YWRkZWQ="}})
    world.patch(f"{_secrets(world)}/copy", {"data": {"clientSecret": "dGhlaXJz"}})


def _lose(world: World) -> None:
    """Somebody takes a key that was made."""
    world.patch(f"{_secrets(world)}/login", {"data": {"letters": None}})


def _lose_copy(world: World) -> None:
    world.api.delete(f"{_secrets(world)}/copy")


def _update(world: World) -> Args:
    good = _good(world)
    return {"keys": [*good["keys"], {"name": "new"}], "rotate": {"made": 2}}


def _foreign(world: World) -> None:
    world.make(_theirs(world, "foreign", data={"a": "dGhlaXJz"}))


def _typed(world: World) -> None:
    world.make(_theirs(world, "typed", type="example.org/theirs", data={"a": "dGhlaXJz"}))


def _left(world: World) -> list[str]:
    names = [item["metadata"]["name"] for item in world.api.list(_secrets(world))]
    return [name for name in names if name not in ("source", "foreign", "typed")]


def _whole(world: World) -> list[Any]:
    """Every Secret with its keys and how long they are, what is given and mirrored, and whether the copy is one."""
    found: list[Any] = []
    values: dict[str, dict[str, bytes]] = {}
    for item in world.api.list(_secrets(world)):
        data = {name: base64.b64decode(text) for name, text in (item.get("data") or {}).items()}
        values[item["metadata"]["name"]] = data
        metadata = item["metadata"]
        found.append(
            [metadata["name"], metadata.get("labels"), metadata.get("annotations"), item["type"],
             {name: len(value) for name, value in sorted(data.items())}]
        )  # fmt: skip
    main, copy = values.get("login", {}), values.get("copy", {})
    equal = copy.get("clientSecret") == main.get("made") and copy.get("given") == main.get("given")
    return [*found, ["equal", equal, main.get("given") == world.secret("given value").encode()]]


def _keys(*rows: dict[str, Any]) -> Args:
    return {"keys": list(rows), "copies": []}


CASE = Case(
    module="platform_secret",
    key="secret",
    prepare=_prepare,
    good=_good,
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("a name that is none", lambda world: {"name": "Login"}, ("Login", "lower-case")),
        Bad("nothing to hold", lambda world: _keys(), ("keys", "authority")),
        Bad("a key that is none", lambda world: _keys({"name": "a key"}), ("a key",)),
        Bad("a key that stands twice", lambda world: _keys({"name": "a"}, {"name": "a"}), ("key a", "twice")),
        Bad("two origins", lambda world: _keys({"name": "a", "generate": {}, "value": world.secret("two origins")}),
            ("key a", "generate", "value")),
        Bad("an empty value", lambda world: _keys({"name": "a", "value": ""}), ("key a", "empty")),
        Bad("little chance", lambda world: _keys({"name": "a", "generate": {"length": 8}}), ("length is 8", "16")),
        Bad("another encoding", lambda world: _keys({"name": "a", "generate": {"encoding": "rot13"}}), ("rot13",)),
        Bad("to rotate what is given", lambda world: {"rotate": {"given": 2}}, ("rotate", "given")),
        Bad("a version that is none", lambda world: {"rotate": {"made": "next"}}, ("next", "version")),
        Bad("our own label", lambda world: {"labels": {"platform.aphex/owner-name": "me"}}, ("owner-name", "ours")),
        Bad("a copy on itself", lambda world: {"copies": [{"namespace": world.name, "name": "login"}]}, ("twice",)),
        Bad("a copy of what is not there",
            lambda world: {"copies": [{"namespace": world.name, "name": "b", "keys": {"zero": "a"}}]}, ("zero",)),
        Bad("an authority of another type", lambda world: {"authority": {"common_name": "a"}, "type": "example.org/a"},
            ("kubernetes.io/tls",)),
        Bad("half of a pair", lambda world: {"authority": {"common_name": "a", "certificate_file": "/nowhere"}},
            ("private_key_file",)),
        Bad("a source that is not there",
            lambda world: {
                "name": "other",
                **_keys({"name": "a", "from_secret": {"namespace": world.name, "name": "nowhere", "key": "a"}}),
            },
            ("nowhere", "Make it first"), looks=True),
        Bad("a source without that key",
            lambda world: {
                "name": "other",
                **_keys({"name": "a", "from_secret": {"namespace": world.name, "name": "source", "key": "none"}}),
            },
            ("source", "no such key"), looks=True),
        Bad("files that are not there",
            lambda world: {
                "name": "other",
                **_keys(),
                "authority": {"common_name": "a", "certificate_file": "/nowhere/a", "private_key_file": "/nowhere/b"},
            },
            ("/nowhere/a", "platform_authority"), looks=True),
        Bad("somebody else's Secret", lambda world: {"name": "foreign", "copies": []}, ("foreign", "not ours", "adopt"),
            looks=True, prepare=_foreign),
        Bad("a Secret of another type", lambda world: {"name": "typed", "adopt": True}, ("example.org/theirs", "type"),
            looks=True, prepare=_typed),
    ),
    left=_left,
    whole=_whole,
    drifts=(
        Drift("other values, here and in the copy", _meddle, lambda world: ("given", "clientSecret", "***")),
        Drift("a value is gone", _lose, lambda world: ("letters",)),
        Drift("the copy is gone", _lose_copy, lambda world: ("copy",)),
    ),
    update=_update,
    update_shows=lambda world: ("secret-versions", "***"),
    absent=lambda world: {"state": "absent"},
)  # fmt: skip
