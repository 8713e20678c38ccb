# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection to Authentik's API v3: requests, pages, retries that look before they repeat, errors as Failure.

In: an address, a token, a path, a body that may hold Sensitive. Out: plain data. Never here: an endpoint's meaning, a
request body in a message. This is the only file of this product that reveals a secret.
"""

from __future__ import annotations

import functools
import json
import re
import threading
import time
import typing as t
from urllib.parse import quote, urlsplit

from .._core.failure import Kind, invalid
from .._core.reconcile import Runtime
from .._core.retry import Backoff, parse_retry_after
from .._core.sensitive import Sensitive
from .._http import (
    READ_TIMEOUT,
    RequestFailure,
    checked_token,
    httpx,
    make_client,
    persist,
    require_httpx,
    unanswered,
)

API = "/api/v3"
PAGE_SIZE = 100
_MOST_PAGES = 200
_LONGEST = 400
_STARTING = (502, 503, 504)


class AuthentikFailure(RequestFailure):
    """A Failure of one request to Authentik."""


class Client:
    """A light handle: nothing is sent, and no library object is made, before the first request.

    ``read_timeout`` is in seconds. ``sleep`` and ``backoff`` are handed in by tests.
    """

    def __init__(
        self,
        *,
        url: str | None,
        token: Sensitive | None,
        runtime: Runtime,
        ca_file: str | None = None,
        verify: bool = True,
        read_timeout: float = READ_TIMEOUT,
        backoff: Backoff | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = (url or "").rstrip("/").removesuffix(API)
        self._token = token
        self._read_timeout = read_timeout
        self._make_http = functools.partial(make_client, ca_file=ca_file, verify=verify, read_timeout=read_timeout)
        self._made: t.Any = None
        self._lock = threading.Lock()
        self.runtime = runtime
        self.backoff = backoff or Backoff()
        self.sleep = sleep

    def require(self) -> Sensitive:
        """Return the token. Raises Failure(invalid) for connection options that cannot work; sends nothing."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise invalid(
                "authentik_url",
                "it is no http or https URL" if self.url else "it is not set",
                "Give the address that browsers use, such as https://auth.example.org, or set AUTHENTIK_URL",
            )
        if self._token is None or not len(self._token):
            raise invalid(
                "The Authentik token",
                "it is not set",
                "Set authentik_token, or AUTHENTIK_TOKEN in the environment",
            )
        self._token.map(functools.partial(checked_token, "The Authentik token"))
        if self._read_timeout <= 0:
            raise invalid("authentik_timeout", "it is not above 0", "Give whole seconds, such as 30")
        return self._token

    def conceal(self, value: Sensitive) -> None:
        """Have a value that came to light in this run masked in the result, whatever brings it there."""
        self.runtime.secrets.add(value.reveal())

    def list(self, path: str, query: dict[str, str], *, tried: str, on: str = "") -> list[dict[str, t.Any]]:
        """Return all items of a paged list; Authentik gives at most a hundred a page."""
        found: list[dict[str, t.Any]] = []
        page = 1
        for _page in range(_MOST_PAGES):
            asked = {**query, "page": str(page), "page_size": str(PAGE_SIZE)}
            data = self._request("GET", path, query=asked, tried=tried, on=on)
            items = data.get("results") if isinstance(data, dict) else None
            if not isinstance(items, list):
                raise _garbage(tried, on, "it answered no list")
            found += items
            # The last page names page 0 as the next one.
            following = (data.get("pagination") or {}).get("next") or 0
            if int(following) <= page:
                return found
            page = int(following)
        raise _garbage(tried, on, f"the list has more than {_MOST_PAGES} pages")

    def get(self, path: str, *, tried: str, on: str = "") -> t.Any:
        """Return one thing. Raises Failure(missing) when it is not there."""
        return self._request("GET", path, tried=tried, on=on)

    def find(self, path: str, *, tried: str, on: str = "") -> dict[str, t.Any] | None:
        """Return one thing, or None when it is not there."""
        try:
            found: dict[str, t.Any] = self.get(path, tried=tried, on=on)
        except AuthentikFailure as failure:
            if failure.kind is Kind.MISSING:
                return None
            raise
        return found

    def post(
        self, path: str, body: dict[str, t.Any] | None, *, look: t.Callable[[], t.Any], tried: str, on: str = ""
    ) -> t.Any:
        """Create, or cause something. ``look`` answers what an unclear attempt did, or None; only then it repeats."""
        return self._request("POST", path, body=body, look=look, tried=tried, on=on)

    def patch(self, path: str, body: dict[str, t.Any], *, tried: str, on: str = "") -> t.Any:
        """Set some fields; repeated freely, since the repeat leaves the same state."""
        return self._request("PATCH", path, body=body, tried=tried, on=on)

    def delete(self, path: str, *, tried: str, on: str = "") -> None:
        """Delete; that it is gone already, by an unanswered attempt of ours or by somebody else, is success."""
        try:
            self._request("DELETE", path, tried=tried, on=on)
        except AuthentikFailure as failure:
            if failure.kind is not Kind.MISSING:
                raise

    def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def _request(
        self,
        method: str,
        path: str,
        *,
        tried: str,
        on: str,
        query: dict[str, str] | None = None,
        body: dict[str, t.Any] | None = None,
        look: t.Callable[[], t.Any] | None = None,
    ) -> t.Any:
        """Send until it is clear what happened, within the budget of the backoff."""
        send = functools.partial(self._send, method, path, query, body, tried, on)
        return persist(send, backoff=self.backoff, sleep=self.sleep, look=look)

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        body: dict[str, t.Any] | None,
        tried: str,
        on: str,
    ) -> t.Any:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.require().reveal()}"}
        content = None if body is None else json.dumps(body, default=Sensitive.reveal).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        http = self._http()
        try:
            response = http.request(method, self.url + API + path, params=query, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreached(error, self.url, tried, on) from error
        if not response.is_success:
            raise _refused(response, tried, on)
        return _parsed(response, tried, on)

    def _http(self) -> t.Any:
        """Make the HTTP client at first use: one a task, never at module level."""
        with self._lock:
            if self._made is None:
                require_httpx()
                self._made = self._make_http()
            return self._made


def segment(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")


def _parsed(response: t.Any, tried: str, on: str) -> t.Any:
    if response.status_code == 204 or not response.content:
        return None
    try:
        data = json.loads(response.content)
    except ValueError as error:
        raise _garbage(tried, on, "the answer is no JSON", response) from error
    if not isinstance(data, (dict, list)):
        raise _garbage(tried, on, "the answer is none of Authentik's", response)
    return data


def _garbage(tried: str, on: str, said: str, response: t.Any = None) -> AuthentikFailure:
    failure = AuthentikFailure(
        Kind.BROKEN,
        tried=tried,
        on=on,
        said=said,
        remedy="Check that authentik_url leads to Authentik and not to a proxy's page",
        status=response.status_code if response is not None else None,
    )
    failure.again = failure.unclear = True
    return failure


def _refused(response: t.Any, tried: str, on: str) -> AuthentikFailure:
    """Return the failure for an answer that says no; its own words are quoted, what was sent never is."""
    status = int(response.status_code)
    kind = _kind(status)
    failure = AuthentikFailure(
        kind,
        tried=tried,
        on=on,
        said=_message(response) or f"Authentik answered {status}",
        remedy=_remedy(kind, status),
        status=status,
        request_id=response.headers.get("x-authentik-id"),
        retry_after=parse_retry_after(response.headers.get("retry-after")),
    )
    failure.again = status in (408, 429) or status >= 500
    failure.unclear = status == 408 or status >= 500
    return failure


def _kind(status: int) -> Kind:
    if status == 429:
        return Kind.BUSY
    if status == 408:
        return Kind.TIMEOUT
    if status >= 500 or status < 400:
        return Kind.BROKEN
    if status in (401, 403):
        return Kind.DENIED
    if status == 409:
        return Kind.CONFLICT
    return Kind.MISSING if status == 404 else Kind.INVALID


def _remedy(kind: Kind, status: int) -> str:
    if status < 400:
        return "It redirects: give authentik_url as the address that answers itself, with https"
    if status in _STARTING:
        return "Wait until Authentik has started: its path /-/health/ready/ says so"
    if kind is Kind.DENIED:
        return "Check authentik_token: an API token of a user who may do this"
    if kind in (Kind.BUSY, Kind.BROKEN):
        return "Run it again later; what was done is kept"
    return ""


def _message(response: t.Any) -> str:
    """Return what an error answer says: ``detail`` alone, or a list of complaints for each field."""
    try:
        data = json.loads(response.content)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    if isinstance(data.get("detail"), str):
        texts = [data["detail"]]
    else:
        texts = [_complaint(name, value) for name, value in data.items() if name != "code"]
    return re.sub(r"\s+", " ", "; ".join(text.strip().rstrip(".") for text in texts if text))[:_LONGEST]


def _complaint(name: str, value: t.Any) -> str:
    said = " ".join(str(item) for item in value) if isinstance(value, list) else json.dumps(value)
    return said if name == "non_field_errors" else f"{name}: {said}"


def _unreached(error: BaseException, url: str, tried: str, on: str) -> AuthentikFailure:
    """Return the failure for a request without an answer: time-out, reset, no connection, no TLS."""
    found = unanswered(error)
    trust = "Set authentik_ca_cert to the authority's certificates"
    failure = AuthentikFailure(
        found.kind,
        tried=tried,
        on=on,
        said=found.said,
        remedy=trust if found.certificate else f"Check the way to {url}",
    )
    failure.again, failure.unclear = found.again, found.unclear
    return failure
