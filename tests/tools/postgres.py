"""PostgreSQL's server, in which several replicas of the gate share what they know: where it is, or how it gets here.

In: the machine's PATH and the folders of Debian's packages, else the packages themselves. Out: the folder with the
programs, and the environment that they want, kept in `.cache/tools`. Never here: an installation.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from .debian import NotToBeHad, kept
from .steps import CACHE

PLACE = CACHE / "tools" / "postgres"
_DEBIAN = Path("/usr/lib/postgresql")
# Libraries of the server that few machines have already.
_LIBRARIES = (
    "libpq5",
    "libicu72",
    "libldap-2.5-0",
    "liblz4-1",
    "libsasl2-2",
    "libxml2",
    "libzstd1",
)


def postgres() -> tuple[Path, dict[str, str]]:
    """Return the folder of the programs, with their environment. Raises NotToBeHad."""
    found = [path for path in (_on_path(), *_of_debian(_DEBIAN)) if path is not None]
    if found:
        return found[0], {}
    kept(PLACE, "the PostgreSQL server", (_package(), *_LIBRARIES), _keep)
    return _of_debian(PLACE / "usr" / "lib" / "postgresql")[0], {"LD_LIBRARY_PATH": str(PLACE / "lib")}


def _on_path() -> Path | None:
    """Return the folder of what is on the PATH; the server looks for its other files beside where it really is."""
    found = shutil.which("initdb")
    folder = Path(found).resolve().parent if found else None
    return folder if folder and (folder / "postgres").is_file() else None


def _of_debian(place: Path) -> list[Path]:
    """Return the folders of servers there, the newest first."""
    return sorted((path.parent for path in place.glob("*/bin/initdb")), key=_version, reverse=True)


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


def _package() -> str:
    """Return the package of this release's server, which the package `postgresql` only names."""
    command = ["apt-cache", "depends", "postgresql"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    named = re.search(r"Depends: (postgresql-\d+)", told)
    if named is None:
        raise NotToBeHad("Install PostgreSQL's server, on Debian by `apt-get install postgresql`")
    return named[1]


def _keep(folder: Path) -> None:
    """Keep the server's tree as it is, since it looks for its files beside itself, and all libraries in one folder."""
    whole = folder / "whole"
    (whole / "lib").mkdir(parents=True)
    for library in sorted((folder / "usr" / "lib").rglob("*.so*")):
        if "postgresql" not in library.parts:
            shutil.copy(library, whole / "lib" / library.name)
    for part in ("lib", "share"):
        shutil.copytree(folder / "usr" / part / "postgresql", whole / "usr" / part / "postgresql")
    whole.rename(PLACE)
