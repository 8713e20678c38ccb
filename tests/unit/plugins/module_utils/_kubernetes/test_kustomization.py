"""A kustomization is built by the command that was named, in a folder of its own, and of nothing outside of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.kustomization import build

FILES = {"kustomization.yaml": "resources: [a.yaml, upstream/b.yaml]\n", "a.yaml": "kind: A\n"}


def _build(wanted: dict[str, Any], code: int = 0, error: str = "") -> list[Any]:
    """Build by a command that puts all files of the folder one after the other."""

    def run(argv: Sequence[str], **unused: Any) -> tuple[int, str, str]:
        folder = Path(argv[-1])
        texts = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.yaml"))]
        return code, "---\n".join(texts), error.format(folder=folder)

    command = {"files": FILES, "sources": {}, "command": [sys.executable]}
    return build({**command, **wanted}, Runtime(now=lambda: 0.0, run=run))


def test_files_and_sources_stand_in_one_folder(tmp_path: Path) -> None:
    source = tmp_path / "release.yaml"
    source.write_text("kind: B\n", encoding="utf-8")
    found = _build({"sources": {"upstream/b.yaml": str(source)}})
    assert {"kind": "A"} in found
    assert {"kind": "B"} in found


@pytest.mark.parametrize(
    ("wanted", "kind", "words"),
    [
        ({"files": {"a.yaml": "kind: A"}}, Kind.INVALID, "no kustomization.yaml"),
        ({"files": {**FILES, "../outside.yaml": ""}}, Kind.INVALID, "leaves the folder"),
        ({"sources": {"b.yaml": "/nowhere/b.yaml"}}, Kind.INVALID, "no such file"),
        ({"command": ["aphex-no-such-program"]}, Kind.MISSING, "Install kubectl"),
    ],
)
def test_what_cannot_be_built_is_told_before_anything_runs(wanted: dict[str, Any], kind: Kind, words: str) -> None:
    with pytest.raises(Failure) as raised:
        _build(wanted)
    assert raised.value.kind is kind
    assert words in raised.value.sentence()


def test_what_kustomize_says_is_passed_on_without_the_folder() -> None:
    with pytest.raises(Failure) as raised:
        _build({}, code=1, error="Error: no matches for Id in {folder}/a.yaml\n")
    assert "no matches for Id in ./a.yaml" in raised.value.sentence()
