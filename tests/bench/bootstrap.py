"""The platform: how long until its tree is rendered and pushed, and until one knows that nothing is to be done?

Beside it kubectl, which gets the same objects ready made: the tree, built by kustomize before the clock starts. Each
contestant has an empty cluster of its own. Ours also makes what is in no tree: keys, secrets, the authority.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tests.bench.measure import CHECKOUT, Row, ratio, row, timed, title
from tests.bench.scene import Scene
from tests.bench.specimens import playbook
from tests.sandbox import mirror
from tests.sandbox.demo_bootstrap import EMPTY, PLATFORM, environment
from tests.sandbox.sandbox import join
from tests.sandbox.stack import TREE
from tests.sandbox.state import User

_RUNS = 3
_GIT, _BOTH = ["git"], ["git", "cluster"]
_CALLBACKS = Path(__file__).resolve().parent / "callbacks"
# What only turns inputs into commits: templates into texts, texts into files, files into a push.
_RENDERS = ("write_out : Render", "write_out : Hand", ": Render the ", "platform_tree : Tree |")
_EARLY = ("CustomResourceDefinition", "Namespace")

Object = dict[str, Any]


@dataclass(frozen=True)
class Played:
    """What one bootstrap took: all of it, its play of the platform, and of that what renders and pushes."""

    whole: float
    platform: float
    tree: float


@dataclass(frozen=True)
class Set:
    """The objects of the tree as files: what must be there before the others are understood, and everything."""

    early: Path
    whole: Path
    count: int


def ask(scene: Scene) -> None:
    """Print the times of all contestants for the platform, first run and second."""
    with _empty(scene, "bench-platform", EMPTY) as ours, _empty(scene, "bench-kubectl", ("control_plane",)) as theirs:
        title("The platform, from an empty cluster")
        row("ours, playbook bootstrap, tree and cluster", lambda _n: _bootstrap(ours, _BOTH).whole, 1)
        objects = _built(ours)
        row(f"kubectl apply --server-side, {objects.count} objects ready made", lambda _n: _first(theirs, objects), 1)
        title("The whole tree rendered and pushed, into an empty folder in each run")
        _three([_bootstrap(ours, _GIT, platform_tree_path=f"anew-{number}") for number in range(_RUNS)])
        title("The same again, unchanged")
        # Back to the folder of the first run; what was its own is written again.
        _bootstrap(ours, _BOTH)
        git, *_parts = _three([_bootstrap(ours, _GIT) for _unused in range(_RUNS)])
        both = row("ours, playbook bootstrap, tree and cluster", lambda _n: _bootstrap(ours, _BOTH).whole, _RUNS)
        kubectl = row("kubectl apply --server-side", lambda _n: theirs.kubectl_apply(objects.whole))
        peer = row("kubernetes.core.k8s, one task with the file", _peer(theirs, objects), 1)
        for slower in (kubectl, peer):
            ratio(slower, git)
            ratio(slower, both)


@contextmanager
def _empty(scene: Scene, name: str, parts: tuple[str, ...]) -> Iterator[Scene]:
    """A scene with a sandbox of its own."""
    sandbox = join(name, parts, user=User.this_process(name), say=print)
    folder = scene.folder / name
    folder.mkdir()
    try:
        yield replace(scene, sandbox=sandbox, folder=folder)
    finally:
        sandbox.leave()


def _bootstrap(scene: Scene, write_to: list[str], **more: str) -> Played:
    variables = {"platform_write_to": write_to, "platform_tree_wait": False, **more}
    rows = scene.folder / "seconds.json"
    env = {
        **scene.env,
        **environment(scene.sandbox, mirror.make(mirror.cache()), scene.folder / "platform"),
        "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "seconds",
        "APHEX_BENCH_SECONDS": str(rows),
    }
    command = ["ansible-playbook", "-i", PLATFORM, "aphex.platform.bootstrap", "-e", json.dumps(variables)]
    whole = timed(command, env)
    tasks = json.loads(rows.read_text(encoding="utf-8"))
    platform = [task for task in tasks if task["play"] == "Platform"]
    renders = [task for task in platform if any(word in task["task"] for word in _RENDERS)]
    return Played(whole, _sum(platform), _sum(renders))


def _sum(tasks: list[Object]) -> float:
    return sum(float(task["seconds"]) for task in tasks)


def _three(played: list[Played]) -> tuple[Row, Row, Row]:
    """Print what the same runs took in whole and in part."""

    def one(what: str, seconds: Callable[[Played], float]) -> Row:
        return row(what, lambda number: seconds(played[number]), len(played))

    return (
        one("ours, playbook bootstrap, tree alone", lambda run: run.whole),
        one("  of that the play of the platform", lambda run: run.platform),
        one("  of that what renders, commits and pushes", lambda run: run.tree),
    )


def _built(scene: Scene) -> Set:
    """Build the tree as Argo CD would: each part by kustomize, in the order of the waves."""
    tree = scene.folder / "built"
    repository = Path(scene.sandbox.env["APHEX_SANDBOX_GIT_FOLDER"]) / f"{TREE}.git"
    subprocess.run(["git", "clone", "--quiet", str(repository), str(tree)], check=True)
    waves = yaml.safe_load((CHECKOUT / "roles/platform_tree/vars/main/waves.yml").read_text(encoding="utf-8"))
    parts = [tree / "parts" / str(wave["part"]) for wave in waves["platform_tree_waves"]]
    objects = [item for part in parts if (part / "kustomization.yaml").exists() for item in _kustomize(scene, part)]
    early = [item for item in objects if item["kind"] in _EARLY]
    late = [item for item in objects if item["kind"] not in _EARLY]
    write = scene.folder.joinpath
    return Set(_write(write("early.yaml"), early), _write(write("whole.yaml"), early + late), len(objects))


def _kustomize(scene: Scene, part: Path) -> list[Object]:
    command = [str(scene.sandbox.kubectl), "kustomize", str(part)]
    text = subprocess.run(command, env={**os.environ, **scene.env}, capture_output=True, text=True, check=True).stdout
    return [item for item in yaml.load_all(text, yaml.CSafeLoader) if item]


def _write(path: Path, objects: list[Object]) -> Path:
    path.write_text("".join(f"---\n{json.dumps(item)}\n" for item in objects), encoding="utf-8")
    return path


def _first(scene: Scene, objects: Set) -> float:
    """Time kubectl in an empty cluster: it asks which kinds there are once, so these come before the rest."""
    kubectl = str(scene.sandbox.kubectl)
    wait = [kubectl, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]
    return scene.kubectl_apply(objects.early) + timed(wait, scene.env) + scene.kubectl_apply(objects.whole)


def _peer(scene: Scene, objects: Set) -> Callable[[int], float]:
    """Time the peer; its first run, which takes the objects over from kubectl, does not count."""
    applied = {"field_manager": "bench", "force_conflicts": True}
    task = {"kubernetes.core.k8s": {"src": str(objects.whole), "apply": True, "server_side_apply": applied}}
    book = playbook(scene.folder / "peer.json", [task])
    scene.play(book)
    return lambda _number: scene.play(book)
