"""Is a platform the same after a restore onto an empty cluster, and do its tunnels and webhooks live on?

The API server, Tekton's listeners, the playbooks backup and restore and the module runs are real. Cloudflare and GitHub
are stand-ins that keep what they had, as the real ones do when a cluster is lost; `kubectl exec` is one as well, since
no pod runs here. The cluster is emptied by hand: what no restore brings stays away.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.modules import (
    knowledge_base,
    platform_backup,
    platform_restore,
    platform_secret,
)
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import run_here
from tests.contract.platform import OWNER, VARIABLES, kept_modules
from tests.integration import tenants as bench
from tests.integration.tenants import PLATFORM, Tenants, a_run, eventually, soon, succeeded, tenants
from tests.sandbox import stack
from tests.sandbox.api import Object
from tests.sandbox.demo_bootstrap import PLATFORM as INVENTORY
from tests.sandbox.sandbox import CHECKOUT, join
from tests.sandbox.standins.github import writes
from tests.sandbox.state import User

PASSWORD = "correct horse battery staple"
GITHUB = {"owner": OWNER}
APHEX = "/apis/aphex.io/v1alpha1"
KINDS = ("organizations", "repobindings", "knowledgebases")
OWNER_UID = "platform.aphex/owner-uid"
CANARY = "CANARY-4f1d0b6a9c-of-an-organization"
# A secret that stands in two places, as Dex and Argo CD have it.
CLIENT: dict[str, Any] = {
    "namespace": "auth-system",
    "name": "dex-secrets",
    "keys": [{"name": "argocd"}],
    "copies": [{"namespace": "argocd", "name": "argocd-oidc", "keys": {"argocd": "clientSecret"}}],
}
HANDBOOK: dict[str, Any] = {"display_name": "Handbook", "repositories": [{"url": f"https://github.com/{OWNER}/shop"}]}
DUMP = "select 'it''s there';\n"
# Another one: a cluster reads each dump once.
PODS_DUMP = "select 'of a pod';\n"
# What is in a cluster from the beginning, and what the role crds brings before a restore.
_STAYS = ("default", "kube-", "local-path", "contract-", "tekton-pipelines")
_SETTINGS = ("kube-root-ca.crt", "aphex-platform")


@pytest.fixture(scope="module")
def on() -> Iterator[Tenants]:
    """A platform of this module alone, which is lost on the way."""
    name = f"restore-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    sandbox = join(name, (*stack.ALL, "git"), user=User.this_process("restore"))
    try:
        with tenants(sandbox) as made:
            yield made
    finally:
        sandbox.leave()


def run(on: Tenants, module: Any, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Run a module of this page as an administrator."""
    name = module.__name__.rpartition(".")[2]
    bench.ENTRY_POINTS[name] = module.ENTRY_POINT
    runtime = a_run()
    runtime.run, runtime.check = run_here, check
    return on.run(name, runtime, kubeconfig=str(on.sandbox.kubeconfig), **arguments)


@dataclass(frozen=True)
class Kubectl:
    """What stands in for `kubectl exec` on the PATH: it dumps a database, and keeps what is read back into it."""

    folder: Path

    def install(self) -> None:
        """Put it there."""
        kept = f'{{ echo "$@" >> "{self.folder}/calls"; case "$*" in *pg_dump*) cat "{self.folder}/dump";;'
        kept += f' *) cat > "{self.folder}/fed";; esac; }}'
        (self.folder / "dump").write_text(PODS_DUMP, encoding="utf-8")
        program = self.folder / "kubectl"
        program.write_text(f"#!/bin/sh\n{kept}\n", encoding="utf-8")
        program.chmod(0o755)

    def fed(self) -> str:
        """What was read into the database last; nothing when nothing was."""
        path = self.folder / "fed"
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def play(on: Tenants, folder: Path, playbook: str, *more: str, **extra: Any) -> int:
    """Run a playbook as users do, their password in the environment; returns how much it has changed."""
    env = {
        **os.environ,
        **on.sandbox.env,
        **kept_modules(),
        "ANSIBLE_NOCOLOR": "1",
        "APHEX_PLATFORM_FOLDER": str(folder),
        "BACKUP_PASSWORD": PASSWORD,
        "PATH": f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = ["ansible-playbook", "-i", INVENTORY, f"aphex.platform.{playbook}", *more]
    command += ["-e", json.dumps({**VARIABLES, **extra})]
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return sum(int(word.split("=")[1]) for word in done.stdout.split() if word.startswith("changed="))


def back_up(on: Tenants, folder: Path, **arguments: Any) -> dict[str, Any]:
    tree = {"repository": "https://git.example.org/platform.git", "commit": "0" * 40}
    databases = [{"name": "authentik", "command": ["printf", "%s", DUMP]}]
    given = {"folder": str(folder), "vault_password": PASSWORD, "tree": tree, "databases": databases, **arguments}
    result = run(on, platform_backup, **given)
    assert succeeded(result)
    found: dict[str, Any] = result["backup"]
    return found


def restore(on: Tenants, path: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
    result = run(on, platform_restore, check, file=path, vault_password=PASSWORD, **arguments)
    assert succeeded(result)
    return result


def make_platform(on: Tenants) -> None:
    """Secrets that must be equal, an authority, an organization with a webhook, a pipeline with Terraform's state."""
    for name in ("auth-system", "cert-manager"):
        on.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    assert succeeded(run(on, platform_secret, **CLIENT))
    authority = {"common_name": "Aphex"}
    assert succeeded(run(on, platform_secret, namespace="cert-manager", name="aphex-ca", authority=authority))
    on.sandbox.github.add_repository(f"{OWNER}/shop")
    assert on.sandbox.edge.url
    assert succeeded(on.organization("alive", github=GITHUB))
    assert succeeded(on.repo_binding("shop", "alive"))
    assert succeeded(run(on, knowledge_base, name=on.name("handbook"), **HANDBOOK))
    on.api.patch(f"{secrets('org-' + on.name('alive'))}/org-secrets", {"stringData": {"license": CANARY}})
    metadata = {"name": "tfstate-default-shop", "namespace": on.name("shop"), "labels": {"tfstate": "true"}}
    on.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"tfstate": "{}"}})
    mark = {"metadata": {"annotations": {"example.org/team": "web"}}}
    on.api.patch(f"{APHEX}/namespaces/{PLATFORM}/organizations/{on.name('alive')}", mark)


def secrets(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"


def lose_everything(on: Tenants) -> None:
    """Take away all that role crds does not bring: tenants, namespaces, cluster objects."""
    for plural in KINDS:
        for item in on.api.list(f"{APHEX}/{plural}"):
            path = f"{APHEX}/namespaces/{item['metadata']['namespace']}/{plural}/{item['metadata']['name']}"
            on.api.patch(path, {"metadata": {"finalizers": None}})
            on.api.delete(path)
    for path in ("/apis/external-secrets.io/v1/clustersecretstores",):
        for item in on.api.list(path):
            on.api.delete(f"{path}/{item['metadata']['name']}")
    for plural in ("secrets", "configmaps"):
        path = f"/api/v1/namespaces/{PLATFORM}/{plural}"
        for item in on.api.list(path):
            if item["metadata"]["name"] not in _SETTINGS:
                on.api.delete(f"{path}/{item['metadata']['name']}")
    names = [item["metadata"]["name"] for item in on.api.list("/api/v1/namespaces")]
    doomed = [name for name in names if name != PLATFORM and not name.startswith(_STAYS)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: on.api.delete(f"/api/v1/namespaces/{name}"), doomed))
    for name in doomed:
        eventually(f"{name} is gone", functools.partial(_gone, on, name), 240)


def _gone(on: Tenants, namespace: str) -> bool:
    return not on.api.exists(f"/api/v1/namespaces/{namespace}")


def told(on: Tenants) -> dict[str, Object]:
    """Every object that a backup is for, without what another cluster says otherwise."""
    paths = [f"{APHEX}/{plural}" for plural in KINDS] + ["/api/v1/namespaces", "/api/v1/secrets"]
    found = {}
    for item in (item for path in paths for item in on.api.list(path)):
        metadata = item["metadata"]
        home = metadata.get("namespace") or metadata["name"]
        if home.startswith(_STAYS) or (item["kind"] == "Namespace" and home == PLATFORM):
            continue
        kept = {name: metadata[name] for name in ("labels", "annotations", "finalizers") if metadata.get(name)}
        kept["labels"] = {name: text for name, text in kept.get("labels", {}).items() if name != OWNER_UID}
        says = ("data", "type", "spec") if item["kind"] != "Namespace" else ()
        rest: Object = {name: item[name] for name in says if name in item}
        status = {name: text for name, text in item.get("status", {}).items() if name != "observedGeneration"}
        rest |= {"status": status} if item["kind"] != "Namespace" else {}
        found[f"{item['kind']} {home}/{metadata['name']}"] = {"metadata": kept, **rest}
    return found


def starts_a_run(on: Tenants) -> None:
    """Push at GitHub until the listener, which may just have come, starts the pipeline."""

    pushed: set[str] = set()

    def try_one() -> set[str] | None:
        pushed.add(f"{on.name('shop')}/push-{on.sandbox.github.push(f'{OWNER}/shop')}")
        return soon(lambda: pushed & set(on.runs("shop")))

    eventually("a push starts a run", try_one)


def outside(on: Tenants) -> dict[str, Any]:
    """What Cloudflare and GitHub have of the tenants, by their ids."""
    return {
        "tunnels": [item["id"] for item in on.tunnels("alive")],
        "records": [(item["id"], item["content"]) for item in on.records("alive")],
        "webhooks": [item["id"] for item in on.sandbox.github.state()["webhooks"]],
    }


def external_writes(on: Tenants, cloudflare: int, github: int) -> list[str]:
    entries = on.sandbox.cloudflare.log.entries()[cloudflare:]
    calls = [f"{entry.method} {entry.path}" for entry in entries if entry.writes]
    return calls + [
        f"{entry.method} {entry.path}" for entry in on.sandbox.github.log.entries()[github:] if writes(entry)
    ]


def test_B27_a_restored_platform_is_the_same_and_its_tunnels_and_webhooks_live_on(on: Tenants, tmp_path: Path) -> None:
    make_platform(on)
    starts_a_run(on)
    # In the middle of two rotations: GitHub signs with the new secret and the former one still counts; of the client of
    # Argo CD one place has the new value and the other has not.
    assert succeeded(on.organization("alive", github=GITHUB, rotate_webhook_secret=True))
    on.api.patch(f"{secrets('auth-system')}/dex-secrets", {"stringData": {"argocd": "a-new-value"}})
    database = Kubectl(tmp_path)
    database.install()
    assert play(on, tmp_path, "backup", "--check") == 1
    assert not (tmp_path / "backups").exists()
    assert play(on, tmp_path, "backup") == 1
    [made] = (tmp_path / "backups").iterdir()
    assert f"--kubeconfig={on.sandbox.kubeconfig}" in (tmp_path / "calls").read_text(encoding="utf-8")
    before, there = told(on), outside(on)
    assert [len(there[name]) for name in ("tunnels", "records", "webhooks")] == [1, 1, 1]

    lose_everything(on)
    assert told(on) == {}
    # Argo CD's own installation makes it, where a restore comes after it.
    on.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    audit = on.sandbox.audit.mark()
    assert play(on, tmp_path, "restore", "--check") > 0
    assert on.sandbox.audit.product_writes(audit) == []
    play(on, tmp_path, "restore")
    after = told(on)
    assert {name: after.get(name) for name in before} == before
    namespace = on.api.get(f"/api/v1/namespaces/{on.name('shop')}")
    binding = on.resource("repobindings", "shop")
    assert binding is not None
    assert namespace["metadata"]["labels"][OWNER_UID] == binding["metadata"]["uid"]

    again = restore(on, str(made))
    assert (again["changed"], again["steps"]) == (False, [])
    assert again["restore"]["tree"]["repository"] == on.sandbox.env["APHEX_SANDBOX_TREE"]
    assert database.fed() == ""
    assert play(on, tmp_path, "restore", "-e", "restore_authentik=true") == 1
    assert database.fed() == PODS_DUMP

    assert succeeded(run(on, platform_secret, **CLIENT))
    pair = [
        on.api.get(f"{secrets(place)}/{name}")["data"]
        for place, name in (("auth-system", "dex-secrets"), ("argocd", "argocd-oidc"))
    ]
    assert pair[0]["argocd"] == pair[1]["clientSecret"]

    cloudflare, github = len(on.sandbox.cloudflare.log.entries()), len(on.sandbox.github.log.entries())
    for result in onboarded(on):
        assert succeeded(result)
        # What the tenants consist of is made again; nothing is made anew outside of the cluster.
        assert {step["product"] for step in result["steps"]} <= {"kubernetes"}
    assert external_writes(on, cloudflare, github) == []
    assert outside(on) == there
    for result in onboarded(on):
        assert (result["changed"], result["steps"]) == (False, [])
    on.listening("alive")
    starts_a_run(on)
    annotations = on.api.get(f"{APHEX}/namespaces/{PLATFORM}/organizations/{on.name('alive')}")["metadata"][
        "annotations"
    ]
    assert annotations["example.org/team"] == "web", "what somebody else has noted stays theirs"


def onboarded(on: Tenants) -> list[dict[str, Any]]:
    """Bring every tenant to what it should be, as the playbook onboard does."""
    return [
        on.organization("alive", github=GITHUB),
        on.repo_binding("shop", "alive"),
        run(on, knowledge_base, name=on.name("handbook"), **HANDBOOK),
    ]


def test_a_backup_is_locked_and_everybody_with_ansible_can_open_it(on: Tenants, tmp_path: Path) -> None:
    made = back_up(on, tmp_path)
    path = Path(made["path"])
    assert path.stat().st_mode & 0o777 == 0o600
    raw = path.read_bytes()
    assert CANARY.encode() not in raw
    word = tmp_path / "word"
    word.write_text(PASSWORD, encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("ansible-vault")),
        "view",
        "--vault-password-file",
        str(word),
        str(path),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert made["sha256"] in shown
    assert "it''s there" in shown
    assert made["counts"]["databases"] == 1


def test_a_backup_of_the_same_is_not_written_twice_and_old_ones_go(on: Tenants, tmp_path: Path) -> None:
    first = back_up(on, tmp_path, keep=2)
    assert back_up(on, tmp_path, keep=2)["path"] == first["path"]
    for number in range(3):
        databases = [{"name": "authentik", "command": ["printf", f"select {number};"]}]
        back_up(on, tmp_path, keep=2, databases=databases)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_dump_is_read_once_and_only_when_it_is_wanted(on: Tenants, tmp_path: Path) -> None:
    made = back_up(on, tmp_path)
    target = tmp_path / "dump.sql"
    feed: dict[str, Any] = {"objects": False, "databases": [{"name": "authentik", "command": ["tee", str(target)]}]}
    assert restore(on, made["path"], **feed)["changed"]
    assert target.read_text(encoding="utf-8") == DUMP
    target.unlink()
    assert restore(on, made["path"], **feed)["changed"] is False
    assert not target.exists()
