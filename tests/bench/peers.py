"""The peers: collections out of the PyPI package `ansible`, for the Ansible that the benches run with.

In: nothing. Out: the folder that holds them as collections. Never here: a timing.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.bench.measure import CHECKOUT

# The release of `ansible` that belongs to ansible-core 2.19; its collections are what users of that core have.
PACKAGE = "ansible==12.3.0"
_PEERS = ("ansible_collections/kubernetes/core/", "ansible_collections/community/general/")

PYTHON = CHECKOUT / ".venv-bench" / "bin" / "python"
"""The Python with the libraries that peers want and we do not."""


def peers() -> Path:
    """Return the collections folder with the peers; it is fetched once."""
    folder = CHECKOUT / ".cache" / "bench" / PACKAGE.replace("=", "-")
    if not all((folder / peer / "MANIFEST.json").exists() for peer in _PEERS):
        print(f"fetching {PACKAGE} for kubernetes.core and community.general (50 MB, once)", flush=True)
        wheels = CHECKOUT / ".cache" / "bench" / "wheels"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), PACKAGE]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(wheels.glob("ansible-*.whl"))) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(_PEERS)])
    return folder
