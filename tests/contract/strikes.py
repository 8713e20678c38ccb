"""Which calls of a run are struck by a fault.

In: calls in words, and how a path is put into words. Out: a matcher. Never here: what a fault does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.contract.journey import AUTHENTIK, GITHUB, Call

_LOOKS = re.compile(rf"{GITHUB.pattern}|{AUTHENTIK.pattern}")


def comes_again(kind: str) -> Callable[[Call], bool]:
    """Say after which calls the same request is sent once more when that fault has struck.

    Not after a POST to GitHub or to Authentik whose answer was lost: what it did is found by looking.
    """
    return lambda call: not (kind == "lost" and call.method == "POST" and _LOOKS.match(call.path))


@dataclass
class Strikes:
    """A matcher that says yes to each of the chosen calls (all unless told) once. That the same request comes again
    right afterwards is the product's answer to the fault, and no further call."""

    words: Callable[[str], str]
    chosen: frozenset[Call] | None = None
    again: Callable[[Call], bool] = lambda call: True
    struck: set[Call] = field(default_factory=set)
    _count: Counter[tuple[str, str]] = field(default_factory=Counter)
    _repeats: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, method: str, path: str) -> bool:
        key = (method, self.words(path))
        if key in self._repeats:
            self._repeats.remove(key)
            return False
        self._count[key] += 1
        call = Call(key[1], method, self._count[key])
        if self.chosen is not None and call not in self.chosen:
            return False
        self.struck.add(call)
        if self.again(call):
            self._repeats.add(key)
        return True
