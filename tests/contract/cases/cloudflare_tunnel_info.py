"""cloudflare_tunnel_info: one tunnel among others.

In: a live tunnel and a deleted one. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.world import World


def _prepare(world: World) -> None:
    for name in ("live", "dead"):
        body = {"name": f"{name}-{world.name}", "tunnel_secret": world.secret64("tunnel-secret")}
        world.memo[name] = world.ask_cloudflare("POST", f"{world.account}/cfd_tunnel", body)["id"]
    world.ask_cloudflare("DELETE", f"{world.account}/cfd_tunnel/{world.memo['dead']}")


CASE = Case(
    module="cloudflare_tunnel_info",
    key="tunnels",
    prepare=_prepare,
    good=lambda world: {"name": f"live-{world.name}"},
    bad=(
        Bad("unknown option", lambda world: {"nmae": "x"}, ("nmae",)),
        Bad("no token", lambda world: {"cloudflare_api_token": ""}, ("API token",)),
        Bad("an account that is none", lambda world: {"cloudflare_account_id": "acme"}, ("cloudflare_account_id",)),
        Bad("a time-out of nothing", lambda world: {"cloudflare_timeout": 0}, ("cloudflare_timeout",)),
    ),
    found=lambda world: (world.memo["live"], f"live-{world.name}", "cfargotunnel.com"),
)
