"""Does one run bring a tenant back from whatever somebody has done to its objects?

Every object of an organization and of a binding is spoilt, then deleted; afterwards all are as they were, a push works,
and a further run has nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.world import taken_up
from tests.integration.tenants import ADMIN, Tenants, eventually, soon, succeeded, tenants
from tests.integration.variants import objects_of, stripped
from tests.sandbox.api import Object
from tests.sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def on(sandbox: Sandbox) -> Iterator[Tenants]:
    with tenants(sandbox) as made:
        yield made


def everything(on: Tenants) -> dict[str, Object]:
    """All objects of this module's tenants by their path, as somebody would write them."""
    return {on.api.path_of(item): comparable(item) for item in objects_of(on)}


def comparable(item: Object) -> Object:
    metadata = {key: value for key, value in item["metadata"].items() if key not in ("ownerReferences",)}
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        # The revision that the Deployment's controller counts, and the time of a repair.
        if not key.startswith("deployment.kubernetes.io/") and key != "platform.aphex/restored-at"
    }
    item = {**item, "metadata": {**metadata, "annotations": annotations}}
    if item["kind"] == "Deployment":
        item["spec"] = {**item["spec"], "template": {**item["spec"]["template"], "metadata": {}}}
    if item["kind"] == "ConfigMap" and item["metadata"]["name"].endswith("-inventory"):
        item["data"] = {}
    return item


EVIL = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "oidc:evil@evil.example"}]
SPOILS: dict[str, Object] = {
    "Namespace": {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
    "ServiceAccount": {"metadata": {"labels": {"platform.aphex/organization": "evil"}}},
    "RoleBinding": {"subjects": EVIL},
    "NetworkPolicy": {"spec": {"egress": [{}], "ingress": [{}]}},
    "LimitRange": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "64"}}]}},
    "ResourceQuota": {"spec": {"hard": {"pods": "1000"}}},
    "ConfigMap": {"data": {"config.yaml": "ingress: []", "ns-config": "successfulHistoryLimit: 1000"}},
    "ClusterSecretStore": {"spec": {"conditions": [{"namespaces": ["default"]}]}},
    "TriggerBinding": {"spec": {"params": []}},
    "TriggerTemplate": {"spec": {"resourcetemplates": []}},
    "Trigger": {},
    "EventListener": {"spec": {"triggerGroups": []}},
    "Pipeline": {"spec": {"tasks": [{"name": "evil", "taskRef": {"name": "evil"}}]}},
    "AppProject": {"spec": {"destinations": [{"server": "*", "namespace": "*"}], "namespaceResourceBlacklist": []}},
    "Deployment": {"spec": {"replicas": 1, "template": {"spec": {"securityContext": {"runAsNonRoot": False}}}}},
    "Organization": {"spec": {"adminUsers": ["evil@evil.example"]}},
    "RepoBinding": {"spec": {"permissionProfile": "elevated", "secrets": "organization"}},
}  # fmt: skip
OF_TERRAFORM_OR_TUNNEL = ("terraform-backend-config", "cloudflared-credentials-")


def spoilt(item: Object) -> Object | None:
    """The merge patch that spoils an object; None for what belongs to others from the moment that it is made."""
    if item["kind"] == "Secret":
        held = item["metadata"]["name"].startswith(OF_TERRAFORM_OR_TUNNEL)
        return {"data": dict.fromkeys(item["data"], "eA==")} if held else None
    if item["kind"] == "Trigger":
        filters: Object = {"interceptors": []} if "interceptors" in item["spec"] else {}
        return {"spec": {"template": {"ref": "evil"}, **filters}}
    if item["kind"] == "ConfigMap":
        return {"data": {key: text for key, text in SPOILS["ConfigMap"]["data"].items() if key in item["data"]}}
    return SPOILS[item["kind"]]


@pytest.fixture(scope="module")
def settled(on: Tenants) -> dict[str, Object]:
    """A tenant of each kind as it should be."""
    assert on.sandbox.edge.url
    assert succeeded(on.organization("drift"))
    assert succeeded(on.repo_binding("drift", "drift"))
    on.listening("drift")
    return everything(on)


def mended(on: Tenants, settled: dict[str, Object]) -> None:
    """One run of each brings everything back, and the next has nothing to do."""
    for result in (on.organization("drift"), on.repo_binding("drift", "drift")):
        assert succeeded(result)
        assert result["changed"] is True
    now = everything(on)
    assert {path: now.get(path) for path in settled} == settled
    assert on.organization("drift")["changed"] is False
    assert on.repo_binding("drift", "drift")["changed"] is False
    on.listening("drift")

    def starts_a_run() -> Object | None:
        # The listener learns of what came back a moment later, and passes over what was pushed before that.
        delivery = on.push("drift", "drift")
        return soon(lambda: on.run_of("drift", delivery))

    eventually("a push works again", starts_a_run)


def test_B6_S17_every_spoilt_object_is_put_right(on: Tenants, settled: dict[str, Object]) -> None:
    kinds = {item["kind"] for item in settled.values()}
    assert kinds == SPOILS.keys() | {"Secret"}
    for path, item in settled.items():
        patch = spoilt(item)
        if patch and patch.get("data") != {}:
            before = on.api.get(path)
            after = on.api.patch(path, patch)
            assert stripped(before) != stripped(after), path
    for path in [path for path, item in settled.items() if item["kind"] == "Deployment"]:
        taken_up(on.api, path)
    [record] = on.records("drift")
    on.cloudflare("DELETE", f"{{zone}}/dns_records/{record['id']}")
    mended(on, settled)


def test_B6_every_deleted_object_is_made_again(on: Tenants, settled: dict[str, Object]) -> None:
    # Not the tenants' own resources, nor what they live in: that is offboarding, and has its own tests.
    spared = {"Organization", "RepoBinding", "Namespace"}
    for path, item in settled.items():
        once = item["kind"] == "Secret" and not item["metadata"]["name"].startswith(OF_TERRAFORM_OR_TUNNEL)
        if item["kind"] not in spared and not once:
            on.api.delete(path)
    [record] = on.records("drift")
    on.cloudflare("DELETE", f"{{zone}}/dns_records/{record['id']}")
    mended(on, settled)


def test_S17_rights_that_somebody_added_to_a_binding_of_ours_go(on: Tenants, settled: dict[str, Object]) -> None:
    paths = [path for path, item in settled.items() if item["kind"] == "RoleBinding"]
    for path in paths:
        on.api.patch(path, {"subjects": [*settled[path]["subjects"], *EVIL]})
    mended(on, settled)
    subjects = [subject for path in paths for subject in on.api.get(path)["subjects"]]
    people = {subject["name"] for subject in subjects if subject["kind"] == "User"}
    assert people == {f"oidc:{ADMIN}"}
