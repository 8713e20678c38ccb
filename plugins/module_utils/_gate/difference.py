# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changes between two sets of policy files, told by rule.

In: texts by file. Out: Difference. Never here: whether a policy is right; what stood before may be broken.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import Failure
from .._yaml import load_documents

_NAMED = ("calendars", "freezes", "groups")


@dataclass(frozen=True)
class Difference:
    """Names of rules by what happens to them. ``moved``: those that stay come in another order, which counts.

    ``before`` and ``after`` hold what differs, rules by their names beside the other sections.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    moved: bool
    before: t.Mapping[str, t.Any]
    after: t.Mapping[str, t.Any]


def difference(before: t.Mapping[str, str], after: t.Mapping[str, str]) -> Difference:
    """Return what differs between the files as they are and as they should be."""
    old, new = _sections(before), _sections(after)
    old_rules, new_rules = old["rules"], new["rules"]
    stay = [name for name in new_rules if name in old_rules]
    moved = [name for name in old_rules if name in new_rules] != stay
    if moved:
        old["order"], new["order"] = list(old_rules), list(new_rules)
    if before != after and old == new:
        # Only words that mean nothing differ, such as a remark: then the lines say which.
        old["files"], new["files"] = _lines(before, after), _lines(after, before)
    return Difference(
        added=tuple(name for name in new_rules if name not in old_rules),
        changed=tuple(name for name in stay if old_rules[name] != new_rules[name]),
        removed=tuple(name for name in old_rules if name not in new_rules),
        moved=moved,
        before=_only(old, new),
        after=_only(new, old),
    )


def _sections(texts: t.Mapping[str, str]) -> dict[str, t.Any]:
    """Return the sections of all files together; a file that is no policy counts with its lines."""
    found: dict[str, t.Any] = {"defaults": {}, **{name: {} for name in _NAMED}, "rules": {}, "files": {}}
    for name, text in sorted(texts.items()):
        data = _read(name, text)
        if data is None:
            found["files"][name] = text.splitlines()
            continue
        found["defaults"].update(_mapping(data.get("defaults")))
        for section in _NAMED:
            found[section].update(_mapping(data.get(section)))
        rules = data.get("rules")
        for number, rule in enumerate(rules if isinstance(rules, list) else []):
            known = isinstance(rule, dict) and rule.get("name")
            found["rules"][str(known or f"{name} rule {number + 1}")] = rule
    return found


def _read(name: str, text: str) -> dict[str, t.Any] | None:
    if not is_policy(name):
        return None
    try:
        documents = load_documents(text, name)
    except Failure:
        return None
    return documents[0] if len(documents) == 1 and isinstance(documents[0], dict) else None


def is_policy(name: str) -> bool:
    """Return whether a file of this name holds rules; the others are holidays."""
    return name.endswith((".yml", ".yaml"))


def _lines(texts: t.Mapping[str, str], others: t.Mapping[str, str]) -> dict[str, list[str]]:
    return {name: text.splitlines() for name, text in texts.items() if others.get(name) != text}


def _mapping(value: t.Any) -> dict[str, t.Any]:
    return value if isinstance(value, dict) else {}


def _only(one: dict[str, t.Any], other: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return of every section what the other side has not, or has otherwise."""
    answer: dict[str, t.Any] = {}
    for section, value in one.items():
        if isinstance(value, dict):
            there = _mapping(other.get(section))
            value = {name: item for name, item in value.items() if name not in there or there[name] != item}
        if value:
            answer[section] = value
    return answer
