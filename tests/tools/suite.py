"""`make test`: every part, two at a time, on the oldest and on the newest ansible-core.

In: the Makefile's targets, or a name that tests must match. Out: progress, the logs of what failed, a table, the tests
that took longest, and as the last line the number of tests that passed and failed. Never here: a tool's command line;
that is the Makefile's.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import types
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from .steps import CACHE, POLL, ROOT, Result, Running, Step, say

_OUTPUT = CACHE / "test"
_SLOWEST = 10

LANES = 2
"""How many parts run at a time, each in half as many processes as there are cores: most tools use a single core, and
what the tests of one file share is made once for each process."""

_TAKING_TURNS = 2


@dataclass(frozen=True)
class Part:
    """One target of the Makefile in one environment; ``counted`` when pytest runs in it.

    ``waits`` says that its tests wait most of the time: more processes than a lane has cores take turns.
    """

    target: str
    doing: str
    venv: str = ".venv"
    counted: bool = False
    sandbox: bool = False
    waits: bool = False
    limit: float = 3600.0
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.target if self.venv == ".venv" else f"{self.target} (newest)"

    @property
    def report(self) -> Path:
        return _OUTPUT / "junit" / f"{self.target}{self.venv}.xml"

    @property
    def log(self) -> Path:
        return _OUTPUT / "logs" / f"{self.target}{self.venv}.log"

    @property
    def processes(self) -> int:
        """How many processes run its tests."""
        return max(1, len(os.sched_getaffinity(0)) // LANES) * (_TAKING_TURNS if self.waits else 1)

    def step(self, only: str) -> Step:
        words = ["make", self.target, f"VENV={self.venv}", f"PYTHON={sys.executable}"]
        words += [f"REPORT={self.report.relative_to(ROOT)}", f"WORKERS={self.processes}"] if self.counted else []
        words += [f"ONLY={only}"] if only else []
        return Step(self.name, self.doing, words, self.limit)

    def environment(self) -> dict[str, str]:
        """Return what its step sees: the caller's, without what an outer make has put there; a sandbox of its own."""
        unwanted = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ONLY", "PYTHONDONTWRITEBYTECODE")
        caller = {key: value for key, value in os.environ.items() if key not in unwanted}
        place = f"{caller.get('APHEX_SANDBOX', '')}{self.target}{self.venv.removeprefix('.venv')}"
        return {**caller, "APHEX_SANDBOX": place, **self.settings}


SETUP = Part("setup", "virtual environments")
BUILD = Part("build", "Go programs of the sandbox")
_UNIT = Part("unit", "tests of one file each", counted=True)
_CONTRACT = Part("contract", "nine stages for every module", counted=True, sandbox=True)
_MOLECULE = Part("molecule", "one scenario for each role", sandbox=True)
_SANITY = Part("sanity", "ansible-test sanity")
# What a core or a Python can break: our code in its process, its own tests, and what passes between it and our modules.
# Left out, since nothing would be learnt: whole parts that ask what we send to a cluster, to Cloudflare, GitHub or Git
# (core has no hand in that, and the unit tests take the same code through the newest Python); and of the contract what
# modules repeat of the same walk in process, see tests/contract/extent.py. `make contract VENV=.venv-newest` has all.
_NEWEST_UNIT = replace(_UNIT, venv=".venv-newest")
_NEWEST_CONTRACT = replace(_CONTRACT, venv=".venv-newest", settings={"APHEX_CONTRACT": "core"})
_NEWEST_SANITY = replace(_SANITY, venv=".venv-newest")
# What is quick to tell comes first, while the Go programs are built. Then the longest, which has one lane for most of
# the time. The others take turns in the other one, longer ones first, so that both lanes end at about the same time.
PARTS = (
    BUILD,
    Part("lint", "ruff, yamllint, ansible-lint, changelog, documentation"),
    Part("types", "mypy"),
    Part("integration", "questions that cross modules", counted=True, sandbox=True),
    _UNIT,
    Part("faults", "faults at every call", counted=True, sandbox=True, waits=True),
    Part("kills", "kills at every write", counted=True, sandbox=True),
    _CONTRACT,
    _MOLECULE,
    _NEWEST_CONTRACT,
    _SANITY,
    _NEWEST_SANITY,
    _NEWEST_UNIT,
)


@dataclass
class Count:
    """Tests by their end; an error around a test counts as failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Count) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    @property
    def all(self) -> int:
        return self.passed + self.failed + self.skipped


@dataclass
class Suite:
    """What has been run so far."""

    only: str = ""
    rows: list[tuple[str, float, str]] = field(default_factory=list)
    count: Count = field(default_factory=Count)
    failed: list[str] = field(default_factory=list)

    def start(self, part: Part) -> Running:
        """Start a part. The report of an earlier run is removed: it must not be counted for this one."""
        part.report.unlink(missing_ok=True)
        part.report.parent.mkdir(parents=True, exist_ok=True)
        return Running(part.step(self.only), part.log, part.environment())

    def perform(self, parts: Sequence[Part]) -> None:
        """Run parts side by side, each in its order as soon as there is a lane, and programs for those that want them.

        What an earlier part left without programs is not run.
        """
        waiting = list(parts)
        running: dict[str, tuple[Part, Running]] = {}
        with ExitStack() as stack:
            while waiting or running:
                building = BUILD in waiting or BUILD.name in running
                for part in [part for part in waiting if not (part.sandbox and building)][: LANES - len(running)]:
                    waiting.remove(part)
                    if part.sandbox and BUILD.name in self.failed:
                        self.leave_out(part)
                    else:
                        running[part.name] = (part, stack.enter_context(self.start(part)))
                for name, (part, step) in list(running.items()):
                    if (result := step.poll()) is not None:
                        self.record(part, result)
                        del running[name]
                time.sleep(POLL)

    def leave_out(self, part: Part) -> None:
        """Note that a part could not run."""
        part.report.unlink(missing_ok=True)
        self.rows.append((part.name, 0.0, "not run: no Go programs"))
        self.failed.append(part.name)

    def record(self, part: Part, result: Result) -> bool:
        """Note how a part ended, with its counts."""
        count = read_report(part.report) if part.counted else Count()
        nothing_matched = bool(self.only) and part.counted and part.report.is_file() and count.all == 0
        passed = result.passed or nothing_matched
        if not passed:
            self.failed.append(part.name)
            # A step that is no test, or broke before its tests, must show in the totals too.
            count.failed = max(count.failed, 1)
        self.count.add(count)
        self.rows.append((part.name, result.seconds, verdict(passed, part, count)))
        return passed


def main(arguments: list[str]) -> int:
    """Run everything, or the tests whose name matches the argument; the exit code is 1 when anything failed."""
    signal.signal(signal.SIGTERM, _interrupt)
    suite = Suite(only=" ".join(arguments))
    begin = time.monotonic()
    suite.perform([SETUP])
    if not suite.failed:
        if suite.only:
            _run_matching(suite)
        else:
            _run_everything(suite)
    _print_table(suite, time.monotonic() - begin)
    return 1 if suite.failed else 0


def _run_everything(suite: Suite) -> None:
    newest = (ROOT / ".venv-newest").is_dir()
    suite.perform([part for part in PARTS if newest or part.venv == ".venv"])
    if not newest:
        suite.rows.append(("newest core", 0.0, "the same as .venv: this machine has no Python above 3.11"))


def _run_matching(suite: Suite) -> None:
    scenarios = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}
    oldest = [part for part in PARTS if part.venv == ".venv"]
    suite.perform([part for part in oldest if part.counted or (part is _MOLECULE and suite.only in scenarios)])
    if suite.count.all == 0 and not suite.failed and suite.only not in scenarios:
        say(f"No test's name matches {suite.only!r}.")
        suite.failed.append("no match")


def read_report(report: Path) -> Count:
    """Count the tests of a junit file; a missing file counts nothing."""
    count = Count()
    if not report.is_file():
        return count
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        tests, failures, errors, skipped = (
            int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")
        )
        count.add(Count(tests - failures - errors - skipped, failures + errors, skipped))
    return count


def slowest(reports: Sequence[Path]) -> list[tuple[float, str]]:
    """Return the tests of these junit files that took longest, with their seconds."""
    found = [
        (float(case.get("time", "0")), f"{str(case.get('classname')).rpartition('.')[2]}::{case.get('name')}")
        for report in reports
        if report.is_file()
        for case in ElementTree.parse(report).getroot().iter("testcase")
    ]
    return sorted(found, reverse=True)[:_SLOWEST]


def verdict(passed: bool, part: Part, count: Count) -> str:
    """Return the last column of the table."""
    word = "passed" if passed else "FAILED"
    if not part.counted:
        return word
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    return f"{word}: {count.passed} passed, {count.failed} failed{skipped}"


def _print_table(suite: Suite, seconds: float) -> None:
    width = max(len(name) for name, _seconds, _word in suite.rows)
    say("")
    for took, test in slowest([part.report for part in PARTS if part.name in {name for name, *_rest in suite.rows}]):
        say(f"  {took:7.1f} s  {test}")
    say("")
    for name, took, word in [
        *suite.rows,
        ("all", seconds, "passed" if not suite.failed else "FAILED: " + ", ".join(suite.failed)),
    ]:
        say(f"{name:<{width}}  {took:7.1f} s  {word}")
    say(f"{suite.count.passed} passed, {suite.count.failed} failed")


def _interrupt(number: int, frame: types.FrameType | None) -> None:
    # As Ctrl-C does it: the steps that still run are ended on the way out.
    raise KeyboardInterrupt


if __name__ == "__main__":
    if shutil.which("make") is None:
        sys.exit("The suite runs targets of the Makefile: make is not on the PATH.")
    sys.exit(main(sys.argv[1:]))
