"""HTTP as bytes on a socket: what a client can send that a library would not let it send.

In: a port, bytes. Out: the bytes of the answer. Never here: a good manner.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress


def say(port: int, *parts: bytes, pause: float = 0.0, hang_up: bool = False) -> bytes:
    """Send parts as they are, and return all that is said until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client, ThreadPoolExecutor(1) as pool:
        # It listens while it speaks: an answer may come before the last part, and the end of the connection after.
        heard = pool.submit(_heard, client)
        with suppress(ConnectionError):
            for part in parts:
                client.sendall(part)
                time.sleep(pause)
            if hang_up:
                client.shutdown(socket.SHUT_WR)
        return heard.result()


def head(pairs: Sequence[tuple[str, str]], path: str, method: str = "POST") -> bytes:
    """Return a request line and headers, byte for byte; they ask the server to close after its answer."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: gate",
        "connection: close",
        *(f"{name}: {value}" for name, value in pairs),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return a part of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def status(answer: bytes) -> int:
    """Return the status of the first answer."""
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


def _heard(client: socket.socket) -> bytes:
    heard = b""
    with suppress(ConnectionError):
        while part := client.recv(65_536):
            heard += part
    return heard
