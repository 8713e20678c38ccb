"""The peers: kubernetes.core out of the PyPI package `ansible`, for the Ansible that the benches run with.

In: nothing. Out: the folder that holds it as a collection. Never here: a timing.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.bench.measure import CHECKOUT

# The release of `ansible` that belongs to ansible-core 2.19; its kubernetes.core is what users of that core have.
PACKAGE = "ansible==12.3.0"
_PREFIX = "ansible_collections/kubernetes/core/"


def peers() -> Path:
    """Return the collections folder with kubernetes.core; it is fetched once."""
    folder = CHECKOUT / ".cache" / "bench" / PACKAGE.replace("=", "-")
    if not (folder / _PREFIX / "MANIFEST.json").exists():
        print(f"fetching {PACKAGE} for kubernetes.core (50 MB, once)", flush=True)
        wheels = CHECKOUT / ".cache" / "bench" / "wheels"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), PACKAGE]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(wheels.glob("ansible-*.whl"))) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(_PREFIX)])
    return folder
