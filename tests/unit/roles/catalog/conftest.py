"""The bench of each test.

In: nothing. Out: a bench with a folder of its own. Never here: what a tool does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.roles.catalog.task import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
