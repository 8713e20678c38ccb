# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule of lint is: an id, where in the chain it looks, what is wrong, what to do.

In: nothing. Out: Rule, and how it becomes Findings. Never here: a rule.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..._core.finding import Finding
from ..manifests import Manifest, Manifests

Severity = t.Literal["warning", "error"]
Seen = t.Iterator[tuple[Manifest, str]]
"""What a rule finds: the manifest, and what in it is wrong."""


@dataclass(frozen=True)
class Rule:
    """One fault. ``look`` finds it, ``fix`` says what to write in its place. ``id`` is that of the fault's row."""

    id: str
    severity: Severity
    hop: str
    fix: str
    look: t.Callable[[Manifests], Seen]

    def findings(self, manifests: Manifests) -> list[Finding]:
        """Return what it finds."""
        return [
            Finding(self.id, self.severity, item.subject, self.hop, said, self.fix)
            for item, said in self.look(manifests)
        ]


def declared(
    rules: list[Rule], identity: str, severity: Severity, hop: str, fix: str
) -> t.Callable[[t.Callable[[Manifests], Seen]], t.Callable[[Manifests], Seen]]:
    """Return the decorator that puts a function into a list of rules, beside its words."""

    def put(look: t.Callable[[Manifests], Seen]) -> t.Callable[[Manifests], Seen]:
        rules.append(Rule(identity, severity, hop, fix, look))
        return look

    return put
