"""flux_receiver_info: a Receiver that somebody made by hand, with a source that is there and one that is not.

In: a namespace with a Receiver. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.cases import flux_receiver
from tests.contract.world import World, eventually

TOKEN = "0123456789abcdef0123"


def prepare(world: World) -> None:
    """Make a Receiver by hand, and wait until Flux serves it."""
    flux_receiver.prepare(world)
    metadata = {"name": "hooks", "namespace": world.name}
    sources = [{"kind": "GitRepository", "name": name} for name in ("apps", "nowhere")]
    world.make(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": TOKEN}},
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1",
            "kind": "Receiver",
            "metadata": metadata,
            "spec": {"type": "generic", "resources": sources, "secretRef": {"name": "hooks"}},
        },
    )
    eventually("Flux serves the Receiver", lambda: served(world))


def served(world: World) -> str:
    """The path that Flux serves, empty before it does."""
    found = world.find(f"/apis/notification.toolkit.fluxcd.io/v1/namespaces/{world.name}/receivers/hooks") or {}
    return str((found.get("status") or {}).get("webhookPath") or "")


CASE = Case(
    module="flux_receiver_info",
    key="receivers",
    prepare=prepare,
    good=lambda world: {"name": "hooks", "namespace": world.name},
    bad=(
        Bad("unknown option", lambda world: {"nmae": "x"}, ("nmae",)),
        Bad("a kubeconfig that is not there", lambda world: {"kubeconfig": "nowhere"}, ("connection to Kubernetes",)),
    ),
    found=lambda world: ("Succeeded", "'found': False", "'webhook_path': '***'", "requested_at"),
)
