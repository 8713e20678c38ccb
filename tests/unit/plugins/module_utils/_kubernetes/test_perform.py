"""What a deletion sends while an object does not go by itself; the real Argo CD is asked by `make e2e`."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import Step
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.client import Answer
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.memory import Memory
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import ObjectKey, Objects
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.perform import Performer
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.plan import Work

KEY = ObjectKey("argoproj.io/v1alpha1", "Application", "argocd", "home-dex")


class Server:
    """Has one Application, whose sync runs until it is ended; `conflicts` of the attempts to end it come too late."""

    def __init__(self, conflicts: int = 0) -> None:
        self.conflicts = conflicts
        self.sent: list[tuple[str, Any]] = []
        self.phase = "Running"

    def path(self, key: ObjectKey, known: Any = None) -> str:
        return f"/{key.name}"

    def get(self, path: str, query: Any = None) -> Any:
        if self.phase == "Terminating":
            return None
        return {
            "apiVersion": KEY.api_version,
            "kind": KEY.kind,
            "metadata": {"name": KEY.name, "uid": "u", "resourceVersion": str(len(self.sent)), "finalizers": ["f"]},
            "operation": {"sync": {}},
            "status": {"operationState": {"phase": self.phase}},
        }

    def request(self, method: str, path: str, *, body: Any, **more: Any) -> Answer:
        self.sent.append((method, body))
        if method == "PATCH":
            if self.conflicts:
                self.conflicts -= 1
                raise Failure(Kind.CONFLICT, tried="changing", on=path, status=409)
            self.phase = body["status"]["operationState"]["phase"]
        return Answer(200, {})


def _delete(server: Any, patient: bool = True) -> None:
    objects = Objects("it", (), present=False, patient=patient)
    performer = Performer(server, Memory(server), Runtime(now=lambda: 0.0), sleep=lambda seconds: None)
    performer.perform(Step("kubernetes", "delete", str(KEY), Work("delete", KEY, objects, uid="u")))


@pytest.mark.parametrize("conflicts", [0, 2])
def test_a_sync_that_runs_is_ended_once_the_deletion_was_asked_for(conflicts: int) -> None:
    server = Server(conflicts)
    _delete(server)
    assert [method for method, _body in server.sent] == ["DELETE", *["PATCH"] * (conflicts + 1)]
    assert server.sent[-1][1]["metadata"] == {"resourceVersion": str(conflicts + 1)}


def test_who_does_not_wait_ends_nothing() -> None:
    server = Server()
    _delete(server, patient=False)
    assert [method for method, _body in server.sent] == ["DELETE"]
