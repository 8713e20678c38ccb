"""The picture of the waves in the bootstrap guide, drawn from the one table of the platform's order.

In: the rows of `roles/platform_tree/vars/main/waves.yml`. Out: an SVG without anything from elsewhere, readable on
light and on dark pages; the same rows give the same bytes. Never here: an order of its own.

Draw it anew after a change of the table: `python -m tests.tools.waves_picture`.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml

from tests.tools.steps import ROOT

TABLE = ROOT / "roles" / "platform_tree" / "vars" / "main" / "waves.yml"
PICTURE = ROOT / "docs" / "pictures" / "waves.svg"

_WIDTH, _TOP, _BOTTOM = 960, 64, 40
_ROW, _GAP = 50, 16
_AXIS, _BOX, _BOX_WIDTH, _TEXT = 54, 104, 210, 334
_LETTERS = 84
"""How many letters of a reason stand in one line."""

_STYLE = """\
    .page { fill: #ffffff } .name { fill: #0f172a } .small { fill: #475569 } .number { fill: #ffffff }
    .wave { fill: #f1f5f9; stroke: #cbd5e1 } .box { fill: #ffffff; stroke: #475569 }
    .keep { fill: #ecfdf5; stroke: #047857 } .dot { fill: #1d4ed8 } .axis { stroke: #1d4ed8 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } .name { fill: #f1f5f9 } .small { fill: #a3b1c6 } .number { fill: #0d1117 }
      .wave { fill: #161b26; stroke: #334155 } .box { fill: #1e293b; stroke: #94a3b8 }
      .keep { fill: #05382b; stroke: #34d399 } .dot { fill: #7dabf8 } .axis { stroke: #7dabf8 }
    }"""


@dataclass(frozen=True)
class Row:
    """One part: its wave, where it lives, why it comes there, and whether its objects stay without it."""

    part: str
    wave: int
    namespace: str
    why: str
    keep: bool = False


def rows(text: str) -> list[Row]:
    """Return the rows of the table, the first wave first; parts of one wave keep their order."""
    table = yaml.safe_load(text)["platform_tree_waves"]
    return sorted((Row(**row) for row in table), key=lambda row: row.wave)


def draw(parts: Iterable[Row]) -> str:
    """Return the picture."""
    waves = [(wave, list(group)) for wave, group in itertools.groupby(parts, key=lambda row: row.wave)]
    count = sum(len(group) for _wave, group in waves)
    height = _TOP + count * _ROW + len(waves) * _GAP + _BOTTOM
    # From the number of the first wave to that of the last.
    end = height - _BOTTOM - _GAP - len(waves[-1][1]) * _ROW // 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="Helvetica, Arial, sans-serif" font-size="14">',
        "  <title>The waves of the platform, each with the reason of its parts</title>",
        "  <style>",
        _STYLE,
        "  </style>",
        f'  <rect class="page" width="{_WIDTH}" height="{height}"/>',
        *_text(20, 30, "name", "A wave begins when every part of the waves before is synced and healthy", size=16),
        f'  <path class="axis" d="M{_AXIS} {_TOP + len(waves[0][1]) * _ROW // 2}V{end}" stroke-width="2"/>',
    ]
    top = _TOP
    for wave, group in waves:
        lines += _wave(top, wave, group)
        top += len(group) * _ROW + _GAP
    lines += _text(20, height - 16, "small", "Green: its objects stay when its application is deleted.", size=12)
    return "\n".join([*lines, "</svg>", ""])


def _wave(top: int, wave: int, group: list[Row]) -> Iterator[str]:
    height = len(group) * _ROW
    yield f'  <rect class="wave" x="{_BOX - 8}" y="{top}" width="{_WIDTH - _BOX - 12}" height="{height}" rx="8"/>'
    middle = top + height // 2
    yield f'  <circle class="dot" cx="{_AXIS}" cy="{middle}" r="17"/>'
    yield from _text(_AXIS, middle + 5, "number", str(wave), anchor="middle", bold=True)
    for place, row in enumerate(group):
        yield from _part(top + place * _ROW, row)


def _part(top: int, row: Row) -> Iterator[str]:
    kind = "keep" if row.keep else "box"
    yield f'  <rect class="{kind}" x="{_BOX}" y="{top + 5}" width="{_BOX_WIDTH}" height="{_ROW - 10}" rx="6"/>'
    yield from _text(_BOX + 12, top + 23, "name", row.part, bold=True)
    yield from _text(_BOX + 12, top + 39, "small", row.namespace, size=11)
    reason = _lines(row.why)
    first = top + 30 - 8 * (len(reason) - 1)
    for place, line in enumerate(reason):
        yield from _text(_TEXT, first + 16 * place, "name", line, size=13)


def _lines(text: str) -> list[str]:
    """Return as few lines as the width allows, about as long as each other: no word stands alone below the others."""
    fewest = len(textwrap.wrap(text, _LETTERS))
    widths = range(len(text) // fewest, _LETTERS + 1)
    return next(lines for width in widths if len(lines := textwrap.wrap(text, width)) == fewest)


def _text(
    x: int, y: int, kind: str, text: str, *, size: int = 14, anchor: str = "start", bold: bool = False
) -> Iterator[str]:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}"{weight}'
    yield f'  <text class="{kind}" {place}>{escape(text)}</text>'


def current(table: Path = TABLE) -> str:
    """Return the picture of the table as it is now."""
    return draw(rows(table.read_text(encoding="utf-8")))


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(current(), encoding="utf-8")
