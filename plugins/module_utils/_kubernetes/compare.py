# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does a live object already say what is desired? Pure.

In: live and desired objects as plain dicts. Out: yes or no, and the parts that differ. Never here: a request.

A plain comparison errs on quantities and defaults, so a "no" here is only the reason to ask the server by a dry run.
"""

from __future__ import annotations

import json
import typing as t

from .._core.sensitive import Sensitive
from .objects import Object

# Facts about an object that say nothing about what it should be.
_VOLATILE = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


def covers(live: t.Any, wanted: t.Any) -> bool:
    """Tell whether every wanted field stands in the live value; lists must agree element by element.

    The server does not keep every empty list, so a missing one counts as empty.
    """
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_covers_field(live, key, value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(covers, live, wanted))
    return type(live) is type(wanted) and bool(live == wanted)


def _covers_field(live: dict[str, t.Any], key: str, value: t.Any) -> bool:
    if value is None:
        return live.get(key) is None
    if value == [] and live.get(key) is None:
        return True
    return key in live and covers(live[key], value)


def forgotten(live: Object, wanted: Object, manager: str, subresource: str) -> bool:
    """Tell whether our manager still owns a field that is not desired any more; an apply would remove it."""
    for entry in live["metadata"].get("managedFields") or []:
        ours = entry.get("manager") == manager and entry.get("operation") == "Apply"
        if ours and (entry.get("subresource") or "") == subresource:
            return _owns_more(entry.get("fieldsV1") or {}, live, wanted)
    return False


def _owns_more(fields: dict[str, t.Any], live: t.Any, wanted: t.Any) -> bool:
    return any(_owns_more_at(name, below, live, wanted) for name, below in fields.items() if name != ".")


def _owns_more_at(name: str, below: dict[str, t.Any], live: t.Any, wanted: t.Any) -> bool:
    marker, _colon, text = name.partition(":")
    if marker == "f":
        if not isinstance(wanted, dict) or text not in wanted:
            return True
        there = live.get(text) if isinstance(live, dict) else None
        return _whole_differs(there, wanted[text]) if not below else _owns_more(below, there, wanted[text])
    if not isinstance(wanted, list):
        return True
    if marker == "k":
        keys = json.loads(text)
        found = [item for item in wanted if isinstance(item, dict) and _matches(item, keys)]
        there = [item for item in live or [] if isinstance(item, dict) and _matches(item, keys)]
        return not found or _owns_more(below, there[0] if there else None, found[0])
    if marker == "v":
        return json.loads(text) not in wanted
    return False


def _whole_differs(live: t.Any, wanted: t.Any) -> bool:
    """Tell whether a list or mapping that is owned as a whole differs: what was dropped inside it has no mark."""
    return isinstance(wanted, (dict, list)) and bool(wanted) and bool(live != wanted)


def _matches(item: dict[str, t.Any], keys: dict[str, t.Any]) -> bool:
    # A key that the object leaves to the server's default (a port's protocol) is no difference.
    return all(item.get(key, value) == value for key, value in keys.items())


def stripped(obj: Object) -> Object:
    """Return an object without what the server keeps about it, and without its status."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _VOLATILE}
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")} | {"metadata": metadata}


def projected(live: t.Any, wanted: t.Any) -> t.Any:
    """Return only those parts of a live value that the wanted one mentions."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {key: projected(live[key], value) for key, value in wanted.items() if key in live}
    return live


def presentable(obj: Object) -> Object:
    """Return an object for results: as it is, without the field managers."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def difference(before: t.Any, after: t.Any) -> tuple[t.Any, t.Any]:
    """Return the parts of two values that differ, each in its place; secrets as a remark that they differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        old: dict[str, t.Any] = {}
        new: dict[str, t.Any] = {}
        for key in [*before, *(key for key in after if key not in before)]:
            if key not in after:
                old[key] = before[key]
            elif key not in before:
                new[key] = after[key]
            elif before[key] != after[key]:
                old[key], new[key] = difference(before[key], after[key])
        return old, new
    if isinstance(before, Sensitive) and isinstance(after, Sensitive):
        return f"*** ({before.fingerprint()})", f"*** ({after.fingerprint()})"
    return before, after
