"""Does the whole platform come up by its tree: one playbook, and Argo CD brings every part, wave by wave?

The control plane, the nodes' answers, Git over HTTP, Argo CD and everything that we write ourselves are real. Releases
that cannot be had here are those of the mirror folder. No program of a pod runs: kwok answers for the nodes, and
`played` for cert-manager, the gateway and the storage.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from tests.e2e.argo import eventually
from tests.e2e.home import Home, Row, application_of

TRAEFIK = "/apis/apps/v1/namespaces/ingress-system/deployments/traefik"
BY_HAND = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "by-hand", "namespace": "pipeline-catalog"},
    "data": {"color": "red"},
}


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
    mark = home.sandbox.audit.mark()
    assert home.play("bootstrap") == 0
    assert [str(request) for request in home.sandbox.audit.product_writes(mark)] == []


def test_what_was_changed_or_deleted_by_hand_comes_back(home: Home) -> None:
    before = home.api.get(TRAEFIK)
    home.api.patch(TRAEFIK, {"spec": {"replicas": before["spec"]["replicas"] + 3}})
    eventually(
        "as many replicas as in the tree",
        lambda: home.api.get(TRAEFIK)["spec"]["replicas"] == before["spec"]["replicas"],
    )
    home.api.delete(TRAEFIK)

    def back() -> bool:
        found = home.api.find(TRAEFIK)
        return bool(found and found["metadata"]["uid"] != before["metadata"]["uid"])

    eventually("the Deployment is back", back)
    home.argo.wait(application_of("ingress_controller"))


def test_what_leaves_the_tree_leaves_the_cluster(home: Home) -> None:
    catalog, path = application_of("catalog"), home.api.path_of(BY_HAND)
    home.argo.wait(catalog, home.put_by_hand("catalog", BY_HAND))
    assert home.api.exists(path)
    commit = home.tree.revert()
    home.look("catalog")
    home.argo.wait(catalog, commit)
    assert not home.api.exists(path)
