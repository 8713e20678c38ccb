"""github_environment_info: one environment with a reviewer.

In: an environment. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.world import World


def _prepare(world: World) -> None:
    person = world.ask_github("GET", "/users/olga")["id"]
    policy = {"protected_branches": False, "custom_branch_policies": True}
    body = {"reviewers": [{"type": "User", "id": person}], "deployment_branch_policy": policy}
    path = f"/repos/{world.repository}/environments/production"
    world.ask_github("PUT", path, body)
    world.ask_github("POST", f"{path}/deployment-branch-policies", {"name": "release/*"})


CASE = Case(
    module="github_environment_info",
    key="environments",
    prepare=_prepare,
    good=lambda world: {"owner": world.owner, "repository": "shop"},
    bad=(
        Bad("no owner", lambda world: {"owner": None}, ("owner",)),
        Bad("no repository", lambda world: {"repository": None}, ("repository",)),
        Bad("an option that is not there", lambda world: {"environment": "x"}, ("environment",)),
        Bad("owner and name in one", lambda world: {"repository": "acme/shop"}, ("acme/shop", "the name alone")),
        Bad("no credentials", lambda world: {"github_token": ""}, ("GITHUB_TOKEN",)),
        Bad("a repository that is not there", lambda world: {"repository": "nothing"}, ("nothing",), looks=True),
    ),
    found=lambda world: ("production", "olga", "release/*"),
)
