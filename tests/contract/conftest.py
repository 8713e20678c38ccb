"""What the contract tests share: the installed platform, and the two sides on which every case runs.

In: the sandbox of this run. Out: fixtures. Never here: a test's own set-up.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.contract import platform
from tests.contract.harness import Say
from tests.contract.runner import IN_PROCESS
from tests.contract.world import Side, World, sides, worlds
from tests.sandbox.sandbox import Sandbox


@pytest.fixture(scope="session")
def installed(sandbox: Sandbox) -> Sandbox:
    """The sandbox, with the platform installed in it."""
    platform.install(sandbox)
    return sandbox


@pytest.fixture(scope="session")
def both_sides(installed: Sandbox) -> Iterator[dict[str, Side]]:
    """Both paths, each with request logs and a Cloudflare account of its own."""
    with sides(installed) as made:
        yield made


@pytest.fixture
def both(both_sides: dict[str, Side]) -> dict[str, World]:
    """A fresh world on each side."""
    return worlds(both_sides)


@pytest.fixture
def inside(both: dict[str, World]) -> World:
    """A fresh world on the side where tasks run in process."""
    return both[IN_PROCESS]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Print past pytest: figures that people read while a long test goes on."""

    def aloud(line: str) -> None:
        with capsys.disabled():
            print(line, file=sys.stderr, flush=True)

    return aloud
