"""Does the playbook teardown delete a cluster that the platform made, only that one, and only when it is asked to?

kind runs with a stand-in of the container engine, k3s and systemd are stand-ins, and nobody answers as API server: what
is taken out of a cluster that answers is asked by test_bootstrap.py, and of the real Argo CD by `make e2e`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.platform import BIN, environment
from tests.integration.machine import Machine, Run
from tests.integration.test_cluster_k3s import HOSTS, Server
from tests.integration.test_cluster_kind import NODE, Host
from tests.sandbox.sandbox import CHECKOUT

CONFIRMED = {"teardown_confirm": "home", "teardown_unseen": True}
WITH_CLUSTER = {**CONFIRMED, "teardown_cluster": True}
_NOBODY: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nobody",
    "clusters": [{"name": "nobody", "cluster": {"server": "https://127.0.0.1:9"}}],
    "contexts": [{"name": "nobody", "context": {"cluster": "nobody", "user": "nobody"}}],
    "users": [{"name": "nobody", "user": {"token": "nobody"}}],
}


def teardown(machine: Machine, made_by: str, *words: str, **given: Any) -> Run:
    """Run the playbook for a platform whose cluster this machine has, and does not answer."""
    kubeconfig, inventory = machine.folder / "nobody.yaml", machine.folder / "inventory.json"
    kubeconfig.write_text(json.dumps(_NOBODY), encoding="utf-8")
    home = {
        "platform_cluster": made_by,
        "platform_domain": "home.example",
        "platform_folder": str(machine.root / "platform"),
        "platform_kubernetes": {"kubeconfig": str(kubeconfig)},
    }
    box = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    own: dict[str, Any] = getattr(machine, "given", {})
    hosts = {
        "platforms": {"hosts": {"home": home | (own if made_by == "kind" else {})}},
        "machines": {"hosts": {"box": box | own} if made_by == "k3s" else {}},
    }
    inventory.write_text(json.dumps(hosts), encoding="utf-8")
    env = environment(machine.folder, **machine.env)
    env["PATH"] = os.pathsep.join([str(machine.commands.path), env["PATH"]])
    command = [str(BIN / "ansible-playbook"), "-i", str(inventory), str(CHECKOUT / "playbooks" / "teardown.yml")]
    done = subprocess.run(
        [*command, "-e", json.dumps(given), *words],
        cwd=machine.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout)


@pytest.fixture(scope="module")
def kind(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A machine on which the platform has made a cluster with kind."""
    made = Host(tmp_path_factory.mktemp("kind"))
    made.given["cluster_kind_name"] = "home"
    assert made.play("cluster_kind", **made.given).changed > 0
    return made


@pytest.fixture(scope="module")
def k3s(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A machine on which the platform runs k3s."""
    made = Server(tmp_path_factory.mktemp("k3s"))
    (made.root / "etc/hosts").write_text(HOSTS, encoding="utf-8")
    assert made.play("cluster_k3s", **made.given).changed > 0
    yield made
    made.releases.close()


def stays(machine: Machine, made_by: str, *words: str, **given: Any) -> str:
    """The playbook is refused and has changed nothing on the machine; answers what it said."""
    before = machine.files()
    said = teardown(machine, made_by, *words, **given).refused
    assert machine.files() == before
    return said


def test_a_cluster_that_the_platform_did_not_make_is_not_deleted(kind: Host) -> None:
    said = stays(kind, "existing", **WITH_CLUSTER)
    assert "lies in a cluster that it did not make" in said


def test_without_the_word_the_cluster_stays_and_has_to_answer(kind: Host) -> None:
    assert "teardown_confirm=home" in stays(kind, "kind", teardown_cluster=True, teardown_unseen=True)
    assert "Nobody can tell whether tenants are left" in stays(kind, "kind", **CONFIRMED)
    said = stays(kind, "kind", **{**WITH_CLUSTER, "teardown_unseen": False})
    assert "add -e teardown_unseen=true" in said


def test_a_cluster_of_kind_goes_with_its_platform(kind: Host) -> None:
    looked = teardown(kind, "kind", "--check", **WITH_CLUSTER)
    assert looked.code == 0, looked.output
    assert list(kind.commands.state()["containers"]) == [NODE.replace("aphex", "home")]
    done = teardown(kind, "kind", **WITH_CLUSTER)
    assert done.code == 0, done.output
    assert (kind.commands.state()["containers"], kind.files()) == ({}, {})
    again = teardown(kind, "kind", **WITH_CLUSTER)
    assert again.code == 0, again.output
    assert "changed=0" in again.output


def test_machines_stay_when_the_platform_does_not_let_them_go(k3s: Server) -> None:
    assert "teardown_confirm=home" in stays(k3s, "k3s", teardown_cluster=True)
    before = k3s.files()
    alone = teardown(k3s, "k3s", "--limit", "machines", **WITH_CLUSTER)
    assert alone.code == 0, alone.output
    assert "changed=0" in alone.output
    assert k3s.files() == before


def test_a_cluster_of_k3s_goes_with_its_platform(k3s: Server) -> None:
    done = teardown(k3s, "k3s", **WITH_CLUSTER)
    assert done.code == 0, done.output
    assert k3s.installed() == []
    assert not k3s.kubeconfig.exists()
