"""Virtual environments in which something is missing, or as old as the requirements allow.

In: names of packages. Out: an environment under .cache, made once. Never here: a package that no requirement names.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

from tests.sandbox.sandbox import CHECKOUT

FOLDER = CHECKOUT / ".cache" / "environments"
_STAMP = "aphex-complete"


def environment(name: str, *packages: str) -> Path:
    """The folder of programs of an environment with exactly these packages and what they need."""
    key = hashlib.sha256(repr((sys.version, packages)).encode()).hexdigest()[:12]
    folder = FOLDER / f"{name}-{key}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}-{key}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _STAMP).exists():
            _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder))
            _run(sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q", *packages)
            (folder / _STAMP).touch()
    return folder / "bin"


def ansible_alone() -> Path:
    """An environment with the ansible-core that runs here, and none of our libraries."""
    return environment("ansible-alone", f"ansible-core=={importlib.metadata.version('ansible-core')}")


def lowest() -> Path:
    """An environment of the lowest releases that requirements.txt allows, without Ansible."""
    return environment("lowest", *lower_bounds())


def lower_bounds() -> list[str]:
    """Each requirement at its lower bound; of PyYAML, which is compiled, the newest that fits this Python."""
    lines = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pattern = re.compile(r"([A-Za-z-]+(?:\[[a-z]+\])?)>=([0-9.]+),<.*")
    found = [pattern.fullmatch(line) for line in lines if not line.startswith("#")]
    return [row.group(0) if row.group(1) == "PyYAML" else f"{row.group(1)}=={row.group(2)}" for row in found if row]


def _run(*words: str) -> None:
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(words)}\n{ended.stdout}\n{ended.stderr}")
