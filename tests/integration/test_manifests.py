"""Is every object that the use cases build what the systems that read it want?

Every variant of both tenants is onboarded, and every object that it consists of is put to the real schemas of the API
server, to Tekton's own validation, and, where it makes pods, to Pod Security. Network policies are checked as objects:
nothing here enforces them.
"""

from __future__ import annotations

import copy
import ipaddress
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.contract.platform import OWNER
from tests.integration.attempts import ALLOWED, LIMITS, POD_SECURITY, verdict
from tests.integration.tenants import REVISION, Tenants, eventually, succeeded, tenants
from tests.integration.variants import BINDINGS, ORGANIZATIONS, QUOTA, objects_of, onboard_all, stripped
from tests.sandbox import crds, tekton
from tests.sandbox.api import Api, ApiError, Object
from tests.sandbox.sandbox import Sandbox

CORE, APPS = "/api/v1/namespaces", "/apis/apps/v1/namespaces"
NET = "/apis/networking.k8s.io/v1/namespaces"
TEKTON_KINDS = {"Pipeline", "Trigger", "TriggerBinding", "TriggerTemplate", "EventListener"}
PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")


@pytest.fixture(scope="module")
def on(sandbox: Sandbox) -> Iterator[Tenants]:
    with tenants(sandbox) as made:
        onboard_all(made)
        yield made


@pytest.fixture(scope="module")
def objects(on: Tenants) -> list[Object]:
    return objects_of(on)


def refusals(api: Api, items: list[Object]) -> list[str]:
    """What the API server says against these objects, whole and strictly."""

    def one(item: Object) -> str:
        try:
            api.apply(item, "aphex.platform/objects", dryRun="All", fieldValidation="Strict")
        except ApiError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as pool:
        return [text for text in pool.map(one, items) if text]


# --- schemas


def test_P13_every_object_of_every_variant_is_accepted_strictly(on: Tenants, objects: list[Object]) -> None:
    kinds = {item["kind"] for item in objects}
    assert len(objects) > 10 * (len(BINDINGS) + len(ORGANIZATIONS))
    assert kinds > TEKTON_KINDS | {"AppProject", "ClusterSecretStore", "Deployment", "NetworkPolicy", "RoleBinding"}
    assert refusals(on.api, objects) == []


def test_P13_an_object_with_a_field_too_many_is_found(on: Tenants, objects: list[Object]) -> None:
    wanted = ["NetworkPolicy"] + (["AppProject"] if (crds.UPSTREAM / "argocd-appproject.yaml").is_file() else [])
    spoilt = [copy.deepcopy(next(item for item in objects if item["kind"] == kind)) for kind in wanted]
    for item in spoilt:
        item["spec"]["nonsense"] = 1
    said = refusals(on.api, spoilt)
    assert len(said) == len(wanted)
    assert all("nonsense" in text for text in said)


def test_P13_the_permissive_kinds_stand_for_every_foreign_kind(objects: list[Object]) -> None:
    known = {(item.group, item.kind): item for item in crds.DEFINITIONS}
    for item in objects:
        group, _unused, version = item["apiVersion"].rpartition("/")
        # What the API server brings has no group of its own, or one of Kubernetes'; the rest must be declared.
        if group in ("", "apps", "aphex.io") or group.endswith(".k8s.io"):
            continue
        definition = known[group, item["kind"]]
        assert version in definition.versions
        assert definition.namespaced == ("namespace" in item["metadata"])


def rendered(template: Object, **values: str) -> list[Object]:
    """What a TriggerTemplate makes of these params."""
    text = json.dumps(template["spec"]["resourcetemplates"])
    for name, value in values.items():
        text = text.replace(f"$(tt.params.{name.replace('_', '-')})", value)
    assert "$(tt." not in text
    found: list[Object] = json.loads(text)
    return found


def test_P13_every_tekton_object_passes_tektons_own_validation(on: Tenants, objects: list[Object]) -> None:
    built = [item for item in objects if item["kind"] in TEKTON_KINDS]
    values = {"git_revision": REVISION, "git_ref": "refs/heads/main", "event_id": str(uuid4()), "triggered_at": "1"}
    templates = [item for item in built if item["kind"] == "TriggerTemplate"]
    made = [run for item in templates for run in rendered(item, **values, hook_id="1")]
    runs = [item for item in made if item["kind"] == "PipelineRun"]
    assert {item["kind"] for item in built} == TEKTON_KINDS
    assert len(runs) == len(made) - len(ORGANIZATIONS) - 1
    verdicts = tekton.validate([*built, *runs])
    assert [text for text in verdicts if text] == []
    assert refusals(on.api, runs) == []


# --- pods


def test_P1_every_namespace_of_ours_keeps_pods_off_the_node(objects: list[Object]) -> None:
    for item in (item for item in objects if item["kind"] == "Namespace"):
        labels = item["metadata"]["labels"]
        levels = {name: labels[f"pod-security.kubernetes.io/{name}"] for name in ("enforce", "warn", "audit")}
        enforced = "restricted" if item["metadata"]["name"].startswith("org-") else "baseline"
        assert levels == {"enforce": enforced, "warn": "restricted", "audit": "restricted"}


def pods_of(on: Tenants, word: str, deployment: str) -> list[Object]:
    """The pods of a Deployment in an organization's namespace, as many as it wants."""
    namespace = f"org-{on.name(word)}"
    path = f"{APPS}/{namespace}/deployments/{deployment}"

    def look() -> list[Object]:
        item = on.api.get(path)
        selector = ",".join(f"{name}={value}" for name, value in item["spec"]["selector"]["matchLabels"].items())
        found = on.api.list(f"{CORE}/{namespace}/pods", labelSelector=selector)
        alive = [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]
        return alive if len(alive) == item["spec"]["replicas"] else []

    return eventually(f"the pods of {deployment}", look)


def test_P1_the_pods_of_connector_and_listener_pass_restricted(on: Tenants) -> None:
    word = "replicas"
    namespace = f"org-{on.name(word)}"
    for deployment, count in ((f"cloudflared-{on.name(word)}", 3), ("el-github-listener", 2)):
        pods = pods_of(on, word, deployment)
        assert len(pods) == count
        # Made by a controller that could have been let off; so the same pod is tried as anybody's.
        again = stripped(pods[0])
        again["metadata"] = {"name": "again", "namespace": namespace}
        again["spec"].pop("nodeName")
        assert verdict(on.api, "create", f"{CORE}/{namespace}/pods", again) == ALLOWED
        again["spec"]["hostNetwork"] = True
        assert verdict(on.api, "create", f"{CORE}/{namespace}/pods", again) == POD_SECURITY


def test_S13_the_connector_is_pinned_probed_and_needs_no_token(on: Tenants) -> None:
    [pod, *_others] = pods_of(on, "acme", f"cloudflared-{on.name('acme')}")
    [container] = pod["spec"]["containers"]
    assert "@sha256:" in container["image"]
    assert {"readinessProbe", "livenessProbe"} <= container.keys()
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_B5_a_new_configuration_restarts_the_connector_and_leaves_no_record_behind(on: Tenants) -> None:
    assert succeeded(on.organization("moving"))
    before = {pod["metadata"]["uid"] for pod in pods_of(on, "moving", f"cloudflared-{on.name('moving')}")}
    on.listening("moving")
    host = f"hooks-{on.host('moving')}"
    assert on.organization("moving", tunnel={"hostname": host})["organization"]["webhook_url"] == f"https://{host}"
    eventually("the new host answers", lambda: on.send("moving", b"{}", {}, host=host).status == 202)
    after = {pod["metadata"]["uid"] for pod in pods_of(on, "moving", f"cloudflared-{on.name('moving')}")}
    assert not before & after
    assert on.records("moving") == []
    assert on.send("moving", b"{}", {}).text == "error code: 1016"
    assert on.organization("moving", tunnel={"hostname": host})["changed"] is False


# --- amounts


def test_B15_limits_come_before_the_quota(on: Tenants) -> None:
    mark = on.sandbox.audit.mark()
    assert succeeded(on.repo_binding("ordered", "acme"))
    made = [request for request in on.writes(mark) if on.name("ordered") in request]
    first = {
        plural: next(number for number, text in enumerate(made) if f"/{plural}/" in text)
        for plural in ("limitranges", "resourcequotas", "serviceaccounts", "rolebindings")
    }
    assert first["limitranges"] < first["resourcequotas"]
    # B1: whom the rights are given to, before the rights.
    assert first["serviceaccounts"] < first["rolebindings"]


def test_B15_a_runners_pod_without_amounts_fits(on: Tenants) -> None:
    namespace = on.name("web")
    runner = on.sandbox.as_service_account(namespace, "pipeline-runner")
    container = {"name": "main", "image": "registry.invalid/main:1"}
    metadata = {"name": "plain", "namespace": namespace}
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    made = runner.create(pod)
    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }
    path = f"{CORE}/{namespace}/resourcequotas/tenant-quota"
    eventually("the quota counts it", lambda: on.api.get(path)["status"]["used"].get("pods") == "1")
    too_much = copy.deepcopy(pod)
    too_much["metadata"]["name"] = "large"
    too_much["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "3", "memory": "1Gi"}}
    assert verdict(runner, "create", f"{CORE}/{namespace}/pods", too_much) == LIMITS
    runner.remove(made)


@pytest.mark.parametrize(
    ("word", "successful", "failed", "days"),
    [
        pytest.param("bare", 5, 5, 7, id="no volumes, five of each"),
        pytest.param("retention", 0, 1, 1, id="as the binding says"),
        pytest.param("web", 2, 2, 7, id="one volume a run, five claims"),
        pytest.param("workspaces", 1, 0, 7, id="two volumes a run, five claims"),
        pytest.param("amounts", 1, 1, 7, id="one volume a run, three claims"),
    ],
)
def test_B15_P27_kept_runs_leave_the_next_one_its_volumes(
    on: Tenants, word: str, successful: int, failed: int, days: int
) -> None:
    config = yaml.safe_load(config_map(on, word))
    assert config == {
        "successfulHistoryLimit": successful,
        "failedHistoryLimit": failed,
        "ttlSecondsAfterFinished": days * 86400,
    }
    pipeline = on.api.get(f"/apis/tekton.dev/v1/namespaces/{on.name(word)}/pipelines/{on.name(word)}")
    volumes = len(pipeline["spec"].get("workspaces") or [])
    assert (successful + failed + 1) * volumes <= int(hard_of(on, word)["persistentvolumeclaims"])


def config_map(on: Tenants, word: str) -> str:
    found = on.api.get(f"{CORE}/{on.name(word)}/configmaps/tekton-pruner-namespace-spec")
    labels = found["metadata"]["labels"]
    assert labels["app.kubernetes.io/part-of"] == "tekton-pruner"
    assert labels["pruner.tekton.dev/config-type"] == "namespace"
    return str(found["data"]["ns-config"])


def hard_of(on: Tenants, word: str) -> dict[str, str]:
    return dict(on.api.get(f"{CORE}/{on.name(word)}/resourcequotas/tenant-quota")["spec"]["hard"])


HARD = {
    "requests.cpu": QUOTA["requests_cpu"],
    "limits.cpu": QUOTA["limits_cpu"],
    "requests.memory": "1536Mi",
    "limits.memory": QUOTA["limits_memory"],
    "persistentvolumeclaims": "3",
    "pods": "7",
    "services.nodeports": "0",
    "services.loadbalancers": "0",
}


@pytest.mark.parametrize("word", ["amounts", "of-amount"])
def test_quotas_of_the_binding_stand_over_the_organizations_over_the_platforms(on: Tenants, word: str) -> None:
    assert hard_of(on, word) == HARD
    assert hard_of(on, "web") == {
        "requests.cpu": "4",
        "limits.cpu": "8",
        "requests.memory": "8Gi",
        "limits.memory": "16Gi",
        "persistentvolumeclaims": "5",
        "pods": "20",
        "services.nodeports": "0",
        "services.loadbalancers": "0",
    }


# --- network policies


def policy(on: Tenants, namespace: str, name: str) -> dict[str, Any]:
    return dict(on.api.get(f"{NET}/{namespace}/networkpolicies/{name}")["spec"])


def blocks(spec: dict[str, Any]) -> dict[str, list[str]]:
    """The address blocks that a policy lets out, with what it leaves out of them."""
    peers = [peer["ipBlock"] for rule in spec.get("egress") or [] for peer in rule.get("to") or [] if "ipBlock" in peer]
    return {block["cidr"]: sorted(block.get("except") or []) for block in peers}


def ways_to(spec: dict[str, Any], cidr: str) -> list[tuple[str, int]]:
    """Protocols and ports by which a policy lets out to exactly that block."""
    rules = [rule for rule in spec["egress"] for peer in rule["to"] if peer.get("ipBlock", {}).get("cidr") == cidr]
    return [(port["protocol"], port["port"]) for rule in rules for port in rule.get("ports") or []]


def api_servers(on: Tenants) -> tuple[list[str], list[int]]:
    found = on.api.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
    addresses = [address for endpoint in found["endpoints"] for address in endpoint["addresses"]]
    return [f"{address}/32" for address in addresses], [port["port"] for port in found["ports"]]


DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
DNS_PORTS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


@pytest.mark.parametrize("word", ["web", "elevated", "closed", "open"])
def test_S10_a_pipeline_reaches_names_and_the_internet_without_private_ranges(on: Tenants, word: str) -> None:
    spec = policy(on, on.name(word), "tenant-isolation")
    assert (spec["podSelector"], sorted(spec["policyTypes"])) == ({}, ["Egress", "Ingress"])
    assert spec["ingress"] == [{"from": [{"podSelector": {}}]}]
    assert {"to": [DNS], "ports": DNS_PORTS} in spec["egress"]
    found = blocks(spec)
    left_out = [*found["0.0.0.0/0"], *found["::/0"]]
    assert set(PRIVATE) <= set(left_out)
    for address in ("169.254.169.254", "10.96.0.1", "192.168.1.1", "172.31.0.1", "100.100.100.200", "fd00:ec2::254"):
        assert any(ipaddress.ip_address(address) in ipaddress.ip_network(block) for block in left_out), address


def test_P8b_the_api_server_is_reached_by_its_own_addresses_unless_closed(on: Tenants) -> None:
    [address], [port] = api_servers(on)
    assert ways_to(policy(on, on.name("web"), "tenant-isolation"), address) == [("TCP", port)]
    assert ways_to(policy(on, f"org-{on.name('acme')}", "listener"), address) == [("TCP", port)]
    assert address not in blocks(policy(on, on.name("closed"), "tenant-isolation"))


def test_P8b_allowed_networks_are_added_and_nothing_else_is_opened(on: Tenants) -> None:
    spec = policy(on, on.name("open"), "tenant-isolation")
    assert ways_to(spec, "10.20.0.0/16") == [("TCP", 443), ("TCP", 8443)]
    assert ways_to(spec, "fd00::/8") == []
    [address], _ports = api_servers(on)
    assert blocks(spec).keys() == {"0.0.0.0/0", "::/0", address, "10.20.0.0/16", "fd00::/8"}


def test_S10_the_organizations_namespace_is_closed_but_for_the_chain(on: Tenants) -> None:
    namespace = f"org-{on.name('acme')}"
    closed = policy(on, namespace, "default-deny")
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    listener, connector = policy(on, namespace, "listener"), policy(on, namespace, "connector")
    connectors, listeners = connector["podSelector"], listener["podSelector"]
    door = [{"protocol": "TCP", "port": 8080}]
    assert listener["ingress"] == [{"from": [{"podSelector": connectors}], "ports": door}]
    assert {"to": [{"podSelector": listeners}], "ports": door} in connector["egress"]
    assert "ingress" not in connector
    assert ways_to(connector, "0.0.0.0/0") == [("TCP", 7844), ("UDP", 7844), ("TCP", 443)]
    assert blocks(listener).keys() == set(api_servers(on)[0])
    interceptors = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tekton-pipelines"}}}
    assert {"to": [interceptors], "ports": [{"protocol": "TCP", "port": 8443}]} in listener["egress"]
    for spec in (listener, connector):
        assert {"to": [DNS], "ports": DNS_PORTS} in spec["egress"]


def test_S10_the_policies_select_the_pods_that_they_are_about(on: Tenants) -> None:
    namespace = f"org-{on.name('acme')}"
    for name, deployment in (("connector", f"cloudflared-{on.name('acme')}"), ("listener", "el-github-listener")):
        wanted = policy(on, namespace, name)["podSelector"]["matchLabels"]
        for pod in pods_of(on, "acme", deployment):
            assert wanted.items() <= pod["metadata"]["labels"].items()
    listeners = policy(on, namespace, "listener")["podSelector"]["matchLabels"]
    [pod, *_others] = pods_of(on, "acme", f"cloudflared-{on.name('acme')}")
    assert not listeners.items() <= pod["metadata"]["labels"].items()


# --- names


def test_P14_the_longest_names_are_taken(on: Tenants) -> None:
    longest = max(BINDINGS, key=len)
    assert len(on.name(longest)) == 52
    assert len(on.name(max(ORGANIZATIONS, key=len))) == 59
    found = on.api.get(f"{CORE}/{on.name(longest)}")
    assert found["metadata"]["annotations"]["platform.aphex/repository"] == f"{OWNER}/{BINDINGS[longest]['repo_name']}"


def test_B26_addresses_become_legal_names_and_true_subjects(on: Tenants) -> None:
    found = on.api.list(f"/apis/rbac.authorization.k8s.io/v1/namespaces/org-{on.name('people')}/rolebindings")
    people = {subject["name"] for item in found for subject in item["subjects"] if subject["kind"] == "User"}
    assert people == {f"oidc:{address}" for address in ORGANIZATIONS["people"]["admin_users"]}
