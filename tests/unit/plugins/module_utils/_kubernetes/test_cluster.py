"""Who has made an object, by what its tools write on it; and which address a Service can have."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes import cluster
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.client import Answer
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.cluster import Cluster, Right

NOTHING: dict[str, Any] = {"rights": [], "namespaces": [], "definitions": [], "addresses": []}


class Server:
    """Answers by path; what is not there is 404, what is None is forbidden."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str, query: Any = None) -> Any:
        self.asked.append(path)
        name = path.rpartition("/")[2]
        if name in self.answers and self.answers[name] is None:
            raise Failure(Kind.DENIED, tried="reading", on=path, status=403)
        return self.answers.get(name)

    def request(self, method: str, path: str, *, body: Any, on: str) -> Answer:
        self.asked.append(on)
        verb = body["spec"]["resourceAttributes"]["verb"]
        return Answer(201, {"status": {"allowed": verb == "get"}})


class Nobody:
    """Reads nothing, or is not allowed to."""

    def __init__(self, denied: bool = False) -> None:
        self.denied = denied

    def read(self, keys: Any) -> Any:
        if self.denied:
            raise Failure(Kind.DENIED, tried="reading", status=403)
        return {key: {"metadata": {"name": key.name}} if key.name == "there" else None for key in keys}


def _of(server: Any, memory: Any = None) -> Cluster:
    """The cluster of a server that answers what a test wants, and of nobody's objects unless a test has some."""
    nobody: Any = Nobody()
    return Cluster(server, memory or nobody)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, ""),
        ({"labels": {"platform.aphex/managed-by": "aphex.platform"}}, "aphex.platform"),
        ({"managedFields": [{"manager": "kubectl"}, {"manager": "aphex.platform/objects"}]}, "aphex.platform"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "home-argocd:/Namespace:x/argocd"}}, "argocd home-argocd"),
        ({"labels": {"argocd.argoproj.io/instance": "eso"}}, "argocd eso"),
        # A definition of kinds: Argo CD writes no mark of an Application on it.
        ({"managedFields": [{"manager": "kube-apiserver"}, {"manager": "argocd-controller"}]}, "argocd"),
        ({"managedFields": [{"manager": "argocd-controller"}, {"manager": "aphex.platform/x"}]}, "aphex.platform"),
        (
            {
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "managedFields": [{"manager": "argocd-controller"}],
            },
            "Helm",
        ),
        (
            {"annotations": {"meta.helm.sh/release-name": "eso"}, "labels": {"app.kubernetes.io/managed-by": "Helm"}},
            "helm eso",
        ),
        ({"labels": {"app.kubernetes.io/managed-by": "somebody"}}, "somebody"),
        ({"annotations": {"platform.aphex/applied-by": "aphex.platform.kubernetes_objects"}}, "aphex.platform"),
    ],
)
def test_who_made_an_object_is_told_by_what_stands_on_it(metadata: dict[str, Any], expected: str) -> None:
    assert cluster.maker({"metadata": metadata}) == expected


def test_every_right_is_asked_and_told_in_words() -> None:
    found = _of(Server()).rights(
        [Right("get", "", "secrets", "argocd"), Right("bind", "rbac.authorization.k8s.io", "roles")]
    )
    assert [(row["said"], row["allowed"]) for row in found] == [
        ("get secrets in argocd", True),
        ("bind roles.rbac.authorization.k8s.io", False),
    ]
    assert [row["namespace"] for row in found] == ["argocd", None]


def test_an_address_is_free_taken_or_elsewhere() -> None:
    parent = {"namespace": "default", "name": "kubernetes"}
    ranges = {"items": [{"spec": {"cidrs": ["10.96.0.0/16", "fd00::/108"]}}]}
    taken = {"items": [{"metadata": {"name": "10.96.0.1"}, "spec": {"parentRef": parent}}]}
    found = _of(Server(servicecidrs=ranges, ipaddresses=taken)).addresses(
        ["10.96.0.1", "10.96.0.80", "10.43.0.80", "fd00::5"]
    )
    assert found is not None
    assert [(row["in_range"], row["service"]) for row in found] == [
        (True, "default/kubernetes"),
        (True, None),
        (False, None),
        (True, None),
    ]


def test_what_may_not_be_read_is_unknown_and_no_failure() -> None:
    denied = _of(Server(servicecidrs=None, ipaddresses=None, storageclasses=None), Nobody(denied=True))
    found = cluster.read({**NOTHING, "addresses": ["10.96.0.80"], "namespaces": ["argocd"]}, denied)
    unknown = ["namespaces", "definitions", "storage_classes", "service_ranges", "addresses"]
    assert [found[name] for name in unknown] == [None] * 5
    with pytest.raises(Failure):
        _of(Server(), Broken()).makers("v1", "Namespace", ["x"])


class Broken:
    """Cannot be reached."""

    def read(self, keys: Any) -> Any:
        raise Failure(Kind.BROKEN, tried="reading")


def test_only_what_is_there_is_told_and_the_default_class_is_known() -> None:
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    classes = [{"metadata": {"name": "a", "annotations": default}, "provisioner": "p"}, {"metadata": {"name": "b"}}]
    found = cluster.read({**NOTHING, "namespaces": ["there", "gone"]}, _of(Server(storageclasses={"items": classes})))
    assert found["namespaces"] == [{"name": "there", "made_by": ""}]
    assert [(row["name"], row["default"]) for row in found["storage_classes"]] == [("a", True), ("b", False)]


def test_an_address_that_is_none_is_refused_before_any_request() -> None:
    server = Server()
    with pytest.raises(Failure, match="no IP address"):
        cluster.read({**NOTHING, "addresses": ["10.96"]}, _of(server))
    assert server.asked == []
