# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge inside ansible-playbook: run here when that is what a module would see, else ship the module.

In: the task. Out: its result, scrubbed. Lends the clock, a command runner, progress lines and the cache of the run.
Never here: a product's name.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
import typing as t

from ansible import constants
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader, test_loader
from ansible.utils.display import Display

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import (
    ENGLISH,
    NO_SUCH_COMMAND,
    EntryPoint,
    answer,
    conceal,
    decoded,
    file_lock,
    identity,
    plain,
    refused,
    refused_arguments,
)

SWITCH = "aphex_platform_in_process"
OLDEST_PYTHON = (3, 11)
_FALSE = ("false", "no", "off", "0", "n", "f")

display = Display()


class RunCache:
    """Files in Ansible's temporary folder of this run, under flock: shared by all workers, gone with the run (N5)."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, "aphex-" + hashlib.sha256(key.encode()).hexdigest()[:32])

    def get(self, key: str) -> t.Any:
        """Return the stored plain value, or None."""
        try:
            with open(self._path(key), encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, ValueError):
            return None

    def put(self, key: str, value: t.Any) -> None:
        """Store a plain value; a reader sees the old one or the new one, never half of it."""
        path = self._path(key)
        # Threads of one task may learn the same thing at the same time.
        temporary = f"{path}.{os.getpid()}.{threading.get_ident()}"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(value, file)
        os.replace(temporary, path)

    def lock(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold a lock of that name against every other worker of this run."""
        return file_lock(self._folder, key)


class InProcess(ActionBase):
    """Base of every action plugin of the collection; a subclass names its ``entry_point`` and nothing else."""

    _supports_check_mode = True
    _supports_async = True
    _requires_connection = False

    entry_point: EntryPoint

    def __init_subclass__(cls, **kwargs: t.Any) -> None:
        """Spare the forks what the parent can do once for all of them; it imports an action before it runs the task.

        What it holds by now is taken out of garbage collection: every fork would walk through all of it at its first
        collection, and copy each page that it touches, a fifth of what a task costs. By then the parent has read the
        playbook, so that is most there ever is.
        """
        super().__init_subclass__(**kwargs)
        _read_filters_and_tests()
        gc.freeze()

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the task's result."""
        task_vars = task_vars or {}
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        reason = self._reason_to_leave(task_vars)
        if reason:
            display.vv(f"{self._task.action} runs as a module: {reason}", host=task_vars.get("inventory_hostname"))
            result.update(self._execute_module(task_vars=task_vars, wrap_async=bool(self._task.async_val)))
            return self._too_old(task_vars) or result if _broke(result) else result
        with _environment(self._environment()):
            result.update(self._answer(task_vars))
        return result

    def _reason_to_leave(self, task_vars: dict[str, t.Any]) -> str:
        """Return why a module would see something else than this process, or nothing."""
        if self._connection.transport != "local":
            return f"the connection is {self._connection.transport}, not local"
        if self._connection.become is not None:
            return "the task becomes another user"
        if self._task.async_val:
            return "the task is asynchronous"
        if not self._wanted(task_vars):
            return f"{SWITCH} is false"
        missing = [name for name in self.entry_point.libraries if importlib.util.find_spec(name) is None]
        interpreter = self._templar.template(task_vars.get("ansible_python_interpreter"))
        if missing and interpreter and interpreter != sys.executable:
            return f"{', '.join(missing)} is missing here, and {interpreter} may have it"
        return ""

    def _too_old(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any] | None:
        """Return the sentence for a module that broke because of its Python, or nothing (N20).

        Asked only after a module broke: an old Python cannot even read what would tell it.
        """
        interpreter = (self._used_interpreter or "").lstrip("#!").strip()
        if not interpreter:
            return None
        asked = self._low_level_execute_command(f"{interpreter} -c 'import sys; print(*sys.version_info[:2])'")
        words = str(asked.get("stdout", "")).split()
        if len(words) != 2 or not all(word.isdigit() for word in words):
            return None
        version = (int(words[0]), int(words[1]))
        if version >= OLDEST_PYTHON:
            return None
        host = self._task.delegate_to or task_vars.get("inventory_hostname")
        return refused(
            Failure(
                Kind.MISSING,
                tried=f"running {self._task.action}",
                on=f"on {host}",
                said=f"its Python is {'.'.join(words)} ({interpreter}), {'.'.join(map(str, OLDEST_PYTHON))} is wanted",
                remedy="Install a newer one and set ansible_python_interpreter to it",
            )
        )

    def _wanted(self, task_vars: dict[str, t.Any]) -> bool:
        value = self._templar.template(task_vars.get(SWITCH, True))
        return value.strip().lower() not in _FALSE if isinstance(value, str) else bool(value)

    def _environment(self) -> dict[str, str]:
        environment: dict[str, t.Any] = {}
        self._compute_environment_string(environment)
        return {str(plain(name)): str(plain(value)) for name, value in environment.items()}

    def _answer(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        spec = self.entry_point.options
        # Plain first: the validator copies what it gets, and Ansible's own kinds of text and lists take long to copy.
        given = {name: plain(value) for name, value in self._task.args.items()}
        checked = ArgumentSpecValidator(spec, **self.entry_point.rules).validate(given)
        hidden = set(checked._no_log_values)
        runtime = Runtime(
            now=time.time,
            check=bool(self._task.check_mode),
            run=run_here,
            progress=self._progress(task_vars),
            identity=identity(),
            cache=RunCache(constants.DEFAULT_LOCAL_TMP),
        )
        if checked.error_messages:
            outcome = refused_arguments(_first_error(self._task.action, checked))
        else:
            params = {name: plain(value) for name, value in checked.validated_parameters.items()}
            outcome = answer(self.entry_point, conceal(params, spec), runtime)
        hidden |= {value for value in runtime.secrets if value}
        return t.cast("dict[str, t.Any]", remove_values(outcome, hidden))

    def _progress(self, task_vars: dict[str, t.Any]) -> t.Callable[[str], None]:
        host = task_vars.get("inventory_hostname", "localhost")

        def show(text: str) -> None:
            # Steps show at -v; what takes long enough to wonder about is shown always.
            if text.startswith("waiting"):
                display.display(f"[{host}] {text}")
            else:
                display.v(text, host=host)

        return show


def _broke(result: dict[str, t.Any]) -> bool:
    """Tell whether a module ended without an answer of ours."""
    return bool(result.get("failed")) and "failure" not in result


@functools.cache
def _read_filters_and_tests() -> None:
    """Have Ansible read its own. It reads all of them when it meets the first, which mostly happens in a fork."""
    filter_loader.get("ansible.builtin.combine")
    test_loader.get("ansible.builtin.match")


def _first_error(action: str, checked: t.Any) -> str:
    """Return what is wrong with the arguments, in the words of a module."""
    said = str(checked.errors.msg)
    unsupported = isinstance(checked.errors[0], UnsupportedError)
    return f"Unsupported parameters for ({action}) module: {said}" if unsupported else said


def run_here(
    argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
) -> tuple[int, str, str]:
    """Run a command in a session of its own: without one, a program could still ask the terminal of the playbook."""
    try:
        done = subprocess.run(
            list(argv),
            capture_output=True,
            check=False,
            env={**os.environ, **ENGLISH, **(env or {})},
            input=(data or "").encode("utf-8", "surrogateescape"),
            start_new_session=True,
        )
    except FileNotFoundError as error:
        return NO_SUCH_COMMAND, "", str(error)
    return done.returncode, decoded(done.stdout), decoded(done.stderr)


@contextlib.contextmanager
def _environment(wanted: dict[str, str]) -> t.Iterator[None]:
    """Set the task's environment for this item; loop items share one process, so it is taken back (N5)."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
