"""Do tenants go into Git as their resources alone, file by file, and does a cluster take them up from there?

The playbooks run as their users run them, with the inventory of the sandbox, against a repository on a real Git server
and no cluster at all. What they wrote is then given to the real API server, as Argo CD would.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import run_here
from tests.contract.platform import BIN, environment
from tests.integration.installed import Run
from tests.integration.least import NOWHERE
from tests.integration.tenants import Tenants, a_run, succeeded, tenants
from tests.sandbox.api import Object
from tests.sandbox.git_server import GitServer
from tests.sandbox.sandbox import CHECKOUT, Sandbox

ARGO_CD = "argocd-controller"
RECORD = "clusters/home/tenants/.aphex/tree.yaml"
FILES = {
    f"clusters/home/tenants/{path}.yaml"
    for path in (
        "organizations/acme-corp",
        "organizations/globex",
        "repo_bindings/api",
        "repo_bindings/intranet",
        "repo_bindings/web-shop",
        "knowledge_bases/handbook",
    )
}
HANDBOOK = {
    "knowledge_base_display_name": "Handbook",
    "knowledge_base_repositories": [{"url": "https://github.com/acme-corp/web-shop"}],
    "ansible_connection": "local",
}
CANARIES = {name: f"CANARY{uuid4().hex}" for name in ("CLOUDFLARE_API_TOKEN", "GITHUB_TOKEN", "K8S_AUTH_API_KEY")}


@dataclass(frozen=True)
class Playbooks:
    """The collection's playbooks with tenants that go into one repository; runs from elsewhere have another home."""

    server: GitServer
    folder: Path
    name: str = "tree"

    def run(self, playbook: str, *words: str, home: str = "home", **variables: Any) -> Run:
        """Run a playbook with the inventory of the sandbox, and a knowledge base."""
        inventory = self.folder / "more.yml"
        inventory.write_text(json.dumps({"knowledge_bases": {"hosts": {"handbook": HANDBOOK}}}), encoding="utf-8")
        place = {"repository": self.server.url_of(self.name), "path": "clusters/home"}
        given = {
            f"{role}_{name}": value
            for role in ("organization", "repo_binding", "knowledge_base")
            for name, value in (("write_to", "git"), ("tree", place))
        }
        command = [str(BIN / "ansible-playbook"), "-i", str(CHECKOUT / "inventory" / "sandbox"), "-i", str(inventory)]
        command += [f"aphex.platform.{playbook}", "-e", json.dumps({**given, **variables}), *words]
        env = environment(self.folder / home, K8S_AUTH_KUBECONFIG=NOWHERE, GIT_TOKEN=self.server.token, **CANARIES)
        ended = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        return Run(ended.returncode, ended.stdout + ended.stderr)

    @property
    def files(self) -> dict[str, str]:
        """The files of the tree, without the record."""
        return {path: text for path, text in self.server.files(self.name).items() if path != RECORD}

    @property
    def commits(self) -> int:
        return len(self.server.commits(self.name))


@pytest.fixture
def playbooks(tmp_path: Path) -> Iterator[Playbooks]:
    """An empty repository."""
    with GitServer(tmp_path / "server") as server:
        server.make("tree")
        yield Playbooks(server, tmp_path)


def test_tenants_come_change_and_leave_by_commits_without_a_cluster(playbooks: Playbooks) -> None:
    playbooks.server.commit("tree", {"README.md": "Theirs.\n"})
    first = playbooks.run("onboard", "--diff")
    assert first.code == 0, first.output
    assert set(playbooks.files) == {"README.md", *FILES}
    assert playbooks.commits == 1 + len(FILES), "one commit for each tenant"
    acme = yaml.safe_load(playbooks.files["clusters/home/tenants/organizations/acme-corp.yaml"])
    assert acme["spec"]["adminUsers"] == ["alice@example.org", "bob@example.org"]
    assert acme["metadata"]["finalizers"] == ["platform.aphex/finalizer"]
    assert "status" not in acme

    again = playbooks.run("onboard", "--diff")
    assert (again.code, again.changed, playbooks.commits) == (0, 0, 1 + len(FILES)), again.output

    one = ("--limit", "acme-corp", "--diff")
    before = dict(playbooks.files)
    planned = playbooks.run("onboard", "--check", *one, organization_display_name="Acme and Sons")
    assert '+  displayName: "Acme and Sons"' in planned.output, planned.output
    assert playbooks.files == before
    changed = playbooks.run("onboard", *one, organization_display_name="Acme and Sons")
    assert '-  displayName: "ACME Corporation"' in changed.output, changed.output
    assert playbooks.commits == 2 + len(FILES)
    differ = {path for path, text in playbooks.files.items() if before[path] != text}
    assert differ == {"clusters/home/tenants/organizations/acme-corp.yaml"}

    left = playbooks.run("offboard", "--limit", "web-shop")
    assert left.code == 0, left.output
    assert set(playbooks.files) == {"README.md", *FILES} - {"clusters/home/tenants/repo_bindings/web-shop.yaml"}
    ended = playbooks.run("offboard")
    assert ended.code == 0, ended.output
    assert playbooks.files == {"README.md": "Theirs.\n"}

    said = "".join(run.output for run in (first, again, planned, changed, left, ended))
    everything = _history(playbooks)
    for canary in (*CANARIES.values(), playbooks.server.token):
        assert canary not in said
        assert canary not in everything


def test_a_file_of_people_is_neither_taken_over_nor_deleted_without_being_told_to(playbooks: Playbooks) -> None:
    path = "clusters/home/tenants/organizations/acme-corp.yaml"
    playbooks.server.commit("tree", {path: "# Theirs.\n"})
    for playbook in ("onboard", "offboard"):
        refused = playbooks.run(playbook, "--limit", "acme-corp")
        assert refused.code != 0
        assert "organizations/acme-corp.yaml stood there before" in " ".join(refused.output.split())
    assert playbooks.files == {path: "# Theirs.\n"}
    taken = playbooks.run("onboard", "--limit", "acme-corp", organization_adopt=True)
    assert taken.code == 0, taken.output
    assert 'kind: "Organization"' in playbooks.files[path]


def test_two_runs_at_once_for_two_tenants_both_land(playbooks: Playbooks) -> None:
    # One of them in the process of the playbook, the other one as an ordinary module.
    tenants_of: dict[str, dict[str, Any]] = {
        "acme-corp": {"home": "here"},
        "globex": {"home": "there", "aphex_platform_in_process": False},
    }
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(playbooks.run, "onboard", "--limit", name, **words) for name, words in tenants_of.items()]
    for run in runs:
        assert run.result().code == 0, run.result().output
    assert set(playbooks.files) == {f"clusters/home/tenants/organizations/{name}.yaml" for name in tenants_of}


def _history(playbooks: Playbooks) -> str:
    """Every object of the repository, as text."""
    command = ["git", f"--git-dir={playbooks.server.path('tree')}", "log", "-p", "--all", "--format=fuller"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# --- taken up by a cluster


@pytest.fixture(scope="module")
def on(sandbox: Sandbox) -> Iterator[Tenants]:
    with tenants(sandbox) as made:
        yield made


@dataclass(frozen=True)
class InTree:
    """Tenants of the sandbox that go into a tree first, and from there into the cluster as Argo CD brings them."""

    on: Tenants
    server: GitServer

    @property
    def tree(self) -> dict[str, Any]:
        return {
            "write_to": "git",
            "tree": {"repository": self.server.url_of("tree")},
            "git_token": self.server.token,
            "working_copy": str(self.server.folder / "copy"),
            # Nothing but Git may be asked.
            "kubeconfig": NOWHERE,
            "github_api_url": "http://127.0.0.1:1",
        }

    def write(self, module: str, **arguments: Any) -> dict[str, Any]:
        """Run a module with `write_to: git`; its result."""
        only = {**self.tree, **({} if module == "repo_binding" else {"cloudflare_api_url": "http://127.0.0.1:1"})}
        shared = a_run()
        runtime = Runtime(now=shared.now, check=False, identity=shared.identity, run=run_here)
        result = self.on.run(module, runtime, **{**only, **arguments})
        assert succeeded(result)
        return result

    def resource(self, result: dict[str, Any]) -> Object:
        """The resource that a result says it has written."""
        (key,) = {"organization", "repo_binding"} & set(result)
        found: Object = yaml.safe_load(self.server.text("tree", result[key]["tree"]["path"]))
        return found

    def bring(self, resource: Object) -> Object:
        """Apply it as Argo CD does."""
        return self.on.api.apply(resource, ARGO_CD, fieldValidation="Strict")


@pytest.fixture
def in_tree(on: Tenants, tmp_path: Path) -> Iterator[InTree]:
    with GitServer(tmp_path / "server") as server:
        server.make("tree")
        yield InTree(on, server)


def test_a_cluster_takes_up_what_the_tree_says_and_nobody_fights(in_tree: InTree) -> None:
    on = in_tree.on
    organization: dict[str, Any] = {
        "name": on.name("tree"),
        "display_name": "Tree",
        "admin_users": ["ann@acme.example"],
    }
    binding: dict[str, Any] = {
        "name": on.name("leaf"), "aphex_org": on.name("tree"), "repo_org": "acme-corp", "repo_name": "leaf",
        "pipeline_spec": _pipeline(), "quota": {"limits_memory": "8Gi", "pods": 10}, "branches": ["main"],
    }  # fmt: skip
    arguments = {"organization": organization, "repo_binding": binding}
    resources = [in_tree.resource(in_tree.write(module, **given)) for module, given in arguments.items()]
    brought = [in_tree.bring(resource) for resource in resources]
    assert all("status" not in item or not item["status"].get("phase") for item in brought)

    # The ordinary way takes them up: it finds its own resource, and what it writes into it is what stands there.
    for module, given in arguments.items():
        result = on.run(module, **given)
        assert succeeded(result)
        assert result["changed"]
        assert result[module]["phase"] == "Ready", result
    for module, given in arguments.items():
        assert on.run(module, **given)["changed"] is False
    for resource, before in zip(resources, brought, strict=True):
        live = in_tree.bring(resource)
        assert (live["spec"], live["metadata"]["annotations"]) == (before["spec"], before["metadata"]["annotations"])
        assert live["metadata"]["generation"] == before["metadata"]["generation"]
    for module, given in arguments.items():
        assert on.run(module, **given)["changed"] is False

    # The files go, Argo CD prunes, and what is left of the tenants is cleared away by whoever holds the finalizer.
    for module, given in reversed(arguments.items()):
        assert in_tree.write(module, **{**given, "state": "absent"})["changed"]
        assert in_tree.write(module, **{**given, "state": "absent"})["changed"] is False
    assert list(in_tree.server.files("tree")) == ["tenants/.aphex/tree.yaml"]
    for resource in resources:
        assert on.api.remove(resource)
    assert {on.api.get(on.api.path_of(item))["metadata"]["finalizers"][0] for item in resources} == {
        "platform.aphex/finalizer"
    }
    for module, given in reversed(arguments.items()):
        assert succeeded(on.run(module, **{**given, "state": "absent"}))
    assert [on.api.find(on.api.path_of(item)) for item in resources] == [None, None]


def _pipeline() -> str:
    text: str = (CHECKOUT / "inventory" / "pipelines" / "web-shop.yaml").read_text(encoding="utf-8")
    return text
