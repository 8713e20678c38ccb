"""Run long commands, one after the other or side by side, and say what goes on.

In: steps (a name, a command, a time limit). Out: their results, with time and log. Never here: which steps there are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"

POLL = 0.1
_HEARTBEAT = 20.0
_GRACE = 15.0
_SHOWN_LINES = 400
_SHOWN_WIDTH = 110


@dataclass(frozen=True)
class Step:
    """One command. ``doing`` is the sentence shown when it starts, ``limit`` is in seconds."""

    name: str
    doing: str
    command: Sequence[str]
    limit: float = 1800.0


@dataclass(frozen=True)
class Result:
    """How a step ended; ``seconds`` counts from its start, also when it ran beside others."""

    step: Step
    seconds: float
    code: int | None
    log: Path

    @property
    def passed(self) -> bool:
        return self.code == 0


class Running:
    """A started step. Leaving the ``with`` block ends what it still runs, with all its children."""

    def __init__(self, step: Step, log: Path, environment: Mapping[str, str] | None = None) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        say(f"==> {step.name}: {step.doing}")
        self.step = step
        self._log = log
        self._begin = time.monotonic()
        self._end: float | None = None
        self._next_line = _HEARTBEAT
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                step.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def elapsed(self) -> float:
        return (self._end or time.monotonic()) - self._begin

    def wait(self) -> Result:
        """Wait for the end, as `poll` tells of it."""
        while (result := self.poll()) is None:
            time.sleep(POLL)
        return result

    def poll(self) -> Result | None:
        """Return how it ended, once it has, and show the log when it failed; until then say a line every 20 seconds."""
        if self._process.poll() is not None:
            return self._finish(self._process.returncode)
        if self.elapsed() > self.step.limit:
            self.stop()
            self._note(f"stopped: over its limit of {self.step.limit:.0f} s")
            return self._finish(None)
        if self.elapsed() >= self._next_line:
            say(f"    {self.step.name} {self.elapsed():4.0f} s  {self._last_line()}")
            self._next_line += _HEARTBEAT
        return None

    def stop(self) -> None:
        """End the command and its children: first asked, then made to."""
        if self._process.poll() is not None:
            return
        # The command leads a process group of its own, and its number is taken until we have read how it ended. So both
        # signals reach its group and nobody else's.
        os.killpg(self._process.pid, signal.SIGTERM)
        patience = time.monotonic() + _GRACE
        while not self._ended() and time.monotonic() < patience:
            time.sleep(0.05)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _ended(self) -> bool:
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _finish(self, code: int | None) -> Result:
        self._end = time.monotonic()
        result = Result(self.step, self.elapsed(), code, self._log)
        if result.passed:
            say(f"    {self.step.name} {result.seconds:.1f} s  passed")
        else:
            why = "time limit" if code is None else f"code {code}"
            say(f"    {self.step.name} {result.seconds:.1f} s  FAILED ({why})")
            say(_tail(self._log))
        return result

    def _note(self, line: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"\n{line}\n")

    def _last_line(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        return next((line.strip()[:_SHOWN_WIDTH] for line in reversed(lines) if line.strip()), "")


def run(step: Step, log: Path, environment: Mapping[str, str] | None = None) -> Result:
    """Run one step to its end."""
    with Running(step, log, environment) as running:
        return running.wait()


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    left_out = len(lines) - _SHOWN_LINES
    head = [f"    ... {left_out} lines before these: {log.relative_to(ROOT)}"] if left_out > 0 else []
    return "\n".join([*head, *lines[-_SHOWN_LINES:]])
