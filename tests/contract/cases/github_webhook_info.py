"""github_webhook_info: the webhooks of an organization with what they delivered.

In: a webhook. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.world import World


def _prepare(world: World) -> None:
    """A webhook whose ping finds no way out, so that it takes no time at all."""
    world.github.deliver_to, edge = None, world.github.deliver_to
    config = {"url": "https://nobody.example.org/", "content_type": "json", "secret": world.secret("webhook-secret")}
    world.ask_github("POST", f"/orgs/{world.owner}/hooks", {"name": "web", "config": config})
    world.github.settle()
    world.github.deliver_to = edge


CASE = Case(
    module="github_webhook_info",
    key="webhooks",
    prepare=_prepare,
    good=lambda world: {"owner": world.owner, "deliveries": 5},
    bad=(
        Bad("a number that is none", lambda world: {"deliveries": "many"}, ("deliveries",)),
        Bad("a word for a switch", lambda world: {"app": "perhaps"}, ("app",)),
        Bad("an option that is not there", lambda world: {"organization": "acme"}, ("organization",)),
        Bad("no owner", lambda world: {"owner": None}, ("owner is missing",)),
        Bad("owner and App", lambda world: {"app": True}, ("app is set beside",)),
        Bad("a number below 0", lambda world: {"deliveries": -1}, ("deliveries", "below 0")),
        Bad("the App's without an App", lambda world: {"app": True, "owner": None}, ("only the App itself",)),
        Bad("an owner that is not there", lambda world: {"owner": "nobody-here"}, ("Not Found",), looks=True),
    ),
    found=lambda world: ("https://nobody.example.org/", "ping", "'has_secret': True"),
)
