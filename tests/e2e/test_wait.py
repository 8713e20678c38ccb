"""Does `kubernetes_objects` wait for what Argo CD does, and tell what it finds?"""

from __future__ import annotations

from tests.e2e.argo import Argo
from tests.e2e.tree import Object, Tree, application, config, deployment


def waiting(item: Object, commit: str, seconds: int) -> Object:
    """A task that applies an application and waits for it."""
    options = {"definition": item, "wait": True, "wait_revision": commit, "wait_timeout": seconds}
    return {"aphex.platform.kubernetes_objects": options}


def test_the_wait_ends_when_argo_cd_has_brought_the_commit(argo: Argo, tree: Tree) -> None:
    name = f"{tree.name}-only"
    tree.part("only", 0, [config(name, color="red"), deployment(name)])
    first = tree.push()
    assert "changed=1" in argo.tasks([waiting(tree.root(), first, 120)])
    assert argo.healthy(tree.name, first)
    assert argo.healthy(tree.application_name("only"), first)
    assert "changed=0" in argo.tasks([waiting(tree.root(), first, 120)])
    tree.part("only", 0, [config(name, color="blue"), deployment(name)])
    tree.part("other", 5, [config(f"{tree.name}-other")])
    second = tree.push()
    assert "changed=0" in argo.tasks([waiting(tree.root(), second, 120)])
    assert argo.healthy(tree.name, second)
    assert argo.healthy(tree.application_name("other"), second)


def test_the_wait_tells_why_a_sync_failed(argo: Argo, tree: Tree) -> None:
    tree.part("only", 0, [deployment(f"{tree.name}-only", selector={"matchLabels": {"app": "somebody-else"}})])
    commit = tree.push()
    spec = tree.root()["spec"]
    spec["source"]["path"] = f"{tree.name}/parts/only"
    code, output = argo.run([waiting(application(tree.name, spec), commit, 30)])
    said = " ".join(output.split())
    assert code != 0
    assert f"ready at {commit}" in said
    assert "OutOfSync, Missing" in said
    assert "the sync failed: one or more objects failed to apply" in said
    assert "`selector` does not match template `labels`" in said
