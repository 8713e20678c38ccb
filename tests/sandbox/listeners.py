"""A listener program for each EventListener, as the node of a real cluster would run it.

In: the Deployments that the Triggers controller makes. Out: a process for each, with the flags of the Deployment and a
token of its own ServiceAccount, and the loopback address behind its Service. Never here: a flag or an identity that
the Deployment does not name.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sandbox.api import ApiError
from tests.sandbox.cluster import Cluster
from tests.sandbox.process import Process, free_port

LOGGER = logging.getLogger(__name__)

_DEPLOYMENTS = "/apis/apps/v1/deployments"
_MADE_BY_CONTROLLER = "app.kubernetes.io/managed-by=EventListener"
_POLL = 0.2
_ACCOUNT_EVERY = 2.0
_LONGEST_PAUSE = 8.0
_TOKEN_SECONDS = 7 * 24 * 3600


@dataclass
class _Wanted:
    """What a Deployment says about its one container."""

    namespace: str
    name: str
    account: str
    args: list[str]
    env: dict[str, str]

    @classmethod
    def from_deployment(cls, item: Mapping[str, Any]) -> _Wanted | None:
        """None when no pod is wanted."""
        if item["spec"].get("replicas") == 0 or item["metadata"].get("deletionTimestamp"):
            return None
        namespace = item["metadata"]["namespace"]
        pod = item["spec"]["template"]["spec"]
        container = pod["containers"][0]
        env = {entry["name"]: _value(entry, namespace) for entry in container.get("env") or []}
        account = pod.get("serviceAccountName") or "default"
        return cls(namespace, item["metadata"]["name"], account, list(container.get("args") or []), env)

    def fingerprint(self, account_uid: str) -> str:
        """Changes whenever a real pod would be replaced, or would lose its identity."""
        text = json.dumps([vars(self), account_uid], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _value(entry: Mapping[str, Any], namespace: str) -> str:
    reference = (entry.get("valueFrom") or {}).get("fieldRef") or {}
    return namespace if reference.get("fieldPath") == "metadata.namespace" else str(entry.get("value", ""))


@dataclass
class _Listener:
    """One running, or crashing, listener program."""

    process: Process
    port: int
    fingerprint: str
    crashes: int = 0
    not_before: float = 0.0
    live: bool = False


class Listeners:
    """Keeps a listener program for each Deployment of the Triggers controller."""

    def __init__(self, cluster: Cluster, program: Path) -> None:
        self._cluster = cluster
        self._program = program
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], _Listener] = {}
        self._accounts: dict[tuple[str, str], tuple[str | None, float]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="listeners", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        for key in list(self._running):
            self._end(key)

    def address(self, namespace: str, service: str) -> tuple[str, int] | None:
        """Where the listener behind that Service answers; None when there is none, or not yet."""
        with self._lock:
            found = self._running.get((namespace, service))
            return ("127.0.0.1", found.port) if found and found.live else None

    # --- the loop

    def _watch(self) -> None:
        while not self._stop.wait(_POLL):
            try:
                self._look()
            except (ApiError, OSError) as error:
                # The API server is being stopped, or a namespace ends at this moment; the next look will tell.
                LOGGER.warning("listeners: %s", error)

    def _look(self) -> None:
        found = self._cluster.api.list(_DEPLOYMENTS, labelSelector=_MADE_BY_CONTROLLER)
        candidates = [_Wanted.from_deployment(item) for item in found]
        wanted = {(item.namespace, item.name): item for item in candidates if item}
        for key in [key for key in self._running if key not in wanted]:
            self._end(key)
        for key, item in wanted.items():
            uid = self._account_uid(item)
            if uid is None:
                # No such ServiceAccount: a real pod would not be created, and one that runs would lose its token.
                self._end(key)
            else:
                self._keep(key, item, uid)

    def _account_uid(self, item: _Wanted) -> str | None:
        """The ServiceAccount's uid, asked again every two seconds: many listeners would be many reads."""
        key = (item.namespace, item.account)
        uid, asked = self._accounts.get(key, (None, 0.0))
        if uid is None or time.monotonic() - asked > _ACCOUNT_EVERY:
            found = self._cluster.api.find(f"/api/v1/namespaces/{item.namespace}/serviceaccounts/{item.account}")
            uid = found["metadata"]["uid"] if found else None
            self._accounts[key] = uid, time.monotonic()
        return uid

    def _keep(self, key: tuple[str, str], item: _Wanted, uid: str) -> None:
        fingerprint = item.fingerprint(uid)
        running = self._running.get(key)
        if running and running.fingerprint != fingerprint:
            self._end(key)
            running = None
        if running is None:
            self._begin(key, item, fingerprint, crashes=0)
        elif running.process.running:
            running.live = running.live or _is_live(running.port)
        elif running.live or running.not_before == 0.0:
            running.live = False
            running.crashes += 1
            running.not_before = time.monotonic() + min(_LONGEST_PAUSE, 0.5 * 2**running.crashes)
        elif time.monotonic() >= running.not_before:
            self._begin(key, item, fingerprint, running.crashes)

    def _begin(self, key: tuple[str, str], item: _Wanted, fingerprint: str, crashes: int) -> None:
        port = free_port()
        token = self._cluster.token(item.namespace, item.account, _TOKEN_SECONDS)
        kubeconfig = self._cluster.kubeconfig_for(token=token)
        own = {"kubeconfig", "port"}
        args = [arg for arg in item.args if arg.lstrip("-").partition("=")[0] not in own]
        env = {
            "PATH": os.environ["PATH"],
            **item.env,
            "EVENTLISTENER_PORT": str(port),
            "METRICS_PROMETHEUS_PORT": str(free_port()),
        }
        process = Process(
            f"{item.name}.{item.namespace}",
            [str(self._program), f"--kubeconfig={kubeconfig}", f"--port={port}", *args],
            self._cluster.folder / "logs" / f"{item.name}.{item.namespace}.log",
            env,
        )
        process.start()
        with self._lock:
            self._running[key] = _Listener(process, port, fingerprint, crashes)

    def _end(self, key: tuple[str, str]) -> None:
        with self._lock:
            running = self._running.pop(key, None)
        if running:
            # At once: it would not heed SIGTERM, and burn a core until SIGKILL (P24).
            running.process.kill()


def _is_live(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/live", timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
