"""github_webhook_redeliver: one push that got lost while nobody answered.

In: a webhook. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World


def _url(world: World) -> str:
    return f"https://{world.public_host()}/lost"


def _good(world: World) -> Args:
    return {"owner": world.owner, "repository": "shop", "url": _url(world), "events": ["push"]}


def _prepare(world: World) -> None:
    config = {"url": _url(world), "content_type": "json", "secret": world.secret("webhook-secret")}
    world.ask_github("POST", f"/repos/{world.repository}/hooks", {"name": "web", "config": config})
    _lose(world)


def _lose(world: World) -> None:
    """Push while there is no way out, so that the attempt takes no time at all."""
    world.github.settle()
    world.github.deliver_to, edge = None, world.github.deliver_to
    world.github.push(world.repository)
    world.github.settle()
    world.github.deliver_to = edge


def _whole(world: World) -> list[Any]:
    """Every attempt to deliver, as soon as none is under way: a push that was lost has two, one in vain."""
    world.github.settle()
    (webhook,) = world.github.state()["webhooks"]
    log = world.github.log_of(webhook["id"])
    order = list(dict.fromkeys(item["guid"] for item in reversed(log)))
    return sorted([order.index(item["guid"]), item["event"], item["status_code"], item["redelivery"]] for item in log)


CASE = Case(
    module="github_webhook_redeliver",
    key="redelivery",
    prepare=_prepare,
    good=_good,
    bad=(
        Bad("a number that is none", lambda world: {"window": "long"}, ("window",)),
        Bad("a word for a switch", lambda world: {"newest_push": "perhaps"}, ("newest_push",)),
        Bad("an option that is not there", lambda world: {"since": "today"}, ("since",)),
        Bad("no address", lambda world: {"url": None}, ("url is missing",)),
        Bad("no owner", lambda world: {"owner": None, "repository": None}, ("owner is missing",)),
        Bad("no window", lambda world: {"window": 0}, ("window", "above 0")),
        Bad(
            "a webhook that is not there",
            lambda world: {"url": "https://elsewhere.example.org/"},
            ("elsewhere.example.org", "none with that address"),
            looks=True,
        ),
    ),
    whole=_whole,
    drifts=(Drift("another push is lost", _lose, lambda world: ("redelivered", "502")),),
)
