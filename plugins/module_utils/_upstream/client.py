# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Release manifests and image digests of other projects: read from a mirror, a cache, or where they are published.

In: a URL, or an image with its tag. Out: a file whose sha256 is known, or a digest.
Never here: a write but to the cache, a judgement about what stands in a manifest.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import tempfile
import time
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.retry import Backoff, parse_retry_after
from .._http import READ_TIMEOUT, RequestFailure, httpx, make_client, persist, unanswered
from .._yaml import load_documents
from .lock import Lock

INDEX = "versions.lock.yaml"
_LARGEST = 32 * 1024 * 1024
_REDIRECTS = 5
_AGAIN = frozenset({429, 500, 502, 503, 504})
_MANIFEST_TYPES = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


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
        read_timeout: float = READ_TIMEOUT,
        backoff: Backoff | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._cache = cache
        self.mirror = Mirror.open(mirror) if mirror else None
        self._ca_file = ca_file
        self._read_timeout = read_timeout
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._made: t.Any = None

    def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            self._made.close()

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
                self._keep(path, self._download(url))
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
        return self._registry_digest(image)

    # the cache ------------------------------------------------------------------------------------------------------

    def _kept(self, url: str) -> str:
        return os.path.join(self._cache, hashlib.sha256(url.encode()).hexdigest()[:16] + ".yaml")

    def _keep(self, path: str, body: bytes) -> None:
        """Store a text at once or not at all: a killed run leaves no half of it."""
        os.makedirs(self._cache, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as file:
            file.write(body)
        os.replace(file.name, path)

    # requests -------------------------------------------------------------------------------------------------------

    def _download(self, url: str) -> bytes:
        answer = self._get("GET", url, {}, tried="downloading a release manifest")
        body: bytes = answer.content
        if answer.status_code != 200 or len(body) > _LARGEST:
            said = f"HTTP {answer.status_code}" if answer.status_code != 200 else "it is larger than 32 MiB"
            raise Failure(
                Kind.MISSING if answer.status_code == 404 else Kind.BROKEN,
                tried="downloading a release manifest",
                on=url,
                said=said,
                remedy="Check the version, or name a mirror folder in upstream_mirror",
                status=answer.status_code,
            )
        return body

    def _registry_digest(self, image: str) -> str:
        """Ask the registry, as its protocol wants it: with a token of its own making where it asks for one."""
        host, name, tag = _reference(image)
        url = f"{host}/v2/{name}/manifests/{tag}"
        headers = {"Accept": _MANIFEST_TYPES}
        tried = "looking up the digest of an image"
        answer = self._get("HEAD", url, headers, tried=tried)
        if answer.status_code == 401:
            token = self._registry_token(answer.headers.get("WWW-Authenticate", ""), tried)
            answer = self._get("HEAD", url, {**headers, "Authorization": f"Bearer {token}"}, tried=tried)
        digest = str(answer.headers.get("Docker-Content-Digest", ""))
        if answer.status_code != 200 or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise Failure(
                Kind.MISSING if answer.status_code == 404 else Kind.BROKEN,
                tried=tried,
                on=image,
                said=f"the registry answered HTTP {answer.status_code}" + ("" if digest else " without a digest"),
                remedy="Check name and tag, or write the digest into the lock",
                status=answer.status_code,
            )
        return digest

    def _registry_token(self, challenge: str, tried: str) -> str:
        words = dict(_CHALLENGE.findall(challenge))
        realm = words.pop("realm", "")
        query = {name: words[name] for name in ("service", "scope") if name in words}
        answer = self._get("GET", str(httpx.URL(realm, params=query)) if realm else "", {}, tried=tried)
        with contextlib.suppress(ValueError):
            data = answer.json()
            return str(data.get("token") or data.get("access_token") or "")
        return ""

    def _get(self, method: str, url: str, headers: dict[str, str], *, tried: str) -> t.Any:
        """Send a request that only reads, again while that may help, and follow redirects of releases."""
        if not re.match(r"https?://[^/\s]+", url):
            raise invalid(tried, f"{url!r} is no http or https URL")
        if self._made is None:
            self._made = make_client(ca_file=self._ca_file, read_timeout=self._read_timeout)
        once = functools.partial(self._once, method, url, headers, tried)
        return persist(once, backoff=self._backoff, sleep=self._sleep)

    def _once(self, method: str, url: str, headers: dict[str, str], tried: str) -> t.Any:
        try:
            answer = self._made.request(method, url, headers=headers)
            for _redirect in range(_REDIRECTS):
                if answer.next_request is None:
                    break
                answer = self._made.send(answer.next_request)
        except httpx.HTTPError as error:
            meaning = unanswered(error)
            unreached = RequestFailure(meaning.kind, tried=tried, on=url, said=meaning.said, remedy=_offline())
            unreached.again = meaning.again
            raise unreached from error
        if answer.status_code in _AGAIN:
            busy = RequestFailure(
                Kind.BUSY,
                tried=tried,
                on=url,
                said=f"HTTP {answer.status_code}",
                remedy=_offline(),
                status=answer.status_code,
                retry_after=parse_retry_after(answer.headers.get("Retry-After")),
            )
            busy.again = True
            raise busy
        return answer


def _offline() -> str:
    return "Try again, or name a mirror folder in upstream_mirror"


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


def _reference(image: str) -> tuple[str, str, str]:
    """Return base URL of the registry, name and tag, by the rules of container tools."""
    first, slash, rest = image.partition("/")
    host, name = (first, rest) if slash and re.search(r"[.:]|^localhost$", first) else ("docker.io", image)
    head, _slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    name = f"{head}/{last}" if head else last
    if not colon or not tag:
        raise invalid(f"The image {image}", "it has no tag", "Name a version, never latest")
    if host == "docker.io":
        host, name = "registry-1.docker.io", name if "/" in name else f"library/{name}"
    scheme = "http" if re.match(r"(localhost|127\.0\.0\.1)(:|$)", host) else "https"
    return f"{scheme}://{host}", name, tag
