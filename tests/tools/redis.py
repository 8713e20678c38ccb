"""redis-server, in which Argo CD keeps what it has computed: where it is, or how it gets here.

In: the machine's PATH, else its Debian packages. Out: the program, and the environment that it wants, kept in
`.cache/tools`. Never here: an installation.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .debian import kept
from .steps import CACHE

# The program is in redis-tools; the others hold libraries that few machines have already.
PACKAGES = ("redis-tools", "libjemalloc2", "liblzf1")
PLACE = CACHE / "tools" / "redis"


def redis_server() -> tuple[Path, dict[str, str]]:
    """Return the program with its environment; from the PATH, from the cache, or out of packages. Raises NotToBeHad."""
    found = shutil.which("redis-server")
    if found:
        return Path(found), {}
    kept(PLACE, "redis-server", PACKAGES, _keep)
    return PLACE / "redis-server", {"LD_LIBRARY_PATH": str(PLACE)}


def _keep(folder: Path) -> None:
    """Keep one program and its libraries; it finds out by its name what it is to be."""
    whole = folder / "whole"
    whole.mkdir()
    shutil.copy(folder / "usr" / "bin" / "redis-check-rdb", whole / "redis-server")
    for library in sorted((folder / "usr" / "lib").rglob("*.so*")):
        shutil.copy(library, whole / library.name)
    whole.rename(PLACE)
