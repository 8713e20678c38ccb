"""github_pending_deployment_info: a run that waits for a reviewer.

In: a run that waits. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case
from tests.contract.world import World


def _prepare(world: World) -> None:
    person = world.ask_github("GET", "/users/olga")["id"]
    body = {"reviewers": [{"type": "User", "id": person}]}
    world.ask_github("PUT", f"/repos/{world.repository}/environments/prod%2Feu", body)
    world.github.start_run(world.repository, ["prod/eu"])


CASE = Case(
    module="github_pending_deployment_info",
    key="pending",
    prepare=_prepare,
    good=lambda world: {"owner": world.owner, "repository": "shop"},
    bad=(
        Bad("no owner", lambda world: {"owner": None}, ("owner",)),
        Bad("no repository", lambda world: {"repository": None}, ("repository",)),
        Bad("a run that is no number", lambda world: {"run_id": "latest"}, ("run_id",)),
        Bad("a run below 1", lambda world: {"run_id": 0}, ("run_id", "above 0")),
        Bad("owner and name in one", lambda world: {"repository": "acme/shop"}, ("acme/shop", "the name alone")),
        Bad("no credentials", lambda world: {"github_token": ""}, ("GITHUB_TOKEN",)),
        Bad("a repository that is not there", lambda world: {"repository": "nothing"}, ("nothing",), looks=True),
        Bad("a run that is not there", lambda world: {"run_id": 4711}, ("run 4711", "Not Found"), looks=True),
    ),
    found=lambda world: ("prod/eu", "olga"),
)
