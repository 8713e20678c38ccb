"""A machine for the gate: a folder as its root, its wheel, and a systemctl that runs the unit from there.

In: a folder. Out: what was made, as plain data; as a program, the answers of systemctl. Never here: product code; what
systemd's sandbox forbids, since no systemd runs it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.sandbox.process import free_port
from tests.sandbox.sandbox import CHECKOUT

_CREDENTIAL = re.compile(r"^LoadCredential=([^:]+):(.+)$", re.MULTILINE)
_START = re.compile(r"^ExecStart=(.+)$", re.MULTILINE)
_ENDS_WITHIN = 30.0


def machine(folder: Path) -> dict[str, Any]:
    """Make it: folders, programs, the wheel, addresses that are free. What an earlier run has left goes first."""
    Unit(folder, "").stop()
    shutil.rmtree(folder, ignore_errors=True)
    root, programs = folder / "root", folder / "bin"
    for path in (root / "etc/systemd/system", root / "opt", root / "run/credentials", root / "var/lib", programs):
        path.mkdir(parents=True, exist_ok=True)
    script = f"#!/bin/sh\ncd '{CHECKOUT}' && exec '{sys.executable}' -m tests.molecule.gate '{folder}' \"$@\"\n"
    (programs / "systemctl").write_text(script, encoding="utf-8")
    (programs / "systemctl").chmod(0o755)
    made = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT)]
    subprocess.run(made, check=True, stdout=sys.stderr)
    [wheel] = folder.glob("*.whl")
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("deliveries", "internal")}
    return {"root": str(root), "programs": str(programs), "wheel": str(wheel), **addresses}


class Unit:
    """The one unit of a machine. What it is kept in ``state.json``, every call in ``calls.jsonl``."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.name = name.removesuffix(".service")
        self.file = self.root / f"etc/systemd/system/{self.name}.service"
        self._state_file = folder / "state.json"
        there = self._state_file.is_file()
        self.state: dict[str, Any] = json.loads(self._state_file.read_text(encoding="utf-8")) if there else {}

    @property
    def active(self) -> bool:
        """Whether its process lives."""
        pid: int | None = self.state.get("pid")
        return pid is not None and _status(pid) != "Z"

    def keep(self, **values: Any) -> None:
        """Change what is known of it."""
        self.state.update(values)
        self._state_file.write_text(json.dumps(self.state), encoding="utf-8")

    def start(self) -> None:
        """Run what the unit says, its paths below the root."""
        text = self.file.read_text(encoding="utf-8")
        handed = self.root / f"run/credentials/{self.name}.service"
        handed.mkdir(parents=True, exist_ok=True)
        for name, source in _CREDENTIAL.findall(text):
            (handed / name).write_bytes(self._below(source).read_bytes())
        (self.root / "var/lib/aphex-gate").mkdir(exist_ok=True)
        [command] = _START.findall(text)
        *words, config = command.split()
        inside = self.folder / "gate.yaml"
        inside.write_text(self._moved(self._below(config).read_text(encoding="utf-8")), encoding="utf-8")
        with (self.folder / "gate.log").open("ab") as log:
            process = subprocess.Popen(
                [str(self._below(words[0])), *words[1:], str(inside)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.root,
                env={"PATH": os.environ["PATH"]},
            )  # fmt: skip
        self.keep(pid=process.pid, starts=self.state.get("starts", 0) + 1)

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self.active:
            os.kill(self.state["pid"], signal.SIGTERM)
        deadline = time.monotonic() + _ENDS_WITHIN
        while self.active and time.monotonic() < deadline:
            time.sleep(0.1)
        if self.state:
            self.keep(pid=None)

    def _below(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _moved(self, text: str) -> str:
        return re.sub(r"(?<=[\s\"])/(?=(?:etc|run|var)/)", f"{self.root}/", text)


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def main(words: list[str]) -> int:
    """Be systemctl for the machine in a folder."""
    folder, said = Path(words[0]), [word for word in words[1:] if not word.startswith("-")]
    with (folder / "calls.jsonl").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(words[1:]) + "\n")
    verb, names = (said[0], said[1:]) if said else ("--version", [])
    if not names:
        return 0
    unit = Unit(folder, names[0])
    if verb == "show":
        print(f"Id={unit.name}.service\nLoadState={'loaded' if unit.file.is_file() else 'not-found'}")
        print(f"ActiveState={'active' if unit.active else 'inactive'}")
        print(f"UnitFileState={'enabled' if unit.state.get('enabled') else 'disabled'}")
    elif verb == "is-enabled":
        print("enabled" if unit.state.get("enabled") else "disabled")
        return 0 if unit.state.get("enabled") else 1
    elif verb == "is-active":
        print("active" if unit.active else "inactive")
        return 0 if unit.active else 3
    elif verb in ("enable", "disable"):
        unit.keep(enabled=verb == "enable")
    elif verb in ("stop", "restart"):
        unit.stop()
    if verb in ("start", "restart"):
        unit.start()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
