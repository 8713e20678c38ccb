"""The other end of ``/_sandbox/``: what tests in another process say to a running stand-in.

In: the URL of a stand-in. Out: its log, its state, and its faults and clock set. Never here: a request that the
product would send.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from tests.sandbox.faults import Fault, Kill, Struck
from tests.sandbox.standins.server import CONTROL, Entry


class ControlError(RuntimeError):
    """The stand-in refused a control request; the text is its answer."""


class Control:
    """A client of the control interface; each call is one short connection. `ca` is a file, for a stand-in with TLS."""

    def __init__(self, url: str, ca: str | None = None) -> None:
        parts = urlsplit(url)
        self._tls = ssl.create_default_context(cafile=ca) if ca else None
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)

    def log(self) -> list[Entry]:
        return [Entry(**item) for item in self._call("GET", "log")]

    def writes(self) -> list[Entry]:
        return [entry for entry in self.log() if entry.writes]

    def clear_log(self) -> None:
        self._call("DELETE", "log")

    def arm(self, what: Fault | Kill) -> None:
        """Arm a fault or a kill; raises TypeError when it has no JSON form."""
        self._call("POST", "faults", what.to_dict())

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def struck(self) -> list[Struck]:
        return [Struck(**item) for item in self._call("GET", "faults")["struck"]]

    def waiting(self) -> int:
        """Return how many armed faults and kills have not struck yet."""
        return int(self._call("GET", "faults")["waiting"])

    def state(self) -> Any:
        return self._call("GET", "state")

    def shift_clock(self, seconds: float) -> str:
        """Set the clock's shift and return the time that the stand-in now has."""
        return str(self._call("POST", "clock", {"shift": seconds})["now"])

    def do(self, action: str, **arguments: Any) -> Any:
        """Call one of the stand-in's own actions by name."""
        return self._call("POST", f"do/{action}", arguments)

    def _call(self, method: str, what: str, data: Any = None) -> Any:
        connection = (
            http.client.HTTPSConnection(*self._address, timeout=10, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(*self._address, timeout=10)
        )
        try:
            body = None if data is None else json.dumps(data)
            connection.request(method, CONTROL + what, body)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            raise ControlError(f"{method} {what}: {answer.status} {text}")
        return json.loads(text)
