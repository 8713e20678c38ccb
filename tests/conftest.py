"""What all tests share: the sandbox of this run.

In: nothing but the name in APHEX_SANDBOX, and the version in APHEX_SANDBOX_EMULATED_VERSION, both optional. Out: a
joined sandbox; parallel workers share one, and the last that leaves it stops it. Never here: product code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tests.sandbox.sandbox import Sandbox, join
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
    joined.leave()
