# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``branch``: the ref is a branch, and one of those that may be deployed.

In: names, whether it must be the default branch, protected, at its head. Out: yes or no; no for a tag.
Never here: how a branch is read.

GitHub gives a short ref, which a tag may bear as well: here the branch itself was looked up, with its commit.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..answer import Answer, all_of, no, unknown, yes
from ..expression import Context
from ..facts import BRANCH, Facts, Need, PendingDeployment, Unknown
from ..words import Patterns, texts
from .kind import Kind, Names


@dataclass(frozen=True)
class Branch:
    """What a branch must be; None where it does not matter."""

    names: Patterns | None
    default: bool
    protected: bool
    at_head: bool


def _parse(argument: dict[str, t.Any], names: Names, what: str) -> Branch:
    given = texts(argument.get("names"))
    flags = (argument.get(name, False) for name in ("default", "protected", "at_head"))
    return Branch(Patterns.of(given, what) if given else None, *flags)


def _needs(arguments: Branch, pending: PendingDeployment) -> tuple[Need, ...]:
    return (BRANCH,)


def _judge(arguments: Branch, facts: Facts, context: Context) -> Answer:
    branch = facts.get(BRANCH)
    if isinstance(branch, Unknown):
        said = f"the ref {facts.pending.ref} is no branch" if branch.missing else f"the branch: {branch.reason}"
        return no(said) if branch.missing else unknown(said)
    answers = [_one(held, said) for held, said in _asked(arguments, branch, facts.pending)]
    return all_of(answers) if answers else yes(f"{branch['name']} is a branch")


def _asked(
    arguments: Branch, branch: dict[str, t.Any], pending: PendingDeployment
) -> t.Iterator[tuple[bool | None, str]]:
    """Yield what is asked for: whether it holds, None when that cannot be told, and what it is called."""
    name = str(branch["name"])
    if arguments.names is not None:
        yield arguments.names.fit(name), f"one of {', '.join(arguments.names.given)}"
    if arguments.default:
        default = (pending.payload.get("repository") or {}).get("default_branch")
        yield (None if default is None else name == default), "the default branch"
    if arguments.protected:
        yield branch["protected"] is True, "protected"
    if arguments.at_head:
        yield (None if pending.sha is None else branch["sha"] == pending.sha), "at the commit that is deployed"


def _one(held: bool | None, said: str) -> Answer:
    if held is None:
        return unknown(f"it cannot be told whether the branch is {said}")
    return yes(f"the branch is {said}") if held else no(f"the branch is not {said}")


_YES = {"const": True}
BRANCH_IS = Kind(
    name="branch",
    says="The ref is a branch, and not a tag of that name: of such a name, the default one, protected, at its head.",
    schema={
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            "default": _YES,
            "protected": _YES,
            "at_head": _YES,
        },
        "minProperties": 1,
        "additionalProperties": False,
    },
    example={"names": ["main", "release/*"], "protected": True},
    parse=_parse,
    judge=_judge,
    needs=_needs,
)
