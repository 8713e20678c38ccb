"""Fetch GitHub's own description of its REST API, against which the stand-in checks every request and answer.

In: a package, its version and the hash of what it must hold. Out: one JSON file below .cache, made once. Never here:
the address of a registry; npm knows the one that the user has set up.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from .steps import CACHE, Step, run

PACKAGE, VERSION = "@octokit/openapi", "23.0.2"
INTEGRITY = "sha512-pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg=="
MEMBER = "package/generated/api.github.com.json"
DESCRIPTION = CACHE / "openapi" / f"api.github.com-{VERSION}.json"


class FetchFailed(Exception):
    """The package could not be had, or is another one; the text says which."""


def fetch() -> Path:
    """Return the file, and fetch it first where it is missing. Raises FetchFailed."""
    if DESCRIPTION.is_file():
        return DESCRIPTION
    npm = shutil.which("npm")
    if npm is None:
        raise FetchFailed(f"npm is not on the PATH; it fetches {PACKAGE}, GitHub's description of its API")
    DESCRIPTION.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DESCRIPTION.parent) as folder:
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", folder]
        step = Step("setup openapi", f"fetching {PACKAGE} {VERSION}", command, 600)
        if not run(step, CACHE / "test" / "logs" / "setup-openapi.log").passed:
            raise FetchFailed(f"npm could not fetch {PACKAGE} {VERSION}")
        extract(next(Path(folder).glob("*.tgz")), DESCRIPTION)
    return DESCRIPTION


def extract(archive: Path, target: Path, wanted: str = INTEGRITY) -> None:
    """Take the one file out of an archive that has that hash. Raises FetchFailed."""
    found = integrity(archive)
    if found != wanted:
        raise FetchFailed(f"{archive.name} is not what was pinned: {found}, not {wanted}")
    partial = target.with_suffix(".partial")
    with tarfile.open(archive) as package:
        member = package.extractfile(MEMBER)
        if member is None:
            raise FetchFailed(f"{archive.name} has no {MEMBER}")
        partial.write_bytes(member.read())
    os.replace(partial, target)


def integrity(archive: Path) -> str:
    """Return the hash of a file in the form that package managers pin it by."""
    return f"sha512-{base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()}"
