"""cluster_info: a namespace and a Service that are there, others that are not, and rights that everybody here has.

In: a namespace of the test. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Args, Bad, Case
from tests.contract.world import World


def prepare(world: World) -> None:
    """Make the namespace, as a tool of others would."""
    labels = {"app.kubernetes.io/managed-by": "somebody"}
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{world.name}-x", "labels": labels}})


def good(world: World) -> Args:
    """Ask for what is there, and for what is not."""
    return {
        "rights": [{"resource": "namespaces", "verbs": ["create", "get"]}],
        "namespaces": [f"{world.name}-x", f"{world.name}-nowhere"],
        "definitions": ["nothing.example.org"],
        "addresses": ["192.0.2.1"],
    }


CASE = Case(
    module="cluster_info",
    key="cluster",
    prepare=prepare,
    good=good,
    bad=(
        Bad("unknown option", lambda world: {"nmae": "x"}, ("nmae",)),
        Bad("an address that is none", lambda world: {"addresses": ["10.96.0"]}, ("10.96.0", "no IP address")),
        Bad("a right without a verb", lambda world: {"rights": [{"resource": "pods"}]}, ("verbs",)),
        Bad("a kubeconfig that is not there", lambda world: {"kubeconfig": "nowhere"}, ("connection to Kubernetes",)),
    ),
    found=lambda world: (
        "'made_by': 'somebody'",
        "'said': 'create namespaces'",
        "'in_range': False",
        "networking.k8s.io/v1",
    ),
)
