# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of what we wrote: a file of the tree that says which files are ours, and what we wrote into them last.

In: its text, or paths with digests. Out: the other of them. Never here: a comparison.
"""

from __future__ import annotations

import re
import typing as t

from .._core.failure import Failure, Kind
from .._yaml import dump, load_documents

FOLDER = ".aphex"
PATH = f"{FOLDER}/tree.yaml"
_VERSION = 1
_HEAD = (
    "# Written by aphex.platform with each of its commits: the files here that are its own, and the sha256 of what it\n"
    "# wrote into each. A file with another sha256 was edited since, and is not overwritten without being told to.\n"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def write(files: t.Mapping[str, str]) -> bytes:
    """Return the record's bytes; the same for the same files."""
    return (_HEAD + dump({"version": _VERSION, "files": dict(sorted(files.items()))})).encode()


def read(content: bytes | None, on: str) -> dict[str, str]:
    """Return the path and sha256 of each owned file; nothing where there is no record. ``on`` is where, for people."""
    if content is None:
        return {}
    try:
        found = load_documents(content.decode(), PATH)
        files = found[0]["files"]
        if found[0]["version"] == _VERSION and all(_SHA256.fullmatch(value) for value in files.values()):
            return dict(files)
        problem = "it is of another version of this collection, or damaged"
    except (Failure, ValueError, TypeError, LookupError, AttributeError) as error:
        problem = f"it cannot be read ({type(error).__name__})"
    raise Failure(
        Kind.CONFLICT,
        tried=f"Reading the record {PATH}",
        on=f"on {on}",
        said=problem,
        remedy="Restore that file from the history of the branch",
    )
