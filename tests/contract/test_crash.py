"""Killed before and after every single write, and run again: the same state as without the kill (issue: crash).

For each write of each journey there are two tenants. One's process is killed (SIGKILL) before the write is handed on,
the other's after it took effect and before the answer comes back. Both run again with the same input.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.contract import harness, journey
from tests.contract.harness import Bed, Run, Site
from tests.contract.journey import Call, Journey, generated
from tests.contract.verdict import Reference, compare, demand_none
from tests.sandbox.faults import WHEN, Kill

SIDE_BY_SIDE = 12

Say = Callable[[str], None]


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with harness.bed() as made:
        yield made


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def aloud(line: str) -> None:
        with capsys.disabled():
            print(line, file=sys.stderr, flush=True)

    return aloud


@dataclass(frozen=True)
class Point:
    """A moment at which a run is killed."""

    call: Call
    when: str

    def __str__(self) -> str:
        return f"killed {self.when} {self.call}"


@pytest.mark.parametrize("way", journey.JOURNEYS, ids=lambda way: way.name)
def test_a_kill_at_any_write_changes_nothing_in_the_end(bed: Bed, way: Journey, say: Say) -> None:
    reference = Reference.of(bed, way)
    points = [Point(call, when) for call in journey.writes(reference.calls) for when in WHEN]
    sites: dict[Site, str] = {}

    def attempt(point: Point) -> list[str]:
        with way.site(bed, reference.organization) as site:
            sites[site] = str(point)
            return [f"{point}: {text}" for text in _killed(way, site, point)]

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        problems = [text for found in pool.map(attempt, points) for text in found]
    problems += compare(bed, reference, sites)
    say(f"{way.name}: killed at {len(points)} points, before and after each of {len(points) // 2} writes")
    demand_none(problems)


def _killed(way: Journey, site: Site, point: Point) -> list[str]:
    """Run and kill, run again, run once more; return what was not as it should be."""
    old = generated(site)
    started: Future[Run] = Future()
    site.faults.arm(Kill(point.call.nth, point.when, lambda: started.result().kill(), point.call.matches(site)))
    started.set_result(way.start(site))
    if not started.result().ended().killed:
        return ["the write never came"]
    made = generated(site)
    site.clear()
    again = way.go(site)
    if not again.ok:
        return [f"the next run failed: {again.msg}"]
    leaves = way.params(site).get("state") == "absent"
    problems = [] if leaves else [f"{name} was replaced" for name in _replaced(way, old, made, generated(site))]
    site.clear()
    third = way.go(site)
    if not third.ok or third.changed or site.writes():
        problems.append(f"the run after that changed something: {third.msg} {site.writes()}")
    return problems


def _replaced(way: Journey, old: dict[str, str], made: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return what was made once, was there after the kill and is another one now.

    A rotation moves two values on purpose: the coming one to the first place, the first one to the second.
    """
    wanted = dict(made)
    if way is journey.ROTATION:
        coming = wanted.pop(journey.COMING, now[journey.CURRENT])
        if made[journey.CURRENT] == old[journey.CURRENT]:
            wanted[journey.CURRENT] = coming
        wanted[journey.PREVIOUS] = old[journey.CURRENT]
    elif way is journey.ROTATION_ENDS:
        wanted.pop(journey.PREVIOUS, None)
    return [name for name, value in wanted.items() if now.get(name) != value]
