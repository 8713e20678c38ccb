# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other projects publish, as this collection reads it: manifests with their sha256, images with their digest.

In: params of a module. Out: where the files lie, and a lock that holds all of them.
Never here: a write but to the cache.
"""

from __future__ import annotations

import os
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.reconcile import Runtime
from .client import Client
from .lock import Lock, Named, images_of, left_out_of, repository_of

_SIDE_BY_SIDE = 8

T = t.TypeVar("T")


@dataclass(frozen=True)
class Manifest:
    """One published manifest: its name here, its version, its URL, and its sha256 when that is known for a fact.

    ``left_out`` are objects in it that the part does not take.
    """

    name: str
    version: str
    url: str
    sha256: str
    left_out: frozenset[Named] = frozenset()

    @classmethod
    def from_data(cls, row: t.Any, part: str, left_out: frozenset[Named]) -> Manifest:
        """Return the manifest of one row. Raises Failure(invalid) for a row without name or URL."""
        if not isinstance(row, dict) or not (row.get("name") and row.get("url")):
            raise invalid(f"parts, {part}", "a manifest has no name or no url")
        name, version, url, sha256 = (str(row.get(name) or "") for name in ("name", "version", "url", "sha256"))
        return cls(name, version, url, sha256, left_out)


@dataclass(frozen=True)
class Part:
    """What one part of a platform takes from others: manifests, and the images that its own texts name."""

    name: str
    manifests: tuple[Manifest, ...]
    images: tuple[str, ...]

    @classmethod
    def from_data(cls, name: str, data: t.Any) -> Part:
        """Return the part of an option. Raises Failure(invalid)."""
        if not isinstance(data, dict) or data.keys() - {"manifests", "texts"}:
            raise invalid(f"parts, {name}", "a mapping with manifests and texts is wanted")
        texts = [str(text) for text in data.get("texts") or ()]
        left_out = left_out_of(texts)
        manifests = tuple(Manifest.from_data(row, name, left_out) for row in data.get("manifests") or ())
        return cls(name, manifests, tuple(images_of("\n".join(texts))))


class Upstream:
    """A light handle: nothing is sent before the first question."""

    def __init__(self, client: Client, progress: t.Callable[[str], None]) -> None:
        self._client = client
        self._progress = progress

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Upstream:
        """Return a handle for the options of the group UPSTREAM."""
        client = Client(
            cache=os.path.expanduser(params["upstream_cache"]),
            mirror=params["upstream_mirror"],
            ca_file=params["upstream_ca_cert"],
            read_timeout=float(params["upstream_timeout"]),
        )
        runtime.at_end.append(client.close)
        return cls(client, runtime.progress)

    def read(self, parts: t.Sequence[Part], lock: Lock, trust: bool) -> dict[str, t.Any]:
        """Return files and digests of each part, and the lock of exactly these.

        Raises Failure(refused) for what is not in the lock unless ``trust``, which takes what is published today.
        """
        wanted = list(dict.fromkeys(manifest for part in parts for manifest in part.manifests))
        files = _many(
            lambda manifest: self._manifest(manifest, lock, trust),
            wanted,
            near=lambda manifest: self._client.is_here(manifest.url),
        )
        named = {part.name: _named(part, files) for part in parts}
        every = dict.fromkeys(image for names in named.values() for image in names)
        images = [image for image in every if "@" not in image]
        digests = _many(
            lambda image: self._digest(image, lock, trust),
            images,
            near=lambda image: image in lock.images or bool(self._client.mirror),
        )
        found = Lock({row["url"]: row["sha256"] for row in files.values()}, digests)
        return {
            "parts": {
                part.name: {
                    "manifests": [files[manifest] for manifest in part.manifests],
                    "images": kustomize_images(
                        {image: digests[image] for image in named[part.name] if image in digests}
                    ),
                }
                for part in parts
            },
            "images": sorted(f"{image}@{digests[image]}" if image in digests else image for image in every),
            "lock": found.data(),
        }

    def _manifest(self, manifest: Manifest, lock: Lock, trust: bool) -> dict[str, t.Any]:
        fixed = manifest.sha256 or lock.manifests.get(manifest.url, "")
        if not (fixed or trust or self._client.mirror):
            raise _not_locked(manifest.url)
        self._progress(f"reading {manifest.url}")
        path, sha256 = self._client.manifest(manifest.url, fixed)
        with open(path, encoding="utf-8") as file:
            images = images_of(file.read(), manifest.left_out)
        return {
            "name": manifest.name,
            "version": manifest.version,
            "url": manifest.url,
            "sha256": sha256,
            "path": path,
            "images": images,
        }

    def _digest(self, image: str, lock: Lock, trust: bool) -> str:
        if image in lock.images:
            return lock.images[image]
        if not (trust or self._client.mirror):
            raise _not_locked(image)
        self._progress(f"looking up the digest of {image}")
        return self._client.digest(image)


def _many(function: t.Callable[[T], t.Any], items: t.Sequence[T], near: t.Callable[[T], bool]) -> dict[T, t.Any]:
    """Call a function for every item. What is not on this machine is asked for side by side; for what is, threads would
    only wait for each other."""
    far = [item for item in items if not near(item)]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        fetched = dict(zip(far, pool.map(function, far), strict=True))
    return {item: fetched[item] if item in fetched else function(item) for item in items}


def _named(part: Part, files: dict[Manifest, dict[str, t.Any]]) -> list[str]:
    """Return the images of a part, each once; those that name their digest as well."""
    theirs = [image for manifest in part.manifests for image in files[manifest]["images"]]
    return list(dict.fromkeys([*theirs, *part.images]))


def kustomize_images(digests: dict[str, str]) -> list[dict[str, str]]:
    """Return the rows for ``images:`` of a kustomization: each repository with its digest.

    Raises Failure(invalid) when two tags of one repository are wanted, which kustomize cannot tell apart.
    """
    rows: dict[str, tuple[str, str]] = {}
    for image, digest in sorted(digests.items()):
        name = repository_of(image)
        if name in rows and rows[name][1] != digest:
            raise invalid(
                f"The image {image}",
                f"the same part also uses {rows[name][0]}",
                "Use one version of an image in a part",
            )
        rows[name] = (image, digest)
    return [{"name": name, "digest": digest} for name, (_image, digest) in sorted(rows.items())]


def _not_locked(what: str) -> Failure:
    return Failure(
        Kind.REFUSED,
        tried="looking up",
        on=what,
        said="the lock does not know it, and trust_on_first_use is false",
        remedy="Run once with trust_on_first_use, look at the difference in versions.lock.yaml, and push it",
    )
