"""The real Argo CD: Redis, repository server and application controller, as a node would run them.

In: the workloads of Argo CD's own release in the cluster. Out: a process for each, with the arguments, the environment
and the ServiceAccount that its manifest names. Never here: a manifest, a setting of Argo CD that decides what it syncs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sandbox import build
from tests.sandbox.api import ApiError
from tests.sandbox.cluster import Cluster
from tests.sandbox.process import Process, answers, free_port, stop_all
from tests.tools.redis import redis_server

LOGGER = logging.getLogger(__name__)

NAMESPACE = "argocd"

_PREFIX = f"/apis/apps/v1/namespaces/{NAMESPACE}"
_MODULE = "github.com/argoproj/argo-cd/v3"
_POLL = 0.5
_LONGEST_PAUSE = 8.0
_TOKEN_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class _Workload:
    """One of Argo CD's programs: which object runs it, and what it needs that has to listen first."""

    name: str
    plural: str
    needs: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"{_PREFIX}/{self.plural}/{self.name}"


_REDIS = _Workload("argocd-redis", "deployments")
_REPOSITORIES = _Workload("argocd-repo-server", "deployments", ("argocd-redis",))
_CONTROLLER = _Workload("argocd-application-controller", "statefulsets", ("argocd-redis", "argocd-repo-server"))
_WORKLOADS = (_REDIS, _REPOSITORIES, _CONTROLLER)


def release(name: str = "install.yaml") -> Path:
    """A manifest of the very release that is built here, as its project has published it."""
    command = ["go", "list", "-m", "-f", "{{.Dir}}", _MODULE]
    env = {**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    folder = build.FAMILIES["argocd"].folder
    found = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return Path(found.stdout.strip()) / "manifests" / name


class _NotYet(Exception):
    """A container cannot start now, as a kubelet would say; it is tried again."""


@dataclass
class _Running:
    """One running, or crashing, program."""

    process: Process
    fingerprint: str
    crashes: int = 0
    not_before: float = 0.0


@dataclass
class ArgoCd:
    """Keeps Argo CD's programs running while the cluster has their workloads."""

    cluster: Cluster
    say: Callable[[str], None] = print
    _running: dict[str, _Running] = field(default_factory=dict)
    _ports: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> str:
        """Begin to look for the workloads; answers a word for people."""
        self._program = build.built("argocd", self.say) / "cmd"
        self._kustomize = build.built("kustomize", self.say)
        self._redis, self._redis_env = redis_server()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ports = {workload.name: free_port() for workload in _WORKLOADS}
        self._thread = threading.Thread(target=self._watch, name="argocd", daemon=True)
        self._thread.start()
        return f"its programs run as soon as their workloads are in the namespace {NAMESPACE}"

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        stop_all([running.process for running in self._running.values()])
        self._running.clear()

    # --- the loop

    def _watch(self) -> None:
        while not self._stop.wait(_POLL):
            for workload in _WORKLOADS:
                try:
                    self._look(workload)
                except _NotYet as reason:
                    LOGGER.info("%s: %s", workload.name, reason)
                except (ApiError, OSError) as error:
                    # The API server is being stopped, or the namespace ends at this moment; the next look will tell.
                    LOGGER.warning("%s: %s", workload.name, error)

    def _look(self, workload: _Workload) -> None:
        item = self.cluster.api.find(workload.path)
        running = self._running.get(workload.name)
        if item is None or item["spec"].get("replicas") == 0 or item["metadata"].get("deletionTimestamp"):
            self._end(workload)
            return
        # A changed ConfigMap starts no pod anew, and so no program here: only another template does.
        fingerprint = hashlib.sha256(json.dumps(item["spec"]["template"], sort_keys=True).encode()).hexdigest()
        if running and running.fingerprint != fingerprint:
            self._end(workload)
            running = None
        if running is None:
            self._begin(workload, item["spec"]["template"]["spec"], fingerprint, crashes=0)
        elif not running.process.running:
            self._after_a_crash(workload, item, running)

    def _after_a_crash(self, workload: _Workload, item: Mapping[str, Any], running: _Running) -> None:
        if running.not_before == 0.0:
            running.crashes += 1
            running.not_before = time.monotonic() + min(_LONGEST_PAUSE, 0.5 * 2**running.crashes)
        elif time.monotonic() >= running.not_before:
            self._begin(workload, item["spec"]["template"]["spec"], running.fingerprint, running.crashes)

    def _end(self, workload: _Workload) -> None:
        running = self._running.pop(workload.name, None)
        if running:
            running.process.stop()

    def _begin(self, workload: _Workload, pod: Mapping[str, Any], fingerprint: str, crashes: int) -> None:
        if not all(answers(self._ports[need]) for need in workload.needs):
            raise _NotYet("what it needs does not listen yet")
        container = pod["containers"][0]
        env = self._environment(container)
        argv = self._command(workload, container, env, str(pod.get("serviceAccountName") or "default"))
        process = Process(workload.name, argv, self.cluster.folder / "logs" / f"{workload.name}.log", env)
        self._running[workload.name] = _Running(process.start(), fingerprint, crashes)

    # --- what a kubelet makes of a container

    def _environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        """The manifest's environment; over it what has to be different on a machine that is no container."""
        given = {entry["name"]: self._value(entry) for entry in container.get("env") or []}
        env = {name: value for name, value in given.items() if value is not None}
        return {**env, **self._places()}

    def _value(self, entry: Mapping[str, Any]) -> str | None:
        source = entry.get("valueFrom")
        if source is None:
            return str(entry.get("value", ""))
        for kind, plural in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
            if kind in source:
                return self._key(plural, source[kind])
        return NAMESPACE if source.get("fieldRef", {}).get("fieldPath") == "metadata.namespace" else ""

    def _key(self, plural: str, reference: Mapping[str, Any]) -> str | None:
        found = self.cluster.api.find(f"/api/v1/namespaces/{NAMESPACE}/{plural}/{reference['name']}")
        value = ((found or {}).get("data") or {}).get(reference["key"])
        if value is None and not reference.get("optional"):
            raise _NotYet(f"there is no key {reference['key']} in {plural} {reference['name']}")
        return base64.b64decode(value).decode() if value is not None and plural == "secrets" else value

    def _places(self) -> dict[str, str]:
        folder = self._folder
        places = {
            "HOME": "home",
            "TMPDIR": "tmp",
            "KUBECACHEDIR": "kubecache",
            "HELM_CACHE_HOME": "helm",
            "HELM_CONFIG_HOME": "helm",
            "HELM_DATA_HOME": "helm",
            "ARGOCD_TLS_DATA_PATH": "tls",
            "ARGOCD_SSH_DATA_PATH": "ssh",
            "ARGOCD_GNUPGHOME": "gnupg",
            "ARGOCD_PLUGINSOCKFILEPATH": "plugins",
        }
        for name in places.values():
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        # Git asks it for passwords, as a program on the path.
        self._link("bin/argocd")
        return {
            **{name: str(folder / place) for name, place in places.items()},
            "PATH": os.pathsep.join([str(folder / "bin"), str(self._kustomize), os.environ["PATH"]]),
            "ARGOCD_ASK_PASS_SOCK": str(folder / "ask.sock"),
            # Signatures are checked by scripts of Argo CD's own image.
            "ARGOCD_GPG_ENABLED": "false",
        }

    def _command(
        self, workload: _Workload, container: Mapping[str, Any], env: dict[str, str], account: str
    ) -> list[str]:
        arguments = [str(argument) for argument in container.get("args") or []]
        if workload is _REDIS:
            return self._redis_command(arguments, env)
        # The first argument is the program; which one it is to be it finds out by the name of its file.
        return [str(self._link(workload.name)), *arguments[1:], *self._own_flags(workload, env, account)]

    def _redis_command(self, arguments: list[str], env: dict[str, str]) -> list[str]:
        env.update(self._redis_env)
        words = [word for argument in arguments for word in _expanded(argument, env).split(" ")]
        return [str(self._redis), *words, "--bind", "127.0.0.1", "--port", str(self._ports[_REDIS.name])]

    def _own_flags(self, workload: _Workload, env: dict[str, str], account: str) -> list[str]:
        redis = f"--redis=127.0.0.1:{self._ports[_REDIS.name]}"
        if workload is _REPOSITORIES:
            metrics = ["--metrics-address=127.0.0.1", f"--metrics-port={free_port()}"]
            own = ["--address=127.0.0.1", f"--port={self._ports[workload.name]}", "--disable-tls"]
            return [*own, *metrics, redis]
        token = self.cluster.token(NAMESPACE, account, _TOKEN_SECONDS)
        kubeconfig = self.cluster.kubeconfig_for(token=token)
        # Applications name the API server as pods see it; so told, it takes that to be the kubeconfig's.
        env.update({"ARGOCD_FAKE_IN_CLUSTER": "true", "KUBECONFIG": str(kubeconfig), "ARGOCD_CONTROLLER_SHARD": "0"})
        return [
            f"--kubeconfig={kubeconfig}",
            f"--namespace={NAMESPACE}",
            f"--repo-server=127.0.0.1:{self._ports[_REPOSITORIES.name]}",
            "--repo-server-plaintext",
            redis,
            f"--metrics-port={self._ports[workload.name]}",
        ]

    def _link(self, name: str) -> Path:
        link = self._folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(self._program)
        return link

    @property
    def _folder(self) -> Path:
        return self.cluster.folder / "argocd"


def _expanded(argument: str, env: Mapping[str, str]) -> str:
    """An argument of a container with the references to its environment resolved, as a kubelet does it."""
    for name, value in env.items():
        argument = argument.replace(f"$({name})", value)
    return argument
