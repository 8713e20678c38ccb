"""The gate as a process of the checkout: its configuration, its environment, its commands; of tests and of the demo.

In: a folder, an App, keys of a configuration. Out: a file, processes. Never here: product code; the gate is started as
its users start it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sandbox.process import Process, free_port
from tests.sandbox.sandbox import CHECKOUT

STARTS_WITHIN = 30.0
_PROGRAM = (sys.executable, "-m", "services.gate")
_LONGEST_COMMAND = 60.0


@dataclass(frozen=True)
class Configured:
    """A gate that can be started: its configuration, and where its listeners will be."""

    file: Path
    port: int
    internal_port: int

    @property
    def url(self) -> str:
        """Where it takes deliveries."""
        return f"http://127.0.0.1:{self.port}"

    def process(self, log: Path) -> Process:
        """Return the process that serves; it is not started yet."""
        return Process("gate", [*_PROGRAM, "serve", "--config", str(self.file)], log, environment())

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the gate with this configuration."""
        argv = [*_PROGRAM, *arguments, "--config", str(self.file)]
        return subprocess.run(
            argv, env=environment(), capture_output=True, text=True, timeout=_LONGEST_COMMAND, check=False
        )


def configure(folder: Path, apps: Mapping[str, Mapping[str, Any]], **more: Any) -> Configured:
    """Write the configuration of a gate whose policy is ``policy.yml`` in that folder.

    ``more`` are further keys of the configuration, or others in place of the least.
    """
    made = Configured(folder / "gate.yaml", free_port(), free_port())
    whole = {
        "apps": apps,
        "policy": ["policy.yml"],
        "listen": f"127.0.0.1:{made.port}",
        "internal": f"127.0.0.1:{made.internal_port}",
        **more,
    }
    # JSON is YAML as well.
    made.file.write_text(json.dumps(whole, indent=2), encoding="utf-8")
    return made


def environment() -> dict[str, str]:
    """Return the environment of a gate: that of the checkout, and nothing of a person's."""
    paths = (str(CHECKOUT), str(CHECKOUT / ".cache" / "collections"))
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
