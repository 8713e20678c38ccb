"""Does a tenant leave completely, whatever has happened to the platform, and does it come back whole from any drift?

Offboarding is tried on a platform that has lost its admission policies, its settings or its kinds, in a sandbox of its
own whose foreign kinds are the permissive ones. Afterwards every kind of the API server is searched for a trace.
"""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.platform import OWNER
from tests.integration.installed import ROLE
from tests.integration.tenants import ADMIN, ARGO_CD, PLATFORM, Tenants, a_run, eventually, succeeded, tenants
from tests.integration.variants import objects_of, stripped
from tests.sandbox import crds, stack
from tests.sandbox.api import Api, Object
from tests.sandbox.sandbox import Sandbox, join
from tests.sandbox.state import User

CORE = "/api/v1/namespaces"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
APHEX = f"/apis/aphex.io/v1alpha1/namespaces/{PLATFORM}"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{PLATFORM}/leases"
SETTINGS = f"{CORE}/{PLATFORM}/configmaps/aphex-platform"
ALLOW = {"metadata": {"annotations": {"platform.aphex/allow-delete": "true"}}}
POLICIES = ("approved_owners", "reserved_namespaces", "who_may_bind", "guarded_labels", "crd_deletion")


@pytest.fixture(scope="module")
def own() -> Iterator[Tenants]:
    """A platform of this module alone, on which tests may break what every tenant leans on."""
    name = f"leaving-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    user = User.this_process("offboarding")
    first = join(name, ["api_server"], user=user)
    try:
        crds.load(first.api, upstream=Path("none"))
        with tenants(join(name, stack.ALL, user=user)) as made:
            yield made
    finally:
        stop_own(first)


def stop_own(sandbox: Sandbox) -> None:
    sandbox.leave()


@pytest.fixture(scope="module")
def on(sandbox: Sandbox) -> Iterator[Tenants]:
    """The platform that all share, with its strict kinds."""
    with tenants(sandbox) as made:
        yield made


def onboard(on: Tenants, word: str) -> None:
    """An organization and a repository of the same name, with connectors that are connected."""
    assert on.sandbox.edge.url
    assert succeeded(on.organization(word))
    assert succeeded(on.repo_binding(word, word))
    on.listening(word)


def offboard(on: Tenants, word: str) -> None:
    """Both away, and no trace of them anywhere."""
    assert succeeded(on.repo_binding(word, word, state="absent"))
    assert succeeded(on.organization(word, state="absent"))
    assert traces(on, on.name(word)) == []
    # And away they are: a further run finds nothing to do.
    assert on.repo_binding(word, word, state="absent")["changed"] is False
    assert on.organization(word, state="absent")["changed"] is False


def traces(on: Tenants, name: str) -> list[str]:
    """Every object of every kind that mentions a name, and what Cloudflare still has of it."""
    found = [
        f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
        for path in listable(on.api)
        for item in on.api.list(path)
        if item["kind"] != "Event" and name in json.dumps(item)
    ]
    records = on.cloudflare("GET", "{zone}/dns_records?per_page=1000")
    tunnels = on.cloudflare("GET", "{account}/cfd_tunnel?is_deleted=false&per_page=1000")
    found += [f"record {item['name']}" for item in records if name in json.dumps(item)]
    return found + [f"tunnel {item['name']}" for item in tunnels if name in item["name"]]


def listable(api: Api) -> Iterator[str]:
    """The path of all objects of each kind that the server can list."""
    groups = [f"/apis/{item['preferredVersion']['groupVersion']}" for item in api.get("/apis")["groups"]]
    for base in ["/api/v1", *groups]:
        for entry in api.get(base)["resources"]:
            if "/" not in entry["name"] and "list" in entry["verbs"]:
                yield f"{base}/{entry['name']}"


# --- the platform is not what it was


def policies(on: Tenants) -> list[Object]:
    texts = [(ROLE / "files" / "policies" / f"{name}.yaml").read_text(encoding="utf-8") for name in POLICIES]
    documents = [document for text in texts for document in yaml.safe_load_all(text)]
    return [item for document in documents for item in (document.get("items") or [document])]


def without_policies(on: Tenants) -> Callable[[], None]:
    items = [on.api.get(on.api.path_of(item)) for item in policies(on)]
    for item in items:
        on.api.remove(item)
    return lambda: on.api.apply_all(map(stripped, items))


def without_settings(on: Tenants) -> Callable[[], None]:
    item = stripped(on.api.get(SETTINGS))
    on.api.patch(SETTINGS, ALLOW)
    on.api.delete(SETTINGS)
    return lambda: on.api.apply_all([item])


def with_broken_settings(on: Tenants) -> Callable[[], None]:
    item = stripped(on.api.get(SETTINGS))
    on.api.patch(SETTINGS, {"data": {"zone": "", "maxBindings": "many", "quota": "{"}})
    return lambda: on.api.apply_all([item])


def without_approval(on: Tenants) -> Callable[[], None]:
    before = on.api.get(SETTINGS)["data"]["approvedOwners"]
    on.api.patch(SETTINGS, {"data": {"approvedOwners": "somebody-else"}})
    return lambda: on.api.patch(SETTINGS, {"data": {"approvedOwners": before}}) and None


def with_every_name_reserved(on: Tenants) -> Callable[[], None]:
    before = on.api.get(SETTINGS)["data"]["reservedNamespaces"]
    on.api.patch(SETTINGS, {"data": {"reservedNamespaces": f"{before}\nreserved\n{on.name('reserved')}"}})
    return lambda: on.api.patch(SETTINGS, {"data": {"reservedNamespaces": before}}) and None


@pytest.mark.parametrize(
    ("word", "loses"),
    [
        pytest.param("whole", lambda _on: lambda: None, id="nothing lost"),
        pytest.param("open", without_policies, id="admission policies withdrawn"),
        pytest.param("lost", without_settings, id="parameters deleted"),
        pytest.param("broken", with_broken_settings, id="parameters wrong"),
        pytest.param("unwanted", without_approval, id="owner no longer approved"),
        pytest.param("reserved", with_every_name_reserved, id="name reserved afterwards"),
    ],
)
def test_P4_offboarding_finishes(
    own: Tenants, word: str, loses: Callable[[Tenants], Callable[[], None]]
) -> None:
    onboard(own, word)
    restore = loses(own)
    try:
        offboard(own, word)
    finally:
        restore()


def test_P4_without_settings_nothing_is_onboarded_and_the_sentence_says_what_to_do(own: Tenants) -> None:
    restore = without_settings(own)
    try:
        mark = own.sandbox.audit.mark()
        result = own.organization("early")
        assert result["failure"]["kind"] == "missing"
        assert "Run the role aphex.platform.crds first" in result["msg"]
        assert own.writes(mark) == []
    finally:
        restore()


def test_P4_without_settings_a_host_of_its_own_is_asked_for(own: Tenants) -> None:
    """Which zone such a host lies in, only the settings say: the refusal says so before anything is deleted."""
    hostname = f"hooks.{own.mark}.{stack.ZONE}"
    assert succeeded(own.organization("custom", tunnel={"hostname": hostname}))
    restore = without_settings(own)
    try:
        mark = own.sandbox.audit.mark()
        result = own.organization("custom", state="absent")
        assert "Run the role aphex.platform.crds first" in result["msg"]
        assert own.writes(mark) == []
    finally:
        restore()
    assert succeeded(own.organization("custom", state="absent"))
    assert traces(own, own.name("custom")) == []


def test_P7_the_kinds_are_not_deleted_by_mistake_and_offboarding_outlives_their_deletion(own: Tenants) -> None:
    onboard(own, "kindless")
    kinds = [f"{CRD}/{plural}.aphex.io" for plural in ("repobindings", "organizations", "knowledgebases")]
    kept = [stripped(own.api.get(path)) for path in kinds]
    for path in kinds:
        with pytest.raises(Exception, match="takes every tenant with it"):
            own.api.delete(path)
    assert own.resource("organizations", "kindless")
    for path in kinds:
        own.api.patch(path, ALLOW)
        own.api.delete(path)
    # Both tenants are marked now, and their kinds wait for them.
    eventually("they are marked", lambda: "deletionTimestamp" in whole(own, "kindless")["metadata"])
    try:
        assert succeeded(own.repo_binding("kindless", "kindless", state="absent"))
        eventually("the kind RepoBinding is gone", lambda: not own.api.exists(kinds[0]))
        assert succeeded(own.organization("kindless", state="absent"))
        eventually("all kinds are gone", lambda: not any(own.api.exists(path) for path in kinds))
        assert traces(own, own.name("kindless")) == []
        assert own.organization("kindless", state="absent")["changed"] is False
    finally:
        own.api.apply_all(kept)
        eventually("the kinds are served", lambda: served(own.api))


def whole(on: Tenants, word: str) -> Object:
    return on.resource("organizations", word) or {"metadata": {}}


def served(api: Api) -> bool:
    found = [api.request("GET", f"/apis/aphex.io/v1alpha1/{plural}")[0] for plural in ("repobindings", "organizations")]
    return found == [200, 200]


@pytest.mark.parametrize("first", ["pipeline", "organization"])
def test_P4_a_namespace_deleted_by_hand_does_not_hold_its_tenant(own: Tenants, first: str) -> None:
    word = f"cut-{first[:3]}"
    onboard(own, word)
    gone = own.name(word) if first == "pipeline" else f"org-{own.name(word)}"
    own.api.delete(f"{CORE}/{gone}")
    eventually("the namespace is gone", lambda: not own.api.exists(f"{CORE}/{gone}"))
    if first == "pipeline":
        offboard(own, word)
        return
    # With the namespace went what proves the tunnel ours: that is said, and nothing is leaked silently (B3).
    assert succeeded(own.repo_binding(word, word, state="absent"))
    result = own.organization(word, state="absent")
    assert result["failure"]["kind"] == "refused"
    assert "Set adopt to true to delete it" in result["msg"]
    assert own.tunnels(word)
    assert own.resource("organizations", word)
    assert succeeded(own.organization(word, state="absent", adopt=True))
    assert traces(own, own.name(word)) == []


def test_B4_an_organization_that_never_got_far_leaves_no_trace(own: Tenants) -> None:
    own.sandbox.cloudflare.set_token_status(own.sandbox.cloudflare.token, "disabled")
    try:
        assert own.organization("early")["failed"]
    finally:
        own.sandbox.cloudflare.set_token_status(own.sandbox.cloudflare.token, "active")
    assert succeeded(own.organization("early", state="absent"))
    assert traces(own, own.name("early")) == []


# --- the controller


def lease(name: str, holder: str, age: float = 0.0) -> Object:
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
    text = then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 30, "acquireTime": text, "renewTime": text}
    metadata = {"name": name, "namespace": PLATFORM}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


@pytest.fixture
def controller(own: Tenants) -> Iterator[str]:
    """A controller that is at work."""
    own.api.apply(lease("aphex-controller", "controller-0"))
    yield "controller-0"
    own.api.delete(f"{LEASES}/aphex-controller")


def at_cloudflare(on: Tenants) -> list[str]:
    return [f"{entry.method} {entry.path}" for entry in on.sandbox.cloudflare.log.entries()]


def test_P2_under_a_controller_the_playbook_writes_the_resource_and_waits(own: Tenants, controller: str) -> None:
    mark, asked = own.sandbox.audit.mark(), len(at_cloudflare(own))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(own.organization, "ruled", wait_timeout=30)
        made = eventually("the resource", lambda: own.resource("organizations", "ruled"))
        time.sleep(0.5)
        assert not running.done()
        conditions = [
            {"type": "Ready", "status": "True", "reason": "Done", "message": "", "lastTransitionTime": now_text()}
        ]
        status = {"phase": "Ready", "observedGeneration": made["metadata"]["generation"], "conditions": conditions}
        own.api.patch(f"{APHEX}/organizations/{own.name('ruled')}/status", {"status": status})
        result = running.result()
    assert succeeded(result)
    assert result["changed"] is True
    [write] = own.writes(mark)
    assert f"/organizations/{own.name('ruled')}?" in write
    assert not own.api.exists(f"{CORE}/org-{own.name('ruled')}")
    assert at_cloudflare(own)[asked:] == []
    assert own.organization("ruled")["changed"] is False


def test_P2_under_a_controller_leaving_is_a_mark_and_a_wait(own: Tenants, controller: str) -> None:
    assert succeeded(own.organization("marked", wait=False))
    mark = own.sandbox.audit.mark()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(own.organization, "marked", state="absent", wait_timeout=30)
        eventually("it is marked", lambda: "deletionTimestamp" in whole(own, "marked")["metadata"])
        own.api.patch(f"{APHEX}/organizations/{own.name('marked')}", {"metadata": {"finalizers": None}})
        assert succeeded(running.result())
    [write] = own.writes(mark)
    assert write.startswith(f"delete /apis/aphex.io/v1alpha1/namespaces/{PLATFORM}/organizations/{own.name('marked')}")


def test_P2_a_controller_that_has_stopped_is_not_waited_for(own: Tenants) -> None:
    own.api.apply(lease("aphex-controller", "controller-0", age=60))
    try:
        onboard(own, "freed")
        offboard(own, "freed")
    finally:
        own.api.delete(f"{LEASES}/aphex-controller")


def now_text() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- two writers


@pytest.mark.parametrize("kind", ["organization", "repobinding"])
def test_P2_a_second_writer_is_refused_with_the_holders_name(on: Tenants, kind: str) -> None:
    assert succeeded(on.organization("busy"))
    name = f"aphex-{kind}-{on.name('busy')}"
    on.api.apply(lease(name, "olga@elsewhere/4711"))
    mark = on.sandbox.audit.mark()
    run = on.organization if kind == "organization" else lambda word, **more: on.repo_binding(word, "busy", **more)
    result = run("busy", quota={"pods": 7})
    assert result["failure"]["kind"] == "busy"
    assert "olga@elsewhere/4711 is working on it" in result["msg"]
    assert on.writes(mark) == []
    on.api.delete(f"{LEASES}/{name}")
    assert succeeded(run("busy", quota={"pods": 7}))
    assert not on.api.exists(f"{LEASES}/{name}")


def test_P2_of_two_at_once_one_is_refused_and_nothing_is_made_twice(on: Tenants) -> None:
    runs = [a_run(who=f"writer-{number}@elsewhere/1") for number in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda run: on.organization("twice", runtime=run), runs))
    refused = [result for result in results if result.get("failed")]
    for result in refused:
        assert result["failure"]["kind"] == "busy", result["msg"]
        assert "@elsewhere/1 is working on it" in result["msg"] or "somebody else took it" in result["msg"]
    assert len(refused) <= 1
    assert len(on.tunnels("twice")) == 1
    assert len(on.records("twice")) == 1
    assert on.organization("twice")["changed"] is False


# --- bindings hold their organization


def test_B12_P30_an_organization_waits_while_bindings_use_it(on: Tenants) -> None:
    assert succeeded(on.organization("held"))
    assert succeeded(on.repo_binding("held", "held"))
    mark = on.sandbox.audit.mark()
    result = on.organization("held", state="absent", wait=False)
    assert f"1 RepoBindings use it: {on.name('held')}" in result["msg"]
    assert on.writes(mark) == []
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(on.organization, "held", state="absent", wait_timeout=60)
        found = eventually("it says why it waits", lambda: ready(on, "held", "Blocked"))
        assert found["message"] == f"Blocked: 1 RepoBindings use it: {on.name('held')}"
        # Nothing that the binding leans on goes before it, and nobody joins any more.
        assert on.records("held")
        assert on.api.exists(f"{CORE}/org-{on.name('held')}/secrets/github-webhook-secret")
        refused = on.repo_binding("late", "held")
        assert "is being deleted" in refused["msg"]
        assert not running.done()
        assert succeeded(on.repo_binding("held", "held", state="absent"))
        assert succeeded(running.result())
    assert traces(on, on.name("held")) == []


def ready(on: Tenants, word: str, reason: str) -> Object | None:
    conditions = (on.resource("organizations", word) or {}).get("status", {}).get("conditions") or []
    return next((item for item in conditions if item["type"] == "Ready" and item["reason"] == reason), None)


# --- what holds state


def keep_state(on: Tenants, word: str) -> None:
    """What Terraform and a run leave behind in a pipeline's namespace."""
    namespace = on.name(word)
    labels = {"tfstate": "true"}
    secret = {"metadata": {"name": "tfstate-default-x", "namespace": namespace, "labels": labels}}
    on.api.create({"apiVersion": "v1", "kind": "Secret", **secret, "data": {"tfstate": "c3RhdGU="}})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"metadata": {"name": "volume", "namespace": namespace}, "spec": spec}
    on.api.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim})


def test_P7b_retain_keeps_a_namespace_with_state_and_takes_it_again(on: Tenants) -> None:
    assert succeeded(on.organization("keep"))
    assert succeeded(on.repo_binding("keep", "keep", secrets="organization"))
    keep_state(on, "keep")
    path = f"{CORE}/{on.name('keep')}"
    assert succeeded(on.repo_binding("keep", "keep", state="absent"))
    metadata = on.api.get(path)["metadata"]
    assert metadata["annotations"]["platform.aphex/retained-for"] == f"RepoBinding {PLATFORM}/{on.name('keep')}"
    # Nobody's any more: no owner, no store that opens to it; and still no place for privileged pods.
    ours = [name for name in metadata["labels"] if name.startswith(("platform.aphex/", "aphex.dev/"))]
    assert ours == []
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    assert on.api.exists(f"{path}/secrets/tfstate-default-x")
    assert on.api.exists(f"{path}/persistentvolumeclaims/volume")
    for left in ("serviceaccounts/pipeline-runner", "resourcequotas/tenant-quota", "secrets/terraform-backend-config"):
        assert not on.api.exists(f"{path}/{left}")
    assert on.api.list(f"{RBAC}/namespaces/{on.name('keep')}/rolebindings") == []
    assert on.resource("repobindings", "keep") is None
    # Another tenant does not get it by asking for its name.
    assert succeeded(on.organization("other"))
    result = on.repo_binding("thief", "other", pipeline_name=on.name("keep"))
    assert "it is there already and not ours" in result["msg"]
    assert on.repo_binding("keep", "keep", state="absent")["changed"] is False
    # The same one does, without being told to adopt.
    assert succeeded(on.repo_binding("keep", "keep"))
    again = on.api.get(path)["metadata"]
    assert again["uid"] == metadata["uid"]
    assert again["labels"]["platform.aphex/owner-name"] == on.name("keep")
    assert on.api.get(f"{path}/secrets/tfstate-default-x")["data"] == {"tfstate": "c3RhdGU="}
    assert on.repo_binding("keep", "keep")["changed"] is False


def test_P7b_retain_keeps_what_an_organizations_admins_have_filled_in(on: Tenants) -> None:
    assert succeeded(on.organization("vault"))
    path = f"{CORE}/org-{on.name('vault')}"
    on.api.patch(f"{path}/secrets/org-secrets", {"data": {"token": "dmFsdWU="}})
    former = on.secret("vault")
    assert succeeded(on.organization("vault", state="absent"))
    assert on.api.get(f"{path}/secrets/org-secrets")["data"] == {"token": "dmFsdWU="}
    left = {item["metadata"]["name"] for item in on.api.list(f"{path}/secrets")}
    assert left == {"org-secrets"}
    assert on.tunnels("vault") == []
    assert on.records("vault") == []
    assert on.resource("organizations", "vault") is None
    assert not on.api.exists(f"/apis/external-secrets.io/v1/clustersecretstores/org-{on.name('vault')}-store")
    assert succeeded(on.organization("vault"))
    assert on.api.get(f"{path}/secrets/org-secrets")["data"] == {"token": "dmFsdWU="}
    assert on.secret("vault") not in (None, former)
    assert on.organization("vault")["changed"] is False


def test_P7b_delete_wants_the_name_and_writes_the_export_first(on: Tenants) -> None:
    assert succeeded(on.organization("purge"))
    assert succeeded(on.repo_binding("purge", "purge", deletion_policy="Delete"))
    keep_state(on, "purge")
    mark = on.sandbox.audit.mark()
    for confirm in (None, on.name("other"), "yes"):
        result = on.repo_binding("purge", "purge", state="absent", confirm=confirm)
        assert "it would delete Secret tfstate-default-x, PersistentVolumeClaim volume" in result["msg"]
    assert on.writes(mark) == []
    assert succeeded(on.repo_binding("purge", "purge", state="absent", confirm=on.name("purge")))
    made = on.writes(mark)
    export = f"{CORE}/{PLATFORM}/secrets"
    first = next(number for number, text in enumerate(made) if text.startswith(f"create {export}"))
    assert first < next(number for number, text in enumerate(made) if text.startswith(f"delete {CORE}/{on.name('purge')}"))
    copied = on.api.get(f"{export}/aphex-export-{on.name('purge')}-tfstate-default-x")
    assert copied["data"] == {"tfstate": "c3RhdGU="}
    assert not on.api.exists(f"{CORE}/{on.name('purge')}")


def test_S7_offboarding_touches_nothing_in_a_namespace_that_is_somebody_elses(on: Tenants) -> None:
    assert succeeded(on.organization("mine"))
    assert succeeded(on.repo_binding("mine", "mine"))
    keep_state(on, "mine")
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "mine", "namespace": on.name("mine")},
        "spec": {"project": on.name("mine"), "source": {"repoURL": f"https://github.com/{OWNER}/mine"},
                 "destination": {"namespace": on.name("mine")}},
    }  # fmt: skip
    on.api.create(application)
    mark = on.sandbox.audit.mark()
    result = on.repo_binding("wrong", "mine", pipeline_name=on.name("mine"), state="absent")
    assert result["changed"] is False
    assert on.writes(mark) == []
    assert on.api.exists(on.api.path_of(application))


# --- drift


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
    "Namespace": {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged",
                                          "platform.aphex/owner-name": "evil"}}},
    "ServiceAccount": {"metadata": {"labels": {"platform.aphex/organization": "evil"}}},
    "RoleBinding": {"subjects": EVIL},
    "NetworkPolicy": {"spec": {"egress": [{}], "ingress": [{}]}},
    "LimitRange": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "64"}}]}},
    "ResourceQuota": {"spec": {"hard": {"pods": "1000"}}},
    "ConfigMap": {"data": {"config.yaml": "ingress: []", "ns-config": "successfulHistoryLimit: 1000"}},
    "ClusterSecretStore": {"spec": {"conditions": [{"namespaces": ["default"]}]}},
    "TriggerBinding": {"spec": {"params": []}},
    "TriggerTemplate": {"spec": {"resourcetemplates": []}},
    "Trigger": {"spec": {"interceptors": []}},
    "EventListener": {"spec": {"triggerGroups": []}},
    "Pipeline": {"spec": {"tasks": [{"name": "evil", "taskRef": {"name": "evil"}}]}},
    "AppProject": {"spec": {"destinations": [{"server": "*", "namespace": "*"}], "namespaceResourceBlacklist": []}},
    "Deployment": {"spec": {"replicas": 1, "template": {"spec": {"securityContext": {"runAsNonRoot": False}}}}},
    "Organization": {"spec": {"adminUsers": ["evil@evil.example"]}},
    "RepoBinding": {"spec": {"permissionProfile": "elevated", "branches": ["evil"]}},
}  # fmt: skip
OF_TERRAFORM_OR_TUNNEL = ("terraform-backend-config", "cloudflared-credentials-")


def spoilt(item: Object) -> Object | None:
    """The merge patch that spoils an object; None for what belongs to others from the moment that it is made."""
    if item["kind"] == "Secret":
        held = item["metadata"]["name"].startswith(OF_TERRAFORM_OR_TUNNEL)
        return {"data": dict.fromkeys(item["data"], "eA==")} if held else None
    if item["kind"] == "ConfigMap":
        return {"data": {key: text for key, text in SPOILS["ConfigMap"]["data"].items() if key in item["data"]}}
    return SPOILS[item["kind"]]


@pytest.fixture(scope="module")
def settled(on: Tenants) -> dict[str, Object]:
    """A tenant of each kind as it should be."""
    onboard(on, "drift")
    return {path: item for path, item in everything(on).items() if "drift" in json.dumps(item)}


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
    delivery = on.push("drift", "drift")
    eventually("a push works again", lambda: on.run_of("drift", delivery))


def test_B6_S17_every_spoilt_object_is_put_right(on: Tenants, settled: dict[str, Object]) -> None:
    kinds = {item["kind"] for item in settled.values()}
    assert kinds == SPOILS.keys() | {"Secret"}
    for path, item in settled.items():
        patch = spoilt(item)
        if patch and patch.get("data") != {}:
            before = on.api.get(path)
            after = on.api.patch(path, patch)
            assert stripped(before) != stripped(after), path
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
    people = {subject["name"] for path in paths for subject in on.api.get(path)["subjects"] if subject["kind"] == "User"}
    assert people == {f"oidc:{ADMIN}"}


def test_P8b_the_api_servers_addresses_are_read_again_on_every_run(own: Tenants) -> None:
    onboard(own, "moved")
    name = "kubernetes-second"
    second = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["203.0.113.77"]}],
        "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
    }
    own.api.create(second)
    try:
        assert own.organization("moved")["changed"] is True
        assert own.repo_binding("moved", "moved")["changed"] is True
        for namespace, policy in ((f"org-{own.name('moved')}", "listener"), (own.name("moved"), "tenant-isolation")):
            found = own.api.get(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{policy}")
            assert "203.0.113.77/32" in json.dumps(found["spec"]["egress"])
    finally:
        own.api.remove(second)
    assert own.organization("moved")["changed"] is True
    offboard(own, "moved")
