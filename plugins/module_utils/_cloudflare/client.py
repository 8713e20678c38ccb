# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection to Cloudflare: requests, retries that look before they repeat, errors as Failure.

In: a token, a base URL, a path, a body that may hold Sensitive. Out: the ``result`` of Cloudflare's envelope, plain.
Never here: an endpoint's meaning, a typed resource of the SDK (they cost seconds to load), a request body in a message.
This is the only file that imports the SDK, and the only one of this product that reveals a secret.
"""

from __future__ import annotations

import functools
import json
import re
import sys
import time
import typing as t

from .._core.failure import Failure, Kind, invalid
from .._core.reconcile import Runtime
from .._core.retry import Backoff, parse_retry_after
from .._core.sensitive import Sensitive
from .._core.version import USER_AGENT
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

try:
    import cloudflare
except ImportError:
    cloudflare = None  # type: ignore[assignment]

DEFAULT_URL = "https://api.cloudflare.com/client/v4"
PAGE_SIZE = 100
_ID = re.compile(r"[0-9a-f]{32}")

# Codes that mean something else than their status says.
_DENIED_CODES = frozenset({6003, 6111, 9106, 9109, 10000, 10001})
_NO_ROUTE_CODES = frozenset({7000, 7003})  # a wrong base URL or account, not a missing thing
_TAKEN_CODES = frozenset({1013, 81053, 81054, 81056, 81057, 81058})

_RIGHTS = (
    ("/cfd_tunnel", "Give the API token the right Account / Cloudflare Tunnel / Edit"),
    ("/dns_records", "Give the API token the right Zone / DNS / Edit for this zone"),
    ("/zones", "Give the API token the right Zone / Zone / Read"),
    ("/accounts", "Set cloudflare_account_id, or give the API token the right Account / Account Settings / Read"),
)


class CloudflareFailure(RequestFailure):
    """A Failure of one request; ``codes`` are Cloudflare's own error codes."""

    codes: tuple[int, ...] = ()


class Client:
    """A light handle: nothing is sent, and no library object is made, before the first request.

    ``read_timeout`` is in seconds. ``sleep`` and ``backoff`` are handed in by tests.
    """

    def __init__(
        self,
        *,
        token: Sensitive | None,
        runtime: Runtime,
        url: str = DEFAULT_URL,
        account_id: str | None = None,
        ca_file: str | None = None,
        verify: bool = True,
        read_timeout: float = READ_TIMEOUT,
        backoff: Backoff | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._token = token
        self._url = url.rstrip("/")
        self._given_account = account_id
        self._read_timeout = read_timeout
        self._make_http = functools.partial(make_client, ca_file=ca_file, verify=verify, read_timeout=read_timeout)
        self._known: dict[str, str] = {}
        self._made: t.Any = None
        self.runtime = runtime
        self.backoff = backoff or Backoff()
        self.sleep = sleep

    def require(self) -> Sensitive:
        """Return the token. Raises Failure(invalid) for connection options that cannot work; sends nothing."""
        if self._token is None or not len(self._token):
            raise invalid(
                "The Cloudflare API token",
                "it is not set",
                "Set cloudflare_api_token, or CLOUDFLARE_API_TOKEN in the environment",
            )
        self._token.map(functools.partial(checked_token, "The Cloudflare API token"))
        if not re.match(r"https?://[^/\s]+", self._url):
            raise invalid("cloudflare_api_url", "it is no http or https URL", f"Leave it out for {DEFAULT_URL}")
        if self._given_account and not _ID.fullmatch(self._given_account):
            raise invalid(
                "cloudflare_account_id",
                "an account id has 32 hexadecimal digits",
                "Copy it from the overview page of the account",
            )
        if self._read_timeout <= 0:
            raise invalid("cloudflare_timeout", "it is not above 0", "Give whole seconds, such as 30")
        return self._token

    def assume(self, account_id: str) -> None:
        """Work in this account unless an option names another one."""
        self._given_account = self._given_account or account_id or None

    @property
    def account_id(self) -> str:
        """The account to work in: the option, else the only account that the token can see.

        Raises Failure(invalid) when there are several and Failure(missing) when there is none.
        """
        if self._given_account:
            self.require()
            return self._given_account
        return self._look_up("account", self._only_account)

    def zone_id(self, zone: str) -> str:
        """Return the id of a zone by its name. Raises Failure(missing) when the token sees no such zone."""
        return self._look_up(f"zone {zone}", lambda: self._zone(zone))

    def conceal(self, value: Sensitive) -> None:
        """Have a value that came to light in this run masked in the result, whatever brings it there."""
        self.runtime.secrets.add(value.reveal())

    def list(self, path: str, query: dict[str, str], *, tried: str, on: str = "") -> list[dict[str, t.Any]]:
        """Return all items of a paged list."""
        found: list[dict[str, t.Any]] = []
        page = 1
        while True:
            paging = {"page": str(page), "per_page": str(PAGE_SIZE)}
            envelope = self._request("GET", path, query={**query, **paging}, tried=tried, on=on)
            items = envelope.get("result") or []
            if not isinstance(items, list):
                raise _garbage(tried, on, "it answered no list")
            found += items
            if not items or len(found) >= _total(envelope, len(items)):
                return found
            page += 1

    def get(self, path: str, *, tried: str, on: str = "") -> t.Any:
        """Return one thing. Raises Failure(missing) when it is not there."""
        return self._request("GET", path, tried=tried, on=on).get("result")

    def put(self, path: str, body: dict[str, t.Any], *, tried: str, on: str = "") -> t.Any:
        """Replace a whole document; repeated freely, since the repeat leaves the same document."""
        return self._request("PUT", path, body=body, tried=tried, on=on).get("result")

    def delete(self, path: str, *, tried: str, on: str = "") -> None:
        """Delete; that it is already gone, by an unanswered attempt of ours or by somebody else, is success."""
        try:
            self._request("DELETE", path, tried=tried, on=on)
        except CloudflareFailure as failure:
            if failure.kind is not Kind.MISSING:
                raise

    def post(
        self, path: str, body: dict[str, t.Any], *, look: t.Callable[[], t.Any], tried: str, on: str = ""
    ) -> t.Any:
        """Create. ``look`` answers what an unclear attempt made, or None; only then the request is repeated."""
        return self._request("POST", path, body=body, look=look, tried=tried, on=on).get("result")

    def patch(
        self, path: str, body: dict[str, t.Any], *, look: t.Callable[[], t.Any], tried: str, on: str = ""
    ) -> t.Any:
        """Change some fields. ``look`` answers the changed thing if an unclear attempt took effect, or None."""
        return self._request("PATCH", path, body=body, look=look, tried=tried, on=on).get("result")

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
    ) -> dict[str, t.Any]:
        """Send until it is clear what happened, within the budget of the backoff; return the envelope."""

        def found() -> dict[str, t.Any] | None:
            done = look() if look else None
            return None if done is None else {"result": done}

        send = functools.partial(self._send, method, path, query, body, tried, on)
        return persist(send, backoff=self.backoff, sleep=self.sleep, look=found if look else None)

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        body: dict[str, t.Any] | None,
        tried: str,
        on: str,
    ) -> dict[str, t.Any]:
        arguments: dict[str, t.Any] = {"cast_to": httpx.Response if httpx else None}
        if query:
            arguments["options"] = {"params": query}
        if body is not None:
            arguments["body"] = _revealed(body)
        sdk = self._sdk()
        try:
            response = getattr(sdk, method.lower())(path, **arguments)
        except cloudflare.APIStatusError as error:
            raise _refused(error.response, path, tried, on) from error
        except cloudflare.APIConnectionError as error:
            raise _unreached(error, self._url, tried, on) from error
        envelope = _envelope(response, path, tried, on)
        if method in ("POST", "PATCH") and not isinstance(envelope.get("result"), dict):
            raise _garbage(tried, on, "the answer does not show what was written", response)
        return envelope

    def _sdk(self) -> t.Any:
        """Make the SDK's client at first use: one a task, never at module level, with no retries of its own."""
        if self._made is None:
            token = self.require()
            _require_library()
            made = cloudflare.Cloudflare(
                api_token=token.reveal(),
                base_url=self._url,
                max_retries=0,
                http_client=self._make_http(),
                default_headers={"User-Agent": USER_AGENT},
            )
            # The SDK reads other credentials from the environment and would prefer them to the token.
            made.api_key = made.api_email = made.user_service_key = None
            self._made = made
        return self._made

    def _look_up(self, what: str, find: t.Callable[[], str]) -> str:
        """Return a stable id from this handle, from the cache of the run, or by asking."""
        if what not in self._known:
            key = f"cloudflare {self._url} {self.require().fingerprint()} {what}"
            cached = self.runtime.cache.get(key)
            if not isinstance(cached, str):
                with self.runtime.cache.lock(key):
                    cached = self.runtime.cache.get(key)
                    if not isinstance(cached, str):
                        cached = find()
                        self.runtime.cache.put(key, cached)
            self._known[what] = cached
        return self._known[what]

    def _only_account(self) -> str:
        tried = "Looking for the account of the API token"
        accounts = self.list("/accounts", {}, tried=tried)
        if len(accounts) > 1:
            raise Failure(
                Kind.INVALID,
                tried=tried,
                said=f"it can see {len(accounts)} accounts",
                remedy="Set cloudflare_account_id to the one that is meant",
            )
        if not accounts:
            raise Failure(Kind.MISSING, tried=tried, said="it can see none", remedy=_remedy_for("/accounts"))
        return str(accounts[0]["id"])

    def _zone(self, zone: str) -> str:
        tried = "Looking for the zone"
        zones = self.list("/zones", {"name": zone}, tried=tried, on=zone)
        found = [item for item in zones if item.get("name") == zone]
        if not found:
            raise Failure(
                Kind.MISSING,
                tried=tried,
                on=zone,
                said="the API token sees no zone of that name",
                remedy=f"Check the name, or: {_remedy_for('/zones')}",
            )
        return str(found[0]["id"])


def _require_library() -> None:
    require_httpx()
    if cloudflare is None:
        raise Failure(
            Kind.MISSING,
            tried="Loading the Python library cloudflare",
            said="it is not installed here",
            remedy="Install it for the Python that runs this task: pip install cloudflare",
        )


def _revealed(value: t.Any) -> t.Any:
    """Return a body as it goes on the wire."""
    if isinstance(value, Sensitive):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_revealed(item) for item in value]
    return value


def _total(envelope: dict[str, t.Any], page_length: int) -> int:
    """Return how many items there are; a server that does not say so has sent them all unless the page is full."""
    info = envelope.get("result_info") or {}
    if isinstance(info.get("total_count"), int):
        return int(info["total_count"])
    size = info.get("per_page")
    return 0 if page_length < (size if isinstance(size, int) else PAGE_SIZE) else sys.maxsize


def _envelope(response: t.Any, path: str, tried: str, on: str) -> dict[str, t.Any]:
    try:
        envelope = json.loads(response.content)
    except ValueError as error:
        raise _garbage(tried, on, "the answer is no JSON", response) from error
    if not isinstance(envelope, dict) or not isinstance(envelope.get("success"), bool):
        raise _garbage(tried, on, "the answer is none of Cloudflare's", response)
    if not envelope["success"]:
        raise _refused(response, path, tried, on)
    return envelope


def _garbage(tried: str, on: str, said: str, response: t.Any = None) -> CloudflareFailure:
    failure = CloudflareFailure(
        Kind.BROKEN,
        tried=tried,
        on=on,
        said=said,
        remedy="Check that cloudflare_api_url leads to Cloudflare's API and not to a proxy's page",
        status=response.status_code if response is not None else None,
        request_id=response.headers.get("cf-ray") if response is not None else None,
    )
    failure.again = failure.unclear = True
    return failure


def _refused(response: t.Any, path: str, tried: str, on: str) -> CloudflareFailure:
    """Return the failure for an answer that says no; its own words are quoted, what was sent never is."""
    status = int(response.status_code)
    codes, said = _errors(response)
    kind = _kind(status, codes)
    failure = CloudflareFailure(
        kind,
        tried=tried,
        on=on,
        said=said or f"Cloudflare answered {status}",
        remedy=_remedy(kind, codes, path),
        status=status,
        request_id=response.headers.get("cf-ray"),
        retry_after=parse_retry_after(response.headers.get("retry-after")),
    )
    failure.codes = codes
    failure.again = status in (408, 429) or status >= 500
    failure.unclear = status == 408 or status >= 500
    return failure


def _errors(response: t.Any) -> tuple[tuple[int, ...], str]:
    """Return Cloudflare's codes and messages of an error answer, cut to a readable length."""
    try:
        envelope = json.loads(response.content)
    except ValueError:
        return (), ""
    errors = envelope.get("errors") if isinstance(envelope, dict) else None
    rows = [item for item in errors or [] if isinstance(item, dict)] if isinstance(errors, list) else []
    codes = tuple(item["code"] for item in rows if isinstance(item.get("code"), int))
    texts = [f"{str(item.get('message', '')).strip().rstrip('.')} (code {item.get('code')})" for item in rows]
    return codes, " ".join("; ".join(texts).split())[:400]


def _kind(status: int, codes: tuple[int, ...]) -> Kind:
    if status == 429:
        return Kind.BUSY
    if status == 408:
        return Kind.TIMEOUT
    if status >= 500 or (status < 400 and not codes):
        return Kind.BROKEN
    if status in (401, 403) or _DENIED_CODES.intersection(codes):
        return Kind.DENIED
    if status == 409 or _TAKEN_CODES.intersection(codes):
        return Kind.CONFLICT
    if status in (404, 410) and not _NO_ROUTE_CODES.intersection(codes):
        return Kind.MISSING
    return Kind.INVALID


def _remedy(kind: Kind, codes: tuple[int, ...], path: str) -> str:
    if _NO_ROUTE_CODES.intersection(codes):
        return "Check cloudflare_api_url and cloudflare_account_id"
    if kind is Kind.DENIED:
        return _remedy_for(path)
    if kind in (Kind.BUSY, Kind.BROKEN):
        return "Run it again later; what was done is kept"
    return ""


def _remedy_for(path: str) -> str:
    return next(remedy for part, remedy in (*_RIGHTS, ("", "Check the API token")) if part in path)


def _unreached(error: BaseException, url: str, tried: str, on: str) -> CloudflareFailure:
    """Return the failure for a request without an answer: time-out, reset, no connection, no TLS."""
    found = unanswered(error.__cause__)
    trust = "Set cloudflare_ca_cert to the authority's certificates"
    failure = CloudflareFailure(
        found.kind,
        tried=tried,
        on=on,
        said=found.said,
        remedy=trust if found.certificate else f"Check the way to {url}",
    )
    failure.again, failure.unclear = found.again, found.unclear
    return failure
