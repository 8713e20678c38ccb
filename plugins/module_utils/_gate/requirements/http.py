# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``http``: another system is asked, and its answer is held against an expression.

In: an address, a condition on the answer. Out: yes, no, or wait; unknown when nobody answers. Never here: a request.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ..._core.failure import invalid
from ..answer import Answer, no, unknown, wait, yes
from ..expression import Context, Expression
from ..facts import Facts, Need, PendingDeployment, Unknown
from ..words import DURATION, duration
from .kind import Kind, Names


@dataclass(frozen=True)
class Question:
    """What is asked, and what its answer means: an object with ``status`` and ``body``, the parsed JSON."""

    need: Need
    url: str
    when: Expression
    wait_if: Expression | None


def _parse(argument: dict[str, t.Any], names: Names, what: str) -> Question:
    if not argument["url"].startswith("https://"):
        raise invalid(what, "the address is no https URL", "The answer decides: have it come from who it says it does")
    asked = {"url": argument["url"], "seconds": duration(argument.get("timeout", "3s")).total_seconds()}
    wait_if = argument.get("wait_if")
    return Question(
        need=Need("http", json.dumps(asked, sort_keys=True)),
        url=argument["url"],
        when=names.expression(argument["when"], what, of_facts=False),
        wait_if=names.expression(wait_if, what, of_facts=False) if wait_if else None,
    )


def _needs(arguments: Question, pending: PendingDeployment) -> tuple[Need, ...]:
    return (arguments.need,)


def _judge(arguments: Question, facts: Facts, context: Context) -> Answer:
    answer = facts.get(arguments.need)
    if isinstance(answer, Unknown):
        return unknown(f"{arguments.url}: {answer.reason}")
    held = arguments.when.holds(answer, context)
    if held is True:
        return yes(f"{arguments.url} agrees")
    waits = arguments.wait_if.holds(answer, context) if arguments.wait_if else False
    if waits is True:
        return wait(f"{arguments.url} has not decided yet")
    if isinstance(held, Unknown) or isinstance(waits, Unknown):
        reason = held if isinstance(held, Unknown) else waits
        return unknown(f"{arguments.url}: {reason.reason if isinstance(reason, Unknown) else ''}")
    return no(f"{arguments.url} does not agree")


HTTP = Kind(
    name="http",
    says="Another system is asked with the facts of the deployment, and answers as wanted.",
    schema={
        "type": "object",
        "properties": {
            "url": {"type": "string", "format": "uri", "maxLength": 500},
            "timeout": DURATION,
            "when": {"type": "string", "minLength": 1},
            "wait_if": {"type": "string", "minLength": 1},
        },
        "required": ["url", "when"],
        "additionalProperties": False,
    },
    example={"url": "https://change.example.com/api", "timeout": "3s", "when": "body.status == 'approved'"},
    parse=_parse,
    judge=_judge,
    needs=_needs,
)
