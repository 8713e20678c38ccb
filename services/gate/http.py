"""The way in: a delivery is measured, verified, stored, and answered 202; everything else happens later.

In: requests of GitHub. Out: Deliveries in the inbox. Never here: a judgement, a call to GitHub.

The answers are those that GitHub's delivery log should show (2.1): 202 for what is stored or asks for nothing, 200 for
what was there and for a ping, 401 for a signature that fits no secret, 503 when the store cannot be written, so that
the log shows a failure and the recovery finds it. Nothing of a body is looked at before its signature fits, and a
signature that does not fit is told nothing else. Who fails often is answered 429, but a signed delivery never is.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

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
_ONCE = (
    "x-github-event",
    "x-github-delivery",
    _SIGNED_BY,
    _TARGET,
    "content-type",
    "content-length",
    "transfer-encoding",
)

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
    """What all requests share. ``clock`` is the time of day; ``slowest`` the seconds that a body may take."""

    apps: Mapping[str, App]
    committer: Committer
    clock: Callable[[], float] = time.time
    heard: Heard = nobody
    origins: Origins = field(default_factory=Origins)
    throttle: Throttle = field(default_factory=Throttle)
    slowest: float = SLOWEST
    _large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LARGE_AT_ONCE))

    async def receive(self, request: Request) -> Response:
        """Answer one request."""
        client = ""
        app: App | None = None
        try:
            headers = _headers(request)
            client = self.origins.client(request.client.host if request.client else None, _forwarded(headers))
            if not self.origins.allowed(client):
                raise Refused(403, "this address may not deliver")
            app = self._app(request, headers)
            return await self._delivered(request, headers, app)
        except Refused as refused:
            status, said = refused.status, refused.said
            if self.throttle.over(client):
                status, said = 429, "too many requests that were refused"
            self.throttle.failed(client)
            self.heard(app.name if app else "", "", status, None)
            # What is left of a refused body is not read.
            more = {"Retry-After": "60"} if status == 429 else {}
            return PlainTextResponse(said, status, {"Connection": "close", **more})

    def _app(self, request: Request, headers: Headers) -> App:
        """Return the App of the path, or the one that the delivery is said to be for."""
        name, target = request.path_params.get("app"), headers.get(_TARGET)
        if name is not None:
            app = self.apps.get(name)
        else:
            fitting = [item for item in self.apps.values() if item.app_id == target]
            app = fitting[0] if len(fitting) == 1 else None
        if app is None:
            raise Refused(404, "no such App")
        return app

    async def _delivered(self, request: Request, headers: Headers, app: App) -> Response:
        _check(headers)
        body = await self._body(request)
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
        )
        status, said = await self._signed(delivery, headers.get(_TARGET, ""), app)
        self.heard(app.name, delivery.event, status, fits)
        return PlainTextResponse(said, status, {"Retry-After": "60"} if status == 503 else None)

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

    async def _body(self, request: Request) -> bytes:
        """Return the body. Raises Refused as soon as it is too large or too slow, whatever was said of it."""
        parts: list[bytes] = []
        size, large = 0, False
        try:
            async with asyncio.timeout(self.slowest):
                async for part in request.stream():
                    size += len(part)
                    if size > LARGEST:
                        raise Refused(413, "the body is too large")
                    if size > _COMMON and not large:
                        large = await self._large.acquire()
                    parts.append(part)
        except TimeoutError as error:
            raise Refused(408, "the body is too slow") from error
        except ClientDisconnect as error:
            raise Refused(400, "the body ends too early") from error
        finally:
            if large:
                self._large.release()
        return b"".join(parts)


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

    routes = [Route(path, door.receive, methods=["POST"]) for path in ("/webhook/{app}", "/webhook")]
    receiving = Starlette(routes=routes, lifespan=life)
    receiving.router.redirect_slashes = False  # a webhook follows no redirect
    return receiving


async def _refresh(origins: Origins) -> None:
    while True:
        await asyncio.to_thread(origins.refresh)
        await asyncio.sleep(_REFRESH)


def _headers(request: Request) -> Headers:
    """Return the headers by their names in lower case. Raises Refused when one that counts stands twice."""
    found: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in found:
            if name in _ONCE:
                raise Refused(400, "a header stands twice")
            value = f"{found[name]},{value}"
        found[name] = value
    return found


def _forwarded(headers: Headers) -> str:
    return headers.get("x-forwarded-for", "")


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
