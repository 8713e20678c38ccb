"""kubernetes_objects: a set of objects with an inventory, of which one is dropped later.

In: a namespace. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World

_KINDS = ("configmaps", "secrets", "services", "resourcequotas")


def _prepare(world: World) -> None:
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}})


def _object(kind: str, name: str, **body: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **body}


def _settings(color: str) -> dict[str, Any]:
    return _object("ConfigMap", "settings", data={"color": color, "size": "1"})


def _others(world: World) -> list[dict[str, Any]]:
    return [
        _object("Secret", "login", stringData={"password": world.secret("password")}),
        _object("Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}),
    ]


def _good(world: World) -> Args:
    quota = _object("ResourceQuota", "quota", spec={"hard": {"requests.cpu": 0.5, "pods": 4}})
    return {
        "definition": [_settings("red"), quota, *_others(world)],
        "namespace": world.name,
        "inventory": {"name": "set", "namespace": world.name},
        "prune": True,
    }


def _meddle(world: World) -> None:
    """Somebody changes a value, deletes an object, and puts another secret in place."""
    core = f"/api/v1/namespaces/{world.name}"
    world.patch(f"{core}/configmaps/settings", {"data": {"color": "drifted"}})
    world.api.delete(f"{core}/services/web")
    world.patch(f"{core}/secrets/login", {"data": {"password": "c3RvbGVu"}})


def _left(world: World) -> list[str]:
    found = [
        f"{plural} {item['metadata']['name']}"
        for plural in _KINDS
        for item in world.api.list(f"/api/v1/namespaces/{world.name}/{plural}")
    ]
    return [name for name in found if name not in ("configmaps kube-root-ca.crt", "configmaps theirs")]


def _foreign(world: World) -> None:
    world.make({**_settings("theirs"), "metadata": {"name": "theirs", "namespace": world.name}})


CASE = Case(
    module="kubernetes_objects",
    key="objects",
    prepare=_prepare,
    good=_good,
    bad=(
        Bad("no definition", lambda world: {"definition": None}, ("definition", "src")),
        Bad("unknown option", lambda world: {"defintion": []}, ("defintion",)),
        Bad("an object without kind", lambda world: {"definition": {"apiVersion": "v1"}}, ("kind",)),
        Bad(
            "an object without name",
            lambda world: {"definition": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}},
            ("metadata.name",),
        ),
        Bad("no YAML", lambda world: {"definition": "a: [1"}, ("definition", "line 2, column 1")),
        Bad("a key twice", lambda world: {"definition": "a: 1\na: 2"}, ("'a' stands twice", "line 2")),
        Bad(
            "an object twice",
            lambda world: {"definition": [_settings("red"), _settings("blue")]},
            ("settings", "stands twice"),
        ),
        Bad("a number", lambda world: {"definition": 5}, ("definition",)),
        Bad(
            "no such file", lambda world: {"definition": None, "src": "nowhere.yaml"}, ("nowhere.yaml", "no such file")
        ),
        Bad("a manager of ours", lambda world: {"field_manager": "aphex.platform/spec"}, ("aphex.platform/",)),
        Bad(
            "data that is no base64",
            lambda world: {"definition": _object("Secret", "x", data={"key": world.secret("no base64")})},
            ("Secret", "base64"),
        ),
        Bad(
            "somebody else's object",
            lambda world: {"definition": {**_settings("mine"), "metadata": {"name": "theirs"}}},
            ("ConfigMap", "theirs", "not ours", "adopt"),
            looks=True,
            prepare=_foreign,
        ),
        Bad(
            "a kind that nobody knows",
            lambda world: {"definition": {"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "x"}}},
            ("Nothing", "does not know"),
            looks=True,
        ),
    ),
    left=_left,
    drifts=(Drift("meddling with everything", _meddle, lambda world: ("drifted", "red", "Service", "8080", "***")),),
    update=lambda world: {"definition": [_settings("blue"), *_others(world)]},
    update_shows=lambda world: ("red", "blue", "ResourceQuota"),
    absent=lambda world: {"definition": [], "state": "absent"},
)
