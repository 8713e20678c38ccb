"""A process that has imported the product once and forks a child for each run, as ansible-playbook forks its workers.

In: orders on standard input, one JSON object a line: ``id``, ``module``, ``params``, ``timeout`` (seconds that a child
waits for an answer of the API server) and ``answer``, the file to write. Out: lines that say which process got an order
and how it ended; the task's result in that file. Never here: a thread (a fork would inherit its locks), a judgement
about a result.

Killed children are waited for at once: a process that nobody has waited for still counts as living.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import select
import signal
import sys
import time
from types import TracebackType
from typing import Any, NoReturn

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aphex.platform.plugins.module_utils import _edge
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes import product as _kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.client import Client
from ansible_collections.aphex.platform.plugins.module_utils._tenancy import rotation as _rotation
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import run_here

_REST = 1.0
"""Seconds that a rotation rests in place of 10, twice: no stand-in remembers a former secret, nor holds a delivery."""

MODULES = "ansible_collections.aphex.platform.plugins.modules"
_PIECE = 65536


def main() -> None:
    """Serve until standard input ends; children that still run then are killed."""
    for name in sys.argv[1:]:
        importlib.import_module(f"{MODULES}.{name}")
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_unused: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children: dict[int, str] = {}
    pending = b""
    while True:
        ready, _unused, _other = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, _PIECE)
            _reap(children)
        if 0 in ready:
            piece = os.read(0, _PIECE)
            if not piece:
                break
            *orders, pending = (pending + piece).split(b"\n")
            for order in orders:
                _start(json.loads(order), children)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _start(order: dict[str, Any], children: dict[int, str]) -> None:
    pid = os.fork()
    if pid == 0:
        _be_a_child(order)
    children[pid] = order["id"]
    _say(id=order["id"], pid=pid)


def _reap(children: dict[int, str]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _say(id=children.pop(pid), status=os.waitstatus_to_exitcode(status))


def _say(**words: Any) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def _be_a_child(order: dict[str, Any]) -> NoReturn:
    """Run the order and end this process, whatever happens: the loop that forked it must not go on in two processes.

    What goes wrong is shown by the interpreter's own hook before the process ends with 1.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(os._exit, 1)
        stack.push(_show)
        signal.set_wakeup_fd(-1)
        os.setsid()
        result = _run(order["module"], order["params"], order["timeout"])
        unfinished = order["answer"] + ".part"
        with open(unfinished, "w", encoding="utf-8") as file:
            json.dump(result, file)
        os.replace(unfinished, order["answer"])
        os._exit(0)


def _show(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
    if kind is not None and error is not None:
        sys.excepthook(kind, error, trace)
        sys.stderr.flush()


def _run(module: str, params: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Do what the action plugin does with a task's arguments; other time-outs than Kubernetes' are among them."""
    vars(_rotation).update(IN_FLIGHT=_REST, _REMEMBERED=_REST)
    vars(_kubernetes)["Client"] = functools.partial(Client, read_timeout=timeout)
    entry_point = importlib.import_module(f"{MODULES}.{module}").ENTRY_POINT
    checked = ArgumentSpecValidator(entry_point.options, **entry_point.rules).validate(params)
    if checked.error_messages:
        raise ValueError("; ".join(checked.error_messages))
    plain = _edge.conceal(_edge.plain(checked.validated_parameters), entry_point.options)
    runtime = Runtime(now=time.time, run=run_here, identity=_edge.identity())
    return _edge.answer(entry_point, plain, runtime)


if __name__ == "__main__":
    main()
