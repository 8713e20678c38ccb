# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The form of every requirement: what it takes, what it must know, what it answers.

In: nothing. Out: Kind, and what a policy offers it by name. Never here: a requirement.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..answer import Answer
from ..calendar import Calendar, Freeze
from ..expression import Context, Expression
from ..facts import Facts, Need, PendingDeployment


@dataclass(frozen=True)
class Group:
    """People: teams as ``owner/slug``, and users by their login in lower case."""

    teams: tuple[str, ...] = ()
    users: frozenset[str] = frozenset()


class Names(t.Protocol):
    """What a policy defines by name. Each raises Failure(invalid) for a name that it does not know."""

    def calendar(self, name: str, what: str) -> Calendar:
        """Return opening hours."""

    def freezes(self, name: str, what: str) -> tuple[Freeze, ...]:
        """Return a list of freezes."""

    def group(self, name: str, what: str) -> Group:
        """Return a group of people."""

    def expression(self, text: str, what: str, *, of_facts: bool = True) -> Expression:
        """Return an expression of the facts, or, unless ``of_facts``, of one thing among them."""


FLAG: t.Final = {"const": True}
"""The schema of a requirement that takes no arguments; without it, it is left out."""


def just_true(argument: bool, names: Names, what: str) -> bool:
    """Parse the argument of a requirement that takes none."""
    return argument


def _nothing(arguments: t.Any, pending: PendingDeployment) -> tuple[Need, ...]:
    return ()


@dataclass(frozen=True)
class Kind:
    """One kind of requirement.

    ``schema`` is the JSON schema of what stands behind its name in the policy; ``parse`` makes arguments of that, and
    raises Failure(invalid); ``needs`` says what must be looked up; ``judge`` answers from facts and the time handed in,
    does no I/O, and answers unknown for a fact that is.
    """

    name: str
    says: str
    schema: t.Mapping[str, t.Any]
    example: t.Any
    parse: t.Callable[[t.Any, Names, str], t.Any]
    judge: t.Callable[[t.Any, Facts, Context], Answer]
    needs: t.Callable[[t.Any, PendingDeployment], tuple[Need, ...]] = _nothing
