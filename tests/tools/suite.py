"""`make test`: every part in its order, on the oldest and on the newest ansible-core.

In: the Makefile's targets, or a name that tests must match. Out: progress, the logs of what failed, a table, and as the
last line the number of tests that passed and failed. Never here: a tool's command line; that is the Makefile's.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import types
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from .steps import CACHE, ROOT, Result, Running, Step, run, say

_OUTPUT = CACHE / "test"


@dataclass(frozen=True)
class Part:
    """One target of the Makefile in one environment; ``counted`` when pytest runs in it."""

    target: str
    doing: str
    venv: str = ".venv"
    counted: bool = False
    sandbox: bool = False
    limit: float = 1800.0

    @property
    def name(self) -> str:
        return self.target if self.venv == ".venv" else f"{self.target} (newest)"

    @property
    def report(self) -> Path:
        return _OUTPUT / "junit" / f"{self.target}{self.venv}.xml"

    @property
    def log(self) -> Path:
        return _OUTPUT / "logs" / f"{self.target}{self.venv}.log"

    def step(self, only: str) -> Step:
        words = ["make", self.target, f"VENV={self.venv}", f"PYTHON={sys.executable}"]
        words += [f"REPORT={self.report.relative_to(ROOT)}"] if self.counted else []
        words += [f"ONLY={only}"] if only else []
        return Step(self.name, self.doing, words, self.limit)


SETUP = Part("setup", "virtual environments")
BUILD = Part("build", "Go programs of the sandbox, beside the next steps", limit=3600)
# These need no sandbox: they run while the Go programs are built.
_UNIT = Part("unit", "tests of one file each", counted=True)
_SANITY = Part("sanity", "ansible-test sanity")
ALONE = (
    Part("lint", "ruff, yamllint, ansible-lint, changelog, documentation"),
    Part("types", "mypy"),
    _UNIT,
    _SANITY,
)
_CONTRACT = Part("contract", "nine stages for every module", counted=True, sandbox=True, limit=3600)
TOGETHER = (
    _CONTRACT,
    Part("endurance", "kills at every write, faults at every call", counted=True, sandbox=True, limit=3600),
    Part("integration", "questions that cross modules", counted=True, sandbox=True, limit=3600),
    Part("molecule", "one scenario for each role", sandbox=True),
)
# What a core or a Python can break: our code in its process, and its own tests. The rest would say the same again.
NEWEST = (
    replace(_UNIT, venv=".venv-newest"),
    replace(_CONTRACT, venv=".venv-newest"),
    replace(_SANITY, venv=".venv-newest"),
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

    def perform(self, part: Part) -> bool:
        """Run a part, unless an earlier step left it without what it needs."""
        if part.sandbox and BUILD.name in self.failed:
            self.rows.append((part.name, 0.0, "not run: no Go programs"))
            self.failed.append(part.name)
            return False
        prepare(part)
        return self.record(part, run(part.step(self.only), part.log, environment()))

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
    if suite.perform(SETUP):
        if suite.only:
            _run_matching(suite)
        else:
            _run_everything(suite)
    _print_table(suite, time.monotonic() - begin)
    return 1 if suite.failed else 0


def _run_everything(suite: Suite) -> None:
    with ExitStack() as stack:
        prepare(BUILD)
        build = stack.enter_context(Running(BUILD.step(""), BUILD.log, environment()))
        for part in ALONE:
            suite.perform(part)
        suite.record(BUILD, build.wait())
        for part in TOGETHER:
            suite.perform(part)
        if (ROOT / ".venv-newest").is_dir():
            for part in NEWEST:
                suite.perform(part)
        else:
            suite.rows.append(("newest core", 0.0, "the same as .venv: this machine has no Python above 3.11"))


def _run_matching(suite: Suite) -> None:
    counted = [part for part in (*ALONE, *TOGETHER) if part.counted]
    scenarios = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}
    parts = [*counted, *(part for part in TOGETHER if part.target == "molecule" and suite.only in scenarios)]
    for part in parts:
        suite.perform(part)
    if suite.count.all == 0 and not suite.failed and suite.only not in scenarios:
        say(f"No test's name matches {suite.only!r}.")
        suite.failed.append("no match")


def prepare(part: Part) -> None:
    """Remove the report of an earlier run: it must not be counted for this one."""
    part.report.unlink(missing_ok=True)
    part.report.parent.mkdir(parents=True, exist_ok=True)


def environment() -> dict[str, str]:
    """Return the environment of a step: that of the caller, without what an outer make has put there."""
    return {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ONLY")}


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
