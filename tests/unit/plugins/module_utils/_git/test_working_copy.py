"""The copy on this machine: made, locked, thrown away at any time, and never somebody else's folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._git.product import default_folder
from ansible_collections.aphex.platform.plugins.module_utils._git.working_copy import oid_of
from tests.sandbox.faults import Fault, Match
from tests.unit.plugins.module_utils._git.conftest import NAME, World


def test_bytes_have_the_id_that_git_gives_them() -> None:
    made = subprocess.run(["git", "hash-object", "--stdin"], input=b"a\0b\r\n", capture_output=True, check=True)
    assert oid_of(b"a\0b\r\n") == made.stdout.decode().strip()


def test_a_copy_may_go_at_any_time(world: World) -> None:
    world.write({"a": "1"})
    shutil.rmtree(world.folder / "copy")
    assert not world.write({"a": "1"})[0].plan.changed


def test_nothing_is_left_of_a_run_that_failed(world: World) -> None:
    world.server.faults.arm(Fault("500", match=Match(path="receive-pack"), times=None))
    with pytest.raises(Failure):
        world.write({"a": "1"})
    world.server.faults.clear()
    copy = world.folder / "copy"
    assert not [path.name for path in copy.iterdir() if "index" in path.name or "staging" in path.name]
    assert not list((copy / "refs" / "heads").iterdir())
    world.write({"b": "1"})
    assert world.files == {"part/b": "1"}


def test_what_an_interrupted_run_has_left_is_no_part_of_the_next(world: World) -> None:
    world.write({"a": "1"})
    staging = world.folder / "copy" / "aphex.staging"
    staging.mkdir()
    (staging / "0").write_text("left", encoding="utf-8")
    (world.folder / "copy" / "aphex.index.1").write_text("left", encoding="utf-8")
    world.write({"a": "2"})
    assert world.files == {"part/a": "2"}
    assert not staging.exists()


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "config.lock", "HEAD.lock", "packed-refs.lock"])
def test_a_lock_of_a_git_that_was_killed_holds_up_nobody(world: World, lock: str) -> None:
    world.write({"a": "1"})
    world.by_hand({"theirs": "1\n"})
    (world.folder / "copy" / lock).touch()
    (world.folder / "copy" / "aphex.index.1.lock").touch()
    world.write({"a": "2"})
    assert world.files == {"part/a": "2", "theirs": "1\n"}
    assert [path.name for path in (world.folder / "copy").rglob("*.lock")] == ["aphex.lock"]


def test_a_copy_that_was_half_made_is_made_whole(world: World) -> None:
    world.write({"a": "1"})
    copy = world.folder / "copy"
    shutil.rmtree(copy / "objects")
    (copy / "refs" / "heads" / "main").unlink()
    world.write({"a": "2"})
    assert world.files == {"part/a": "2"}


def test_a_folder_with_something_else_is_never_touched(world: World) -> None:
    (world.folder / "copy").mkdir()
    (world.folder / "copy" / "work").write_text("of a week", encoding="utf-8")
    with pytest.raises(Failure, match="the folder holds something else"):
        world.write({"a": "1"})
    assert os.listdir(world.folder / "copy") == ["work"]


def test_a_second_run_waits_and_then_says_so(world: World) -> None:
    world.write({"a": "1"})
    with (world.folder / "copy" / "aphex.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Failure, match="another run has it") as found:
            world.write({"a": "2"})
    assert found.value.kind is Kind.BUSY
    world.write({"a": "2"})


def test_the_copy_is_for_its_owner_alone(world: World) -> None:
    world.write({"a": "1"})
    assert (world.folder / "copy").stat().st_mode & 0o077 == 0


def test_hooks_and_settings_of_people_do_not_run(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = tmp_path / "hooks" / "pre-push"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n", encoding="utf-8")
    hook.chmod(0o700)
    config = tmp_path / "config"
    config.write_text(f"[core]\n\thooksPath = {hook.parent}\n\tautocrlf = true\n[commit]\n\tgpgSign = true\n", "utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    world.write({"a": "1\r\n2\n"})
    assert world.files == {"part/a": "1\r\n2\n"}
    assert not (tmp_path / "ran").exists()


def test_a_repository_without_that_branch_but_with_others_is_refused(world: World) -> None:
    world.by_hand({"a": "1"}, branch="trunk")
    with pytest.raises(Failure, match="no such branch; it has trunk") as found:
        world.write({"a": "1"})
    assert found.value.kind is Kind.MISSING


def test_a_repository_is_a_path_as_well(world: World) -> None:
    world.write({"a": "1"}, repository=str(world.server.path(NAME)))
    assert world.files == {"part/a": "1"}
    assert world.server.log.entries() == []


def test_each_repository_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    folders = {default_folder("https://a.example/x"), default_folder("https://a.example/y")}
    assert len(folders) == 2
    assert all(folder.startswith("/cache/aphex-platform/git/") for folder in folders)


@pytest.mark.parametrize("at", ["GET", "POST"])
def test_a_branch_that_somebody_puts_back_meanwhile_is_not_led_forward_again(world: World, at: str) -> None:
    world.write({"a": "1"})
    before = str(world.server.head(NAME))
    world.write({"a": "1", "unwanted": "1"})
    unwanted = world.server.head(NAME)
    world.server.meanwhile(lambda: world.server.rewrite(NAME, before), at=at)
    world.write({"a": "2"})
    assert unwanted not in world.server.commits(NAME)
    assert world.files == {"part/a": "2"}


def test_a_push_of_which_half_arrives_is_one_commit(world: World) -> None:
    world.server.cut()
    world.write({"a": os.urandom(200_000)})
    assert world.server.faults.struck()
    assert (world.commits, world.server.broken(NAME)) == (1, [])


def test_a_push_that_arrives_after_it_was_given_up_is_one_commit(world: World) -> None:
    world.write({"a": "1"})
    world.server.meanwhile(lambda: time.sleep(2))
    world.run(world.tree({"a": "2"}), timeout=1)
    world.server.wait()
    assert (world.commits, world.server.broken(NAME)) == (2, [])
    assert world.files == {"part/a": "2"}


@pytest.mark.parametrize(("status", "kind"), [(401, Kind.DENIED), (403, Kind.DENIED), (503, Kind.BROKEN)])
def test_a_push_that_the_server_does_not_take_is_one_sentence(world: World, status: int, kind: Kind) -> None:
    world.write({"a": "1"})
    world.server.refuse(status, times=9)
    with pytest.raises(Failure, match="Pushing to") as found:
        world.write({"a": "2"})
    assert found.value.kind is kind
    assert world.files == {"part/a": "1"}
