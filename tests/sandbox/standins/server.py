"""The loopback HTTP/1.1 server under every stand-in: routes, request log, clock, faults, control by HTTP.

In: a table of routes with a function each, and HTTP requests. Out: one answer a request, sent in one write, so that
an answer costs less than a millisecond. Never here: an endpoint of a real system.

Paths below ``/_sandbox/`` control the stand-in itself (see ``control.py``): neither logged nor struck by faults.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.sandbox.faults import Fault, Faults, Kill, from_dict

LOGGER = logging.getLogger(__name__)
CONTROL = "/_sandbox/"
READS = ("GET", "HEAD", "OPTIONS")
GARBAGE = b'{"success": true, "result": {"id": "4'


@dataclass(frozen=True)
class Request:
    """One request: header names in lower case, ``path`` decoded and without query, ``target`` as it was sent,
    ``peer`` the caller's address, ``params`` the groups of the route's pattern."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    target: str = ""
    peer: str = "127.0.0.1"
    params: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        return self.method not in READS

    def argument(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None."""
        values = self.query.get(name)
        return values[0] if values else None

    def json(self) -> Any:
        """Return the parsed body; raises ValueError when it is no JSON."""
        return json.loads(self.body.decode())


@dataclass(frozen=True)
class Answer:
    """What goes back: status, body and headers (Content-Length, Date and Connection are added)."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(status: int, data: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(data).encode(), {"Content-Type": "application/json", **(headers or {})})


@dataclass
class Entry:
    """One line of the request log. Bodies are kept as they came, secrets too: tests search them.

    ``status`` is None when no answer was sent; ``fault`` names the fault or kill that struck; ``performed`` says
    whether the request reached the stand-in's state; ``at`` is the real time and ``took`` the seconds until the answer.
    """

    number: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    at: float
    status: int | None = None
    answer: str = ""
    fault: str | None = None
    performed: bool = False
    took: float = 0.0

    @property
    def writes(self) -> bool:
        return self.method not in READS


class RequestLog:
    """Every request in the order of arrival; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._count = 0

    def begin(self, request: Request) -> Entry:
        with self._lock:
            self._count += 1
            query = urlsplit(request.target).query
            body = request.body.decode("utf-8", "replace")
            entry = Entry(self._count, request.method, request.path, query, request.headers, body, time.time())
            self._entries.append(entry)
            return entry

    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries)

    def writes(self) -> list[Entry]:
        return [entry for entry in self.entries() if entry.writes]

    def clear(self) -> None:
        """Forget the entries; numbers go on."""
        with self._lock:
            self._entries.clear()


class Clock:
    """The stand-in's time: the real one plus a shift (seconds) that tests set."""

    def __init__(self) -> None:
        self.shift = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.shift)

    def stamp(self) -> str:
        """Return the time as APIs write it: 2026-01-31T09:30:00.123456Z."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Route:
    """A method, a path pattern (a regular expression for the whole path; its groups become params) and a function."""

    method: str
    pattern: re.Pattern[str]
    perform: Callable[[Request], Answer]


def route(method: str, pattern: str, perform: Callable[[Request], Answer]) -> Route:
    return Route(method, re.compile(pattern), perform)


class StandIn:
    """A running stand-in. A subclass gives routes, and may override what an unknown path or a fault looks like.

    ``actions`` are functions that another process may call by name over the control interface.
    """

    tls: ssl.SSLContext | None = None
    """What the next connections are greeted with; None for plain HTTP."""

    def __init__(self, port: int = 0) -> None:
        self.log = RequestLog()
        self.faults = Faults()
        self.clock = Clock()
        self.actions: dict[str, Callable[..., Any]] = {}
        self._routes: list[Route] = []
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        self._server = _Server(("127.0.0.1", self._port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and break off what is open. A stand-in that does not run is left as it is."""
        if self._server is None or self._thread is None:
            return
        self._server.stop()
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_unused: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError(f"{type(self).__name__} is not started")
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def drop_connections(self) -> None:
        """Break off what is open; callers come again."""
        if self._server is not None:
            self._server.break_off()

    def add_routes(self, *routes: Route) -> None:
        self._routes.extend(routes)

    def heard(self, request: Request) -> None:
        """Take note of a request before any fault strikes it."""

    def answer(self, request: Request) -> Answer:
        """Perform the request by the first route that fits."""
        other_method = False
        for candidate in self._routes:
            found = candidate.pattern.fullmatch(request.path)
            if found is None:
                continue
            if candidate.method == request.method:
                return candidate.perform(_with_params(request, found.groups()))
            other_method = True
        return self.no_method(request) if other_method else self.no_route(request)

    def no_route(self, request: Request) -> Answer:
        return json_answer(404, {"error": f"no route for {request.path}"})

    def no_method(self, request: Request) -> Answer:
        return json_answer(405, {"error": f"no {request.method} for {request.path}"})

    def fault_answer(self, fault: Fault, request: Request) -> Answer:
        """Return the answer of the faults that have one (429, 500 and garbage), in the words of the real system."""
        if fault.kind == "garbage":
            return Answer(200, GARBAGE, {"Content-Type": "application/json"})
        retry = {"Retry-After": f"{fault.retry_after:g}"} if fault.kind == "429" else {}
        return json_answer(int(fault.kind), {"error": responses[int(fault.kind)]}, retry)

    def state(self) -> Any:
        """Return the whole state as plain JSON, secrets too: tests look for what leaked."""
        return {}

    def control(self, request: Request) -> Answer:
        """Answer a request below ``/_sandbox/``."""
        what = request.path.removeprefix(CONTROL)
        if what == "log":
            return self._control_log(request)
        if what == "faults":
            return self._control_faults(request)
        if what == "state":
            return json_answer(200, self.state())
        if what == "clock":
            if request.method == "POST":
                self.clock.shift = float(request.json()["shift"])
            return json_answer(200, {"now": self.clock.stamp(), "shift": self.clock.shift})
        if what.startswith("do/") and what[3:] in self.actions:
            return json_answer(200, self.actions[what[3:]](**request.json()))
        return json_answer(404, {"error": f"no control {what!r}"})

    def _control_log(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self.log.clear()
        return json_answer(200, [vars(entry) for entry in self.log.entries()])

    def _control_faults(self, request: Request) -> Answer:
        if request.method == "POST":
            self.faults.arm(from_dict(request.json()))
        elif request.method == "DELETE":
            self.faults.clear()
        struck = [vars(item) for item in self.faults.struck()]
        return json_answer(200, {"struck": struck, "waiting": self.faults.waiting()})


def _with_params(request: Request, groups: tuple[str, ...]) -> Request:
    return Request(**{**vars(request), "params": groups})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], standin: StandIn) -> None:
        self.standin = standin
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # The base class asks the resolver for the host's name here, which can take seconds and is never used.
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.standin.tls:
            # The handshake waits for the thread of this connection: here it would keep the others waiting.
            connection = self.standin.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Callers that go away in the middle are everyday life here (kills, faults); all else is a defect of ours.
        # So are callers that do not trust the certificate.
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, ssl.SSLError)) and not self.stopping.is_set():
            LOGGER.error("a connection from %s ended in a defect of the stand-in: %r", client_address, error)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self.break_off()

    def break_off(self) -> None:
        with self._open_lock:
            left = list(self._open)
        for connection in left:
            # It may be closed by its own thread at this very moment.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle_request(self) -> None:
        parts = urlsplit(self.path)
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        query = parse_qs(parts.query, keep_blank_values=True)
        body, peer = self._read_body(), str(self.client_address[0])
        request = Request(self.command, unquote(parts.path), query, headers, body, self.path, peer)
        if request.path.startswith(CONTROL):
            self._send(self._guarded(self.server.standin.control, request))
        else:
            self._serve(request)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_request

    def _serve(self, request: Request) -> None:
        standin = self.server.standin
        entry = standin.log.begin(request)
        standin.heard(request)
        started = time.perf_counter()
        kill = standin.faults.decide_kill(request.method, request.path) if request.writes else None
        fault = standin.faults.decide(request.method, request.path) if kill is None else None
        try:
            if kill is not None:
                self._kill(kill, request, entry)
            elif fault is not None:
                entry.fault = fault.kind
                self._suffer(fault, request, entry)
            else:
                self._perform(request, entry)
        finally:
            entry.took = time.perf_counter() - started

    def _perform(self, request: Request, entry: Entry, silent: bool = False) -> None:
        answer = self._guarded(self.server.standin.answer, request)
        entry.performed = True
        if silent:
            self._break_off(reset=False)
        else:
            self._finish(answer, entry)

    def _kill(self, kill: Kill, request: Request, entry: Entry) -> None:
        entry.fault = f"kill-{kill.when}"
        if kill.when == "after":
            self._guarded(self.server.standin.answer, request)
            entry.performed = True
        kill.action()
        self._break_off(reset=False)

    def _suffer(self, fault: Fault, request: Request, entry: Entry) -> None:
        if fault.kind == "lost":
            self._perform(request, entry, silent=True)
        elif fault.kind == "reset":
            self._break_off(reset=True)
        elif fault.kind == "timeout":
            self._hold(fault.hold)
            self._break_off(reset=False)
        else:
            answer = self.server.standin.fault_answer(fault, request)
            self._finish(answer, entry, missing=64 if fault.cut and fault.kind == "garbage" else 0)

    def _finish(self, answer: Answer, entry: Entry, missing: int = 0) -> None:
        entry.status = answer.status
        entry.answer = answer.body.decode("utf-8", "replace")
        self._send(answer, missing)

    def _guarded(self, perform: Callable[[Request], Answer], request: Request) -> Answer:
        """Perform, and turn a defect of the stand-in into a loud 500 instead of a silent end of the connection."""
        try:
            return perform(request)
        except Exception as error:
            LOGGER.exception("%s %s failed in the stand-in itself", request.method, request.path)
            return json_answer(500, {"error": f"the stand-in itself failed: {error!r}"})

    def _send(self, answer: Answer, missing: int = 0) -> None:
        """Send head and body in one write. ``missing`` bytes are promised and never sent."""
        headers = {"Date": self.date_time_string(), **answer.headers}
        if answer.status >= 200 and answer.status not in (204, 304):
            headers["Content-Length"] = str(len(answer.body) + missing)
        if missing:
            self.close_connection = True
        if self.close_connection:
            headers["Connection"] = "close"
        head = f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unknown')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        body = b"" if self.command == "HEAD" else answer.body
        self.connection.sendall(head.encode("latin-1") + b"\r\n" + body)

    def _break_off(self, reset: bool) -> None:
        self.close_connection = True
        if not reset:
            return
        # Linger 0 turns the close into a RST. The file over the socket holds it open, so that goes first, and the
        # server's own closing (which would send an orderly FIN before) then finds a closed socket.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _hold(self, seconds: float) -> None:
        """Keep the connection without a word until the caller leaves, the time is over or the server stops."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.server.stopping.is_set():
            readable, _unused, _other = select.select([self.connection], [], [], 0.02)
            # Through TLS nobody can peek; what comes while an answer is waited for is the caller's leaving.
            secret = isinstance(self.connection, ssl.SSLSocket)
            if readable and (secret or not self.connection.recv(1, socket.MSG_PEEK)):
                return

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _read_chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return b"".join(parts)

    def log_message(self, *_unused: Any, **__: Any) -> None:
        """Say nothing: the request log has it all."""
