"""A request is approved once, waited for, and never taken for signed when it is not."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.approval import Approval, Approver, condition
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.client import Answer

APPROVED = {"type": "Approved", "status": "True"}


class Cluster:
    """A cluster with one request, which is signed at the n-th look after its approval."""

    def __init__(self, signs_at: int = 1, *conditions: dict[str, str], conflict: bool = False) -> None:
        self.live: dict[str, Any] = {"metadata": {"name": "x"}, "status": {"conditions": list(conditions)}}
        self.writes: list[str] = []
        self._left = signs_at
        self._conflict = conflict

    def path(self, key: Any) -> str:
        return f"/requests/{key.name}"

    def request(self, method: str, path: str, body: Any = None, on: str = "") -> Answer:
        if method == "PUT":
            self.writes.append(path)
            if self._conflict:
                self._conflict = False
                raise Failure(Kind.CONFLICT, tried="writing", on=on, status=409)
            self.live = body
        elif condition(self.live, "Approved"):
            self._left -= 1
            if self._left <= 0:
                self.live = {**self.live, "status": {**self.live["status"], "certificate": "c2lnbmVk"}}
        return Answer(200, self.live)


class Memory:
    """What was read, straight from the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def read(self, keys: list[Any]) -> dict[Any, Any]:
        return dict.fromkeys(keys, self._cluster.live)

    def expire(self) -> None:
        return

    def note(self, key: Any, live: Any) -> None:
        return


def approver(cluster: Any, now: list[float] | None = None) -> Approver:
    times = now or [0.0]

    def sleep(seconds: float) -> None:
        times[0] += seconds

    memory: Any = Memory(cluster)
    return Approver(cluster, memory, Runtime(now=lambda: times[0]), sleep)


WANTED = Approval("x", "why")


def test_a_new_request_is_approved_once_and_waited_for() -> None:
    cluster = Cluster(signs_at=3)
    on = approver(cluster)
    [step] = on.plan(WANTED)
    assert (step.verb, step.change is None) == ("approve", False)
    on.perform(WANTED)
    assert cluster.writes == ["/requests/x/approval"]
    assert on.plan(WANTED) == []


def test_an_approved_one_is_waited_for_alone() -> None:
    cluster = Cluster(2, APPROVED)
    on = approver(cluster)
    [step] = on.plan(WANTED)
    assert (step.verb, step.change) == ("wait", None)
    on.perform(WANTED)
    assert cluster.writes == []


def test_somebody_elses_write_in_between_starts_it_over() -> None:
    cluster = Cluster(conflict=True)
    approver(cluster).perform(WANTED)
    assert len(cluster.writes) == 2


@pytest.mark.parametrize("kind", ["Denied", "Failed"])
def test_one_that_will_never_be_signed_is_said(kind: str) -> None:
    cluster = Cluster(1, {"type": kind, "status": "True", "message": "no"})
    with pytest.raises(Failure, match=f"{kind.lower()}: no"):
        approver(cluster).perform(WANTED)


def test_a_cluster_that_does_not_sign_is_said() -> None:
    with pytest.raises(Failure) as caught:
        approver(Cluster(signs_at=10_000)).perform(WANTED)
    assert caught.value.kind is Kind.TIMEOUT
    assert "cluster-signing-cert-file" in caught.value.remedy
