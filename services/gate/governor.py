"""How much may be asked of GitHub now: a rest after trouble and limits, and room for writes, for each installation.

In: what came of requests, the time. Out: seconds to wait. Never here: a request, sleeping.

Limits are counted by installation, and trouble is seldom that of a single repository. So what one entry has learned
holds for all entries of its installation: they wait in the store, and no worker waits with them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_PATIENCE = 3
_REST, _LONGEST_REST = 15.0, 600.0
# GitHub takes 900 points a minute, and a write costs five: 150 a minute and 30 at once stay below that.
_WRITES_A_SECOND, _BURST = 2.5, 30.0
_ROUNDING = 1e-6


@dataclass
class _Installation:
    """What is known of one. ``room`` is how many writes it has left as of ``counted``."""

    failures: int = 0
    closed_until: float = 0.0
    room: float = _BURST
    counted: float = 0.0
    writing: threading.Lock = field(default_factory=threading.Lock)


class Governor:
    """One for all workers of a process. ``whose`` names an installation: an App and an owner. Times are handed in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Installation] = {}

    def rest(self, whose: str, now: float) -> float:
        """Return the seconds until something may be asked, 0 for at once."""
        with self._lock:
            found = self._found(whose)
            _refill(found, now)
            short = 1.0 - found.room
            return max(found.closed_until - now, short / _WRITES_A_SECOND if short > _ROUNDING else 0.0, 0.0)

    def answered(self, whose: str) -> None:
        """Take in that GitHub has answered as it should. A rest that was asked for is taken all the same."""
        with self._lock:
            self._found(whose).failures = 0

    def troubled(self, whose: str, now: float) -> None:
        """Take in that it has not; after some times in a row all wait, longer each time."""
        with self._lock:
            found = self._found(whose)
            found.failures += 1
            if found.failures >= _PATIENCE:
                rest = min(_REST * 2 ** (found.failures - _PATIENCE), _LONGEST_REST)
                found.closed_until = max(found.closed_until, now + rest)

    def limited(self, whose: str, until: float) -> None:
        """Take in that GitHub wants no request before that."""
        with self._lock:
            found = self._found(whose)
            found.closed_until = max(found.closed_until, until)

    @contextlib.contextmanager
    def writing(self, whose: str, now: float) -> Iterator[None]:
        """Let one write at a time through to an installation, and count it."""
        with self._lock:
            found = self._found(whose)
        with found.writing:
            with self._lock:
                _refill(found, now)
                found.room -= 1.0
            yield

    def _found(self, whose: str) -> _Installation:
        return self._known.setdefault(whose.lower(), _Installation())


def _refill(found: _Installation, now: float) -> None:
    found.room = min(_BURST, found.room + max(now - found.counted, 0.0) * _WRITES_A_SECOND)
    found.counted = max(now, found.counted)
