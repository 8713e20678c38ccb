"""Which kinds a set of objects brings with it."""

from __future__ import annotations

from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._kubernetes import order

NAMED: dict[str, Any] = {"kind": "CustomResourceDefinition", "metadata": {"name": "things.example.org"}}
WHOLE = NAMED | {"spec": {"group": "example.org", "names": {"kind": "Thing", "plural": "things"}, "scope": "Cluster"}}


def test_a_definition_brings_its_kind() -> None:
    found = order.custom_kinds([WHOLE])
    assert list(found) == [("example.org", "Thing")]
    row = found["example.org", "Thing"]
    assert (row.plural, row.namespaced) == ("things", False)


def test_a_definition_that_is_to_go_may_be_given_by_its_name_alone() -> None:
    assert order.custom_kinds([NAMED, {"kind": "ConfigMap", "metadata": {"name": "a"}}]) == {}
