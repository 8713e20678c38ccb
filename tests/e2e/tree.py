"""A Git tree in the form of the platform's, in a bare repository on this machine.

In: parts with their waves and objects. Out: commits that Argo CD can read. Never here: product code.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

SERVER = "https://kubernetes.default.svc"
NAMESPACE = "platform-system"
_BRANCH = "main"
_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "somebody"), ("EMAIL", "somebody@sandbox.example"))
}


@dataclass(frozen=True)
class Repository:
    """A bare repository, and a working copy of it."""

    folder: Path

    @property
    def url(self) -> str:
        return f"file://{self.folder / 'tree.git'}"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def make(self) -> Repository:
        """Make it, with one empty commit."""
        self.folder.mkdir(parents=True)
        self._git(self.folder, "init", "--bare", "--quiet", f"--initial-branch={_BRANCH}", "tree.git")
        self._git(self.folder, "clone", "--quiet", "tree.git", "work")
        self._git(self.work, "commit", "--quiet", "--allow-empty", "-m", "Begin")
        self._git(self.work, "push", "--quiet", "origin", f"HEAD:{_BRANCH}")
        return self

    def clone(self, place: Path) -> Repository:
        """Take a working copy of a repository that is there already."""
        self.folder.mkdir(parents=True)
        self._git(self.folder, "clone", "--quiet", str(place), "work")
        return self

    def pull(self) -> None:
        """Have what others have pushed."""
        self._git(self.work, "pull", "--quiet", "--ff-only", "origin", _BRANCH)

    def revert(self) -> str:
        """Push the opposite of the last commit; answers the new one."""
        self._git(self.work, "revert", "--no-edit", "HEAD")
        self._git(self.work, "push", "--quiet", "origin", f"HEAD:{_BRANCH}")
        return self._git(self.work, "rev-parse", "HEAD").strip()

    def push(self, message: str) -> str:
        """Commit and push what differs, on top of what others have pushed; answers the commit."""
        self._git(self.work, "add", "--all")
        self._git(self.work, "commit", "--quiet", "-m", message)
        self._git(self.work, "pull", "--quiet", "--rebase", "origin", _BRANCH)
        self._git(self.work, "push", "--quiet", "origin", f"HEAD:{_BRANCH}")
        return self._git(self.work, "rev-parse", "HEAD").strip()

    @staticmethod
    def _git(folder: Path, *words: str) -> str:
        env = {**os.environ, **_AUTHOR, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        return subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


@dataclass
class Tree:
    """One root application and its parts, in a folder of a repository that others use as well."""

    repository: Repository
    name: str
    waves: dict[str, int] = field(default_factory=dict)

    def part(self, name: str, wave: int, objects: Iterable[Object], **changes: Any) -> None:
        """Write a part and its application; `changes` replace fields of the application's spec."""
        items = list(objects)
        folder = self._folder(f"parts/{name}")
        for old in folder.glob("*.yaml"):
            old.unlink()
        names = [self._write(folder / _file_of(item), item) for item in items]
        kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": names}
        self._write(folder / "kustomization.yaml", kustomization)
        self._write(self._folder("applications") / f"{name}.yaml", self._application(name, wave, changes))
        self.waves[name] = wave

    def drop(self, name: str) -> None:
        """Take a part out of the tree."""
        (self._folder("applications") / f"{name}.yaml").unlink()
        del self.waves[name]

    def push(self, message: str = "Change") -> str:
        return self.repository.push(message)

    def application_name(self, part: str) -> str:
        return f"{self.name}-{part}"

    def root(self, **changes: Any) -> Object:
        """The application that brings all others."""
        return application(self.name, self._spec("applications", "argocd") | changes)

    def _application(self, part: str, wave: int, changes: dict[str, Any]) -> Object:
        spec = self._spec(f"parts/{part}", "platform-system") | changes
        item = application(self.application_name(part), spec)
        item["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": str(wave)}
        item["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
        return item

    def _spec(self, path: str, namespace: str) -> Object:
        return {
            "project": "platform",
            "source": {"repoURL": self.repository.url, "targetRevision": _BRANCH, "path": f"{self.name}/{path}"},
            "destination": {"server": SERVER, "namespace": namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["ServerSideApply=true", "CreateNamespace=false", "RespectIgnoreDifferences=true"],
                # With `refresh`, a commit that corrects what failed is taken by the next try.
                "retry": {
                    "limit": -1,
                    "refresh": True,
                    "backoff": {"duration": "2s", "factor": 2, "maxDuration": "10s"},
                },
            },
        }

    def _folder(self, path: str) -> Path:
        folder = self.repository.work / self.name / path
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @staticmethod
    def _write(path: Path, item: Object) -> str:
        path.write_text(yaml.safe_dump(item), encoding="utf-8")
        return path.name


def application(name: str, spec: Object, namespace: str = "argocd") -> Object:
    """An Application of Argo CD."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}


def config(name: str, **data: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": data,
    }


def deployment(name: str, node: dict[str, str] | None = None, **changes: Any) -> Object:
    """A Deployment that becomes ready at once, or never when it wants a node that is not there."""
    labels = {"app": name}
    hardened = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "main", "image": "registry.invalid/main:1", "securityContext": hardened}
    pod = {"containers": [container], "nodeSelector": node or {}}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {**spec, **changes}}


def _file_of(item: Object) -> str:
    return f"{item['kind'].lower()}-{item['metadata']['name']}.yaml"
