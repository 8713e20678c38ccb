"""Calendars and freezes of a policy on a line of time, as a drawing and as a table that says the same.

In: a policy, the time. Out: HTML with an inline SVG. Never here: a judgement, a style.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from string import Template

from ansible_collections.aphex.platform.plugins.module_utils._gate.calendar import Freeze
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Combined, Policy, Requirement

DAYS = 21
_WIDTH, _LEFT, _LANE, _TOP = 1060, 150, 26, 40
_MOST_ROWS = 200
_LONGEST_NAME = 22
_FOLDER = Path(__file__).parent / "html"


class Html(str):
    """A text that is HTML already, whose parts were escaped."""

    __slots__ = ()

    def __add__(self, other: str) -> Html:
        return Html(str(self) + (other if isinstance(other, Html) else html.escape(other)))


@dataclass(frozen=True)
class Span:
    """A time in which a calendar is open, or a freeze holds."""

    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Lane:
    """One line of the drawing: ``kind`` is ``open`` or ``freeze``."""

    name: str
    kind: str
    note: str
    spans: tuple[Span, ...]


@cache
def text(name: str) -> str:
    """Return a file of the folder pages."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def fill(name: str, **values: object) -> Html:
    """Return a file with its places filled; every value that is not HTML is escaped."""
    safe = {key: value if isinstance(value, Html) else html.escape(str(value)) for key, value in values.items()}
    return Html(Template(text(name)).substitute(safe))


def drawn(policy: Policy, now: datetime) -> Html:
    """Return the drawing from the begin of today on, with its table."""
    begin = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = begin + timedelta(days=DAYS)
    found = list(lanes(policy, begin, end))
    if not found:
        return Html('<p class="nothing">The policy has no calendar, and no rule asks for a freeze.</p>')
    bottom = _TOP + _LANE * len(found)
    return fill(
        "timeline.html",
        width=_WIDTH,
        height=bottom + 16,
        title=f"Calendars and freezes from {begin:%Y-%m-%d} to {end:%Y-%m-%d}",
        ticks=Html("\n".join(_ticks(begin, bottom))),
        lanes=Html("\n".join(_drawn_lane(lane, begin, number) for number, lane in enumerate(found))),
        now=_now(now, begin, bottom),
        rows=Html("\n".join(_rows(found))),
    )


def lanes(policy: Policy, begin: datetime, end: datetime) -> Iterator[Lane]:
    """Yield a lane for each calendar, and one for each freeze that some rule asks for and that is not over."""
    for name, calendar in sorted(policy.calendars.items()):
        spans = tuple(Span(opens, shuts) for opens, shuts in calendar.openings(begin, end))
        yield Lane(name, "open", str(calendar.zone), _merged(spans))
    for freeze in freezes(policy):
        if freeze.end > begin:
            note = "has an exception" if freeze.except_if else ""
            yield Lane(freeze.name, "freeze", note, (Span(freeze.begin, freeze.end),))


def freezes(policy: Policy) -> list[Freeze]:
    """Return every freeze that a requirement of some rule names, the earliest first."""
    found: dict[tuple[datetime, str], Freeze] = {}
    waiting: list[Combined | Requirement] = [rule.require for rule in policy.rules]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Combined):
            waiting += part.parts
        elif part.kind.name == "no_freeze":
            found |= {(freeze.begin, freeze.name): freeze for freeze in part.arguments}
    return [found[key] for key in sorted(found)]


def _merged(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return spans of which none touches the next: a calendar that never shuts is one of them."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.begin):
        if merged and span.begin <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def _ticks(begin: datetime, bottom: int) -> Iterator[str]:
    for number in range(DAYS + 1):
        day = begin + timedelta(days=number)
        x = _x(day, begin)
        if number < DAYS and day.weekday() >= 5:
            wide = _x(day + timedelta(days=1), begin) - x
            yield f'<rect class="weekend" x="{x:.1f}" y="{_TOP}" width="{wide:.1f}" height="{bottom - _TOP}"/>'
        yield f'<line class="rule" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        if number < DAYS:
            yield f'<text class="soft" x="{x + 3:.1f}" y="{_TOP - 6}">{day:%d}</text>'
            if number == 0 or day.weekday() == 0:
                yield f'<text class="soft" x="{x + 3:.1f}" y="{_TOP - 20}">{day:%a %d %b}</text>'


def _drawn_lane(lane: Lane, begin: datetime, number: int) -> str:
    top = _TOP + _LANE * number
    name = lane.name if len(lane.name) <= _LONGEST_NAME else lane.name[: _LONGEST_NAME - 1] + "…"
    note = html.escape(", ".join(part for part in (lane.name, lane.note) if part))
    parts = [f'<text x="0" y="{top + 17}">{html.escape(name)}<title>{note}</title></text>']
    last = begin + timedelta(days=DAYS)
    for span in lane.spans:
        left, right = _x(max(span.begin, begin), begin), _x(min(span.end, last), begin)
        if right > left:
            said = html.escape(f"{lane.name}: {span.begin:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC")
            parts.append(
                f'<rect class="{lane.kind}" x="{left:.1f}" y="{top + 5}" width="{max(right - left, 1):.1f}" '
                f'height="{_LANE - 10}" rx="2"><title>{said}</title></rect>'
            )
    later = [span for span in lane.spans if span.begin >= last]
    if later and len(later) == len(lane.spans):
        parts.append(
            f'<text class="soft" x="{_WIDTH - 4}" y="{top + 17}" text-anchor="end">'
            f"from {later[0].begin:%Y-%m-%d} to {later[0].end:%Y-%m-%d} →</text>"
        )
    return "".join(parts)


def _now(now: datetime, begin: datetime, bottom: int) -> Html:
    x = _x(now, begin)
    return Html(
        f'<line class="now" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        f'<text class="now-text" x="{x:.1f}" y="{bottom + 13}">now</text>'
    )


def _rows(found: list[Lane]) -> Iterator[str]:
    spans = [(lane, span) for lane in found for span in lane.spans]
    for lane, span in spans[:_MOST_ROWS]:
        cells = (
            lane.name + (f" ({lane.note})" if lane.note else ""),
            "open" if lane.kind == "open" else "frozen",
            f"{span.begin:%Y-%m-%d %H:%M}",
            f"{span.end:%Y-%m-%d %H:%M}",
        )
        yield "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _x(moment: datetime, begin: datetime) -> float:
    return _LEFT + (moment - begin) / timedelta(days=DAYS) * (_WIDTH - _LEFT)
