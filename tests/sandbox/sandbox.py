"""A sandbox as its users hold it: join one that runs, or start it; leave it, and the last one out stops it.

In: a name and parts. Out: a `Sandbox` with the cluster, its audit log and everything that runs beside it. Never here: a
process that only this user could stop.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.sandbox import build, stack
from tests.sandbox.cluster import Cluster, Reader
from tests.sandbox.edge import Edge
from tests.sandbox.faults import Faults
from tests.sandbox.proxy import Proxy
from tests.sandbox.standins.cloudflare import Cloudflare
from tests.sandbox.standins.github import GitHub
from tests.sandbox.state import LAST, Place, State, User
from tests.sandbox.supervisor import Refused, ask

CHECKOUT = Path(__file__).resolve().parents[2]

_START_WITHIN = 180.0
_STOP_WITHIN = 30.0
_POLL = 0.05

_STARTED: list[subprocess.Popen[bytes]] = []
"""Supervisors that this process has started. They outlive it; forgotten, they would be complained about."""

Say = Callable[[str], None]


class StartFailed(RuntimeError):
    """The supervisor did not come up; the text says why, and where its log is."""


def _silent(_unused: str) -> None:
    return


@dataclass(frozen=True)
class Sandbox(Cluster):
    """A running sandbox that this process uses."""

    state: State
    user: User

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def env(self) -> dict[str, str]:
        """Variables for a process that is to work on this sandbox."""
        return dict(self.state.env)

    @property
    def parts(self) -> list[str]:
        return list(self.state.parts)

    def address(self, namespace: str, service: str, port: int = 8080) -> tuple[str, int] | None:
        """Where the process behind that port of a Service listens; None when there is none."""
        question = {"namespace": namespace, "service": service, "port": port}
        found = ask(self.state, "address", question)["address"]
        return (str(found[0]), int(found[1])) if found else None

    @cached_property
    def cloudflare(self) -> Cloudflare:
        """A Cloudflare stand-in of this process alone, so that tests can arm faults and read its log directly.

        The one that the sandbox itself runs (`env`) is for processes that have none.
        """
        started = Cloudflare().start()
        started.add_zone(stack.ZONE)
        return started

    @cached_property
    def edge(self) -> Edge:
        """The edge of `cloudflare`: what a public host name leads to in this cluster."""
        return Edge(self.cloudflare, Reader(self.api), self.address).start()

    @cached_property
    def github(self) -> GitHub:
        """A GitHub stand-in of this process alone, which delivers through `edge`."""
        return GitHub(deliver_to=self.edge.url).start()

    def add(self, *parts: str) -> None:
        """Start these parts as well, for everybody who uses the sandbox; what runs already goes on."""
        for family in stack.families(parts):
            build.built(family, build.report_to_stderr)
        with Place(self.name).locked():
            ask(self.state, "start", {"parts": list(parts)})

    @property
    def env_now(self) -> dict[str, str]:
        """The variables with those of parts that were added later."""
        state = Place(self.name).running()
        return dict(state.env) if state else {}

    def proxy(self, faults: Faults | None = None) -> Proxy:
        """A started proxy before the API server; `kubeconfig_for(server=proxy.url)` leads through it."""
        return Proxy(self.api.server, faults).start()

    def leave(self) -> bool:
        """Go; answers whether that was the last user and the sandbox is gone."""
        for own in ("github", "edge", "cloudflare"):
            if own in vars(self):
                vars(self).pop(own).stop()
        return leave(self.name, self.user)


def join(
    name: str = "default",
    parts: Iterable[str] = stack.ALL,
    *,
    user: User | None = None,
    emulated_version: str | None = None,
    say: Say = _silent,
) -> Sandbox:
    """Join the sandbox of that name, with those parts; start it, or what is missing of it, first.

    `user` defaults to this process: when it ends, however it ends, it has left. Raises StartFailed, BuildFailed, or
    ValueError for an unknown part and for a running sandbox that emulates another version.
    """
    place, wanted = Place(name), stack.with_needs(parts)
    user = user or User.this_process("python")
    for family in stack.families(wanted):
        build.built(family, say)
    with place.locked():
        state = place.running()
        if state and not _joined(place, state, user):
            state = None
        if state is None:
            state = _start(place, wanted, emulated_version, user, say)
        if state.emulated_version != emulated_version:
            ask(state, "leave", user.to_json())
            raise ValueError(
                f"sandbox {name} runs with the version {state.emulated_version or 'of its programs'}: take another name"
            )
        missing = [part for part in wanted if part not in state.parts]
        if missing:
            say(f"{name}: starting {', '.join(missing)} as well")
            ask(state, "start", {"parts": missing})
            state = place.running() or state
    return Sandbox(place.folder, state, user)


def leave(name: str, user: User, force: bool = False) -> bool:
    """Take this user off; `force` stops the sandbox whoever uses it. Answers whether it is gone."""
    place = Place(name)
    with place.locked():
        state = place.running()
        if state is None:
            place.clean()
            return True
        try:
            answer = ask(state, "stop" if force else "leave", user.to_json())
        except ConnectionError:
            answer = {}
        if answer.get("users"):
            return False
        _wait_gone(place, state)
        return True


def users(name: str) -> list[str]:
    """Who uses that sandbox now."""
    state = Place(name).running()
    return list(ask(state, "status")["users"]) if state else []


def _joined(place: Place, state: State, user: User) -> bool:
    """Try to join a running supervisor; False when it was just leaving, and is gone now."""
    try:
        ask(state, "join", user.to_json())
    except (Refused, OSError):
        _wait_gone(place, state)
        return False
    return True


def _wait_gone(place: Place, state: State) -> None:
    deadline = time.monotonic() + _STOP_WITHIN
    while state.supervisor.alive:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the supervisor of {place.name} (process {state.supervisor.pid}) does not end")
        time.sleep(_POLL)


def _start(place: Place, parts: list[str], emulated_version: str | None, user: User, say: Say) -> State:
    stopped = place.clean()
    if stopped:
        say(f"{place.name}: stopped {len(stopped)} processes that an earlier run had left")
    command = [sys.executable, "-m", "tests.sandbox", "serve", "--name", place.name, "--parts", ",".join(parts)]
    command += ["--emulated-version", emulated_version] if emulated_version else []
    command += ["--user", user.what]
    if user.process:
        command += ["--pid", str(user.process.pid), "--started", user.process.started]
    place.log.parent.mkdir(parents=True, exist_ok=True)
    with place.log.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _STARTED.append(process)
    return _wait_ready(place, process, say)


def _wait_ready(place: Place, process: subprocess.Popen[bytes], say: Say) -> State:
    deadline, told = time.monotonic() + _START_WITHIN, 0
    while True:
        ended = process.poll() is not None
        state = place.read()
        for line in state.progress[told:] if state else []:
            say(line)
            told += 1
        if state and state.ready and not ended:
            return state
        if ended or time.monotonic() > deadline:
            if not ended:
                process.terminate()
                process.wait(_STOP_WITHIN)
            reason = state.error if state and state.error else place.log.read_text(encoding="utf-8")[-4000:]
            place.clean()
            raise StartFailed(f"sandbox {place.name} did not start (logs: {LAST / place.name})\n{reason}")
        time.sleep(_POLL)
