"""flux_webhook_verify: a Receiver of type generic, seen from the cluster and from an address where nobody is.

In: a namespace with a Receiver. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.cases import flux_receiver_info

CASE = Case(
    module="flux_webhook_verify",
    key="findings",
    prepare=flux_receiver_info.prepare,
    good=lambda world: {
        "name": "hooks",
        "namespace": world.name,
        "url": "http://flux.example.org",
        "connect_to": "127.0.0.1:1",
    },
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("no URL", lambda world: {"url": "flux.example.org"}, ("http",)),
        Bad("a proof of nothing", lambda world: {"url": None, "prove": "ping"}, ("prove", "url")),
        Bad("no place", lambda world: {"connect_to": "there"}, ("connect_to", "there")),
        Bad("no legal name", lambda world: {"name": "A b"}, ("name",)),
    ),
    found=lambda world: ("source-missing", "edge-unreachable", "nobody takes the connection"),
)
