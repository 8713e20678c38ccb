# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection to GitHub: requests, retries that look before they repeat, rate limits, pages.

In: a token or an App, a base URL, a path, a body that may hold Sensitive. Out: parsed answers.
Never here: an endpoint's meaning, a request body in a message, a token sent to an address that an answer named.
"""

from __future__ import annotations

import functools
import json
import re
import threading
import time
import typing as t
from urllib.parse import parse_qsl, quote, urlsplit

from .._core.failure import Failure, Kind, invalid
from .._core.reconcile import Runtime
from .._core.retry import Backoff
from .._core.sensitive import Sensitive
from .._http import READ_TIMEOUT, checked_token, httpx, make_client, persist, require_httpx
from .address import DEFAULT_URL, check_url
from .answers import GitHubFailure, garbage, message, refused, unreached
from .app_auth import Access, App

API_VERSION = "2022-11-28"  # every Enterprise Server in use knows it, and github.com until 2028 at least
PAGE_SIZE = 100
_MOST_REDIRECTS = 3
_MOST_PAGES = 200
_FRESH_TOKEN_TRIES = 4
_MOST_TAGGED = 1000

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}")


class AsApp:
    """The access of an endpoint that is asked as the App itself, by its signed claim."""


AS_APP = AsApp()
Needs: t.TypeAlias = "Access | AsApp | None"
_Sends: t.TypeAlias = "t.Callable[[Sensitive | None], tuple[t.Any, t.Any]]"


class Client:
    """A light handle: nothing is sent, and no library object is made, before the first request.

    ``read_timeout`` is in seconds. ``sleep`` and ``backoff`` are handed in by tests. What was read is remembered where
    a caller says so, until the handle writes. With ``revoke``, closing gives the installation tokens back. ``heard`` is
    told of every response, for who counts them.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        token: Sensitive | None = None,
        app: App | None = None,
        url: str = DEFAULT_URL,
        ca_file: str | None = None,
        verify: bool = True,
        revoke: bool = False,
        read_timeout: float = READ_TIMEOUT,
        backoff: Backoff | None = None,
        sleep: t.Callable[[float], None] = time.sleep,
        heard: t.Callable[[t.Any], None] | None = None,
    ) -> None:
        self._token = token
        self.app = app
        self.url = url.rstrip("/")
        self._read_timeout = read_timeout
        self._revoke_at_end = revoke
        self._make_http = functools.partial(make_client, ca_file=ca_file, verify=verify, read_timeout=read_timeout)
        self._made: t.Any = None
        self._lock = threading.Lock()
        self._remembered: dict[str, t.Any] = {}
        self._tagged: dict[tuple[str, str], tuple[t.Any, t.Any]] = {}
        self.runtime = runtime
        # A secondary limit wants a minute's rest, which the ordinary budget would just not allow.
        self.backoff = backoff or Backoff(total=90.0)
        self.sleep = sleep
        self._heard = heard

    def require(self, credentials: bool = True) -> None:
        """Raise Failure(invalid) for connection options that cannot work; sends nothing.

        Without ``credentials`` none need to be there: some things GitHub tells anybody.
        """
        check_url(self.url)
        if self._read_timeout <= 0:
            raise invalid("github_timeout", "it is not above 0", "Give whole seconds, such as 30")
        if self.app is not None and self._token is not None:
            raise invalid(
                "The GitHub credentials",
                "github_token and github_app_id are both set",
                "Give one of them; GITHUB_TOKEN and GITHUB_APP_ID in the environment count as well",
            )
        if self.app is not None:
            self.app.require()
        elif self._token is not None and len(self._token):
            self._token.map(functools.partial(checked_token, "The GitHub token"))
        elif credentials:
            raise invalid(
                "The GitHub credentials",
                "there are none",
                "Set github_token or GITHUB_TOKEN, or github_app_id with the App's private key",
            )

    def require_app(self) -> App:
        """Return the App. Raises Failure(invalid) when this handle has a personal token or nothing."""
        self.require()
        if self.app is None:
            raise invalid(
                "The GitHub credentials",
                "only the App itself may do this",
                "Set github_app_id with its private key, and no github_token",
            )
        return self.app

    @property
    def is_app(self) -> bool:
        """True when the requests of this handle are an App's."""
        return self.app is not None

    def remember(self, key: str, read: t.Callable[[], t.Any]) -> t.Any:
        """Return what was read under this key, or read it; every write of this handle forgets it."""
        if key not in self._remembered:
            self._remembered[key] = read()
        return self._remembered[key]

    def get(self, path: str, needs: Needs, *, tried: str, on: str = "", query: dict[str, str] | None = None) -> t.Any:
        """Return one thing. Raises Failure(missing) when it is not there. Repeats of this handle ask by its ETag."""
        return self._request("GET", path, needs, tried=tried, on=on, query=query)[0]

    def pages(
        self,
        path: str,
        needs: Needs,
        *,
        tried: str,
        on: str = "",
        query: dict[str, str] | None = None,
        key: str | None = None,
    ) -> t.Iterator[dict[str, t.Any]]:
        """Yield the items of a paged list as they are needed; ``key`` names the list when the answer is an object.

        The next page is asked of the same path: of the address in the Link header only the query is taken.
        """
        asked = {"per_page": str(PAGE_SIZE), **(query or {})}
        for _page in range(_MOST_PAGES):
            data, response = self._request("GET", path, needs, tried=tried, on=on, query=asked)
            items = data.get(key) if key and isinstance(data, dict) else data
            if not isinstance(items, list):
                raise garbage(tried, on, "it answered no list", response)
            yield from items
            following = response.links.get("next", {}).get("url") if response is not None else None
            if not following:
                return
            asked = dict(parse_qsl(urlsplit(following).query))
        raise garbage(tried, on, f"the list has more than {_MOST_PAGES} pages")

    def post(
        self,
        path: str,
        needs: Needs,
        body: dict[str, t.Any] | None = None,
        *,
        look: t.Callable[[], t.Any],
        tried: str,
        on: str = "",
    ) -> t.Any:
        """Create, or cause something. ``look`` answers what an unclear attempt did, or None; only then it repeats."""
        return self._request("POST", path, needs, body=body, look=look, tried=tried, on=on)[0]

    def patch(self, path: str, needs: Needs, body: dict[str, t.Any], *, tried: str, on: str = "") -> t.Any:
        """Set some fields; repeated freely, since the repeat leaves the same state."""
        return self._request("PATCH", path, needs, body=body, tried=tried, on=on)[0]

    def put(self, path: str, needs: Needs, body: dict[str, t.Any], *, tried: str, on: str = "") -> t.Any:
        """Replace a whole thing; repeated freely, since the repeat leaves the same state."""
        return self._request("PUT", path, needs, body=body, tried=tried, on=on)[0]

    def delete(self, path: str, needs: Needs, *, tried: str, on: str = "") -> None:
        """Delete; that it is gone already is success. GitHub also answers "not found" to who lacks the right: look."""
        try:
            self._request("DELETE", path, needs, tried=tried, on=on)
        except GitHubFailure as failure:
            if failure.kind is not Kind.MISSING:
                raise
            if self._is_there(path, needs, tried, on):
                failure.kind = Kind.DENIED
                raise

    def revoke(self) -> None:
        """Revoke the installation tokens of this handle."""
        if self.app is not None:
            self.app.revoke(self._ask)

    def close(self) -> None:
        """Give back tokens when that was asked for, and close the connections."""
        if self._revoke_at_end:
            try:
                self.revoke()
            except Failure as failure:
                # What was to be done is done; the token ends by itself within the hour.
                self.runtime.progress(failure.sentence())
        if self._made is not None:
            self._made.close()
            self._made = None

    def installation_token(self, access: Access) -> str:
        """Return an installation token in clear; only for who gives it to the user that asked for it."""
        return self.require_app().token(access, self._ask).value.reveal()

    def _is_there(self, path: str, needs: Needs, tried: str, on: str) -> bool:
        try:
            self._request("GET", path, needs, tried=tried, on=on)
        except GitHubFailure as failure:
            if failure.kind is Kind.MISSING:
                return False
            raise
        return True

    def _request(
        self,
        method: str,
        path: str,
        needs: Needs,
        *,
        tried: str,
        on: str,
        query: dict[str, str] | None = None,
        body: dict[str, t.Any] | None = None,
        look: t.Callable[[], t.Any] | None = None,
    ) -> tuple[t.Any, t.Any]:
        """Send until it is clear what happened, within the budget of the backoff; return answer and response."""
        self.require(credentials=needs is not None)

        def send() -> tuple[t.Any, t.Any]:
            if method != "GET":
                # Before each attempt: what a look has read in between is as old as what was read before the first.
                self._remembered.clear()
            return self._as_whom(method, path, needs, query, body, tried, on)

        def found() -> tuple[t.Any, t.Any] | None:
            done = look() if look else None
            return None if done is None else (done, None)

        return persist(send, backoff=self.backoff, sleep=self._wait, look=found if look else None)

    def _wait(self, seconds: float) -> None:
        if seconds >= 5:
            self.runtime.progress(f"waiting {seconds:.0f} s, as GitHub asks")
        self.sleep(seconds)

    def _as_whom(
        self,
        method: str,
        path: str,
        needs: Needs,
        query: dict[str, str] | None,
        body: dict[str, t.Any] | None,
        tried: str,
        on: str,
    ) -> tuple[t.Any, t.Any]:
        """Send with the right credentials; a token that GitHub does not know (any more) is replaced once."""
        send: _Sends = functools.partial(self._send, method, path, query, body, tried, on, words_of(needs))
        if isinstance(needs, AsApp):
            return self._claimed(send)
        if self.app is None or needs is None:
            return send(self._token)
        replaced = False
        for attempt in range(1, _FRESH_TOKEN_TRIES):
            token = self.app.token(needs, self._ask)
            try:
                return send(token.value)
            except GitHubFailure as failure:
                if failure.status != 401 or replaced:
                    raise
                replaced = self.app.forget(needs, token)
                if not replaced:
                    # GitHub makes a token known everywhere within some seconds of making it.
                    self.sleep(float(attempt))
        return send(self.app.token(needs, self._ask).value)

    def _claimed(self, send: _Sends) -> tuple[t.Any, t.Any]:
        """Send as the App; a claim that is refused for its times is signed again by GitHub's clock, once."""
        app = self.require_app()
        try:
            return send(app.claim())
        except GitHubFailure as failure:
            if failure.status != 401 or not app.repaired(failure.said, failure.date):
                raise
        return send(app.claim())

    def _ask(self, method: str, path: str, *, bearer: Sensitive, body: t.Any, tried: str, on: str) -> t.Any:
        """Send one request of ``app_auth``: with its claim, or with a token that it revokes; a limit is waited for."""
        app = self.require_app()
        send: _Sends = functools.partial(self._send, method, path, None, body, tried, on, "")

        def once() -> tuple[t.Any, t.Any]:
            return send(bearer) if method == "DELETE" else self._claimed(send)

        try:
            # Tokens may be made twice: one that nobody got expires within the hour.
            return persist(once, backoff=self.backoff, sleep=self._wait)[0]
        except GitHubFailure as failure:
            failure.remedy = failure.remedy or f"Check the App {app.app_id} and its private key"
            raise

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        body: dict[str, t.Any] | None,
        tried: str,
        on: str,
        words: str,
        bearer: Sensitive | None,
    ) -> tuple[t.Any, t.Any]:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer.reveal()}"
        tag = (path + json.dumps(query, sort_keys=True), bearer.fingerprint() if bearer else "")
        kept = self._tagged.get(tag) if method == "GET" else None
        if kept is not None:
            headers["If-None-Match"] = kept[1].headers["etag"]
        content = None if body is None else json.dumps(body, default=Sensitive.reveal).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        http = self._http()
        target = self.url + path
        try:
            for _hop in range(_MOST_REDIRECTS + 1):
                response = http.request(method, target, params=query, content=content, headers=headers)
                if self._heard is not None:
                    self._heard(response)
                if response.status_code not in (301, 302, 307, 308):
                    break
                # A renamed or moved repository; the answer names the whole address, the query included.
                target, query = self._inside(response, tried, on), None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreached(error, self.url, tried, on) from error
        if response.status_code == 304 and kept is not None:
            return kept
        if not response.is_success:
            raise refused(response, tried, on, words, self.runtime.now())
        self._note_end_of_life(response, path)
        data = _parsed(response, tried, on)
        if method == "GET" and "etag" in response.headers:
            self._keep(tag, data, response)
        return data, response

    def _keep(self, tag: tuple[str, str], data: t.Any, response: t.Any) -> None:
        """Remember an answer by its ETag; a service lives long, so the oldest make room."""
        with self._lock:
            self._tagged.pop(tag, None)
            while len(self._tagged) >= _MOST_TAGGED:
                self._tagged.pop(next(iter(self._tagged)))
            self._tagged[tag] = (data, response)

    def _inside(self, response: t.Any, tried: str, on: str) -> str:
        """Return the address of a redirect when it is below the base URL: nothing else gets the token."""
        location = str(response.url.join(response.headers.get("location", "")))
        if not location.startswith(self.url + "/"):
            raise garbage(tried, on, "it redirects to another system", response)
        return location

    def _note_end_of_life(self, response: t.Any, path: str) -> None:
        if "sunset" in response.headers:
            self.runtime.progress(f"GitHub will drop {path} on {response.headers['sunset']}")

    def _http(self) -> t.Any:
        """Make the HTTP client at first use: one a task, never at module level."""
        with self._lock:
            if self._made is None:
                require_httpx()
                self._made = self._make_http()
            return self._made


def repository_path(owner: str, repository: str | None) -> str:
    """Return the path of a repository, or of an organization without one. Raises Failure(invalid) for other names."""
    check_owner(owner)
    if repository is None:
        return f"/orgs/{owner}"
    return f"/repos/{owner}/{check_repository(repository)}"


def check_owner(owner: str) -> str:
    """Return the owner's name when it can be one."""
    if not _OWNER.fullmatch(owner):
        raise invalid(f"The GitHub owner {owner[:80]!r}", "it is no name of a user or an organization")
    return owner


def check_repository(repository: str) -> str:
    """Return the repository's name when it can be one, without its owner."""
    if not _REPOSITORY.fullmatch(repository) or repository in (".", ".."):
        raise invalid(
            f"The GitHub repository {repository[:120]!r}",
            "it is no name of a repository",
            "Give the name alone, such as website, and the owner beside it",
        )
    return repository


def segment(text: str) -> str:
    """Return a text as one part of a path, its slashes written as %2F."""
    return quote(text, safe="")


def words_of(needs: Needs) -> str:
    """Return the permissions that a request needs, for people."""
    return needs.words() if isinstance(needs, Access) else ""


def _parsed(response: t.Any, tried: str, on: str) -> t.Any:
    if response.status_code == 204 or not response.content:
        return None
    try:
        return json.loads(response.content)
    except ValueError as error:
        raise garbage(tried, on, "the answer is no JSON", response) from error


__all__ = [
    "AS_APP",
    "DEFAULT_URL",
    "Access",
    "Client",
    "Failure",
    "GitHubFailure",
    "Needs",
    "check_owner",
    "check_repository",
    "check_url",
    "message",
    "repository_path",
    "segment",
]
