"""Start a program, wait until it is ready, stop it by its own process id.

In: an argument list, an environment, a log file, a probe. Out: a running `Process`, and a record of it that another
process can use to stop it later. Never here: a name-wide kill, or a kill of a process id whose start time differs
from the recorded one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STOP_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL. The Triggers listener ignores the former and then spins (P24)."""

_POLL = 0.02
_LOG_TAIL = 4000
_PR_SET_PDEATHSIG = 1

# The kernel delivers the parent-death signal when the *thread* that forked ends, so all children are forked by one
# thread that lives as long as this process.
_FORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-forker")

# Runs in a fresh interpreter between fork and exec: asks the kernel for SIGKILL when the parent dies, then becomes the
# program. A function run between fork and exec in this process would be shorter, but may deadlock beside other threads.
_TRAMPOLINE = f"""
import os, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, 9, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class NotReady(RuntimeError):
    """A program ended, or did not become ready in time; the text carries the end of its log."""


def free_port() -> int:
    """A loopback TCP port that nobody listens on, below the range from which outgoing connections take theirs."""
    for _unused in range(200):
        port = random.randint(10240, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free loopback port between 10240 and 32000")


def started_at(pid: int) -> str | None:
    """What tells this process from a later one with the same id: its start time, or None when it is gone."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        # A zombie holds its id but runs no more.
        return None if fields[0] == "Z" else fields[19]
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


@dataclass(frozen=True)
class Record:
    """A process as it stands in the state file: `started` is `started_at(pid)` when it was written."""

    name: str
    pid: int
    started: str

    @classmethod
    def of(cls, name: str, pid: int) -> Record | None:
        started = started_at(pid)
        return None if started is None else cls(name, pid, started)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        return cls(str(data["name"]), int(data["pid"]), str(data["started"]))

    @property
    def alive(self) -> bool:
        return started_at(self.pid) == self.started


def reap(records: Sequence[Record], grace: float = STOP_GRACE) -> list[Record]:
    """Stop those recorded processes that still run; answers which. A reused process id is left alone."""
    living = [record for record in records if record.alive]
    for record in living:
        _signal(record, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(record.alive for record in living):
        time.sleep(_POLL)
    for record in living:
        _signal(record, signal.SIGKILL)
    return living


def _signal(record: Record, number: signal.Signals) -> None:
    if not record.alive:
        return
    try:
        os.kill(record.pid, number)
    except ProcessLookupError:
        return


class Process:
    """One program of the sandbox, dying with the process that started it."""

    def __init__(self, name: str, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        self._argv = [str(argument) for argument in argv]
        self._env = dict(env) if env is not None else dict(os.environ)
        self._popen: subprocess.Popen[bytes] | None = None
        self.record: Record | None = None

    def start(self) -> Process:
        """Start the program; its output is appended to the log file, and its record is noted beside that."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        trampoline = [sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(os.getpid())]
        with self.log.open("ab") as log:
            self._popen = _FORKER.submit(
                subprocess.Popen,
                [*trampoline, *self._argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            ).result()
        self.record = Record.of(self.name, self._popen.pid)
        if self.record:
            self._note.write_text(json.dumps(vars(self.record)), encoding="utf-8")
        return self

    @property
    def _note(self) -> Path:
        """Tells other processes of this one, so that they can stop it when its parent is gone."""
        return self.log.with_suffix(".pid")

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def wait_ready(self, probe: Callable[[], bool], timeout: float) -> None:
        """Wait until `probe` answers true; `timeout` in seconds. Raises NotReady with the end of the log."""
        deadline = time.monotonic() + timeout
        while True:
            if not self.running:
                raise NotReady(f"{self.name} ended before it was ready.\n{self.log_tail()}")
            if probe():
                return
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} was not ready after {timeout:.0f} s.\n{self.log_tail()}")
            time.sleep(_POLL)

    def log_tail(self) -> str:
        """The last lines of the log, under a heading with the file's path."""
        try:
            text = self.log.read_bytes()[-_LOG_TAIL:].decode("utf-8", "replace")
        except OSError as error:
            text = f"(unreadable: {error})"
        return f"--- end of {self.log}\n{text}"

    def stop(self, grace: float = STOP_GRACE) -> None:
        """SIGTERM, after `grace` seconds SIGKILL, and wait until the process is gone. Safe to call twice."""
        if self._popen is None:
            return
        if self._popen.poll() is None and grace > 0:
            self._popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(grace)
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()
        self._note.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL at once, and wait until the process is gone."""
        self.stop(grace=0.0)


def stop_all(processes: Sequence[Process], grace: float = STOP_GRACE) -> None:
    """Stop several processes side by side: one grace period for all."""
    with ThreadPoolExecutor(max_workers=max(1, len(processes))) as pool:
        list(pool.map(lambda process: process.stop(grace), processes))


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Does somebody accept connections there?"""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
