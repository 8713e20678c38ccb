"""A proxy before the API server: request log, faults at the n-th request, kills at the n-th write.

In: plain HTTP on loopback, and what a test armed. Out: the API server's own answers, or the armed trouble. Never here:
a fake of Kubernetes; what is not armed passes through unchanged, watches included.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from tests.sandbox.api import Identity, Server, ssl_context
from tests.sandbox.audit import is_write
from tests.sandbox.faults import Fault, Faults, Kill

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host"}
)
_IDLE_LIMIT = 20.0
"""Seconds after which an idle connection to the server is not used again: well below the server's own limit."""

_TIMEOUT = 120.0
_CHUNK = 65536
_HOLD_POLL = 0.02
_CUT = 64
GARBAGE = b'{"kind": "List", "apiVersion": "v1", "items": [{"metadata": {"na'


@dataclass
class Seen:
    """One request: `status` is None when no answer was handed on; `performed` says whether the server answered it."""

    number: int
    method: str
    uri: str
    agent: str
    body_size: int
    status: int | None = None
    fault: str | None = None
    performed: bool = False
    took: float = 0.0

    @property
    def is_write(self) -> bool:
        """By the same list as the audit log's (N13)."""
        return is_write(self.method, self.uri)

    def __str__(self) -> str:
        return f"{self.method} {self.uri} -> {self.fault or self.status}"


@dataclass(frozen=True)
class _Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


class Proxy:
    """A running proxy before one server; several may run before the same one.

    `faults` may be shared with other proxies or stand-ins: then they count together. Matchers get the path with its
    query, so that dry runs can be told apart. Kills are asked for writes alone (N13).
    """

    def __init__(self, upstream: Server, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._upstream = _Upstream(upstream)
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._count = 0
        self._server: _Server | None = None

    def start(self) -> Self:
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening and break off what is open."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._upstream.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_unused: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the proxy is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def requests(self) -> list[Seen]:
        """All requests since the start or the last `clear()`, in the order in which they came."""
        with self._lock:
            return list(self._seen)

    def writes(self) -> list[Seen]:
        """Those that change state, or would have (N13)."""
        return [seen for seen in self.requests() if seen.is_write]

    def clear(self) -> None:
        """Forget the requests, and disarm everything."""
        with self._lock:
            self._seen.clear()
        self.faults.clear()

    def begin(self, method: str, uri: str, agent: str, body_size: int) -> Seen:
        """Note a request that has just come in."""
        with self._lock:
            self._count += 1
            seen = Seen(self._count, method, uri, agent, body_size)
            self._seen.append(seen)
            return seen

    def forward(self, method: str, uri: str, headers: list[tuple[str, str]], body: bytes | None) -> _Forwarded:
        """Send a request to the server."""
        return self._upstream.send(method, uri, headers, body)


@dataclass
class _Forwarded:
    """An answer of the server whose body is still to be read, and what to do with the connection afterwards."""

    response: http.client.HTTPResponse
    done: Callable[[], None]

    @property
    def streams(self) -> bool:
        return self.response.getheader("Transfer-Encoding", "").lower() == "chunked"

    def headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.response.getheaders() if name.lower() not in _HOP_BY_HOP]

    def whole(self) -> _Answer:
        body = self.response.read()
        answer = _Answer(self.response.status, self.response.reason, self.headers(), body)
        self.done()
        return answer


class _Upstream:
    """Connections to the server, kept for the next request."""

    def __init__(self, server: Server) -> None:
        url = urlsplit(server.url)
        self._host, self._port = url.hostname or "127.0.0.1", url.port
        self._name = url.netloc
        self._ssl: ssl.SSLContext | None = ssl_context(server, Identity())
        self._lock = threading.Lock()
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []

    def send(self, method: str, uri: str, headers: list[tuple[str, str]], body: bytes | None) -> _Forwarded:
        connection = self._take()
        try:
            connection.putrequest(method, uri, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", self._name)
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
        except (http.client.HTTPException, OSError):
            connection.close()
            raise
        return _Forwarded(response, lambda: self._give_back(connection, response))

    def close(self) -> None:
        with self._lock:
            for _unused, connection in self._idle:
                connection.close()
            self._idle.clear()

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < _IDLE_LIMIT:
                    return connection
                connection.close()
        if self._ssl is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        else:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT, context=self._ssl)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _give_back(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        if response.will_close or not response.isclosed():
            connection.close()
            return
        with self._lock:
            self._idle.append((time.monotonic(), connection))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # The base class asks the resolver for the host's name here, which can take seconds and is never used.
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes away in the middle is everyday life here; other errors are shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError) and not self.stopping.is_set():
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._open_lock:
            left = list(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # Closed by its own thread at this very moment.
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_request(self) -> None:
        body = self._read_body()
        proxy = self.server.proxy
        seen = proxy.begin(self.command, self.path, self.headers.get("User-Agent", ""), len(body or b""))
        started = time.perf_counter()
        kill = proxy.faults.decide_kill(self.command, self.path) if seen.is_write else None
        fault = proxy.faults.decide(self.command, self.path) if kill is None else None
        try:
            if kill is not None:
                self._kill(kill, seen, body)
            elif fault is not None:
                seen.fault = fault.kind
                self._suffer(fault, seen, body)
            else:
                self._pass(seen, body)
        finally:
            seen.took = time.perf_counter() - started

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_request

    def _forward(self, seen: Seen, body: bytes | None) -> _Forwarded:
        headers = [
            (name, value)
            for name, value in self.headers.items()
            if name.lower() not in _HOP_BY_HOP and name.lower() != "content-length"
        ]
        forwarded = self.server.proxy.forward(self.command, self.path, headers, body)
        seen.performed = True
        return forwarded

    def _pass(self, seen: Seen, body: bytes | None) -> None:
        try:
            forwarded = self._forward(seen, body)
        except (http.client.HTTPException, OSError) as error:
            seen.fault = f"server: {error}"
            self._break_off(reset=False)
            return
        if forwarded.streams:
            self._stream(forwarded, seen)
        else:
            answer = forwarded.whole()
            seen.status = answer.status
            self._send(answer)

    def _kill(self, kill: Kill, seen: Seen, body: bytes | None) -> None:
        seen.fault = f"kill-{kill.when}"
        if kill.when == "after":
            self._forward(seen, body).whole()
        kill.action()
        self._break_off(reset=False)

    def _suffer(self, fault: Fault, seen: Seen, body: bytes | None) -> None:
        if fault.kind == "lost":
            self._forward(seen, body).whole()
            self._break_off(reset=False)
        elif fault.kind == "reset":
            self._break_off(reset=True)
        elif fault.kind == "timeout":
            self._hold(fault.hold)
            self._break_off(reset=False)
        else:
            seen.status = 200 if fault.kind == "garbage" else int(fault.kind)
            self._send(_fault_answer(fault), cut=_CUT if fault.kind == "garbage" and fault.cut else 0)

    def _stream(self, forwarded: _Forwarded, seen: Seen) -> None:
        """Hand on piece by piece: lists come so, and watches last for minutes."""
        response = forwarded.response
        seen.status = response.status
        headers = [*forwarded.headers(), ("Transfer-Encoding", "chunked")]
        try:
            # At once: a watch may have nothing to tell for a long time, and its caller waits for the status.
            self.connection.sendall(_head(response.status, response.reason, headers))
            while piece := response.read1(_CHUNK):
                self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.connection.sendall(b"0\r\n\r\n")
        finally:
            forwarded.done()

    def _send(self, answer: _Answer, cut: int = 0) -> None:
        """Head and body in one write. `cut` bytes are promised and never sent."""
        headers = list(answer.headers)
        if not any(name.lower() == "content-length" for name, _unused in headers) and answer.status not in (204, 304):
            headers.append(("Content-Length", str(len(answer.body) + cut)))
        if cut:
            self.close_connection = True
        self.connection.sendall(_head(answer.status, answer.reason, headers) + answer.body)

    def _break_off(self, reset: bool) -> None:
        self.close_connection = True
        if reset:
            # Linger 0 turns the close into a RST; the file over the socket holds it open, so that goes first.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()

    def _hold(self, seconds: float) -> None:
        """Keep the connection without a word until the caller leaves, the time is over or the proxy stops."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.server.stopping.is_set():
            readable, _unused, _other = select.select([self.connection], [], [], _HOLD_POLL)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return

    def _read_body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                continue
            return b"".join(pieces)
        length = self.headers.get("Content-Length")
        return None if length is None else self.rfile.read(int(length))

    def log_message(self, *_unused: Any, **__: Any) -> None:
        """The list of requests has it all."""


def _head(status: int, reason: str, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_REASONS = {"429": ("TooManyRequests", "too many requests, please try again later"), "500": ("InternalError", "armed")}


def _fault_answer(fault: Fault) -> _Answer:
    """The words of the API server for 429 and 500; a body that is no JSON for garbage."""
    headers = [("Content-Type", "application/json")]
    if fault.kind == "garbage":
        return _Answer(200, "OK", headers, GARBAGE)
    reason, message = _REASONS[fault.kind]
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    body = json.dumps({**status, "message": message, "reason": reason, "code": int(fault.kind)}).encode()
    if fault.kind == "429":
        headers.append(("Retry-After", f"{fault.retry_after:g}"))
    return _Answer(int(fault.kind), http.client.responses[int(fault.kind)], headers, body)
