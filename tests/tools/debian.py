"""Programs out of Debian packages: how they get here when the machine has not got them.

In: names of packages, and a folder. Out: the packages, unpacked there. Never here: root's rights; the packages are
unpacked and not installed.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class NotToBeHad(RuntimeError):
    """There is no such program, and no package to take it from; the text says what to install."""


def kept(place: Path, program: str, packages: Sequence[str], keep: Callable[[Path], None]) -> None:
    """Let ``keep`` take what it wants out of the unpacked packages, unless `place` is there. Raises NotToBeHad."""
    with _alone(place):
        if place.exists():
            return
        folder = place.parent / f"{place.name}.package"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            _fetch(folder, packages)
            for package in folder.glob("*.deb"):
                _run(["dpkg-deb", "-x", str(package), str(folder)], folder)
            keep(folder)
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
            raise NotToBeHad(f"Install {program}, on Debian by `apt-get install {packages[0]}`: {said}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path, packages: Sequence[str]) -> None:
    """Download the packages; if the machine's lists of packages are missing or too old, by lists of our own."""
    try:
        _run(["apt-get", "download", *packages], folder)
    except subprocess.CalledProcessError:
        lists = folder / "lists"
        (lists / "partial").mkdir(parents=True)
        settings = (f"Dir::State::lists={lists}", "Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=")
        own = ["apt-get", *(word for setting in settings for word in ("-o", setting))]
        _run([*own, "update"], folder)
        _run([*own, "download", *packages], folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)
