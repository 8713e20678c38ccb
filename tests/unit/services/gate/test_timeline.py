"""Calendars and freezes on a line: as the policy means them, in every zone, and as a table for who sees no drawing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load
from services.gate import timeline
from services.gate.timeline import Html, Span
from tests.unit.services.gate.recorded import NOW, POLICY

_CALENDAR = """
version: 1
calendars: {{line: {{days: [mon-sun], hours: ["{hours}"], tz: {zone}}}}}
rules: [{{name: all, decision: approve, require: [calendar: line]}}]
"""


def _spans(hours: str, zone: str, begin: datetime, days: int) -> tuple[Span, ...]:
    policy = load({"policy.yml": _CALENDAR.format(hours=hours, zone=zone)})
    [lane] = timeline.lanes(policy, begin, begin + timedelta(days=days))
    return lane.spans


def test_hours_follow_the_wall_clock_over_a_change_of_it() -> None:
    # On 25 October 2026 Rome goes back from UTC+2 to UTC+1.
    found = _spans("09:00-17:00", "Europe/Rome", datetime(2026, 10, 24, tzinfo=UTC), 3)
    assert [(span.begin.hour, span.end.hour) for span in found] == [(7, 15), (8, 16), (8, 16)]


def test_what_never_shuts_is_one_bar() -> None:
    begin = datetime(2026, 11, 2, tzinfo=UTC)
    assert _spans("00:00-24:00", "America/New_York", begin, 4) == (Span(begin, begin + timedelta(days=4)),)


def test_freezes_are_those_that_some_rule_asks_for_and_that_are_not_over() -> None:
    policy = load({"policy.yml": POLICY})
    later = datetime(2026, 12, 1, tzinfo=UTC)
    kinds = [(lane.kind, lane.name) for lane in timeline.lanes(policy, later, later + timedelta(days=21))]
    assert kinds == [("open", "business"), ("freeze", "year-end")]
    unused = load({"policy.yml": POLICY.replace("      - no_freeze: freezes\n", "")})
    assert timeline.freezes(unused) == []


def test_the_drawing_and_its_table_say_the_same() -> None:
    policy = load({"policy.yml": POLICY})
    drawn = timeline.drawn(policy, NOW)
    bars = re.findall(r"<rect class=\"(?:open|freeze)\"[^>]*><title>[^:]+: ([^<]+) to ([^<]+) UTC<", drawn)
    rows = re.findall(r"<td>(?:open|frozen)</td><td>([^<]+)</td><td>([^<]+)</td>", drawn)
    # A freeze behind the last day has no bar, but says when it comes.
    assert set(bars) < set(rows)
    assert set(rows) - set(bars) == {("2026-12-19 23:00", "2027-01-07 23:00")}
    assert "from 2026-12-19 to 2027-01-07" in drawn


def test_names_are_escaped() -> None:
    drawn = timeline.drawn(load({"policy.yml": POLICY.replace("black-friday", "'<b>&black'")}), NOW)
    assert "<b>" not in drawn
    assert "&lt;b&gt;&amp;black" in drawn


def test_what_is_added_to_html_is_escaped() -> None:
    assert Html("<i>") + "<b>" + Html("</i>") == "<i>&lt;b&gt;</i>"


def test_a_policy_without_times_says_so() -> None:
    assert "no calendar" in timeline.drawn(load({"p.yml": "version: 1\nrules: [{name: a, decision: approve}]"}), NOW)
