# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When to try again.

In: how often it was tried and what the answer's headers said. Out: seconds to wait, or None when it is enough.
Never here: sleeping.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

ATTEMPTS = 5
TOTAL_WAIT = 60.0


@dataclass(frozen=True)
class Backoff:
    """Exponential delays with jitter, bounded in number, in each delay and in all of them together (seconds)."""

    attempts: int = ATTEMPTS
    first: float = 0.25
    longest: float = 8.0
    total: float = TOTAL_WAIT

    def delay(self, attempt: int, waited: float, retry_after: float | None = None) -> float | None:
        """Return the seconds to wait after failed attempt number ``attempt`` (from 1), or None to give up.

        A server's Retry-After is honoured as it stands; one that would exceed the budget ends the retries.
        """
        if attempt >= self.attempts:
            return None
        if retry_after is not None:
            delay = max(0.0, retry_after)
        else:
            delay = min(self.longest, self.first * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)
        return None if waited + delay > self.total else delay


def parse_retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header; a date or nonsense is None, so the ordinary delay applies."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        return None
