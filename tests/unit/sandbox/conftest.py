"""What the tests of the GitHub stand-in share: the stand-in, and somebody who asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.standins.github import GitHub
from tests.unit.sandbox.github_client import Client, a_client


@pytest.fixture
def call() -> Iterator[Client]:
    with a_client() as client:
        yield client


@pytest.fixture
def github(call: Client) -> GitHub:
    return call.github
