# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``when``: an expression about everything that is known.

In: a JMESPath expression. Out: yes or no; unknown when a fact that it asks for is. Never here: how facts are found.
"""

from __future__ import annotations

from ..answer import Answer, no, unknown, yes
from ..expression import Context, Expression
from ..facts import LOOKED_UP, Facts, Need, PendingDeployment, Unknown
from .kind import Kind, Names


def needs_of(expression: Expression) -> tuple[Need, ...]:
    """Return what must be looked up before an expression can be asked."""
    return tuple(LOOKED_UP[name] for name in sorted(expression.roots()) if name in LOOKED_UP)


def _parse(argument: str, names: Names, what: str) -> Expression:
    return names.expression(argument, what)


def _needs(expression: Expression, pending: PendingDeployment) -> tuple[Need, ...]:
    return needs_of(expression)


def _judge(expression: Expression, facts: Facts, context: Context) -> Answer:
    held = expression.holds(facts.view(), context)
    if isinstance(held, Unknown):
        return unknown(f"`{expression.text}`: {held.reason}")
    return yes(f"`{expression.text}` holds") if held else no(f"`{expression.text}` does not hold")


WHEN = Kind(
    name="when",
    says="A JMESPath expression about the delivery and what can be looked up: run, commit, pulls, checks, files.",
    schema={"type": "string"},
    example="contains(pull_requests[].labels[].name, 'ready')",
    parse=_parse,
    judge=_judge,
    needs=_needs,
)
