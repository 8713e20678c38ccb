"""cloudflare_tunnel_ingress: two rules of ours beside a foreign one in a remotely managed tunnel.

In: a tunnel. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World


def _prepare(world: World) -> None:
    tunnel = world.ask_cloudflare(
        "POST", f"{world.account}/cfd_tunnel", {"name": f"rules-{world.name}", "config_src": "cloudflare"}
    )
    local = {"name": f"local-{world.name}", "config_src": "local", "tunnel_secret": world.secret64("tunnel-secret")}
    world.memo["id"] = tunnel["id"]
    world.memo["local"] = world.ask_cloudflare("POST", f"{world.account}/cfd_tunnel", local)["id"]
    _write(world, [{"hostname": f"theirs.{world.zone}", "service": "http://theirs:80"}, {"service": "http_status:404"}])


def _path(world: World) -> str:
    return f"{world.account}/cfd_tunnel/{world.memo['id']}/configurations"


def _read(world: World) -> list[dict[str, Any]]:
    return list(world.ask_cloudflare("GET", _path(world))["config"]["ingress"])


def _write(world: World, rules: list[dict[str, Any]]) -> None:
    world.ask_cloudflare("PUT", _path(world), {"config": {"ingress": rules}})


def _host(world: World, name: str) -> str:
    return f"{name}.{world.name}.{world.zone}"


def _good(world: World) -> Args:
    return {
        "tunnel_id": world.memo["id"],
        "rules": [
            {"hostname": _host(world, "shop"), "path": "^/api/", "service": "http://api.shop:8080"},
            {
                "hostname": _host(world, "shop"),
                "service": "http://web.shop:8080",
                "origin_request": {"connectTimeout": 10},
            },
        ],
    }


def _loosen(world: World) -> None:
    """Somebody changes how a rule of ours reaches its service."""
    rules = _read(world)
    for rule in rules:
        rule.get("originRequest", {}).update(connectTimeout=99)
    _write(world, rules)


def _lose(world: World) -> None:
    """Somebody writes the whole document without our rules, and with one more of theirs."""
    more = {"hostname": f"more.{world.zone}", "service": "http://more:80"}
    rules = [rule for rule in _read(world) if rule.get("hostname") in (None, f"theirs.{world.zone}")]
    _write(world, [more, *rules])


def _left(world: World) -> list[str]:
    """Our rules that are there; and foreign ones that are not, or that have lost their order."""
    hosts = [rule.get("hostname", "") for rule in _read(world)]
    foreign = [host for host in hosts if world.name not in host]
    wanted = [f"more.{world.zone}", f"theirs.{world.zone}", ""]
    return [host for host in hosts if world.name in host] + [f"not {wanted}" for _one in [0] if foreign != wanted]


def _rule(world: World, **changes: Any) -> Args:
    rule = {"hostname": _host(world, "shop"), "service": "http://web.shop:8080", **changes}
    return {"rules": [{name: value for name, value in rule.items() if value is not None}]}


def _absent(world: World) -> Args:
    """Whatever service the rules lead to by now."""
    rules = [{"hostname": rule["hostname"], "path": rule.get("path", "")} for rule in _good(world)["rules"]]
    return {"rules": rules, "state": "absent"}


CASE = Case(
    module="cloudflare_tunnel_ingress",
    key="tunnel_ingress",
    prepare=_prepare,
    good=_good,
    bad=(
        Bad("no tunnel", lambda world: {"tunnel_id": None}, ("tunnel_id", "missing")),
        Bad("a name in place of an id", lambda world: {"tunnel_id": "shop"}, ("shop", "no UUID")),
        Bad("no rules", lambda world: {"rules": []}, ("tunnel rules",)),
        Bad("no host", lambda world: _rule(world, hostname=None), ("hostname",)),
        Bad("a host with a port", lambda world: _rule(world, hostname="shop.example.org:80"), ("host name",)),
        Bad("no service", lambda world: _rule(world, service=None), ("service is missing",)),
        Bad("a service with a path", lambda world: _rule(world, service="http://web/x"), ("has a path",)),
        Bad("a path with blanks", lambda world: _rule(world, path="^/a b"), ("path has blanks",)),
        Bad("an unknown word", lambda world: _rule(world, origin_request={"nope": 1}), ("originRequest", "nope")),
        Bad(
            "a rule that never matches",
            lambda world: {"rules": list(reversed(_good(world)["rules"]))},
            ("never matches",),
        ),
        Bad(
            "a tunnel that is not there",
            lambda world: {"tunnel_id": "00000000-0000-4000-8000-000000000000"},
            ("no live tunnel",),
            looks=True,
        ),
        Bad("a local tunnel", lambda world: {"tunnel_id": world.memo["local"]}, ("managed locally",), looks=True),
        Bad(
            "somebody else's rule",
            lambda world: _rule(world, hostname=f"theirs.{world.zone}"),
            ("theirs", "somebody else's", "adopt"),
            looks=True,
        ),
    ),
    left=_left,
    drifts=(
        Drift("another time-out", _loosen, lambda world: ("99", "10")),
        Drift("the whole document written anew", _lose, lambda world: (_host(world, "shop"), f"more.{world.zone}")),
    ),
    update=lambda world: {**_rule(world, service="http://web-2.shop:8080"), "adopt": True},
    update_shows=lambda world: ("http://web.shop:8080", "http://web-2.shop:8080"),
    absent=_absent,
    emptied=lambda result: result["rules"] == [],
)
