"""What differs in a tree becomes commits in the order of the waves, up on the way forward and down on the way back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.aphex.platform.plugins.filter.tree_waves import FilterModule, tree_waves

WAVES = [
    {"part": "last", "wave": 20},
    {"part": "first", "wave": 0, "keep": True},
    {"part": "kinds", "wave": 5, "keep": True},
    {"part": "web_shop", "wave": 5},
    {"part": "login", "wave": 10},
]
FILES = {
    "first": ["applications/00-first.yaml", "parts/first/a.yaml"],
    "kinds": ["applications/05-kinds.yaml", "parts/kinds/a.yaml"],
    "web_shop": ["applications/05-web-shop.yaml", "parts/web_shop/a.yaml"],
    "login": ["applications/10-login.yaml", "parts/login/upstream/a.yaml"],
    "last": ["applications/20-last.yaml", "parts/last/a.yaml"],
}
LOCK = "versions.lock.yaml"


def paths(*parts: str) -> list[str]:
    return [path for part in parts for path in FILES[part]]


def steps(changed: list[str], stay: list[str], were: list[str] | None = None, **more: Any) -> list[dict[str, Any]]:
    """The commits, for what changes, the parts that are in the tree afterwards, and those that were before."""
    before = stay if were is None else were
    tree = {"files_changed": changed, "paths": [LOCK, "README.md", *paths(*stay)]}
    return tree_waves(tree, WAVES, [LOCK, *paths(*before)], [LOCK], **more)


def order(found: list[dict[str, Any]]) -> list[list[str]]:
    return [row["parts"] for row in found]


ALL = list(FILES)


def test_nothing_that_differs_is_no_commit() -> None:
    assert steps([], ALL) == []


def test_one_wave_is_one_commit_with_all_that_is_left() -> None:
    [only] = steps(["parts/login/upstream/a.yaml", LOCK, "README.md"], ALL)
    assert only == {"wave": 10, "parts": ["login"], "only": None, "ready": ["first", "kinds", "web_shop"], "gone": []}


def test_what_is_of_no_part_is_one_commit_that_waits_for_nothing() -> None:
    [only] = steps(["README.md", "parts/retired/a.yaml", "applications/07-retired.yaml"], ALL)
    assert only == {"wave": None, "parts": [], "only": None, "ready": [], "gone": []}


def test_waves_go_up_and_each_waits_for_all_below_whether_changed_or_not() -> None:
    found = steps(["README.md", LOCK, "parts/last/a.yaml", "parts/web_shop/a.yaml", "parts/first/a.yaml"], ALL)
    assert found == [
        {"wave": 0, "parts": ["first"], "only": [LOCK, "parts/first/a.yaml"], "ready": [], "gone": []},
        {"wave": 5, "parts": ["web_shop"], "only": ["parts/web_shop/a.yaml"], "ready": ["first"], "gone": []},
        {"wave": 20, "parts": ["last"], "only": None, "ready": ["first", "kinds", "web_shop", "login"], "gone": []},
    ]


def test_the_application_goes_with_its_part_also_when_its_wave_changes() -> None:
    found = steps(["applications/05-web-shop.yaml", "applications/07-web-shop.yaml", "parts/last/a.yaml"], ALL)
    assert found[0]["only"] == [LOCK, "applications/05-web-shop.yaml", "applications/07-web-shop.yaml"]


def test_what_is_taken_away_goes_last_from_the_last_wave_down() -> None:
    stay = ["first", "last"]
    found = steps([*paths("kinds", "web_shop", "login"), "parts/last/a.yaml"], stay, ALL)
    assert order(found) == [["last"], ["login"], ["web_shop", "kinds"]]
    assert [row["ready"] for row in found] == [["first"], stay, stay]
    assert [row["gone"] for row in found] == [[], [], ["login"]]


def test_a_part_that_is_kept_is_not_waited_for_when_it_goes() -> None:
    found = steps(paths("first", "kinds"), ["last"], ["first", "kinds", "last"])
    assert order(found) == [["kinds"], ["first"]]
    assert found[-1]["gone"] == []


def test_back_is_the_opposite_order_and_waits_for_nothing_that_may_be_broken() -> None:
    changed = ["parts/last/a.yaml", "parts/login/upstream/a.yaml", "parts/first/a.yaml"]
    found = steps(changed, ALL, backwards=True)
    assert order(found) == list(reversed(order(steps(changed, ALL)))) == [["last"], ["login"], ["first"]]
    assert [row["ready"] for row in found] == [[], ["last"], ["last", "login"]]


def test_back_what_comes_again_is_there_before_what_wants_it() -> None:
    with_login, without = ALL, ["first", "kinds", "last"]
    changed = [*paths("web_shop", "login"), "parts/last/a.yaml"]
    there = steps(changed, without, with_login)
    back = steps(changed, with_login, without, backwards=True)
    assert order(there) == [["last"], ["login"], ["web_shop"]]
    assert order(back) == list(reversed(order(there)))
    assert back[-1]["ready"] == ["web_shop", "login"]


def test_back_what_was_new_is_gone_before_what_it_needed() -> None:
    found = steps(
        [*paths("login"), "parts/first/a.yaml"], ["first", "last"], ["first", "login", "last"], backwards=True
    )
    assert order(found) == [["login"], ["first"]]
    assert (found[1]["ready"], found[1]["gone"]) == ([], ["login"])


@pytest.mark.parametrize(("tree", "waves", "word"), [(None, WAVES, "a tree"), ({}, None, "a table of waves")])
def test_another_kind_of_value_is_one_sentence(tree: Any, waves: Any, word: str) -> None:
    with pytest.raises(AnsibleFilterError, match=word):
        tree_waves(tree, waves)


def test_ansible_finds_it() -> None:
    assert FilterModule().filters() == {"tree_waves": tree_waves}
