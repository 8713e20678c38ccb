"""promtool, the program that tests Prometheus rules: where it is, or how it gets here.

In: the machine's PATH, else its Debian package. Out: the program, kept in `.cache/tools`. Never here: an installation.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .debian import kept
from .steps import CACHE

PACKAGE = "prometheus"
PLACE = CACHE / "tools" / "promtool"


def promtool() -> Path:
    """Return the program; from the PATH, from the cache, or out of the package. Raises NotToBeHad."""
    found = shutil.which("promtool")
    if found:
        return Path(found)
    kept(PLACE, "promtool", [PACKAGE], _keep)
    return PLACE


def _keep(folder: Path) -> None:
    shutil.move(folder / "usr" / "bin" / "promtool", PLACE)
