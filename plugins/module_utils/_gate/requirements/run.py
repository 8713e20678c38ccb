# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``run``: an expression about the workflow run, and ``not_fork``.

In: a JMESPath expression of which the run is the root. Out: yes or no; unknown when the run could not be read.
Never here: how a run is read.

The event of a run says neither which workflow it is nor who started it again (E7): the run itself does.
"""

from __future__ import annotations

from ..answer import Answer, no, unknown, yes
from ..expression import Context, Expression
from ..facts import RUN, Facts, Need, PendingDeployment, Unknown
from .kind import FLAG, Kind, Names, just_true


def _parse(argument: str, names: Names, what: str) -> Expression:
    return names.expression(argument, what, of_facts=False)


def _needs(arguments: object, pending: PendingDeployment) -> tuple[Need, ...]:
    return (RUN,)


def _judge(expression: Expression, facts: Facts, context: Context) -> Answer:
    run = facts.get(RUN)
    held = run if isinstance(run, Unknown) else expression.holds(run, context)
    if isinstance(held, Unknown):
        return unknown(f"the run: {held.reason}")
    return yes(f"the run is as wanted: {expression.text}") if held else no(f"the run is not: {expression.text}")


def _judge_fork(arguments: object, facts: Facts, context: Context) -> Answer:
    run = facts.get(RUN)
    if isinstance(run, Unknown):
        return unknown(f"the run: {run.reason}")
    head = run.get("head_repository")
    name = head.get("full_name") if isinstance(head, dict) else None
    if not isinstance(name, str):
        return unknown("the run does not name the repository that it comes from")
    if name.lower() == facts.pending.full_name.lower():
        return yes("the run comes from the repository itself")
    return no(f"the run comes from the fork {name}")


RUN_IS = Kind(
    name="run",
    says="A JMESPath expression about the workflow run, such as its path, its attempt or who started it again.",
    schema={"type": "string"},
    example="path == '.github/workflows/nightly.yml' && run_attempt == `1`",
    parse=_parse,
    judge=_judge,
    needs=_needs,
)
NOT_FORK = Kind(
    name="not_fork",
    says="The run must come from the repository itself.",
    schema=FLAG,
    example=True,
    parse=just_true,
    judge=_judge_fork,
    needs=_needs,
)
