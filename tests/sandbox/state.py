"""The state file of a sandbox: how processes that know nothing of each other find the same one.

In: a name. Out: the folder, what runs there, and a lock. Never here: an environment variable as the place to look.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sandbox.process import Record, reap

ROOT = Path(__file__).resolve().parents[2] / ".cache" / "sandbox"
"""All sandboxes of this checkout, a folder each."""

LAST = ROOT / ".last"
"""Where the logs of a sandbox lie after it was stopped, for whoever wants to know why."""

_KEPT = 10
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class User:
    """Who keeps a sandbox running: a process (gone when it ends), or a word (gone when it leaves)."""

    what: str
    process: Record | None = None

    @property
    def alive(self) -> bool:
        return self.process is None or self.process.alive

    @classmethod
    def this_process(cls, what: str) -> User:
        return cls(what, Record.of(what, os.getpid()))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> User:
        return cls(data["what"], Record.from_json(data["process"]) if data["process"] else None)

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "process": vars(self.process) if self.process else None}

    def __str__(self) -> str:
        return f"{self.what} (process {self.process.pid})" if self.process else self.what


@dataclass
class State:
    """What the supervisor tells of its sandbox; written by it alone, whole and at once."""

    name: str
    supervisor: Record
    emulated_version: str | None = None
    port: int = 0
    secret: str = ""
    ready: bool = False
    error: str = ""
    progress: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> State:
        return cls(**{**data, "supervisor": Record.from_json(data["supervisor"])})

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "supervisor": vars(self.supervisor)}


@dataclass(frozen=True)
class Place:
    """The folder of one sandbox. Raises ValueError for a name that is no plain word."""

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name for a sandbox: up to 32 lower-case letters, digits and dashes")

    @property
    def folder(self) -> Path:
        return ROOT / self.name

    @property
    def log(self) -> Path:
        """What the supervisor says."""
        return self.folder / "logs" / "supervisor.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock under which a sandbox is started, joined and left; waits for it."""
        locks = ROOT / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / self.name).open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> State | None:
        """What stands in the state file, running or not; None when there is none."""
        try:
            return State.from_json(json.loads((self.folder / "state.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def running(self) -> State | None:
        """The state, if its supervisor really runs."""
        state = self.read()
        return state if state and state.supervisor.alive else None

    def write(self, state: State) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "state.json.partial"
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(state.to_json(), indent=1), encoding="utf-8")
        partial.replace(self.folder / "state.json")

    def processes(self) -> list[Record]:
        """The programs of the sandbox, as each noted itself beside its log."""
        records = []
        for note in sorted(self.folder.glob("logs/*.pid")):
            try:
                records.append(Record.from_json(json.loads(note.read_text(encoding="utf-8"))))
            except (FileNotFoundError, ValueError):
                # It ended, or was just being written.
                continue
        return records

    def clean(self) -> list[Record]:
        """Stop what a dead supervisor left running, and remove the folder; answers what was stopped."""
        stopped = reap(self.processes())
        self.put_away()
        return stopped

    def put_away(self) -> None:
        """Remove the folder, and keep its logs."""
        if not self.folder.exists():
            return
        target = LAST / self.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in ("logs", "audit.log"):
            if (self.folder / name).exists():
                shutil.move(self.folder / name, target / name)
        shutil.rmtree(self.folder, ignore_errors=True)
        kept = sorted(LAST.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def all_places() -> list[Place]:
    """Every sandbox of this checkout that has a state file."""
    return [Place(path.parent.name) for path in sorted(ROOT.glob("*/state.json"))]
