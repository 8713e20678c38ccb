# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values under three-valued logic: what is false, what can be compared, what one unknown item makes of a list.

In: plain values, and Unknown in their place. Out: the same. Never here: an expression, a fact.
"""

from __future__ import annotations

import re
import typing as t

from .facts import Unknown

NO_VALUE = Unknown("a function found nothing", missing=True)
_NO_LIST = Unknown("there is no list", missing=True)
_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+\S*)?")


def exists(arguments: list[t.Any]) -> t.Any:
    """Return whether the one argument is there; what could not be looked up stays unknown."""
    found = arguments[0]
    return (False if found.missing else found) if isinstance(found, Unknown) else found is not None


def not_null(arguments: list[t.Any]) -> t.Any:
    """Return the first that is there; what could not be looked up before it makes it unknown."""
    for found in arguments:
        if found is not None and not (isinstance(found, Unknown) and found.missing):
            return found
    return NO_VALUE


def listed(value: t.Any, then: t.Callable[[list[t.Any]], t.Any]) -> t.Any:
    """Return what comes of a list, without its nulls; unknown when that is, or when one item is."""
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, list):
        return _NO_LIST
    found = then(value)
    return found if isinstance(found, Unknown) else whole([item for item in found if item is not None])


def whole(items: list[t.Any]) -> t.Any:
    """Return the list, or its first unknown item: of such a list nothing can be told."""
    return next((item for item in items if isinstance(item, Unknown)), items)


def flat(items: list[t.Any]) -> list[t.Any]:
    """Return the list with the lists in it opened, one level deep."""
    return [inner for item in items for inner in (item if isinstance(item, list) else [item])]


def or_null(value: t.Any) -> t.Any:
    """Return the value, None for one that is not there."""
    return None if isinstance(value, Unknown) and value.missing else value


def type_of(value: t.Any) -> str:
    """Return what JMESPath calls it; a boolean is no number, as it is in Python."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "list" if isinstance(value, list) else "object"


def ordered(left: t.Any, right: t.Any) -> bool:
    """Return whether one of them can come before the other."""
    kind = type_of(left)
    return kind in ("text", "number") and kind == type_of(right)


def is_false(value: t.Any) -> bool:
    """What JMESPath takes for false; 0 is true there."""
    return value is None or value is False or value in ("", [], {})


def sortable(text: str) -> str:
    """Return a version as text that sorts as versions do: what has a pre-release comes before what has none."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is no version")
    numbers = ".".join(f"{int(found[part] or 0):09}" for part in (1, 2, 3))
    if found[4] is None:
        return numbers + "~"
    return numbers + "-" + " ".join(f"{int(part):09}" if part.isdigit() else part for part in found[4].split("."))
