"""The real Kubernetes control plane: etcd, API server, controller manager and scheduler on loopback.

In: an empty folder. Out: a running cluster whose files `Cluster` reads. Never here: a fake of Kubernetes, or a port
that is not on loopback.

Where it comes from, in this order: the kubeconfig named by APHEX_SANDBOX_KUBECONFIG; the programs in the folder named
by KUBEBUILDER_ASSETS; the cached build.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.sandbox import audit, build
from tests.sandbox.api import Api, Identity, Server, read_kubeconfig
from tests.sandbox.cluster import Cluster, write_kubeconfig
from tests.sandbox.process import Process, answers, free_port, stop_all

GIVEN_KUBECONFIG = "APHEX_SANDBOX_KUBECONFIG"
GIVEN_PROGRAMS = "KUBEBUILDER_ASSETS"
ADMIN = "kubernetes-admin"

ADVERTISED = "192.0.2.10"
"""The address in EndpointSlice default/kubernetes: loopback is refused there, so one of the documentation's range."""

NO_ISSUER = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": []}
"""Nobody logs in by a token of an issuer; beside it stand the file of tokens, certificates and service accounts."""

_READY_WITHIN = 180.0

_NODE_GRACE = "30m"

# How much more memory than it needs a program takes before it tidies up, in percent. With the default (100) the API
# server spends a sixth of its time on that.
_GARBAGE = "150"

# What the controllers ask per second; with the defaults (20) the deletion of one namespace takes many seconds.
_BUSY_CLIENT = ("--kube-api-qps=500", "--kube-api-burst=1000")


@dataclass
class ControlPlane:
    """The control plane of one sandbox, in one folder."""

    folder: Path
    emulated_version: str | None = None
    say: Callable[[str], None] = print
    processes: list[Process] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.folder)

    @property
    def given(self) -> bool:
        """Is it somebody else's cluster? Then nothing is started here, and nothing stopped."""
        return GIVEN_KUBECONFIG in os.environ

    def start_server(self) -> None:
        """Start etcd and the API server and wait until it is ready. Raises NotReady, or BuildFailed."""
        if self.given:
            self._take(Path(os.environ[GIVEN_KUBECONFIG]))
            return
        self._prepare()
        # The API server waits for its store by itself; starting both at once saves half a second.
        etcd, server = self._etcd(), self._api_server()
        etcd.wait_ready(lambda: answers(self._ports["etcd"]), _READY_WITHIN)
        server.wait_ready(self._ready, _READY_WITHIN)

    def start_controllers(self) -> None:
        """Start the controller manager and the scheduler, and wait until they work. Raises NotReady."""
        if self.given:
            return
        manager, _unused = self._controllers()
        # The first that the controller manager makes when it really works.
        api = self.cluster.api
        manager.wait_ready(lambda: api.exists("/api/v1/namespaces/default/serviceaccounts/default"), _READY_WITHIN)

    def stop(self) -> None:
        """Stop all processes; etcd last, or the others fill their logs with complaints."""
        stop_all(self.processes[1:])
        stop_all(self.processes[:1])
        self.processes.clear()

    # --- files

    def _take(self, kubeconfig: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_kubeconfig(self.cluster.kubeconfig, *read_kubeconfig(kubeconfig))
        self._write_kubectl()

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ports = {
            name: free_port() for name in ("etcd", "peer", "api", "kube-controller-manager", "kube-scheduler")
        }
        self._tokens = {user: secrets.token_urlsafe(24) for user in (ADMIN, *_CONTROLLERS)}
        self.cluster.pki.create()
        rows = [f'{self._tokens[ADMIN]},{ADMIN},{ADMIN},"system:masters"']
        rows += [f"{self._tokens[user]},{user},{user}" for user in _CONTROLLERS]
        self._file("tokens.csv", "\n".join(rows) + "\n")
        self._file("audit-policy.yaml", yaml.safe_dump(audit.POLICY))
        # Without an issuer at first: a file that was there from the start is read again whenever it changes (P11).
        self._file(self.cluster.authentication.name, yaml.safe_dump(NO_ISSUER))
        self.cluster.audit_file.touch(mode=0o600)
        server = Server(f"https://127.0.0.1:{self._ports['api']}", self.cluster.pki.ca.read_text(encoding="utf-8"))
        write_kubeconfig(self.cluster.kubeconfig, server, Identity(self._tokens[ADMIN]))
        for user in _CONTROLLERS:
            write_kubeconfig(self._kubeconfig_of(user), server, Identity(self._tokens[user]))
        self._write_kubectl()

    def _kubeconfig_of(self, user: str) -> Path:
        return self.folder / "users" / f"{user.removeprefix('system:')}.kubeconfig"

    def _file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path

    def _write_kubectl(self) -> None:
        command = " ".join(f"'{word}'" for word in self._program("kubectl"))
        # The caller's own KUBECONFIG may be a real cluster; --kubeconfig is heeded.
        script = f"#!/bin/sh\nKUBECONFIG='{self.cluster.kubeconfig}' exec {command} \"$@\"\n"
        self._file("kubectl", script).chmod(0o700)

    def _program(self, name: str) -> list[str]:
        """How to call one of the programs. envtest's folders carry no controllers: those come from the build."""
        folder = os.environ.get(GIVEN_PROGRAMS)
        if folder and (found := shutil.which(name, path=folder)):
            return [found]
        if name == "kubectl" and os.environ.get(GIVEN_KUBECONFIG) and (found := shutil.which(name)):
            return [found]
        return [str(build.built("controlplane", self.say) / "controlplane"), name]

    # --- processes

    def _run(self, name: str, *flags: str) -> Process:
        # The user's own kubeconfig and proxies must not reach the programs.
        env = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "TMPDIR", "TZ", "LANG")}
        env["GOGC"] = _GARBAGE
        process = Process(name, [*self._program(name), *flags], self.folder / "logs" / f"{name}.log", env)
        self.processes.append(process.start())
        return process

    def _etcd(self) -> Process:
        client, peer = (f"http://127.0.0.1:{self._ports[name]}" for name in ("etcd", "peer"))
        return self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def _api_server(self) -> Process:
        pki = self.cluster.pki
        emulated = [f"--emulated-version={self.emulated_version}"] if self.emulated_version else []
        return self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._ports['etcd']}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._ports['api']}",
            f"--advertise-address={ADVERTISED}",
            f"--tls-cert-file={pki.server}",
            f"--tls-private-key-file={pki.server_key}",
            f"--client-ca-file={pki.ca}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--authentication-config={self.cluster.authentication}",
            "--authorization-mode=RBAC",
            # As every real cluster has it: else privileged pods are refused for a reason that hides ours.
            "--allow-privileged=true",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki.service_account_key}",
            f"--service-account-signing-key-file={pki.service_account_key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--audit-policy-file={self.folder / 'audit-policy.yaml'}",
            f"--audit-log-path={self.cluster.audit_file}",
            # One file for the sandbox's life: a mark is a position in it.
            "--audit-log-maxsize=4096",
            *emulated,
        )

    def _controllers(self) -> list[Process]:
        pki = self.cluster.pki
        for name, user in zip(("kube-controller-manager", "kube-scheduler"), _CONTROLLERS, strict=True):
            kubeconfig = self._kubeconfig_of(user)
            flags = [
                f"--kubeconfig={kubeconfig}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self._ports[name]}",
                "--leader-elect=false",
                *_BUSY_CLIENT,
            ]
            if name == "kube-controller-manager":
                flags += [
                    # As on a real cluster: with one identity for all, admission policies do not see the controllers.
                    "--use-service-account-credentials",
                    f"--service-account-private-key-file={pki.service_account_key}",
                    f"--root-ca-file={pki.ca}",
                    f"--cluster-signing-cert-file={pki.ca}",
                    f"--cluster-signing-key-file={pki.ca_key}",
                    f"--cert-dir={self.folder / 'pki'}",
                    # A node is never lost here. On a busy machine its heartbeat may be late, and with it all pods go.
                    f"--node-monitor-grace-period={_NODE_GRACE}",
                ]
            self._run(name, *flags)
        return self.processes[-2:]

    def _ready(self) -> bool:
        url = f"https://127.0.0.1:{self._ports['api']}/readyz"
        context = ssl.create_default_context(cafile=str(self.cluster.pki.ca))
        try:
            with urllib.request.urlopen(url, timeout=2.0, context=context) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


_CONTROLLERS = ("system:kube-controller-manager", "system:kube-scheduler")


def server_version(api: Api) -> str:
    """The version that the server tells, for people."""
    return str(json.loads(api.request("GET", "/version")[1])["gitVersion"])


def families() -> list[str]:
    """What has to be built for a control plane here and now."""
    if os.environ.get(GIVEN_KUBECONFIG) and shutil.which("kubectl"):
        return []
    folder = os.environ.get(GIVEN_PROGRAMS)
    programs = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    if folder and all(shutil.which(name, path=folder) for name in programs):
        return []
    return ["controlplane"]
