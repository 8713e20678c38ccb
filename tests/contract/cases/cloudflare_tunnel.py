"""cloudflare_tunnel: a local tunnel with a secret of ours, which may be taken back when somebody changes it.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World


def _good(world: World) -> Args:
    return {"name": f"hooks-{world.name}", "tunnel_secret": world.secret64("tunnel-secret"), "adopt": True}


def _steal(world: World) -> None:
    for tunnel in world.tunnels():
        body = {"tunnel_secret": world.secret64("stolen-tunnel-secret")}
        world.ask_cloudflare("PATCH", f"{world.account}/cfd_tunnel/{tunnel['id']}", body)


def _lose(world: World) -> None:
    for tunnel in world.tunnels():
        world.ask_cloudflare("DELETE", f"{world.account}/cfd_tunnel/{tunnel['id']}")


def _foreign(world: World) -> None:
    body = {"name": f"theirs-{world.name}", "config_src": "local", "tunnel_secret": world.secret64("their-secret")}
    world.ask_cloudflare("POST", f"{world.account}/cfd_tunnel", body)


def _left(world: World) -> list[str]:
    return [tunnel["name"] for tunnel in world.tunnels() if not tunnel["name"].startswith("theirs-")]


CASE = Case(
    module="cloudflare_tunnel",
    key="tunnel",
    good=_good,
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("a name that reads as an id", lambda world: {"name": "0" * 32}, ("looks like a tunnel id",)),
        Bad("an empty name", lambda world: {"name": " "}, ("The tunnel name",)),
        Bad("a state that is none", lambda world: {"state": "there"}, ("state", "there")),
        Bad("another kind", lambda world: {"config_src": "remote"}, ("config_src", "remote")),
        Bad(
            "a short secret",
            lambda world: {"tunnel_secret": "c2hvcnQ="},
            ("tunnel secret", "32 bytes"),
        ),
        Bad(
            "a secret that is no base64",
            lambda world: {"tunnel_secret": world.secret("no base64")},
            ("tunnel secret", "base64"),
        ),
        Bad("no token", lambda world: {"cloudflare_api_token": ""}, ("API token", "cloudflare_api_token")),
        Bad(
            "a token with a line end",
            lambda world: {"cloudflare_api_token": world.secret("token") + "\n"},
            ("API token", "line end"),
        ),
        Bad("an account that is none", lambda world: {"cloudflare_account_id": "acme"}, ("cloudflare_account_id",)),
        Bad("a URL that is none", lambda world: {"cloudflare_api_url": "api"}, ("cloudflare_api_url",)),
        Bad(
            "somebody else's tunnel",
            lambda world: {"name": f"theirs-{world.name}", "adopt": False},
            ("theirs-", "another secret", "adopt"),
            looks=True,
            prepare=_foreign,
        ),
        Bad(
            "a token that nobody knows",
            lambda world: {"cloudflare_api_token": world.secret("unknown-token-0123456789")},
            ("Cloudflare",),
            looks=True,
        ),
    ),
    left=_left,
    drifts=(
        Drift("another secret", _steal, lambda world: ("fingerprint",)),
        Drift("deleted by hand", _lose, lambda world: (f"hooks-{world.name}",)),
    ),
    update=lambda world: {"tunnel_secret": world.secret64("next-tunnel-secret")},
    update_shows=lambda world: ("fingerprint",),
    absent=lambda world: {"state": "absent"},
)
