"""The product that lets time pass."""

from __future__ import annotations

from ansible_collections.aphex.platform.plugins.module_utils._clock import Clock, Pause
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime, reconcile


class Watch:
    """A clock that goes on by what is slept."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def run(watch: Watch, *pauses: Pause, check: bool = False) -> bool:
    clock = Clock(Runtime(now=lambda: watch.now, check=check), watch.sleep)
    outcome = reconcile(
        Declared(pauses, {"clock": clock}), {"clock": clock}, Runtime(now=lambda: watch.now, check=check)
    )
    return outcome.plan.changed


def test_a_moment_that_has_passed_costs_nothing() -> None:
    watch = Watch()
    assert not run(watch, Pause(99.0, "the past"), Pause(100.0, "now"))
    assert watch.slept == []


def test_only_what_is_left_is_waited_for_and_it_is_no_change() -> None:
    watch = Watch()
    assert not run(watch, Pause(103.0, "three seconds"), Pause(104.0, "one more"))
    assert watch.slept == [3.0, 1.0]


def test_check_mode_waits_for_nothing() -> None:
    watch = Watch()
    run(watch, Pause(200.0, "long"), check=True)
    assert watch.slept == []
