# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expressions that are right, and do not say what they seem to.

In: a policy. Out: place, what is said, remedy. Never here: the asking of an expression.

A field that is not there makes `!=` and `!` unknown, so a deployment waits until its deadline: who means to allow that
has to say so by ``exists()``.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .expression import Expression, nodes
from .policy import Combined, Match, Policy, Requirement
from .words import REGEX

SLOW = (
    "a repetition stands inside of a repetition: a text that almost fits takes very long",
    "Write one repetition alone, such as [a-z]+",
)
_NESTED = re.compile(r"\((?:[^()\\]|\\.)*[+*}](?:[^()\\]|\\.)*\)[+*{]")
# What GitHub always gives, by what is asked: the facts, the run.
_THERE = {
    "facts": frozenset(("environment", "repository")),
    "run": frozenset(("id", "event", "path", "run_attempt", "run_number", "head_sha", "status")),
}
_Found = tuple[str, str, str]


def is_slow(pattern: str) -> bool:
    """Return whether a regular expression repeats what repeats."""
    return _NESTED.search(pattern) is not None


def of_policy(policy: Policy) -> t.Iterator[_Found]:
    """Yield what is doubtful in any expression or pattern of a policy."""
    for rule in policy.rules:
        yield from _of_match(rule.match, rule.place)
        for requirement in _requirements(rule.require):
            root = requirement.kind.name if requirement.kind.name in ("run", "http") else "facts"
            for expression in _expressions(requirement.arguments):
                yield from _of(expression, requirement.place, root)
    for freezes in policy.freezes.values():
        for freeze in freezes:
            for expression in _expressions(freeze):
                yield from _of(expression, freeze.place, "facts")


def _requirements(part: Requirement | Combined) -> t.Iterator[Requirement]:
    if isinstance(part, Requirement):
        yield part
    else:
        for item in part.parts:
            yield from _requirements(item)


def _of_match(match: Match, place: str) -> t.Iterator[_Found]:
    if match.when is not None:
        yield from _of(match.when, place, "facts")
    for patterns in (*match.patterns.values(), *match.properties.values()):
        if any(text.startswith(REGEX) and is_slow(text) for text in patterns.given):
            yield place, *SLOW
    if match.but_not is not None:
        yield from _of_match(match.but_not, place)


def _expressions(arguments: t.Any) -> t.Iterator[Expression]:
    if isinstance(arguments, Expression):
        yield arguments
    elif dataclasses.is_dataclass(arguments):
        for field in dataclasses.fields(arguments):
            value = getattr(arguments, field.name)
            if isinstance(value, Expression):
                yield value


def _of(expression: Expression, place: str, root: str) -> t.Iterator[_Found]:
    found = list(nodes(expression.parsed))
    guarded = {
        path
        for node in found
        if node["type"] == "function_expression" and node["value"] in ("exists", "not_null")
        for inner in nodes(node)
        if (path := _path(inner))
    }
    for node in found:
        if node["type"] == "function_expression" and node["value"] == "regex" and is_slow(node["children"][0]["value"]):
            yield place, *SLOW
        for path in sorted(_denied(node)):
            if path.partition(".")[0] not in _THERE.get(root, frozenset()) and path not in guarded:
                said = f"`{expression.text}` denies something of {path}, which may not be there: then it is unknown"
                yield place, said, f"Say what that means: exists({path}) && …, or !exists({path}) || …"


def _denied(node: dict[str, t.Any]) -> set[str]:
    """Return the paths that a `!=` or `!` hangs on."""
    if node["type"] == "not_expression":
        asked = node["children"][0]
        return set() if asked.get("value") == "exists" else set(_paths(asked))
    if node["type"] == "comparator" and node["value"] == "ne" and not any(_is_null(side) for side in node["children"]):
        return set(_paths(node))
    return set()


def _paths(node: dict[str, t.Any]) -> t.Iterator[str]:
    """Yield the paths that a node asks for, as far as they are names alone."""
    path = _path(node)
    if path:
        yield path
        return
    kind, children = node["type"], node.get("children") or []
    if kind.endswith("projection") or kind in ("flatten", "pipe", "subexpression", "index_expression"):
        yield from _paths(children[0])
    elif kind not in ("slice", "expref"):
        for child in children:
            yield from _paths(child)


def _path(node: dict[str, t.Any]) -> str:
    """Return names that are joined by dots; nothing for another node."""
    if node["type"] == "field":
        return str(node["value"])
    if node["type"] != "subexpression":
        return ""
    parts = [_path(child) for child in node["children"]]
    return ".".join(parts) if all(parts) else ""


def _is_null(node: dict[str, t.Any]) -> bool:
    return node["type"] == "literal" and node["value"] is None
