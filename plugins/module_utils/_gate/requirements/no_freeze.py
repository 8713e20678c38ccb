# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``no_freeze``: not while a freeze holds, unless its exception does.

In: the name of a list of freezes. Out: yes, or no until the freeze ends. Never here: dates; see calendar.py.
"""

from __future__ import annotations

import typing as t

from ..answer import Answer, Outcome, all_of, no, unknown, yes
from ..calendar import Freeze
from ..expression import Context
from ..facts import Facts, Need, PendingDeployment, Unknown
from .kind import Kind, Names
from .when import needs_of


def _parse(argument: str, names: Names, what: str) -> tuple[Freeze, ...]:
    return names.freezes(argument, what)


def _needs(freezes: tuple[Freeze, ...], pending: PendingDeployment) -> tuple[Need, ...]:
    return tuple(need for freeze in freezes if freeze.except_if for need in needs_of(freeze.except_if))


def _judge(freezes: tuple[Freeze, ...], facts: Facts, context: Context) -> Answer:
    answers = [_one(freeze, facts.view(), context) for freeze in freezes if freeze.covers(context.now)]
    if any(item.outcome is not Outcome.YES for item in answers):
        return all_of(answers)
    return yes("; ".join(item.said for item in answers) or "there is no freeze")


def _one(freeze: Freeze, view: dict[str, t.Any], context: Context) -> Answer:
    excepted = freeze.except_if.holds(view, context) if freeze.except_if else False
    if isinstance(excepted, Unknown):
        return unknown(f"the freeze {freeze.name} has an exception that cannot be told: {excepted.reason}")
    if excepted:
        return yes(f"the freeze {freeze.name} makes an exception here")
    return no(f"the freeze {freeze.name} ends on {freeze.end:%Y-%m-%d at %H:%M %Z}", until=freeze.end)


NO_FREEZE = Kind(
    name="no_freeze",
    says="Not during a freeze of this list; the deployment waits until it ends, unless its exception holds.",
    schema={"type": "string"},
    example="freezes",
    parse=_parse,
    judge=_judge,
    needs=_needs,
)
