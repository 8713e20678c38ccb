"""What the generic tests need to know of one module.

In: nothing. Out: Case and its parts; a file in `cases/` makes one, named CASE. Never here: an assertion.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.contract import cases
from tests.contract.world import World

Args = dict[str, Any]


def _nothing(world: World) -> None:
    """Need nothing."""


@dataclass(frozen=True)
class Bad:
    """Arguments that must be refused: what differs from the good ones (None takes an option away).

    The sentence holds all `words`. Nothing at all is sent, unless it takes a look to know better: then reads alone.
    """

    why: str
    args: Callable[[World], Args]
    words: tuple[str, ...]
    looks: bool = False
    prepare: Callable[[World], None] = _nothing


@dataclass(frozen=True)
class Drift:
    """Something that happens behind the module's back, and words that the repair's diff must show."""

    why: str
    happens: Callable[[World], None]
    shows: Callable[[World], tuple[str, ...]]


@dataclass(frozen=True)
class Case:
    """One module. `good` and what differs from it are asked after `prepare`; `left` is asked from outside.

    `update` and `absent` differ from `good` in the options that they name; a module that only reads has neither, one
    for something that is always there has no `absent`.
    `left` answers what is there of the thing, nothing when it is gone.
    """

    module: str
    key: str
    good: Callable[[World], Args]
    bad: tuple[Bad, ...]
    prepare: Callable[[World], None] = _nothing
    left: Callable[[World], list[str]] | None = None
    drifts: tuple[Drift, ...] = ()
    update: Callable[[World], Args] | None = None
    update_shows: Callable[[World], tuple[str, ...]] = lambda world: ()
    back_shows: Callable[[World], tuple[str, ...]] | None = None
    """For an update whose way back is another one: words that its diff must show."""
    absent: Callable[[World], Args] | None = None
    whole: Callable[[World], Any] | None = None
    """For a module that is killed and struck by faults: all that it may have made or changed, asked from outside."""
    once: bool = False
    """Whether it does something that cannot be undone and does not drift, such as a decision."""
    emptied: Callable[[Any], bool] = lambda result: result in (None, [])
    """Whether a result says that the thing is gone."""
    files: Callable[[World], Any] | None = None
    """For a module that writes files: what tells whether one was written since it was asked before."""
    found: Callable[[World], tuple[str, ...]] = lambda world: ()
    """For a module that reads: words that must be in its result."""

    @property
    def reads_only(self) -> bool:
        """False also for what is never absent, such as an App's webhook: it drifts."""
        return self.absent is None and not self.drifts and not self.once

    def args(self, world: World, changes: Args | None = None) -> Args:
        """The good arguments with these changes."""
        whole = {**self.good(world), **(changes or {})}
        return {name: value for name, value in whole.items() if value is not None}


def all_cases() -> list[Case]:
    """Every case, the longest first, so that parallel workers end together."""
    names = [found.name for found in pkgutil.iter_modules(cases.__path__)]
    found = [importlib.import_module(f"{cases.__name__}.{name}").CASE for name in names]
    longest = ["organization", "repo_binding", "knowledge_base"]
    return sorted(found, key=lambda case: (longest.index(case.module) if case.module in longest else 9, case.module))
