"""At which of many points a run is killed: at each of them, or at every so many, from a beginning that chance picks.

In: the points, and two settings. APHEX_KILL_PACE=1 takes each point (2 every second one, and so on); without it, every
so many as the test says. APHEX_KILL_SEED is a number that an earlier run has printed, and picks what that one did.
Out: some of the points, and the seed. Never here: a kill.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

PACE = int(os.environ.get("APHEX_KILL_PACE", "0"))
SEED = int(os.environ.get("APHEX_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)


def some(points: Sequence[T], every: int, name: str = "") -> list[T]:
    """Return every so many of the points, at least one; where they begin differs from name to name and run to run."""
    step = PACE or every
    first = random.Random(f"{SEED} {name}").randrange(min(step, len(points)))
    return list(points[first::step])
