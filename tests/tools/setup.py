"""Make the virtual environments of the checkout, and the path by which Ansible finds the collection.

In: the Pythons of the machine, requirements*.txt. Out: `.venv` (the oldest ansible-core that we support, on the oldest
Python), `.venv-newest` (the newest of both that the machine has), with `bench` also `.venv-bench`. Done again only when
a Python or a requirement changed. Never here: a path of one machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import openapi, pythons
from .pythons import Python
from .steps import CACHE, ROOT, Step, run, say

OLDEST_PYTHON = (3, 11)
COLLECTION = CACHE / "collections" / "ansible_collections" / "aphex" / "platform"

# The Pythons that ansible-core's own test tool allows a controller to have: pip alone would take any newer one.
_SUPPORTED = "from ansible_test._util.target.common.constants import CONTROLLER_PYTHON_VERSIONS as v; print(*v)"


class SetupFailed(Exception):
    """The machine lacks something, or an installation ended with an error; the text says which."""


@dataclass(frozen=True)
class Environment:
    """One virtual environment: the core it gets, the files it is filled from, and which Pythons to try, best first."""

    folder: str
    core: str
    requirements: tuple[str, ...]
    choose: Callable[[list[Python]], list[Python]]

    @property
    def path(self) -> Path:
        return ROOT / self.folder

    @property
    def stamp(self) -> Path:
        return self.path / "aphex-setup"

    def wanted(self) -> str:
        """What the stamp of a finished environment says."""
        digest = hashlib.sha256(self.core.encode())
        for name in self.requirements:
            digest.update((ROOT / name).read_bytes())
        return digest.hexdigest()

    def stands(self) -> bool:
        return (
            self.stamp.is_file()
            and self.stamp.read_text(encoding="utf-8") == self.wanted()
            and _starts(self.path / "bin" / "python")
        )


OLDEST = Environment(
    ".venv",
    "ansible-core>=2.19,<2.20",
    ("requirements.txt", "requirements-gate.txt", "requirements-dev.txt"),
    lambda all_of_them: [python for python in reversed(all_of_them) if python.line >= OLDEST_PYTHON],
)
NEWEST = Environment(
    ".venv-newest",
    "ansible-core>=2.20",
    ("requirements.txt", "requirements-gate.txt", "requirements-dev.txt"),
    lambda all_of_them: [python for python in all_of_them if python.line > OLDEST_PYTHON],
)
# What our peers in the bench need. It is large: only `make bench` asks for it.
BENCH = Environment(
    ".venv-bench",
    "ansible>=12,<13",
    ("requirements.txt", "tests/bench/requirements.txt"),
    OLDEST.choose,
)


def main(arguments: list[str]) -> int:
    """Set everything up; with the argument ``bench`` its environment too. Returns the exit code."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            link_collection()
            openapi.fetch()
            make(OLDEST)
            if not make_newest():
                say("setup: this machine has no Python above 3.11: the newest ansible-core for it is the one in .venv")
            if "bench" in arguments:
                make(BENCH)
        except (SetupFailed, openapi.FetchFailed) as failure:
            say(f"setup: {failure}")
            return 1
    return 0


def link_collection() -> None:
    """Let `.cache/collections` hold this checkout under the collection's name."""
    COLLECTION.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(ROOT, COLLECTION.parent)
    if COLLECTION.is_symlink() and os.readlink(COLLECTION) == target:
        return
    COLLECTION.unlink(missing_ok=True)
    COLLECTION.symlink_to(target)


def make(environment: Environment) -> None:
    """Make that environment with the first Python that fits. Raises SetupFailed."""
    if environment.stands():
        return
    candidates = environment.choose(pythons.found())
    if not candidates:
        raise SetupFailed(
            f"no Python of at least {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} with venv and ensurepip was found"
        )
    python = next((python for python in candidates if _create(environment, python)), None)
    if python is None:
        raise SetupFailed(f"none of these can run {environment.core}: {', '.join(map(str, candidates))}")
    files = [word for name in environment.requirements for word in ("-r", name)]
    _install(environment, f"installing {' and '.join(environment.requirements)}", [environment.core, *files])
    environment.stamp.write_text(environment.wanted(), encoding="utf-8")


def make_newest() -> bool:
    """Make the environment of the newest core; False when the machine has no Python above the oldest."""
    if NEWEST.stands():
        return True
    if not NEWEST.choose(pythons.found()):
        shutil.rmtree(NEWEST.path, ignore_errors=True)
        return False
    make(NEWEST)
    return True


def _create(environment: Environment, python: Python) -> bool:
    """Make an empty environment with the core alone; False when that Python is too new for it."""
    step = Step(
        f"setup {environment.folder}", f"{python}", [python.path, "-m", "venv", "--clear", str(environment.path)], 300
    )
    if not run(step, _log(environment, "create")).passed:
        raise SetupFailed(f"{python} cannot make a virtual environment")
    _install(environment, f"installing {environment.core}", [environment.core])
    answer = subprocess.run(
        [environment.path / "bin" / "python", "-c", _SUPPORTED], capture_output=True, text=True, check=True, timeout=60
    )
    fits = f"{python.line[0]}.{python.line[1]}" in answer.stdout.split()
    if not fits:
        say(f"setup: {environment.core} does not run on {python}; trying an older one")
    return fits


def _install(environment: Environment, doing: str, what: list[str]) -> None:
    pip = [str(environment.path / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off", *what]
    if not run(Step(f"setup {environment.folder}", doing, pip, 1800), _log(environment, "install")).passed:
        raise SetupFailed(f"pip could not fill {environment.folder}")


def _log(environment: Environment, what: str) -> Path:
    return CACHE / "test" / "logs" / f"setup{environment.folder}-{what}.log"


def _starts(python: Path) -> bool:
    return python.is_file() and subprocess.run([python, "-c", ""], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
