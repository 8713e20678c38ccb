"""promtool, the program that tests Prometheus rules: where it is, or how it gets here.

In: the machine's PATH, else its Debian package. Out: the program, kept in `.cache/tools`. Never here: root's rights;
the package is unpacked and not installed.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from .steps import CACHE

PACKAGE = "prometheus"
PLACE = CACHE / "tools" / "promtool"


class NotToBeHad(RuntimeError):
    """There is no promtool, and no package to take it from; the text says what to install."""


def promtool() -> Path:
    """Return the program; from the PATH, from the cache, or out of the package. Raises NotToBeHad."""
    found = shutil.which("promtool")
    if found:
        return Path(found)
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    with PLACE.with_suffix(".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not PLACE.is_file():
            _unpack(PLACE.parent / "package")
    return PLACE


def _unpack(folder: Path) -> None:
    """Fetch the package by apt-get, without installing it, and keep the one program."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        _fetch(folder)
        [package] = folder.glob("*.deb")
        _run(["dpkg-deb", "-x", str(package), str(folder)], folder)
        shutil.move(folder / "usr" / "bin" / "promtool", PLACE)
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise NotToBeHad(f"Install promtool, on Debian by `apt-get install {PACKAGE}`: {said}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(folder: Path) -> None:
    """Download the package; if the machine's lists of packages are missing or too old, by lists of our own."""
    try:
        _run(["apt-get", "download", PACKAGE], folder)
    except subprocess.CalledProcessError:
        lists = folder / "lists"
        (lists / "partial").mkdir(parents=True)
        settings = (f"Dir::State::lists={lists}", "Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=")
        own = ["apt-get", *(word for setting in settings for word in ("-o", setting))]
        _run([*own, "update"], folder)
        _run([*own, "download", PACKAGE], folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)
