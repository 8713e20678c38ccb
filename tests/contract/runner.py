"""Runs tasks through a real `ansible-playbook`, as many as wanted in one run, and waits for the test between them.

In: tasks, an inventory, an environment. Out: the result of each task as data, all that was printed, the log file. Never
here: product code, or a word about what a result should be.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.contract.platform import BIN, environment

CALLBACKS = Path(__file__).parent / "callback"
COLLECTION = "aphex.platform"

IN_PROCESS, MODULE = "in process", "module"
PATHS = (IN_PROCESS, MODULE)
SWITCH = "aphex_platform_in_process"

_START_WITHIN = 60.0
_ANSWER_WITHIN = 240.0


@dataclass(frozen=True)
class Task:
    """One task: a module of ours (or any, by its full name), its arguments, and other keywords of a task.

    A failure is an answer like any other, so the play goes on.
    """

    module: str
    args: Any = field(default_factory=dict)
    check: bool = False
    words: Mapping[str, Any] = field(default_factory=dict)

    def to_play(self) -> dict[str, Any]:
        name = self.module if "." in self.module else f"{COLLECTION}.{self.module}"
        keywords = {"check_mode": self.check, "diff": True, "ignore_errors": True, "ignore_unreachable": True}
        return {name: self.args, **keywords, **self.words}


@dataclass(frozen=True)
class Answer:
    """The result of one task on one host; `ended` is ok, failed, skipped or unreachable."""

    ended: str
    result: dict[str, Any]

    @property
    def failed(self) -> bool:
        return self.ended in ("failed", "unreachable")

    @property
    def changed(self) -> bool:
        return bool(self.result.get("changed"))

    @property
    def msg(self) -> str:
        return str(self.result.get("msg", ""))

    @property
    def kind(self) -> str:
        """The kind of failure, for programs."""
        return str((self.result.get("failure") or {}).get("kind", ""))

    @property
    def diff(self) -> list[dict[str, Any]]:
        return list(self.result.get("diff") or [])

    @property
    def steps(self) -> list[str]:
        """What was done, each as its verb and target."""
        return [f"{step['verb']} {step['target']}" for step in self.result.get("steps") or []]


@dataclass(frozen=True)
class Ended:
    """What a whole run left: exit code, everything printed, the text of the log file, the answers by task and host."""

    code: int
    output: str
    log: str
    answers: list[dict[str, Answer]]

    @property
    def only(self) -> list[Answer]:
        """The answers of a run on one host."""
        return [next(iter(answers.values())) for answers in self.answers]


HOST = "here"


def local_host(path: str = IN_PROCESS, **variables: Any) -> dict[str, Any]:
    """Variables of a host that is this machine, on one of the two paths."""
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        SWITCH: path == IN_PROCESS,
        **variables,
    }


def play_of(tasks: Sequence[Task], hosts: str = "all", **words: Any) -> dict[str, Any]:
    """One play of these tasks."""
    return {"hosts": hosts, "gather_facts": False, "tasks": [task.to_play() for task in tasks], **words}


class Playing:
    """A playbook under way. Each `step()` lets the next task run; the playbook waits in between.

    `plays` are written as JSON, which is YAML; `texts` are further files beside them, for what only YAML can say.
    The run is at -vvv with the diff, and writes a log file, so that whatever leaks can be found.
    """

    def __init__(
        self,
        folder: Path,
        plays: Sequence[dict[str, Any]] | str,
        env: Mapping[str, str],
        *,
        hosts: Mapping[str, Mapping[str, Any]] | None = None,
        groups: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
        program: Path = BIN / "ansible-playbook",
        verbosity: int = 3,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.answers: list[dict[str, Answer]] = []
        self.recap: dict[str, dict[str, int]] = {}
        self._output, self._log = folder / "output.txt", folder / "ansible.log"
        playbook, inventory = folder / "play.yml", folder / "inventory.json"
        playbook.write_text(plays if isinstance(plays, str) else json.dumps(plays), encoding="utf-8")
        inventory.write_text(json.dumps({"all": {"hosts": hosts or {HOST: local_host()}, **(groups or {})}}), "utf-8")
        self._listener = socket.socket(socket.AF_UNIX)
        # Not in the folder: the path of a socket has at most a hundred bytes, also of the one that ansible-core 2.20
        # and later make in the directory for temporary files.
        self._place = tempfile.TemporaryDirectory(prefix="aphex-")
        self.temporary = Path(self._place.name)
        address = str(self.temporary / "talk")
        self._listener.bind(address)
        self._listener.listen(1)
        whole = environment(folder, **{name: str(value) for name, value in env.items()})
        whole |= {
            "ANSIBLE_CALLBACK_PLUGINS": os.pathsep.join([str(CALLBACKS), whole["ANSIBLE_CALLBACK_PLUGINS"]]),
            "ANSIBLE_LOG_PATH": str(self._log),
            # Into a file, Ansible does not flush what workers show: progress would come at the end.
            "PYTHONUNBUFFERED": "1",
            # Its default lies in a home, and a shell knows another one than the variable HOME says.
            "ANSIBLE_ASYNC_DIR": str(folder / "async"),
            "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
            # A module that is killed leaves its files behind.
            "TMPDIR": str(self.temporary),
            "APHEX_CONTRACT_SOCKET": address,
        }
        words = [str(program), "-i", str(inventory), str(playbook), *arguments]
        words += ["-" + "v" * verbosity] if verbosity else []
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                words,
                cwd=folder,
                env=whole,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A group of its own: a run that is broken off leaves no worker and no module behind.
                start_new_session=True,
            )
        self._talk: socket.socket | None = None
        self._buffer = b""
        self._waiting = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._talk is not None:
            self._talk.close()
        self._listener.close()
        self._place.cleanup()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def output(self) -> str:
        """All that was printed so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def go(self) -> None:
        """Let the next task begin, and do not wait for it."""
        if not self._waiting:
            self._read_until_task()
        if not self._waiting:
            raise RuntimeError(f"the playbook ended before this step\n{self.output[-4000:]}")
        self._waiting = False
        self.answers.append({})
        self._connection().sendall(b"go\n")

    def wait(self) -> dict[str, Answer]:
        """Wait until the task that was let go has ended on every host; its answers."""
        self._read_until_task()
        return self.answers[-1]

    def step(self) -> Answer:
        """Run the next task and return its answer on the one host."""
        self.go()
        answers = self.wait()
        if len(answers) != 1:
            raise RuntimeError(f"{len(answers)} hosts answered, not one\n{self.output[-4000:]}")
        return next(iter(answers.values()))

    def step_all(self) -> dict[str, Answer]:
        """Run the next task and return its answers by host."""
        self.go()
        return self.wait()

    def finish(self) -> Ended:
        """Run what is left, and wait for the end of the program."""
        while self._read_until_task():
            self.go()
        self.process.wait(_ANSWER_WITHIN)
        return Ended(self.process.returncode, self.output, self.log, self.answers)

    def _read_until_task(self) -> bool:
        """Take in results until the playbook waits before a task; False when it has ended instead."""
        while not self._waiting:
            event = self._event()
            if event is None or event["event"] == "end":
                self.recap = event["hosts"] if event else {}
                return False
            if event["event"] == "task":
                self._waiting = True
            elif self.answers:
                self.answers[-1][event["host"]] = Answer(event["ended"], event["result"])
        return True

    def _event(self) -> dict[str, Any] | None:
        while b"\n" not in self._buffer:
            received = self._connection().recv(1 << 20)
            if not received:
                return None
            self._buffer += received
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        event: dict[str, Any] = json.loads(line)
        return event

    def _connection(self) -> socket.socket:
        if self._talk is None:
            self._listener.settimeout(0.1)
            deadline = time.monotonic() + _START_WITHIN
            while self._talk is None:
                try:
                    self._talk = self._listener.accept()[0]
                except TimeoutError:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"ansible-playbook did not come up\n{self.output}") from None
            self._talk.settimeout(_ANSWER_WITHIN)
        return self._talk


def run(folder: Path, plays: Sequence[dict[str, Any]] | str, env: Mapping[str, str], **more: Any) -> Ended:
    """Run plays to their end without waiting in between."""
    with Playing(folder, plays, env, **more) as playing:
        return playing.finish()
