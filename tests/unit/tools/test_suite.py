"""The suite fails when anything in it failed, and its totals say so.

The parts of `make test` are not run here; the suite that runs this test runs them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tools import steps, suite
from tests.tools.steps import Result, Running, Step
from tests.tools.suite import Count, Part, Suite

_JUNIT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"></testsuite></testsuites>'


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "_OUTPUT", tmp_path)
    monkeypatch.setattr(steps, "ROOT", tmp_path)


def _python(code: str, limit: float = 60) -> Step:
    return Step("example", "runs a line", [sys.executable, "-c", code], limit)


def _recorded(part: Part, code: int, junit: str | None, only: str = "") -> tuple[bool, Suite]:
    now = Suite(only=only)
    if junit is not None:
        part.report.parent.mkdir(parents=True, exist_ok=True)
        part.report.write_text(junit, encoding="utf-8")
    return now.record(part, Result(_python(""), 1.0, code, part.log)), now


@pytest.mark.parametrize(
    ("code", "junit", "only", "passed", "count"),
    [
        (0, _JUNIT.format(5, 0, 0, 0), "", True, Count(5, 0, 0)),
        (2, _JUNIT.format(5, 1, 1, 1), "", False, Count(2, 2, 1)),
        (2, _JUNIT.format(1, 0, 1, 0), "name", False, Count(0, 1, 0)),
        (2, None, "", False, Count(0, 1, 0)),
        (2, _JUNIT.format(0, 0, 0, 0), "", False, Count(0, 1, 0)),
        (2, _JUNIT.format(0, 0, 0, 0), "name", True, Count(0, 0, 0)),
    ],
    ids=["good", "bad", "broken on import", "no report", "no tests", "no test of that name"],
)
def test_what_pytest_reported_decides(code: int, junit: str | None, only: str, passed: bool, count: Count) -> None:
    ended, now = _recorded(Part("unit", "", counted=True), code, junit, only)
    assert ended is passed
    assert now.count == count
    assert now.failed == ([] if passed else ["unit"])


def test_a_failed_tool_shows_in_the_totals() -> None:
    ended, now = _recorded(Part("lint", ""), 2, None)
    assert not ended
    assert now.count == Count(0, 1, 0)
    assert now.failed == ["lint"]


def test_without_programs_no_sandbox_is_tried(tmp_path: Path) -> None:
    now = Suite(failed=["build"])
    now.perform([Part("contract", "", counted=True, sandbox=True)])
    assert now.failed == ["build", "contract"]
    assert not (tmp_path / "logs").exists()


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What starts and ends, in its order. Each part is a command; that of `slow` goes on until `unit` has ended."""
    lines: list[str] = []
    unit = tmp_path / "unit has ended"
    record = Suite.record

    def step(part: Part, only: str) -> Step:
        lines.append(f"{part.name} starts")
        if part.doing == "slow":
            return _python(f"import pathlib, time\nwhile not pathlib.Path({str(unit)!r}).exists(): time.sleep(0.05)")
        return _python(f"raise SystemExit({only or 0})")

    def recorded(now: Suite, part: Part, result: Result) -> bool:
        lines.append(f"{part.name} ends")
        if part.name == "unit":
            unit.touch()
        return record(now, part, result)

    monkeypatch.setattr(Part, "step", step)
    monkeypatch.setattr(Suite, "record", recorded)
    return lines


def test_parts_run_side_by_side_and_a_sandbox_waits_for_its_programs(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Suite()
    monkeypatch.setattr(suite, "LANES", 2)
    slow = replace(suite.BUILD, doing="slow")
    monkeypatch.setattr(suite, "BUILD", slow)
    now.perform([slow, Part("lint", ""), Part("contract", "", sandbox=True), Part("unit", "")])
    ends = ["lint ends", "unit starts", "unit ends", "build ends", "contract starts", "contract ends"]
    assert told == ["build starts", "lint starts", *ends]
    assert [word for _name, _seconds, word in now.rows] == ["passed"] * 4


def test_a_build_that_fails_leaves_the_others_to_run(told: list[str]) -> None:
    now = Suite(only="3")
    now.perform([suite.BUILD, Part("contract", "", sandbox=True), Part("lint", "")])
    assert sorted(now.failed) == ["build", "contract", "lint"]
    assert "contract starts" not in told


def test_each_part_has_a_sandbox_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APHEX_SANDBOX", "mine-")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    places = [part.environment()["APHEX_SANDBOX"] for part in suite.PARTS]
    assert len(set(places)) == len(places)
    assert {"mine-contract", "mine-contract-newest"} < set(places)
    assert "PYTHONDONTWRITEBYTECODE" not in suite.BUILD.environment()


def test_each_lane_has_its_share_of_the_cores_and_tests_that_wait_have_more_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(2 * suite.LANES)))
    assert Part("unit", "").processes == 2
    assert Part("faults", "", waits=True).processes > 2


def test_the_slowest_tests_are_told(tmp_path: Path) -> None:
    case = '<testcase classname="tests.unit.test_{0}" name="test_it" time="{0}"/>'
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuite>{''.join(case.format(number) for number in range(20))}</testsuite>", "utf-8")
    found = suite.slowest([report, tmp_path / "missing.xml"])
    assert found[0] == (19.0, "test_19::test_it")
    assert len(found) == 10


def test_a_failed_step_shows_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = steps.run(_python("print('the reason'); raise SystemExit(3)"), tmp_path / "log")
    assert not result.passed
    shown = capsys.readouterr().out
    assert "the reason" in shown
    assert "FAILED (code 3)" in shown


def test_a_long_step_says_what_it_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_HEARTBEAT", 0.2)
    steps.run(_python("import time; print('half way', flush=True); time.sleep(1)"), tmp_path / "log")
    assert capsys.readouterr().out.count("half way") >= 2


def test_a_step_over_its_limit_fails_and_leaves_no_child(tmp_path: Path) -> None:
    child = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', 'import time; time.sleep(60)'])"
    begin = time.monotonic()
    with Running(_python(child, limit=1), tmp_path / "log") as running:
        result = running.wait()
        group = running._process.pid
    assert not result.passed
    assert result.code is None
    assert time.monotonic() - begin < 30
    # A killed process is gone a moment after the signal.
    while _running_in(group):
        assert time.monotonic() - begin < 30
        time.sleep(0.05)


def _running_in(group: int) -> list[str]:
    """Return the processes of a group that run; an ended one that nobody has asked after yet does not."""
    running = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = status.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
            continue
        if int(its_group) == group and state != "Z":
            running.append(status.parent.name)
    return running


def test_leaving_ends_what_still_runs(tmp_path: Path) -> None:
    with Running(_python("import time; time.sleep(60)"), tmp_path / "log") as running:
        process = running._process
    assert process.poll() is not None


def test_the_makefile_hides_the_callers_own_cluster_and_account() -> None:
    theirs = {"K8S_AUTH_HOST": "theirs", "KUBECONFIG": "theirs", "CLOUDFLARE_API_TOKEN": "theirs"}
    asked = "$(SHELL) -c env"
    answer = subprocess.run(
        ["make", "--no-print-directory", "-f", "Makefile", "-f", "-", "print-environment"],
        cwd=Path(suite.__file__).parents[2],
        input=f"print-environment:\n\t@{asked}\n",
        env={**os.environ, **theirs, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "theirs" not in answer
    assert "ANSIBLE_COLLECTIONS_PATH=" in answer
