"""repo_binding_info: one binding that is there as a resource alone.

In: a RepoBinding. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.cases.repo_binding import pipeline
from tests.contract.platform import OWNER
from tests.contract.world import World


def _prepare(world: World) -> None:
    spec = {
        "aphexOrg": world.name,
        "repoOrg": OWNER,
        "repoName": "web",
        "pipelineName": f"web-{world.name}",
        "templateRef": "run-pipeline-v1",
        "pipelineSpec": pipeline(),
    }
    metadata = {"name": f"web-{world.name}", "namespace": "platform-system"}
    world.make({"apiVersion": "aphex.io/v1alpha1", "kind": "RepoBinding", "metadata": metadata, "spec": spec})


CASE = Case(
    module="repo_binding_info",
    key="repo_bindings",
    prepare=_prepare,
    good=lambda world: {"name": f"web-{world.name}"},
    bad=(
        Bad("unknown option", lambda world: {"nmae": "x"}, ("nmae",)),
        Bad("a kubeconfig that is not there", lambda world: {"kubeconfig": "nowhere"}, ("connection to Kubernetes",)),
    ),
    found=lambda world: (f"web-{world.name}", f"{OWNER}/web", "Pending"),
)
