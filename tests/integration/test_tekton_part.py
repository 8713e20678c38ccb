"""Do the parts of Tekton keep tenants apart, and does nobody see the dashboard without a login?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.filter.kustomization import kustomization
from tests.integration.attempts import ALLOWED, RBAC, verdict
from tests.integration.rendering import Part, parts_of, refusal
from tests.integration.tenants import eventually
from tests.sandbox.api import ApiError, Object
from tests.sandbox.sandbox import Sandbox

INPUTS: dict[str, Any] = {
    "tekton_dashboard_host": "tekton.example.com",
    "tekton_dashboard_issuer": "https://dex.example.com",
    "tekton_dashboard_host_aliases": [{"ip": "10.96.0.80", "hostnames": ["dex.example.com"]}],
}
NAMESPACE = "tekton-pipelines"
POLICY = "aphex-cluster-interceptors"
INTERCEPTORS = "/apis/triggers.tekton.dev/v1alpha1/clusterinterceptors"


@pytest.fixture(scope="module")
def parts() -> dict[str, Part]:
    return parts_of("tekton", **INPUTS)


@pytest.fixture(scope="module")
def tekton(parts: dict[str, Part]) -> Part:
    return parts["tekton"]


@pytest.fixture(scope="module")
def dashboard(parts: dict[str, Part]) -> Part:
    return parts["tekton_dashboard"]


def container(item: Object) -> Object:
    """The one container of a Deployment."""
    [found] = item["spec"]["template"]["spec"]["containers"]
    return dict(found)


# --- patches


def released(patch: Object, first: bool) -> Object:
    """An object as a release may bring it: with more in it, and in an order of its own."""
    item: Object = {"apiVersion": patch["apiVersion"], "kind": patch["kind"]}
    item["metadata"] = {**patch["metadata"], "labels": {"of": "the-release"}}
    if patch["kind"] == "ConfigMap":
        item["data"] = {**dict.fromkeys(patch["data"], "of the release"), "other": "kept"}
    if patch["kind"] == "Deployment":
        both: list[Object] = [{"name": "other", "image": "other:1"}]
        both.insert(0 if first else 1, {"name": "tekton-dashboard", "image": "dashboard:1", "args": ["--oidc=x"]})
        item["spec"] = {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": both}}}
    return item


def built(part: Part, folder: Path, sandbox: Sandbox, first: bool) -> dict[tuple[str, str], Object]:
    """What kustomize makes of the part and such a release, by kind and name."""
    upstream = {"manifests": [{"name": "release"}], "images": []}
    release = [released(patch, first) for patch in part.objects(patches=True)]
    files = {
        **part.files,
        **kustomization(part.files, upstream),
        "upstream/release.yaml": yaml.safe_dump_all(release if first else release[::-1]),
    }
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [str(sandbox.kubectl), "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(done.stdout)}


def test_B18_patches_name_what_they_change(parts: dict[str, Part], sandbox: Sandbox, tmp_path: Path) -> None:
    for name, part in parts.items():
        one, other = (built(part, tmp_path / f"{name}-{first}", sandbox, first) for first in (True, False))
        assert one.keys() == other.keys()
        for patch in part.objects(patches=True):
            assert isinstance(patch, dict)
            key = (patch["kind"], patch["metadata"]["name"])
            for item in (one[key], other[key]):
                assert item["metadata"]["labels"]["of"] == "the-release"
                if "data" in patch:
                    assert item["data"] == {"other": "kept", **patch["data"]}
    containers = {
        found["name"]: found
        for found in other["Deployment", "tekton-dashboard"]["spec"]["template"]["spec"]["containers"]
    }
    assert containers["other"] == {"name": "other", "image": "other:1"}
    assert containers["tekton-dashboard"]["image"] == "dashboard:1"
    assert "--read-only=true" in containers["tekton-dashboard"]["args"]
    assert "--oidc=x" not in containers["tekton-dashboard"]["args"]


def test_S13_releases_are_named_by_their_version(parts: dict[str, Part]) -> None:
    found = [row for part in parts.values() for row in part.releases]
    assert [row["name"] for row in found] == ["pipelines", "triggers", "interceptors", "pruner", "dashboard"]
    assert all(f"/previous/{row['version']}/" in row["url"] for row in found)


# --- settings


def test_P28_the_cluster_resolver_reads_the_catalog_alone(tekton: Part) -> None:
    data = tekton.one("ConfigMap", "cluster-resolver-config", patches=True)["data"]
    assert (data["allowed-namespaces"], data["blocked-namespaces"]) == ("pipeline-catalog", "*")
    flags = tekton.one("ConfigMap", "resolvers-feature-flags", patches=True)["data"]
    # What the ConfigMap does not name is on.
    assert flags == {
        "enable-cluster-resolver": "true",
        **{f"enable-{name}-resolver": "false" for name in ("bundles", "git", "http", "hub")},
    }


def test_P27_a_bindings_retention_counts_and_is_never_refused(tekton: Part) -> None:
    text = tekton.one("ConfigMap", "tekton-pruner-default-spec", patches=True)["data"]["global-config"]
    config = yaml.safe_load(text)
    # The most that a binding may ask for: 3650 days, 1000 runs of each.
    assert config == {
        "enforcedConfigLevel": "namespace",
        "ttlSecondsAfterFinished": 3650 * 86400,
        "successfulHistoryLimit": 1000,
        "failedHistoryLimit": 1000,
    }


def test_S14_triggers_do_not_log_what_was_delivered(tekton: Part) -> None:
    data = tekton.one("ConfigMap", "config-logging-triggers", patches=True)["data"]
    assert yaml.safe_load(data["zap-logger-config"])["level"] == "info"
    assert {value for name, value in data.items() if name.startswith("loglevel.")} == {"info"}


def test_interceptors_may_read_the_secrets_of_a_burst_of_pushes(tekton: Part) -> None:
    deployment = tekton.one("Deployment", "tekton-triggers-core-interceptors", patches=True)
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    # By these names the program takes them, and by its own the release calls the container.
    assert container["name"] == "tekton-triggers-core-interceptors"
    assert {item["name"] for item in container["env"]} == {"KUBE_API_QPS", "KUBE_API_BURST"}


def test_P1_namespaces_and_added_containers_are_restricted(tekton: Part) -> None:
    for name in ("tekton-pipelines", "tekton-pipelines-resolvers"):
        labels = tekton.one("Namespace", name, patches=True)["metadata"]["labels"]
        assert labels == {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    flags = tekton.one("ConfigMap", "feature-flags", patches=True)["data"]
    assert flags["set-security-context"] == "true"


# --- objects


def test_every_object_is_accepted_strictly(parts: dict[str, Part], sandbox: Sandbox) -> None:
    items = [item for part in parts.values() for item in part.objects()]
    assert len(items) == 9
    for item in items:
        sandbox.api.apply(item, "aphex.platform/objects", dryRun="All", fieldValidation="Strict")


def test_P1_the_proxy_passes_restricted(dashboard: Part, sandbox: Sandbox) -> None:
    name = f"proxy-{uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    sandbox.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    spec = dashboard.one("Deployment", "oauth2-proxy")["spec"]["template"]["spec"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "proxy", "namespace": name}, "spec": spec}
    assert verdict(sandbox.api, "create", f"/api/v1/namespaces/{name}/pods", pod) == ALLOWED
    sandbox.api.delete(f"/api/v1/namespaces/{name}")


# --- the dashboard


def test_B21_the_login_is_the_proxys_and_the_dashboard_has_no_flag_for_it(dashboard: Part) -> None:
    patch = dashboard.one("Deployment", "tekton-dashboard", patches=True)
    assert not any("oidc" in argument for argument in container(patch)["args"])
    args = container(dashboard.one("Deployment", "oauth2-proxy"))["args"]
    assert {
        "--provider=oidc",
        "--oidc-issuer-url=https://dex.example.com",
        "--client-id=tekton-dashboard",
        "--redirect-url=https://tekton.example.com/oauth2/callback",
        "--upstream=http://tekton-dashboard.tekton-pipelines.svc.cluster.local:9097/",
        "--provider-ca-file=/etc/oauth2-proxy/ca/ca.crt",
    } <= set(args)
    [port] = dashboard.one("Service", "oauth2-proxy")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "http")
    assert container(dashboard.one("Deployment", "oauth2-proxy"))["ports"] == [{"name": "http", "containerPort": 4180}]


def test_B21_no_secret_is_written_into_the_tree(dashboard: Part) -> None:
    proxy = dashboard.one("Deployment", "oauth2-proxy")
    args = container(proxy)["args"]
    assert "--client-secret-file=/etc/oauth2-proxy/secret/client-secret" in args
    assert not any(argument.startswith(("--client-secret=", "--cookie-secret=")) for argument in args)
    [cookie] = container(proxy)["env"]
    assert cookie["valueFrom"] == {"secretKeyRef": {"name": "oauth2-proxy", "key": "cookie-secret"}}
    assert {item["kind"] for item in dashboard.objects()}.isdisjoint({"Secret"})


def test_P28_the_dashboard_reads_and_only_admins_look(dashboard: Part) -> None:
    args = container(dashboard.one("Deployment", "tekton-dashboard", patches=True))["args"]
    assert "--read-only=true" in args
    proxy = container(dashboard.one("Deployment", "oauth2-proxy"))["args"]
    assert [argument for argument in proxy if argument.startswith("--allowed-group")] == [
        "--allowed-group=platform-admins"
    ]
    assert {"--cookie-secure=true", "--cookie-httponly=true", "--cookie-name=__Host-tekton"} <= set(proxy)
    assert not any("skip-auth" in argument or "insecure" in argument for argument in proxy)


def test_P28_nobody_reaches_the_dashboard_but_the_proxy(dashboard: Part) -> None:
    to_dashboard = dashboard.one("NetworkPolicy", "tekton-dashboard")["spec"]
    [rule] = to_dashboard["ingress"]
    [peer] = rule["from"]
    pods = dashboard.one("Deployment", "oauth2-proxy")["spec"]["template"]["metadata"]["labels"]
    # No namespace is named: pods of this one.
    assert peer.keys() == {"podSelector"}
    assert peer["podSelector"]["matchLabels"].items() <= pods.items()
    assert rule["ports"] == [{"protocol": "TCP", "port": 9097}]
    [rule] = dashboard.one("NetworkPolicy", "oauth2-proxy")["spec"]["ingress"]
    assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ingress-system"}
    # The policy on the dashboard is not about the proxy.
    assert not to_dashboard["podSelector"]["matchLabels"].items() <= pods.items()


def test_P28_the_dashboards_account_reads_no_secret_and_writes_nothing(dashboard: Part, sandbox: Sandbox) -> None:
    wanted = [
        item for item in dashboard.objects() if item["kind"] in ("ServiceAccount", "ClusterRole", "ClusterRoleBinding")
    ]
    for item in wanted:
        sandbox.api.apply(item)
    try:
        account = container_account(dashboard)
        api = sandbox.as_service_account(NAMESPACE, account)
        runs = "/apis/tekton.dev/v1/namespaces/default/pipelineruns"
        eventually("it reads runs", lambda: verdict(api, "list", runs) == ALLOWED)
        assert verdict(api, "list", "/api/v1/pods") == ALLOWED
        assert verdict(api, "list", INTERCEPTORS) == ALLOWED
        for path in ("/api/v1/secrets", f"/api/v1/namespaces/{NAMESPACE}/secrets", "/api/v1/configmaps"):
            assert verdict(api, "list", path) == RBAC
        assert verdict(api, "create", runs, {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun"}) == RBAC
        assert verdict(api, "delete", f"{runs}/any") == RBAC
    finally:
        for item in wanted:
            sandbox.api.remove(item)


def container_account(dashboard: Part) -> str:
    """The account that the dashboard's pods are given."""
    patch = dashboard.one("Deployment", "tekton-dashboard", patches=True)
    return str(patch["spec"]["template"]["spec"]["serviceAccountName"])


def test_without_a_dashboard_its_part_is_not_written() -> None:
    assert list(parts_of("tekton", tekton_dashboard=False)) == ["tekton"]


def test_bad_inputs_are_one_sentence_each() -> None:
    wrong = {
        "tekton_pipelines_version": "latest",
        "tekton_dashboard_host": "",
        "tekton_dashboard_issuer": "http://dex.example.com",
        "tekton_dashboard_groups": [],
        "tekton_image_oauth2_proxy": "oauth2-proxy:latest",
    }
    said = refusal("tekton", **wrong)
    for sentence in (
        "Write each as its release is called, like v1.6.0.",
        "tekton_dashboard_host is '', which is no host name.",
        "tekton_dashboard_issuer is 'http://dex.example.com', which is no issuer.",
        "Name at least one group; without one everybody who can log in would see all tenants.",
        "tekton_image_oauth2_proxy is 'oauth2-proxy:latest', which names no version.",
    ):
        assert sentence in said


# --- P34


def interceptor(name: str, **fields: Any) -> Object:
    metadata = {"name": name, **({"labels": {"server/type": "https"}} if fields.pop("https", False) else {})}
    config = {"url": "https://example.com", **fields}
    version = "triggers.tekton.dev/v1alpha1"
    return {"apiVersion": version, "kind": "ClusterInterceptor", "metadata": metadata, "spec": {"clientConfig": config}}


@pytest.fixture
def guarded(tekton: Part, sandbox: Sandbox) -> Iterator[str]:
    """The policy at work, and a tenant whom somebody gave all usual verbs on ClusterInterceptors."""
    name = f"p34-{uuid4().hex[:8]}"
    rbac = "rbac.authorization.k8s.io"
    verbs = ["get", "list", "create", "update", "patch", "delete"]
    rules = [{"apiGroups": ["triggers.tekton.dev"], "resources": ["clusterinterceptors"], "verbs": verbs}]
    role = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    bound = {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": rbac, "kind": "User", "name": name}],
    }
    items = [*tekton.objects(), role, bound]
    for item in items:
        sandbox.api.apply(item)
    canary = interceptor(f"{name}-canary", https=True)
    eventually("the policy acts", lambda: verdict(sandbox.api, "create", INTERCEPTORS, canary) == POLICY, 60)
    try:
        yield name
    finally:
        for item in reversed(items):
            sandbox.api.remove(item)


def test_P34_nobody_but_the_platform_writes_cluster_interceptors(guarded: str, sandbox: Sandbox) -> None:
    tenant = sandbox.as_user(guarded)
    eventually("the tenant has the right", lambda: verdict(tenant, "list", INTERCEPTORS) == ALLOWED)
    one = interceptor(f"{guarded}-one")
    assert verdict(tenant, "create", INTERCEPTORS, one) == POLICY
    assert verdict(tenant, "patch", f"{INTERCEPTORS}/github", {"metadata": {"labels": {"a": "b"}}}) == POLICY
    assert verdict(tenant, "delete", f"{INTERCEPTORS}/github") == POLICY
    # An administrator, such as Argo CD is, installs; Tekton's own program renews its certificate and deletes nothing.
    assert verdict(sandbox.api, "create", INTERCEPTORS, one) == ALLOWED
    core = sandbox.as_service_account(NAMESPACE, "tekton-triggers-core-interceptors")
    found = sandbox.api.get(f"{INTERCEPTORS}/github")
    assert verdict(core, "update", f"{INTERCEPTORS}/github", found) == ALLOWED
    with pytest.raises(ApiError, match=r"ask a platform operator for the verb install"):
        tenant.create(one)


def test_P34_no_interceptor_makes_the_listeners_exit(guarded: str, sandbox: Sandbox) -> None:
    broken = interceptor(f"{guarded}-broken", https=True)
    assert verdict(sandbox.api, "create", INTERCEPTORS, broken) == POLICY
    with pytest.raises(ApiError, match=r"has no caBundle, which makes every listener of the cluster exit"):
        sandbox.api.create(broken)
    whole = interceptor(f"{guarded}-whole", https=True, caBundle="aGVsbG8=")
    assert verdict(sandbox.api, "create", INTERCEPTORS, whole) == ALLOWED
    # Tekton's release makes its own without a certificate.
    assert verdict(sandbox.api, "create", INTERCEPTORS, interceptor("gitlab", https=True)) == ALLOWED
