"""Does everything that Argo CD never prunes also stay out of the comparison, once it has left the tree?

Without that its part would be out of sync for ever, and the waves after it would wait for that (P7).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._tenancy import names
from tests.tools.steps import ROOT

KEPT, LEFT_OUT = names.SYNC_OPTIONS, f'{names.COMPARE_OPTIONS}: "IgnoreExtraneous"'
FILES = [
    path
    for folder in ("files", "templates")
    for path in sorted((ROOT / "roles").glob(f"*/{folder}/**/*"))
    if path.is_file() and "Prune=false" in path.read_text(encoding="utf-8", errors="ignore")
]


def kept(text: str) -> list[list[str]]:
    """The lines around each object that is not pruned: those of its annotations."""
    lines = [line.strip() for line in text.splitlines()]
    return [lines[at - 3 : at + 4] for at, line in enumerate(lines) if line.startswith(KEPT) and "Prune=false" in line]


def test_there_are_some() -> None:
    assert len(FILES) > 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_P7_what_is_not_pruned_is_not_compared_either(path: Path) -> None:
    for around in kept(path.read_text(encoding="utf-8")):
        assert LEFT_OUT in around


def test_P7_tenants_in_the_tree_of_others_likewise() -> None:
    assert names.KEPT_BY_ARGO_CD == {KEPT: "Prune=false,Delete=false", names.COMPARE_OPTIONS: "IgnoreExtraneous"}
