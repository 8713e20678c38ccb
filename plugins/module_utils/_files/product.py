# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The face of the files of the machine that runs the task: what should lie there, what is done about it.

In: File, Moved. Out: steps, and what was read. Never here: what a file means; its content in a step or a result.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, field

from .._core.failure import Failure, Kind
from .._core.plan import UNKNOWN, Change, Step
from .._core.reconcile import Runtime
from .._core.sensitive import Generated, Sensitive
from . import client

PRIVATE, PUBLIC = 0o600, 0o644


@dataclass(frozen=True)
class File:
    """A file that should be there, or gone. ``create``: made once, then only its mode counts.

    The content may be UNKNOWN, or something that is made while it is written.
    """

    path: str
    content: Sensitive | Generated | str = field(default=UNKNOWN, repr=False)
    mode: int = PRIVATE
    create: bool = False
    present: bool = True
    product: str = "files"

    @property
    def title(self) -> str:
        """What people call it."""
        return self.path


@dataclass(frozen=True)
class Moved:
    """A file that should not be there any more, but beside it under another name."""

    path: str
    target: str
    product: str = "files"
    present: bool = True

    @property
    def title(self) -> str:
        """What people call it."""
        return self.path


class Files:
    """Reads and writes files; holds nothing."""

    name = "files"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Files:
        """Return a handle; nothing is read yet."""
        return cls(runtime)

    def read(self, path: str) -> Sensitive | None:
        """Return what a file holds, None when it is not there."""
        found = client.read(path)
        return found.content if found else None

    def names(self, folder: str, pattern: str) -> list[str]:
        """Return the names of the files of a folder that fit a regular expression, in order."""
        return client.names(folder, pattern)

    def plan(self, desired: File | Moved) -> list[Step]:
        """Return the steps for one file."""
        found = client.read(desired.path)
        if isinstance(desired, Moved):
            if found is None:
                return []
            change = Change({"path": desired.path}, {"path": desired.target})
            return [Step("files", "move", desired.path, desired, change)]
        before = _shown(found.content, found.mode) if found else None
        if not desired.present:
            return [Step("files", "delete", desired.path, desired, Change(before, None))] if found else []
        settled = found is not None and (desired.create or found.content == desired.content)
        if settled and found is not None and found.mode == desired.mode:
            return []
        after = _shown(found.content if settled and found else desired.content, desired.mode)
        verb = "create" if found is None else "update"
        return [Step("files", verb, desired.path, desired, Change(before, after), unknown=desired.content == UNKNOWN)]

    def perform(self, step: Step) -> None:
        """Do one step."""
        desired: File | Moved = step.desired
        if isinstance(desired, Moved):
            client.move(desired.path, desired.target)
        elif not desired.present:
            client.remove(desired.path)
        elif desired.create and os.path.lexists(desired.path):
            client.set_mode(desired.path, desired.mode)
        else:
            client.write(desired.path, _made(desired), desired.mode)

    def result(self, desired: t.Any) -> t.Any:
        """Return where the file is; what it holds never shows."""
        return {"path": desired.path}


def _made(desired: File) -> Sensitive:
    content = desired.content.make() if isinstance(desired.content, Generated) else desired.content
    if not isinstance(content, Sensitive):
        raise Failure(Kind.BROKEN, tried="writing", on=desired.path, remedy="Please report this fault")
    return content


def _shown(content: Sensitive | Generated | str, mode: int) -> dict[str, t.Any]:
    fingerprint = content.fingerprint() if isinstance(content, Sensitive) else UNKNOWN
    return {"mode": f"{mode:04o}", "fingerprint": fingerprint}
