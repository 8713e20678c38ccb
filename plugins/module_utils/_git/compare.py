# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between what we want, what we wrote last and what is there: three ways, so that no edit is lost.

In: the files that are there, the record, the files that are desired. Out: Difference, or a Failure that names the
files. Pure. Never here: a command.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind
from .working_copy import Entry

REFUSE, KEEP, OVERWRITE = ON_EDITED = ("refuse", "keep", "overwrite")
_NAMED = 5


@dataclass(frozen=True)
class Wanted:
    """The bytes that a file should have, and their two names."""

    content: bytes
    oid: str
    sha256: str


@dataclass(frozen=True)
class Rules:
    """What may be done to files that are not as we left them, or not ours, and where: everywhere, or below ``only``."""

    on_edited: str = REFUSE
    adopt: bool = False
    prune: bool = False
    only: tuple[str, ...] | None = None

    def reach(self, path: str) -> bool:
        """Tell whether a file is looked at; all others stay as they are, in the tree and in the record."""
        return self.only is None or any(path == each or path.startswith(f"{each}/") for each in self.only)


@dataclass(frozen=True)
class Difference:
    """What to put and to drop, the record afterwards, and the files of ours that stay as people have edited them."""

    put: tuple[str, ...]
    drop: tuple[str, ...]
    record: dict[str, str]
    edited: tuple[str, ...]
    recorded: bool
    """Whether the record must be written although no file changes: a file was taken over with the bytes it has."""


def compare(
    there: t.Mapping[str, Entry],
    record: t.Mapping[str, str],
    desired: t.Mapping[str, Wanted],
    rules: Rules,
    sha256_of: t.Callable[[Entry], str],
    where: str,
    drop: t.Iterable[str] = (),
) -> Difference:
    """Return the difference. ``sha256_of`` reads a file; it is asked only for those that are not as desired.

    Files in ``drop`` go also where nothing is pruned.
    """
    found = _Comparison(there, record, rules, sha256_of)
    for path in filter(rules.reach, sorted(desired)):
        found.want(path, desired[path])
    if rules.prune:
        for path in filter(rules.reach, sorted(set(record) - set(desired))):
            found.drop_owned(path)
    for path in sorted(set(drop)):
        found.unwant(path)
    found.refuse(where)
    return found.difference()


class _Comparison:
    def __init__(
        self,
        there: t.Mapping[str, Entry],
        record: t.Mapping[str, str],
        rules: Rules,
        sha256_of: t.Callable[[Entry], str],
    ) -> None:
        self._there = there
        self._record = record
        self._rules = rules
        self._sha256_of = sha256_of
        self._after = dict(record)
        self._put: list[str] = []
        self._drop: list[str] = []
        self._edited: list[str] = []
        self._foreign: list[str] = []
        self._refused: list[str] = []
        self._recorded = False

    def want(self, path: str, wanted: Wanted) -> None:
        """Judge a file that should be there."""
        entry, written = self._there.get(path), self._record.get(path)
        if written is None:
            self._want_new(path, wanted, entry)
        elif entry and entry.is_file and entry.oid == wanted.oid:
            self._note(path, wanted)
        elif self._is_ours(entry, written) or self._rules.on_edited == OVERWRITE:
            self._write(path, wanted)
        elif written == wanted.sha256 or self._rules.on_edited == KEEP:
            # Somebody's edit of what we want to be as before is theirs, not a drift.
            self._edited.append(path)
        else:
            self._refused.append(path)

    def _want_new(self, path: str, wanted: Wanted, entry: Entry | None) -> None:
        if entry is not None and not self._rules.adopt:
            self._foreign.append(path)
        elif entry and entry.is_file and entry.oid == wanted.oid:
            self._note(path, wanted)
        else:
            self._write(path, wanted)

    def unwant(self, path: str) -> None:
        """Judge a file that is named as one that should not be there, whoever made it."""
        if path in self._record:
            self.drop_owned(path)
        elif path in self._there and self._rules.adopt:
            self._drop.append(path)
        elif path in self._there:
            self._foreign.append(path)

    def drop_owned(self, path: str) -> None:
        """Judge a file of ours that should not be there."""
        entry = self._there.get(path)
        if entry is None:
            self._after.pop(path)
        elif self._is_ours(entry, self._record[path]) or self._rules.on_edited == OVERWRITE:
            self._drop.append(path)
            self._after.pop(path)
        elif self._rules.on_edited == KEEP:
            self._edited.append(path)
        else:
            self._refused.append(path)

    def _is_ours(self, entry: Entry | None, written: str) -> bool:
        return entry is not None and entry.is_file and self._sha256_of(entry) == written

    def _note(self, path: str, wanted: Wanted) -> None:
        if self._after.get(path) != wanted.sha256:
            self._after[path] = wanted.sha256
            self._recorded = True

    def _write(self, path: str, wanted: Wanted) -> None:
        self._put.append(path)
        self._after[path] = wanted.sha256

    def refuse(self, where: str) -> None:
        """Raise for files that are not ours, or not as we left them."""
        if self._foreign:
            raise Failure(
                Kind.REFUSED,
                tried="Writing the tree",
                on=f"on {where}",
                said=f"{_names(self._foreign)} stood there before and {_is_are(self._foreign)} not in our record",
                remedy="Set adopt: true to take over what stands there, or name another path",
            )
        if self._refused:
            raise Failure(
                Kind.REFUSED,
                tried="Writing the tree",
                on=f"on {where}",
                said=f"people have edited {_names(self._refused)} since we wrote it, and it should change now",
                remedy="Bring the edit into the input, or set on_edited to keep or to overwrite",
            )
        self._refuse_in_the_way(where)

    def _refuse_in_the_way(self, where: str) -> None:
        """A file where a folder must be, or the other way round, is never put aside silently."""
        staying = set(self._there) - set(self._drop)
        folders = {parent for path in staying for parent in _parents(path)}
        blocked = [path for path in self._put if path in folders or any(each in staying for each in _parents(path))]
        if blocked:
            raise Failure(
                Kind.REFUSED,
                tried="Writing the tree",
                on=f"on {where}",
                said=f"a file stands where a folder must be, or a folder where a file must be: {_names(blocked)}",
                remedy="Move what stands there away",
            )

    def difference(self) -> Difference:
        """Return what was found."""
        return Difference(tuple(self._put), tuple(self._drop), self._after, tuple(sorted(self._edited)), self._recorded)


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _names(paths: list[str]) -> str:
    return ", ".join(paths[:_NAMED]) + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")


def _is_are(paths: list[str]) -> str:
    return "is" if len(paths) == 1 else "are"
