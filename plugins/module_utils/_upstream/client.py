# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Release manifests and image digests of other projects: read from a mirror, a cache, or where they are published.

In: a URL, or an image with its tag. Out: a file whose sha256 is known, or a digest.
Never here: a write but to the cache, a judgement about what stands in a manifest.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.retry import Backoff
from .._yaml import load_documents
from .lock import Lock

if t.TYPE_CHECKING:
    from .published import Published

INDEX = "versions.lock.yaml"


@dataclass(frozen=True)
class Mirror:
    """A folder for machines without internet: its index says which file holds which URL's text."""

    folder: str
    lock: Lock
    files: dict[str, str]

    @classmethod
    def open(cls, folder: str) -> Mirror:
        """Read the index of a mirror folder. Raises Failure(invalid) when there is none."""
        path = os.path.join(folder, INDEX)
        if not os.path.isfile(path):
            raise invalid(f"The mirror {folder}", f"it holds no {INDEX}", "See docs/guides/bootstrap.md")
        with open(path, encoding="utf-8") as file:
            data = (load_documents(file.read(), path) or [{}])[0]
        lock = Lock.from_data(data, path)
        files = {url: str(row.get("file") or "") for url, row in (data.get("manifests") or {}).items()}
        return cls(folder, lock, files)

    def path(self, url: str) -> str:
        """Return the file of that URL. Raises Failure(missing) for one that the mirror does not hold."""
        name = self.files.get(url, "")
        path = os.path.normpath(os.path.join(self.folder, name))
        if not name or not os.path.isfile(path):
            raise Failure(
                Kind.MISSING,
                tried="reading a release manifest",
                on=url,
                said=f"the mirror {self.folder} does not hold it",
                remedy="Make the mirror again, with the versions that are wanted",
            )
        return path


class Client:
    """Downloads into a cache folder. ``read_timeout`` is in seconds; ``sleep`` and ``backoff`` are for tests."""

    def __init__(
        self,
        *,
        cache: str,
        mirror: str | None = None,
        ca_file: str | None = None,
        read_timeout: float,
        backoff: Backoff | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._cache = cache
        self.mirror = Mirror.open(mirror) if mirror else None
        self._ca_file = ca_file
        self._read_timeout = read_timeout
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._made: Published | None = None
        self._making = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            self._made.close()

    def _online(self) -> Published:
        """Return who asks what is published.

        Its library takes a tenth of a second. A machine with a mirror, or with everything in the cache, is spared that.
        """
        from .published import Published

        with self._making:
            if self._made is None:
                self._made = Published(self._ca_file, self._read_timeout, self._backoff, self._sleep)
            return self._made

    def is_here(self, url: str) -> bool:
        """Tell whether the text of a URL is on this machine, so that it need not be asked for."""
        return bool(self.mirror) or os.path.isfile(self._kept(url))

    def manifest(self, url: str, wanted: str) -> tuple[str, str]:
        """Return the file with that URL's text and its sha256. ``wanted`` is the sha256 that it must have, or nothing.

        Raises Failure(refused) for a text that is not the wanted one, Failure(broken) for what cannot be fetched.
        """
        if self.mirror:
            path = self.mirror.path(url)
            found = _sha256_of(path)
            _check(url, found, self.mirror.lock.manifests[url])
        else:
            path = self._kept(url)
            if not os.path.isfile(path) or (wanted and _sha256_of(path) != wanted):
                self._keep(path, self._online().text(url))
            found = _sha256_of(path)
        _check(url, found, wanted)
        return path, found

    def digest(self, image: str) -> str:
        """Return the digest of ``name:tag``, of the mirror or of its registry. Raises Failure."""
        if self.mirror:
            if image not in self.mirror.lock.images:
                raise Failure(
                    Kind.MISSING,
                    tried="looking up the digest of an image",
                    on=image,
                    said=f"the mirror {self.mirror.folder} does not know it",
                    remedy="Make the mirror again, with the versions that are wanted",
                )
            return self.mirror.lock.images[image]
        return self._online().digest(image)

    # the cache ------------------------------------------------------------------------------------------------------

    def _kept(self, url: str) -> str:
        return os.path.join(self._cache, hashlib.sha256(url.encode()).hexdigest()[:16] + ".yaml")

    def _keep(self, path: str, body: bytes) -> None:
        """Store a text at once or not at all: a killed run leaves no half of it."""
        os.makedirs(self._cache, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as file:
            file.write(body)
        os.replace(file.name, path)


def _check(url: str, found: str, wanted: str) -> None:
    if wanted and found != wanted:
        raise Failure(
            Kind.REFUSED,
            tried="checking a release manifest",
            on=url,
            said=f"its sha256 is {found}, wanted is {wanted}",
            remedy="Somebody changed a published release: find out why before the lock is changed",
        )


def _sha256_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
