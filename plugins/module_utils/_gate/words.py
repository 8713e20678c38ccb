# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small words of a policy: one or several texts, a time like ``1h30m``, a pattern of names.

In: what stands in a file. Out: values. Never here: a schema of more than one word.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass
from datetime import timedelta

from .._core.failure import invalid

DURATION: t.Final = {"type": "string", "pattern": "^([0-9]{1,5}[smhd]){1,4}$"}
"""The JSON schema of a time."""
REGEX: t.Final = "regex:"
"""What a pattern begins with that is a regular expression and no glob."""

_PART = re.compile(r"([0-9]+)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_GLOB = re.compile(r"[*?\[]")


def duration(text: str) -> timedelta:
    """Return the time of ``29d``, ``1h30m`` or ``45s``."""
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def spoken(time: timedelta) -> str:
    """Return a time as people write it in a policy, such as ``1h30m``."""
    rest, parts = int(time.total_seconds()), []
    for unit, seconds in reversed(_UNITS.items()):
        number, rest = divmod(rest, seconds)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def texts(value: str | t.Sequence[str] | None) -> tuple[str, ...]:
    """Return one text or several as a tuple."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True)
class Patterns:
    """Several patterns of names, compiled: one fits when the whole name is it, without regard to case."""

    given: tuple[str, ...]
    names: frozenset[str]
    others: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, given: t.Sequence[str], what: str) -> Patterns:
        """Return the patterns of globs and ``regex:…``. Raises Failure(invalid)."""
        plain = {text.lower() for text in given if not text.startswith(REGEX) and not _GLOB.search(text)}
        others = [_compiled(text, what) for text in given if text.startswith(REGEX) or _GLOB.search(text)]
        return cls(tuple(given), frozenset(plain), tuple(others))

    def fit(self, name: str) -> bool:
        """Return whether one of them fits."""
        return name.lower() in self.names or any(pattern.fullmatch(name) for pattern in self.others)


def regex(text: str, what: str, flags: int = 0) -> re.Pattern[str]:
    """Return a regular expression. Raises Failure(invalid)."""
    try:
        return re.compile(text, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise invalid(what, f"{text[:80]!r} is no regular expression: {error}", "Correct it") from error


def _compiled(text: str, what: str) -> re.Pattern[str]:
    source = text.removeprefix(REGEX) if text.startswith(REGEX) else fnmatch.translate(text)
    return regex(source, what, re.IGNORECASE)
