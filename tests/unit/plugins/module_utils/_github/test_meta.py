"""GitHub's address ranges: an answer that is empty, shrunken or absurd is refused (E15)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from tests.unit.plugins.module_utils._github.conftest import World

BEFORE = ["192.30.252.0/22", "2a0a:a440::/29"]


def _ranges(world: World, previous: Any = (), minimum: int = 1, shrink: bool = False, **given: Any) -> dict[str, Any]:
    return GitHub(world.client(**given)).hook_ranges(previous, minimum, shrink)


def test_the_ranges_are_sorted_and_parted_by_version(world: World) -> None:
    found = _ranges(world, BEFORE)
    assert found["hooks"] == [*found["ipv4"], *found["ipv6"]]
    assert found["ipv6"] == ["2a0a:a440::/29"]
    assert found["added"] == ["140.82.112.0/20", "143.55.64.0/20", "185.199.108.0/22"]
    assert found["removed"] == []


def test_nobody_needs_credentials_for_them(world: World) -> None:
    assert _ranges(world, token=None)["hooks"]
    assert "authorization" not in world.standin.log.entries()[0].headers


def test_a_range_that_is_gone_is_refused_unless_allowed(world: World) -> None:
    previous = [*BEFORE, "198.51.100.0/24"]
    with pytest.raises(Failure) as caught:
        _ranges(world, previous)
    assert caught.value.kind is Kind.REFUSED
    assert "198.51.100.0/24" in caught.value.sentence()
    assert _ranges(world, previous, shrink=True)["removed"] == ["198.51.100.0/24"]


def test_a_range_that_lies_within_a_wider_one_is_not_gone(world: World) -> None:
    assert _ranges(world, ["192.30.252.0/24"])["removed"] == []


@pytest.mark.parametrize("ranges", [[], ["0.0.0.0/0"], ["::/0"], ["4.0.0.0/6"], ["somewhere"], ["192.0.2.1/24"]])
def test_an_empty_or_absurd_answer_is_refused(world: World, ranges: list[str]) -> None:
    world.standin.directory.set_hook_ranges(ranges)
    with pytest.raises(Failure) as caught:
        _ranges(world)
    assert caught.value.kind is Kind.REFUSED


def test_fewer_than_wanted_are_refused(world: World) -> None:
    with pytest.raises(Failure) as caught:
        _ranges(world, minimum=6)
    assert "5 ranges, 6 are wanted" in caught.value.sentence()


def test_e15_an_enterprise_server_has_none(world: World) -> None:
    client: Client = world.client(url=f"{world.standin.url}/api/v3")
    with pytest.raises(Failure) as caught:
        GitHub(client).hook_ranges([], 1, False)
    assert "Enterprise Server has none" in caught.value.sentence()


@pytest.mark.parametrize(("previous", "minimum"), [(["somewhere"], 1), ([], 0)])
def test_what_cannot_be_meant_is_refused_before_any_request(world: World, previous: list[str], minimum: int) -> None:
    with pytest.raises(Failure) as caught:
        _ranges(world, previous, minimum)
    assert caught.value.kind is Kind.INVALID
    assert world.standin.log.entries() == []
