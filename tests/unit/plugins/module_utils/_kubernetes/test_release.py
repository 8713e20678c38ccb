"""What is ended so that an object can go, and what people read while it is still there."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._kubernetes import release

FINALIZER = "resources-finalizer.argocd.argoproj.io"
SYNC = {"sync": {"revision": "abc"}}


def application(phase: str = "", operation: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An Application of Argo CD whose last sync is in this phase, and the sync that it was asked for."""
    live = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": "home-dex",
            "resourceVersion": "7",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "status": {"operationState": {"phase": phase}} if phase else {},
        **more,
    }
    return {**live, "operation": operation} if operation else live


def test_a_sync_that_runs_is_ended_as_argo_cd_ends_it() -> None:
    expected = {"metadata": {"resourceVersion": "7"}, "status": {"operationState": {"phase": "Terminating"}}}
    assert release.ending(application("Running", SYNC)) == expected


@pytest.mark.parametrize("phase", ["", "Succeeded", "Failed"])
def test_a_sync_that_was_asked_for_and_not_begun_is_taken_back(phase: str) -> None:
    assert release.ending(application(phase, SYNC)) == {"metadata": {"resourceVersion": "7"}, "operation": None}


@pytest.mark.parametrize(
    "live",
    [
        application("Terminating", SYNC),
        application("Running"),
        application("Succeeded"),
        application(),
        {**application("Running", SYNC), "kind": "AppProject"},
        {**application("Running", SYNC), "apiVersion": "example.org/v1"},
    ],
)
def test_where_nothing_runs_nothing_is_ended(live: dict[str, Any]) -> None:
    assert release.ending(live) == {}


def test_it_is_told_what_holds_an_object() -> None:
    said = f"it is held by {FINALIZER}"
    assert release.why_not_gone(application()) == said
    conditions = [{"type": "DeletionError", "message": "no such kind"}]
    assert release.why_not_gone(application(status={"conditions": conditions})) == f"{said}; no such kind"
    namespace = {
        "metadata": {},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {
            "conditions": [{"status": "True", "message": "some are left"}, {"status": "False", "message": "no"}]
        },
    }
    assert release.why_not_gone(namespace) == "it is held by kubernetes; some are left"
    assert release.why_not_gone({"metadata": {}}) == "it is still there"
