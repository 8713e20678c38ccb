"""What the API server did, by its own audit log; and what counts as a write.

In: the log file of a control plane. Out: the requests since a mark, as `Request`. Never here: a judgement about who
may write.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.sandbox.api import Api

POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # The reads of controllers would make the log grow by megabytes and say nothing about writes. The one read
        # that is kept lets a reader know that the log has come up to its own request.
        {"level": "Metadata", "verbs": ["get"], "nonResourceURLs": ["/version"]},
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "Metadata"},
    ],
}
"""The audit policy of the sandbox: metadata of everything that is not a read."""

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

NOT_WRITES = re.compile(
    r"/apis/authorization\.k8s\.io/[^/]+/(.*/)?(self|local)?subject(access|rules)reviews"
    r"|/apis/authentication\.k8s\.io/[^/]+/(selfsubject|token)reviews"
    r"|/api/v1/namespaces/[^/]+/serviceaccounts/[^/]+/token"
)
"""Requests by POST that answer a question and change no state (N13)."""

_PRODUCT_AGENT = "aphex.platform/"
_SETTLE = 0.02
_PATIENCE = 10.0


def is_write(method: str, uri: str) -> bool:
    """Is this request one that changes state? Dry runs, reviews and token requests do not (N13)."""
    if method.upper() in READ_METHODS:
        return False
    url = urlsplit(uri)
    if "All" in parse_qs(url.query).get("dryRun", []):
        return False
    return NOT_WRITES.fullmatch(url.path) is None


_METHODS = {
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}


@dataclass(frozen=True)
class Request:
    """One request as the audit log tells it."""

    verb: str
    uri: str
    user: str
    impersonated: str
    agent: str
    code: int
    time: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Request:
        return cls(
            verb=str(event["verb"]),
            uri=str(event["requestURI"]),
            user=str(event.get("user", {}).get("username", "")),
            impersonated=str((event.get("impersonatedUser") or {}).get("username", "")),
            agent=str(event.get("userAgent", "")),
            code=int((event.get("responseStatus") or {}).get("code", 0)),
            time=str(event.get("requestReceivedTimestamp", "")),
        )

    @property
    def is_write(self) -> bool:
        return is_write(_METHODS.get(self.verb, "GET"), self.uri)

    @property
    def by_product(self) -> bool:
        """Does it come from the product's own client? Controllers write too, and are told apart by this."""
        return self.agent.startswith(_PRODUCT_AGENT)

    @property
    def succeeded(self) -> bool:
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return f"{self.verb} {self.uri} -> {self.code} ({self.impersonated or self.user}, {self.agent})"


@dataclass(frozen=True)
class AuditLog:
    """The audit log of one control plane; read by any process that can read its file."""

    path: Path
    api: Api

    def mark(self) -> int:
        """Now, as a position in the log: everything answered so far lies before it."""
        self._catch_up()
        return self.path.stat().st_size

    def requests(self, since: int = 0) -> list[Request]:
        """All logged requests since the mark, in the order in which they ended."""
        self._catch_up()
        return [Request.from_event(event) for event in self._events(since) if event["requestURI"] != "/version"]

    def writes(self, since: int = 0, wanted: Callable[[Request], bool] | None = None) -> list[Request]:
        """The requests since the mark that change state and that `wanted` (default: every one) accepts."""
        return [request for request in self.requests(since) if request.is_write and (wanted is None or wanted(request))]

    def product_writes(self, since: int = 0) -> list[Request]:
        """The writes of the product's own client since the mark."""
        return self.writes(since, lambda request: request.by_product)

    def _events(self, since: int) -> list[dict[str, Any]]:
        with self.path.open("rb") as log:
            log.seek(since)
            whole = log.read().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def _catch_up(self) -> None:
        """Ask something with a name of its own, and wait until the log tells of it."""
        agent = f"audit-mark-{uuid.uuid4()}"
        before = self.path.stat().st_size
        Api(self.api.server, self.api.identity, agent).get("/version")
        deadline = time.monotonic() + _PATIENCE
        while not any(event.get("userAgent") == agent for event in self._events(before)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the audit log {self.path} does not tell of a request of {_PATIENCE:.0f} s ago")
            time.sleep(_SETTLE)
        # An answer may reach its client a moment before its own line is written.
        time.sleep(_SETTLE)
