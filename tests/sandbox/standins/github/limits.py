"""Rate limits: the primary one by the hour, and secondary ones where a test wants them.

In: who asks, and how. Out: headers, or a refusal. Never here: an endpoint.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.standins.github.answers import SECONDARY, Refused
from tests.sandbox.standins.server import Clock

HOUR, MINUTE = 3600.0, 60.0
WRITE_POINTS = 5


@dataclass
class Limits:
    """``per_hour`` is the primary limit. The secondary ones are off when None: GitHub has 80 contents and 900 points a
    minute, which a test would reach that GitHub would never see."""

    clock: Clock
    per_hour: int = 5000
    contents_per_minute: int | None = None
    points_per_minute: int | None = None
    retry_after: int = 60
    _begun: dict[str, float] = field(default_factory=dict)
    _used: dict[str, int] = field(default_factory=dict)
    _contents: dict[str, deque[float]] = field(default_factory=dict)
    _points: dict[str, deque[float]] = field(default_factory=dict)

    def set(self, **changes: int | None) -> None:
        """Change limits by name, and begin to count anew."""
        for name, value in changes.items():
            if name not in ("per_hour", "contents_per_minute", "points_per_minute", "retry_after"):
                raise ValueError(f"there is no limit {name}")
            setattr(self, name, value)
        for counted in (self._begun, self._used, self._contents, self._points):
            counted.clear()

    def count(self, name: str, writes: bool) -> None:
        """Count a request of that caller. Raises Refused."""
        now = self.clock.now().timestamp()
        if now - self._begun.get(name, 0.0) >= HOUR:
            self._begun[name], self._used[name] = now, 0
        if self._used[name] >= self.per_hour:
            raise Refused(403, f"API rate limit exceeded for {name}.")
        self._used[name] += 1
        if writes:
            self._demand(self._contents.setdefault(name, deque()), self.contents_per_minute, 1, now)
        weight = WRITE_POINTS if writes else 1
        self._demand(self._points.setdefault(name, deque()), self.points_per_minute, weight, now)

    def forgive(self, name: str) -> None:
        """Take the last request back: an answer of 304 costs nothing."""
        self._used[name] -= 1

    def view(self, name: str) -> dict[str, int]:
        begun, used = self._begun.get(name, self.clock.now().timestamp()), self._used.get(name, 0)
        return {
            "limit": self.per_hour,
            "remaining": max(0, self.per_hour - used),
            "reset": int(begun + HOUR),
            "used": used,
        }

    def headers(self, name: str) -> Mapping[str, str]:
        shown: dict[str, Any] = {**self.view(name), "resource": "core"}
        return {f"X-RateLimit-{key.capitalize()}": str(value) for key, value in shown.items()}

    def _demand(self, times: deque[float], most: int | None, weight: int, now: float) -> None:
        while times and now - times[0] >= MINUTE:
            times.popleft()
        if most is not None and len(times) + weight > most:
            raise Refused(403, SECONDARY, headers={"Retry-After": str(self.retry_after)})
        times.extend([now] * weight)
