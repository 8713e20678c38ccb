# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The face of commands: what one writes is read, and one is given what it should read.

In: Fed. Out: a step, and the output of commands that only read. Never here: whether a command was run before.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._core.plan import Change, Step
from .._core.reconcile import Runtime
from .._core.sensitive import Sensitive
from . import client


@dataclass(frozen=True)
class Fed:
    """A command that is to read something, once; whoever asks for it knows that it was not done before."""

    title: str
    argv: tuple[str, ...]
    data: Sensitive = field(repr=False)
    product: str = "command"
    present: bool = True


class Commands:
    """Runs commands; holds nothing."""

    name = "command"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Commands:
        """Return a handle; nothing is run yet."""
        return cls(runtime)

    def output(self, title: str, argv: t.Sequence[str]) -> Sensitive:
        """Return what a command that only reads has written."""
        return client.run(self._runtime, title, argv)

    def plan(self, desired: Fed) -> list[Step]:
        """Return the step."""
        change = Change(None, {"command": desired.argv[0], "fingerprint": desired.data.fingerprint()})
        return [Step("command", "run", desired.title, desired, change)]

    def perform(self, step: Step) -> None:
        """Run the command."""
        desired: Fed = step.desired
        client.run(self._runtime, desired.title, desired.argv, desired.data)

    def result(self, desired: Fed) -> t.Any:
        """Return what was run."""
        return {"title": desired.title}
