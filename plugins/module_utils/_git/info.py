# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a tree, for those who only read: its commit, its record, contents, and our newest commits.

In: a place in a repository. Out: plain data. Never here: a write.
"""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass

from .._core.failure import invalid
from . import record
from .client import shown
from .tree import GitTree, State, check_path, check_place, observe
from .working_copy import Copy


@dataclass(frozen=True)
class Question:
    """Which tree, which of its files, and how many of our newest commits."""

    repository: str
    branch: str
    path: str
    files: tuple[str, ...] = ()
    log: int = 0
    signers_file: str | None = None

    def __post_init__(self) -> None:
        check_place(self.repository, self.branch, self.path)
        for path in self.files:
            check_path(path)
        if not 0 <= self.log <= 1000:
            raise invalid("log", "it is not between 0 and 1000", "Say how many commits are wanted")

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Question:
        """Return the question that a module's params ask."""
        return cls(
            repository=params["repository"],
            branch=params["branch"],
            path=(params["path"] or "").strip("/"),
            files=tuple(params["files"] or ()),
            log=params["log"],
            signers_file=params["allowed_signers"],
        )


def read(copy: Copy, asked: Question) -> dict[str, t.Any] | None:
    """Return the tree, None when the branch is not there."""
    place = GitTree(asked.repository, asked.branch, asked.path)
    state = observe(copy, place)
    if state.head is None:
        return None
    return {
        "repository": shown(asked.repository),
        "branch": asked.branch,
        "path": asked.path,
        "commit": state.head,
        "parent": copy.parent(state.head),
        "record": dict(sorted(state.record.items())),
        "edited": _edited(copy, state),
        "files": _files(copy, state, asked.files),
        "log": copy.log(state.head, place.at(record.PATH), asked.log, asked.signers_file) if asked.log else [],
    }


def _edited(copy: Copy, state: State) -> list[str]:
    owned = {path: state.entries.get(path) for path in state.record}
    content = copy.bytes_of(entry.oid for entry in owned.values() if entry and entry.is_file)
    return sorted(
        path
        for path, entry in owned.items()
        if entry is None or not entry.is_file or _sha256(content[entry.oid]) != state.record[path]
    )


def _files(copy: Copy, state: State, wanted: t.Sequence[str]) -> list[dict[str, t.Any]]:
    found = {path: state.entries[path] for path in wanted if path in state.entries and state.entries[path].is_file}
    content = copy.bytes_of(entry.oid for entry in found.values())
    return [_file(path, content[found[path].oid] if path in found else None) for path in wanted]


def _file(path: str, content: bytes | None) -> dict[str, t.Any]:
    if content is None:
        return {"path": path, "present": False, "content": None, "sha256": None}
    return {"path": path, "present": True, "content": _text(content), "sha256": _sha256(content)}


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
