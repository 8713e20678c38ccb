"""Lets a test process walk through a playbook task by task, and hands it every result.

In: Ansible's events, and a word of the test process before each task. Out: one line of JSON an event. Never here: a
judgement. Loaded by tests/contract/runner.py alone.
"""

from __future__ import annotations

import json
import os
import socket
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: contract_talk
type: aggregate
short_description: Walk through a playbook from a test
description:
  - Connects to the Unix socket named in C(APHEX_CONTRACT_SOCKET), tells each event and waits before each task.
"""

if t.TYPE_CHECKING:
    _Base = object
else:
    _Base = CallbackBase


class CallbackModule(_Base):
    """The playbook's end of the line."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "contract_talk"

    def __init__(self) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(os.environ["APHEX_CONTRACT_SOCKET"])
        self._lines = self._socket.makefile("r", encoding="utf-8")

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        """Wait until the test wants this task."""
        self._tell({"event": "task", "name": task.get_name()})
        self._lines.readline()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Tell a result."""
        self._result(result, "ok")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Tell a failure."""
        self._result(result, "failed")

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        """Tell that a task was skipped."""
        self._result(result, "skipped")

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Tell that a host was not reached."""
        self._result(result, "unreachable")

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Tell the recap."""
        self._tell({"event": "end", "hosts": {host: stats.summarize(host) for host in stats.processed}})

    def _result(self, result: t.Any, ended: str) -> None:
        self._tell({"event": "result", "host": result.host.get_name(), "ended": ended, "result": result.result})

    def _tell(self, event: dict[str, t.Any]) -> None:
        self._socket.sendall(json.dumps(event, default=str).encode() + b"\n")
