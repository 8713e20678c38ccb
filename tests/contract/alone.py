"""Modules that stand alone: each case as ways to its state, on worlds of their own that may be killed and struck.

In: a case, a sandbox. Out: `Way`s, and for each attempt a `Scene` with its runs, its calls in words and what is there
in the end. Never here: a kill, a fault, an expectation.
"""

from __future__ import annotations

import importlib
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.contract.case import Args, Case, all_cases
from tests.contract.harness import MARK, PATIENT, Ended, Run, Runner
from tests.contract.journey import Call
from tests.contract.story import without_own
from tests.contract.world import Side, World
from tests.sandbox import stack
from tests.sandbox.audit import is_write
from tests.sandbox.edge import Edge
from tests.sandbox.faults import Faults
from tests.sandbox.git_server import GitServer
from tests.sandbox.git_server import writes as git_writes
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.authentik import Authentik
from tests.sandbox.standins.cloudflare import Cloudflare
from tests.sandbox.standins.github import GitHub, writes

_MODULES = "ansible_collections.aphex.platform.plugins.modules"
_IDS = re.compile(r"(?<=/)(\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=/|$)")

CASES = [case for case in all_cases() if case.whole]


@dataclass(frozen=True)
class Way:
    """A run of a case that is to be disturbed: what happens before it, and what differs from the good arguments."""

    case: Case
    name: str
    happens: tuple[Callable[[World], Any], ...] = ()
    changes: Callable[[World], Args] | None = None
    first: bool = False
    """Whether the good arguments come for the first time."""

    def __str__(self) -> str:
        return f"{self.case.module}, {self.name}"


def ways(case: Case) -> list[Way]:
    """In, back after each drift, on to the update, and out, each from the state in which the case is well."""
    found = [Way(case, "in", first=True)]
    found += [Way(case, drift.why, (drift.happens,)) for drift in case.drifts]
    changes = {"update": case.update, "out": case.absent}
    return found + [Way(case, name, changes=change) for name, change in changes.items() if change]


@dataclass(eq=False)
class Scene:
    """One attempt: a world with a GitHub and a proxy before the API server that nobody else has."""

    way: Way
    world: World
    runner: Runner
    faults: Faults

    def start(self, timeout: int = PATIENT) -> Run:
        """Start the run of the way."""
        changes = self.way.changes
        return self._start(changes(self.world) if changes else {}, timeout)

    def run(self, timeout: int = PATIENT) -> Ended:
        """Run it to its end, whatever that is."""
        return self.start(timeout).ended()

    def clear(self) -> None:
        """Forget all requests, and disarm everything."""
        self.world.github.settle()
        self.world.side.proxy.clear()
        self.world.github.log.clear()
        self.world.git.log.clear()
        self.world.authentik.log.clear()

    def calls(self) -> list[Call]:
        """The requests since the last `clear()`, in words that fit every scene of the way."""
        sent = [(seen.method, seen.uri) for seen in self.world.side.proxy.requests()]
        sent += [(entry.method, entry.path) for entry in self.world.github.log.entries()]
        sent += [(entry.method, entry.path) for entry in self.world.git.log.entries()]
        sent += [(entry.method, entry.path) for entry in self.world.authentik.log.entries()]
        count: Counter[tuple[str, str]] = Counter()
        answer = []
        for method, path in sent:
            key = (method, self.in_words(path))
            count[key] += 1
            answer.append(Call(key[1], method, count[key]))
        return answer

    def writes(self) -> list[str]:
        """The requests since the last `clear()` that change state."""
        found = [str(seen) for seen in self.world.side.proxy.writes()]
        entries = self.world.github.log.entries()
        found += [f"{entry.method} {entry.path}" for entry in entries if writes(entry)]
        pushes = [entry for entry in self.world.git.log.entries() if git_writes(entry.method, entry.path)]
        pushes += self.world.authentik.log.writes()
        return found + [f"{entry.method} {entry.path}" for entry in pushes]

    def in_words(self, path: str) -> str:
        """A path without names and ids; of the query only that it is a dry run stays."""
        text, _unused, query = path.partition("?")
        asks = query and "dryRun" in query and not is_write("PATCH", path)
        return _IDS.sub("ID", text.replace(self.world.name, "NAME")) + (" (dry run)" if asks else "")

    def whole(self) -> Any:
        """All that is there of the thing, in words."""
        whole = self.way.case.whole
        return without_own(whole(self.world) if whole else None, self.world)

    def _prepare(self) -> None:
        case = self.way.case
        case.prepare(self.world)
        if not self.way.first:
            ended = self._start({}, PATIENT).ended()
            assert ended.ok, f"{self.way}, before it: {ended.msg}"
        for happens in self.way.happens:
            happens(self.world)
        self.clear()

    def _start(self, changes: Args, timeout: int) -> Run:
        case, side = self.way.case, self.world.side
        options = importlib.import_module(f"{_MODULES}.{case.module}").ENTRY_POINT.options
        known = {
            "host": side.proxy.url,
            "api_key": side.token,
            "github_api_url": side.github.url,
            "github_token": side.github.token,
            "github_timeout": timeout,
            "git_token": side.git.token,
            "git_timeout": timeout,
            "authentik_url": side.authentik.url,
            "authentik_token": side.authentik.token,
            "authentik_timeout": timeout,
        }
        connection = {name: value for name, value in known.items() if name in options}
        return self.runner.start(case.module, {**connection, **case.args(self.world, changes)}, timeout)


@contextmanager
def scene(way: Way, sandbox: Sandbox, runner: Runner) -> Iterator[Scene]:
    """A prepared scene, closed afterwards; what is there can be asked until then."""
    faults = Faults()
    cloudflare = Cloudflare().start()
    cloudflare.add_zone(stack.ZONE)
    edge = Edge(cloudflare).start()
    github = GitHub(deliver_to=edge.url)
    github.faults = faults
    github.start()
    proxy = sandbox.proxy(faults)
    token = sandbox.api.identity.token
    assert token is not None, "the sandbox gives its admin a token"
    git = GitServer()
    git.faults = faults
    git.start()
    authentik = Authentik()
    authentik.faults = faults
    authentik.start()
    side = Side("alone", sandbox, "", token, sandbox.kubeconfig, proxy, cloudflare, edge, github, git, authentik)
    try:
        made = Scene(way, World(f"{MARK}{uuid.uuid4().hex[:8]}", side), runner, faults)
        made._prepare()
        yield made
    finally:
        for part in (proxy, authentik, git, github, edge, cloudflare):
            part.stop()
