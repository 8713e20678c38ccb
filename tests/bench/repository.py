"""One repository: how long until its 14 objects are there, and how long until one knows that nothing is to be done?"""

from __future__ import annotations

from tests.bench.measure import ratio, row, title
from tests.bench.scene import Scene
from tests.bench.specimens import make_ready, objects, playbook, write_objects


def ask(scene: Scene) -> None:
    """Print the times of all contestants for one repository's objects, first run and second."""
    make_ready(scene.sandbox.api)
    title(f"One repository, {len(objects('x'))} objects, made anew in each run")
    nothing = playbook(scene.folder / "nothing.json", [])
    empty = row("an empty playbook", lambda _unused: scene.play(nothing))
    each = row("kubernetes.core.k8s, a task an object", lambda n: _each(scene, f"bench-each-{n}"))
    many = row("kubernetes.core.k8s, one task with the list", lambda n: _many(scene, f"bench-many-{n}"))
    kubectl = row("kubectl apply --server-side", lambda n: _kubectl(scene, f"bench-kubectl-{n}"))
    ours = row("ours, one task", lambda n: _ours(scene, f"bench-ours-{n}"))
    for peer in (each, many, kubectl):
        ratio(peer, ours)
    print(f"    ours over an empty playbook: {ours.seconds - empty.seconds:.2f} s", flush=True)
    title("The same again, unchanged")
    many = row("kubernetes.core.k8s, one task with the list", lambda n: _many(scene, f"bench-many-{n}"))
    kubectl = row("kubectl apply --server-side", lambda n: _kubectl(scene, f"bench-kubectl-{n}"))
    again = row("ours, one task", lambda n: _ours(scene, f"bench-ours-{n}"))
    for peer in (many, kubectl):
        ratio(peer, again)


def _each(scene: Scene, name: str) -> float:
    tasks = [{"kubernetes.core.k8s": {"definition": item, "apply": True}} for item in objects(name)]
    return scene.play(playbook(scene.folder / f"{name}.json", tasks))


def _many(scene: Scene, name: str) -> float:
    task = {"kubernetes.core.k8s": {"definition": objects(name), "apply": True}}
    return scene.play(playbook(scene.folder / f"{name}.json", [task]))


def _kubectl(scene: Scene, name: str) -> float:
    return scene.kubectl_apply(write_objects(scene.folder / f"{name}.yaml", [name]))


def _ours(scene: Scene, name: str) -> float:
    task = {"aphex.platform.kubernetes_objects": {"definition": objects(name)}}
    return scene.play(playbook(scene.folder / f"{name}.json", [task]))
