# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``changed``: which files the deployment changes.

In: patterns of paths. Out: yes or no. Never here: how a change is read.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..answer import Answer, no, unknown, yes
from ..expression import Context
from ..facts import CHANGED, Facts, Need, PendingDeployment, Unknown
from ..words import Patterns
from .kind import Kind, Names


@dataclass(frozen=True)
class Changed:
    """Files of which none may change, and files beside which none may; None where it does not matter."""

    never: Patterns | None
    only: Patterns | None


def _parse(argument: dict[str, t.Any], names: Names, what: str) -> Changed:
    made = {name: Patterns.of(given, what) for name, given in argument.items()}
    return Changed(made.get("never"), made.get("only"))


def _needs(arguments: Changed, pending: PendingDeployment) -> tuple[Need, ...]:
    return (CHANGED,)


def _judge(arguments: Changed, facts: Facts, context: Context) -> Answer:
    paths = facts.get(CHANGED)
    if isinstance(paths, Unknown):
        return unknown(f"the changed files: {paths.reason}")
    for path in map(str, paths):
        if arguments.never is not None and arguments.never.fit(path):
            return no(f"it changes {path[:200]}")
        if arguments.only is not None and not arguments.only.fit(path):
            return no(f"it changes {path[:200]}, which is not among {', '.join(arguments.only.given)}")
    return yes("it changes only what it may")


_PATHS = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
CHANGED_ONLY = Kind(
    name="changed",
    says="The pull requests of the commit change none of these files, or only these.",
    schema={
        "type": "object",
        "properties": {"never": _PATHS, "only": _PATHS},
        "minProperties": 1,
        "additionalProperties": False,
    },
    example={"never": ["migrations/*", ".github/workflows/*"]},
    parse=_parse,
    judge=_judge,
    needs=_needs,
)
