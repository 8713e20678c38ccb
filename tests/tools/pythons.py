"""Find the Pythons of this machine.

In: the PATH, and pyenv's folder of versions. Out: Pythons that start and can make a virtual environment, newest first.
Never here: a path or a version that is only hoped for: each is asked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"python3(\.\d+)?")
# `venv` alone is not enough: Debian splits ensurepip off.
_QUESTION = """
import ensurepip, ssl, sqlite3, sys, venv
print(*sys.version_info[:3], sys.prefix == sys.base_prefix, sys.executable)
"""


@dataclass(frozen=True)
class Python:
    """A Python that answered; ``version`` is (major, minor, micro)."""

    path: str
    version: tuple[int, int, int]

    @property
    def line(self) -> tuple[int, int]:
        return self.version[:2]

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def found() -> list[Python]:
    """Return one Python for each minor version, newest first."""
    lines: dict[tuple[int, int], Python] = {}
    for path in _candidates():
        python = ask(path)
        if python and python.version > lines.get(python.line, Python("", (0, 0, 0))).version:
            lines[python.line] = python
    return [lines[line] for line in sorted(lines, reverse=True)]


def ask(path: str) -> Python | None:
    """Return the Python behind that path; None when it does not start (a shim without a version) or cannot serve."""
    try:
        answer = subprocess.run([path, "-c", _QUESTION], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return None
    words = answer.stdout.split(maxsplit=4)
    if answer.returncode or len(words) != 5 or words[3] != "True":
        return None
    return Python(words[4].strip(), (int(words[0]), int(words[1]), int(words[2])))


def _candidates() -> list[str]:
    folders = [Path(entry) for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if entry]
    folders += sorted(_pyenv_versions())
    paths = [path for folder in folders if folder.is_dir() for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return list(dict.fromkeys(str(path) for path in paths))


def _pyenv_versions() -> list[Path]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    # Without pyenv there is nothing to list.
    return list(root.glob("versions/*/bin")) if shutil.which("pyenv") or root.is_dir() else []
