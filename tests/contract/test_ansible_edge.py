"""What it takes to run inside `ansible-playbook`: one test for each way in which that can go wrong (rows N1 to N20).

In: both sides. Out: one row a test. Never here: rows about other machines and other Pythons (`test_environments.py`),
or those that every module goes through in its case (`test_contract.py`).
"""

from __future__ import annotations

import datetime
import json
import random
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils import _http
from ansible_collections.aphex.platform.plugins.module_utils._edge import plain
from tests.contract.platform import BIN, COLLECTIONS
from tests.contract.runner import (
    HOST,
    IN_PROCESS,
    MODULE,
    PATHS,
    SWITCH,
    Ended,
    Playing,
    Task,
    local_host,
    play_of,
    run,
)
from tests.contract.world import World
from tests.sandbox.api import Object
from tests.sandbox.sandbox import CHECKOUT

HOSTS = {path.replace(" ", "-"): local_host(path) for path in PATHS}
"""The same machine twice: once in process, once by module."""


def _namespace(world: World) -> World:
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}})
    return world


def _settings(world: World, name: str = "{{ inventory_hostname }}", **data: str) -> Object:
    metadata = {"name": name, "namespace": world.name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _failures(ended: Ended) -> list[str]:
    return [f"{host}: {answer.msg}" for step in ended.answers for host, answer in step.items() if answer.failed]


# N1 -----------------------------------------------------------------------------------------------------------------


def test_N01_the_parent_pays_for_the_transport_and_its_tls_context() -> None:
    """What a fork of ansible-playbook inherits: httpcore loaded, the CA bundle read."""
    question = (
        "import sys\n"
        "from ansible_collections.aphex.platform.plugins.module_utils import _http\n"
        "print('httpcore' in sys.modules, _http.tls_context() is _http.tls_context())\n"
        "print([name for name, value in vars(_http).items() if isinstance(value, _http.httpx.Client)])\n"
    )
    env = {"PYTHONPATH": str(COLLECTIONS), "PATH": str(BIN)}
    asked = subprocess.run([sys.executable, "-c", question], env=env, capture_output=True, text=True, check=True)
    assert asked.stdout.split("\n")[:2] == ["True True", "[]"]


def test_N01_clients_share_the_one_tls_context(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    create = ssl.SSLContext.__new__

    def counted(cls: type[ssl.SSLContext], *args: Any) -> ssl.SSLContext:
        made.append(create(cls, *args))
        return made[-1]

    monkeypatch.setattr(ssl.SSLContext, "__new__", counted)
    with _http.make_client() as first, _http.make_client() as second:
        assert first is not second
    assert made == []
    assert isinstance(_http.tls_context(), ssl.SSLContext)


# N2 -----------------------------------------------------------------------------------------------------------------

_Plain = bool | int | float | str | None


def _some_value(source: random.Random, depth: int = 0) -> Any:
    """A value such as YAML can say, with dates and with keys that are no text."""
    if depth < 3 and source.random() < 0.5:
        if source.random() < 0.5:
            return [_some_value(source, depth + 1) for _number in range(source.randrange(4))]
        keys = [source.choice([7, True, "on", "a b", 0.5]) for _number in range(source.randrange(4))]
        return {key: _some_value(source, depth + 1) for key in keys}
    day = datetime.date(2026, 1, 1 + source.randrange(28))
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, source.randrange(10) * 1000, datetime.UTC)
    return source.choice([day, moment, "text", "2026-01-02", "no", "1e3", 5, -0.5, True, False, "ünï\n"])


def test_N02_both_paths_see_the_same_plain_values(both: dict[str, World], tmp_path: Path) -> None:
    """Dates, keys that are no text, vaulted and unsafe values, and what templates make arrive as a module gets them."""
    world = _namespace(both[IN_PROCESS])
    source = random.Random(20)
    values = [_some_value(source) for _number in range(60)]
    (tmp_path / "password").write_text("open sesame", encoding="utf-8")
    vault = VaultLib([("default", VaultSecret(b"open sesame"))])
    vaulted = vault.encrypt("was vaulted").decode().replace("\n", "\n            ")
    text = f"""\
- hosts: all
  gather_facts: false
  vars:
    number: 5
    mapping: {{when: 2026-01-02}}
    vaulted: !vault |
            {vaulted}
  tasks:
    - aphex.platform.kubernetes_objects:
        definition:
          apiVersion: triggers.tekton.dev/v1beta1
          kind: TriggerBinding
          metadata: {{name: "{{{{ inventory_hostname }}}}", namespace: {world.name}}}
          spec:
            odd:
              values: {yaml.safe_dump(values, default_flow_style=True, width=10**6, allow_unicode=True).strip()}
              vaulted: "{{{{ vaulted }}}}"
              in the midst: "it {{{{ vaulted }}}}"
              unsafe: !unsafe "{{{{ no template }}}}"
              number: "{{{{ number }}}}"
              mapping: "{{{{ mapping }}}}"
"""
    arguments = ["--vault-password-file", str(tmp_path / "password")]
    ended = run(tmp_path / "run", text, world.side.env, hosts=HOSTS, arguments=arguments)
    assert _failures(ended) == []
    path = f"/apis/triggers.tekton.dev/v1beta1/namespaces/{world.name}/triggerbindings"
    seen = {name: world.api.get(f"{path}/{name}")["spec"]["odd"] for name in HOSTS}
    wanted = {
        "values": json.loads(json.dumps(plain(values))),
        "vaulted": "was vaulted",
        "in the midst": "it was vaulted",
        "unsafe": "{{ no template }}",
        "number": 5,
        "mapping": {"when": "2026-01-02"},
    }
    assert seen == dict.fromkeys(HOSTS, wanted)


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates() | st.datetimes()
)
_KEYS = st.text() | st.integers() | st.booleans() | st.none()


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(inner), st.dictionaries(_KEYS, inner), st.tuples(inner))


@given(st.recursive(_LEAVES, _nested))
def test_N02_plain_values_are_what_json_makes_of_them(value: Any) -> None:
    made = plain(value)
    assert json.loads(json.dumps(made)) == made
    assert {type(item) for item in _all_of(made)} <= {str, int, float, bool, type(None), dict, list}


def _all_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *value, *(inner for item in value.values() for inner in _all_of(item))]
    if isinstance(value, list):
        return [value, *(inner for item in value for inner in _all_of(item))]
    return [value]


# N4, N5 ---------------------------------------------------------------------------------------------------------------


def test_N04_a_tenant_runs_here_and_a_delegated_task_leaves(inside: World, tmp_path: Path) -> None:
    """With the group variables of the collection alone: no host of ours says a connection itself."""
    world = _namespace(inside)
    (tmp_path / "group_vars").symlink_to(CHECKOUT / "playbooks" / "group_vars")
    here = Task("kubernetes_objects", {"definition": _settings(world, a="1")})
    away = Task("kubernetes_objects", here.args, words={"delegate_to": "bastion"})
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/tried\nexit 255\n', encoding="utf-8")
    ssh.chmod(0o755)
    bastion = {"ansible_host": "bastion.example.org", "ansible_ssh_executable": str(ssh)}
    groups: dict[str, Any] = {"children": {"organizations": {"hosts": {"acme": {}}}}}
    play = [play_of([here, away], "organizations")]
    ended = run(tmp_path, play, world.side.env, hosts={"bastion": bastion}, groups=groups)
    stayed, left = (answers["acme"] for answers in ended.answers)
    assert stayed.changed, stayed.msg
    assert left.ended == "unreachable"
    assert "bastion.example.org" in (tmp_path / "tried").read_text(encoding="utf-8")
    assert "runs as a module: the connection is ssh, not local" in ended.output


def test_N05_the_environment_of_an_item_does_not_reach_the_next(inside: World, tmp_path: Path) -> None:
    """Items of a loop share one process; one sets a variable, one replaces what the playbook's process has."""
    world = _namespace(inside)
    task = Task(
        "kubernetes_objects",
        {"definition": _settings(world, "{{ item.name }}", a="1")},
        words={
            "loop": [
                {"name": "first", "environment": {}},
                {"name": "set", "environment": {"K8S_AUTH_CONTEXT": "nowhere"}},
                {"name": "after", "environment": {}},
                {"name": "replaced", "environment": {"K8S_AUTH_KUBECONFIG": "/nowhere"}},
                {"name": "last", "environment": {}},
            ],
            "environment": "{{ item.environment }}",
        },
    )
    ended = run(tmp_path, [play_of([task])], world.side.env)
    results = ended.only[0].result["results"]
    assert ["failure" in item for item in results] == [False, True, False, True, False], results
    assert "nowhere" in results[1]["msg"]
    names = [item["metadata"]["name"] for item in world.api.list(f"/api/v1/namespaces/{world.name}/configmaps")]
    assert sorted(names) == ["after", "first", "kube-root-ca.crt", "last"]


def test_N05_what_a_run_shares_is_its_users_alone_and_gone_with_it(inside: World, tmp_path: Path) -> None:
    """The zone's id is looked up once by many hosts; the file with it is 0600 while the run lasts."""
    env = {name: value for name, value in inside.side.env.items() if name != "CLOUDFLARE_ACCOUNT_ID"}
    task = Task("cloudflare_tunnel_info", {"name": "{{ inventory_hostname }}"})
    hosts = {f"host-{number}": local_host() for number in range(5)}
    with Playing(tmp_path, [play_of([task, task])], env, hosts=hosts) as playing:
        begun = inside.side.mark()
        playing.step_all()
        files = [path for path in (tmp_path / "ansible" / "tmp").rglob("aphex-*") if path.is_file()]
        assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
        assert _failures(playing.finish()) == []
    assert [path for path in inside.side.sent(begun) if path.endswith("/accounts")] == ["GET /client/v4/accounts"]
    assert list((tmp_path / "ansible" / "tmp").rglob("aphex-*")) == []


# N6 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "count"), [(IN_PROCESS, 40), (MODULE, 10)])
def test_N06_no_rule_is_lost_when_many_hosts_write_one_document(
    both: dict[str, World], tmp_path: Path, path: str, count: int
) -> None:
    world = both[path]
    body = {"name": f"rules-{world.name}", "config_src": "cloudflare"}
    tunnel = world.ask_cloudflare("POST", f"{world.account}/cfd_tunnel", body)["id"]
    rule = {"hostname": "{{ inventory_hostname }}." + world.zone, "service": "http://web:80"}
    task = Task("cloudflare_tunnel_ingress", {"tunnel_id": tunnel, "rules": [rule]})
    hosts = {f"host-{number}": local_host(path) for number in range(count)}
    ended = run(tmp_path, [play_of([task])], world.side.env, hosts=hosts, arguments=["--forks", "5"])
    assert _failures(ended) == []
    config = world.ask_cloudflare("GET", f"{world.account}/cfd_tunnel/{tunnel}/configurations")["config"]
    written = {rule["hostname"] for rule in config["ingress"][:-1]}
    assert written == {f"{host}.{world.zone}" for host in hosts}
    assert config["ingress"][-1] == {"service": "http_status:404"}


# N12 ----------------------------------------------------------------------------------------------------------------


def test_N12_no_library_writes_urls_into_the_log_of_ansible(inside: World, tmp_path: Path) -> None:
    world = _namespace(inside)
    tasks = [
        Task("cloudflare_tunnel_info", {"name": "any"}),
        Task("kubernetes_objects", {"definition": _settings(world, "settings", a="1")}),
    ]
    ended = run(tmp_path, [play_of(tasks)], world.side.env, verbosity=0)
    assert "TASK [aphex.platform.cloudflare_tunnel_info]" in ended.log
    assert [line for line in ended.log.splitlines() if "HTTP Request" in line or "http://" in line] == []
    assert ended.output.count("http://") == 0


# N16, N17 -----------------------------------------------------------------------------------------------------------


def test_N16_documents_arrive_as_text_as_mapping_and_with_go_templates(both: dict[str, World], tmp_path: Path) -> None:
    world = _namespace(both[IN_PROCESS])
    template = "go-template={{range .items}}{{.metadata.name}}{{end}}"
    (tmp_path / "object.yaml").write_text(yaml.safe_dump(_settings(world, "file", show=template)), encoding="utf-8")
    text = f"""\
- hosts: all
  gather_facts: false
  tasks:
    - aphex.platform.kubernetes_objects:
        definition: "{{{{ lookup('ansible.builtin.file', '{tmp_path}/object.yaml') }}}}"
    - aphex.platform.kubernetes_objects:
        definition: "{{{{ lookup('ansible.builtin.file', '{tmp_path}/object.yaml') | from_yaml }}}}"
    - aphex.platform.kubernetes_objects:
        definition: !unsafe |
          apiVersion: v1
          kind: ConfigMap
          metadata: {{name: unsafe, namespace: {world.name}}}
          data: {{show: "{template}"}}
"""
    ended = run(tmp_path / "run", text, world.side.env, hosts=HOSTS, arguments=["--forks", "1"])
    assert _failures(ended) == []
    shown = {
        name: world.api.get(f"/api/v1/namespaces/{world.name}/configmaps/{name}")["data"]["show"]
        for name in ("file", "unsafe")
    }
    assert shown == {"file": template, "unsafe": template}


def test_N17_a_host_of_two_kinds_is_refused_and_one_without_groups_is_not(inside: World, tmp_path: Path) -> None:
    """The playbook of the collection refuses; `hosts: localhost` with the role and its inputs works."""
    playbook = [{"ansible.builtin.import_playbook": "aphex.platform.onboard"}]
    twice: dict[str, Any] = {"hosts": {"twice": {}}}
    groups: dict[str, Any] = {"children": {"organizations": twice, "repositories": twice}}
    begun = inside.side.mark()
    refused = run(tmp_path / "twice", playbook, inside.side.env, hosts={}, groups=groups)
    assert refused.code == 2
    assert inside.side.sent(begun) == []
    assert "organization_host_kinds" in refused.output
    include = {
        "ansible.builtin.include_role": {"name": "aphex.platform.organization"},
        "loop": [f"a{inside.name}", f"b{inside.name}"],
        "vars": {
            "organization_name": "{{ item }}",
            "organization_display_name": "Organization {{ item }}",
            "organization_admin_users": ["ann@acme.example"],
        },
    }
    play = {"hosts": HOST, "gather_facts": False, "tasks": [include]}
    allowed = run(tmp_path / "loop", [play], inside.side.env, arguments=["--check"])
    assert allowed.code == 0, allowed.output[-2000:]
    assert allowed.output.count("create Tunnel webhooks-") == 0
    assert inside.side.writes(begun) == []


# N18, N19 -----------------------------------------------------------------------------------------------------------


def _deadly(world: World, folder: Path) -> Path:
    """A kubeconfig whose exec plugin kills the process that asks it."""
    config = yaml.safe_load(world.side.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": ["-c", "kill -9 $PPID"],
            "interactiveMode": "Never",
        }
    }
    path = folder / "deadly.kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def test_N18_a_killed_worker_ends_the_play_and_the_switch_confines_it(inside: World, tmp_path: Path) -> None:
    """As the README says: by module, a killed task fails its own host alone."""
    world = _namespace(inside)
    kubeconfig = "{{ deadly if inventory_hostname == 'unlucky' else lively }}"
    task = Task("kubernetes_objects", {"definition": _settings(world, a="1"), "kubeconfig": kubeconfig})
    ways = {"deadly": str(_deadly(world, tmp_path)), "lively": str(world.side.kubeconfig)}

    def played(path: str) -> Ended:
        hosts = {name: local_host(path, **ways) for name in ("lucky", "unlucky")}
        return run(tmp_path / path[:2], [play_of([task, task])], {}, hosts=hosts)

    killed = played(IN_PROCESS)
    assert killed.code != 0
    assert "dead state" in killed.output
    assert "PLAY RECAP" not in killed.output
    confined = played(MODULE)
    assert "PLAY RECAP" in confined.output
    assert [answers["unlucky"].ended for answers in confined.answers] == ["failed", "failed"]
    assert [answers["lucky"].ended for answers in confined.answers] == ["ok", "ok"]
    assert not confined.answers[1]["lucky"].changed


def test_N18_the_reason_to_leave_the_process_is_shown(inside: World, tmp_path: Path) -> None:
    """Become, async and the switch each lead to a module, and -vv says why; else the task stays."""
    words: list[dict[str, Any]] = [
        {},
        {"vars": {SWITCH: False}},
        {"vars": {SWITCH: "no"}},
        {"async": 60, "poll": 1},
        {"become": True, "become_method": "bare"},
    ]
    env = {**inside.side.env, "ANSIBLE_BECOME_PLUGINS": str(Path(__file__).parent / "become")}
    tasks = [Task("cloudflare_tunnel_info", {"name": "any"}, words=each) for each in words]
    ended = run(tmp_path, [play_of(tasks)], env, verbosity=2)
    assert _failures(ended) == []
    said = [line.rpartition(": ")[2] for line in ended.output.splitlines() if "runs as a module" in line]
    assert said == [
        "aphex_platform_in_process is false",
        "aphex_platform_in_process is false",
        "the task is asynchronous",
        "the task becomes another user",
    ]


def test_N19_requests_tell_the_version_of_the_collection(inside: World, tmp_path: Path) -> None:
    version = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    begun = inside.side.mark()
    tasks = [Task("cloudflare_tunnel_info", {"name": "any"}), Task("organization_info", {"name": inside.name})]
    assert _failures(run(tmp_path, [play_of(tasks)], inside.side.env)) == []
    agents = {entry.headers["user-agent"] for entry in inside.cloudflare.log.entries()[begun.cloudflare :]}
    agents |= {request.agent for request in inside.side.proxy.requests()[begun.requests :]}
    assert agents == {f"aphex.platform/{version}"}
