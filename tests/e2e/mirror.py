"""A mirror of releases, as somebody without internet would bring it along.

In: releases that are here, by their address. Out: a folder for `upstream_mirror`. Never here: a download.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

_IMAGE = re.compile(r"^\s*(?:- )?image: [\"']?([^\s\"']+)", re.M)


def mirror(folder: Path, releases: Mapping[str, Path]) -> Path:
    """Fill a folder with these releases. Digests of images are made up, since nothing here pulls them."""
    folder.mkdir(parents=True, exist_ok=True)
    manifests: dict[str, dict[str, str]] = {}
    images: dict[str, str] = {}
    for number, (url, path) in enumerate(sorted(releases.items())):
        text = path.read_bytes()
        file = f"{number}-{path.name}"
        shutil.copyfile(path, folder / file)
        manifests[url] = {"file": file, "sha256": hashlib.sha256(text).hexdigest()}
        for image in _IMAGE.findall(text.decode()):
            images[image] = f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
    lock = {"manifests": manifests, "images": images}
    (folder / "versions.lock.yaml").write_text(yaml.safe_dump(lock), encoding="utf-8")
    return folder
