"""Does what a tenant delivers by Argo CD stay within its namespace, and act as nobody but its deployer (S5)?

The project, the account and its right are those that `repo_binding` makes. Only the repository is another one: Argo CD
cannot reach GitHub from here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import Owner
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.repo_binding_objects import Builder
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.settings import Settings
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.specs import RepoBindingSpec
from tests.e2e.argo import Argo, eventually
from tests.e2e.tree import SERVER, Object, Tree, application
from tests.tools.steps import ROOT

NAMESPACE = "shop"
PIPELINE = {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": {"name": "any"}, "spec": {"tasks": []}}
BACKEND = {"service": {"name": "shop", "port": {"number": 80}}}
ROLES = ROOT / "roles" / "crds" / "files" / "cluster_roles.yaml"


@pytest.fixture(scope="module")
def tenant(argo: Argo) -> None:
    """The namespace `shop` with what a repo binding puts into it for Argo CD, and its project."""
    spec = RepoBindingSpec(
        name="shop",
        namespace="platform-system",
        aphex_org="acme",
        repo_org="acme-corp",
        repo_name="shop",
        pipeline_name=NAMESPACE,
        pipeline_spec=yaml.safe_dump(PIPELINE),
    )
    builder = Builder(spec, Settings("example.com"), Owner("RepoBinding", "shop", "platform-system"), "uid")
    project = builder.project()
    project["spec"]["sourceRepos"] = [argo.repository.url]
    roles = [
        item for item in yaml.safe_load(ROLES.read_text())["items"] if item["metadata"]["name"] == "aphex-deployer"
    ]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    argo.api.apply_all([namespace, *roles, builder.account("deployer"), builder.deployer_binding(), project])


@pytest.fixture
def delivered(argo: Argo, tenant: None, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Deliver objects by an Application of the tenant; answers its name."""
    name = f"t{zlib.crc32(request.node.name.encode())}"
    tree = Tree(argo.repository, f"tenant-{name}")

    def deliver(*objects: Object, **changes: Any) -> str:
        tree.part("app", 0, objects)
        tree.push()
        source = {"repoURL": argo.repository.url, "targetRevision": "main", "path": f"{tree.name}/parts/app"}
        spec = {
            "project": NAMESPACE,
            "source": source,
            "destination": {"server": SERVER, "namespace": NAMESPACE},
            "syncPolicy": {"automated": {"selfHeal": True, "prune": True}},
        }
        argo.api.apply(application(name, spec | changes, NAMESPACE))
        return name

    yield deliver
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications/{name}"
    if argo.api.exists(path):
        argo.api.delete(path)


def settings(namespace: str = NAMESPACE) -> Object:
    metadata = {"name": "settings", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"color": "red"}}


def test_S5_what_a_tenant_delivers_is_written_by_its_deployer(argo: Argo, delivered: Any) -> None:
    name = delivered(settings())
    eventually(lambda: argo.complaint(name, NAMESPACE), lambda: argo.healthy(name, namespace=NAMESPACE))
    writes = argo.sandbox.audit.writes(
        wanted=lambda it: it.uri.startswith(f"/api/v1/namespaces/{NAMESPACE}/configmaps?")
    )
    accounts = {request.impersonated for request in writes if request.user.endswith("argocd-application-controller")}
    assert accounts == {f"system:serviceaccount:{NAMESPACE}:deployer"}


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "1k"}}},
            "is not permitted in project",
        ),
        (
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": NAMESPACE}],
            },
            "is not permitted in project",
        ),
        ({"apiVersion": "v1", "kind": "Namespace"}, "is not permitted in project"),
        # Permitted by the project, refused to the account: rights are the tenant's own, and not Argo CD's.
        (
            {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"defaultBackend": BACKEND}},
            f"system:serviceaccount:{NAMESPACE}:deployer",
        ),
    ],
)
def test_S5_what_belongs_to_the_platform_is_refused(argo: Argo, delivered: Any, item: Object, said: str) -> None:
    metadata = {"name": "tried"} if item["kind"] == "Namespace" else {"name": "tried", "namespace": NAMESPACE}
    name = delivered({**item, "metadata": metadata})
    eventually(lambda: argo.complaint(name, NAMESPACE), lambda: said in argo.complaint(name, NAMESPACE))


def test_S5_another_namespace_is_refused(argo: Argo, delivered: Any) -> None:
    name = delivered(settings("argocd"))
    said = "namespace argocd is not permitted in project 'shop'"
    eventually(lambda: argo.complaint(name, NAMESPACE), lambda: said in argo.complaint(name, NAMESPACE))
    assert not argo.api.exists("/api/v1/namespaces/argocd/configmaps/settings")
