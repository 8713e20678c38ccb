"""Kills at every so many points come to each point sooner or later, and to the same ones again by the same seed."""

from __future__ import annotations

import pytest

from tests.contract import pace

POINTS = list(range(10))


def test_every_point_is_reached_by_some_seed_and_each_by_the_pace_1(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    for seed in range(50):
        monkeypatch.setattr(pace, "SEED", seed)
        taken.append(pace.some(POINTS, 3, "name"))
        assert pace.some(POINTS, 3, "name") == taken[-1]
        assert pace.some([1], 3, "name") == [1]
    assert {len(points) for points in taken} == {3, 4}
    assert sorted({point for points in taken for point in points}) == POINTS
    monkeypatch.setattr(pace, "PACE", 1)
    assert pace.some(POINTS, 3) == POINTS
