# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The comment of a rule: a text with places for what a verdict says.

In: a template, values. Out: the text. Never here: GitHub's limits, a verdict's meaning.

A place is ``{{ name }}``: verdict, rule, reasons, until, policy.digest. ``{{ reasons | first(3) }}`` cuts reasons.
"""

from __future__ import annotations

import re
import typing as t

from .._core.failure import invalid

NAMES = ("verdict", "rule", "reasons", "until", "policy.digest")
_PLACE = re.compile(r"\{\{\s*([^{}|]*?)\s*(?:\|\s*([^{}]*?)\s*)?\}\}")
_FIRST = re.compile(r"first\(([1-9][0-9]?)\)")


def check(template: str, what: str) -> str:
    """Return the template. Raises Failure(invalid) for a place that nothing fills."""
    for found in _PLACE.finditer(template):
        if found[1] not in NAMES:
            raise invalid(what, f"the comment asks for {found[1]!r}", f"There are: {', '.join(NAMES)}")
        if found[2] and not (found[1] == "reasons" and _FIRST.fullmatch(found[2])):
            raise invalid(what, f"the comment has the filter {found[2]!r}", "Only `reasons | first(3)` cuts")
    return template


def render(template: str, values: t.Mapping[str, t.Any], quiet: t.Callable[[str], str] = str) -> str:
    """Return the text. ``quiet`` makes a value harmless that may quote what people wrote; the template is trusted."""

    def fill(found: re.Match[str]) -> str:
        value = values.get(found[1])
        if isinstance(value, (list, tuple)):
            cut = _FIRST.fullmatch(found[2] or "")
            return "; ".join(quiet(str(item)) for item in value[: int(cut[1]) if cut else None])
        return "" if value is None else quiet(str(value))

    return _PLACE.sub(fill, template)
