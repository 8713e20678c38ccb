"""A GitHub stand-in over real sockets, what answers its deliveries, and handles to it that do not really wait."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import (
    Declared,
    NoCache,
    Outcome,
    Runtime,
    reconcile,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.app_auth import Access, App
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from tests.sandbox.faults import Fault, Match
from tests.sandbox.standins.github import GitHub as GitHubStandIn
from tests.sandbox.standins.server import Answer, Request, StandIn

OWNER, REPOSITORY = "acme-corp", "web-shop"
READ_TIMEOUT, IMPATIENT = 20.0, 0.5
"""Seconds that a client waits for an answer: ordinarily, and where an answer is held back on purpose."""


class Receiver(StandIn):
    """What deliveries reach: answers each with the code and the body that are set, and keeps them in its log."""

    def __init__(self) -> None:
        super().__init__()
        self.code = 200
        self.body = b"{}"

    def answer(self, request: Request) -> Answer:
        return Answer(self.code, self.body, {"Content-Type": "application/json"})


class SharedCache(NoCache):
    """What workers of one run share: values by key, and a lock for each."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: str) -> Any:
        return self.stored.get(key)

    def put(self, key: str, value: Any) -> None:
        self.stored[key] = value

    def lock(self, key: str) -> contextlib.AbstractContextManager[Any]:
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())


@dataclass
class World:
    """A stand-in with its seeds, and what a run of ours over it waited."""

    standin: GitHubStandIn
    receiver: Receiver
    slept: list[float] = field(default_factory=list)
    read_timeout: float = READ_TIMEOUT

    def sleep(self, seconds: float) -> None:
        """Remember a wait, and let deliveries under way come to their end meanwhile."""
        self.slept.append(seconds)
        self.standin.settle()

    def client(self, **given: Any) -> Client:
        """Return a fresh client, as each task has one."""
        settings: dict[str, Any] = {
            "token": Sensitive(self.standin.token),
            "runtime": Runtime(now=time.time),
            "url": self.standin.url,
            "read_timeout": self.read_timeout,
            "backoff": Backoff(first=0.01, longest=0.01),
            "sleep": self.sleep,
        }
        return Client(**{**settings, **given})

    def address_of_app(self, url: str) -> None:
        """Give the App's webhook an address from outside the product; a new App has none."""
        self.standin._apps.webhooks[self.standin.app_id].url = url

    def app(self, runtime: Runtime | None = None, **given: Any) -> Client:
        """Return a fresh client with the App's credentials."""
        runtime = runtime or Runtime(now=time.time)
        key = Sensitive(self.standin.private_key)
        settings = {"app_id": str(self.standin.app_id), "url": self.standin.url, "key": key}
        return self.client(token=None, runtime=runtime, app=App(runtime=runtime, **{**settings, **given}))

    def run(self, *desired: Any, check: bool = False, client: Client | None = None) -> tuple[Outcome, Any]:
        """Reconcile in a fresh handle; return the outcome and the result of the last desired thing."""
        runtime = Runtime(now=time.time, check=check)
        product = GitHub(client or self.client(runtime=runtime))
        products = {"github": product}
        return reconcile(Declared(desired, products), products, runtime), product.result(desired[-1])

    def make_hook(self, url: str, event: str = "push") -> dict[str, Any]:
        """Make a webhook from outside the product and return it."""
        body = {"name": "web", "config": {"url": url, "content_type": "json"}, "events": [event]}
        access = Access.of(OWNER, repository_hooks="write")
        path = f"/repos/{OWNER}/{REPOSITORY}/hooks"
        made: dict[str, Any] = self.client().post(path, access, body, look=lambda: None, tried="Creating")
        self.standin.settle()
        return made

    def requests(self) -> list[str]:
        """Return the requests since the last call, such as ``POST hooks``, without ids."""
        found = [f"{entry.method} {_end(entry.path)}" for entry in self.standin.log.entries()]
        self.standin.log.clear()
        return found

    def writes(self) -> list[str]:
        """Return those of them that change state; a token is none."""
        return [each for each in self.requests() if not each.startswith("GET") and "access_tokens" not in each]

    def fault(self, kind: str, method: str = "", path: str = "", nth: int = 1, times: int | None = 1) -> None:
        """Arm one fault; a time-out is held longer than a client waits that is made from now on."""
        self.read_timeout = IMPATIENT if kind == "timeout" else self.read_timeout
        self.standin.faults.arm(Fault(kind, nth=nth, match=Match(method, path), times=times, hold=5.0))

    def hooks(self) -> list[dict[str, Any]]:
        """Return the webhooks that are there."""
        found: list[dict[str, Any]] = self.standin.state()["webhooks"]
        return found


def _end(path: str) -> str:
    """Return what a path is about, without owner, repository and ids."""
    parts = [part for part in path.split("/")[1:] if not part.isdigit()]
    skipped = {"repos": 3, "orgs": 2}.get(parts[0], 0)
    return "/".join(parts[skipped:])


@pytest.fixture
def world() -> Iterator[World]:
    with Receiver() as receiver, GitHubStandIn(deliver_to=receiver.url) as standin:
        yield World(standin, receiver)
