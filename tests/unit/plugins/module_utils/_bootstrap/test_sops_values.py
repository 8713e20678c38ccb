"""Which value counts when the tree, the cluster and nobody has one, and what a Secret of the tree looks like."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap import secret_objects as objects
from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.secret_spec import from_params
from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.sops_values import (
    Row,
    Wanted,
    check_sources,
    path_of,
    places,
    wanted,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import Object

TREE, CLUSTER, GIVEN = (Sensitive(text).base64() for text in ("of the tree", "of the cluster", "given"))
KEY = objects.key_of("auth-system", "login")
PATH = "secrets/auth-system/login.enc.yaml"


def row(*keys: dict[str, Any], name: str = "login", **more: Any) -> Row:
    params = {
        "namespace": "auth-system",
        "name": name,
        "state": "present",
        "type": "Opaque",
        "labels": {},
        "keys": list(keys) or [{"name": "made"}],
        "rotate": {},
        "copies": [],
        "authority": None,
        **more,
    }
    return Row(from_params(params))


def secret(value: Sensitive, versions: str = "") -> Object:
    metadata = {"namespace": "auth-system", "name": "login"}
    annotations = {"annotations": {objects.VERSIONS: versions}} if versions else {}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, **annotations}, "data": {"made": value}}


def value(found: list[Wanted], name: str = "made") -> Any:
    return found[0].document["data"][name]


def test_the_tree_counts_then_the_cluster_then_chance() -> None:
    rows = [row()]
    assert value(wanted(rows, {PATH: secret(TREE)}, {KEY: secret(CLUSTER)})) == TREE
    assert value(wanted(rows, {}, {KEY: secret(CLUSTER)})) == CLUSTER
    one, other = value(wanted(rows, {}, {})), value(wanted(rows, {}, {}))
    assert one != other
    assert len(one.decoded()) == 44


def test_an_empty_value_is_none() -> None:
    assert value(wanted([row()], {PATH: secret(Sensitive(""))}, {KEY: secret(CLUSTER)})) == CLUSTER


@pytest.mark.parametrize(("asked", "new", "recorded"), [(1, False, 2), (2, False, 2), (3, True, 3)])
def test_a_value_is_made_anew_when_its_number_is_raised(asked: int, new: bool, recorded: int) -> None:
    found = wanted([row(rotate={"made": asked})], {PATH: secret(TREE, '{"made": 2}')}, {})
    assert (value(found) != TREE) is new
    assert objects.versions_of(found[0].document) == {"made": recorded}


def test_a_rotation_that_reached_the_cluster_and_not_the_tree_is_taken_up() -> None:
    lives = {KEY: secret(CLUSTER, '{"made": 2}')}
    found = wanted([row(rotate={"made": 2})], {PATH: secret(TREE)}, lives)
    assert value(found) == CLUSTER
    assert objects.versions_of(found[0].document) == {"made": 2}
    assert value(wanted([row(rotate={"made": 2})], {PATH: secret(TREE, '{"made": 2}')}, lives)) == TREE


def test_what_is_given_counts_over_the_tree_and_what_must_be_equal_is() -> None:
    source = {"namespace": "auth-system", "name": "login", "key": "made"}
    copies = [{"namespace": "argocd", "name": "copy", "keys": {"made": "same"}, "labels": {}, "type": "Opaque"}]
    rows = [
        row({"name": "made"}, {"name": "told", "value": Sensitive("given")}, copies=copies),
        row({"name": "equal", "from_secret": source}, name="other"),
    ]
    login, copy, other = wanted(rows, {PATH: secret(TREE)}, {})
    assert login.document["data"] == {"made": TREE, "told": GIVEN}
    assert copy.document["data"] == {"same": TREE}
    assert other.document["data"] == {"equal": TREE}
    assert copy.path == "secrets/argocd/copy.enc.yaml"


def test_argo_cd_never_takes_a_secret_away() -> None:
    [found] = wanted([row()], {}, {})
    annotations = found.document["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    assert found.owner.owns(found.document)


def test_each_place_has_a_file_of_its_own_and_stands_once() -> None:
    assert path_of(objects.key_of("a-b", "c")) != path_of(objects.key_of("a", "b-c"))
    assert places([row(), row(name="other")]) == [KEY, objects.key_of("auth-system", "other")]
    with pytest.raises(Failure, match="twice"):
        places([row(), row()])


@pytest.mark.parametrize("key", ["none", "equal"])
def test_a_source_stands_above_what_takes_it(key: str) -> None:
    equal = {"name": "equal", "from_secret": {"namespace": "auth-system", "name": "login", "key": key}}
    with pytest.raises(Failure, match="above it"):
        check_sources([row(equal), row(name="other")])
