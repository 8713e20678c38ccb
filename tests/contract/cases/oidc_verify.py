"""oidc_verify: an issuer that is not there, and a token that is none.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case

CASE = Case(
    module="oidc_verify",
    key="findings",
    good=lambda world: {
        "issuer": "https://dex.example.org",
        "connect_to": "127.0.0.1:1",
        "token": world.secret("token"),
    },
    bad=(
        Bad("no issuer", lambda world: {"issuer": None}, ("issuer",)),
        Bad("an issuer without TLS", lambda world: {"issuer": "http://dex.example.org"}, ("https",)),
        Bad("no URL", lambda world: {"issuer": "https://"}, ("https", "host")),
        Bad("no place", lambda world: {"connect_to": "there"}, ("connect_to", "there")),
        Bad("a token of two lines", lambda world: {"token": f"{world.secret('token')}\n"}, ("token", "line")),
    ),
    found=lambda world: ("discovery-unreachable", "token-unreadable", "token-refused", "configuration"),
)
