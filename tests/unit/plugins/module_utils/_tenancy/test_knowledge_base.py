"""A knowledge base: what should be for what is there; the cluster is a table of live objects."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import Plan
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Outcome, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import ObjectKey, Objects
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.knowledge_base import (
    KnowledgeBase,
    read,
    use_case,
)

NOW = 1_800_000_000.0
LATER = "2027-01-15T08:00:00Z"
SERVER = {"image": "registry.example.org/mcp:1", "port": 9000, "replicas": 2}
PARAMS: dict[str, Any] = {
    "name": "handbook",
    "namespace": "docs",
    "display_name": "Handbook",
    "description": None,
    "repositories": [
        {"url": "https://github.com/acme/web", "branch": None, "paths": None},
        {"url": "https://github.com/acme/api", "branch": "release/1.2", "paths": [".kiro/docs/a", ".kiro/docs/b"]},
    ],
    "mcp_server": None,
    "state": "present",
    "adopt": False,
    "wait": True,
    "wait_timeout": 60,
}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "docs"}}
SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "aphex-platform", "namespace": "platform-system"},
    "data": {"zone": "example.org"},
}


class Cluster:
    """Answers reads from a table."""

    def __init__(self, *lives: dict[str, Any]) -> None:
        self.lives = {ObjectKey.of(live).identity: live for live in lives}

    def get_many(self, keys: Sequence[ObjectKey]) -> dict[ObjectKey, Any]:
        return {key: self.lives.get(key.identity) for key in keys}

    def get(self, key: ObjectKey) -> Any:
        return self.lives.get(key.identity)

    def list(self, api_version: str, kind: str, namespace: str = "") -> list[dict[str, Any]]:
        found = [live for live in self.lives.values() if live["kind"] == kind and live["apiVersion"] == api_version]
        return [live for live in found if namespace in ("", live["metadata"].get("namespace"))]


def _live(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "aphex.io/v1alpha1",
        "kind": "KnowledgeBase",
        "metadata": {"name": "handbook", "namespace": "docs", "uid": "u", "generation": 3},
        "spec": {"displayName": "Handbook", "repositories": [{"url": "https://github.com/acme/web"}]},
        "status": status,
    }


def _controller(renewed: str) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "aphex-controller", "namespace": "platform-system"},
        "spec": {"holderIdentity": "controller-1", "renewTime": renewed, "leaseDurationSeconds": 30},
    }


def _case(*lives: dict[str, Any], **changed: Any) -> KnowledgeBase:
    cluster = Cluster(SETTINGS, NAMESPACE, *lives)
    case = use_case({**PARAMS, **changed}, {"kubernetes": cluster}, Runtime(now=lambda: NOW, identity="me@here/1"))
    assert isinstance(case, KnowledgeBase)
    return case


def _desired(case: KnowledgeBase) -> list[Any]:
    return list(case.desired(case.observe()))


def _objects(desired: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Return the objects of the recorded set by kind."""
    (found,) = [item for item in desired if isinstance(item, Objects) and item.inventory]
    return {obj["kind"]: obj for obj in found.objects}


def _status(desired: Sequence[Any]) -> dict[str, Any]:
    (found,) = [item.objects[0]["status"] for item in desired if isinstance(item, Objects) and item.subresource]
    status: dict[str, Any] = found
    return status


def test_the_resource_comes_first_and_the_status_last() -> None:
    desired = _desired(_case())
    assert [item.title for item in desired] == [
        "KnowledgeBase docs/handbook",
        "objects",
        "KnowledgeBase docs/handbook status",
    ]
    resource = desired[0].objects[0]
    assert resource["metadata"]["finalizers"] == ["platform.aphex/finalizer"]
    assert resource["spec"]["repositories"][0] == {"url": "https://github.com/acme/web"}


def test_the_list_of_repositories_says_all_of_each() -> None:
    objects = _objects(_desired(_case(description="How we build")))
    assert list(objects) == ["ConfigMap"]
    assert objects["ConfigMap"]["metadata"]["name"] == "handbook-repos"
    assert objects["ConfigMap"]["metadata"]["namespace"] == "docs"
    assert objects["ConfigMap"]["data"] == {
        "displayName": "Handbook",
        "description": "How we build",
        "repositoryCount": "2",
        "repo.0.url": "https://github.com/acme/web",
        "repo.0.branch": "main",
        "repo.0.paths": ".kiro/docs",
        "repo.1.url": "https://github.com/acme/api",
        "repo.1.branch": "release/1.2",
        "repo.1.paths": ".kiro/docs/a,.kiro/docs/b",
    }


def test_the_status_tells_what_is_tracked() -> None:
    status = _status(_desired(_case()))
    assert (status["phase"], status["message"]) == ("Ready", "Tracking 2 repositories")
    assert (status["repositoryCount"], status["mcp"]) == (2, {"deployed": False})
    assert {item["type"]: item["status"] for item in status["conditions"]} == {
        "RepositoriesReady": "True",
        "Ready": "True",
    }


def test_P31_an_unchanged_status_keeps_its_times() -> None:
    first = _status(_desired(_case()))
    for item in first["conditions"]:
        item["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    again = _status(_desired(_case(_live(**copy.deepcopy(first)))))
    assert again == first


def test_a_server_is_a_deployment_and_a_service_that_find_each_other() -> None:
    objects = _objects(_desired(_case(mcp_server=SERVER)))
    deployment, service = objects["Deployment"], objects["Service"]
    assert deployment["metadata"]["name"] == service["metadata"]["name"] == "mcp-server-handbook"
    pod = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    assert service["spec"]["ports"][0]["port"] == 9000
    (container,) = pod["spec"]["containers"]
    assert container["ports"][0] == {"name": "http", "containerPort": 9000, "protocol": "TCP"}
    assert (container["image"], deployment["spec"]["replicas"]) == ("registry.example.org/mcp:1", 2)
    assert container["env"] == [{"name": "QUERY_SERVICE_URL", "value": "http://query.docs:8080"}]


def test_P3_pods_of_the_server_carry_no_label_of_ownership() -> None:
    deployment = _objects(_desired(_case(mcp_server=SERVER)))["Deployment"]
    assert deployment["metadata"]["labels"]["platform.aphex/owner-name"] == "handbook"
    pod_labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert not [name for name in pod_labels if name.startswith("platform.aphex/")]


def test_P1_the_server_passes_the_restricted_profile() -> None:
    pod = _objects(_desired(_case(mcp_server=SERVER)))["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert {*container["resources"]} == {"requests", "limits"}


def test_a_server_with_all_defaults_takes_the_image_of_the_platform() -> None:
    settings = {**SETTINGS, "data": {"zone": "example.org", "mcpImage": "registry.example.org/mcp:2"}}
    objects = _objects(_desired(_case(settings, mcp_server={})))
    assert objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.org/mcp:2"
    assert objects["Service"]["spec"]["ports"][0]["port"] == 8090


def test_without_any_image_nothing_is_planned() -> None:
    with pytest.raises(Failure, match="crds_mcp_image") as caught:
        _desired(_case(mcp_server={"replicas": 1}))
    assert caught.value.kind is Kind.MISSING


def test_a_run_that_waits_waits_for_the_server_before_it_says_ready() -> None:
    desired = _desired(_case(mcp_server=SERVER))
    assert [item.title for item in desired][-2:] == ["readiness", "KnowledgeBase docs/handbook status"]
    assert str(desired[-2].wait[0][0]) == "Deployment docs/mcp-server-handbook"
    status = _status(desired)
    assert status["mcp"] == {
        "deployed": True,
        "serviceName": "mcp-server-handbook",
        "serviceURL": "http://mcp-server-handbook.docs:9000",
        "readyReplicas": 2,
    }


def test_a_run_that_does_not_wait_tells_what_it_sees() -> None:
    desired = _desired(_case(mcp_server=SERVER, wait=False))
    assert "readiness" not in [item.title for item in desired]
    status = _status(desired)
    assert (status["phase"], status["mcp"]["readyReplicas"]) == ("Provisioning", 0)
    assert status["message"] == "Tracking 2 repositories; waiting for mcp-server-handbook"
    assert status["conditions"][-1]["status"] == "False"


@pytest.mark.parametrize("metadata", [{"deletionTimestamp": LATER}])
def test_a_knowledge_base_that_leaves_is_not_built_on(metadata: dict[str, Any]) -> None:
    live = _live()
    live["metadata"].update(metadata)
    with pytest.raises(Failure, match="it is being deleted"):
        _desired(_case(live))


def test_a_namespace_that_is_not_there_is_told_before_anything_is_written() -> None:
    with pytest.raises(Failure, match="the namespace nowhere is not there") as caught:
        _desired(_case(namespace="nowhere"))
    assert caught.value.kind is Kind.MISSING


@pytest.mark.parametrize("state", ["present", "absent"])
def test_P2_beside_a_controller_only_the_resource_is_ours(state: str) -> None:
    desired = _desired(_case(_live(), _controller("2027-01-15T08:00:00.000000Z"), state=state))
    assert all("KnowledgeBase" in item.title or item.title == "readiness" for item in desired)
    assert all(item.subresource == "" for item in desired)


def test_P2_a_controller_whose_time_is_over_does_not_count() -> None:
    desired = _desired(_case(_live(), _controller("2027-01-15T07:00:00.000000Z")))
    assert "objects" in [item.title for item in desired]


def test_to_leave_a_name_is_enough() -> None:
    case = _case(_live(), state="absent", display_name=None, repositories=None)
    desired = _desired(case)
    assert [item.present for item in desired if isinstance(item, Objects) and item.objects] == [False]
    recorded = [item for item in desired if isinstance(item, Objects) and item.inventory]
    assert [item.present for item in recorded] == [False]
    assert desired[-2].drop_finalizer == "platform.aphex/finalizer"
    assert str(desired[-1].wait[0][1]).startswith("gone")


def _outcome(case: KnowledgeBase) -> Outcome:
    observed = case.observe()
    desired = tuple(case.desired(observed))
    return Outcome(Plan(desired=desired), observed=observed, desired=desired)


def test_the_result_says_where_it_is_and_how_it_is() -> None:
    case = _case(mcp_server=SERVER)
    shown = case.result(_outcome(case))
    assert shown is not None
    assert (shown["name"], shown["namespace"], shown["phase"]) == ("handbook", "docs", "Ready")
    assert (shown["repository_count"], shown["mcp"]["service_url"]) == (2, "http://mcp-server-handbook.docs:9000")
    without = _case()
    found = without.result(_outcome(without))
    assert found is not None
    assert found["mcp"] is None


def test_the_result_of_leaving_is_nothing() -> None:
    case = _case(_live(), state="absent")
    assert case.result(_outcome(case)) is None


def test_those_that_are_there_are_read_as_their_resources_tell_them() -> None:
    ready = _live(phase="Ready", message="Tracking 1 repositories", mcp={"deployed": True, "serviceURL": "http://x"})
    fresh = copy.deepcopy(_live())
    fresh["metadata"] |= {"name": "new", "deletionTimestamp": LATER}
    products = {"kubernetes": Cluster(ready, fresh)}
    rows = read({"name": None, "namespace": None}, products, Runtime(now=lambda: NOW))
    assert [(row["name"], row["phase"], row["deleting"]) for row in rows] == [
        ("handbook", "Ready", False),
        ("new", "Pending", True),
    ]
    assert [row["mcp"] for row in rows] == [{"deployed": True, "service_url": "http://x"}, None]
    assert [row["repository_count"] for row in rows] == [1, 1]
    assert read({"name": "new", "namespace": "docs"}, products, Runtime(now=lambda: NOW))[0]["name"] == "new"
    assert read({"name": "other"}, products, Runtime(now=lambda: NOW)) == []
