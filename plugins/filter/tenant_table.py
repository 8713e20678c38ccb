# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tenants as a table of aligned text.

In: rows of the `_info` modules by kind. Out: text. Never here: a read, a judgement.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

HEADINGS = ("NAME", "KIND", "PHASE", "URL", "MESSAGE")
NOTHING = "There are no tenants."
_USUAL_NAMESPACE = "platform-system"
_GAP = "  "

Row = t.Mapping[str, t.Any]


def tenant_table(tenants: t.Mapping[str, t.Sequence[Row]], message_width: int = 80) -> str:
    """Return one line a tenant under a line of headings. Raises AnsibleFilterError for anything but rows by kind."""
    if not isinstance(tenants, t.Mapping):
        raise AnsibleFilterError(f"tenant_table wants a mapping of kinds to rows, not {type(tenants).__name__}")
    lines = [_cells(kind, row, message_width) for kind, rows in tenants.items() for row in _rows(kind, rows)]
    if not lines:
        return NOTHING
    table = [HEADINGS, *lines]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    return "\n".join(_line(line, widths) for line in table)


def _rows(kind: str, rows: t.Any) -> t.Sequence[Row]:
    if not isinstance(rows, (list, tuple)) or not all(isinstance(row, t.Mapping) and row.get("name") for row in rows):
        raise AnsibleFilterError(f"tenant_table wants the rows of an _info module under {kind}")
    return rows


def _cells(kind: str, row: Row, message_width: int) -> tuple[str, ...]:
    namespace = row.get("namespace") or _USUAL_NAMESPACE
    name = row["name"] if namespace == _USUAL_NAMESPACE else f"{namespace}/{row['name']}"
    phase = row.get("phase") or "Pending"
    # What people see of a tenant that leaves would otherwise be its last phase, mostly Ready.
    phase = f"{phase} (leaving)" if row.get("deleting") else phase
    return (str(name), str(kind), str(phase), _url(row) or "-", _short(row.get("message") or "", message_width))


def _url(row: Row) -> str:
    """Return where a tenant is reached: an organization and a repository by their webhook, a server by its Service."""
    webhook = row.get("webhook_configuration") or {}
    server = row.get("mcp") or {}
    return str(row.get("webhook_url") or webhook.get("url") or server.get("service_url") or "")


def _short(text: str, width: int) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= width else line[: max(0, width - 3)] + "..."


def _line(cells: t.Sequence[str], widths: t.Sequence[int]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters of this file by name."""
        return {"tenant_table": tenant_table}
