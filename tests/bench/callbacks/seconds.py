"""Ansible's callback `seconds`: what each task of a play took.

In: the file that APHEX_BENCH_SECONDS names. Out: there, as JSON, a row a task with play, task and seconds. Never here:
a sum.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: seconds
type: aggregate
short_description: Write down what each task took
description:
  - Writes a row a task into the file that the environment variable E(APHEX_BENCH_SECONDS) names.
"""


class CallbackModule(CallbackBase):
    """A stopwatch; a task lasts until the next one begins."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "seconds"

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[dict[str, Any]] = []
        self._play = ""
        self._begun = time.perf_counter()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Remember the play, and count what it takes before its first task as its own."""
        self._end()
        self._play = str(play.get_name())
        self._begin("")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """End the task before, and begin this one."""
        self._end()
        self._begin(str(task.get_name()))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write all rows down."""
        self._end()
        Path(os.environ["APHEX_BENCH_SECONDS"]).write_text(json.dumps(self._rows), encoding="utf-8")

    def _begin(self, task: str) -> None:
        self._rows.append({"play": self._play, "task": task})
        self._begun = time.perf_counter()

    def _end(self) -> None:
        if self._rows:
            self._rows[-1]["seconds"] = time.perf_counter() - self._begun
