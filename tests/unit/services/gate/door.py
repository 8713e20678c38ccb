"""The gate's way in as tests call it: the application over ASGI, without a socket.

In: bytes, headers. Out: the answer, and what lies in the inbox then. Never here: an expectation.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from services.gate.config import App
from services.gate.payload import Delivery

SECRET = "the secret of the door"
FORMER = "the one before"
PAYLOAD: dict[str, Any] = {
    "action": "requested",
    "environment": "production",
    "event": "push",
    "deployment_callback_url": "https://api.github.com/repos/acme/web/actions/runs/7/deployment_protection_rule",
    "deployment": {"id": 41, "sha": "a" * 40, "ref": "main"},
    "repository": {"id": 1, "name": "web", "full_name": "acme/web"},
    "installation": {"id": 99},
    "sender": {"login": "olga"},
}
BODY = json.dumps(PAYLOAD).encode()
Pairs = Sequence[tuple[str, str]]


def an_app(name: str = "acme", app_id: str = "12345", *secrets: str) -> App:
    """An App with these secrets."""
    given = [Sensitive(text) for text in secrets or (SECRET, FORMER)]
    return App(name=name, app_id=app_id, key_file=None, secret_files=(), secrets=given)


def signature(body: bytes, secret: str = SECRET) -> str:
    """What GitHub's header says; made here by hand, so that the product cannot agree with itself."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(body: bytes = BODY, **changed: str | None) -> dict[str, str]:
    """The headers of a good delivery; None takes one away."""
    whole: dict[str, str | None] = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-github-event": "deployment_protection_rule",
        "x-github-delivery": str(uuid.uuid4()),
        "x-hub-signature-256": signature(body),
        "x-github-hook-installation-target-id": "12345",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    return {name: value for name, value in whole.items() if value is not None}


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Box:
    """An inbox that holds what it was given, and tells what its ``trouble`` is."""

    stored: list[Delivery] = field(default_factory=list)
    trouble: Exception | None = None

    def put(self, deliveries: list[Delivery]) -> list[bool]:
        """Keep deliveries by their GUIDs."""
        if self.trouble:
            raise self.trouble
        known = {item.guid for item in self.stored}
        self.stored += deliveries
        return [item.guid not in known for item in deliveries]


Application = Callable[..., Awaitable[None]]


async def call(
    application: Application,
    body: bytes | Iterable[bytes] = BODY,
    given: Mapping[str, str] | Pairs | None = None,
    path: str = "/webhook/acme",
    method: str = "POST",
    client: str | None = "192.0.2.7",
    endless: bool = False,
    gone: bool = False,
) -> Answer:
    """Send a request; ``endless`` waits for ever after the last part, ``gone`` hangs up there."""
    parts = [body] if isinstance(body, bytes) else list(body)
    if given is None:
        given = headers(b"".join(parts))
    pairs = list(given.items()) if isinstance(given, Mapping) else list(given)
    answer = Answer()

    async def receive() -> dict[str, Any]:
        if parts:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts) or endless or gone}
        if endless:
            await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        "client": (client, 4711) if client else None,
        "server": ("127.0.0.1", 8080),
    }
    await application(scope, receive, send)
    return answer


def secret_file(folder: Path) -> Path:
    """A file with the secret."""
    path = folder / "secret"
    path.write_text(SECRET, encoding="utf-8")
    return path
