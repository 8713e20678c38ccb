# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What should be, what differs, and what will be done about it.

In: nothing; these are the records that all layers speak. Out: Desired, Change, Step, Plan, UNKNOWN.
Never here: how to compare.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .sensitive import Sensitive, redact

UNKNOWN = "(known after apply)"


def holds_unknown(value: t.Any) -> bool:
    """Tell whether plain data holds a value that only a write can make known; it may be part of a longer text."""
    if isinstance(value, str):
        return UNKNOWN in value
    if isinstance(value, dict):
        return any(holds_unknown(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds_unknown(item) for item in value)
    return False


def without_unknown(value: t.Any) -> t.Any:
    """Return a copy for results: what is not known yet is None, so that no later task takes the text for data."""
    if isinstance(value, str):
        return None if UNKNOWN in value else value
    if isinstance(value, dict):
        return {key: without_unknown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_unknown(item) for item in value]
    return value


class Desired(t.Protocol):
    """What should be. Frozen and complete: it needs no look-up to be understood."""

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""

    @property
    def present(self) -> bool:
        """False when it should be gone."""


@dataclass(frozen=True)
class Change:
    """The managed fields before and after a step, redacted. Equal sides do not exist; None means not there."""

    before: t.Any
    after: t.Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", redact(self.before))
        object.__setattr__(self, "after", redact(self.after))


@dataclass(frozen=True)
class Step:
    """One request that writes, or one wait.

    ``rank`` orders steps; equal ranks are independent and may be performed side by side. ``desired`` is what the
    product needs to perform it. A write without a change is bookkeeping that users did not ask for. ``parts`` are
    the changes of one request in several places, each under its own name, beside ``change``.
    """

    product: str
    verb: str
    target: str
    desired: t.Any
    change: Change | None = None
    rank: int = 0
    condition: str = ""
    unknown: bool = False
    note: str = ""
    parts: tuple[tuple[str, Change], ...] = ()

    @property
    def ready(self) -> bool:
        """True when the step holds nothing that an earlier write has to make known."""
        return not self.unknown

    def describe(self) -> dict[str, t.Any]:
        """Return the step for results: verb, target, and what a wait waits for."""
        answer: dict[str, t.Any] = {"product": self.product, "verb": self.verb, "target": self.target}
        if self.condition:
            answer["condition"] = self.condition
        if self.note:
            answer["note"] = self.note
        return answer


@dataclass(frozen=True)
class Plan:
    """All steps in their final order."""

    steps: tuple[Step, ...] = ()
    desired: tuple[Desired, ...] = field(default=(), compare=False)

    @property
    def changed(self) -> bool:
        """True when some step changes something; waits alone do not."""
        return any(step.change for step in self.steps)

    @property
    def diff(self) -> list[dict[str, t.Any]]:
        """Return Ansible's diff list, one entry a changed target, and one for each part of it."""
        return [
            {
                "before_header": name,
                "after_header": name,
                "before": {} if change.before is None else change.before,
                "after": {} if change.after is None else change.after,
            }
            for step in self.steps
            if step.change
            for name, change in ((step.target, step.change), *step.parts)
        ]


__all__ = ["UNKNOWN", "Change", "Desired", "Plan", "Sensitive", "Step", "holds_unknown", "without_unknown"]
