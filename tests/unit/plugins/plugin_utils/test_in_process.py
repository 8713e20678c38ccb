"""Commands that the edges lend: the same in process and by module, with environment and input, whatever the bytes."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aphex.platform.plugins.module_utils import _edge
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Run
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import InProcess, RunCache, run_here

ECHO = "import os, sys; sys.stdout.buffer.write(sys.stdin.buffer.read() + os.environb.get(b'WORD', b'-'))"
ALL_BYTES = bytes(range(256)).decode("utf-8", "surrogateescape")


@pytest.fixture(params=["in process", "module"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    if request.param == "in process":
        yield run_here
        return
    with patch_module_args({}):
        yield _edge.runner(basic.AnsibleModule(argument_spec={}))


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_code_output_and_error_come_back(run: Run) -> None:
    assert run(_python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")) == (3, "out\n", "err\n")


def test_environment_is_added_and_taken_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THERE", "before")
    code = "import os; print(os.environ['THERE'], os.environ['WORD'], os.environ['LC_ALL'])"
    assert run(_python(code), env={"WORD": "given"}) == (0, "before given C\n", "")
    assert "WORD" not in os.environ


def test_input_and_output_keep_every_byte(run: Run) -> None:
    assert run(_python(ECHO), data=ALL_BYTES + "\r\n", env={"WORD": "ü"}) == (0, ALL_BYTES + "\r\nü", "")


def test_arguments_are_not_expanded(run: Run) -> None:
    assert run([*_python("import sys; print(sys.argv[1:])"), "$HOME", "~", "a b"])[1] == "['$HOME', '~', 'a b']\n"


def test_a_command_that_is_not_there_answers_as_a_shell_does(run: Run) -> None:
    assert shutil.which("no-such-command-4711") is None
    code, _out, err = run(["no-such-command-4711"])
    assert code == _edge.NO_SUCH_COMMAND
    assert "no-such-command-4711" in err


def test_nothing_in_process_asks_the_terminal() -> None:
    code = "import os, sys; print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()))"
    assert run_here(_python(code)) == (0, "True ''\n", "")


def test_threads_of_a_task_may_store_the_same_at_the_same_time(tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path))
    value = {"kinds": ["Gateway"] * 200}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda unused: cache.put("discovery", value), range(200)))
    assert cache.get("discovery") == value
    assert len(list(tmp_path.iterdir())) == 1


def test_what_the_parent_holds_is_no_work_for_its_forks() -> None:
    """An action is imported by the parent: what is there by then, no fork collects."""
    held = [[number] for number in range(1000)]
    before = gc.get_freeze_count()
    try:
        type("Action", (InProcess,), {})
        assert gc.get_freeze_count() >= before + len(held)
    finally:
        gc.unfreeze()
