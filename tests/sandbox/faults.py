"""What may go wrong on the way to a server, and when.

In: faults and kills that a test arms, and every request that a stand-in or the proxy is about to answer.
Out: the fault or the kill that is due for that request, and a record of those that struck.
Never here: a socket, a server, or anything that the product knows about.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("429", "500", "timeout", "reset", "garbage", "lost")
"""429 and 500 answer so; timeout holds the connection; reset breaks it off with RST; garbage answers a broken body;
lost performs the request and then closes the connection in place of an answer. Only ``lost`` takes effect."""

WHEN = ("before", "after")

Matcher = Callable[[str, str], bool]


@dataclass(frozen=True)
class Match:
    """Say yes to a request by method (the whole of it) and path (any part of it), both regular expressions.

    It is a callable like any other matcher, and has a JSON form, so it can be armed from another process.
    """

    method: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        re.compile(self.method)
        re.compile(self.path)

    def __call__(self, method: str, path: str) -> bool:
        if self.method and re.fullmatch(self.method, method) is None:
            return False
        return re.search(self.path, path) is not None


@dataclass(frozen=True)
class ProcessKill:
    """End one process the hard way (SIGKILL), or its whole group; the pid is given, or read from a file when due."""

    pid: int | None = None
    pid_file: str | None = None
    group: bool = False

    def __post_init__(self) -> None:
        if (self.pid is None) == (self.pid_file is None):
            raise ValueError("ProcessKill wants a pid or a pid_file, and not both")

    def __call__(self) -> None:
        pid = self.pid if self.pid is not None else self._read()
        if pid <= 1:
            raise ValueError(f"{pid} is no process that a test may end")
        try:
            if self.group:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            # It ended by itself between the request and the kill: the wanted state is reached.
            return

    def _read(self) -> int:
        with open(str(self.pid_file), encoding="ascii") as file:
            return int(file.read())


@dataclass(frozen=True)
class Fault:
    """One kind of fault at the ``nth`` matching request (from 1, counted from arming), ``times`` in a row.

    ``times`` None is for ever. ``retry_after`` (seconds) is sent with 429. ``hold`` is how long (seconds) a time-out
    keeps the connection when the caller does not leave first. ``cut`` makes garbage a body that ends before its
    Content-Length; without it the body is whole and no JSON. Raises ValueError for an unknown kind or a bad number.
    """

    kind: str
    nth: int = 1
    match: Matcher = field(default_factory=Match)
    times: int | None = 1
    retry_after: float = 1
    hold: float = 60.0
    cut: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if self.nth < 1 or (self.times is not None and self.times < 1):
            raise ValueError("nth and times count from 1")

    @property
    def performs(self) -> bool:
        """Whether the request takes effect although the caller sees a fault."""
        return self.kind == "lost"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; raises TypeError when the matcher is a plain callable, which has none."""
        return {
            "kind": self.kind,
            "nth": self.nth,
            "match": _match_to_dict(self.match),
            "times": self.times,
            "retry_after": self.retry_after,
            "hold": self.hold,
            "cut": self.cut,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fault:
        return cls(**{**data, "match": Match(**data.get("match", {}))})


@dataclass(frozen=True)
class Kill:
    """Run ``action`` (it ends the caller) before or after the ``nth`` matching write; the answer is never sent.

    "before": the write has not taken effect. "after": it has. The server closes the connection in both cases.
    """

    nth: int
    when: str = "before"
    action: Callable[[], None] = lambda: None
    match: Matcher = field(default_factory=Match)

    def __post_init__(self) -> None:
        if self.when not in WHEN:
            raise ValueError(f"kill when {self.when!r} is not one of {', '.join(WHEN)}")
        if self.nth < 1:
            raise ValueError("nth counts from 1")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; raises TypeError unless the action is a ProcessKill and the matcher a Match."""
        if not isinstance(self.action, ProcessKill):
            raise TypeError("only a ProcessKill can be armed from another process")
        action = {"pid": self.action.pid, "pid_file": self.action.pid_file, "group": self.action.group}
        return {"nth": self.nth, "when": self.when, "action": action, "match": _match_to_dict(self.match)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Kill:
        return cls(**{**data, "action": ProcessKill(**data["action"]), "match": Match(**data.get("match", {}))})


@dataclass(frozen=True)
class Struck:
    """A fault or a kill that was handed out, and for which request."""

    kind: str
    method: str
    path: str


@dataclass
class _Armed:
    what: Fault | Kill
    seen: int = 0

    def due(self, method: str, path: str) -> bool:
        if not self.what.match(method, path):
            return False
        self.seen += 1
        times = self.what.times if isinstance(self.what, Fault) else 1
        return self.seen >= self.what.nth and (times is None or self.seen < self.what.nth + times)


class Faults:
    """All that is armed at one server; safe for many threads.

    Each armed fault counts its own matching requests, also those that another fault strikes. Of several that are
    due the one armed first wins.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self._struck: list[Struck] = []

    def arm(self, what: Fault | Kill) -> None:
        with self._lock:
            self._armed.append(_Armed(what))

    def clear(self) -> None:
        """Disarm everything and forget what struck."""
        with self._lock:
            self._armed.clear()
            self._struck.clear()

    def decide(self, method: str, path: str) -> Fault | None:
        """Count this request and return the fault that it must suffer, or None."""
        found = self._first_due(Fault, method, path)
        return found if isinstance(found, Fault) else None

    def decide_kill(self, method: str, path: str) -> Kill | None:
        """Count this write and return the kill that is due for it, or None.

        What is a write is the server's knowledge (a server-side dry run is none): it calls this for writes only,
        runs ``kill.action()`` before or after it performs the write, and closes the connection.
        """
        found = self._first_due(Kill, method, path)
        return found if isinstance(found, Kill) else None

    def struck(self) -> list[Struck]:
        """Return what has struck so far: a test that arms a fault must see here that the fault happened."""
        with self._lock:
            return list(self._struck)

    def waiting(self) -> int:
        """Return how many armed faults and kills have not struck as often as they should."""
        with self._lock:
            return sum(1 for armed in self._armed if armed.seen < _last(armed.what))

    def _first_due(self, kind: type, method: str, path: str) -> Fault | Kill | None:
        with self._lock:
            due = [armed.what for armed in self._armed if isinstance(armed.what, kind) and armed.due(method, path)]
            if not due:
                return None
            first = due[0]
            name = first.kind if isinstance(first, Fault) else f"kill-{first.when}"
            self._struck.append(Struck(name, method, path))
            return first


def from_dict(data: Mapping[str, Any]) -> Fault | Kill:
    """Return the fault or kill of a JSON form (a kill is the one that has ``when``)."""
    return Kill.from_dict(data) if "when" in data else Fault.from_dict(data)


def _match_to_dict(match: Matcher) -> dict[str, str]:
    if not isinstance(match, Match):
        raise TypeError("only a Match can be armed from another process, a plain callable cannot")
    return {"method": match.method, "path": match.path}


def _last(what: Fault | Kill) -> float:
    """Return the number of the last matching request that ``what`` strikes."""
    if isinstance(what, Kill):
        return what.nth
    return float("inf") if what.times is None else what.nth + what.times - 1
