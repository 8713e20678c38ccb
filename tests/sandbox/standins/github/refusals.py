"""Refusals that a test orders: the next requests of a kind are answered no, in GitHub's words, and change nothing.

In: the name of a refusal, which requests. Out: what such a request is answered. Never here: what GitHub refuses by
itself, for that is where the thing lies that is asked for.

The rows are those of a decision (422), of a token (401), of rights and limits (403), and of what is gone (404).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.sandbox.standins.github.answers import SECONDARY, Refused, limited, not_found
from tests.sandbox.standins.github.deployments import ALREADY, NOTHING_PENDING, TROUBLE
from tests.sandbox.standins.server import Request

ALLOW_LIST = (
    "Although you appear to have the correct authorization credentials, the `acme-corp` organization has an IP allow "
    "list enabled, and your IP address is not permitted to access this resource."
)
_SOON = 2.0


def _used_up() -> Refused:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time() + _SOON))}
    return Refused(403, "API rate limit exceeded for installation ID 50000001.", headers=headers)


def _not_allowed() -> Refused:
    headers = {"X-Accepted-GitHub-Permissions": "deployments=write"}
    return Refused(403, "Resource not accessible by integration", headers=headers)


ROWS: dict[str, Callable[[], Refused]] = {
    "nothing pending": lambda: Refused(422, NOTHING_PENDING),
    "reviewed": lambda: Refused(422, ALREADY),
    "race": lambda: Refused(422, TROUBLE),
    "race in a list": lambda: Refused(422, "Validation Failed", [TROUBLE]),
    "race in an object": lambda: Refused(422, "Validation Failed", [{"resource": "Deployment", "message": TROUBLE}]),
    "race in a text": lambda: Refused(422, "Validation Failed", TROUBLE),
    "environment": lambda: Refused(422, "Environment name is invalid"),  # not documented
    "credentials": lambda: Refused(401, "Bad credentials"),
    "retry after": lambda: Refused(403, SECONDARY, headers={"Retry-After": "1"}),
    "too many": lambda: limited(1),
    "used up": _used_up,
    "secondary": lambda: Refused(403, SECONDARY),
    "permission": _not_allowed,
    "suspended": lambda: Refused(403, "This installation has been suspended"),
    "allow list": lambda: Refused(403, ALLOW_LIST),
    "gone": not_found,
    "server error": lambda: Refused(500, "Server Error"),
    "bad gateway": lambda: Refused(502, "Server Error"),
    "unavailable": lambda: Refused(503, "Service unavailable"),
}


@dataclass
class _Ordered:
    row: str
    method: str
    path: re.Pattern[str]
    left: int
    meanwhile: Callable[[], Any]


class Refusals:
    """Those that are ordered. Each strikes so many requests, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: list[_Ordered] = []

    def order(
        self, row: str, path: str, method: str = "POST", times: int = 1, meanwhile: Callable[[], Any] = lambda: None
    ) -> None:
        """Refuse the next requests with that method and a path like that, by a row of `ROWS`.

        ``meanwhile`` happens at GitHub before the first of them is answered.
        """
        if row not in ROWS:
            raise ValueError(f"there is no refusal {row!r}, but {', '.join(ROWS)}")
        with self._lock:
            self._ordered.append(_Ordered(row, method, re.compile(path), times, meanwhile))

    def clear(self) -> None:
        """Take back what was ordered and has not struck."""
        with self._lock:
            self._ordered.clear()

    def strike(self, request: Request) -> Refused | None:
        """Return what is due for that request, None when it is to be answered as ever."""
        with self._lock:
            found = next(self._due(request), None)
            if found is None:
                return None
            found.left -= 1
            happens, found.meanwhile = found.meanwhile, lambda: None
        happens()
        return ROWS[found.row]()

    def _due(self, request: Request) -> Iterator[_Ordered]:
        for each in self._ordered:
            if each.left > 0 and each.method == request.method and each.path.search(request.path):
                yield each
