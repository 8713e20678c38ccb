"""Argo CD as a test sees it: installed by the role, asked by its Applications.

In: a sandbox with the part argocd. Out: Argo CD installed, questions about Applications. Never here: an expectation.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.contract.platform import BIN, environment
from tests.e2e.mirror import mirror
from tests.e2e.tree import Object, Repository
from tests.sandbox.api import Api, ApiError
from tests.sandbox.argocd import release
from tests.sandbox.sandbox import Sandbox

T = TypeVar("T")

VERSION = "v3.2.6"
RELEASE = f"https://raw.githubusercontent.com/argoproj/argo-cd/{VERSION}/manifests/install.yaml"
NAMESPACES = ("argocd", "platform-system", "shop")

_APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/{}/applications"
_WITHIN = 180.0


@dataclass
class Argo:
    """The real Argo CD of a sandbox, and the one repository that its project `platform` takes from."""

    sandbox: Sandbox
    repository: Repository
    folder: Path

    @property
    def api(self) -> Api:
        return self.sandbox.api

    def install(self) -> float:
        """Install Argo CD by its role, and answer how many seconds its programs then took to listen."""
        self.api.apply_all(_namespace(name) for name in ("argocd", "platform-system"))
        self.api.apply_all(_secrets())
        variables: dict[str, Any] = {
            "argocd_domain": "home.local",
            "argocd_repository": self.repository.url,
            "argocd_poll_seconds": 3,
            "argocd_platform_namespaces": list(NAMESPACES),
            "write_out_mirror": str(mirror(self.folder / "mirror", {RELEASE: release()})),
            # The namespace was made for the Secrets, as role platform_secrets does it.
            "write_out_adopt": True,
        }
        self.play("argocd", **variables)
        begin = time.monotonic()
        log = self.sandbox.folder / "logs" / "argocd-application-controller.log"
        eventually("the application controller runs", lambda: log.is_file() and "Cluster" in log.read_text())
        return time.monotonic() - begin

    def play(self, role: str, *words: str, tasks_from: str = "main", **variables: Any) -> str:
        """Play a role on this cluster; answers what was printed. Fails with it when the role fails."""
        include = {"name": f"aphex.platform.{role}", "tasks_from": tasks_from}
        return self.tasks([{"ansible.builtin.include_role": include}], *words, **variables)

    def tasks(self, tasks: list[Object], *words: str, **variables: Any) -> str:
        """Run tasks on this cluster; answers what was printed. Fails with it when one of them fails."""
        code, output = self.run(tasks, *words, **variables)
        assert code == 0, output
        return output

    def run(self, tasks: list[Object], *words: str, **variables: Any) -> tuple[int, str]:
        """Run tasks on this cluster; answers how that ended, and what was printed."""
        play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
        given = {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **variables}
        with tempfile.TemporaryDirectory(prefix="aphex-e2e-") as name:
            folder = Path(name)
            (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
            (folder / "variables.json").write_text(json.dumps(given), encoding="utf-8")
            env = environment(folder, K8S_AUTH_KUBECONFIG=str(self.sandbox.kubeconfig))
            env["PATH"] = os.pathsep.join([str(self.sandbox.kubectl.parent), env["PATH"]])
            command = [str(BIN / "ansible-playbook"), "-i", "localhost,", "-c", "local", "play.yml"]
            command += ["-e", "@variables.json", *words]
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    # --- applications

    def application(self, name: str, namespace: str = "argocd") -> Object | None:
        return self.api.find(f"{_APPLICATIONS.format(namespace)}/{name}")

    def applications(self) -> list[Object]:
        return self.api.list(_APPLICATIONS.format("argocd"))

    def state(self, name: str, namespace: str = "argocd") -> tuple[str, str]:
        """What Argo CD says of an application: its sync and its health."""
        status = (self.application(name, namespace) or {}).get("status") or {}
        return (status.get("sync") or {}).get("status", ""), (status.get("health") or {}).get("status", "")

    def syncs(self, name: str, namespace: str = "argocd") -> bool:
        """Does a sync of it run, or is one asked for?"""
        return bool((self.application(name, namespace) or {}).get("operation"))

    def complaint(self, name: str, namespace: str = "argocd") -> str:
        """What Argo CD has against an application, or says about its sync and about each object of it."""
        status = (self.application(name, namespace) or {}).get("status") or {}
        said = [f"{item['type']}: {item['message']}" for item in status.get("conditions") or []]
        operation = status.get("operationState") or {}
        objects = (operation.get("syncResult") or {}).get("resources") or []
        said += [operation.get("message", ""), *(item.get("message", "") for item in objects)]
        return "; ".join(text for text in said if text)

    def healthy(self, name: str, commit: str = "", namespace: str = "argocd") -> bool:
        """Is it synced at that commit, and healthy?"""
        found = self.application(name, namespace)
        revision = (((found or {}).get("status") or {}).get("sync") or {}).get("revision", "")
        running = ((found or {}).get("status") or {}).get("operationState", {}).get("phase") == "Running"
        return self.state(name, namespace) == ("Synced", "Healthy") and revision.startswith(commit) and not running

    def wait(self, name: str, commit: str = "", namespace: str = "argocd") -> None:
        """Wait until it is synced at that commit, and healthy; fails with Argo CD's own words."""

        def said() -> str:
            return f"{name} is {self.state(name, namespace)}: {self.complaint(name, namespace)}"

        eventually(said, functools.partial(self.healthy, name, commit, namespace))

    def remove(self, prefix: str) -> None:
        """Delete the applications of a tree with what they have brought, and wait until they are gone."""

        def gone() -> bool:
            left = [item for item in self.applications() if item["metadata"]["name"].startswith(prefix)]
            for item in left:
                self._delete(item)
            return not left

        eventually(f"the applications {prefix} are gone", gone)

    def _delete(self, item: Object) -> None:
        """Delete one; a sync that runs is ended first, for Argo CD deletes nothing before that."""
        path = f"{_APPLICATIONS.format('argocd')}/{item['metadata']['name']}"
        running = ((item.get("status") or {}).get("operationState") or {}).get("phase") == "Running"
        patch: Object = {"status": {"operationState": {"phase": "Terminating"}}} if running else {}
        if not item["metadata"].get("deletionTimestamp"):
            patch["metadata"] = {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}
        try:
            self.api.patch(path, patch)
            self.api.delete(path)
        except ApiError as error:
            if error.status != 404:
                raise


def eventually(what: str | Callable[[], str], look: Callable[[], T | None], seconds: float = _WITHIN) -> T:
    """What it answers as soon as that is something, and not empty; fails when the time is over."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}"
        time.sleep(0.2)
    return found


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _secrets() -> list[Object]:
    """What role platform_secrets makes for Argo CD."""
    values = {
        "argocd-secret": {"server.secretkey": secrets.token_urlsafe(32)},
        "argocd-redis": {"auth": secrets.token_urlsafe(32)},
        "argocd-oidc": {"clientSecret": secrets.token_urlsafe(32)},
    }
    labels = {"app.kubernetes.io/part-of": "argocd"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "argocd", "labels": labels},
            "stringData": data,
        }
        for name, data in values.items()
    ]
