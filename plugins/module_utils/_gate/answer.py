# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a requirement answers, and how answers add up: four-valued, and never true by what is not known.

In: answers. Out: one answer. Never here: why a single requirement answers so.

``no`` with a time is a no that ends by itself then (a calendar opens, a rate has room). ``wait`` is not settled yet (a
check runs, an approval is missing). ``unknown`` could not be found out. Only ``yes`` approves.
"""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass
from datetime import datetime


class Outcome(enum.StrEnum):
    """What a requirement can say."""

    YES = "yes"
    NO = "no"
    WAIT = "wait"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """An outcome with a sentence for people, and when to ask again where that is known (UTC)."""

    outcome: Outcome
    said: str
    until: datetime | None = None

    @property
    def lasting(self) -> bool:
        """True for a no that time alone does not change."""
        return self.outcome is Outcome.NO and self.until is None


def yes(said: str) -> Answer:
    """Return that it holds."""
    return Answer(Outcome.YES, said)


def no(said: str, until: datetime | None = None) -> Answer:
    """Return that it does not hold, until that moment or for good."""
    return Answer(Outcome.NO, said, until)


def wait(said: str, until: datetime | None = None) -> Answer:
    """Return that it is not settled yet; ``until`` is when to look again."""
    return Answer(Outcome.WAIT, said, until)


def unknown(said: str) -> Answer:
    """Return that it could not be found out."""
    return Answer(Outcome.UNKNOWN, said)


def all_of(answers: t.Sequence[Answer]) -> Answer:
    """Return yes when every answer is; a lasting no outweighs what may still change, and that what is not known."""
    return _first(
        [item for item in answers if item.lasting],
        [item for item in answers if item.outcome is Outcome.UNKNOWN],
        _latest([item for item in answers if item.outcome is not Outcome.YES]),
    ) or yes("all of them hold")


def any_of(answers: t.Sequence[Answer]) -> Answer:
    """Return yes when one answer is; else what may still become one, else no."""
    return _first(
        [item for item in answers if item.outcome is Outcome.YES],
        [item for item in answers if item.outcome is Outcome.UNKNOWN],
        _earliest([item for item in answers if not item.lasting]),
        [item for item in answers if item.lasting],
    ) or no("none of them holds")


def none_of(answers: t.Sequence[Answer]) -> Answer:
    """Return yes when every answer is no, also one that ends: what counts is now. What is not settled is waited for."""
    held = [no(item.said) for item in answers if item.outcome is Outcome.YES]
    return _first(
        held,
        [item for item in answers if item.outcome is Outcome.UNKNOWN],
        _latest([item for item in answers if item.outcome is Outcome.WAIT]),
    ) or yes("none of them holds")


def _first(*groups: t.Sequence[Answer]) -> Answer | None:
    return next((item for group in groups for item in group), None)


def _latest(answers: list[Answer]) -> list[Answer]:
    """Sort by when to ask again, the latest first: before that not all of them can hold. Open ends come last."""
    timed = [item for item in answers if item.until is not None]
    return sorted(timed, key=_until, reverse=True) + [item for item in answers if item.until is None]


def _earliest(answers: list[Answer]) -> list[Answer]:
    timed = [item for item in answers if item.until is not None]
    return sorted(timed, key=_until) + [item for item in answers if item.until is None]


def _until(answer: Answer) -> float:
    return answer.until.timestamp() if answer.until else 0.0
