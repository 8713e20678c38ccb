"""Deliveries: signed requests to what a webhook names, really sent, and the log of how they ended.

In: a webhook, an event with its payload. Out: one POST through the edge, and its line in the log. Never here: when an
event happens, or a second attempt unasked: GitHub makes none.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.sandbox.standins.server import Clock

KEPT, KEPT_BY_ENTERPRISE = timedelta(days=3), timedelta(days=7)
ANSWER_WITHIN, ANSWER_WITHIN_OF_ENTERPRISE = 10.0, 30.0
LARGEST = 25 * 1024 * 1024
AGENT = "GitHub-Hookshot/5a1d0c7"
NO_CONNECTION = "failed to connect to host"
TIMED_OUT = "timed out"
_AT_ONCE = 16
# Above what a float can hold: an id that went through one does not come back.
_FIRST_ID = 1_870_000_000_000_000_001


@dataclass
class Delivery:
    """One attempt. ``status`` is "OK" or says what was wrong; ``url`` and ``headers`` are those that were sent."""

    id: int
    guid: str
    event: str
    payload: dict[str, Any]
    redelivery: bool
    at: datetime
    url: str
    headers: dict[str, str]
    installation_id: int | None
    repository_id: int | None
    duration: float = 0.0
    status: str = ""
    status_code: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: str | None = None

    def item(self) -> dict[str, Any]:
        """Return the form that lists have."""
        return {
            "id": self.id,
            "guid": self.guid,
            "delivered_at": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "redelivery": self.redelivery,
            "duration": round(self.duration, 2),
            "status": self.status,
            "status_code": self.status_code,
            "event": self.event,
            "action": self.payload.get("action"),
            "installation_id": self.installation_id,
            "repository_id": self.repository_id,
            "throttled_at": None,
        }

    def view(self) -> dict[str, Any]:
        """Return the whole of it, with what was sent and what came back."""
        request = {"headers": self.headers, "payload": self.payload}
        response = {"headers": self.answer_headers, "payload": self.answer}
        return {**self.item(), "url": self.url, "request": request, "response": response}


@dataclass
class Webhook:
    """A webhook of a repository, an organization or an App. ``target`` is the id and the word of whose it is."""

    id: int
    level: str
    target: tuple[str, int]
    url: str = ""
    content_type: str = "form"
    secret: str | None = None
    insecure_ssl: str = "0"
    events: list[str] = field(default_factory=lambda: ["push"])
    active: bool = True
    created_at: str = ""
    updated_at: str = ""
    last_response: dict[str, Any] = field(default_factory=lambda: {"code": None, "status": "unused", "message": None})
    deliveries: list[Delivery] = field(default_factory=list)

    def config(self) -> dict[str, Any]:
        """Return the configuration as the API shows it: of the secret only that there is one."""
        shown = {"content_type": self.content_type, "insecure_ssl": self.insecure_ssl, "url": self.url}
        return shown | ({"secret": "********"} if self.secret else {})

    def whole(self) -> dict[str, Any]:
        """Return everything about it, its secret too."""
        return {
            "id": self.id,
            "target": list(self.target),
            "url": self.url,
            "content_type": self.content_type,
            "secret": self.secret,
            "events": list(self.events),
            "active": self.active,
            "deliveries": [item.item() for item in self.deliveries],
        }

    def takes(self, event: str) -> bool:
        return self.active and (event in self.events or "*" in self.events)


@dataclass(frozen=True)
class Occasion:
    """Something that happened: one GUID for all webhooks that hear of it."""

    event: str
    payload: dict[str, Any]
    guid: str
    installation_id: int | None = None
    repository_id: int | None = None


class Courier:
    """Sends deliveries beside the requests that cause them. ``deliver_to`` is the edge's URL; without one nobody can
    be reached. ``answer_within`` is in seconds, ``extra`` are headers that only an Enterprise Server sends."""

    def __init__(self, clock: Clock, deliver_to: Callable[[], str | None]) -> None:
        self.answer_within = ANSWER_WITHIN
        self.kept = KEPT
        self.extra: dict[str, str] = {}
        self._clock = clock
        self._deliver_to = deliver_to
        self._ids = itertools.count(_FIRST_ID, 1009)
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: set[Future[None]] = set()

    def become_enterprise(self) -> None:
        """Deliver as an Enterprise Server does."""
        self.answer_within, self.kept = ANSWER_WITHIN_OF_ENTERPRISE, KEPT_BY_ENTERPRISE
        self.extra = {"X-GitHub-Enterprise-Host": "github.example.com", "X-GitHub-Enterprise-Version": "3.19.0"}

    def start(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="github-delivery")

    def stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def send(self, webhook: Webhook, occasion: Occasion, redelivery: bool = False) -> None:
        """Send it soon. What is too large is not sent at all."""
        if self._pool is None or len(json.dumps(occasion.payload)) > LARGEST:
            return
        future = self._pool.submit(self._attempt, webhook, occasion, redelivery)
        with self._lock:
            self._under_way.add(future)
        future.add_done_callback(self._done)

    def settle(self, seconds: float = 20.0) -> None:
        """Wait until nothing is under way. Raises TimeoutError, and what went wrong in the stand-in itself."""
        with self._lock:
            futures = set(self._under_way)
        done, left = wait(futures, seconds)
        if left:
            raise TimeoutError(f"{len(left)} deliveries are still under way after {seconds:g} s")
        for future in done:
            future.result()

    def log(self, webhook: Webhook) -> list[Delivery]:
        """Return what of a webhook's log is still kept, the newest first."""
        oldest = self._clock.now() - self.kept
        with self._lock:
            webhook.deliveries = [item for item in webhook.deliveries if item.at > oldest]
            return sorted(webhook.deliveries, key=lambda item: item.id, reverse=True)

    def _done(self, future: Future[None]) -> None:
        with self._lock:
            self._under_way.discard(future)

    def _attempt(self, webhook: Webhook, occasion: Occasion, redelivery: bool) -> None:
        body = _body(webhook.content_type, occasion.payload)
        headers = {**_headers(webhook, occasion, body), **self.extra}
        delivery = Delivery(
            next(self._ids),
            occasion.guid,
            occasion.event,
            occasion.payload,
            redelivery,
            self._clock.now(),
            webhook.url,
            headers,
            occasion.installation_id,
            occasion.repository_id,
        )
        begun = time.monotonic()
        self._post(delivery, body)
        delivery.duration = time.monotonic() - begun
        with self._lock:
            webhook.deliveries.append(delivery)
            webhook.last_response = _last_response(delivery)

    def _post(self, delivery: Delivery, body: bytes) -> None:
        parts, edge = urlsplit(delivery.url), urlsplit(self._deliver_to() or "")
        if not edge.port:
            delivery.status, delivery.status_code = NO_CONNECTION, 502
            return
        connection = http.client.HTTPConnection(edge.hostname or "", edge.port, timeout=self.answer_within)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": parts.netloc, **delivery.headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            delivery.answer = answer.read().decode("utf-8", "replace")
            delivery.answer_headers = dict(answer.getheaders())
            delivery.status_code = answer.status
            good = 200 <= answer.status < 400
            delivery.status = "OK" if good else f"Invalid HTTP Response: {answer.status}"
        except TimeoutError:
            delivery.status, delivery.status_code = TIMED_OUT, 504
        except (OSError, http.client.HTTPException):
            delivery.status, delivery.status_code = NO_CONNECTION, 502
        finally:
            connection.close()


def _body(content_type: str, payload: dict[str, Any]) -> bytes:
    text = json.dumps(payload, separators=(",", ":"))
    return (urlencode({"payload": text}) if content_type == "form" else text).encode()


def _headers(webhook: Webhook, occasion: Occasion, body: bytes) -> dict[str, str]:
    """Return what GitHub sends along. Without a secret there is no signature."""
    kind = "application/json" if webhook.content_type == "json" else "application/x-www-form-urlencoded"
    word, target = webhook.target
    headers = {
        "Accept": "*/*",
        "Content-Type": kind,
        "User-Agent": AGENT,
        "X-GitHub-Delivery": occasion.guid,
        "X-GitHub-Event": occasion.event,
        "X-GitHub-Hook-ID": str(webhook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(target),
        "X-GitHub-Hook-Installation-Target-Type": word,
    }
    if webhook.secret:
        key = webhook.secret.encode()
        headers["X-Hub-Signature"] = "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    return headers


def _last_response(delivery: Delivery) -> dict[str, Any]:
    word = {"OK": "active", NO_CONNECTION: "failed", TIMED_OUT: "timeout"}.get(delivery.status, "misconfigured")
    return {"code": delivery.status_code, "status": word, "message": delivery.status}
