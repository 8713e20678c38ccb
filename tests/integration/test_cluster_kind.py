"""Does the role make the cluster that it describes, keep it, and say what it cannot do?

The real kind runs, and writes the nodes' configuration by way of a stand-in of the container engine; the real kubeadm
makes the static pods of that configuration. No container is started, so nothing here says that a cluster would run.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.platform import environment
from tests.integration.machine import Machine, Run
from tests.sandbox.build import built
from tests.sandbox.standins.commands import CANARY

NODE = "aphex-control-plane"
_AUTHENTICATION = """\
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
  - issuer: {url: "https://dex.example.org", audiences: ["kubernetes"]}
    claimMappings: {username: {claim: email, prefix: "oidc:"}}
"""


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Host(Machine):
    """A machine with kind and a container engine."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.commands.install("docker")
        (self.commands.path / "kind").symlink_to(built("kind") / "kind")
        self.given: dict[str, Any] = {
            "cluster_kind_folder": str(self.root / "platform"),
            "cluster_kind_http_port": _free_port(),
            "cluster_kind_https_port": _free_port(),
            "cluster_kind_minimum_disk": 0,
        }

    def with_issuer(self) -> None:
        """Trust an issuer."""
        path = self.folder / "authentication.yaml"
        path.write_text(_AUTHENTICATION, encoding="utf-8")
        self.given |= {
            "cluster_kind_issuer_host": "dex.example.org",
            "cluster_kind_authentication_config": str(path),
        }

    def kubeadm(self, *words: str) -> str:
        """What the real kubeadm says to the configuration of the node."""
        path = self.folder / "kubeadm.conf"
        path.write_text(self.commands.node_file(NODE, "/kind/kubeadm.conf"), encoding="utf-8")
        done = subprocess.run(
            [str(built("kubeadm") / "kubeadm"), *words, "--config", str(path)],
            env=environment(self.folder, KUBEADM_INIT_DRYRUN_DIR=str(self.folder / "dry")),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def made(self) -> list[list[str]]:
        """The containers that were started."""
        return [argv for argv in self.commands.calls("docker") if argv[0] == "run"]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A machine on which nothing was done."""
    return Host(tmp_path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Host, Run]:
    """A machine on which the role was run once, and that run."""
    made = Host(tmp_path_factory.mktemp("kind"))
    made.with_issuer()
    run = made.play("cluster_kind", "--diff", "-vvv", **made.given)
    assert run.changed > 0
    made.remember()
    return made, run


@pytest.fixture
def running(first: tuple[Host, Run]) -> Host:
    """The machine as it was after that run."""
    first[0].go_back()
    return first[0]


def test_check_mode_writes_nothing(host: Host) -> None:
    host.with_issuer()
    assert host.play("cluster_kind", "--check", "--diff", **host.given).changed > 0
    assert (host.files(), host.made) == ({}, [])


def test_the_first_run_makes_it_shows_no_secret_and_the_second_changes_nothing(
    running: Host, first: tuple[Host, Run]
) -> None:
    assert CANARY not in first[1].output
    [run] = running.made
    assert f"127.0.0.1:{running.given['cluster_kind_http_port']}:30080/TCP" in " ".join(run)
    assert "@sha256:" in run[-1]
    kubeconfig = yaml.safe_load(running.text("platform/kubeconfig"))
    assert kubeconfig["current-context"] == "kind-aphex"
    assert kubeconfig["clusters"][0]["cluster"]["server"].startswith("https://127.0.0.1:")
    assert running.mode("platform/kubeconfig") == 0o600
    assert not (running.folder / ".kube").exists()
    before = running.files()
    assert running.play("cluster_kind", **running.given).changed == 0
    assert (running.files(), len(running.made)) == (before, 1)


def test_P11_the_api_server_trusts_the_issuer_and_finds_it_by_name(running: Host) -> None:
    host = running
    host.kubeadm("config", "validate")
    configuration = next(
        item
        for item in yaml.safe_load_all(host.commands.node_file(NODE, "/kind/kubeadm.conf"))
        if item["kind"] == "ClusterConfiguration"
    )
    # kubeadm reads the patches where the node has them; here they are where the machine has them.
    inside = host.commands.node_file(NODE, "/kind/kubeadm.conf")
    (host.folder / "commands/nodes" / NODE / "kind/kubeadm.conf").write_text(
        inside.replace("/etc/aphex-platform/patches", str(host.root / "platform/node/patches")), encoding="utf-8"
    )
    (host.folder / "dry").mkdir()
    host.kubeadm("init", "phase", "control-plane", "apiserver", "--dry-run")
    [written] = (host.folder / "dry").rglob("kube-apiserver.yaml")
    pod = yaml.safe_load(written.read_text(encoding="utf-8"))
    assert pod["spec"]["hostAliases"] == [{"ip": "10.96.0.80", "hostnames": ["dex.example.org"]}]
    [container] = pod["spec"]["containers"]
    assert "--authentication-config=/etc/aphex-platform/authentication/config.yaml" in container["command"]
    assert not [word for word in container["command"] if word.startswith(("--anonymous-auth", "--oidc-"))]
    [mount] = [item for item in container["volumeMounts"] if item["name"] == "aphex-authentication"]
    assert (mount["mountPath"], mount["readOnly"]) == ("/etc/aphex-platform/authentication", True)
    # What kind itself wants of the API server is still there.
    assert "runtime-config" in [item["name"] for item in configuration["apiServer"]["extraArgs"]]
    mounted = [word for word in host.made[0] if word.endswith(":/etc/aphex-platform:ro")]
    assert mounted == [f"--volume={host.root}/platform/node:/etc/aphex-platform:ro"]
    assert host.text("platform/node/authentication/config.yaml") == _AUTHENTICATION


def test_a_changed_trust_reaches_the_running_cluster_and_the_rest_is_told(running: Host) -> None:
    host = running
    (host.folder / "authentication.yaml").write_text(_AUTHENTICATION + "# changed\n", encoding="utf-8")
    done = host.play("cluster_kind", **{**host.given, "cluster_kind_pod_subnet": "10.100.0.0/16"})
    assert done.changed == 1
    assert host.text("platform/node/authentication/config.yaml").endswith("# changed\n")
    assert "kind cannot change a running cluster" in done.output
    assert "10.100.0.0/16" in done.output
    assert len(host.made) == 1


def test_a_run_that_was_killed_is_finished_by_the_next(host: Host) -> None:
    host.play_until(lambda: bool(host.commands.state().get("containers")), "cluster_kind", **host.given)
    assert not (host.root / "platform/made-from.yaml").exists()
    assert host.play("cluster_kind", **host.given).changed > 0
    assert ["rm", "-f", "-v", NODE] in host.commands.calls("docker")
    assert list(host.commands.state()["containers"]) == [NODE]


def test_a_failed_creation_is_said_and_leaves_the_next_run_free(host: Host) -> None:
    host.commands.put(kubeadm_fails="the API server did not become healthy")
    assert "failed to init node with kubeadm" in host.play("cluster_kind", **host.given).refused
    assert host.commands.state()["containers"] == {}
    host.commands.put(kubeadm_fails="")
    assert host.play("cluster_kind", **host.given).changed > 0


def test_what_others_made_is_refused_unless_it_is_adopted(host: Host) -> None:
    subprocess.run(
        [
            str(host.commands.path / "kind"),
            "create",
            "cluster",
            "--name",
            "aphex",
            "--kubeconfig",
            str(host.folder / "k"),
        ],
        env={**environment(host.folder), "PATH": f"{host.commands.path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        check=True,
    )
    assert "that this role did not make" in host.play("cluster_kind", **host.given).refused
    refused = host.play("cluster_kind", **host.given, cluster_kind_state="absent").refused
    assert "that this role did not make" in refused
    assert host.play("cluster_kind", **host.given, cluster_kind_adopt=True).changed > 0
    assert len(host.made) == 1


def test_workers_join_without_an_issuer(host: Host) -> None:
    assert host.play("cluster_kind", **host.given, cluster_kind_workers=2).changed > 0
    assert len(host.made) == 3
    assert "authentication-config" not in host.commands.node_file(NODE, "/kind/kubeadm.conf")


def test_absent_leaves_nothing(running: Host) -> None:
    host = running
    absent = {**host.given, "cluster_kind_state": "absent"}
    assert host.play("cluster_kind", "--check", **absent).changed > 0
    assert len(host.commands.state()["containers"]) == 1
    assert host.play("cluster_kind", **absent).changed > 0
    assert (host.files(), host.commands.state()["containers"]) == ({}, {})
    assert host.play("cluster_kind", **absent).changed == 0


def test_P22_an_old_kubernetes_or_an_old_kind_is_refused(host: Host) -> None:
    old = "docker.io/kindest/node:v1.32.2@sha256:" + "0" * 64
    said = host.play("cluster_kind", **host.given, cluster_kind_image=old).refused
    assert "Kubernetes 1.33 or newer" in said
    (host.commands.path / "kind").unlink()
    (host.commands.path / "kind").write_text("#!/bin/sh\necho kind v0.27.0 go1.24.0 linux/amd64\n", encoding="utf-8")
    (host.commands.path / "kind").chmod(0o755)
    assert "kind 0.27.0 is too old for Kubernetes 1.36" in host.play("cluster_kind", **host.given).refused
    assert host.files() == {}


def test_an_image_without_its_digest_is_refused(host: Host) -> None:
    said = host.play("cluster_kind", **host.given, cluster_kind_image="docker.io/kindest/node:v1.36.1").refused
    assert "which is not pinned" in said
    assert host.commands.calls() == []


def test_what_is_missing_on_the_machine_is_said_before_anything_is_written(host: Host) -> None:
    host.commands.put(engine_down=True)
    assert "docker does not answer on localhost: Cannot connect" in host.play("cluster_kind", **host.given).refused
    host.commands.put(engine_down=False)
    said = host.play("cluster_kind", **{**host.given, "cluster_kind_minimum_disk": 1_000_000}).refused
    assert "GiB free, and 1000000 are wanted" in said
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", host.given["cluster_kind_http_port"]))
        taken.listen()
        said = host.play("cluster_kind", **host.given).refused
    assert f"Something listens on port {host.given['cluster_kind_http_port']}" in said
    assert (host.files(), host.made) == ({}, [])
