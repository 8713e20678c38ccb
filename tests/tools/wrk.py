"""wrk, which loads an HTTP server: where it is, or how it gets here.

In: the machine's PATH, else its Debian packages. Out: the program, and the environment that it wants, kept in
`.cache/tools`. Never here: an installation.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .debian import kept
from .steps import CACHE

# The second one holds a library that few machines have already.
PACKAGES = ("wrk", "libluajit-5.1-2")
PLACE = CACHE / "tools" / "wrk"


def wrk() -> tuple[Path, dict[str, str]]:
    """Return the program with its environment; from the PATH, from the cache, or out of packages. Raises NotToBeHad."""
    found = shutil.which("wrk")
    if found:
        return Path(found), {}
    kept(PLACE, "wrk", PACKAGES, _keep)
    return PLACE / "wrk", {"LD_LIBRARY_PATH": str(PLACE)}


def _keep(folder: Path) -> None:
    whole = folder / "whole"
    whole.mkdir()
    shutil.copy(folder / "usr" / "bin" / "wrk", whole / "wrk")
    for library in sorted((folder / "usr" / "lib").rglob("*.so*")):
        shutil.copy(library, whole / library.name)
    whole.rename(PLACE)
