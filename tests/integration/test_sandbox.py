"""The sandbox itself: real parts, true identities, several side by side, and nothing left after a crash."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.listening import ORGANIZATION, RIGHT_TO_RUN, RIGHTS, PublicHost, Tenant, eventually
from tests.sandbox import sandbox as sandboxes
from tests.sandbox.api import Api, ApiError
from tests.sandbox.control_plane import ADVERTISED
from tests.sandbox.faults import Fault, Match
from tests.sandbox.process import Record, started_at
from tests.sandbox.sandbox import CHECKOUT, Sandbox, join
from tests.sandbox.state import Place, User
from tests.sandbox.tekton import validate


@pytest.fixture
def tenant(sandbox: Sandbox) -> Iterator[Tenant]:
    made = Tenant(sandbox)
    yield made
    made.remove()


@pytest.fixture
def namespace(sandbox: Sandbox) -> Iterator[str]:
    name = f"test-{uuid4().hex[:8]}"
    sandbox.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    sandbox.api.delete(f"/api/v1/namespaces/{name}")


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def test_kubectl_knows_the_cluster(sandbox: Sandbox) -> None:
    words = [str(sandbox.kubectl), "get", "nodes", "-o", "name"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "node/node-1\n"


def test_p8b_the_api_servers_endpoint_is_no_loopback_address(sandbox: Sandbox) -> None:
    found = sandbox.api.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
    assert found["endpoints"][0]["addresses"] == [ADVERTISED]


def test_a_deployment_becomes_available(sandbox: Sandbox, namespace: str) -> None:
    labels = {"app": "web"}
    pod = {"containers": [{"name": "web", "image": "registry.invalid/web:1"}]}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    metadata = {"name": "web", "namespace": namespace}
    sandbox.api.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    assert eventually(lambda: sandbox.api.get(path)["status"].get("availableReplicas") == 2)


def test_n13_the_audit_log_counts_what_changes_state(sandbox: Sandbox, namespace: str) -> None:
    agent = "aphex.platform/0.0.0-test"
    api = Api(sandbox.api.server, sandbox.api.identity, agent)
    mark = sandbox.audit.mark()
    api.create(config_map(namespace, "a"), dryRun="All")
    api.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {"spec": {"resourceAttributes": {"verb": "get", "resource": "secrets"}}},
    )
    eventually(lambda: sandbox.api.find(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"))
    sandbox.token(namespace, "default")
    assert sandbox.audit.product_writes(mark) == []
    api.create(config_map(namespace, "a"))
    api.apply(config_map(namespace, "a", key="value"))
    with pytest.raises(ApiError):
        api.create(config_map(namespace, "a"))
    sandbox.api.delete(f"/api/v1/namespaces/{namespace}/configmaps/a")
    seen = [(write.verb, write.code) for write in sandbox.audit.product_writes(mark) if namespace in write.uri]
    assert seen == [("create", 201), ("patch", 200), ("create", 409)]
    others = sandbox.audit.writes(mark, lambda write: not write.by_product and namespace in write.uri)
    assert ("delete", "kubernetes-admin") in [(write.verb, write.user) for write in others]


def test_people_and_accounts_have_kubeconfigs(sandbox: Sandbox, namespace: str) -> None:
    person = sandbox.kubeconfig_for(user="oidc:admin@acme-corp.com", groups=["oidc:admins"])
    assert _who_am_i(Api.from_kubeconfig(person)) == (
        "oidc:admin@acme-corp.com",
        ["oidc:admins", "system:authenticated"],
    )
    assert _who_am_i(sandbox.as_user("oidc:a@b.c", ["oidc:x"])) == ("oidc:a@b.c", ["oidc:x", "system:authenticated"])
    eventually(lambda: sandbox.api.find(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"))
    account = sandbox.kubeconfig_for(token=sandbox.token(namespace, "default"))
    assert _who_am_i(Api.from_kubeconfig(account))[0] == f"system:serviceaccount:{namespace}:default"


def _who_am_i(api: Api) -> tuple[str, list[str]]:
    review = api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    return review["status"]["userInfo"]["username"], review["status"]["userInfo"]["groups"]


def test_p5_p6_p13_a_signed_push_becomes_one_run_by_the_listeners_own_rights(tenant: Tenant) -> None:
    tenant.apply(ORGANIZATION)
    path = f"/apis/apps/v1/namespaces/{tenant.organization}/deployments/el-github"
    assert eventually(lambda: tenant.sandbox.api.find(path))
    # Without rights the listener starts, cannot read, and never answers.
    assert eventually(tenant.address, 4) is None
    tenant.apply(RIGHTS)
    assert eventually(tenant.address)
    mark = tenant.sandbox.audit.mark()
    assert tenant.push("without-right") == 202
    assert eventually(lambda: _refused_runs(tenant, mark)) == [
        f"system:serviceaccount:{tenant.organization}:eventlistener"
    ]
    tenant.apply(RIGHT_TO_RUN)
    assert [tenant.push("wrong", secret=b"guess"), tenant.push("other", ref="refs/heads/other")] == [202, 202]
    assert eventually(lambda: tenant.push("good") == 202 and tenant.runs())
    assert tenant.runs() == ["push-good"]


def _refused_runs(tenant: Tenant, mark: int) -> list[str]:
    """Who was refused to create a PipelineRun of that tenant since the mark."""
    path = f"/apis/tekton.dev/v1/namespaces/{tenant.pipeline}/pipelineruns"
    writes = tenant.sandbox.audit.writes(mark, lambda write: write.uri.startswith(path))
    return [write.user for write in writes if write.code == 403]


def test_a_listener_stops_with_its_eventlistener(tenant: Tenant) -> None:
    tenant.apply(ORGANIZATION)
    tenant.apply(RIGHTS)
    assert eventually(tenant.address)
    name = f"el-github.{tenant.organization}"
    process = next(record for record in Place(tenant.sandbox.name).processes() if record.name == name)
    tenant.sandbox.api.delete(
        f"/apis/triggers.tekton.dev/v1beta1/namespaces/{tenant.organization}/eventlisteners/github"
    )
    assert eventually(lambda: not process.alive)
    assert tenant.address() is None


def test_a_public_host_leads_through_the_edge_to_the_listener(tenant: Tenant) -> None:
    for text in (ORGANIZATION, RIGHTS, RIGHT_TO_RUN):
        tenant.apply(text)
    assert eventually(tenant.address)
    public = PublicHost(tenant.sandbox, tenant.organization)
    public.name_in_dns()
    public.connect("http://el-github:8080", tenant.organization)
    assert tenant.push("by-the-edge", url=tenant.sandbox.edge.url, host=public.host) == 202
    assert eventually(tenant.runs) == ["push-by-the-edge"]


def test_p13_tekton_judges_what_the_api_server_accepts() -> None:
    task = {"name": "a", "taskSpec": {"steps": [{"name": "s", "image": "i"}]}}
    good = {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": {"name": "p"}, "spec": {"tasks": [task]}}
    bad = {**good, "spec": {"tasks": [{**task, "runAfter": ["nope"]}]}}
    unknown = {**good, "spec": {"tasks": [task], "nonsense": 1}}
    listener = (
        "{apiVersion: triggers.tekton.dev/v1beta1, kind: EventListener, metadata: {name: e}, spec: {nonsense: 1}}"
    )
    verdicts = validate([good, bad, unknown, listener, "{apiVersion: v1, kind: Pod, metadata: {name: p}}"])
    assert verdicts[0] == ""
    assert "nope" in verdicts[1]
    assert 'unknown field "nonsense"' in verdicts[2]
    assert 'unknown field "nonsense"' in verdicts[3]
    assert "not a kind that is judged here" in verdicts[4]


def test_a_proxy_passes_watches_on_and_loses_answers(sandbox: Sandbox, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    with sandbox.proxy() as proxy:
        api = Api.from_kubeconfig(sandbox.kubeconfig_for(server=proxy.url))
        events = api.watch(path, timeout=120, fieldSelector="metadata.name=lost")
        proxy.faults.arm(Fault("lost", match=Match("POST", "/configmaps")))
        with pytest.raises(http.client.RemoteDisconnected):
            api.create(config_map(namespace, "lost"))
        kind, item = next(events)
        events.close()
        assert (kind, item["metadata"]["name"]) == ("ADDED", "lost")
        assert [seen.fault for seen in proxy.writes()] == ["lost"]
    assert sandbox.api.exists(f"{path}/lost")


def test_two_sandboxes_run_side_by_side(sandbox: Sandbox) -> None:
    # Tekton too: its own commands listen on fixed ports.
    other = join(
        f"other-{uuid4().hex[:6]}", ["tekton", "kwok"], emulated_version="1.33", user=User.this_process("test")
    )
    try:
        assert other.api.server.url != sandbox.api.server.url
        other.api.create(config_map("default", "only-there"))
        assert not sandbox.api.exists("/api/v1/namespaces/default/configmaps/only-there")
        emulated = other.api.get("/version")
        assert (emulated["emulationMajor"], emulated["emulationMinor"]) == ("1", "33")
        with pytest.raises(ValueError, match=r"runs with the version 1\.33"):
            join(other.name, ["control_plane"], user=User("another version"))
    finally:
        assert other.leave()
    assert not Place(other.name).folder.exists()


OWNER = """
import sys, time
from tests.sandbox.sandbox import join
from tests.sandbox.state import User
joined = join(sys.argv[1], ["control_plane", "cloudflare"], user=User.this_process("owner"))
print("up", flush=True)
time.sleep(120)
"""


@pytest.fixture
def owned() -> Iterator[tuple[subprocess.Popen[str], Place]]:
    """A sandbox that another process has started."""
    place = Place(f"owned-{uuid4().hex[:6]}")
    words = [sys.executable, "-c", OWNER, place.name]
    with subprocess.Popen(words, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        yield owner, place
        owner.kill()
    sandboxes.leave(place.name, User("nobody"), force=True)


def _everything(place: Place) -> list[Record]:
    state = place.running()
    assert state is not None
    return [state.supervisor, *place.processes()]


def test_a_killed_owner_leaves_nothing_behind(owned: tuple[subprocess.Popen[str], Place]) -> None:
    owner, place = owned
    processes = _everything(place)
    assert len(processes) == 5
    owner.send_signal(signal.SIGKILL)
    assert eventually(lambda: not any(record.alive for record in processes))
    assert eventually(lambda: not place.folder.exists())


def test_the_last_user_stops_the_sandbox(owned: tuple[subprocess.Popen[str], Place]) -> None:
    owner, place = owned
    joined = join(place.name, ["control_plane"], user=User("second"))
    assert joined.parts
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    # It is used by us as well, so it lives on.
    assert eventually(lambda: sandboxes.users(place.name) == ["second"])
    assert joined.api.get("/version")
    assert joined.leave()
    assert place.running() is None


def test_a_killed_supervisor_takes_its_programs_along(owned: tuple[subprocess.Popen[str], Place]) -> None:
    _unused, place = owned
    supervisor, *programs = _everything(place)
    os.kill(supervisor.pid, signal.SIGKILL)
    assert eventually(lambda: not any(record.alive for record in programs))
    words = [sys.executable, "-m", "tests.sandbox", "status", "--name", place.name]
    told = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (3, "")
    assert "had been left by a crash; cleaned up" in told.stdout
    assert started_at(supervisor.pid) is None
    assert not place.folder.exists()


def test_a_failing_start_says_why_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("etcd", "kube-apiserver"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho no disk left; exit 3\n", encoding="utf-8")
        program.chmod(0o700)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    place = Place(f"failing-{uuid4().hex[:6]}")
    with pytest.raises(sandboxes.StartFailed, match=r"ended before it was ready(.|\n)*no disk left"):
        join(place.name, ["control_plane"], user=User.this_process("test"))
    assert not place.folder.exists()
