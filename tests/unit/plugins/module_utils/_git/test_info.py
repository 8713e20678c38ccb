"""What is known of a tree: its record, edits, contents and commits."""

from __future__ import annotations

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from tests.unit.plugins.module_utils._git.conftest import NAME, World


def test_an_empty_repository_has_no_tree(world: World) -> None:
    assert world.read() is None


def test_record_edits_and_contents(world: World) -> None:
    world.write({"a": "1\n", "b": "2\n", "c": b"\xff\0"})
    world.by_hand({"part/a": "theirs\n", "part/b": None, "part/foreign": "x\n"})
    found = world.read(files=("c", "a", "b", "foreign"))
    assert list(found["record"]) == ["a", "b", "c"]
    assert found["edited"] == ["a", "b"]
    assert [(item["path"], item["present"], item["content"]) for item in found["files"]] == [
        ("c", True, None),
        ("a", True, "theirs\n"),
        ("b", False, None),
        ("foreign", True, "x\n"),
    ]
    assert found["files"][0]["sha256"] == found["record"]["c"]
    assert found["commit"] == world.server.head(NAME)
    assert world.pushes == 1


def test_the_log_has_our_commits_alone(world: World) -> None:
    world.write({"a": "1"}, message="First")
    world.by_hand({"theirs": "1"}, message="Theirs")
    world.write({"a": "2"}, message="Second\n\nWith a reason.")
    found = world.read(log=9)["log"]
    assert [item["message"] for item in found] == ["Second", "First"]
    assert found[0]["commit"] == world.server.head(NAME)
    assert found[1]["parent"] is None
    assert found[0]["author_name"] == "aphex.platform"
    assert found[0]["date"] == "2023-11-14T22:13:20+00:00"
    assert len(world.read(log=1)["log"]) == 1
    assert world.read(path="elsewhere", log=9)["log"] == []


@pytest.mark.parametrize("given", [{"files": ("../a",)}, {"log": -1}, {"log": 5000}, {"branch": "a b"}, {"path": ".."}])
def test_what_cannot_be_asked(world: World, given: dict[str, object]) -> None:
    with pytest.raises(Failure):
        world.read(**given)
    assert world.server.log.entries() == []
