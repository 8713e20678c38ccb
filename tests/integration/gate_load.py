"""A gate under load: runs start, and their deliveries are sent to it, beside whatever a test does to it.

In: a GitHub stand-in, a gate. Out: which runs the gate has acknowledged. Never here: a kill, an expectation.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue

from tests.integration.gate import REPOSITORY, Gate, decided, eventually
from tests.sandbox.standins.github import GitHub
from tests.sandbox.standins.server import Answer, Request, StandIn

PACE = 0.15
"""Seconds between two runs that start."""
SENDERS = 4


def _set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


class Mailbox(StandIn):
    """Takes every delivery in the gate's place, so that GitHub's log has nothing to recover."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: SimpleQueue[Request | None] = SimpleQueue()

    def answer(self, request: Request) -> Answer:
        self.letters.put(request)
        return Answer(202)


@dataclass
class Load:
    """Runs start at a pace; each delivery is sent to the gate once. While ``lives`` is not set nothing is sent."""

    github: GitHub
    gate: Gate
    mailbox: Mailbox
    runs: list[int] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    left: list[Request] = field(default_factory=list)
    lives: threading.Event = field(default_factory=_set)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Start runs until it is over."""
        while not self._over.wait(PACE):
            self.runs.append(int(self.github.start_run(REPOSITORY, ["production"])["id"]))

    def send(self) -> None:
        """Send what is in the mailbox until it is closed."""
        while (letter := self.mailbox.letters.get()) is not None:
            self.lives.wait()
            self.once(letter)

    def once(self, letter: Request) -> None:
        code = self.gate.deliver(letter.body, guid=letter.headers["x-github-delivery"])
        if code in (200, 202):
            address = json.loads(letter.body)["deployment_callback_url"]
            self.acknowledged.append(int(address.split("/")[-2]))
        else:
            self.left.append(letter)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        runs = threading.Thread(target=self.run)
        senders = [threading.Thread(target=self.send) for _number in range(SENDERS)]
        for thread in (runs, *senders):
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            self.lives.set()
            runs.join()
            self.github.settle()
            for _sender in senders:
                self.mailbox.letters.put(None)
            for sender in senders:
                sender.join()


def undecided(github: GitHub, runs: list[int]) -> list[int]:
    """The runs that were not approved exactly once, when all had their time."""
    eventually(lambda: all(decided(github, run) for run in runs), 90)
    return [run for run in runs if decided(github, run) != ["approved"]]
