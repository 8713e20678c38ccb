# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commits of a tree in the order of its waves: what each of them writes, and what has to be so before it.

In: what differs in a tree, what it held before, the table of waves. Out: a row a commit. Never here: a read, a wait.
"""

from __future__ import annotations

import re
import typing as t
from itertools import groupby

from ansible.errors import AnsibleFilterError

_OF_A_PART = re.compile(r"(?:applications/\d+-(?P<application>[a-z0-9-]+)\.yaml|parts/(?P<part>[a-z0-9_]+)/.+)")

Row = t.Mapping[str, t.Any]
Group = list[Row]


def tree_waves(
    tree: Row,
    waves: t.Sequence[Row],
    before: t.Iterable[str] = (),
    first: t.Sequence[str] = (),
    backwards: bool = False,
) -> list[dict[str, t.Any]]:
    """Return a row for each commit, in order.

    What is new or differs comes from the first wave to the last, then what is taken away from the last to the first.
    ``backwards`` is that order from its end, as an upgrade is taken back. The files in ``first`` are of the first
    commit. The last one has no ``only``: it writes all that is left, also what is of no part.
    """
    _want(tree, t.Mapping, "a tree")
    _want(waves, t.Sequence, "a table of waves")
    changed = _by_part(tree["files_changed"])
    stay, were = _with_application(tree["paths"]), _with_application(before)
    differ = [row for row in sorted(waves, key=_wave) if row["part"] in changed]
    groups = _backwards(differ, stay, were) if backwards else _forwards(differ, stay)
    table = [row for row in sorted(waves, key=_wave) if row["part"] in stay]
    steps = []
    for at, group in enumerate(groups):
        done = [row for earlier in groups[:at] for row in earlier]
        steps.append(
            {
                "wave": group[0]["wave"],
                "parts": [row["part"] for row in group],
                "only": sorted(path for row in group for path in changed[row["part"]]),
                "ready": _parts(_staying(done, stay) if backwards else _below(group, table, stay)),
                # The application of a part that is kept stays in the cluster when its file goes.
                "gone": _parts(row for row in done if row["part"] not in stay and not row.get("keep")),
            }
        )
    if not steps and tree["files_changed"]:
        steps = [{"wave": None, "parts": [], "only": [], "ready": [], "gone": []}]
    for step in steps[:1]:
        step["only"] = [*first, *step["only"]]
    for step in steps[-1:]:
        step["only"] = None
    return steps


def _forwards(differ: Group, stay: set[str]) -> list[Group]:
    return [*_grouped(_staying(differ, stay)), *_grouped(row for row in reversed(differ) if row["part"] not in stay)]


def _backwards(differ: Group, stay: set[str], were: set[str]) -> list[Group]:
    """What comes back is there again before what wants it; all else goes from the last wave to the first."""
    back = [row for row in differ if row["part"] in stay - were]
    return [*_grouped(back), *_grouped(row for row in reversed(differ) if row not in back)]


def _below(group: Group, table: Group, stay: set[str]) -> Group:
    """Return what must be healthy before a group: all waves before it; everything, before something is taken away."""
    coming = group[0]["part"] in stay
    return [row for row in table if not coming or row["wave"] < group[0]["wave"]]


def _grouped(rows: t.Iterable[Row]) -> list[Group]:
    return [list(group) for _each, group in groupby(rows, key=_wave)]


def _staying(rows: t.Iterable[Row], stay: set[str]) -> Group:
    return [row for row in rows if row["part"] in stay]


def _parts(rows: t.Iterable[Row]) -> list[str]:
    return [str(row["part"]) for row in rows]


def _wave(row: Row) -> int:
    return int(row["wave"])


def _by_part(paths: t.Iterable[str]) -> dict[str, list[str]]:
    answer: dict[str, list[str]] = {}
    for path in paths:
        found = _OF_A_PART.fullmatch(path)
        if found:
            answer.setdefault(found["part"] or found["application"].replace("-", "_"), []).append(path)
    return answer


def _with_application(paths: t.Iterable[str]) -> set[str]:
    return set(_by_part(path for path in paths if path.startswith("applications/")))


def _want(value: t.Any, kind: t.Any, what: str) -> None:
    if not isinstance(value, kind):
        raise AnsibleFilterError(f"The filter wants {what}, not {type(value).__name__}")


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters of this file by name."""
        return {"tree_waves": tree_waves}
