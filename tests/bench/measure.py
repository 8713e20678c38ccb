"""Times commands, and prints what they took beside each other.

In: commands as argument lists. Out: seconds, rows, ratios. Never here: a judgement.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


class Failed(RuntimeError):
    """A timed command ended with an error; the text is the end of what it printed."""


@dataclass(frozen=True)
class Row:
    """One figure: what was done, its median in seconds, and all runs."""

    what: str
    seconds: float
    runs: tuple[float, ...]


def timed(command: Sequence[str], env: Mapping[str, str]) -> float:
    """Run a command and return its seconds. Raises Failed when it fails."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=CHECKOUT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise Failed(f"{' '.join(command)}\n{(done.stdout + done.stderr)[-3000:]}")
    return seconds


def row(what: str, once: Callable[[int], float], runs: int = 3) -> Row:
    """Time something several times; it gets the number of the run, so that each can work on names of its own."""
    seconds = tuple(once(number) for number in range(runs))
    answer = Row(what, statistics.median(seconds), seconds)
    print(f"  {what:<66} {answer.seconds:8.2f} s   ({', '.join(f'{item:.2f}' for item in seconds)})", flush=True)
    return answer


def ratio(slower: Row, faster: Row) -> None:
    """Print how many times faster the second one was."""
    print(f"    {slower.what} / {faster.what} = {slower.seconds / faster.seconds:.1f}", flush=True)


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}", flush=True)
