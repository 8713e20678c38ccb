"""A file is there whole or not at all, for its owner alone, and its content never shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Generated, Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._files import client
from ansible_collections.aphex.platform.plugins.module_utils._files.product import PUBLIC, File, Files, Moved

FILES = Files.connect({}, Runtime(now=lambda: 0.0))


def apply(*desired: Any) -> list[str]:
    """Perform what is planned; the verbs."""
    steps = [step for item in desired for step in FILES.plan(item)]
    for step in steps:
        assert "CANARY" not in repr(step.change)
        FILES.perform(step)
    return [step.verb for step in steps]


def test_a_file_is_made_for_its_owner_alone_and_then_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    wanted = File(str(path), Sensitive("CANARY"))
    assert apply(wanted) == ["create"]
    assert path.read_text(encoding="utf-8") == "CANARY"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert apply(wanted) == []
    assert apply(File(str(path), Sensitive("CANARY 2"))) == ["update"]
    assert apply(File(str(path), Sensitive("CANARY 2"), PUBLIC)) == ["update"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_is_made_once_is_never_made_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    wanted = File(str(path), Generated(), create=True)
    assert apply(wanted) == ["create"]
    made = path.read_text(encoding="utf-8")
    path.chmod(0o644)
    assert apply(wanted) == ["update"]
    assert path.read_text(encoding="utf-8") == made
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_another_run_has_made_in_between_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    (step,) = FILES.plan(File(str(path), Generated(), create=True))
    path.write_text("theirs", encoding="utf-8")
    FILES.perform(step)
    assert path.read_text(encoding="utf-8") == "theirs"


def test_what_is_not_known_yet_waits(tmp_path: Path) -> None:
    (step,) = FILES.plan(File(str(tmp_path / "ca.crt"), UNKNOWN))
    assert not step.ready


def test_files_are_moved_and_removed_once(tmp_path: Path) -> None:
    path, target = tmp_path / "key", tmp_path / "key.old"
    path.write_text("key", encoding="utf-8")
    moved = Moved(str(path), str(target))
    assert apply(moved) == ["move"]
    assert apply(moved) == []
    gone = File(str(target), present=False)
    assert apply(gone) == ["delete"]
    assert apply(gone) == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_has_left_half_goes_with_the_next_write(tmp_path: Path) -> None:
    (tmp_path / ".key.0123abcd.tmp").write_text("half", encoding="utf-8")
    assert apply(File(str(tmp_path / "key"), Sensitive("whole"))) == ["create"]
    assert [item.name for item in tmp_path.iterdir()] == ["key"]


def test_a_write_that_fails_leaves_the_former_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    path.write_text("former", encoding="utf-8")

    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Failure) as caught:
        client.write(str(path), Sensitive("CANARY"), 0o600)
    assert caught.value.kind is Kind.BROKEN
    assert "No space left" in caught.value.sentence()
    assert "CANARY" not in caught.value.sentence()
    assert [(item.name, item.read_text(encoding="utf-8")) for item in tmp_path.iterdir()] == [("key", "former")]
