"""All parts of a running gate: what it knows, its connections, its workers; and what of that is exchanged meanwhile.

In: a configuration, a store. Out: workers that decide until they are stopped. Never here: a listener, a signal.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._gate import policy as policies
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy
from services.gate import audit
from services.gate.audit import Record
from services.gate.config import App, Config, Wrong
from services.gate.governor import Governor
from services.gate.inbox import Inbox
from services.gate.metrics import Metrics
from services.gate.payload import EVENT
from services.gate.tally import BY_PEOPLE, Tally

if TYPE_CHECKING:
    # A gate that only receives never loads what speaks to GitHub, which is a third of its memory.
    from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
    from services.gate.recover import Recovery
    from services.gate.worker import Worker

_LOG = logging.getLogger("gate.running")
_POLL = 0.5
_AFTER_TROUBLE = 5.0
_NEEDED = {"deployments": ("write",), "actions": ("read", "write")}


class Gate:
    """The parts. ``problem`` says why files that have changed are not in use, and is empty when all are."""

    def __init__(self, config: Config, inbox: Inbox, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.inbox = inbox
        self.metrics = metrics
        self.clock = clock
        # One machine has one process at this address, so what the name has leased is not another process's.
        self.name = f"{socket.gethostname()}:{config.listen.port}"
        self.policy = read_policy(config)
        self.since = clock()
        self.problem = ""
        self.complaints: dict[str, str] = {}
        self._tally = Tally(inbox, self._count)
        self._clients: dict[str, Client] = {}
        self._retired: list[Client] = []
        self._seen = self._fingerprint()
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        if config.decides:
            for app in config.apps.values():
                self._connect(app)
        metrics.uses(self.policy.digest)

    # workers

    def start(self) -> None:
        """Start the workers; a gate without keys has none. What one of this name held before it was killed is free."""
        self.inbox.release(self.name)
        if not self.config.decides:
            return
        from services.gate.worker import Worker

        governor = Governor()
        for number in range(self.config.workers):
            worker = Worker(
                f"{self.name}/{number}",
                self.inbox,
                self.config.apps,
                self.client,
                lambda: self.policy,
                self.clock,
                governor,
                self._told,
            )
            self.spawn(functools.partial(self._work, worker), worker.name)

    def spawn(self, work: Callable[[], None], name: str) -> None:
        """Run something in a thread of its own until the gate stops."""
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def every(self, seconds: float, task: Callable[[], object], name: str) -> None:
        """Do something at once and then again and again; that it fails ends nothing but this time."""

        def work() -> None:
            while not self._stop.is_set():
                self._guarded(task, name)
                self._stop.wait(seconds)

        self.spawn(work, name)

    def stop(self, within: float) -> bool:
        """Let everybody finish what they are at; False when somebody has not after that many seconds.

        What is left then is given back with its intent: whoever takes it up looks what became of it.
        """
        self._stop.set()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        late = [thread.name for thread in self._threads if thread.is_alive()]
        if late:
            _LOG.warning("%s did not finish within %.0f s", ", ".join(late), within)
        else:
            for client in [*self._clients.values(), *self._retired]:
                client.close()
        self.inbox.release(self.name)
        return not late

    @property
    def working(self) -> bool:
        """True while every thread lives that should."""
        return self._stop.is_set() or all(thread.is_alive() for thread in self._threads)

    def _told(self, record: Record) -> None:
        """Count what a worker has written down; what people caused is counted by the tally, whoever wrote it down."""
        if record.kind not in BY_PEOPLE:
            self._count(record)

    def _count(self, record: Record) -> None:
        self.metrics.recorded(record.kind)
        if record.kind in (audit.DECIDED, audit.MANUAL):
            self.metrics.decided(record.outcome, record.rule, record.environment, record.time - record.received)
            self.metrics.shadowed(record.shadows)

    def _work(self, worker: Worker) -> None:
        while not self._stop.is_set():
            worked = self._guarded(worker.run_once, "worker")
            if not worked:
                # None: it failed, most likely for a store that cannot be reached now.
                self._stop.wait(_AFTER_TROUBLE if worked is None else _POLL)

    def _guarded(self, task: Callable[[], object], name: str) -> object:
        try:
            return task()
        except Failure as failure:
            _LOG.warning("%s: %s", name, failure.sentence())
        except Exception:  # noqa: BLE001  a defect ends nothing but this attempt
            # The entry's lease ends, and it is taken up again; the gate itself must go on.
            self.metrics.defect(name)
            _LOG.exception("a defect of the gate in %s", name)
        return None

    # connections

    def client(self, app: App) -> Client:
        """Return the connection of an App, which keeps its tokens and its connections. Raises Failure without a key."""
        with self._lock:
            if app.name not in self._clients:
                raise Failure(Kind.MISSING, tried="Connecting as the App", on=app.name, said="it has no key here")
            return self._clients[app.name]

    def _connect(self, app: App) -> None:
        """Connect an App anew, once its key is seen to sign. Raises Failure; the former connection then stays."""
        client = connection(app, self.clock, functools.partial(self.metrics.heard, app.name))
        with self._lock:
            former = self._clients.get(app.name)
            self._clients[app.name] = client
            if former is not None:
                # Somebody may be using it; it is closed at the end.
                self._retired.append(former)

    # what is exchanged while it runs

    def watch(self) -> None:
        """Reload when a file has changed since it was read last."""
        with self._reading:
            changed = self._fingerprint() != self._seen
        if changed:
            self.reload()

    def reload(self) -> bool:
        """Read policy, secrets and keys again. What cannot be used is said, and its former version stays in use."""
        actions: list[Callable[[], None]] = [self._reload_policy]
        actions += [functools.partial(self._reload_app, app) for app in self._apps()]
        problems: list[str] = []
        with self._reading:
            self._seen = self._fingerprint()
            for action in actions:
                try:
                    action()
                except Failure as failure:
                    problems += failure.sentence().splitlines()
            self.problem = "\n".join(problems)
        self.metrics.reloaded(not problems, self.policy.digest)
        for problem in problems:
            _LOG.error("not taken up, the former version stays in use: %s", problem)
        if not problems:
            _LOG.info("policy %s, secrets and keys are read again", self.policy.digest)
        return not problems

    def _apps(self) -> list[App]:
        return list(self.config.apps.values())

    def _reload_policy(self) -> None:
        policy = read_policy(self.config)
        if policy.digest != self.policy.digest:
            self.policy, self.since = policy, self.clock()

    def _reload_app(self, app: App) -> None:
        app.reload()
        if app.key_file:
            self._connect(app)

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for path in self.config.watched():
            digest.update(_bytes(path))
        return digest.hexdigest()

    # how it is

    def ready(self) -> list[str]:
        """Return what keeps the gate from taking deliveries, as sentences; none when nothing does."""
        problems = [] if self.working else ["a worker has ended"]
        try:
            self.inbox.writable()
        except Exception as error:  # noqa: BLE001  whatever the store has: it cannot be written
            problems.append(f"the store cannot be written ({type(error).__name__})")
        return problems

    def figures(self) -> bytes:
        """Return what /metrics answers. What people have done is counted now: there may be nobody who wants to know."""
        self._guarded(self._tally.look, "tally")
        return self.metrics.text()

    def check_apps(self) -> None:
        """Ask GitHub whether each App has the rights and the event that it needs; what it lacks is said."""
        if not self.config.decides:
            return
        from ansible_collections.aphex.platform.plugins.module_utils._github.client import AS_APP

        for app in self._apps():
            try:
                said = lacks(self.client(app).get("/app", AS_APP, tried="Reading the App", on=app.name))
            except Failure as failure:
                said = failure.sentence()
            if said and said != self.complaints.get(app.name):
                _LOG.error("the App %s: %s", app.name, said)
            self.complaints[app.name] = said
            self.metrics.checked(app.name, not said)

    def recover(self) -> None:
        """Look for deliveries that did not arrive."""
        self._recovery.look()

    @functools.cached_property
    def _recovery(self) -> Recovery:
        from services.gate.recover import Recovery

        config = self.config
        return Recovery(self.inbox, config.apps, self.client, self.clock, config.recover_mode, self.metrics.recovered)

    def prune(self) -> None:
        """Drop what is settled and older than the retention."""
        before = self.clock() - self.config.retention.total_seconds()
        while not self._stop.is_set() and self.inbox.prune(before):
            pass


def connection(app: App, clock: Callable[[], float], heard: Callable[[Any], None] | None = None) -> Client:
    """Return the connection of an App, whose key is seen to sign. Raises Failure."""
    from ansible_collections.aphex.platform.plugins.module_utils._github.app_auth import App as GitHubApp
    from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
    from services.gate.worker import BACKOFF, READ_TIMEOUT

    runtime = Runtime(now=clock, progress=_LOG.info)
    made = GitHubApp(app_id=app.app_id, key_file=app.key_file, runtime=runtime, url=app.api_url)
    made.require()
    made.claim()
    return Client(
        runtime=runtime,
        app=made,
        url=app.api_url,
        ca_file=app.ca_file,
        read_timeout=READ_TIMEOUT,
        backoff=BACKOFF,
        heard=heard,
    )


def check(config: Config) -> Policy:
    """Return the policy of a configuration whose files and keys can all be used. Raises Failure."""
    for app in config.apps.values():
        if app.key_file:
            connection(app, time.time).close()
    return read_policy(config)


def read_policy(config: Config) -> Policy:
    """Return the policy of a configuration. Raises Wrong with every problem of its files."""
    policy, problems = policies.read(*config.policy_texts())
    if policy is None:
        raise Wrong(problems)
    return policy


def lacks(app: dict[str, object]) -> str:
    """Return what an App needs and has not, as GitHub describes it; empty when it has all."""
    granted = app.get("permissions")
    permissions = granted if isinstance(granted, dict) else {}
    missing = [f"{name}: {levels[0]}" for name, levels in _NEEDED.items() if permissions.get(name) not in levels]
    said = [f"it lacks the permission {', '.join(missing)}"] if missing else []
    events = app.get("events")
    if isinstance(events, list) and EVENT not in events:
        said.append(f"it does not subscribe to {EVENT}")
    return " and ".join(said)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        return repr(error).encode()
