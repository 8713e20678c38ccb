"""Modules that stand alone, killed at every write and struck at every call: the same state as without, nothing twice.

In: the cases that say what all of their thing is. Out: a run after a kill, or after a fault that lasted, goes on where
that one stopped; a fault that strikes once is overcome, or ends in a sentence. Never here: a module's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import pytest

from tests.contract import alone, harness, journey
from tests.contract.alone import CASES, Scene, Way
from tests.contract.case import Case
from tests.contract.harness import Ended, Run, Runner, Say, patience
from tests.contract.journey import Call
from tests.contract.strikes import Strikes, comes_again
from tests.contract.verdict import demand_none, unclear
from tests.sandbox.faults import KINDS, WHEN, Fault, Kill, Matcher
from tests.sandbox.sandbox import Sandbox

SIDE_BY_SIDE = 8


@dataclass(frozen=True)
class Bed:
    """A cluster with the platform on it, and the process that forks runs."""

    sandbox: Sandbox
    runner: Runner
    known: dict[str, dict[Way, Reference]] = field(default_factory=dict)
    """The undisturbed ways of each case: they are gone once, and each test compares with them."""


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with harness.joined() as sandbox, harness.runner([case.module for case in CASES]) as forking:
        yield Bed(sandbox, forking)


@dataclass(frozen=True)
class Reference:
    """A way that nobody disturbed: its calls, and what was there in the end."""

    way: Way
    calls: list[Call]
    whole: Any

    @classmethod
    def of(cls, bed: Bed, way: Way) -> Reference:
        """Go the way, and see that a second run changes nothing."""
        with alone.scene(way, bed.sandbox, bed.runner) as scene:
            first = scene.run()
            assert first.ok, f"{way}: {first.msg}"
            calls = scene.calls()
            assert _is_settled(scene) == [], way
            return cls(way, journey.without_polls(calls), scene.whole())


def _is_settled(scene: Scene) -> list[str]:
    """Run once more; return what it changes, which must be nothing."""
    scene.clear()
    ended = scene.run()
    if ended.ok and not ended.changed and not scene.writes():
        return []
    return [f"the run after that changed something: {ended.msg} {scene.writes()}"]


@dataclass(frozen=True)
class Disturbance:
    """What happens to one run: it is killed, or struck by faults."""

    way: Way
    label: str
    happens: Callable[[Scene], tuple[Ended, list[str]]]


def _converges(bed: Bed, references: dict[Way, Reference], disturbed: Disturbance) -> list[str]:
    """Disturb a run, run again, run once more; return what was not as it should be."""
    with alone.scene(disturbed.way, bed.sandbox, bed.runner) as scene:
        first, problems = disturbed.happens(scene)
        scene.clear()
        if not first.ok:
            again = scene.run()
            if not again.ok:
                problems.append(f"the next run failed: {again.msg}")
        problems += _is_settled(scene)
        whole, wanted = scene.whole(), references[disturbed.way].whole
        if whole != wanted:
            problems.append(f"there is {whole} in place of {wanted}")
    return [f"{disturbed.way}: {disturbed.label}: {text}" for text in problems]


def _references(bed: Bed, case: Case) -> dict[Way, Reference]:
    if case.module not in bed.known:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            found = pool.map(lambda way: Reference.of(bed, way), alone.ways(case))
            bed.known[case.module] = {reference.way: reference for reference in found}
    return bed.known[case.module]


def _all(bed: Bed, references: dict[Way, Reference], disturbances: list[Disturbance]) -> list[str]:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = pool.map(lambda disturbed: _converges(bed, references, disturbed), disturbances)
        return [text for problems in found for text in problems]


def _matches(scene: Scene, call: Call) -> Matcher:
    return lambda method, path: (method, scene.in_words(path)) == (call.method, call.path)


@pytest.mark.parametrize("case", CASES, ids=[case.module for case in CASES])
def test_a_kill_at_any_write_changes_nothing_in_the_end(bed: Bed, case: Case, say: Say) -> None:
    references = _references(bed, case)
    points = [
        (way, call, when)
        for way, reference in references.items()
        for call in journey.writes(reference.calls)
        for when in WHEN
    ]
    kills = [Disturbance(way, f"killed {when} {call}", _killed(call, when)) for way, call, when in points]
    problems = _all(bed, references, kills)
    say(f"{case.module}: killed at {len(points)} points of {len(points) // 2} writes in {len(references)} ways")
    assert points
    demand_none(problems)


def _killed(call: Call, when: str) -> Callable[[Scene], tuple[Ended, list[str]]]:
    def happens(scene: Scene) -> tuple[Ended, list[str]]:
        started: Future[Run] = Future()
        scene.faults.arm(Kill(call.nth, when, lambda: started.result().kill(), _matches(scene, call)))
        started.set_result(scene.start())
        ended = started.result().ended()
        return ended, [] if ended.killed else ["the write never came"]

    return happens


@pytest.mark.parametrize("case", CASES, ids=[case.module for case in CASES])
def test_a_fault_at_any_call_is_overcome_by_the_same_run(bed: Bed, case: Case, say: Say) -> None:
    references = _references(bed, case)
    struck: set[tuple[Way, str, Call]] = set()

    def all_of(kind: str, way: Way) -> Callable[[Scene], tuple[Ended, list[str]]]:
        def happens(scene: Scene) -> tuple[Ended, list[str]]:
            strikes = Strikes(scene.in_words, frozenset(references[way].calls), comes_again(kind))
            scene.faults.arm(Fault(kind, match=strikes, times=None))
            ended = scene.run(patience(kind))
            struck.update((way, kind, call) for call in strikes.struck)
            return ended, [] if ended.ok else [ended.msg]

        return happens

    faults = [Disturbance(way, f"{kind} once at each call", all_of(kind, way)) for way in references for kind in KINDS]
    problems = _all(bed, references, faults)
    # How often a loop reads that waits is chance; the first time is none.
    wanted = [
        (way, kind, call)
        for way, reference in references.items()
        for kind in KINDS
        for call in reference.calls
        if call.writes or call.nth == 1
    ]
    problems += [f"{way}: {kind} never struck {call}" for way, kind, call in wanted if (way, kind, call) not in struck]
    say(f"{case.module}: {len(struck)} combinations of a call and a fault in {len(faults)} runs")
    demand_none(problems)


@pytest.mark.parametrize("case", CASES, ids=[case.module for case in CASES])
def test_a_fault_that_lasts_ends_in_a_sentence_and_the_next_run_converges(bed: Bed, case: Case, say: Say) -> None:
    references = _references(bed, case)
    known: set[str] = set()
    faults: list[Disturbance] = []
    for way, reference in references.items():
        families = sorted({call.family for call in reference.calls} - known)
        known.update(families)
        reads = [family for family in families if family.startswith("GET")]
        pairs = [*zip(reads, cycle(KINDS), strict=False)]
        pairs += [(family, kind) for family in families if family not in reads for kind in KINDS]
        faults += [Disturbance(way, f"{kind} at every {family}", _lasting(kind, family)) for family, kind in pairs]
    problems = _all(bed, references, faults)
    say(f"{case.module}: {len(faults)} combinations of a family of calls and a fault that lasts")
    demand_none(problems)


def _lasting(kind: str, family: str) -> Callable[[Scene], tuple[Ended, list[str]]]:
    def happens(scene: Scene) -> tuple[Ended, list[str]]:
        def matches(method: str, path: str) -> bool:
            return Call(scene.in_words(path), method).family == family

        scene.faults.arm(Fault(kind, match=matches, times=None))
        ended = scene.run(patience(kind))
        problems = [] if scene.faults.struck() else ["never struck"]
        if kind == "lost" and ended.ok:
            # What was made although its answer was lost is found by looking.
            return ended, problems
        return ended, problems + unclear(ended)

    return happens
