"""A machine of a test: a folder as its root, stand-ins of its programs on the PATH, and roles played on it.

In: a folder. Out: what a run of a role printed and counted. Never here: a word about what a role should do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.platform import BIN, environment
from tests.sandbox.standins.commands import Commands

_WITHIN = 300.0


@dataclass(frozen=True)
class Run:
    """What one run left."""

    code: int
    output: str

    @property
    def recap(self) -> dict[str, int]:
        """The counts of the one host."""
        line = self.output.rpartition("localhost ")[2].split("\n")[0]
        return {key: int(value) for key, _equals, value in (word.partition("=") for word in line.split()[1:])}

    @property
    def changed(self) -> int:
        """How many tasks changed something, of a run that went well."""
        assert self.code == 0, self.output
        return self.recap["changed"]

    @property
    def refused(self) -> str:
        """What was printed, of a run that failed; on one line."""
        assert self.code != 0, self.output
        return " ".join(self.output.split())


class Machine:
    """One machine, and the roles that are played on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        self.env: dict[str, str] = {}
        self.commands = Commands(folder / "commands")
        self.commands.path.mkdir(parents=True)

    def play(self, role: str, *words: str, tasks_from: str = "main", **variables: Any) -> Run:
        """Play a role, and wait for its end."""
        process = self._start(role, words, tasks_from, variables)
        output, _nothing = process.communicate()
        return Run(process.returncode, output)

    def play_until(self, happened: Callable[[], bool], role: str, **variables: Any) -> None:
        """Play a role, and kill it with all that it started as soon as something has happened."""
        process = self._start(role, (), "main", variables)
        end = time.monotonic() + _WITHIN
        while not happened():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def _start(
        self, role: str, words: tuple[str, ...], tasks_from: str, variables: dict[str, Any]
    ) -> subprocess.Popen[str]:
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                {
                    "name": f"Play {role}",
                    "ansible.builtin.include_role": {"name": f"aphex.platform.{role}", "tasks_from": tasks_from},
                }
            ],
        }
        playbook, given = self.folder / "play.yml", self.folder / "variables.json"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        given.write_text(
            json.dumps({"ansible_python_interpreter": "{{ ansible_playbook_python }}", **variables}), encoding="utf-8"
        )
        env = environment(self.folder, ANSIBLE_PIPELINING="true", **self.env)
        env["PATH"] = os.pathsep.join([str(self.commands.path), env["PATH"]])
        command = [str(BIN / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(playbook)]
        return subprocess.Popen(
            [*command, "-e", f"@{given}", *words],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def remember(self) -> None:
        """Keep what the machine is now."""
        shutil.copytree(self.folder, self._kept, symlinks=True)

    def go_back(self) -> None:
        """Be again what was remembered: what was installed once serves many tests."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._kept, self.folder, symlinks=True)

    @property
    def _kept(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-kept")

    def files(self) -> dict[str, bytes]:
        """Every file below the root, by its path there."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }

    def text(self, path: str) -> str:
        """A file below the root."""
        return (self.root / path).read_text(encoding="utf-8")

    def mode(self, path: str) -> int:
        """The rights of a file below the root."""
        return (self.root / path).stat().st_mode & 0o777
