# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A product that lets time pass: something else may go on only from a moment on.

In: a Pause. Out: a wait, if its moment is still to come. Never here: a poll; what can be asked is asked by its product.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ._core.plan import Step
from ._core.reconcile import Runtime


@dataclass(frozen=True)
class Pause:
    """Nothing further before ``until`` (seconds since 1970); ``why`` is what the wait is for, for people."""

    until: float
    why: str
    present: bool = True

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "clock"

    @property
    def title(self) -> str:
        """What people call it in messages."""
        return self.why


class Clock:
    """Waits; sends nothing."""

    name = "clock"

    def __init__(self, runtime: Runtime, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self._runtime = runtime
        self._sleep = sleep

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Clock:
        """Return a handle; there is nothing to connect to."""
        return cls(runtime)

    def plan(self, desired: Pause) -> list[Step]:
        """Return the wait, or nothing when its moment has passed."""
        if self._runtime.now() >= desired.until:
            return []
        return [Step("clock", "wait", desired.why, desired, condition="its time")]

    def perform(self, step: Step) -> None:
        """Let the time pass; a wait before it may have used up some of it."""
        left = step.desired.until - self._runtime.now()
        if left > 0:
            self._runtime.progress(f"waiting {left:.0f} s: {step.target}")
            self._sleep(left)

    def result(self, desired: Pause) -> t.Any:
        """Return nothing: there is nothing to know."""
        return None
