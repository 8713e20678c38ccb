"""Does the whole platform come up by its tree: one playbook, and Argo CD brings every part, wave by wave?

The control plane, the nodes' answers, Git over HTTP, Argo CD and everything that we write ourselves are real. Releases
that cannot be had here are those of the mirror folder. No program of a pod runs: kwok answers for the nodes, and
`played` for cert-manager, the gateway and the storage.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.played import Played
from tests.sandbox import mirror
from tests.sandbox.api import ApiError, Object
from tests.sandbox.demo_bootstrap import EMPTY, environment
from tests.sandbox.sandbox import Sandbox, join
from tests.sandbox.state import User
from tests.sandbox.telling import play
from tests.tools.steps import ROOT

WAVES = ROOT / "roles" / "platform_tree" / "vars" / "main" / "waves.yml"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
NAME = "home"


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
    def of(cls, sandbox: Sandbox, wave: Object, item: Object) -> Row:
        status = item.get("status") or {}
        made = item["metadata"]["creationTimestamp"]
        times = sorted(filter(None, (_made(sandbox, found) for found in status.get("resources") or [])))
        # What role platform_secrets has made before, namespaces above all, says nothing of the wave.
        own = next((time for time in times if time >= made), "")
        sync, health = status.get("sync") or {}, status.get("health") or {}
        return cls(wave["part"], wave["wave"], made, own, sync.get("status", ""), health.get("status", ""))


def _made(sandbox: Sandbox, resource: Object) -> str:
    version = f"{resource['group']}/{resource['version']}" if resource.get("group") else resource["version"]
    metadata = {"name": resource["name"], "namespace": resource.get("namespace", "")}
    try:
        path = sandbox.api.path_of({"apiVersion": version, "kind": resource["kind"], "metadata": metadata})
        found = sandbox.api.find(path)
    except (ApiError, KeyError):
        return ""
    return str(found["metadata"]["creationTimestamp"]) if found else ""


@dataclass(frozen=True)
class Home:
    """The platform of the inventory, once its bootstrap has ended."""

    sandbox: Sandbox
    seconds: float
    play: Callable[..., int]

    def rows(self) -> list[Row]:
        """Every part that has an application, in the order of the table of waves."""
        found = {item["metadata"]["name"]: item for item in self.sandbox.api.list(APPLICATIONS)}
        waves = yaml.safe_load(WAVES.read_text(encoding="utf-8"))["platform_tree_waves"]
        named = [(wave, f"{NAME}-{wave['part'].replace('_', '-')}") for wave in waves]
        return [Row.of(self.sandbox, wave, found[name]) for wave, name in named if name in found]


@pytest.fixture(scope="module")
def home(say: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The platform, brought by the playbook that people run."""
    releases = mirror.make(mirror.cache())
    name = f"{os.environ.get('APHEX_SANDBOX', '')}e2e-platform"
    sandbox = join(name, (*EMPTY, "argocd"), user=User.this_process("pytest"), say=lambda line: say(f"sandbox: {line}"))
    env = environment(sandbox, releases, tmp_path_factory.mktemp("platform"))
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    variables = {
        "argocd_poll_seconds": 10,
        "platform_secrets_tree_access": "password",
        "platform_secrets_tree_username": "argocd",
        "platform_secrets_tree_password": sandbox.env["APHEX_SANDBOX_GIT_READ_TOKEN"],
        "platform_tree_wait_timeout": 900,
    }

    def run(playbook: str, *words: str) -> int:
        return play(sandbox, "inventory/platform", playbook, "-e", json.dumps(variables), *words, environment=env)

    played = Played(sandbox.api).start()
    try:
        begin = time.monotonic()
        run("bootstrap")
        yield Home(sandbox, time.monotonic() - begin, run)
    finally:
        played.stop()
        sandbox.leave()


def test_B17_the_whole_platform_comes_up_wave_by_wave(home: Home, say: Callable[[str], None]) -> None:
    rows = home.rows()
    say(f"\nthe playbook ended after {home.seconds:.0f} s, with {len(rows)} parts healthy")
    say(f"{'wave':>4}  {'part':20} {'application':21} {'its first object':21} state")
    for row in rows:
        say(f"{row.wave:4}  {row.part:20} {row.made:21} {row.first or '-':21} {row.sync}, {row.health}")
    assert {"argocd", "cert_manager", "tekton", "dex", "ingress"} <= {row.part for row in rows}
    assert [row for row in rows if (row.sync, row.health) != ("Synced", "Healthy")] == []
    for before, after in _neighbours(rows):
        assert max(row.made for row in before) <= min(row.made for row in after)
        begun = [row.first for row in before if row.first]
        assert max(begun, default="") <= min(row.made for row in after)


def _neighbours(rows: list[Row]) -> Iterator[tuple[list[Row], list[Row]]]:
    waves = sorted({row.wave for row in rows})
    grouped: dict[int, Any] = {wave: [row for row in rows if row.wave == wave] for wave in waves}
    for before, after in itertools.pairwise(waves):
        yield grouped[before], grouped[after]


def test_the_same_playbook_again_changes_nothing(home: Home) -> None:
    assert home.play("bootstrap") == 0
