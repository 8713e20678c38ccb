"""The way in: a delivery is measured, verified, stored, and answered 202; everything else happens later.

In: requests of GitHub. Out: Deliveries in the inbox. Never here: a judgement, a call to GitHub.

The answers are those that GitHub's delivery log should show (2.1): 202 for what is stored or asks for nothing, 200 for
what was there and for a ping, 401 for a signature that fits no secret, 503 when the store cannot be written, so that
the log shows a failure and the recovery finds it. Nothing of a body is looked at before its signature fits, and a
signature that does not fit is told nothing else. Who fails often is answered 429, but a signed delivery never is.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ansible_collections.aphex.platform.plugins.module_utils._github import signature
from services.gate import payload
from services.gate.committer import Committer, Storing
from services.gate.config import App
from services.gate.origin import Origins, Throttle
from services.gate.payload import Delivery

LARGEST = 25 * 1024 * 1024  # bytes; GitHub sends nothing larger
SLOWEST = 10.0  # seconds for a body; GitHub itself gives up after that
_COMMON = 256 * 1024  # bytes; what is larger is seldom, and waits for one of a few places
_LARGE_AT_ONCE = 8
_REFRESH = 3600.0
_TYPES = ("application/json", "application/x-www-form-urlencoded")
_EVENT = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_LENGTH = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
_SIGNED_BY = signature.HEADER.lower()
_TARGET = "x-github-hook-installation-target-id"
_FORWARDED = "x-forwarded-for"
_ONCE = (
    "x-github-event",
    "x-github-delivery",
    _SIGNED_BY,
    _TARGET,
    "content-type",
    "content-length",
    "transfer-encoding",
)

_NAMES = {name.encode(): name for name in (*_ONCE, _FORWARDED)}
_PATH = "/webhook"
_BELOW = f"{_PATH}/"
_PATHS = (f"{_BELOW}{{app}}", _PATH)

Headers = Mapping[str, str]
Heard = Callable[[str, str, int, int | None], None]
"""Is told of each answer: the App, the event (empty unless signed), the status, and which secret fitted."""


def nobody(_app: str, _event: str, _status: int, _secret: int | None) -> None:
    """Hear nothing."""


class Refused(Exception):
    """The request is answered with this status, before it became a delivery."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.said = said


@dataclass
class Door:
    """What all requests share. ``clock`` is the time of day; ``slowest`` the seconds that a body may take.

    It speaks ASGI by itself: starlette's request and its layers would cost as much as the signature does.
    """

    apps: Mapping[str, App]
    committer: Committer
    clock: Callable[[], float] = time.time
    heard: Heard = nobody
    origins: Origins = field(default_factory=Origins)
    throttle: Throttle = field(default_factory=Throttle)
    slowest: float = SLOWEST
    _large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LARGE_AT_ONCE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        client = ""
        app: App | None = None
        try:
            headers = _headers(scope)
            peer = scope.get("client")
            client = self.origins.client(peer[0] if peer else None, headers.get(_FORWARDED, ""))
            if not self.origins.allowed(client):
                raise Refused(403, "this address may not deliver")
            app = self._app(scope["path"], headers)
            answer = await self._delivered(receive, headers, app)
        except Refused as refused:
            status, said = refused.status, refused.said
            if self.throttle.over(client):
                status, said = 429, "too many requests that were refused"
            self.throttle.failed(client)
            self.heard(app.name if app else "", "", status, None)
            # What is left of a refused body is not read.
            more = {"Retry-After": "60"} if status == 429 else {}
            answer = PlainTextResponse(said, status, {"Connection": "close", **more})
        await answer(scope, receive, send)

    def _app(self, path: str, headers: Headers) -> App:
        """Return the App of the path, or the one that the delivery is said to be for."""
        app = self.apps.get(path.removeprefix(_BELOW))
        if path == _PATH:
            fitting = [item for item in self.apps.values() if item.app_id == headers.get(_TARGET)]
            app = fitting[0] if len(fitting) == 1 else None
        if app is None:
            raise Refused(404, "no such App")
        return app

    async def _delivered(self, receive: Receive, headers: Headers, app: App) -> Response:
        _check(headers)
        body = await self._body(receive)
        fits = signature.verify(body, headers[_SIGNED_BY], app.secrets)
        if fits is None:
            raise Refused(401, "the signature does not fit")
        delivery = Delivery(
            guid=headers["x-github-delivery"],
            event=headers["x-github-event"],
            body=body,
            app=app.name,
            content_type=_type(headers),
            secret=fits,
            received=self.clock(),
            # The signature that fits is a digest of the body already; of what signs, nothing may be stored.
            digest=hashlib.sha256(headers[_SIGNED_BY].encode()).digest(),
        )
        status, said = await self._signed(delivery, headers.get(_TARGET, ""), app)
        self.heard(app.name, delivery.event, status, fits)
        return _answer(status, said)

    async def _signed(self, delivery: Delivery, target: str, app: App) -> tuple[int, str]:
        """Answer a delivery whose signature fits: it is never turned away for what others do."""
        if target.isdecimal() and app.app_id.isdecimal() and target != app.app_id:
            return 400, "the delivery is for another App"
        if delivery.event == "ping":
            return 200, "pong"
        if delivery.event not in payload.HEARD:
            return 202, "ignored"
        if not payload.readable(delivery):
            return 400, "the body is no JSON"
        try:
            new = await self.committer.put(delivery)
        except Exception:  # noqa: BLE001  whatever the store has: GitHub's log must show it
            return 503, "the inbox cannot be written"
        return (202, "stored") if new else (200, "known")

    async def _body(self, receive: Receive) -> bytes:
        """Return the body. Raises Refused as soon as it is too large or too slow, whatever was said of it."""
        parts: list[bytes] = []
        size, large, more = 0, False, True
        try:
            async with asyncio.timeout(self.slowest):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, "the body ends too early")
                    part, more = message.get("body", b""), message.get("more_body", False)
                    size += len(part)
                    if size > LARGEST:
                        raise Refused(413, "the body is too large")
                    if size > _COMMON and not large:
                        large = await self._large.acquire()
                    parts.append(part)
        except TimeoutError as error:
            raise Refused(408, "the body is too slow") from error
        finally:
            if large:
                self._large.release()
        return b"".join(parts)


class _Application(Starlette):
    """Starlette, with the way of nearly every request made shorter."""

    def __init__(self, door: Door, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]]) -> None:
        super().__init__(routes=[Route(path, door, methods=["POST"]) for path in _PATHS], lifespan=lifespan)
        self.router.redirect_slashes = False  # a webhook follows no redirect
        self._door = door
        self._paths = {_PATH, *(f"{_BELOW}{name}" for name in door.apps)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the door that its route would lead to anyhow."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            await self._door(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def application(
    apps: Mapping[str, App],
    inbox: Storing,
    clock: Callable[[], float] = time.time,
    heard: Heard = nobody,
    origins: Origins | None = None,
    slowest: float = SLOWEST,
) -> Starlette:
    """Return the application that receives; each App has a path of its own, ``/webhook/<name>``.

    On ``/webhook`` the App is told by the header X-GitHub-Hook-Installation-Target-ID.
    """
    door = Door(apps, Committer(inbox), clock, heard, origins or Origins(), slowest=slowest)

    @asynccontextmanager
    async def life(_application: Starlette) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(_refresh(door.origins)) if door.origins.restricted else None
        yield
        if refreshing is not None:
            refreshing.cancel()
        await door.committer.close()

    return _Application(door, life)


async def _refresh(origins: Origins) -> None:
    while True:
        await asyncio.to_thread(origins.refresh)
        await asyncio.sleep(_REFRESH)


def _headers(scope: Scope) -> Headers:
    """Return the headers that count, by their names. Raises Refused when one stands twice that may not."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = _NAMES.get(raw_name.lower())
        if name is None:
            continue
        value = raw_value.decode("latin-1")
        if name in found:
            if name != _FORWARDED:
                raise Refused(400, "a header stands twice")
            value = f"{found[name]},{value}"
        found[name] = value
    return found


@functools.cache
def _answer(status: int, said: str) -> Response:
    """Return an answer to what was signed; there are a few, so each is made once."""
    return PlainTextResponse(said, status, {"Retry-After": "60"} if status == 503 else None)


def _check(headers: Headers) -> None:
    """Raise Refused for what need not be read. The form of the signature comes first: forgers learn nothing else."""
    if not _SIGNATURE.fullmatch(headers.get(_SIGNED_BY, "")):
        raise Refused(401, "the signature does not fit")
    if not _EVENT.fullmatch(headers.get("x-github-event", "")):
        raise Refused(400, "X-GitHub-Event is missing")
    if not _GUID.fullmatch(headers.get("x-github-delivery", "")):
        raise Refused(400, "X-GitHub-Delivery is missing")
    if "content-length" in headers and "transfer-encoding" in headers:
        raise Refused(400, "the length is told twice")
    if _type(headers) not in _TYPES:
        raise Refused(415, "send JSON or a form")
    length = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(length):
        raise Refused(400, "Content-Length is no number")
    if int(length) > LARGEST:
        raise Refused(413, "the body is too large")


def _type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
