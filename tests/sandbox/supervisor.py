"""The one process that owns a sandbox, and the small loopback API by which others join and leave it.

In: a name, parts, a first user. Out: a state file and running parts until the last user is gone. Never here: a part's
own knowledge, or a socket that is not on loopback.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.sandbox.process import Record
from tests.sandbox.stack import Stack
from tests.sandbox.state import Place, State, User

LOGGER = logging.getLogger(__name__)

_LOOK_EVERY = 0.25


class Refused(RuntimeError):
    """The supervisor's answer was no; the text says why."""


@dataclass
class Supervisor:
    """Runs until nobody uses the sandbox any more."""

    place: Place
    state: State
    users: list[User]
    stack: Stack = field(init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.stack = Stack(self.place.folder, self.state.emulated_version, self._say)

    def run(self, parts: list[str]) -> int:
        """Start, serve, stop; answers the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_unused: self._stop.set())
        self.place.write(self.state)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.state.port = server.server_address[1]
        try:
            self._start(parts)
            self.state.ready = True
            self._write()
            while not self._stop.wait(_LOOK_EVERY):
                self._drop_dead_users()
        except Exception as error:
            # Whatever it was, it belongs into the state file: that is where `up` reads why.
            LOGGER.exception("the sandbox did not start")
            self.state.error = f"{type(error).__name__}: {error}"
            self._write()
            return 1
        finally:
            server.shutdown()
            self.stack.stop()
            # After a failed start the folder stays for whoever waits for it, and reads why.
            if not self.state.error:
                self.place.put_away()
        return 0

    # --- answers to requests

    def join(self, data: dict[str, Any]) -> dict[str, Any]:
        user = User.from_json(data)
        with self._lock:
            if self._stop.is_set():
                raise Refused("the sandbox is being stopped")
            if user not in self.users:
                self.users.append(user)
        return self.status({})

    def leave(self, data: dict[str, Any]) -> dict[str, Any]:
        user = User.from_json(data)
        with self._lock:
            self.users = [other for other in self.users if other != user]
            self._drop_dead_users()
        return self.status({})

    def stop(self, _unused: dict[str, Any]) -> dict[str, Any]:
        self._stop.set()
        return {}

    def start(self, data: dict[str, Any]) -> dict[str, Any]:
        self._start(list(data["parts"]))
        self._write()
        return self.status({})

    def status(self, _unused: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            return {
                "users": [str(user) for user in self.users],
                "parts": list(self.stack.running),
                "processes": [vars(record) for record in self.place.processes()],
                "env": self.stack.env(),
            }

    def address(self, data: dict[str, Any]) -> dict[str, Any]:
        found = self.stack.address(data["namespace"], data["service"], data["port"])
        return {"address": list(found) if found else None}

    # --- below

    def _start(self, parts: list[str]) -> None:
        with self._starting:
            self.stack.start(parts)

    def _drop_dead_users(self) -> None:
        with self._lock:
            self.users = [user for user in self.users if user.alive]
            if not self.users:
                self._stop.set()

    def _say(self, line: str) -> None:
        print(line, flush=True)
        self.state.progress.append(line)
        self._write()

    def _write(self) -> None:
        with self._lock:
            self.state.parts = list(self.stack.running)
            self.state.env = self.stack.env()
            self.place.write(self.state)


def _handler(supervisor: Supervisor) -> type[BaseHTTPRequestHandler]:
    actions: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        f"/{action.__name__}": action
        for action in (
            supervisor.join,
            supervisor.leave,
            supervisor.stop,
            supervisor.start,
            supervisor.status,
            supervisor.address,
        )
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not secrets.compare_digest(self.headers.get("Authorization", ""), f"Bearer {supervisor.state.secret}"):
                self._answer(401, {"error": "this needs the secret of the state file"})
                return
            try:
                self._answer(200, actions[self.path](json.loads(body or b"{}")))
            except Refused as error:
                self._answer(409, {"error": str(error)})
            except Exception as error:
                LOGGER.exception("%s failed", self.path)
                self._answer(500, {"error": f"{type(error).__name__}: {error}"})

        def _answer(self, code: int, data: dict[str, Any]) -> None:
            body = json.dumps(data).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_unused: Any, **__: Any) -> None:
            """Requests of users are not worth a line."""

    return Handler


def ask(state: State, action: str, data: dict[str, Any] | None = None, timeout: float = 600.0) -> dict[str, Any]:
    """One request to a running supervisor. Raises Refused, or OSError when it is gone."""
    connection = http.client.HTTPConnection("127.0.0.1", state.port, timeout=timeout)
    try:
        headers = {"Authorization": f"Bearer {state.secret}"}
        connection.request("POST", f"/{action}", json.dumps(data or {}), headers)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (http.client.HTTPException, ValueError) as error:
        raise ConnectionError(f"the supervisor of {state.name} went away: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise Refused(str(answer.get("error", answer)))
    return answer


def serve(name: str, parts: list[str], emulated_version: str | None, user: User) -> int:
    """What `python -m tests.sandbox serve` does."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    place = Place(name)
    record = Record.of("supervisor", os.getpid())
    if record is None:
        raise RuntimeError("this process cannot see itself in the table of processes")
    state = State(name, record, emulated_version, secret=secrets.token_urlsafe(24))
    return Supervisor(place, state, [user]).run(parts)
