"""Every module where it is not at home: an empty folder, other libraries or none, a Python that is too old.

In: each case, prepared. Out: the same answer everywhere, or one sentence. Never here: what a module does when all is
well; and no case is left out.
"""

from __future__ import annotations

import importlib
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.contract import environments
from tests.contract.case import Case, all_cases
from tests.contract.runner import HOST, IN_PROCESS, SWITCH, Answer, Ended, Task, local_host, play_of, run
from tests.contract.story import comparable
from tests.contract.world import Side, World, worlds
from tests.sandbox import build
from tests.sandbox.standins.cloudflare import BASE
from tests.tools import pythons

BECOME = Path(__file__).parent / "become"
HOME, BARE, LOWEST = "home", "bare", "lowest"
OLDEST = (3, 11)

Everyone = list[tuple[Case, World]]


@pytest.fixture
def everyone(both_sides: dict[str, Side]) -> Everyone:
    """Each case, prepared in a world of its own."""
    found = [(case, worlds(both_sides)[IN_PROCESS]) for case in all_cases()]
    for case, world in found:
        case.prepare(world)
    return found


@pytest.fixture
def abroad(everyone: Everyone, tmp_path: Path) -> Ended:
    """Every module in check mode: in process, from an empty folder, and with the oldest libraries.

    Nothing stands in the environment: what leads to the cluster and the account are the defaults of the groups.
    """
    bare = {
        "ansible_become": True,
        "ansible_become_method": "bare",
        "ansible_become_user": "root",
        "ansible_bare_programs": str(build.folder_of("sops")),
    }
    lowest = {"ansible_python_interpreter": str(environments.lowest() / "python"), SWITCH: False}
    hosts = {HOME: local_host(), BARE: {**local_host(), **bare}, LOWEST: {**local_host(), **lowest}}
    side = everyone[0][1].side
    defaults = {
        "group/aphex.platform.kubernetes": {"kubeconfig": str(side.kubeconfig)},
        "group/aphex.platform.cloudflare": {
            "cloudflare_api_url": f"{side.cloudflare.url}{BASE}",
            "cloudflare_api_token": side.cloudflare.token,
            "cloudflare_account_id": side.cloudflare.account_id,
        },
        "group/aphex.platform.github": {"github_api_url": side.github.url, "github_token": side.github.token},
        "group/aphex.platform.git": {"git_token": side.git.token},
        "group/aphex.platform.authentik": {
            "authentik_url": side.authentik.url,
            "authentik_token": side.authentik.token,
        },
    }
    env = {"ANSIBLE_BECOME_PLUGINS": str(BECOME), "ANSIBLE_BECOME_ALLOW_SAME_USER": "true"}
    return run(tmp_path, [play_of(_checks(everyone), module_defaults=defaults)], env, hosts=hosts)


def _checks(everyone: Everyone) -> list[Task]:
    return [Task(case.module, case.args(world), check=True) for case, world in everyone]


def _differences(everyone: Everyone, ended: Ended, host: str) -> list[str]:
    """What is not the same there as at home."""
    found = []
    for (case, world), answers in zip(everyone, ended.answers, strict=True):
        home, there = (comparable(answers[name], case.key, world) for name in (HOME, host))
        if home != there or answers[HOME].failed:
            found.append(f"{case.module}: {home}\nbut {host}: {there}")
    return found


def test_N08_N10_N15_every_module_answers_the_same_away_from_home(everyone: Everyone, abroad: Ended) -> None:
    """From an empty folder, to which only statically imported Python files travel (N8); by the defaults of the groups,
    which overlap where a module speaks to both products (N10); with the oldest libraries (N15)."""
    assert _differences(everyone, abroad, BARE) == []
    left = [line for line in abroad.output.splitlines() if line.startswith(f"<{BARE}>") and "env -i" in line]
    assert len(left) == len(everyone), "each of them did run there"
    assert [answers[HOME].msg for answers in abroad.answers if answers[HOME].failed] == []
    changing = [not case.reads_only for case, _world in everyone]
    assert [answers[HOME].changed for answers in abroad.answers] == changing
    assert len(environments.lower_bounds()) == 10
    assert _differences(everyone, abroad, LOWEST) == []


def test_N15_writes_with_the_oldest_libraries(inside: World, tmp_path: Path) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inside.name}}
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": inside.name}}
    record = {"zone": inside.zone, "record": inside.name, "type": "A", "content": "192.0.2.1"}
    tasks = [
        Task("kubernetes_objects", {"definition": [namespace, settings]}),
        Task("cloudflare_dns_record", record),
        Task("kubernetes_objects", {"definition": [settings], "state": "absent"}),
        Task("cloudflare_dns_record", {**record, "state": "absent"}),
    ]
    host = {**local_host(), "ansible_python_interpreter": str(environments.lowest() / "python"), SWITCH: False}
    ended = run(tmp_path, [play_of(tasks)], inside.side.env, hosts={HOST: host})
    assert [answer.msg for answer in ended.only if answer.failed] == []
    assert all(answer.changed for answer in ended.only)


def test_N14_a_missing_library_fails_one_host_with_one_sentence(everyone: Everyone, tmp_path: Path) -> None:
    """In process and by module: the sentence names one library, and the recap is printed."""
    hosts = {"in-process": local_host(), "by-module": {**local_host(), SWITCH: False}}
    ended = _without_libraries(_checks(everyone), everyone[0][1].side, tmp_path, hosts)
    for (case, _world), answers in zip(everyone, ended.answers, strict=True):
        here, shipped = (answers[name] for name in hosts)
        assert here.msg == shipped.msg, case.module
        assert _misses_a_library(here) if here.failed else _needs_nothing(case), (case.module, here.result)


def _needs_nothing(case: Case) -> bool:
    """Tell whether a case needs no library but those that come with Ansible itself, as one of files alone may."""
    module = importlib.import_module(f"ansible_collections.aphex.platform.plugins.modules.{case.module}")
    return case.files is not None or set(module.ENTRY_POINT.libraries) <= {"cryptography", "yaml"}


def test_N14_a_host_whose_interpreter_has_the_libraries_goes_there(inside: World, tmp_path: Path) -> None:
    there = {**local_host(), "ansible_python_interpreter": str(environments.lowest() / "python")}
    tasks = [Task("cloudflare_tunnel_info", {"name": "any"}), Task("organization_info", {"name": "any"})]
    ended = _without_libraries(tasks, inside.side, tmp_path, {HOST: there})
    assert [answer.msg for answer in ended.only if answer.failed] == []
    assert "kubernetes, urllib3 is missing here, and" in ended.output


def _without_libraries(tasks: list[Task], side: Side, folder: Path, hosts: dict[str, dict[str, Any]]) -> Ended:
    program = environments.ansible_alone() / "ansible-playbook"
    ended = run(folder, [play_of(tasks)], side.env, hosts=hosts, program=program)
    assert "PLAY RECAP" in ended.output
    assert "Unexpected Exception" not in ended.output
    assert "Traceback" not in ended.output
    return ended


def _misses_a_library(answer: Answer) -> bool:
    libraries = ("kubernetes", "httpx", "cloudflare", "'PyJWT[crypto]'", "cryptography", "jsonschema")
    named = [name for name in libraries if f"pip install {name}" in answer.msg]
    return answer.kind == "missing" and len(named) == 1 and answer.msg.count(". ") == 1


def test_N20_a_python_that_is_too_old_is_one_sentence(inside: World, tmp_path: Path) -> None:
    """With every older Python of this machine, and with one that says it is older and understands nothing."""
    stub = tmp_path / "python3.10"
    stub.write_text('#!/bin/sh\ncase "$*" in *version_info*) echo 3 10;; *) exit 1;; esac\n', encoding="utf-8")
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    old = {"3.10": str(stub)}
    old |= {".".join(map(str, found.line)): found.path for found in pythons.found() if found.line < OLDEST}
    hosts = {
        f"python-{version}": {**local_host(), SWITCH: False, "ansible_python_interpreter": path}
        for version, path in old.items()
    }
    task = Task("cloudflare_tunnel_info", {"name": inside.name})
    ended = run(tmp_path / "run", [play_of([task])], inside.side.env, hosts=hosts)
    for version, path in old.items():
        answer = ended.answers[0][f"python-{version}"]
        assert answer.kind == "missing", answer.result
        assert f"its Python is {version} ({path}), 3.11 is wanted" in answer.msg
        assert "set ansible_python_interpreter" in answer.msg
    assert "PLAY RECAP" in ended.output
