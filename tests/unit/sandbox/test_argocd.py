"""Argo CD's programs start as a kubelet would start them, and none before what it needs is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import stack
from tests.sandbox.argocd import NAMESPACE, ArgoCd, _expanded, _NotYet
from tests.sandbox.cluster import Cluster

SECRET = {"valueFrom": {"secretKeyRef": {"name": "argocd-redis", "key": "auth"}}}


class Fixed(Cluster):
    """A cluster with one Secret in it."""

    @property
    def api(self) -> Any:
        return self

    def find(self, path: str) -> dict[str, Any] | None:
        there = path == f"/api/v1/namespaces/{NAMESPACE}/secrets/argocd-redis"
        return {"data": {"auth": "c2VjcmV0"}} if there else None


def test_the_part_builds_argo_cd_and_kustomize() -> None:
    assert {"argocd", "kustomize"} <= set(stack.families(["argocd"]))
    assert "argocd" not in stack.ALL


def test_references_to_the_environment_are_resolved() -> None:
    assert _expanded("--requirepass $(REDIS_PASSWORD)", {"REDIS_PASSWORD": "x"}) == "--requirepass x"


def test_the_environment_is_that_of_the_manifest(tmp_path: Path) -> None:
    argo = ArgoCd(Fixed(tmp_path))
    assert argo._value({"name": "A", "value": "1"}) == "1"
    assert argo._value({"name": "B", **SECRET}) == "secret"
    field = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert argo._value({"name": "C", "valueFrom": field}) == NAMESPACE
    absent = {"name": "argocd-cm", "key": "timeout.reconciliation"}
    assert argo._value({"name": "D", "valueFrom": {"configMapKeyRef": {**absent, "optional": True}}}) is None


def test_a_container_without_its_secret_does_not_start(tmp_path: Path) -> None:
    argo = ArgoCd(Fixed(tmp_path))
    reference = {"name": "argocd-redis", "key": "another"}
    with pytest.raises(_NotYet, match="there is no key another in secrets argocd-redis"):
        argo._value({"name": "A", "valueFrom": {"secretKeyRef": reference}})
