"""organization_info: one organization that is there as a resource alone.

In: an Organization. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.cases.repo_binding import organization
from tests.contract.world import World


def _prepare(world: World) -> None:
    world.make(*organization(world.name))


CASE = Case(
    module="organization_info",
    key="organizations",
    prepare=_prepare,
    good=lambda world: {"name": world.name},
    bad=(
        Bad("unknown option", lambda world: {"nmae": "x"}, ("nmae",)),
        Bad("a kubeconfig that is not there", lambda world: {"kubeconfig": "nowhere"}, ("connection to Kubernetes",)),
    ),
    found=lambda world: (world.name, "Pending"),
)
