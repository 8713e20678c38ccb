"""github_deployment_review: a run that waits for a reviewer, who approves it.

In: a run that waits. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Args, Bad, Case
from tests.contract.world import World


def _good(world: World) -> Args:
    return {
        "owner": world.owner,
        "repository": "shop",
        "run_id": world.memo["run"],
        "environment": "prod/eu",
        "state": "approved",
        "comment": "as planned",
    }


def _prepare(world: World) -> None:
    person = world.ask_github("GET", "/users/olga")["id"]
    body = {"reviewers": [{"type": "User", "id": person}]}
    world.ask_github("PUT", f"/repos/{world.repository}/environments/prod%2Feu", body)
    world.memo["run"] = world.github.start_run(world.repository, ["prod/eu"])["id"]


CASE = Case(
    module="github_deployment_review",
    key="review",
    prepare=_prepare,
    good=_good,
    bad=(
        Bad("no run", lambda world: {"run_id": None}, ("run_id",)),
        Bad("a decision that is none", lambda world: {"state": "skipped"}, ("state", "skipped")),
        Bad("a run that is no number", lambda world: {"run_id": "latest"}, ("run_id",)),
        Bad("a run below 1", lambda world: {"run_id": 0}, ("run_id", "above 0")),
        Bad("a comment too long", lambda world: {"comment": "x" * 1025}, ("comment", "1024")),
        Bad("no credentials", lambda world: {"github_token": ""}, ("GITHUB_TOKEN",)),
        Bad("a run that is not there", lambda world: {"run_id": 4711}, ("run 4711", "Not Found"), looks=True),
        Bad(
            "an environment at which it does not wait",
            lambda world: {"environment": "elsewhere"},
            ("elsewhere", "nothing of that run waits there"),
            looks=True,
        ),
    ),
    once=True,
)
