"""Calendars: open and shut to the second, also on the days on which clocks are put forward and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._gate import holidays
from ansible_collections.aphex.platform.plugins.module_utils._gate.calendar import (
    Calendar,
    Freeze,
    Hours,
    moment,
    weekdays,
    zone,
)
from tests.unit.plugins.module_utils._gate.world import FUZZ

ROME, NEW_YORK = ZoneInfo("Europe/Rome"), ZoneInfo("America/New_York")
SECOND = timedelta(seconds=1)


def _calendar(*hours: str, of: ZoneInfo = ROME, days: str = "mon-sun", closed: tuple[str, ...] = ()) -> Calendar:
    return Calendar(
        name="c",
        zone=of,
        days=weekdays([days], "p"),
        hours=tuple(Hours.parse(text, "p") for text in hours),
        holidays=frozenset(map(date.fromisoformat, closed)),
    )


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("of", "hours", "begin", "end"),
    [
        # Rome, 29 March 2026: at 02:00 clocks show 03:00 (01:00 UTC). 25 October: at 03:00 they show 02:00 again.
        (ROME, "01:00-05:00", "2026-03-29T00:00", "2026-03-29T03:00"),
        (ROME, "02:30-05:00", "2026-03-29T01:00", "2026-03-29T03:00"),
        (ROME, "01:00-02:30", "2026-03-29T00:00", "2026-03-29T01:00"),
        (ROME, "09:00-17:00", "2026-03-29T07:00", "2026-03-29T15:00"),
        (ROME, "00:00-24:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        (ROME, "02:30-05:00", "2026-10-25T00:30", "2026-10-25T04:00"),
        (ROME, "01:00-02:30", "2026-10-24T23:00", "2026-10-25T01:30"),
        (ROME, "00:00-24:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        # New York, 8 March 2026: at 02:00 (07:00 UTC). 1 November: at 02:00 they show 01:00 again.
        (NEW_YORK, "02:30-05:00", "2026-03-08T07:00", "2026-03-08T09:00"),
        (NEW_YORK, "01:00-02:30", "2026-03-08T06:00", "2026-03-08T07:00"),
        (NEW_YORK, "09:00-17:00", "2026-03-08T13:00", "2026-03-08T21:00"),
        (NEW_YORK, "01:30-05:00", "2026-11-01T05:30", "2026-11-01T10:00"),
        (NEW_YORK, "00:30-01:30", "2026-11-01T04:30", "2026-11-01T06:30"),
        (NEW_YORK, "09:00-17:00", "2026-11-01T14:00", "2026-11-01T22:00"),
    ],
)
def test_a_day_on_which_clocks_change_is_open_as_a_clock_on_the_wall_shows(
    of: ZoneInfo, hours: str, begin: str, end: str
) -> None:
    first, last = _utc(begin), _utc(end)
    day = first.astimezone(of).date()
    calendar = Calendar("c", of, frozenset([day.weekday()]), (Hours.parse(hours, "p"),))
    assert [calendar.is_open(moment) for moment in (first - SECOND, first, last - SECOND, last)] == [
        False,
        True,
        True,
        False,
    ]
    assert calendar.opens(first - timedelta(hours=3)) == first


def test_a_range_that_lies_in_the_hour_left_out_does_not_open_that_day() -> None:
    calendar = _calendar("02:10-02:50")
    assert calendar.opens(_utc("2026-03-28T23:30")) == _utc("2026-03-30T00:10")


def test_a_range_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    calendar = _calendar("22:00-02:00", of=ZoneInfo("UTC"), days="fri")
    friday = _utc("2026-06-12T22:00")
    assert not calendar.is_open(_utc("2026-06-12T01:00"))
    assert calendar.is_open(friday)
    assert calendar.is_open(_utc("2026-06-13T01:59:59"))
    assert not calendar.is_open(_utc("2026-06-13T02:00"))
    assert calendar.opens(_utc("2026-06-13T02:00")) == friday + timedelta(days=7)


def test_a_holiday_is_shut_and_what_began_before_it_goes_on() -> None:
    calendar = _calendar("22:00-02:00", of=ZoneInfo("UTC"), closed=("2026-06-13",))
    assert calendar.is_open(_utc("2026-06-13T01:00"))
    assert not calendar.is_open(_utc("2026-06-13T22:00"))
    assert not calendar.is_open(_utc("2026-06-14T01:00"))


def test_a_calendar_that_is_shut_for_ever_says_so() -> None:
    assert _calendar("09:00-10:00", days="mon").opens(_utc("2026-06-09T00:00")) == _utc("2026-06-15T07:00")
    never = Calendar("c", ROME, frozenset())
    assert never.opens(_utc("2026-06-09T00:00")) is None


@FUZZ
@given(
    st.integers(1735689600, 1830297600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from([ROME, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")]),
    st.lists(st.tuples(st.times(), st.times()).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=3),
    st.frozensets(st.integers(0, 6), min_size=1),
)
def test_it_opens_at_the_moment_that_it_says_and_not_before(
    now: datetime, of: ZoneInfo, hours: list[tuple[object, object]], days: frozenset[int]
) -> None:
    ranges = tuple(Hours(begin.replace(microsecond=0), end.replace(microsecond=0)) for begin, end in hours)  # type: ignore[attr-defined]
    calendar = Calendar("c", of, days, ranges)
    opens = calendar.opens(now)
    if opens is None:
        return
    assert opens >= now
    assert calendar.is_open(opens)
    if opens > now:
        assert not calendar.is_open(now)
        assert not calendar.is_open(now + (opens - now) / 2)
        assert not calendar.is_open(opens - SECOND / 1000)


@pytest.mark.parametrize(
    "text", ["9:00-17:00", "09:00", "24:00-01:00", "09:00-09:00", "09:00-24:30", "25:00-26:00", ""]
)
def test_what_is_no_range_of_hours_is_refused(text: str) -> None:
    with pytest.raises(Failure, match=r"p\.yml:3"):
        Hours.parse(text, "p.yml:3")


@pytest.mark.parametrize(
    ("texts", "days"),
    [(["mon"], {0}), (["mon-fri"], {0, 1, 2, 3, 4}), (["sat-mon"], {5, 6, 0}), (["Sun", "tue"], {6, 1})],
)
def test_days_are_read(texts: list[str], days: set[int]) -> None:
    assert weekdays(texts, "p") == days


@pytest.mark.parametrize("text", ["monday", "mon-", "-mon", "mon-xyz", ""])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Failure):
        weekdays([text], "p")


def test_a_zone_that_there_is_not_is_refused() -> None:
    for name in ("Europe/Rom", "", "../etc/passwd", "/etc/localtime"):
        with pytest.raises(Failure, match="there is no time zone"):
            zone(name, "p")


def test_a_date_is_of_its_zone_and_the_last_day_counts() -> None:
    assert moment("2026-12-20", ROME, "p") == _utc("2026-12-19T23:00")
    assert moment("2026-12-20", ROME, "p", end=True) == _utc("2026-12-20T23:00")
    assert moment("2026-12-20T18:00", ROME, "p") == _utc("2026-12-20T17:00")
    assert moment("2026-12-20T18:00+00:00", ROME, "p") == _utc("2026-12-20T18:00")
    with pytest.raises(Failure):
        moment("2026-13-01", ROME, "p")


def test_a_freeze_covers_its_begin_and_not_its_end() -> None:
    freeze = Freeze("f", _utc("2026-12-19T23:00"), _utc("2027-01-07T23:00"))
    moments = (freeze.begin - SECOND, freeze.begin, freeze.end - SECOND, freeze.end)
    assert [freeze.covers(moment) for moment in moments] == [False, True, True, False]


ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//tests//EN
{events}
END:VCALENDAR
"""


def _event(*lines: str) -> str:
    return ICS.format(events="\n".join(["BEGIN:VEVENT", "UID:1", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"]))


@pytest.mark.parametrize(
    ("lines", "inside", "outside"),
    [
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261227"], ["2026-12-25", "2026-12-26"], ["2026-12-27"]),
        (["DTSTART;VALUE=DATE:20261225"], ["2026-12-25"], ["2026-12-24", "2026-12-26"]),
        (
            ["DTSTART;VALUE=DATE:20240101", "RRULE:FREQ=YEARLY"],
            ["2024-01-01", "2027-01-01", "2059-01-01"],
            ["2023-01-01", "2027-01-02"],
        ),
        (["DTSTART:20261224T120000Z", "DTEND:20261225T000000Z"], ["2026-12-24"], ["2026-12-25"]),
        (
            ["DTSTART;VALUE=DATE:20240101", "RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20270101"],
            ["2026-01-01", "2028-01-01"],
            ["2027-01-01"],
        ),
    ],
)
def test_a_holiday_file_covers_the_days_of_its_events(lines: list[str], inside: list[str], outside: list[str]) -> None:
    days = holidays.days(_event(*lines), "it.ics")
    assert days.issuperset(map(date.fromisoformat, inside))
    assert days.isdisjoint(map(date.fromisoformat, outside))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "BEGIN:VCALENDAR",
        "\x00",
        _event("DTSTART:yesterday"),
        _event("DTSTART:20200101T000000Z", "RRULE:FREQ=SECONDLY"),
        _event("DTSTART:20200101T000000Z", "RRULE:FRE", " Q=MINUTELY"),
        _event("DTSTART;VALUE=DATE:20200101", "RRULE:FREQ=DAILY"),
    ],
)
def test_what_is_no_holiday_file_is_refused(text: str) -> None:
    with pytest.raises(Failure, match=r"it\.ics"):
        holidays.days(text, "it.ics")
