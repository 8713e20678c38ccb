"""A Cloudflare stand-in over real sockets, and a handle to it whose waits are recorded instead of slept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import (
    Declared,
    Outcome,
    Runtime,
    reconcile,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from tests.sandbox.faults import Fault, Match
from tests.sandbox.standins.cloudflare import Cloudflare as StandIn

ZONE = "example.org"
READ_TIMEOUT = 0.3


@dataclass
class World:
    """A stand-in with one zone, and what a run of ours over it waited."""

    standin: StandIn
    slept: list[float] = field(default_factory=list)

    def client(self, **given: Any) -> Client:
        """Return a fresh client, as each task has one."""
        settings: dict[str, Any] = {
            "token": Sensitive(self.standin.token),
            "runtime": Runtime(now=time.time),
            "url": f"{self.standin.url}/client/v4",
            "read_timeout": READ_TIMEOUT,
            "backoff": Backoff(first=0.01, longest=0.01),
            "sleep": self.slept.append,
        }
        return Client(**{**settings, **given})

    def run(self, *desired: Any, check: bool = False, **given: Any) -> tuple[Outcome, Any]:
        """Reconcile in a fresh handle; return the outcome and the result of the first desired thing."""
        runtime = Runtime(now=time.time, check=check)
        product = Cloudflare(self.client(runtime=runtime, **given))
        products = {"cloudflare": product}
        return reconcile(Declared(desired, products), products, runtime), product.result(desired[0])

    def writes(self) -> list[str]:
        """Return the writes since the last call, such as ``POST /cfd_tunnel``."""
        found = [f"{entry.method} {_end(entry.path)}" for entry in self.standin.log.writes()]
        self.standin.log.clear()
        return found

    def fault(self, kind: str, method: str = "", path: str = "", nth: int = 1, times: int | None = 1) -> None:
        """Arm one fault; a time-out is held longer than the client waits."""
        self.standin.faults.arm(Fault(kind, nth=nth, match=Match(method, path), times=times, hold=5.0))

    def tunnels(self, live: bool = True) -> list[dict[str, Any]]:
        """Return the tunnels that are there, live ones or all."""
        return [item for item in self.standin.state()["tunnels"] if not (live and item["deleted_at"])]

    def records(self) -> list[dict[str, Any]]:
        """Return the records of the zone."""
        found: list[dict[str, Any]] = self.standin.state()["zones"][0]["records"]
        return found


def _end(path: str) -> str:
    """Return what a path is about, without the ids of account, zone, tunnel and record."""
    parts = [part for part in path.split("/") if part.count("-") != 4 and len(part) != 32]
    return "/" + "/".join(parts[4:])


@pytest.fixture
def world() -> Iterator[World]:
    with StandIn() as standin:
        standin.add_zone(ZONE)
        yield World(standin)
