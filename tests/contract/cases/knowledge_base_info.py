"""knowledge_base_info: one knowledge base that is there as a resource alone.

In: a KnowledgeBase. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.cases.knowledge_base import resource
from tests.contract.world import World


def _prepare(world: World) -> None:
    world.make(resource(world))


CASE = Case(
    module="knowledge_base_info",
    key="knowledge_bases",
    prepare=_prepare,
    good=lambda world: {"name": f"kb-{world.name}"},
    bad=(
        Bad("unknown option", lambda world: {"nmae": "x"}, ("nmae",)),
        Bad("a kubeconfig that is not there", lambda world: {"kubeconfig": "nowhere"}, ("connection to Kubernetes",)),
    ),
    found=lambda world: (f"kb-{world.name}", "Pending"),
)
