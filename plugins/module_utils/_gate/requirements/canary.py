# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``canary``: a share of the repositories (or owners) goes first.

In: how many of a hundred, of what. Out: yes for those who are in the share. Never here: chance.

Who is in the share hangs on a name alone: the same ones go first with every commit, and a larger share holds the
smaller one. ``seed`` deals anew. Beside ``promoted_from`` in ``any``, the others follow after the soak time.
"""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass

from ..answer import Answer, no, yes
from ..expression import Context
from ..facts import Facts
from .kind import Kind, Names

_PARTS = 10_000


@dataclass(frozen=True)
class Canary:
    """Which share of what goes first."""

    percent: float
    of: str
    seed: str


def _parse(argument: dict[str, t.Any], names: Names, what: str) -> Canary:
    return Canary(argument["percent"], argument.get("of", "repository"), argument.get("seed", ""))


def _judge(arguments: Canary, facts: Facts, context: Context) -> Answer:
    pending = facts.pending
    name = pending.owner if arguments.of == "owner" else pending.full_name
    dealt = hashlib.sha256(f"{arguments.seed}\n{name.lower()}".encode()).digest()
    part = int.from_bytes(dealt[:8], "big") % _PARTS
    if part < arguments.percent * _PARTS / 100:
        return yes(f"{name} is among the {arguments.percent:g} % that go first")
    return no(f"{name} is not among the {arguments.percent:g} % that go first")


CANARY = Kind(
    name="canary",
    says="The repository, or its owner, belongs to the share that goes first.",
    schema={
        "type": "object",
        "properties": {
            "percent": {"type": "number", "minimum": 0, "maximum": 100},
            "of": {"enum": ["repository", "owner"]},
            "seed": {"type": "string"},
        },
        "required": ["percent"],
        "additionalProperties": False,
    },
    example={"percent": 10, "of": "repository"},
    parse=_parse,
    judge=_judge,
)
