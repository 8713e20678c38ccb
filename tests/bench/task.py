"""What does one local task cost?

Ours that sends nothing, ours with one TLS connection, an empty module, kubernetes.core: 20 tasks each, less an empty
playbook.
"""

from __future__ import annotations

from typing import Any

from tests.bench.measure import Row, ratio, row, title
from tests.bench.scene import Scene
from tests.bench.specimens import playbook

TASKS = 20
_CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "bench-task", "namespace": "default"},
    "data": {"a": "1"},
}


def ask(scene: Scene) -> None:
    """Print the cost of one task of each kind."""
    title(f"One local task, out of {TASKS}")
    nothing = playbook(scene.folder / "nothing.json", [])
    empty = row("an empty playbook", lambda _unused: scene.play(nothing))
    ours = "aphex.platform.kubernetes_objects"
    kinds: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "ours, nothing to send": ({ours: {"definition": []}}, {}),
        "ours, one object over TLS, unchanged": ({ours: {"definition": _CONFIG_MAP}}, {}),
        "ours as a module, the same": ({ours: {"definition": _CONFIG_MAP}}, {"aphex_platform_in_process": False}),
        "an empty module (ansible.builtin.ping)": ({"ansible.builtin.ping": {}}, {}),
        "kubernetes.core.k8s, the same object": ({"kubernetes.core.k8s": {"definition": _CONFIG_MAP}}, {}),
    }
    rows = {name: _one(scene, name, task, variables, empty) for name, (task, variables) in kinds.items()}
    ratio(rows["kubernetes.core.k8s, the same object"], rows["ours, one object over TLS, unchanged"])
    ratio(rows["an empty module (ansible.builtin.ping)"], rows["ours, nothing to send"])


def _one(scene: Scene, name: str, task: dict[str, Any], variables: dict[str, Any], empty: Row) -> Row:
    book = playbook(scene.folder / "tasks.json", [{**task, "vars": variables} for _unused in range(TASKS)])
    whole = row(f"{TASKS} x {name}", lambda _unused: scene.play(book))
    each = Row(name, max(whole.seconds - empty.seconds, 1e-4) / TASKS, ())
    print(f"    one task: {each.seconds * 1000:.0f} ms", flush=True)
    return each
