"""cloudflare_dns_record_info: the records of one name.

In: a record. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.world import World


def _prepare(world: World) -> None:
    body = {"type": "TXT", "name": f"text-{world.name}.{world.zone}", "content": '"a text"', "ttl": 1}
    world.ask_cloudflare("POST", f"{world.zone_path}/dns_records", body)


CASE = Case(
    module="cloudflare_dns_record_info",
    key="dns_records",
    prepare=_prepare,
    good=lambda world: {"zone": world.zone, "record": f"text-{world.name}"},
    bad=(
        Bad("no zone", lambda world: {"zone": None}, ("zone",)),
        Bad("no token", lambda world: {"cloudflare_api_token": ""}, ("API token",)),
        Bad("a zone that is not there", lambda world: {"zone": "no.example"}, ("no zone of that name",), looks=True),
    ),
    found=lambda world: (f"text-{world.name}.{world.zone}", "a text"),
)
