"""The process: two listeners in the event loop, the gate's threads beside it, signals, and how all of it ends.

In: a configuration. Out: a gate that runs until it is told to stop. Never here: what a delivery or a policy means.

SIGTERM and SIGINT: take no more deliveries, let the workers finish what they decide, give the rest back. SIGHUP: read
policy, secrets and keys again. The internal listener answers until the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind, invalid
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from services.gate import config as configuration
from services.gate import listener, logs, pages, store
from services.gate.config import Address, Config
from services.gate.http import application
from services.gate.metrics import Metrics
from services.gate.notify import Notifier
from services.gate.origin import Origins
from services.gate.running import Gate

_LOG = logging.getLogger("gate.serve")
_FINISH_REQUESTS = 10
_FINISH_WORK = 15.0
_HOUR = 3600.0
_CHECK_APPS = 600.0
_LEAST_RANGES = 3


def serve(file: Path, clock: Callable[[], float] = time.time) -> None:
    """Run until SIGTERM or SIGINT. Raises Failure for a configuration or policy that cannot be used."""
    config = configuration.read(file)
    logs.begin(lambda: (secret for app in config.apps.values() for secret in app.secrets))
    metrics = Metrics(clock)
    inbox = store.opened(config)
    try:
        gate = Gate(config, inbox, metrics, clock)
        metrics.watch(inbox.counts, inbox.oldest)
        with asyncio.Runner(loop_factory=listener.new_loop) as runner:
            runner.run(_Process(gate, Notifier.of(os.environ, os.getpid())).run())
    finally:
        inbox.close_store()


class _Server(uvicorn.Server):
    """A server that leaves signals to the process, which has two of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _Process:
    """A gate from its first listener to its last word."""

    def __init__(self, gate: Gate, notifier: Notifier) -> None:
        self._gate = gate
        self._notifier = notifier
        self._end = asyncio.Event()
        self._reloading: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until a signal ends it. Raises Failure when it ends for another reason."""
        config = self._gate.config
        self._heed_signals()
        with bound(config.listen) as outside, bound(config.internal) as inside:
            front, back = self._servers()
            receiving = asyncio.create_task(front.serve(sockets=[outside]))
            showing = asyncio.create_task(back.serve(sockets=[inside]))
            await self._started([receiving, showing], [front, back])
            self._begin()
            living = asyncio.create_task(self._alive())
            told = asyncio.create_task(self._end.wait())
            await asyncio.wait([told, receiving, showing], return_when=asyncio.FIRST_COMPLETED)
            self._notifier.stopping()
            _LOG.info("ending: no more deliveries are taken")
            front.should_exit = True
            await receiving
            await asyncio.to_thread(self._gate.stop, _FINISH_WORK)
            living.cancel()
            back.should_exit = True
            await showing
        _LOG.info("ended")
        if not told.done():
            raise Failure(Kind.BROKEN, tried="Serving", said="a listener ended by itself", remedy="See the log")

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _servers(self) -> tuple[_Server, _Server]:
        """Return what receives deliveries, and what shows how the gate is."""
        gate, config = self._gate, self._gate.config
        deliveries = application(config.apps, gate.inbox, gate.clock, gate.metrics.answered, _origins(config))
        outside, inside = config.listen, config.internal
        limit = {"timeout_graceful_shutdown": _FINISH_REQUESTS}
        front = listener.configured(deliveries, outside.host, outside.port, **limit)
        back = listener.configured(pages.application(gate), inside.host, inside.port, lifespan="off", **limit)
        return _Server(front), _Server(back)

    def _begin(self) -> None:
        """Start everything that works beside the listeners."""
        config, gate = self._gate.config, self._gate
        gate.start()
        gate.every(config.watch_every.total_seconds(), gate.watch, "watch")
        gate.every(_HOUR, gate.prune, "prune")
        if config.decides:
            gate.every(_CHECK_APPS, gate.check_apps, "check")
            gate.every(config.recover_every.total_seconds(), gate.recover, "recover")
        digest = gate.policy.digest
        # What is loaded by now stays, and is looked at no more for what could be thrown away.
        gc.freeze()
        self._notifier.ready(f"policy {digest}")
        _LOG.info("ready: deliveries at %s, pages at %s, policy %s", config.listen, config.internal, digest)

    async def _started(self, listening: list[asyncio.Task[None]], servers: list[_Server]) -> None:
        """Wait until both listen: only then work begins, and only then the gate says that it is ready."""
        while not all(server.started for server in servers):
            for task in listening:
                if task.done():
                    task.result()
                    raise invalid("Starting the gate", "a listener ended at once", "See what was logged before")
            await asyncio.sleep(0.01)

    def _reload(self) -> None:
        task = asyncio.create_task(self._reloaded())
        # The loop itself does not hold a task.
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)

    async def _reloaded(self) -> None:
        self._notifier.reloading()
        await asyncio.to_thread(self._gate.reload)
        said = "a changed file is wrong, its former version is in use" if self._gate.problem else ""
        self._notifier.ready(said or f"policy {self._gate.policy.digest}")

    async def _alive(self) -> None:
        """Tell systemd that event loop, threads and store work; it restarts a gate from which it hears nothing."""
        while self._notifier.every is not None:
            if not await asyncio.to_thread(self._gate.ready):
                self._notifier.alive()
            await asyncio.sleep(self._notifier.every)


@contextlib.contextmanager
def bound(address: Address) -> Iterator[socket.socket]:
    """Yield a socket that is bound. Raises Failure(invalid) when the address is taken or is none of this machine."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # An event loop sends small answers at once only on a socket that says that it is of TCP.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((address.host, address.port))
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise invalid(f"Listening at {address}", said, "Choose another address, or end what has it") from error
        yield made


def _origins(config: Config) -> Origins:
    return Origins(config.trusted_proxies, (lambda: _ranges(config)) if config.only_github else None)


def _ranges(config: Config) -> list[str]:
    """Return the addresses that every GitHub of the configuration delivers from. Raises Failure."""
    # Only who wants ranges loads what speaks to GitHub.
    from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client
    from ansible_collections.aphex.platform.plugins.module_utils._github.meta import hook_ranges

    found: list[str] = []
    for url, ca_file in {(app.api_url, app.ca_file) for app in config.apps.values()}:
        client = Client(runtime=Runtime(now=time.time), url=url, ca_file=ca_file)
        try:
            found += hook_ranges(client, [], _LEAST_RANGES, False)["hooks"]
        finally:
            client.close()
    return found
