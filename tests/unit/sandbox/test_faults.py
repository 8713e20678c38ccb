"""Faults and kills: which request they strike, that all threads see one count, and their JSON form."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.sandbox.faults import KINDS, Fault, Faults, Kill, Match, ProcessKill, Struck, from_dict


def kinds(faults: Faults, requests: list[tuple[str, str]]) -> list[str | None]:
    return [fault.kind if (fault := faults.decide(*request)) else None for request in requests]


def test_nothing_armed_strikes_nothing() -> None:
    assert Faults().decide("GET", "/a") is None
    assert Faults().decide_kill("POST", "/a") is None


def test_only_the_nth_request_is_struck() -> None:
    faults = Faults()
    faults.arm(Fault("429", nth=3))
    assert kinds(faults, [("GET", "/a")] * 5) == [None, None, "429", None, None]
    assert faults.struck() == [Struck("429", "GET", "/a")]
    assert faults.waiting() == 0


def test_times_strikes_in_a_row_and_none_for_ever() -> None:
    faults = Faults()
    faults.arm(Fault("500", nth=2, times=2))
    assert kinds(faults, [("GET", "/a")] * 5) == [None, "500", "500", None, None]
    faults.clear()
    faults.arm(Fault("500", times=None))
    assert kinds(faults, [("GET", "/a")] * 3) == ["500"] * 3
    assert faults.waiting() == 1


def test_only_matching_requests_count() -> None:
    faults = Faults()
    faults.arm(Fault("lost", nth=2, match=Match("POST|PUT", r"/dns_records$")))
    requests = [("POST", "/z/dns_records"), ("GET", "/z/dns_records"), ("POST", "/z/other"), ("PUT", "/z/dns_records")]
    assert kinds(faults, requests) == [None, None, None, "lost"]


def test_a_plain_callable_matches_too() -> None:
    faults = Faults()
    faults.arm(Fault("reset", match=lambda method, path: path.endswith("/b")))
    assert kinds(faults, [("GET", "/a"), ("GET", "/b")]) == [None, "reset"]


def test_of_two_that_are_due_the_first_armed_wins_and_both_count() -> None:
    faults = Faults()
    faults.arm(Fault("429"))
    faults.arm(Fault("500", times=2))
    assert kinds(faults, [("GET", "/a")] * 3) == ["429", "500", None]


def test_clear_disarms_and_forgets() -> None:
    faults = Faults()
    faults.arm(Fault("429"))
    faults.decide("GET", "/a")
    faults.clear()
    assert faults.decide("GET", "/a") is None
    assert (faults.struck(), faults.waiting()) == ([], 0)


def test_only_lost_takes_effect() -> None:
    assert [kind for kind in KINDS if Fault(kind).performs] == ["lost"]


def test_many_threads_share_one_count() -> None:
    faults = Faults()
    faults.arm(Fault("500", nth=100, times=10))
    seen: list[str | None] = []

    def ask() -> None:
        for _unused in range(100):
            seen.append(fault.kind if (fault := faults.decide("GET", "/a")) else None)

    threads = [threading.Thread(target=ask) for _unused in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen.count("500") == 10
    assert len(seen) == 800


def test_a_kill_strikes_the_nth_write_once_and_leaves_faults_alone() -> None:
    faults = Faults()
    faults.arm(Kill(2, "after"))
    faults.arm(Fault("429"))
    assert faults.decide_kill("POST", "/a") is None
    kill = faults.decide_kill("POST", "/b")
    assert kill is not None
    assert kill.when == "after"
    assert faults.decide_kill("POST", "/c") is None
    assert faults.struck() == [Struck("kill-after", "POST", "/b")]
    assert faults.decide("GET", "/a") is not None


@pytest.mark.parametrize(
    "what",
    [
        Fault("garbage", nth=4, match=Match("PUT", "/x"), times=None, retry_after=0.5, hold=3, cut=True),
        Fault("timeout"),
        Kill(7, "after", ProcessKill(pid=4711, group=True), Match(path="/dns")),
        Kill(1, "before", ProcessKill(pid_file="run.pid")),
    ],
)
def test_the_json_form_comes_back_as_it_went(what: Fault | Kill) -> None:
    assert from_dict(json.loads(json.dumps(what.to_dict()))) == what


def test_what_has_no_json_form_says_so() -> None:
    with pytest.raises(TypeError, match="plain callable"):
        Fault("429", match=lambda method, path: True).to_dict()
    with pytest.raises(TypeError, match="ProcessKill"):
        Kill(1, "before", lambda: None).to_dict()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Fault("418"), "not one of"),
        (lambda: Fault("429", nth=0), "count from 1"),
        (lambda: Fault("429", times=0), "count from 1"),
        (lambda: Kill(0), "counts from 1"),
        (lambda: Kill(1, "during"), "not one of"),
        (ProcessKill, "pid or a pid_file"),
        (lambda: ProcessKill(pid=5, pid_file="x"), "pid or a pid_file"),
        (ProcessKill(pid=1), "no process that a test may end"),
    ],
)
def test_bad_values_are_refused(make: object, text: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=text):
        make()


def test_process_kill_ends_the_process_named_in_a_file(tmp_path: Path) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    pid_file = tmp_path / "pid"
    pid_file.write_text(f"{sleeper.pid}\n")
    ProcessKill(pid_file=str(pid_file), group=True)()
    assert sleeper.wait(timeout=5) == -signal.SIGKILL
    ProcessKill(pid=sleeper.pid)()  # It is gone already: nothing to do.
