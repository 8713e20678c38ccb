"""Does the role say what keeps an existing cluster from carrying the platform, without changing anything in it?"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.contract.platform import install
from tests.integration.machine import Machine
from tests.sandbox.sandbox import Sandbox

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# The kinds of all parts are in the sandbox, and nobody says who brought them.
ADOPTED = ["argocd", "cert_manager", "external_secrets", "tekton", "ingress_controller", "authentik and dex", "crds"]


class Visitor(Machine):
    """A machine with the kubeconfig of an administrator, or of an account without rights."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        super().__init__(folder)
        self.sandbox = sandbox
        self.namespace = f"visitor-{uuid.uuid4().hex[:8]}"
        self.env["K8S_AUTH_KUBECONFIG"] = sandbox.env_now["KUBECONFIG"]
        self.given: dict[str, Any] = {"cluster_existing_adopt": ADOPTED, "cluster_existing_storage": False}

    @property
    def kubeconfig(self) -> dict[str, Any]:
        """The administrator's kubeconfig."""
        path = Path(self.sandbox.env_now["KUBECONFIG"])
        found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return found

    def lose_rights(self, *kept: tuple[str, str, list[str]]) -> None:
        """Be an account that has no more than these rights: group, kind, verbs."""
        api = self.sandbox.api
        metadata = {"name": self.namespace, "namespace": self.namespace}
        rbac = "rbac.authorization.k8s.io"
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        rules = [{"apiGroups": [group], "resources": [kind], "verbs": verbs} for group, kind, verbs in kept]
        role = {"apiGroup": rbac, "kind": "ClusterRole", "name": self.namespace}
        api.apply(
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "ClusterRole",
                "metadata": metadata | {"namespace": ""},
                "rules": rules,
            }
        )
        api.apply(
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": self.namespace},
                "roleRef": role,
                "subjects": [{"kind": "ServiceAccount", "name": self.namespace, "namespace": self.namespace}],
            }
        )
        token = self.sandbox.token(self.namespace, self.namespace)
        self.env["K8S_AUTH_KUBECONFIG"] = str(self.sandbox.kubeconfig_for(token=token))

    def leave(self) -> None:
        """Take away what was made."""
        for kind in ("clusterrolebindings", "clusterroles"):
            path = f"/apis/rbac.authorization.k8s.io/v1/{kind}/{self.namespace}"
            if self.sandbox.api.exists(path):
                self.sandbox.api.delete(path)


@pytest.fixture
def visitor(tmp_path: Path, sandbox: Sandbox) -> Iterator[Visitor]:
    install(sandbox)
    made = Visitor(tmp_path, sandbox)
    yield made
    made.leave()


def test_a_cluster_that_fits_passes_and_stays_as_it_is(visitor: Visitor) -> None:
    before = visitor.sandbox.api.get("/api/v1/namespaces")["metadata"]
    given = {**visitor.given, "cluster_existing_ingress_cluster_ip": "10.96.0.80"}
    assert visitor.play("cluster_existing", **given).changed == 0
    assert visitor.play("cluster_existing", tasks_from="verify", **given).changed == 0
    assert before["resourceVersion"]


def test_every_right_that_is_missing_is_named(visitor: Visitor) -> None:
    visitor.lose_rights(("", "namespaces", ["get", "list", "create", "delete"]))
    said = visitor.play("cluster_existing", **visitor.given).refused
    assert "The account of the kubeconfig may not patch namespaces, get configmaps" in said
    assert "escalate clusterroles.rbac.authorization.k8s.io" in said
    assert "may not get namespaces" not in said
    assert "cluster-admin" in said


def test_what_is_there_already_is_named_with_who_brought_it(visitor: Visitor) -> None:
    api = visitor.sandbox.api
    metadata = {"name": "external-secrets", "annotations": {"meta.helm.sh/release-name": "eso"}}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    adopted = [part for part in ADOPTED if part != "external_secrets"]
    said = visitor.play("cluster_existing", **{**visitor.given, "cluster_existing_adopt": adopted}).refused
    api.delete("/api/v1/namespaces/external-secrets")
    assert "external_secrets is in the cluster already, and the platform did not bring it" in said
    assert "external-secrets by helm eso" in said
    # What this collection installed itself is nobody else's.
    adopted = [part for part in ADOPTED if part != "crds"]
    assert visitor.play("cluster_existing", **{**visitor.given, "cluster_existing_adopt": adopted}).changed == 0


def test_a_definition_that_argo_cd_brought_is_the_platforms_own_unless_argo_cd_itself_is_not(visitor: Visitor) -> None:
    """Argo CD puts no name of an Application on a definition, so whose it is only the row of argocd can tell."""
    api = visitor.sandbox.api
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    certificates = {
        **kind,
        "metadata": {"name": "certificates.cert-manager.io"},
        "spec": {
            "group": "cert-manager.io",
            "scope": "Namespaced",
            "names": {"plural": "certificates", "singular": "certificate", "kind": "Certificate"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    applications = api.get(f"{DEFINITIONS}/applications.argoproj.io")
    api.apply(certificates, manager="argocd-controller")
    seen = {**kind, "metadata": {"name": "applications.argoproj.io"}, "spec": applications["spec"]}
    api.apply(seen, manager="argocd-controller")
    runs = {
        part: visitor.play(
            "cluster_existing",
            **{**visitor.given, "cluster_existing_adopt": [other for other in ADOPTED if other != part]},
        )
        for part in ("cert_manager", "argocd")
    }
    api.remove(certificates)
    assert runs["cert_manager"].changed == 0
    assert "applications.argoproj.io by argocd" in runs["argocd"].refused


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("10.43.0.80", "10.43.0.80 is not in 10.96.0.0/16"),
        ("10.96.0.1", "10.96.0.1 belongs to the Service default/kubernetes"),
    ],
)
def test_an_address_that_the_ingress_cannot_have_is_refused(visitor: Visitor, address: str, words: str) -> None:
    assert (
        words in visitor.play("cluster_existing", **visitor.given, cluster_existing_ingress_cluster_ip=address).refused
    )


def test_two_defaults_for_volumes_are_refused(visitor: Visitor) -> None:
    api = visitor.sandbox.api
    classes = [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": f"{visitor.namespace}-{number}",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "example.org/nothing",
        }
        for number in range(2)
    ]
    api.apply_all(classes)
    said = visitor.play("cluster_existing", **{**visitor.given, "cluster_existing_storage": True}).refused
    for item in classes:
        api.remove(item)
    assert "More than one StorageClass is the default" in said


def test_the_verification_of_a_machine_finds_another_release_and_requests_without_a_name(visitor: Visitor) -> None:
    given = {
        "cluster_k3s_kubeconfig": visitor.env["K8S_AUTH_KUBECONFIG"],
        "cluster_k3s_server": "127.0.0.1",
        "cluster_k3s_port": urlsplit(visitor.kubeconfig["clusters"][0]["cluster"]["server"]).port,
    }
    said = visitor.play("cluster_k3s", tasks_from="verify", **given).refused
    assert "runs v1.36.3, and cluster_k3s_version is v1.36.4+k3s1" in said
    # The sandbox's API server is as Kubernetes comes: it answers whoever asks for its version.
    said = visitor.play("cluster_k3s", tasks_from="verify", **given, cluster_k3s_version="v1.36.3").refused
    assert "answers whoever asks" in said


def test_the_verification_of_kind_asks_the_cluster_of_its_kubeconfig(visitor: Visitor) -> None:
    path = visitor.folder / "kubeconfig"
    content = visitor.kubeconfig
    content["contexts"][0]["name"] = content["current-context"] = "kind-aphex"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    given = {"cluster_kind_folder": str(visitor.folder), "cluster_kind_kubeconfig": str(path)}
    assert visitor.play("cluster_kind", tasks_from="verify", **given).changed == 0
    old = f"docker.io/kindest/node:v1.34.0@sha256:{'0' * 64}"
    said = visitor.play("cluster_kind", tasks_from="verify", **given, cluster_kind_image=old).refused
    assert "leads to Kubernetes v1.36.3" in said
