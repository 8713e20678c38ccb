"""Does the real Argo CD keep the cluster as the tree says, in waves that wait, and within its projects?

Argo CD runs as the role `argocd` has installed it: its settings, its projects, its rights. The trees here are small
ones in the form of the platform's; test_platform.py brings the platform itself.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.e2e.argo import Argo, eventually
from tests.e2e.tree import NAMESPACE, SERVER, Object, Tree, application, config, deployment
from tests.sandbox.api import ApiError

CORE, APPS = "/api/v1/namespaces", "/apis/apps/v1/namespaces"
NOWHERE = {"sandbox.example/there-is-none": "true"}


def made_at(argo: Argo, path: str) -> datetime:
    return datetime.fromisoformat(argo.api.get(path)["metadata"]["creationTimestamp"])


# Without the latter its part would be out of sync for ever, and the root would wait for that with everything else.
KEPT = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
}


# --- waves


def test_B17_a_wave_begins_when_the_one_before_is_healthy(argo: Argo, tree: Tree, say: Callable[[str], None]) -> None:
    waves = {"first": 0, "second": 5, "third": 10}
    for name, wave in waves.items():
        tree.part(name, wave, [deployment(f"{tree.name}-{name}", NOWHERE if name == "second" else None)])
    commit = tree.push()
    argo.api.apply(tree.root())
    first, second, third = (tree.application_name(name) for name in waves)

    def waiting() -> bool:
        return f"waiting for healthy state of argoproj.io/Application/{second}" in argo.complaint(tree.name)

    eventually(lambda: argo.complaint(tree.name), waiting)
    assert argo.healthy(first, commit)
    eventually("the second is brought", lambda: argo.state(second) == ("Synced", "Progressing"))
    assert argo.application(third) is None

    node = argo.api.list("/api/v1/nodes")[0]["metadata"]["name"]
    argo.api.patch(f"/api/v1/nodes/{node}", {"metadata": {"labels": NOWHERE}})
    try:
        argo.wait(tree.name, commit)
    finally:
        argo.api.patch(f"/api/v1/nodes/{node}", {"metadata": {"labels": dict.fromkeys(NOWHERE)}})
    begun = {name: made_at(argo, f"{APPS}/{NAMESPACE}/deployments/{tree.name}-{name}") for name in waves}
    say("\nwave  part     its first object")
    for name, wave in waves.items():
        say(f"{wave:4}  {name:8} {begun[name]:%H:%M:%S}")
    assert begun["first"] < begun["second"] < begun["third"]


def test_B17_a_wave_whose_change_was_refused_stops_the_next(argo: Argo, tree: Tree) -> None:
    name = f"{tree.name}-second"
    refused = deployment(name, selector={"matchLabels": {"app": "somebody-else"}})
    tree.part("first", 0, [config(f"{tree.name}-first")])
    tree.part("second", 5, [config(name), refused])
    tree.part("third", 10, [config(f"{tree.name}-third")])
    tree.push()
    argo.api.apply(tree.root())
    second = tree.application_name("second")

    def told() -> bool:
        return "`selector` does not match template `labels`" in argo.complaint(second)

    eventually(lambda: argo.complaint(second), told)
    assert argo.application(tree.application_name("third")) is None
    tree.part("second", 5, [config(name), deployment(name)])
    argo.wait(tree.name, tree.push("Correct the second part"))
    assert argo.healthy(tree.application_name("third"))


def test_B17_an_application_that_cannot_bring_its_change_is_not_healthy(argo: Argo, tree: Tree) -> None:
    """It is healthy as it was before, which upstream's own health of Applications would let pass."""
    name = f"{tree.name}-only"
    tree.part("only", 0, [deployment(name)])
    commit = tree.push()
    argo.api.apply(tree.root())
    argo.wait(tree.name, commit)
    only = tree.application_name("only")
    # The selector of a Deployment is immutable: the API server refuses the change, and what runs stays as it is.
    changed = deployment(name, selector={"matchLabels": {"app": "b"}})
    changed["spec"]["template"]["metadata"]["labels"] = {"app": "b"}
    tree.part("only", 0, [changed])
    tree.push("Change what cannot be changed")
    eventually(lambda: argo.complaint(only), lambda: "field is immutable" in argo.complaint(only))
    sync, health = argo.state(only)
    assert sync != "Synced"
    assert health == "Healthy"
    eventually("the root says so", lambda: argo.state(tree.name)[1] == "Progressing")


def test_B17_an_application_of_which_something_is_missing_is_not_healthy(argo: Argo, tree: Tree) -> None:
    """Argo CD leaves what is Missing out when it adds up a health, which upstream's own health would let pass."""
    tree.part("only", 0, [deployment(f"{tree.name}-only", selector={"matchLabels": {"app": "somebody-else"}})])
    tree.push()
    argo.api.apply(tree.root())
    only = tree.application_name("only")
    eventually(lambda: argo.complaint(only), lambda: "does not match template" in argo.complaint(only))
    assert argo.state(only) == ("OutOfSync", "Missing")
    eventually("the root is brought", lambda: argo.state(tree.name)[0] == "Synced")
    assert argo.state(tree.name) == ("Synced", "Progressing")


# --- the tree is what is


def test_what_was_changed_or_deleted_by_hand_comes_back(argo: Argo, tree: Tree) -> None:
    name = f"{tree.name}-kept"
    tree.part("kept", 0, [config(name, color="red"), deployment(name)])
    commit = tree.push()
    argo.api.apply(tree.root())
    argo.wait(tree.name, commit)
    settings, workload = f"{CORE}/{NAMESPACE}/configmaps/{name}", f"{APPS}/{NAMESPACE}/deployments/{name}"
    uid = argo.api.get(workload)["metadata"]["uid"]
    argo.api.patch(settings, {"data": {"color": "blue"}})
    argo.api.delete(workload)
    eventually("the value is back", lambda: argo.api.get(settings)["data"]["color"] == "red")

    def back() -> bool:
        found = argo.api.find(workload)
        return bool(found and found["metadata"]["uid"] != uid)

    eventually("the Deployment is back", back)
    argo.wait(tree.name)


def test_P7_what_leaves_the_tree_is_pruned_and_a_definition_is_not(argo: Argo, tree: Tree) -> None:
    group = f"{tree.name}.example"
    name = f"things.{group}"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "annotations": KEPT},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    old, stays = config(f"{tree.name}-old"), config(f"{tree.name}-stays")
    tree.part("kinds", 0, [definition, old, stays])
    tree.part("extra", 5, [config(f"{tree.name}-extra")])
    commit = tree.push()
    argo.api.apply(tree.root())
    argo.wait(tree.name, commit)
    tree.part("kinds", 0, [stays])
    tree.drop("extra")
    tree.push("Drop a part, an object and a definition")
    gone = [f"{CORE}/{NAMESPACE}/configmaps/{tree.name}-{what}" for what in ("old", "extra")]
    eventually("what left the tree is gone", lambda: not any(argo.api.exists(path) for path in gone))
    eventually("the application is gone", lambda: argo.application(tree.application_name("extra")) is None)
    assert argo.api.exists(f"{CORE}/{NAMESPACE}/configmaps/{tree.name}-stays")
    argo.wait(tree.name)
    assert argo.api.exists(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    argo.remove(tree.name)
    assert argo.api.exists(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")


# --- projects


def refused(argo: Argo, item: Object) -> str:
    """Why Argo CD does not take an application; waited for."""
    argo.api.apply(item)
    metadata = item["metadata"]
    where = (metadata["name"], metadata["namespace"])
    try:
        return eventually(
            lambda: f"{argo.state(*where)}: {argo.complaint(*where)}",
            lambda: argo.complaint(*where) if "InvalidSpecError" in argo.complaint(*where) else "",
        )
    finally:
        argo.api.remove(item)


def test_P9b_project_default_takes_nothing(argo: Argo, tree: Tree) -> None:
    tree.part("any", 0, [config(f"{tree.name}-any")])
    tree.push()
    said = refused(argo, tree.root(project="default"))
    assert "not permitted in project 'default'" in said
    assert not argo.api.exists(f"{CORE}/{NAMESPACE}/configmaps/{tree.name}-any")


def test_P9b_an_application_outside_of_the_destinations_of_its_project_is_refused(argo: Argo, tree: Tree) -> None:
    tree.part("any", 0, [config(f"{tree.name}-any")])
    tree.push()
    said = refused(argo, tree.root(destination={"server": SERVER, "namespace": "default"}))
    assert "do not match any of the allowed destinations in project 'platform'" in said


def test_P9b_the_platform_takes_from_its_tree_alone(argo: Argo, tree: Tree) -> None:
    source = {"repoURL": "https://git.example.com/other.git", "targetRevision": "main", "path": "."}
    assert "is not permitted in project 'platform'" in refused(argo, tree.root(source=source))


def test_P9b_an_application_of_a_tenant_names_no_project_but_its_own(argo: Argo) -> None:
    argo.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    spec = {
        "project": "platform",
        "source": {"repoURL": argo.repository.url, "targetRevision": "main", "path": "."},
        "destination": {"server": SERVER, "namespace": "argocd"},
    }
    with pytest.raises(ApiError, match="belongs to the project of that name and not to platform"):
        argo.api.apply(application("mine", spec, "shop"))
    taken = application("mine", {**spec, "project": "shop"}, "shop")
    assert "project" in refused(argo, taken)


# --- what is open


def test_S14_redis_answers_nobody_without_its_password(argo: Argo) -> None:
    log = (argo.sandbox.folder / "logs" / "argocd-redis.log").read_text(encoding="utf-8")
    found = re.search(r"port=(\d+)", log)
    assert found
    with socket.create_connection(("127.0.0.1", int(found[1])), timeout=5.0) as redis:
        redis.sendall(b"PING\r\n")
        assert redis.recv(100).startswith(b"-NOAUTH")


def test_S14_the_server_speaks_plain_http_to_the_ingress_alone(argo: Argo) -> None:
    parameters = argo.api.get(f"{CORE}/argocd/configmaps/argocd-cmd-params-cm")["data"]
    path = "/apis/networking.k8s.io/v1/namespaces/argocd/networkpolicies/argocd-server-network-policy"
    [rule] = argo.api.get(path)["spec"]["ingress"]
    assert parameters["server.insecure"] == "true"
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-system"}}}]
    include = {"ansible.builtin.include_role": {"name": "aphex.platform.argocd"}}
    given = {"argocd_domain": "home.local", "argocd_repository": argo.repository.url, "argocd_ingress_namespace": ""}
    code, said = argo.run([include], "--check", **given)
    assert code != 0
    assert "so that nobody else reaches it" in " ".join(said.split())
