"""A worker at its desk: an inbox in a file, a policy, a GitHub stand-in whose clock is the worker's too.

In: a policy, runs that a test starts. Out: what the worker did, as GitHub and the audit log saw it. Never here: a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
from services.gate.audit import Record
from services.gate.config import App
from services.gate.governor import Governor
from services.gate.inbox import Entry, State
from services.gate.payload import EVENT, Delivery
from services.gate.sqlite import SqliteInbox
from services.gate.worker import Worker
from tests.unit.sandbox.github_client import SECRET
from tests.unit.services.gate.a_github import APP, REPOSITORY, There, there

APPROVE = "version: 1\nrules: [{name: all, decision: approve}]\n"
REJECT = "version: 1\nrules: [{name: all, decision: reject}]\n"
RULE = "/deployment_protection_rule"


@dataclass
class Desk:
    """Everything around one worker. ``policy`` may be exchanged at any time."""

    at: There
    inbox: SqliteInbox
    policy: str = APPROVE
    told: list[Record] = field(default_factory=list)
    governor: Governor = field(default_factory=Governor)
    _client: Client | None = None
    _fed: int = 0

    def worker(self, name: str = "desk/0") -> Worker:
        """Return a worker, which knows nothing that is not in the store."""
        app = App(APP, str(self.at.github.app_id), "key.pem", (), self.at.github.url, secrets=[Sensitive(SECRET)])
        return Worker(
            name,
            self.inbox,
            {APP: app},
            self.client,
            lambda: load({"policy.yml": self.policy}),
            self.at.now,
            self.governor,
            self.told.append,
        )

    def client(self, app: App) -> Client:
        if self._client is None:
            self._client = self.at.connect()
        return self._client

    def start(self, *environments: str, **more: Any) -> int:
        """Start a run and put what GitHub sends of it into the inbox; returns its id."""
        run = self.at.start(*environments, **more)
        self.feed()
        return run

    def feed(self) -> list[Delivery]:
        """Put what GitHub has sent since the last time into the inbox."""
        lines, self._fed = self.at.lines()[self._fed :], len(self.at.lines())
        found = [self.delivery(str(line["guid"]), line["request"]["payload"], str(line["event"])) for line in lines]
        self.inbox.put(found)
        return found

    def delivery(self, guid: str, payload: Any, event: str = EVENT) -> Delivery:
        """Return a delivery as the edge would store it."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return Delivery(guid, event, body, APP, received=self.at.now())

    def work(self, most: int = 200) -> int:
        """Let a worker do all that is due; returns how many entries it took up."""
        worker = self.worker()
        for count in range(most):
            if not worker.run_once():
                return count
        raise AssertionError(f"the worker has not come to an end after {most} entries")

    def wait(self, seconds: float) -> int:
        """Let time pass, then let the worker work."""
        self.at.github.clock.shift += seconds
        return self.work()

    def posts(self) -> int:
        """Return how many decisions and comments GitHub was sent."""
        return self.at.asked(RULE, "POST")

    def reviews(self, run: int) -> list[dict[str, Any]]:
        """Return what GitHub took for a run."""
        [found] = [each for each in self.at.github.state()["runs"] if each["id"] == run]
        reviews: list[dict[str, Any]] = found["reviews"]
        return reviews

    def states(self, run: int) -> list[str]:
        """Return the decisions among them."""
        return [each["state"] for each in self.reviews(run) if each["state"] != "pending"]

    def entries(self) -> list[Entry]:
        """Return all entries by their number."""
        return sorted(self.inbox.entries(tuple(State)), key=lambda entry: entry.number)

    def entry(self) -> Entry:
        """Return the only entry."""
        [entry] = self.entries()
        return entry

    def kinds(self) -> list[str]:
        """Return the kinds of all records."""
        return [record.kind for record in self.inbox.records()]


@contextmanager
def desk(folder: Path, policy: str = APPROVE, *environments: str) -> Iterator[Desk]:
    """A desk at a GitHub whose App has a rule on these environments."""
    with there(*environments) as at:
        inbox = SqliteInbox(folder / "gate.sqlite3")
        yield Desk(at, inbox, policy)
        inbox.close_store()


__all__ = ["APP", "APPROVE", "REJECT", "REPOSITORY", "RULE", "Desk", "desk"]
