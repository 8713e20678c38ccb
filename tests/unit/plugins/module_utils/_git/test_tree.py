"""Trees on a real Git server: one commit for what differs, none for nothing, and nobody's work is lost."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._git.compare import Rules
from ansible_collections.aphex.platform.plugins.module_utils._git.tree import (
    DIVERGED,
    LARGEST_SHOWN,
    GitTree,
    read_files,
    readable,
)
from ansible_collections.aphex.platform.plugins.module_utils._git.working_copy import Author
from tests.sandbox.faults import KINDS, Fault, Match
from tests.sandbox.git_server import READ
from tests.unit.plugins.module_utils._git.conftest import NAME, World

PUSH = Match(method="POST", path="git-receive-pack")


def test_a_tree_is_one_commit_and_the_same_again_is_none(world: World) -> None:
    outcome, tree = world.write({"b/c.yaml": "c: 1\n", "a.yaml": "a: 1\n"}, message="Begin")
    assert outcome.plan.changed
    assert world.files == {"part/a.yaml": "a: 1\n", "part/b/c.yaml": "c: 1\n"}
    assert tree == {
        "repository": world.url,
        "branch": "main",
        "path": "part",
        "commit": world.server.head(NAME),
        "parent": None,
        "files_changed": ["a.yaml", "b/c.yaml"],
        "paths": ["a.yaml", "b/c.yaml"],
        "edited": [],
    }
    outcome, again = world.write({"a.yaml": "a: 1\n", "b/c.yaml": "c: 1\n"})
    assert not outcome.plan.steps
    assert again == {**tree, "files_changed": []}
    assert (world.commits, world.pushes) == (1, 1)


def test_an_unchanged_tree_costs_two_requests(world: World) -> None:
    world.write({"a": "1"})
    world.server.log.clear()
    world.write({"a": "1"})
    assert [entry.method for entry in world.server.log.entries()] == ["GET", "POST"]


def test_check_mode_predicts_and_writes_nothing(world: World) -> None:
    outcome, tree = world.run(world.tree({"a": "1"}), check=True)
    assert outcome.plan.changed
    assert tree["commit"] == "(known after apply)"
    assert (world.commits, world.pushes) == (0, 0)


def test_the_diff_shows_each_file_for_itself(world: World) -> None:
    world.write({"a": "1\n", "gone": "x\n", "same": "y\n"})
    large = "z" * (LARGEST_SHOWN + 1)
    outcome, _tree = world.write(
        {"a": "2\n", "same": "y\n", "large": large, "binary": b"\0\1"}, rules=Rules(prune=True)
    )
    found = {item["after_header"]: (item["before"], item["after"]) for item in outcome.plan.diff[1:]}
    assert found == {
        "part/a": ("1\n", "2\n"),
        "part/gone": ("x\n", ""),
        "part/large": ("", f"sha256 {hashlib.sha256(large.encode()).hexdigest()}, {len(large)} bytes\n"),
        "part/binary": ("", readable(b"\0\1")),
    }
    assert "sha256" in found["part/binary"][1]


def test_bytes_are_kept_whatever_they_are(world: World, tmp_path: Path) -> None:
    raw = bytes(range(256)) + b"\r\n\xff"
    world.by_hand({".gitattributes": "* text eol=crlf\n"})
    (tmp_path / "raw").write_bytes(raw)
    world.write(read_files([{"path": "raw", "src": str(tmp_path / "raw")}, {"path": "ä b", "content": "ü"}]))
    made = subprocess.run(
        ["git", "--git-dir", str(world.server.path(NAME)), "cat-file", "blob", "main:part/raw"],
        capture_output=True,
        check=True,
    )
    assert made.stdout == raw
    assert world.files["part/ä b"] == "ü\n"
    assert not world.write({"raw": raw, "ä b": "ü\n"})[0].plan.changed


def test_the_same_files_are_the_same_commit(world: World, tmp_path: Path) -> None:
    world.write({"a": "1", "b": "2"})
    other = World(world.server, tmp_path / "elsewhere")
    world.server.make("other")
    other.run(other.tree({"b": "2", "a": "1"}, repository=world.server.url_of("other")))
    assert world.server.head("other") == world.server.head(NAME)


def test_other_folders_and_files_are_not_touched(world: World) -> None:
    world.by_hand({"README.md": "theirs\n", "party/a": "theirs\n", "part/theirs": "theirs\n"})
    world.write({"a": "1"}, rules=Rules(prune=True))
    world.write({"b": "1"}, rules=Rules(prune=True))
    world.run(world.tree({}, present=False, rules=Rules(prune=True)))
    assert world.server.files(NAME) == {"README.md": "theirs\n", "party/a": "theirs\n", "part/theirs": "theirs\n"}


def test_absent_takes_what_is_ours_and_the_record(world: World) -> None:
    gone = world.tree({}, present=False, rules=Rules(prune=True))
    assert world.run(gone)[0].plan.steps == ()
    world.write({"a": "1", "deep/b": "2"})
    outcome, tree = world.run(gone)
    assert outcome.plan.changed
    assert tree is None
    assert world.server.files(NAME) == {}
    assert not world.run(gone)[0].plan.changed


def test_absent_leaves_what_people_have_edited_when_told_to(world: World) -> None:
    world.write({"a": "1", "b": "2"})
    world.by_hand({"part/a": "theirs\n"})
    with pytest.raises(Failure, match="people have edited a since"):
        world.run(world.tree({}, present=False, rules=Rules(prune=True)))
    gone = world.tree({}, present=False, rules=Rules("keep", prune=True))
    world.run(gone)
    assert world.server.files(NAME) == {"part/a": "theirs\n"}
    assert not world.run(gone)[0].plan.changed


def test_an_edit_of_people_is_no_drift_until_we_want_something_else(world: World) -> None:
    world.write({"a": "1"})
    world.by_hand({"part/a": "theirs\n"})
    outcome, tree = world.write({"a": "1"})
    assert not outcome.plan.changed
    assert tree["edited"] == ["a"]
    with pytest.raises(Failure, match="people have edited a since"):
        world.write({"a": "2"})
    assert world.write({"a": "2"}, rules=Rules("keep"))[1]["edited"] == ["a"]
    assert world.files == {"part/a": "theirs\n"}
    world.write({"a": "2"}, rules=Rules("overwrite"))
    assert world.files == {"part/a": "2"}


def test_the_whole_repository_may_be_the_tree(world: World) -> None:
    world.write({"a": "1"}, path="")
    assert set(world.server.files(NAME)) == {"a", ".aphex/tree.yaml"}
    assert not world.write({"a": "1"}, path="")[0].plan.changed


def test_adopting_what_stands_there_writes_only_the_record(world: World) -> None:
    world.by_hand({"part/a": "1\n"})
    with pytest.raises(Failure, match="adopt"):
        world.write({"a": "1\n"})
    outcome, tree = world.write({"a": "1\n"}, rules=Rules(adopt=True))
    assert [item["after_header"] for item in outcome.plan.diff[1:]] == ["part/.aphex/tree.yaml"]
    assert tree["files_changed"] == []
    assert not world.write({"a": "1\n"})[0].plan.changed


def test_a_folder_that_is_a_file_is_refused(world: World) -> None:
    world.by_hand({"part": "a file\n"})
    with pytest.raises(Failure, match="part is no folder there"):
        world.write({"a": "1"})
    with pytest.raises(Failure, match="part is no folder there"):
        world.write({"a": "1"}, path="part/deeper")


def test_a_link_out_of_the_tree_is_never_followed(world: World, tmp_path: Path) -> None:
    world.by_hand({"part/a": str(tmp_path / "target")}, mode="120000")
    with pytest.raises(Failure, match="adopt"):
        world.write({"a": "1"})
    world.write({"a": "1"}, rules=Rules(adopt=True))
    assert world.files == {"part/a": "1"}
    assert not (tmp_path / "target").exists()


# back -----------------------------------------------------------------------------------------------------------------


def _back(world: World, commit: str, **rules: Any) -> Any:
    return world.run(world.tree({}, revert_to=commit, rules=Rules(prune=True, **rules)))


def test_going_back_is_a_new_commit_and_again_none(world: World) -> None:
    world.write({"a": "1", "gone": "x"})
    first = world.server.head(NAME)
    _outcome, second = world.write({"a": "2", "new": "y"}, rules=Rules(prune=True))
    assert second["parent"] == first
    outcome, tree = _back(world, second["parent"])
    assert outcome.plan.changed
    assert world.files == {"part/a": "1", "part/gone": "x"}
    assert (tree["parent"], world.commits) == (second["commit"], 3)
    assert not _back(world, second["parent"])[0].plan.changed
    _back(world, second["commit"][:10])
    assert world.files == {"part/a": "2", "part/new": "y"}


def test_going_back_keeps_what_others_have_pushed_since(world: World) -> None:
    first = world.write({"a": "1"})[1]["commit"]
    world.write({"a": "2", "b": "2"})
    world.by_hand({"theirs": "theirs\n"})
    _back(world, first)
    assert world.files == {"part/a": "1", "theirs": "theirs\n"}
    world.by_hand({"part/a": "edited\n"})
    with pytest.raises(Failure, match="people have edited a since"):
        world.write({"a": "3"})


def test_going_back_before_the_first_commit_of_ours_takes_everything_of_ours(world: World) -> None:
    before = world.by_hand({"theirs": "theirs\n"})
    world.write({"a": "1"})
    outcome, tree = _back(world, before)
    assert outcome.plan.changed
    assert tree["paths"] == []
    assert world.files == {"theirs": "theirs\n"}
    assert not _back(world, before)[0].plan.changed


def test_going_back_to_a_commit_of_another_branch_is_refused(world: World) -> None:
    world.write({"a": "1"})
    other = world.by_hand({"x": "y"}, branch="other")
    for commit in (other, "0123456789"):
        with pytest.raises(Failure, match="no such commit is in the history"):
            _back(world, commit)


# others ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["GET", "POST"])
def test_what_somebody_pushes_meanwhile_is_kept(world: World, at: str) -> None:
    world.write({"a": "1"})
    world.server.meanwhile(lambda: world.by_hand({"theirs": "theirs\n"}), at=at)
    outcome, tree = world.write({"a": "2"})
    assert outcome.plan.changed
    assert world.files == {"part/a": "2", "theirs": "theirs\n"}
    assert (tree["commit"], world.commits) == (world.server.head(NAME), 3)


def test_the_first_commit_of_somebody_else_is_kept_as_well(world: World) -> None:
    world.server.meanwhile(lambda: world.by_hand({"theirs": "theirs\n"}), at="POST")
    world.write({"a": "1"})
    assert world.files == {"part/a": "1", "theirs": "theirs\n"}
    assert world.commits == 2


def test_an_edit_that_comes_meanwhile_is_refused_and_not_overwritten(world: World) -> None:
    world.write({"a": "1"})
    world.server.meanwhile(lambda: world.by_hand({"part/a": "theirs\n"}), at="POST")
    with pytest.raises(Failure, match="people have edited a since"):
        world.write({"a": "2"})
    assert world.files == {"part/a": "theirs\n"}


def test_the_same_change_by_somebody_else_meanwhile_needs_no_second_one(world: World, tmp_path: Path) -> None:
    other = World(world.server, tmp_path / "other")
    world.write({"a": "1"})
    world.server.meanwhile(lambda: other.write({"a": "2"}, message="Faster"), at="GET")
    world.write({"a": "2"})
    assert world.files == {"part/a": "2"}
    assert world.commits == 2


def test_a_branch_that_never_rests_ends_in_a_sentence(world: World) -> None:
    world.write({"a": "1"})
    turns = iter(range(100))
    world.server.meanwhile(lambda: world.by_hand({"theirs": f"{next(turns)}\n"}), at="POST", times=100)
    with pytest.raises(Failure, match=f"{DIVERGED} times in a row") as found:
        world.write({"a": "2"})
    assert found.value.kind is Kind.CONFLICT
    assert world.files["part/a"] == "1"


def test_a_forced_push_by_somebody_else_is_followed(world: World) -> None:
    world.write({"a": "1"})
    world.by_hand({"theirs": "1\n"})
    world.write({"a": "2"})
    git = ["git", "--git-dir", str(world.server.path(NAME))]
    subprocess.run([*git, "update-ref", "refs/heads/main", "main~2"], check=True)
    outcome, _tree = world.write({"a": "2"})
    assert outcome.plan.changed
    assert world.commits == 2


# faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_push_that_goes_wrong_once_is_one_commit(world: World, kind: str) -> None:
    world.write({"a": "1"})
    world.server.faults.arm(Fault(kind, match=PUSH))
    _outcome, tree = world.run(world.tree({"a": "2"}), timeout=1)
    assert world.server.faults.struck()
    assert (tree["commit"], world.commits) == (world.server.head(NAME), 2)


@pytest.mark.parametrize("kind", ["500", "reset"])
def test_a_push_that_always_goes_wrong_ends_in_a_sentence(world: World, kind: str) -> None:
    world.write({"a": "1"})
    world.server.faults.arm(Fault(kind, match=Match(path="receive-pack"), times=None))
    with pytest.raises(Failure, match="Pushing to") as found:
        world.write({"a": "2"})
    assert found.value.remedy
    world.server.faults.clear()
    assert world.write({"a": "2"})[0].plan.changed
    assert world.commits == 2


def test_a_push_whose_answer_is_lost_for_good_is_found_again(world: World) -> None:
    world.write({"a": "1"})
    world.server.faults.arm(Fault("lost", match=PUSH))
    world.server.faults.arm(Fault("500", match=Match(path="upload-pack"), nth=2, times=None))
    with pytest.raises(Failure, match="See whether the server is up"):
        world.write({"a": "2"})
    world.server.faults.clear()
    assert not world.write({"a": "2"})[0].plan.changed
    assert world.commits == 2


def test_a_server_that_is_down_is_one_sentence(world: World) -> None:
    tree = world.tree({"a": "1"})
    world.server.stop()
    with pytest.raises(Failure, match="See whether the server is up") as found:
        world.run(tree)
    assert "\n" not in found.value.sentence()


def test_a_server_that_does_not_answer_is_left_after_the_time_out(world: World) -> None:
    world.server.faults.arm(Fault("timeout", times=None, hold=3))
    with pytest.raises(Failure, match="no answer within 1 s") as found:
        world.run(world.tree({"a": "1"}), timeout=1)
    assert found.value.kind is Kind.TIMEOUT


def test_a_hook_that_declines_is_told_in_its_own_words(world: World) -> None:
    hook = world.server.path(NAME) / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'only merge requests here' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o700)
    with pytest.raises(Failure, match="only merge requests here") as found:
        world.write({"a": "1"})
    assert found.value.kind is Kind.REFUSED


def test_P33_a_token_that_may_only_read_reads_and_predicts_and_never_writes(world: World) -> None:
    world.write({"a": "1"})
    world.server.token = world.server.add_token(READ)
    assert world.read()["record"]
    assert world.write({"a": "1"})[0].plan.steps == ()
    assert world.run(world.tree({"a": "2"}), check=True)[0].plan.changed
    with pytest.raises(Failure, match="git_token") as found:
        world.write({"a": "2"})
    assert found.value.kind is Kind.DENIED
    assert (world.commits, world.pushes) == (1, 1)


def _key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path


def test_P33_commits_are_signed_and_others_are_told_from_them(world: World, tmp_path: Path) -> None:
    ours, theirs = _key(tmp_path, "ours"), _key(tmp_path, "theirs")
    signers = tmp_path / "signers"
    signers.write_text(f"platform@example.org {ours.with_suffix('.pub').read_text(encoding='utf-8')}", encoding="utf-8")
    for text, key in (("1", str(ours)), ("2", None), ("3", str(theirs))):
        world.write({"a": text}, author=Author("Platform", "platform@example.org", key))
    found = world.read(log=9, signers_file=str(signers))["log"]
    assert [item["signature"] for item in found] == ["unknown", "none", "good"]
    assert [item["signature"] for item in world.read(log=9)["log"]] == [None] * 3
    assert not world.write({"a": "3"}, author=Author("Platform", "platform@example.org", str(ours)))[0].plan.changed


def test_P33_a_commit_that_cannot_be_signed_is_not_pushed(world: World, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="signing_key"):
        world.write({"a": "1"}, author=Author("Platform", "platform@example.org", str(tmp_path / "nothing")))
    assert world.pushes == 0


# input ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "./a",
        ".git/config",
        "a/.GIT/b",
        ".aphex/tree.yaml",
        "a\\b",
        "a\nb",
        "a\0",
    ],
)
def test_a_path_that_leaves_the_tree_is_refused(path: str) -> None:
    with pytest.raises(Failure) as found:
        GitTree("/srv/tree.git", "main", "", {path: b""})
    assert found.value.kind is Kind.INVALID


@pytest.mark.parametrize("branch", ["", "-a", "a b", "a..b", "a.lock", "a/", "a~1", "@{-1}", "refs:heads", "a\n"])
def test_a_branch_that_is_none_is_refused(branch: str) -> None:
    with pytest.raises(Failure) as found:
        GitTree("/srv/tree.git", branch, "")
    assert found.value.kind is Kind.INVALID


@pytest.mark.parametrize(
    "given",
    [
        {"message": " "},
        {"message": "a\0b"},
        {"author": Author("", "a@b")},
        {"author": Author("A <b>", "a@b")},
        {"author": Author("A", "a\nb")},
        {"revert_to": "main"},
        {"files": {"a": b"", "a/b": b""}},
    ],
)
def test_what_git_cannot_write_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Failure) as found:
        GitTree("/srv/tree.git", "main", "", **given)
    assert found.value.kind is Kind.INVALID


def test_files_are_read_as_declared(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"no line end")
    digest = hashlib.sha256(b"text\n").hexdigest()
    items: list[dict[str, Any]] = [
        {"path": "a", "content": "text", "sha256": digest.upper()},
        {"path": "b", "content": ""},
        {"path": "c", "src": str(tmp_path / "raw")},
        {"path": "d"},
    ]
    assert read_files(items) == {"a": b"text\n", "b": b"", "c": b"no line end", "d": b""}


@pytest.mark.parametrize(
    ("items", "word"),
    [
        ([{"path": "a"}, {"path": "a"}], "twice"),
        ([{"path": "a", "content": {"a": "b"}}], "no text"),
        ([{"path": "a", "src": "relative"}], "absolute"),
        ([{"path": "a", "src": "/nowhere/a"}], "No such file"),
        ([{"path": "a", "content": "b", "sha256": "0" * 64}], "sha256"),
    ],
)
def test_files_that_cannot_be(items: list[dict[str, Any]], word: str) -> None:
    with pytest.raises(Failure, match=word):
        read_files(items)


def test_writers_of_single_files_share_a_folder_and_its_record(world: World) -> None:
    world.write({"one": "1\n"})
    _outcome, tree = world.write({"two": "2\n"})
    assert world.files == {"part/one": "1\n", "part/two": "2\n"}
    assert tree["paths"] == ["one", "two"]
    outcome, tree = world.write({}, drop=("one",))
    assert world.files == {"part/two": "2\n"}
    assert (tree["files_changed"], tree["paths"]) == (["one"], ["two"])
    assert {item["after_header"]: item["after"] for item in outcome.plan.diff}["part/one"] == ""
    assert not world.write({}, drop=("one",))[0].plan.steps


def test_the_last_file_that_goes_leaves_the_folder_with_its_record(world: World) -> None:
    world.write({"one": "1\n"})
    world.write({}, drop=("one",))
    assert list(world.server.files(NAME)) == ["part/.aphex/tree.yaml"]


def test_writers_of_single_files_at_once_both_arrive(world: World) -> None:
    world.write({"one": "1\n"})
    other = World(world.server, world.folder / "elsewhere")
    world.server.meanwhile(lambda: other.write({"two": "2\n"}), at="GET")
    _outcome, tree = world.write({"three": "3\n"}, drop=("one",))
    assert world.files == {"part/two": "2\n", "part/three": "3\n"}
    assert tree["paths"] == ["three", "two"]


def test_a_path_to_drop_that_leaves_the_folder_is_refused(world: World) -> None:
    with pytest.raises(Failure, match="no path inside the tree"):
        world.tree({}, drop=("../a",))


OLD = {"a/x": "1\n", "b/x": "1\n", "b/gone": "1\n", "c": "1\n"}
NEW = {"a/x": "2\n", "b/x": "2\n", "b/new": "2\n", "c": "1\n"}


def _only(*paths: str) -> Rules:
    return Rules(prune=True, only=paths)


def test_a_tree_comes_piece_by_piece_and_is_the_same_in_the_end(world: World) -> None:
    world.write(OLD)
    outcome, first = world.write(NEW, rules=_only("a"))
    assert [item["after_header"] for item in outcome.plan.diff[1:]] == ["part/a/x"]
    assert first["files_changed"] == ["a/x"]
    assert first["paths"] == sorted(OLD)
    assert world.files == {f"part/{path}": text for path, text in {**OLD, "a/x": "2\n"}.items()}
    outcome, _same = world.write(NEW, rules=_only("a"))
    assert not outcome.plan.steps
    _outcome, rest = world.write(NEW, rules=Rules(prune=True))
    assert rest["files_changed"] == ["b/gone", "b/new", "b/x"]
    assert world.files == {f"part/{path}": text for path, text in NEW.items()}
    outcome, _same = world.write(NEW, rules=Rules(prune=True))
    assert not outcome.plan.steps


def test_only_of_nothing_writes_nothing(world: World) -> None:
    world.write(OLD)
    outcome, tree = world.write(NEW, rules=_only())
    assert not outcome.plan.steps
    assert (tree["files_changed"], tree["paths"]) == ([], sorted(OLD))


def test_the_first_commit_of_a_repository_may_be_a_piece_too(world: World) -> None:
    _outcome, tree = world.write(NEW, rules=_only("a", "c"))
    assert (tree["files_changed"], tree["paths"]) == (["a/x", "c"], ["a/x", "c"])


def test_a_tree_goes_back_piece_by_piece(world: World) -> None:
    _outcome, old = world.write(OLD)
    world.write(NEW, rules=Rules(prune=True))
    _outcome, tree = world.write({}, revert_to=old["commit"], rules=_only("b"))
    assert tree["files_changed"] == ["b/gone", "b/new", "b/x"]
    assert world.files["part/a/x"] == "2\n"
    world.write({}, revert_to=old["commit"], rules=Rules(prune=True))
    assert world.files == {f"part/{path}": text for path, text in OLD.items()}


def test_an_edit_outside_is_seen_by_the_piece_that_it_is_in(world: World) -> None:
    world.write(OLD)
    world.by_hand({"part/b/x": "theirs\n"})
    _outcome, tree = world.write(NEW, rules=_only("a"))
    assert tree["edited"] == []
    with pytest.raises(Failure, match="people have edited b/x "):
        world.write(NEW, rules=_only("b"))


def test_only_is_for_a_tree_that_is_there(world: World) -> None:
    with pytest.raises(Failure, match="absent"):
        world.tree({}, present=False, rules=_only("a"))
    with pytest.raises(Failure, match="inside the tree"):
        world.tree(OLD, rules=_only("../a"))
