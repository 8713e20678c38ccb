# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening hours and freezes: when may something be deployed, and when next?

In: days, hours of a zone's wall clock, holidays, freezes; a moment. Out: open or not, and when that changes.
Never here: the clock, a file.

Hours are those that a clock on the wall shows. In spring what begins or ends in the hour that is left out does so when
that hour is over; in autumn a range covers the doubled hour twice.
"""

from __future__ import annotations

import functools
import re
import typing as t
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .._core.failure import invalid

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FARTHEST = 400
"""Days ahead in which an opening is looked for; a calendar that is shut for longer never opens."""

_MOST_DAYS = 1000
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24:00))")


@dataclass(frozen=True)
class Hours:
    """A range of a day's wall clock; one that ends before it begins goes on until the next day."""

    begin: time
    end: time | None

    @classmethod
    def parse(cls, text: str, what: str) -> Hours:
        """Return the range of ``09:00-17:30`` or ``22:00-24:00``. Raises Failure(invalid)."""
        found = _HOURS.fullmatch(text)
        if not found:
            raise invalid(what, f"{text!r} is no range of hours", "Write it as 09:00-17:30; a day ends at 24:00")
        begin = time(int(found[1]), int(found[2]))
        end = None if found[5] else time(int(found[3]), int(found[4]))
        if begin == end:
            raise invalid(what, f"{text!r} begins when it ends", "Write 00:00-24:00 for the whole day")
        return cls(begin, None if end == time(0) else end)

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when the range of that day begins and ends, in UTC."""
        last = day if self.end is not None and self.end > self.begin else day + timedelta(days=1)
        begin = _instant(datetime.combine(day, self.begin, zone))
        end = _instant(datetime.combine(last, self.end or time(0), zone).replace(fold=1))
        return begin, end


ALL_DAY = Hours(time(0), None)


@dataclass(frozen=True)
class Calendar:
    """Opening hours. ``holidays`` are shut for the whole day; a range that began on the day before goes on."""

    name: str
    zone: ZoneInfo
    days: frozenset[int] = frozenset(range(7))
    hours: tuple[Hours, ...] = (ALL_DAY,)
    holidays: frozenset[date] = frozenset()

    def is_open(self, now: datetime) -> bool:
        """Return whether it is open at that moment, which must name its zone."""
        return any(begin <= now < end for begin, end in self._ranges(now, 1))

    def opens(self, now: datetime) -> datetime | None:
        """Return the next moment at which it is open, ``now`` itself when it is; None when it never is again."""
        for begin, end in self._ranges(now, FARTHEST):
            if end > now:
                return max(begin, now)
        return None

    def openings(self, begin: datetime, end: datetime) -> t.Iterator[tuple[datetime, datetime]]:
        """Yield when it is open between two moments, for who shows that."""
        for opens, shuts in self._ranges(begin, (end - begin).days + 1):
            if shuts > begin and opens < end:
                yield max(opens, begin), min(shuts, end)

    def _ranges(self, now: datetime, ahead: int) -> t.Iterator[tuple[datetime, datetime]]:
        """Yield the ranges from the day before ``now`` on, by their begin."""
        first = now.astimezone(self.zone).date() - timedelta(days=1)
        for number in range(ahead + 2):
            yield from self._on(first + timedelta(days=number))

    def _on(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """Return the ranges of a day; those of days that were asked for are kept."""
        found = self._days.get(day)
        if found is None:
            shut = day.weekday() not in self.days or day in self.holidays
            ranges = [] if shut else sorted(hours.on(day, self.zone) for hours in self.hours)
            # An empty range: all of it fell into the hour that there was not.
            found = tuple((begin, end) for begin, end in ranges if begin < end)
            if len(self._days) > _MOST_DAYS:
                self._days.clear()
            self._days[day] = found
        return found

    @functools.cached_property
    def _days(self) -> dict[date, tuple[tuple[datetime, datetime], ...]]:
        return {}


@dataclass(frozen=True)
class Freeze:
    """A time without deployments, from its begin until just before its end, both in UTC."""

    name: str
    begin: datetime
    end: datetime
    except_if: t.Any = None
    place: str = ""

    def covers(self, now: datetime) -> bool:
        """Return whether that moment is frozen."""
        return self.begin <= now < self.end


def _instant(shown: datetime) -> datetime:
    """Return when a clock on the wall shows that, in UTC; what none shows is when the hour is left out."""
    first, second = (shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return second if shown.fold else first
    # In the gap the two readings stand on both sides of it.
    early, late = second, first
    offset = early.astimezone(shown.tzinfo).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(shown.tzinfo).utcoffset() == offset:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


def zone(name: str, what: str) -> ZoneInfo:
    """Return the zone of that IANA name. Raises Failure(invalid)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise invalid(what, f"there is no time zone {name!r}", "Name one like Europe/Rome") from error


def weekdays(texts: t.Sequence[str], what: str) -> frozenset[int]:
    """Return the days of ``mon``, ``mon-fri`` or ``fri-mon``, Monday as 0. Raises Failure(invalid)."""
    found: set[int] = set()
    for text in texts:
        first, dash, last = text.lower().partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise invalid(what, f"{text!r} is no day", f"Write {', '.join(DAYS)} or mon-fri")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update(number % 7 for number in range(begin, end + 1 if end >= begin else end + 8))
    return frozenset(found)


def moment(text: str, of: ZoneInfo, what: str, *, end: bool = False) -> datetime:
    """Return a date or a date with time, of that zone unless it names one, in UTC.

    A date alone is the begin of that day, or as an ``end`` the begin of the day after: the last day counts.
    Raises Failure(invalid).
    """
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=int(end))
            return datetime.combine(day, time(0), of).astimezone(UTC)
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(what, f"{text!r} is no date", "Write 2026-12-20 or 2026-12-20T18:00") from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=of)).astimezone(UTC)
