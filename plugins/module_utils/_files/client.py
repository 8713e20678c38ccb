# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of the machine that runs the task: read, written whole or not at all, moved, removed.

In: paths, content. Out: content as Sensitive; every error a Failure. Never here: what a file should hold.
The only place of this product that reveals a sensitive value.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind
from .._core.sensitive import Sensitive

LARGEST = 64 * 1024 * 1024
FOLDER_MODE = 0o700


@dataclass(frozen=True)
class Found:
    """A file as it is."""

    content: Sensitive
    mode: int


def read(path: str) -> Found | None:
    """Return a file, None when it is not there."""
    with _told("reading", path):
        try:
            with open(path, "rb") as file:
                content = file.read(LARGEST + 1)
                mode = os.fstat(file.fileno()).st_mode & 0o777
        except FileNotFoundError:
            return None
    if len(content) > LARGEST:
        said = f"it is larger than {LARGEST // 1024 // 1024} MiB"
        raise Failure(Kind.INVALID, tried="reading", on=path, said=said, remedy="Name another file")
    return Found(Sensitive(content), mode)


def names(folder: str, pattern: str) -> list[str]:
    """Return the names of the files in a folder that fit a regular expression, in order; none without the folder."""
    with _told("reading", folder):
        try:
            return sorted(name for name in os.listdir(folder) if re.fullmatch(pattern, name))
        except FileNotFoundError:
            return []


def write(path: str, content: Sensitive, mode: int) -> None:
    """Write a file: whoever looks sees the old one or the new one, whenever the process ends."""
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, f".{os.path.basename(path)}.{secrets.token_hex(4)}.tmp")
    with _told("writing", path):
        os.makedirs(folder, FOLDER_MODE, exist_ok=True)
        _forget_halves(folder, os.path.basename(path))
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
                file.write(content.reveal().encode())
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _settle(folder)


def _forget_halves(folder: str, name: str) -> None:
    """Remove what a run that was killed has left of this file."""
    for half in names(folder, rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.tmp"):
        os.unlink(os.path.join(folder, half))


def set_mode(path: str, mode: int) -> None:
    """Set who may read a file."""
    with _told("changing the mode of", path):
        os.chmod(path, mode)


def move(path: str, target: str) -> None:
    """Give a file another name in its folder."""
    with _told("moving", path):
        os.replace(path, target)
        _settle(os.path.dirname(path) or ".")


def remove(path: str) -> None:
    """Remove a file that may be gone already."""
    with _told("removing", path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _settle(folder: str) -> None:
    """Have the folder itself written, so that a new name outlives a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told(tried: str, path: str) -> t.Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failure(
            Kind.DENIED if isinstance(error, PermissionError) else Kind.BROKEN,
            tried=tried,
            on=path,
            said=error.strerror or type(error).__name__,
            remedy="Check the path, its rights and the space on its disk",
        ) from error
