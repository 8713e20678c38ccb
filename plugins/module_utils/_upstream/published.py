# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other projects have published: texts of releases, and digests of images at their registries.

In: a URL, or an image with its tag. Out: bytes, or a digest. Never here: a file.
"""

from __future__ import annotations

import contextlib
import functools
import re
import typing as t

from .._core.failure import Failure, Kind, invalid
from .._core.retry import Backoff, parse_retry_after
from .._http import RequestFailure, httpx, make_client, persist, unanswered

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


class Published:
    """Requests that only read. ``read_timeout`` is in seconds."""

    def __init__(
        self, ca_file: str | None, read_timeout: float, backoff: Backoff, sleep: t.Callable[[float], None]
    ) -> None:
        self._backoff = backoff
        self._sleep = sleep
        self._client = make_client(ca_file=ca_file, read_timeout=read_timeout)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def text(self, url: str) -> bytes:
        """Return what is published at a URL. Raises Failure."""
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

    def digest(self, image: str) -> str:
        """Ask the registry, as its protocol wants it: with a token of its own making where it asks for one.

        Raises Failure.
        """
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
        once = functools.partial(self._once, method, url, headers, tried)
        return persist(once, backoff=self._backoff, sleep=self._sleep)

    def _once(self, method: str, url: str, headers: dict[str, str], tried: str) -> t.Any:
        try:
            answer = self._client.request(method, url, headers=headers)
            for _redirect in range(_REDIRECTS):
                if answer.next_request is None:
                    break
                answer = self._client.send(answer.next_request)
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
