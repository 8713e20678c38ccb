"""What commands print: tables and JSON for people and programs, progress for who waits.

In: rows, plain data. Out: text. Never here: what a command does.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from services.gate.audit import Record
from services.gate.inbox import Entry

_GAP = "  "
_LEAST_WIDTH = 12
_EVERY = 10.0
_ON_TERMINAL = 0.2


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return an aligned table; the last column is cut where ``width`` ends."""
    cells = [[harmless(" ".join(cell.split())) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    shown = []
    for row in cells:
        line = _GAP.join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip()
        room = max(width or len(line), sum(widths[:-1]) + len(_GAP) * (len(widths) - 1) + _LEAST_WIDTH)
        shown.append(line if len(line) <= room else line[: room - 1] + "…")
    return "\n".join(shown)


def show(heads: Sequence[str], rows: Sequence[Sequence[str]], data: Any, style: str, nothing: str = "") -> None:
    """Print rows as a table, or data as JSON; ``nothing`` is the sentence for no rows."""
    if style == "json":
        print(json.dumps(data, indent=2, ensure_ascii=False))
    elif rows or not nothing:
        print(table(heads, rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
    else:
        print(nothing)


def when(seconds: float | None) -> str:
    """Return a time of the store for people, in UTC."""
    return "" if not seconds else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"


def title(record: Record | None, entry: Entry | None = None) -> str:
    """Return what people call a deployment; without a record what the entry tells."""
    if record is not None and record.repository:
        name = record.repository if "/" in record.repository else f"{record.owner}/{record.repository}"
        return f"{name} → {record.environment}" if record.environment else name
    if entry is None:
        return ""
    return entry.key or f"delivery {entry.delivery.guid}"


def ago(seconds: float) -> str:
    """Return a span for people."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


class Progress:
    """A line that moves on a terminal, and a line every ten seconds elsewhere; nothing for what is over at once."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._moving = self._out.isatty()
        self._last = time.monotonic()
        self._shown = False

    def tell(self, text: str) -> None:
        """Show where it stands, when it is time to."""
        now = time.monotonic()
        if now - self._last < (_ON_TERMINAL if self._moving else _EVERY):
            return
        self._last, self._shown = now, True
        print(f"\r\x1b[K{text}" if self._moving else text, end="" if self._moving else "\n", file=self._out, flush=True)

    def end(self) -> None:
        """Take the moving line away."""
        if self._moving and self._shown:
            print("\r\x1b[K", end="", file=self._out, flush=True)


def harmless(text: str) -> str:
    """Return a text without what a terminal would obey: names come from requests."""
    return "".join(letter for letter in text if letter == " " or unicodedata.category(letter) not in ("Cc", "Cf"))
