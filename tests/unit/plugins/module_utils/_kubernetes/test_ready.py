"""An Application of Argo CD is ready when what its spec names now is there and healthy, and it says why it is not."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes import definitions, ready
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import Condition

SOURCE = {"repoURL": "https://git.example/tree.git", "path": "parts/dex", "targetRevision": "main"}
DESTINATION = {"server": "https://kubernetes.default.svc", "namespace": "auth-system"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
APPLICATION: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "dex", "namespace": "argocd", "generation": 7},
    "spec": {"project": "platform", "source": {**SOURCE, "directory": {}}, "destination": DESTINATION},
    "status": {
        "sync": {
            "status": "Synced",
            "revision": COMMIT,
            "comparedTo": {"source": SOURCE, "destination": DESTINATION},
        },
        "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded", "message": "successfully synced (all tasks run)"},
    },
}


def application(**status: Any) -> dict[str, Any]:
    changed = copy.deepcopy(APPLICATION)
    changed["status"].update(status)
    return changed


def told(live: dict[str, Any], revision: str = "") -> str:
    """What is said of an Application that is not ready."""
    met, said = ready.holds(live, Condition(revision=revision))
    assert not met
    return said


@pytest.mark.parametrize("revision", ["", COMMIT, COMMIT[:8]])
def test_what_is_synced_and_healthy_is_ready(revision: str) -> None:
    assert ready.holds(APPLICATION, Condition(revision=revision)) == (True, "Synced, Healthy")


def test_progress_tells_sync_and_health() -> None:
    sync = {**APPLICATION["status"]["sync"], "status": "OutOfSync"}
    assert told(application(sync=sync, health={"status": "Progressing"})) == "OutOfSync, Progressing"
    assert told(application(health={"status": "Degraded"})) == "Synced, Degraded"


def test_an_application_that_argo_cd_has_never_seen_is_not_ready() -> None:
    live = {**APPLICATION, "status": {}}
    assert told(live) == "not compared yet, health unknown; its latest change has not been seen yet"


@pytest.mark.parametrize("change", [{"targetRevision": "v2"}, {"path": "parts/other"}, {"repoURL": "https://other"}])
def test_a_state_of_before_the_last_change_counts_for_nothing(change: dict[str, str]) -> None:
    live = copy.deepcopy(APPLICATION)
    live["spec"]["source"].update(change)
    assert "its latest change has not been seen yet" in told(live)


def test_several_sources_are_compared_each() -> None:
    live = copy.deepcopy(APPLICATION)
    sources = [SOURCE, {**SOURCE, "path": "values"}]
    live["spec"] = {"sources": sources, "destination": DESTINATION}
    sync = {"status": "Synced", "revisions": ["f" * 40, COMMIT]}
    live["status"]["sync"] = {**sync, "comparedTo": {"sources": sources, "destination": DESTINATION}}
    assert ready.holds(live, Condition(revision=COMMIT))[0]
    live["status"]["sync"]["comparedTo"] = {"sources": sources[:1], "destination": DESTINATION}
    assert "has not been seen" in told(live)


def test_another_commit_is_told_with_both() -> None:
    assert told(APPLICATION, "fffffff") == f"Synced, Healthy; at {COMMIT} and not at fffffff"


def test_a_running_sync_is_waited_for() -> None:
    assert "a sync is running" in told(application(operationState={"phase": "Running"}))
    assert "a sync is running" in told({**APPLICATION, "operation": {"sync": {}}})


def test_a_failed_sync_is_told_with_its_message() -> None:
    failed = {"phase": "Failed", "message": "admission webhook denied the request"}
    sync = {**APPLICATION["status"]["sync"], "status": "OutOfSync"}
    said = told(application(sync=sync, operationState=failed))
    assert said == "OutOfSync, Healthy; the sync failed: admission webhook denied the request"
    again = {"phase": "Running", "retryCount": 2, "message": "one or more objects failed to apply"}
    assert "the sync failed: one or more objects" in told(application(sync=sync, operationState=again))


def test_what_argo_cd_refuses_is_told() -> None:
    condition = {"type": "InvalidSpecError", "message": "application destination is not permitted in project 'p'"}
    sync = {**APPLICATION["status"]["sync"], "status": "Unknown"}
    said = told(application(sync=sync, conditions=[condition, {"type": "SharedResourceWarning", "message": "x"}]))
    assert said == "Unknown, Healthy; InvalidSpecError: application destination is not permitted in project 'p'"


def test_a_remark_of_an_old_sync_is_not_told_of_a_ready_application() -> None:
    assert ready.holds(application(operationState={"phase": "Failed", "message": "earlier"}), Condition())[0]


def test_a_revision_that_is_none_is_refused_before_any_request() -> None:
    params: dict[str, Any] = {
        "field_manager": "m",
        "state": "present",
        "definition": [APPLICATION],
        "src": None,
        "kustomization": None,
    }
    params |= {"namespace": "", "adopt": False, "force_conflicts": None, "inventory": None, "prune": False}
    params |= {"wait": True, "wait_timeout": 1, "wait_condition": None}
    with pytest.raises(Failure, match="it is no commit"):
        definitions.from_params({**params, "wait_revision": "main"}, Runtime(time.time))
    wanted = definitions.from_params({**params, "wait_revision": COMMIT}, Runtime(time.time))
    assert [str(condition) for _key, condition in wanted.wait] == [f"ready at {COMMIT}"]


def test_gone_is_what_is_not_there() -> None:
    gone = Condition(ready.GONE)
    assert ready.holds(None, gone)[0]
    assert ready.holds(application(), gone) == (False, "it is still there")


@pytest.mark.parametrize(
    ("status", "met"),
    [
        ({"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, True),
        ({"replicas": 3, "updatedReplicas": 2, "availableReplicas": 2}, False),
        ({"replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}, False),
        ({"replicas": 2, "updatedReplicas": 1, "availableReplicas": 2}, False),
    ],
    ids=["all new", "one of before is left", "one is not available", "one is of before"],
)
def test_a_rollout_has_ended_when_nothing_of_before_is_left(status: dict[str, int], met: bool) -> None:
    live = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"generation": 4},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 4, **status},
    }
    assert ready.holds(live, Condition())[0] is met
