"""Facts: what nobody looked up is unknown, and what a delivery leaves out is missing."""

from __future__ import annotations

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import (
    RUN,
    Facts,
    Need,
    Unknown,
    deployments,
    members,
)
from tests.unit.plugins.module_utils._gate.world import NOW, pending


@pytest.mark.parametrize("need", [RUN, members("acme/release"), deployments("a of b"), Need("http", '{"url": "x"}')])
def test_a_need_is_written_down_and_read_again(need: Need) -> None:
    assert Need.from_text(str(need)) == need


def test_what_nobody_looked_up_or_answered_is_unknown_and_not_missing() -> None:
    for facts in (Facts(pending()), Facts(pending(), {RUN: None})):
        found = facts.get(RUN)
        assert isinstance(found, Unknown)
        assert not found.missing


def test_unknown_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match="neither true nor false: timed out"):
        bool(Unknown("timed out"))


def test_what_the_delivery_leaves_out_is_not_in_the_view() -> None:
    view = Facts(pending(sha=None, payload={"organization": None})).view()
    assert {"sha", "organization", "sender"}.isdisjoint(view)
    assert view["environment"] == "production"
    assert isinstance(view["run"], Unknown)


def test_it_began_to_wait_when_github_says_so_else_when_the_gate_heard_of_it() -> None:
    assert pending(received=1.0).begun == NOW.timestamp() - 600
    assert pending(created_at=None, received=1.0).begun == 1.0
    assert pending(created_at=None).begun is None
