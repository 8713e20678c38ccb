"""How the gate listens: uvicorn, with limits on what a client may take of it before it has said anything.

In: an application, an address. Out: uvicorn's configuration. Never here: a route; when the process starts or ends.

The address of a client is for origin.py to tell, so uvicorn believes no header about it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
LONGEST_HEAD = 64 * 1024  # bytes
_IDLE_SECONDS = 60  # GitHub's connections are kept for its next delivery


class Impatient(HttpToolsProtocol):
    """Closes connections whose request line and headers do not end: in time, or in size."""

    _waiting: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Count what came of a head that has no end yet."""
        self._head += len(data)
        super().data_received(data)
        if self._waiting is not None and self._head > LONGEST_HEAD:
            self._close()

    def on_message_begin(self) -> None:
        """Begin to wait for the head of a further request."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """The head is whole: what comes now is the body, which the application measures."""
        self._end_of_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the wait with the connection."""
        self._end_of_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._end_of_waiting()
        self._head = 0
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._close)

    def _end_of_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _close(self) -> None:
        self._end_of_waiting()
        if not self.transport.is_closing():
            self.transport.close()


def new_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that the listeners run in; asyncio's own takes half as many deliveries."""
    return uvloop.new_event_loop()


def configured(application: Any, host: str, port: int, **more: Any) -> uvicorn.Config:
    """Return what uvicorn is to do for an application; ``more`` are further settings of uvicorn."""
    settings: dict[str, Any] = {
        "http": Impatient,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": _IDLE_SECONDS,
        "ws": "none",
        "lifespan": "on",
        **more,
    }
    return uvicorn.Config(application, host=host, port=port, **settings)
