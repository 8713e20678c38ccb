"""cloudflare_dns_record: one proxied CNAME with an owner of its own.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World

_CONTENT = "first.cfargotunnel.com"


def _good(world: World) -> Args:
    return {
        "zone": world.zone,
        "record": f"www-{world.name}",
        "type": "CNAME",
        "content": _CONTENT,
        "proxied": True,
        "owner": "contract",
    }


def _ours(world: World) -> list[dict[str, Any]]:
    return [item for item in world.records() if item["name"].startswith("www-")]


def _bend(world: World) -> None:
    """Somebody points the record elsewhere, and leaves the comment as it is."""
    for record in _ours(world):
        body = {"content": "elsewhere.example.org", "proxied": False}
        world.ask_cloudflare("PATCH", f"{world.zone_path}/dns_records/{record['id']}", body)


def _lose(world: World) -> None:
    for record in _ours(world):
        world.ask_cloudflare("DELETE", f"{world.zone_path}/dns_records/{record['id']}")


def _foreign(world: World) -> None:
    body = {
        "type": "A",
        "name": f"theirs-{world.name}.{world.zone}",
        "content": "192.0.2.1",
        "proxied": False,
        "ttl": 1,
    }
    world.ask_cloudflare("POST", f"{world.zone_path}/dns_records", body)


CASE = Case(
    module="cloudflare_dns_record",
    key="dns_record",
    good=_good,
    bad=(
        Bad("no zone", lambda world: {"zone": None}, ("zone",)),
        Bad("no content", lambda world: {"content": None}, ("content is missing",)),
        Bad("another type", lambda world: {"type": "MX"}, ("type", "MX")),
        Bad("no address", lambda world: {"type": "A", "content": "shop"}, ("shop", "IPv4")),
        Bad("a proxied text", lambda world: {"type": "TXT", "content": "x"}, ("cannot be proxied",)),
        Bad("no name", lambda world: {"record": "a b"}, ("no DNS name",)),
        Bad("a label too long", lambda world: {"record": "a" * 64}, ("no DNS name", "63")),
        Bad("a short ttl", lambda world: {"ttl": 5}, ("ttl 5",)),
        Bad("a ttl that is no number", lambda world: {"ttl": "short"}, ("ttl",)),
        Bad("an owner too long", lambda world: {"owner": "o" * 100}, ("The owner", "100")),
        Bad(
            "a zone that is not there",
            lambda world: {"zone": "elsewhere.example"},
            ("elsewhere.example", "no zone of that name"),
            looks=True,
        ),
        Bad(
            "somebody else's record",
            lambda world: {"record": f"theirs-{world.name}"},
            ("theirs-", "somebody else's", "adopt"),
            looks=True,
            prepare=_foreign,
        ),
    ),
    left=lambda world: [item["name"] for item in _ours(world)],
    drifts=(
        Drift("another content", _bend, lambda world: ("elsewhere.example.org", _CONTENT)),
        Drift("deleted by hand", _lose, lambda world: (_CONTENT,)),
    ),
    update=lambda world: {"content": "second.cfargotunnel.com"},
    update_shows=lambda world: (_CONTENT, "second.cfargotunnel.com"),
    absent=lambda world: {"state": "absent", "content": None},
)
