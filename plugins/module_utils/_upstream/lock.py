# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock: what each release manifest and each image was when it was first used.

In: plain data of ``versions.lock.yaml``. Out: Lock. Never here: a request, a file.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._core.failure import invalid

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Every manifest names its images so, in a container or an init container.
_IMAGE = re.compile(
    r"""^[ \t]*(?:-[ \t]+)? ["']?image["']? :[ \t]+ ["']?([^\s"'{}#]+)["']? [ \t]*(?:\#.*)?$""",
    re.MULTILINE | re.VERBOSE,
)
# Where such a line may be: text that a search finds by its first letters, which is ten times as fast.
_IMAGE_KEY = re.compile(r"""image["']?:[ \t]""")
_DELETED = re.compile(r"^\$patch: delete[ \t]*$", re.MULTILINE)
_DOCUMENTS = re.compile(r"^---.*$", re.MULTILINE)
# Of the object itself: both stand at the left, and the name is that of its metadata.
_KIND = re.compile(r"^kind:[ \t]+[\"']?([A-Za-z0-9]+)", re.MULTILINE)
_NAME = re.compile(r"^metadata:[ \t]*\n(?:[ \t]+.*\n)*?  name:[ \t]+[\"']?([-.:\w]+)", re.MULTILINE)

Named = tuple[str, str]
"""Kind and name of an object."""


@dataclass(frozen=True)
class Lock:
    """``manifests``: URL to the sha256 of its text in hex; ``images``: ``name:tag`` to its digest."""

    manifests: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_data(cls, data: t.Any, what: str) -> Lock:
        """Return the lock of parsed YAML, empty for nothing. Raises Failure(invalid) for what is no lock."""
        if not data:
            return cls()
        if not isinstance(data, dict):
            raise invalid(what, f"a mapping is wanted, not {type(data).__name__}")
        manifests, images = data.get("manifests") or {}, data.get("images") or {}
        for url, row in manifests.items():
            if not (isinstance(row, dict) and _SHA256.fullmatch(str(row.get("sha256", "")))):
                raise invalid(f"{what}, manifest {url}", "it has no sha256 of 64 hexadecimal digits")
        for image, digest in images.items():
            if not _DIGEST.fullmatch(str(digest)):
                raise invalid(f"{what}, image {image}", "its digest is not sha256: with 64 hexadecimal digits")
        return cls({str(url): str(row["sha256"]) for url, row in manifests.items()}, dict(images))

    def data(self) -> dict[str, t.Any]:
        """Return the lock as it stands in the file, sorted."""
        return {
            "manifests": {url: {"sha256": self.manifests[url]} for url in sorted(self.manifests)},
            "images": {image: self.images[image] for image in sorted(self.images)},
        }


def images_of(text: str, left_out: t.Collection[Named] = ()) -> list[str]:
    """Return the images that a manifest names, each once, in order; those of objects that are left out do not count."""
    kept = [document for document in _DOCUMENTS.split(text) if _named(document) not in left_out] if left_out else [text]
    return list(dict.fromkeys(image for document in kept for image in _images(document)))


def _images(document: str) -> t.Iterator[str]:
    for key in _IMAGE_KEY.finditer(document):
        line = _IMAGE.match(document, document.rfind("\n", 0, key.start()) + 1)
        if line:
            yield line[1]


def left_out_of(texts: t.Iterable[str]) -> frozenset[Named]:
    """Return the objects that patches take out of a release."""
    patches = (patch for text in texts for patch in _DOCUMENTS.split(text) if _DELETED.search(patch))
    return frozenset(_named(patch) for patch in patches)


def _named(document: str) -> Named:
    kind, name = _KIND.search(document), _NAME.search(document + "\n")
    return (kind[1] if kind else "", name[1] if name else "")


def repository_of(image: str) -> str:
    """Return an image without its tag and digest; a port before a slash is no tag."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
