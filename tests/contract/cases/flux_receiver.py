"""flux_receiver: a Receiver of two sources with a token that is made, and later one that is given.

In: the real notification-controller, a namespace with sources. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World, eventually

_RECEIVERS = "/apis/notification.toolkit.fluxcd.io/v1/namespaces/{}/receivers"


def source(world: World, name: str, **labels: str) -> dict[str, Any]:
    """A GitRepository that nothing fetches."""
    metadata = {"name": name, "namespace": world.name, "labels": labels}
    spec = {"url": f"https://github.com/acme-corp/{name}", "interval": "10m", "ref": {"branch": "main"}}
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": metadata,
        "spec": spec,
    }


def prepare(world: World) -> None:
    """Have Flux run, and make a namespace with two sources."""
    world.side.sandbox.add("flux")
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}})
    world.make(source(world, "apps"), source(world, "infra", team="web"))


def _good(world: World) -> Args:
    return {
        "name": "hooks",
        "namespace": world.name,
        "branches": ["main"],
        "resources": [{"name": "apps"}, {"name": "*", "match_labels": {"team": "web"}}],
    }


def _meddle(world: World) -> None:
    """Somebody lets every push in and takes the Receiver's events away."""
    path = f"{_RECEIVERS.format(world.name)}/hooks"
    world.patch(path, {"spec": {"resourceFilter": "true", "events": ["issues"]}})


def _lose(world: World) -> None:
    """Somebody deletes the Receiver, and Flux lets it go."""
    path = f"{_RECEIVERS.format(world.name)}/hooks"
    world.api.delete(path)
    eventually("the Receiver is gone", lambda: world.find(path) is None)


def _foreign(world: World) -> None:
    world.make(
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1",
            "kind": "Receiver",
            "metadata": {"name": "theirs", "namespace": world.name},
            "spec": {
                "type": "github",
                "resources": [{"kind": "GitRepository", "name": "apps"}],
                "secretRef": {"name": "theirs"},
            },
        }
    )


def _bad_secret(world: World) -> None:
    metadata = {"name": "broken", "namespace": world.name}
    world.make(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": "0123456789abcdef\n"}}
    )


def _left(world: World) -> list[str]:
    secrets = world.api.list(f"/api/v1/namespaces/{world.name}/secrets")
    receivers = world.api.list(_RECEIVERS.format(world.name))
    names = [f"{item['metadata']['name']}" for item in [*secrets, *receivers]]
    return [name for name in names if name not in ("theirs", "broken")]


def _whole(world: World) -> list[Any]:
    """Every Receiver and Secret of the namespace, and whether it holds the token that was given."""
    found: list[Any] = []
    for item in world.api.list(_RECEIVERS.format(world.name)):
        served = bool(item.get("status", {}).get("webhookPath"))
        found.append([item["metadata"]["name"], item["metadata"]["labels"], item["spec"], served])
    for item in world.api.list(f"/api/v1/namespaces/{world.name}/secrets"):
        given = item["data"]["token"] == world.secret64("token")
        found.append([item["metadata"]["name"], item["metadata"]["labels"], sorted(item["data"]), given])
    return found


CASE = Case(
    module="flux_receiver",
    key="receiver",
    prepare=prepare,
    good=_good,
    bad=(
        Bad("no name", lambda world: {"name": None}, ("name",)),
        Bad("two filters", lambda world: {"resource_filter": "true"}, ("branches", "resource_filter")),
        Bad("another type", lambda world: {"type": "gitea"}, ("gitea",)),
        Bad("no branch", lambda world: {"branches": None}, ("branches", "A16")),
        Bad("no source", lambda world: {"resources": []}, ("resources",)),
        Bad("a branch that is code", lambda world: {"branches": ["main' || true"]}, ("branch",)),
        Bad("any name without labels", lambda world: {"resources": [{"name": "*"}]}, ("match_labels",)),
        Bad("a short token", lambda world: {"token": "hunter2"}, ("token", "7 characters")),
        Bad("a token with a line break", lambda world: {"token": world.secret("token") + "\n"}, ("line break",)),
        Bad("a type without events", lambda world: {"type": "quay", "branches": None, "events": ["push"]}, ("events",)),
        Bad(
            "a source that is not there",
            lambda world: {"resources": [{"name": "nowhere"}]},
            ("nowhere", "A17", "allow_missing_sources"),
            looks=True,
        ),
        Bad(
            "labels that nothing carries",
            lambda world: {"resources": [{"name": "*", "match_labels": {"team": "nobody"}}]},
            ("team=nobody",),
            looks=True,
        ),
        Bad("a Secret of others that ends in a line break", lambda world: {"secret_name": "broken"},
            ("Secret", "line break"), looks=True, prepare=_bad_secret),
        Bad("somebody else's Receiver", lambda world: {"name": "theirs"}, ("Receiver", "not ours", "adopt"),
            looks=True, prepare=_foreign),
    ),
    left=_left,
    whole=_whole,
    drifts=(
        Drift("another filter and other events", _meddle, lambda world: ("issues", "refs/heads/main")),
        Drift("the Receiver is gone", _lose, lambda world: ("hooks",)),
    ),
    update=lambda world: {"token": world.secret("token"), "branches": ["main", "next"]},
    update_shows=lambda world: ("refs/heads/next", "***"),
    absent=lambda world: {"state": "absent"},
)  # fmt: skip
