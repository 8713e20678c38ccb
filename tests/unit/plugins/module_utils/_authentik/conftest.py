"""An Authentik stand-in over real sockets, and handles to it that do not really wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._authentik.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._authentik.product import Authentik
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import (
    Declared,
    Outcome,
    Runtime,
    reconcile,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from tests.sandbox.standins.authentik import BASE
from tests.sandbox.standins.authentik import Authentik as AuthentikStandIn


@dataclass
class World:
    """A stand-in with its seeds; what a run waited moves the run's clock."""

    standin: AuthentikStandIn
    slept: list[float] = field(default_factory=list)
    _seen: int = 0

    def client(self, **given: Any) -> Client:
        """Return a fresh client, as each task has one."""
        settings: dict[str, Any] = {
            "url": self.standin.url,
            "token": Sensitive(self.standin.token),
            "runtime": Runtime(now=lambda: 1000.0 + sum(self.slept)),
            "backoff": Backoff(first=0.01, longest=0.01),
            "sleep": self.slept.append,
            "read_timeout": 20.0,
        }
        return Client(**{**settings, **given})

    def run(self, desired: Any, check: bool = False, client: Client | None = None) -> tuple[Outcome, Any]:
        """Bring it about, as a task would; return the outcome and the result."""
        used = client or self.client()
        used.runtime.check = check
        product = Authentik(used)
        use_case = Declared([desired], {"authentik": product})
        try:
            outcome = reconcile(use_case, {"authentik": product}, used.runtime)
            return outcome, use_case.result(outcome)
        finally:
            used.close()

    def requests(self) -> list[str]:
        """The requests since the last call, without the base path."""
        entries = self.standin.log.entries()[self._seen :]
        self._seen += len(entries)
        return [f"{entry.method} {entry.path.removeprefix(BASE)}" for entry in entries]

    def writes(self) -> list[str]:
        """Those of them that change state."""
        return [text for text in self.requests() if not text.startswith("GET ")]


@pytest.fixture
def world() -> Iterator[World]:
    with AuthentikStandIn() as standin:
        yield World(standin)
