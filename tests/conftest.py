"""What all tests share: the sandbox of this run, and that nobody speaks to GitHub other than GitHub describes.

In: nothing but the name in APHEX_SANDBOX, and the version in APHEX_SANDBOX_EMULATED_VERSION, both optional. Out: a
joined sandbox; parallel workers share one, and the last that leaves it stops it. Never here: product code.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.sandbox import Sandbox, join
from tests.sandbox.standins.control import Control
from tests.sandbox.standins.github import openapi
from tests.sandbox.state import User


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The sandbox with all its parts; started by whoever asks first."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"sandbox: {line}", file=sys.stderr, flush=True)

    joined = join(
        os.environ.get("APHEX_SANDBOX", "tests"),
        user=User.this_process("pytest"),
        emulated_version=os.environ.get("APHEX_SANDBOX_EMULATED_VERSION"),
        say=say,
    )
    yield joined
    report = Control(joined.env["APHEX_SANDBOX_GITHUB"]).do("report")
    joined.leave()
    assert report["mismatches"] == []


@pytest.fixture(autouse=True)
def as_github_describes() -> Iterator[None]:
    """Fail when a GitHub stand-in of this process was asked, or answered, what GitHub's description does not know."""
    yield
    assert [str(item) for item in openapi.taken()] == []


_REPORTS: list[dict[str, Any]] = []
"""What the workers have checked against GitHub's description."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand on what this process has checked, when it is a worker."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["github"] = openapi.PROCESS.report()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keep what a worker has checked; one that crashed has told nothing."""
    _REPORTS.append(getattr(node, "workeroutput", {}).get("github") or {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the talk with GitHub was checked, and which endpoints that were."""
    reports = [report for report in [*_REPORTS, openapi.PROCESS.report()] if report.get("requests")]
    if not reports:
        return
    endpoints: Counter[str] = Counter()
    for report in reports:
        endpoints.update(report["endpoints"])
    requests, answers = (sum(report[what] for report in reports) for what in ("requests", "answers"))
    share = sum(endpoints.values()) / requests
    terminalreporter.section("checked against GitHub's own description")
    terminalreporter.line(f"{requests} requests ({share:.1%} to described endpoints), {answers} answers")
    for name, count in sorted(endpoints.items()):
        terminalreporter.line(f"{count:6} {name}")
