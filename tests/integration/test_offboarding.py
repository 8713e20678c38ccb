"""Does a tenant leave completely, whatever has happened to the platform, and is there one writer at a time?

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
from tests.integration.tenants import PLATFORM, Tenants, a_run, eventually, succeeded, tenants
from tests.integration.variants import stripped
from tests.sandbox import crds, stack
from tests.sandbox.api import Api, ApiError, Object
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
        first.leave()


@pytest.fixture(scope="module")
def on(sandbox: Sandbox) -> Iterator[Tenants]:
    """The platform that all share, with its strict kinds."""
    with tenants(sandbox) as made:
        yield made


BASE = "base"
"""An organization of the sandbox of this module that stays, for bindings that come and go."""


def onboard(on: Tenants, word: str) -> None:
    """An organization with connectors that are connected, and a binding of that name to another organization.

    Of another one, so that both can leave side by side: a namespace takes its time.
    """
    assert on.sandbox.edge.url
    for organization in (BASE, word):
        assert succeeded(on.organization(organization))
    assert succeeded(on.repo_binding(word, BASE))
    on.listening(word)


def offboard(on: Tenants, word: str) -> None:
    """Both away, and no trace of them anywhere; a further run finds nothing to do."""
    with ThreadPoolExecutor(2) as pool:
        binding = pool.submit(on.repo_binding, word, BASE, state="absent")
        organization = pool.submit(on.organization, word, state="absent")
    assert succeeded(binding.result())
    assert succeeded(organization.result())
    assert traces(on, on.name(word)) == []
    assert on.repo_binding(word, BASE, state="absent")["changed"] is False
    assert on.organization(word, state="absent")["changed"] is False


def traces(on: Tenants, name: str) -> list[str]:
    """Every object of every kind that mentions a name, and what Cloudflare still has of it."""
    found = [
        f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
        for path in listable(on.api)
        for item in on.api.list(path)
        if item["kind"] != "Event" and item["metadata"]["name"] != "aphex-platform" and name in json.dumps(item)
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


def with_hostile_settings(on: Tenants) -> Callable[[], None]:
    """The owner is no longer approved, and the names are reserved now."""
    before = on.api.get(SETTINGS)["data"]
    reserved = f"{before['reservedNamespaces']}\n{on.name('unwanted')}"
    on.api.patch(SETTINGS, {"data": {"approvedOwners": "somebody-else", "reservedNamespaces": reserved}})
    return lambda: on.api.apply_all([stripped({**on.api.get(SETTINGS), "data": before})])


@pytest.mark.parametrize(
    ("word", "loses"),
    [
        pytest.param("open", without_policies, id="admission policies withdrawn"),
        pytest.param("lost", without_settings, id="parameters deleted"),
        pytest.param("broken", with_broken_settings, id="parameters wrong"),
        pytest.param("unwanted", with_hostile_settings, id="S12 owner no longer approved and names reserved"),
    ],
)
def test_P4_offboarding_finishes(own: Tenants, word: str, loses: Callable[[Tenants], Callable[[], None]]) -> None:
    onboard(own, word)
    restore = loses(own)
    try:
        offboard(own, word)
    finally:
        restore()


def test_B3_B4_offboarding_leaves_no_trace_whether_a_status_tells_of_it_or_not(own: Tenants) -> None:
    for word in ("whole", "early"):
        onboard(own, word)
    for plural in ("organizations", "repobindings"):
        own.api.patch(f"{APHEX}/{plural}/{own.name('early')}/status", {"status": None})
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda word: offboard(own, word), ("whole", "early")))


def test_P4_without_settings_nothing_is_onboarded_and_the_sentence_says_what_to_do(own: Tenants) -> None:
    restore = without_settings(own)
    try:
        mark = own.sandbox.audit.mark()
        result = own.organization("late")
        assert result["failure"]["kind"] == "missing"
        assert "Run the role aphex.platform.crds first" in result["msg"]
        assert own.writes(mark) == []
    finally:
        restore()


def test_P4_without_settings_a_host_of_its_own_is_asked_for(own: Tenants) -> None:
    """Which zone such a host lies in, only the settings say: the refusal says so before anything is deleted."""
    assert succeeded(own.organization("custom", tunnel={"hostname": f"hooks.{own.mark}.{stack.ZONE}"}))
    # Kept, so that nobody waits for a namespace here.
    own.api.patch(f"{CORE}/org-{own.name('custom')}/secrets/org-secrets", {"data": {"token": "eA=="}})
    restore = without_settings(own)
    try:
        mark = own.sandbox.audit.mark()
        result = own.organization("custom", state="absent")
        assert "Run the role aphex.platform.crds first" in result["msg"]
        assert own.writes(mark) == []
    finally:
        restore()
    assert succeeded(own.organization("custom", state="absent"))
    assert [item for item in own.cloudflare("GET", "{zone}/dns_records?per_page=1000") if own.mark in item["name"]
            and item["name"].startswith("hooks.")] == []  # fmt: skip
    assert own.tunnels("custom") == []


def test_P7_the_kinds_are_not_deleted_by_mistake_and_offboarding_outlives_their_deletion(own: Tenants) -> None:
    onboard(own, "kindless")
    kinds = [f"{CRD}/{plural}.aphex.io" for plural in ("repobindings", "organizations", "knowledgebases")]
    kept = [stripped(own.api.get(path)) for path in kinds]
    for path in kinds:
        with pytest.raises(ApiError, match="takes every tenant with it"):
            own.api.delete(path)
    assert "deletionTimestamp" not in whole(own, "kindless")["metadata"]
    for path in kinds:
        own.api.patch(path, ALLOW)
        own.api.delete(path)
    try:
        # All tenants are marked now, and their kinds wait for them; those of other tests are let go by hand.
        eventually("it is marked", lambda: "deletionTimestamp" in whole(own, "kindless")["metadata"])
        for plural in ("repobindings", "organizations"):
            for item in own.api.list(f"{APHEX}/{plural}"):
                if item["metadata"]["name"] != own.name("kindless"):
                    own.api.patch(own.api.path_of(item), {"metadata": {"finalizers": None}})
        offboard(own, "kindless")
        eventually("the kinds are gone", lambda: not any(own.api.exists(path) for path in kinds))
        assert own.organization("kindless", state="absent")["changed"] is False
        assert own.repo_binding("kindless", BASE, state="absent")["changed"] is False
    finally:
        for item in kept:
            item["metadata"]["annotations"].pop("platform.aphex/allow-delete", None)
        eventually("the kinds can be made again", lambda: not any(own.api.exists(path) for path in kinds))
        own.api.apply_all(kept)
        eventually("the kinds are served", lambda: served(own.api))


def whole(on: Tenants, word: str) -> Object:
    return on.resource("organizations", word) or {"metadata": {}}


def served(api: Api) -> bool:
    found = [api.request("GET", f"/apis/aphex.io/v1alpha1/{plural}")[0] for plural in ("repobindings", "organizations")]
    return found == [200, 200]


def test_P4_B3_namespaces_deleted_by_hand_do_not_hold_their_tenants(own: Tenants) -> None:
    onboard(own, "cut")
    namespaces = [f"{CORE}/{own.name('cut')}", f"{CORE}/org-{own.name('cut')}"]
    for path in namespaces:
        own.api.delete(path)
    eventually("the namespaces are gone", lambda: not any(own.api.exists(path) for path in namespaces))
    assert succeeded(own.repo_binding("cut", BASE, state="absent"))
    # With the namespace went what proves the tunnel ours: that is said, and nothing is leaked silently.
    result = own.organization("cut", state="absent")
    assert result["failure"]["kind"] == "refused"
    assert "Set adopt to true to delete it" in result["msg"]
    assert own.tunnels("cut")
    assert own.resource("organizations", "cut")
    assert succeeded(own.organization("cut", state="absent", adopt=True))
    assert traces(own, own.name("cut")) == []


def test_B3_an_error_at_cloudflare_is_told_and_nothing_is_given_up(on: Tenants) -> None:
    assert succeeded(on.organization("denied"))
    # Kept, so that nobody waits for a namespace here.
    on.api.patch(f"{CORE}/org-{on.name('denied')}/secrets/org-secrets", {"data": {"token": "eA=="}})
    cloudflare = on.sandbox.cloudflare
    cloudflare.set_token_status(cloudflare.token, "disabled")
    try:
        result = on.organization("denied", state="absent")
    finally:
        cloudflare.set_token_status(cloudflare.token, "active")
    assert result["failure"]["kind"] == "denied", result["msg"]
    assert on.tunnels("denied")
    assert on.records("denied")
    found = on.resource("organizations", "denied")
    assert found
    assert found["metadata"]["finalizers"] == ["platform.aphex/finalizer"]
    assert succeeded(on.organization("denied", state="absent"))
    assert on.tunnels("denied") == []
    assert on.records("denied") == []


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
        running = pool.submit(own.organization, "ruled", wait_timeout=240)
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
        running = pool.submit(own.organization, "marked", state="absent", wait_timeout=240)
        eventually("it is marked", lambda: "deletionTimestamp" in whole(own, "marked")["metadata"])
        own.api.patch(f"{APHEX}/organizations/{own.name('marked')}", {"metadata": {"finalizers": None}})
        assert succeeded(running.result())
    [write] = own.writes(mark)
    assert write.startswith(f"delete /apis/aphex.io/v1alpha1/namespaces/{PLATFORM}/organizations/{own.name('marked')}")


def test_P2_a_controller_that_has_stopped_is_not_waited_for(own: Tenants) -> None:
    own.api.apply(lease("aphex-controller", "controller-0", age=60))
    try:
        assert succeeded(own.organization("freed"))
        assert own.api.exists(f"{CORE}/org-{own.name('freed')}")
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


def test_P2_of_two_at_once_the_second_is_refused_and_nothing_is_made_twice(on: Tenants) -> None:
    seconds: list[dict[str, Any]] = []

    def meanwhile(_line: str) -> None:
        """The first writer has written, and has not ended: now the second one comes."""
        if not seconds:
            seconds.append(on.organization("twice", runtime=a_run(who="second@elsewhere/2")))

    first = a_run(who="first@elsewhere/1")
    first.progress = meanwhile
    assert succeeded(on.organization("twice", runtime=first))
    assert seconds[0]["failure"]["kind"] == "busy"
    assert "first@elsewhere/1 is working on it" in seconds[0]["msg"]
    assert len(on.tunnels("twice")) == 1
    assert len(on.records("twice")) == 1
    assert on.organization("twice")["changed"] is False


# --- bindings hold their organization


def test_B12_P30_an_organization_waits_while_bindings_use_it(on: Tenants) -> None:
    assert succeeded(on.organization("held"))
    # Kept, so that nobody waits for its namespace here.
    on.api.patch(f"{CORE}/org-{on.name('held')}/secrets/org-secrets", {"data": {"token": "eA=="}})
    assert succeeded(on.repo_binding("held", "held"))
    mark = on.sandbox.audit.mark()
    result = on.organization("held", state="absent", wait=False)
    assert f"1 RepoBindings use it: {on.name('held')}" in result["msg"]
    assert on.writes(mark) == []
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(on.organization, "held", state="absent", wait_timeout=240)
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
    assert on.records("held") == on.tunnels("held") == []
    assert on.resource("organizations", "held") is None


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
    for left in ("serviceaccounts/pipeline-runner", "secrets/terraform-backend-config"):
        assert not on.api.exists(f"{path}/{left}")
    # What still runs there is held as before.
    for held in ("resourcequotas/tenant-quota", "limitranges/tenant-limits"):
        assert on.api.exists(f"{path}/{held}")
    assert on.api.exists(f"/apis/networking.k8s.io/v1/namespaces/{on.name('keep')}/networkpolicies/tenant-isolation")
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
    steps = [f"create {export}", f"delete {CORE}/{on.name('purge')}"]
    written = [next(number for number, text in enumerate(made) if text.startswith(step)) for step in steps]
    assert written == sorted(written)
    name = f"aphex-export-{on.name('purge')}-tfstate-default-x-"
    (copied,) = [item for item in on.api.list(export) if item["metadata"]["name"].startswith(name)]
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


# --- drift of what the platform itself is


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
        assert own.repo_binding("moved", BASE)["changed"] is True
        for namespace, policy in ((f"org-{own.name('moved')}", "listener"), (own.name("moved"), "tenant-isolation")):
            found = own.api.get(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{policy}")
            assert "203.0.113.77/32" in json.dumps(found["spec"]["egress"])
    finally:
        own.api.remove(second)
    assert own.organization("moved")["changed"] is True
    assert own.repo_binding("moved", BASE)["changed"] is True
