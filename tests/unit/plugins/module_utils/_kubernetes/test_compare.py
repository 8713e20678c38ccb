"""A field that was dropped is seen, wherever it stood, so that the server is asked."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._kubernetes import compare

MANAGER = "tester"
PEER: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"a": "b"}}}
WANTED: dict[str, Any] = {"spec": {"podSelector": {"matchLabels": {"a": "b"}}, "ingress": [{"from": [PEER]}]}}
FIELDS: dict[str, Any] = {"f:spec": {"f:ingress": {}, "f:podSelector": {}}}


def live(wanted: dict[str, Any]) -> dict[str, Any]:
    entry = {"manager": MANAGER, "operation": "Apply", "fieldsV1": FIELDS}
    return {"metadata": {"managedFields": [entry]}, **copy.deepcopy(wanted)}


def test_what_is_as_wanted_is_settled() -> None:
    assert compare.covers(live(WANTED), WANTED)
    assert not compare.forgotten(live(WANTED), WANTED, MANAGER, "")


@pytest.mark.parametrize(
    "less",
    [
        {"spec": {**WANTED["spec"], "ingress": [{"from": [{"namespaceSelector": {}}]}]}},
        {"spec": {**WANTED["spec"], "ingress": [{}]}},
        {"spec": {"ingress": WANTED["spec"]["ingress"]}},
    ],
)
def test_what_was_dropped_inside_a_list_that_is_owned_as_a_whole_is_seen(less: dict[str, Any]) -> None:
    assert compare.forgotten(live(WANTED), less, MANAGER, "")


def test_a_field_of_somebody_else_is_not_ours_to_miss() -> None:
    assert not compare.forgotten(live(WANTED), {"spec": {}}, "another", "")
