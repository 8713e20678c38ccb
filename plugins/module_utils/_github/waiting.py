# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which deployments wait at the environments of a repository.

In: a client, a repository, one of its runs or none. Out: plain data in the words of results. Never here: a decision;
for which rule a deployment waits, which GitHub does not say.
"""

from __future__ import annotations

import typing as t

from .._core.failure import invalid
from .client import Access, Client, repository_path


def pending_deployments(
    client: Client, owner: str, repository: str, run_id: int | None = None
) -> list[dict[str, t.Any]]:
    """Return what waits of one run, or of every run that waits, the oldest first. Raises Failure."""
    path, needs = repository_path(owner, repository), Access.of(owner, actions="read")
    name = f"{owner}/{repository}"
    if run_id is not None and run_id <= 0:
        raise invalid("run_id", "it is not above 0", "Give the id of the workflow run, not its number")
    if run_id is not None:
        runs = [run_id]
    else:
        runs = sorted(int(run["id"]) for run in waiting_runs(client, owner, repository, needs))
    return [
        {"owner": owner, "repository": repository, "run_id": run, **_described(item)}
        for run in runs
        for item in client.get(
            f"{path}/actions/runs/{run}/pending_deployments", needs, tried="Looking at", on=f"run {run} of {name}"
        )
    ]


def waiting_runs(client: Client, owner: str, repository: str, needs: Access) -> t.Iterator[dict[str, t.Any]]:
    """Yield the runs of a repository that wait, as GitHub gives them. Raises Failure."""
    return client.pages(
        f"{repository_path(owner, repository)}/actions/runs",
        needs,
        tried="Looking for runs that wait in",
        on=f"{owner}/{repository}",
        query={"status": "waiting"},
        key="workflow_runs",
    )


def _described(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    environment = item.get("environment") or {}
    reviewers = item.get("reviewers") or []
    shown = {
        "environment": environment.get("name"),
        "environment_id": environment.get("id"),
        "wait_timer": item.get("wait_timer") or 0,
        "can_approve": bool(item.get("current_user_can_approve")),
        "reviewer_users": _names(reviewers, "User", "login"),
        "reviewer_teams": _names(reviewers, "Team", "slug"),
    }
    begun = item.get("wait_timer_started_at")
    return {**shown, "wait_timer_started_at": begun} if begun else shown


def _names(reviewers: t.Sequence[t.Mapping[str, t.Any]], kind: str, key: str) -> list[str]:
    found = [each.get("reviewer") or {} for each in reviewers if each.get("type") == kind]
    return sorted(str(each.get(key)).lower() for each in found)
