"""The whole platform of the sample inventory on the real Argo CD, brought by the playbook that people run.

In: a sandbox of its own. Out: the platform, its playbooks, its parts as they came. Never here: an expectation.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.argo import Argo
from tests.e2e.played import Played
from tests.e2e.tree import Repository
from tests.sandbox import mirror
from tests.sandbox.api import Api, ApiError, Object
from tests.sandbox.demo_bootstrap import EMPTY, environment
from tests.sandbox.sandbox import Sandbox, join
from tests.sandbox.stack import TREE
from tests.sandbox.state import User
from tests.sandbox.telling import play
from tests.tools.steps import ROOT

NAME = "home"
WAVES = ROOT / "roles" / "platform_tree" / "vars" / "main" / "waves.yml"

_REFRESH = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
_POLL_SECONDS = 30


@dataclass(frozen=True)
class Row:
    """A part as it came: its wave, when its application was made, and the first object that Argo CD made for it."""

    part: str
    wave: int
    made: str
    first: str
    sync: str
    health: str

    @classmethod
    def of(cls, api: Api, wave: Object, item: Object) -> Row:
        status = item.get("status") or {}
        made = item["metadata"]["creationTimestamp"]
        times = sorted(filter(None, (_made(api, found) for found in status.get("resources") or [])))
        # What role platform_secrets has made before, namespaces above all, says nothing of the wave.
        own = next((time for time in times if time >= made), "")
        sync, health = status.get("sync") or {}, status.get("health") or {}
        return cls(wave["part"], wave["wave"], made, own, sync.get("status", ""), health.get("status", ""))


def _made(api: Api, resource: Object) -> str:
    version = f"{resource['group']}/{resource['version']}" if resource.get("group") else resource["version"]
    metadata = {"name": resource["name"], "namespace": resource.get("namespace", "")}
    try:
        path = api.path_of({"apiVersion": version, "kind": resource["kind"], "metadata": metadata})
        found = api.find(path)
    except (ApiError, KeyError):
        return ""
    return str(found["metadata"]["creationTimestamp"]) if found else ""


@dataclass
class Home:
    """The platform of the inventory, once its bootstrap has ended."""

    sandbox: Sandbox
    environment: dict[str, str]
    variables: dict[str, Any]
    before: frozenset[str] = frozenset()
    seconds: float = 0.0

    @property
    def api(self) -> Api:
        return self.sandbox.api

    @cached_property
    def argo(self) -> Argo:
        """The Argo CD of the platform, to be asked about its applications."""
        return Argo(self.sandbox, self.tree, self.tree.folder)

    @cached_property
    def tree(self) -> Repository:
        """The repository of the tree, with the working copy of somebody who changes it by hand."""
        place = Path(self.sandbox.env["APHEX_SANDBOX_GIT_FOLDER"]) / f"{TREE}.git"
        return Repository(Path(self.environment["APHEX_PLATFORM_FOLDER"]).parent / "by-hand").clone(place)

    def play(self, playbook: str, **variables: Any) -> int:
        """Play a playbook; answers how many tasks changed something. Raises Broken when it fails."""
        given = json.dumps(self.variables | variables)
        return play(self.sandbox, "inventory/platform", playbook, "-e", given, environment=self.environment)

    def rows(self) -> list[Row]:
        """Every part that has an application, in the order of the table of waves."""
        found = {item["metadata"]["name"]: item for item in self.argo.applications()}
        waves = yaml.safe_load(WAVES.read_text(encoding="utf-8"))["platform_tree_waves"]
        named = [(wave, application_of(wave["part"])) for wave in waves]
        return [Row.of(self.api, wave, found[name]) for wave, name in named if name in found]

    def look(self, part: str) -> None:
        """Have Argo CD look for commits now, and not when it next does so by itself."""
        path = f"/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/{application_of(part)}"
        self.api.patch(path, _REFRESH)

    def put_by_hand(self, part: str, item: Object) -> str:
        """Put an object into a part of the tree as somebody does who edits it; answers the commit."""
        self.tree.pull()
        folder = self.tree.work / "parts" / part
        file = f"{item['metadata']['name']}.yaml"
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        kustomization["resources"].append(file)
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
        (folder / file).write_text(yaml.safe_dump(item), encoding="utf-8")
        commit = self.tree.push(f"Put {file} into {part} by hand")
        self.look(part)
        return commit

    def objects(self) -> frozenset[str]:
        """What is in the cluster, by its paths; without what Kubernetes notes down about it."""
        return frozenset(
            f"{path}/{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
            for path in _collections(self.api)
            for item in self.api.list(path)
        )


def application_of(part: str) -> str:
    """The name of the application of a part."""
    return f"{NAME}-{part.replace('_', '-')}"


_NOTES = {"events", "leases", "endpoints", "endpointslices", "componentstatuses", "controllerrevisions"}


def _collections(api: Api) -> Iterator[str]:
    versions = ["/api/v1"]
    versions += [f"/apis/{group['preferredVersion']['groupVersion']}" for group in api.get("/apis")["groups"]]
    for version in versions:
        for entry in api.get(version)["resources"]:
            if "list" in entry["verbs"] and "/" not in entry["name"] and entry["name"] not in _NOTES:
                yield f"{version}/{entry['name']}"


@contextmanager
def brought(folder: Path, say: Callable[[str], None]) -> Iterator[Home]:
    """The platform, from an empty API server; all of it is gone at the end."""
    name = f"{os.environ.get('APHEX_SANDBOX', '')}e2e-platform"
    sandbox = join(name, (*EMPTY, "argocd"), user=User.this_process("pytest"), say=lambda line: say(f"sandbox: {line}"))
    env = environment(sandbox, mirror.make(mirror.cache()), folder / "platform")
    (folder / "platform").mkdir()
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    variables = {
        # Two cores are busy enough; who wants a commit to be seen at once asks for that.
        "argocd_poll_seconds": _POLL_SECONDS,
        "platform_secrets_tree_access": "password",
        "platform_secrets_tree_username": "argocd",
        "platform_secrets_tree_password": sandbox.env["APHEX_SANDBOX_GIT_READ_TOKEN"],
        "platform_tree_wait_timeout": 1800,
    }
    home = Home(sandbox, env, variables)
    played = Played(sandbox.api).start()
    try:
        home.before = home.objects()
        begin = time.monotonic()
        home.play("bootstrap")
        home.seconds = time.monotonic() - begin
        yield home
    finally:
        played.stop()
        sandbox.leave()
