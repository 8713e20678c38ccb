"""What is true inside ansible-playbook, as far as it crosses modules and roles (rows N3 to N19).

In: real runs of ansible-playbook on both paths. Out: one promise a test. Never here: the rows that need the request
logs of both sides or other Pythons (`tests/contract/test_ansible_edge.py` and `test_environments.py`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils._core.version import USER_AGENT, VERSION
from ansible_collections.aphex.platform.plugins.module_utils._options import (
    AUTHENTIK,
    CLOUDFLARE,
    GIT,
    GITHUB,
    KUBERNETES,
    UPSTREAM,
)
from tests.contract.platform import BIN, COLLECTIONS, environment, install
from tests.contract.runner import PATHS, Answer, Playing, Task, local_host, play_of, run
from tests.integration.least import LEAST, NOWHERE
from tests.sandbox.api import Object
from tests.sandbox.sandbox import CHECKOUT, Sandbox, leave
from tests.sandbox.standins.cloudflare import BASE
from tests.sandbox.state import Place, User

TENANTS = ("organization", "repo_binding", "knowledge_base")
BOTH = {path.replace(" ", "-"): local_host(path) for path in PATHS}
"""One host for each path."""

GROUPS = {
    "kubernetes": {
        "kubeconfig": NOWHERE, "context": "c", "host": "http://127.0.0.1:1", "api_key": "k" * 8, "username": "u",
        "password": "p" * 8, "validate_certs": True, "ca_cert": "/nowhere/ca", "client_cert": "/nowhere/cert",
        "client_key": "/nowhere/key", "proxy": "http://127.0.0.1:1", "no_proxy": "localhost",
        "impersonate_user": "ann", "impersonate_groups": ["people"],
    },
    "cloudflare": {
        "cloudflare_api_token": "two words", "cloudflare_api_url": "http://127.0.0.1:1",
        "cloudflare_account_id": "0" * 32, "cloudflare_validate_certs": True, "cloudflare_ca_cert": "/nowhere/ca",
        "cloudflare_timeout": 1,
    },
    "github": {
        "github_token": "t" * 8, "github_app_id": "1", "github_app_private_key": "k" * 8,
        "github_app_private_key_file": "/nowhere/key", "github_installation_id": "1", "github_revoke_token": True,
        "github_api_url": "nowhere", "github_validate_certs": True, "github_ca_cert": "/nowhere/ca",
        "github_timeout": 1,
    },
    "git": {
        "git_username": "somebody", "git_token": "two words", "git_ssh_key_file": "/nowhere/key",
        "git_known_hosts_file": "/nowhere/hosts", "git_ca_cert": "/nowhere/ca", "git_timeout": 1,
        "working_copy": "/nowhere/copy",
    },
    "authentik": {
        "authentik_url": "nowhere", "authentik_token": "t" * 8, "authentik_validate_certs": True,
        "authentik_ca_cert": "/nowhere/ca", "authentik_timeout": 1,
    },
    "upstream": {
        "upstream_mirror": "/nowhere/mirror", "upstream_cache": "/nowhere/cache", "upstream_ca_cert": "/nowhere/ca",
        "upstream_timeout": 1,
    },
}  # fmt: skip
"""Every option of each group; with these values a module ends where it opens its connection, and sends nothing."""


@pytest.fixture
def place(sandbox: Sandbox) -> str:
    """A namespace of this test."""
    name = f"inside-{uuid4().hex[:10]}"
    sandbox.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def _kubernetes(sandbox: Sandbox) -> dict[str, str]:
    return {"K8S_AUTH_KUBECONFIG": str(sandbox.kubeconfig)}


def _config_map(name: str, namespace: str, **data: str) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _group_defaults() -> dict[str, Any]:
    return {f"group/aphex.platform.{name}": options for name, options in GROUPS.items()}


def _is_ours(answer: Answer) -> bool:
    """A refusal of the product: one sentence, and the dict for programs."""
    return answer.ended == "failed" and bool(answer.kind) and "\n" not in answer.msg and answer.msg.endswith(".")


def _took_its_group(module: str, answer: Answer) -> bool:
    """It got as far as the connection that the group names; one that takes several groups opens Kubernetes first."""
    product, _underscore, _rest = module.partition("_")
    where = {
        "cloudflare": "The Cloudflare API token",
        "github": "github_api_url",
        "git": "The Git token",
        "authentik": "authentik_url",
        "upstream": "The mirror /nowhere/mirror",
    }
    return _is_ours(answer) and where.get(product, "the connection to Kubernetes") in answer.msg


def test_N3_no_cause_and_no_secret_is_printed(sandbox: Sandbox, place: str, tmp_path: Path) -> None:
    canary = f"CANARY{uuid4().hex}"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": place}}
    wrong = [
        ("kubernetes_objects", {**LEAST["kubernetes_objects"], "api_key": "{{ canary }}", "wait_timeout": "soon"}),
        ("kubernetes_objects", {**LEAST["kubernetes_objects"], "api_key": {"of": ["{{ canary }}"]}, "wait": "soon"}),
        ("kubernetes_objects", {"definition": [{**secret, "stringData": {"a": "{{ canary }}"}, "type": 7}]}),
        ("kubernetes_objects", {"definition": "{{ '{' ~ canary }}", "kubeconfig": NOWHERE}),
        ("cloudflare_tunnel_info", {"cloudflare_api_token": "{{ canary }} {{ canary }}", "cloudflare_timeout": 1}),
        ("cloudflare_tunnel_info", {"cloudflare_api_token": "{{ canary }}", "cloudflare_timeout": "{{ 'soon' }}"}),
        ("organization_info", {"host": "http://127.0.0.1:1", "api_key": "{{ canary }}\n"}),
    ]
    tasks = [Task(module, args) for module, args in wrong]
    ended = run(tmp_path, [play_of(tasks, vars={"canary": canary})], _kubernetes(sandbox), hosts=BOTH)
    for (module, args), step in zip(wrong, ended.answers, strict=True):
        for answer in step.values():
            assert _is_ours(answer), (module, args, answer.result)
            assert canary not in str(answer.result)
    told = "\n".join(line for line in (ended.output + ended.log).splitlines() if canary in line)
    assert told == "", told[:2000]
    assert "Traceback" not in ended.output


def _playbook(
    folder: Path, inventory: dict[str, Any], env: dict[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection as its users do: by its name."""
    path = folder / "hosts.yml"
    path.write_text(json.dumps({"all": {"children": inventory}}), encoding="utf-8")
    return subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", str(path), *words],
        cwd=folder, env=environment(folder, **env), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_N4_tenants_are_local_without_a_setting(sandbox: Sandbox, tmp_path: Path) -> None:
    """The inventory says nothing of connections; the playbook's own group_vars do."""
    install(sandbox)
    name = f"local-{uuid4().hex[:8]}"
    cloudflare = {
        "CLOUDFLARE_API_URL": f"{sandbox.cloudflare.url}{BASE}",
        "CLOUDFLARE_API_TOKEN": sandbox.cloudflare.token,
        "CLOUDFLARE_ACCOUNT_ID": sandbox.cloudflare.account_id,
    }
    tenant = {"organization_display_name": "Local", "organization_admin_users": ["ann@acme.example"]}
    env = {**_kubernetes(sandbox), **cloudflare}
    ended = _playbook(
        tmp_path, {"organizations": {"hosts": {name: tenant}}}, env, "aphex.platform.onboard", "--check", "-vv"
    )
    assert ended.returncode == 0, ended.stdout
    assert "runs as a module" not in ended.stdout
    assert re.search(rf"^{name} +: ok=\d+ +changed=1 +unreachable=0 +failed=0", ended.stdout, re.MULTILINE)
    assert not sandbox.api.exists(f"/api/v1/namespaces/org-{name}")


def test_N7_field_managers_keep_to_their_own_fields(sandbox: Sandbox, place: str, tmp_path: Path) -> None:
    def task(manager: str, **data: str) -> Task:
        wanted = _config_map("shared", place, **data)
        return Task("kubernetes_objects", {"definition": wanted, "field_manager": manager, **taken_over})

    # Whose object it is stands in one field, so that is taken over as well.
    taken_over = {"adopt": True, "force_conflicts": True}
    marked = _config_map("marked", place, a="1")
    marked["metadata"]["labels"] = {"platform.aphex/owner-kind": "Organization"}
    tasks = [task("one", a="1"), task("two", b="2"), task("one", c="3")]
    tasks += [task(f"aphex.platform/{name}", a="1") for name in ("spec", "objects", "status", "x")]
    tasks += [Task("kubernetes_objects", {"definition": marked})]
    first, second, third, *refused = run(tmp_path, [play_of(tasks)], _kubernetes(sandbox)).only
    assert [answer.msg for answer in (first, second, third) if answer.failed or not answer.changed] == []
    assert sandbox.api.get(f"/api/v1/namespaces/{place}/configmaps/shared")["data"] == {"b": "2", "c": "3"}
    assert [answer.kind for answer in refused] == ["invalid"] * 5
    assert all("field_manager" in answer.msg for answer in refused[:-1])
    assert "platform.aphex/owner-kind" in refused[-1].msg


def test_N9_roles_have_legal_names_and_prefixed_inputs() -> None:
    for role in sorted(path.name for path in (CHECKOUT / "roles").iterdir() if path.is_dir()):
        assert re.fullmatch("[a-z][a-z0-9_]*", role)
        specs = yaml.safe_load((CHECKOUT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
        inputs = {name for entry in specs["argument_specs"].values() for name in entry.get("options") or {}}
        defaults = CHECKOUT / "roles" / role / "defaults" / "main.yml"
        inputs |= set(yaml.safe_load(defaults.read_text(encoding="utf-8")) or {}) if defaults.is_file() else set()
        assert [name for name in inputs if not name.startswith(f"{role}_")] == []
        assert inputs or role == "status"


def test_N10_defaults_of_a_group_reach_its_modules_and_all_of_them_take_it(tmp_path: Path) -> None:
    """Every option of a group at once, so that a module that did not know one would say so."""
    groups = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert set(groups) == set(GROUPS), "a group of all modules would hand credentials to those that do not take them"
    for group, known in (
        ("kubernetes", KUBERNETES),
        ("cloudflare", CLOUDFLARE),
        ("git", GIT),
        ("github", GITHUB),
        ("authentik", AUTHENTIK),
        ("upstream", UPSTREAM),
    ):
        assert set(GROUPS[group]) == set(known)
    assert {module for group in groups.values() for module in group} == set(LEAST)
    ended = run(tmp_path, [play_of([Task(*pair) for pair in LEAST.items()], module_defaults=_group_defaults())], {})
    for module, answer in zip(LEAST, ended.only, strict=True):
        assert _took_its_group(module, answer), (module, answer.result)


_JOINS = """
import sys
from tests.sandbox.sandbox import join
from tests.sandbox.state import User
joined = join(sys.argv[1], ["cloudflare"], user=User.this_process(sys.argv[2]))
print(joined.state.supervisor.pid, flush=True)
sys.stdin.readline()
print("last" if joined.leave() else "others", flush=True)
"""


@pytest.fixture
def shared() -> Iterator[Place]:
    """A sandbox for two processes; stopped even if one of them breaks."""
    place = Place(f"shared-{uuid4().hex[:8]}")
    yield place
    leave(place.name, User("nobody"), force=True)


def test_N11_two_processes_share_a_sandbox_by_its_file_alone(shared: Place) -> None:
    """`ansible-test` strips the environment and forks for each test, so neither may matter."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": {}}
    words = [sys.executable, "-c", _JOINS, shared.name]
    with (
        subprocess.Popen([*words, "first"], cwd=CHECKOUT, **pipes) as first,
        subprocess.Popen([*words, "second"], cwd=CHECKOUT, **pipes) as second,
    ):
        processes = (first, second)
        supervisors = [process.stdout.readline() if process.stdout else "" for process in processes]
        assert supervisors[0] == supervisors[1] != ""
        assert first.communicate("\n")[0] == "others\n"
        assert shared.running() is not None
        assert second.communicate("\n")[0] == "last\n"
    assert shared.running() is None
    assert not shared.folder.exists()


def test_N13_check_mode_asks_the_server_and_writes_nothing(sandbox: Sandbox, place: str, tmp_path: Path) -> None:
    path = f"/api/v1/namespaces/{place}"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "who", "namespace": place}}
    sandbox.api.create(account)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    subject = {"kind": "ServiceAccount", "name": "who", "namespace": place}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": role, "subjects": [subject],
        "metadata": {"name": "who", "namespace": place},
    }  # fmt: skip
    sandbox.api.create(binding)
    begun = sandbox.audit.mark()
    token = sandbox.token(place, "who")
    task = {"definition": _config_map("checked", place, a="b")}
    env = {"K8S_AUTH_KUBECONFIG": str(sandbox.kubeconfig_for(token=token))}
    plays = [play_of([Task("kubernetes_objects", task, check=True), Task("kubernetes_objects", task)])]
    with Playing(tmp_path, plays, env) as playing:
        checked = playing.step()
        asked = sandbox.audit.requests(begun)
        done = playing.step()
    assert checked.changed, checked.msg
    assert done.changed, done.msg
    mine = [request for request in asked if request.user == f"system:serviceaccount:{place}:who"]
    assert any("dryRun=All" in request.uri for request in mine)
    assert [str(request) for request in mine if request.is_write] == []
    tokens = [request for request in asked if request.uri.startswith(f"{path}/serviceaccounts/who/token")]
    assert len(tokens) == 1
    assert not tokens[0].is_write
    assert any(request.by_product for request in sandbox.audit.writes(begun) if place in request.uri)


def test_N16_documents_are_text_or_mappings_and_nothing_else(tmp_path: Path) -> None:
    text = LEAST["repo_binding"]["pipeline_spec"]
    bad: list[tuple[str, str, Any]]
    good = [("repo_binding", "pipeline_spec", value) for value in (text, yaml.safe_load(text))]
    good += [("kubernetes_objects", "definition", value) for value in (text, yaml.safe_load(text), [text])]
    bad = [("repo_binding", "pipeline_spec", value) for value in (["a"], 7, True)]
    bad += [("kubernetes_objects", "definition", value) for value in (7, True, [7])]
    tasks = [Task(module, {**LEAST[module], option: value}) for module, option, value in good + bad]
    defaults = {"group/aphex.platform.kubernetes": {"kubeconfig": NOWHERE}}
    ended = run(tmp_path, [play_of(tasks, module_defaults=defaults)], {}, hosts=BOTH)
    for (module, option, value), step in zip(good + bad, ended.answers, strict=True):
        first, second = (step[host] for host in BOTH)
        assert first.msg == second.msg, (module, value)
        for answer in (first, second):
            assert _is_ours(answer), (module, value, answer.result)
            connected = "connection to Kubernetes" in answer.msg
            assert connected is ((module, option, value) in good), (value, answer.msg)
            assert connected or option in answer.msg or "an object" in answer.msg, answer.msg


def test_N17_a_tenants_name_is_its_hosts() -> None:
    """So two tenants of a kind cannot share a name, and roles work in a loop on localhost: they read no group."""
    for role in TENANTS:
        defaults = (CHECKOUT / "roles" / role / "defaults" / "main.yml").read_text(encoding="utf-8")
        assert yaml.safe_load(defaults)[f"{role}_name"] == "{{ inventory_hostname }}"
        files = [path for path in (CHECKOUT / "roles" / role).rglob("*.yml") if path.is_file()]
        assert [path for path in files if "group_names" in path.read_text(encoding="utf-8")] == []


def test_N19_there_is_one_version() -> None:
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))
    assert galaxy["version"] == VERSION
    assert f"aphex.platform/{galaxy['version']}" == USER_AGENT
    listed = subprocess.run(
        [str(BIN / "ansible-galaxy"), "collection", "list", "aphex.platform", "--format", "json"],
        env={"PATH": str(BIN), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    versions = {found["aphex.platform"]["version"] for found in json.loads(listed.stdout).values()}
    assert versions == {VERSION}
