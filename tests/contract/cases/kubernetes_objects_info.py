"""kubernetes_objects_info: a ConfigMap that is there, a Service that is not, and a kind that nobody knows.

In: the ConfigMap. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Bad, Case
from tests.contract.world import World


def _prepare(world: World) -> None:
    metadata = {"name": f"seen-{world.name}", "namespace": "default"}
    world.make({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


def _reference(kind: str, name: str) -> dict[str, Any]:
    return {"api_version": "v1", "kind": kind, "namespace": "default", "name": name}


CASE = Case(
    module="kubernetes_objects_info",
    key="objects",
    prepare=_prepare,
    good=lambda world: {
        "objects": [
            _reference("ConfigMap", f"seen-{world.name}"),
            _reference("Service", "not-there"),
            {"api_version": "nowhere.example.org/v1", "kind": "Nothing", "name": "unknown-kind"},
        ],
    },
    bad=(
        Bad("no kind", lambda world: {"objects": [{"api_version": "v1"}]}, ("kind",)),
        Bad("a kubeconfig that is not there", lambda world: {"kubeconfig": "nowhere"}, ("connection to Kubernetes",)),
    ),
    found=lambda world: (f"seen-{world.name}", "it is not there yet", "unknown-kind"),
)
