# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holidays of a calendar file (ICS), such as public sites offer for each country.

In: the text of a file. Out: the days that its events cover, with every repetition. Never here: a file.
"""

from __future__ import annotations

import re
import typing as t
from datetime import date, datetime, timedelta

from .._core.failure import Failure, Kind, invalid

try:
    import icalendar
    import recurring_ical_events
except ImportError:
    icalendar = None  # type: ignore[assignment]

FIRST, LAST = date(2020, 1, 1), date(2060, 1, 1)
_MOST_DAYS = 10_000
_LARGEST = 1024 * 1024
_OFTEN = re.compile(r"FREQ\s*=\s*(SECONDLY|MINUTELY|HOURLY)", re.IGNORECASE)


def days(text: str, what: str) -> frozenset[date]:
    """Return every day of every event from 2020 until 2060. Raises Failure(invalid) for a text that is no calendar."""
    if icalendar is None:
        raise Failure(
            Kind.MISSING,
            tried="loading the Python library recurring-ical-events",
            said="it is not installed here",
            remedy="Install it for the Python that runs this: pip install recurring-ical-events",
        )
    # Unfolded, as a reader of the format sees it: a line may go on in the next one.
    if len(text) > _LARGEST or _OFTEN.search(re.sub(r"\r?\n[ \t]", "", text)):
        raise invalid(what, "it is larger than 1 MiB, or repeats more than daily", "Give holidays alone")
    try:
        events = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(FIRST, LAST)
        found = {day for event in events for day in _covered(event)}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise invalid(what, f"it is no calendar ({type(error).__name__})", "Give an iCalendar file (ICS)") from error
    if len(found) > _MOST_DAYS:
        raise invalid(what, f"it names more than {_MOST_DAYS} days", "Give holidays alone")
    return frozenset(found)


def _covered(event: t.Any) -> t.Iterator[date]:
    begin, end = event.start, event.end
    first = begin.date() if isinstance(begin, datetime) else begin
    # The end is the first moment, or the first day, that it does not cover.
    last = (end - timedelta(microseconds=1)).date() if isinstance(end, datetime) else end - timedelta(days=1)
    for number in range(max((last - first).days, 0) + 1):
        yield first + timedelta(days=number)
