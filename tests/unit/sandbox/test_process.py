"""Programs are started, watched and stopped by their own process id; a reused id is never touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.process import NotReady, Process, Record, free_port, reap, started_at

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


def wait_for(what: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_stop_waits_until_the_process_is_gone(tmp_path: Path) -> None:
    process = Process("sleeper", SLEEP, tmp_path / "sleeper.log").start()
    assert process.record is not None
    assert json.loads((tmp_path / "sleeper.pid").read_text()) == vars(process.record)
    process.stop()
    process.stop()
    assert started_at(process.pid) is None
    assert not (tmp_path / "sleeper.pid").exists()


def test_p24_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    process = Process("deaf", DEAF, tmp_path / "deaf.log").start()
    process.wait_ready(lambda: "deaf" in process.log_tail().splitlines(), 5)
    begin = time.monotonic()
    process.stop(grace=0.3)
    assert 0.3 <= time.monotonic() - begin < 2
    assert started_at(process.pid) is None


def test_an_early_end_is_told_with_the_end_of_the_log(tmp_path: Path) -> None:
    process = Process(
        "broken", [sys.executable, "-c", "raise SystemExit('no such flag')"], tmp_path / "broken.log"
    ).start()
    with pytest.raises(NotReady, match=r"broken ended before it was ready(.|\n)*no such flag"):
        process.wait_ready(lambda: False, 10)
    process.stop()


def test_a_late_program_is_told_with_its_time(tmp_path: Path) -> None:
    process = Process("late", SLEEP, tmp_path / "late.log").start()
    with pytest.raises(NotReady, match="late was not ready after 0 s"):
        process.wait_ready(lambda: False, 0.1)
    process.kill()


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom tests.sandbox.process import Process\n"
        f"child = Process('child', {SLEEP!r}, Path({str(tmp_path)!r}) / 'child.log').start()\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert started_at(child) is not None
        parent.send_signal(signal.SIGKILL)
    assert wait_for(lambda: started_at(child) is None)


def test_reap_stops_what_is_recorded_and_leaves_a_reused_id_alone() -> None:
    with subprocess.Popen(SLEEP) as ours, subprocess.Popen(SLEEP) as stranger:
        record = Record.of("ours", ours.pid)
        other = Record.of("stranger", stranger.pid)
        assert record is not None
        assert other is not None
        earlier = Record("gone long ago", stranger.pid, str(int(other.started) - 1))
        assert reap([record, earlier], grace=1) == [record]
        assert ours.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
        stranger.kill()


def test_a_record_of_this_process_lives() -> None:
    record = Record.of("me", os.getpid())
    assert record is not None
    assert record.alive
    assert Record.from_json(json.loads(json.dumps(vars(record)))) == record


def test_free_ports_lie_below_those_of_outgoing_connections() -> None:
    assert all(10240 <= free_port() <= 32000 for _unused in range(50))
