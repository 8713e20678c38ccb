"""Three ways: what we want, what we wrote last, what is there. Every combination, and no edit is lost."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._git.compare import (
    Difference,
    Rules,
    Wanted,
    compare,
)
from ansible_collections.aphex.platform.plugins.module_utils._git.working_copy import ORDINARY, Entry, oid_of

LINK = "120000"


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _compare(
    there: dict[str, str], record: dict[str, str], desired: dict[str, str], rules: Rules, drop: tuple[str, ...] = ()
) -> Difference:
    entries = {path: Entry(ORDINARY, oid_of(text.encode())) for path, text in there.items()}
    texts = {oid_of(text.encode()): text for text in there.values()}
    wanted = {path: Wanted(text.encode(), oid_of(text.encode()), _sha(text)) for path, text in desired.items()}
    written = {path: _sha(text) for path, text in record.items()}
    return compare(entries, written, wanted, rules, lambda entry: _sha(texts[entry.oid]), "main of somewhere", drop)


def _one(there: str | None, record: str | None, desired: str | None, rules: Rules, drop: tuple[str, ...] = ()) -> str:
    """What becomes of one file: put, drop, edited, recorded, nothing, or why it is refused."""
    first, second, third = ({"a": text} if text is not None else {} for text in (there, record, desired))
    try:
        found = _compare(first, second, third, rules, drop)
    except Failure as failure:
        return f"{'foreign' if 'adopt' in failure.remedy else 'edited by people'}: {failure.kind.value}"
    words = {"put": found.put, "drop": found.drop, "edited": found.edited, "recorded": found.recorded}
    return " ".join(name for name, value in words.items() if value) or "nothing"


# there, record, desired: what becomes of the file with refuse, keep and overwrite.
TABLE = [
    (None, None, "new", "put", "put", "put"),
    ("old", "old", "new", "put", "put", "put"),
    ("old", "old", "old", "nothing", "nothing", "nothing"),
    ("theirs", "old", "old", "edited", "edited", "put"),
    (None, "old", "old", "edited", "edited", "put"),
    ("theirs", "old", "new", "edited by people: refused", "edited", "put"),
    (None, "old", "new", "edited by people: refused", "edited", "put"),
    ("new", "old", "new", "recorded", "recorded", "recorded"),
    ("old", "old", None, "drop", "drop", "drop"),
    ("theirs", "old", None, "edited by people: refused", "edited", "drop"),
    (None, "old", None, "nothing", "nothing", "nothing"),
    ("theirs", None, None, "nothing", "nothing", "nothing"),
    ("theirs", None, "new", *["foreign: refused"] * 3),
    ("new", None, "new", *["foreign: refused"] * 3),
]


@pytest.mark.parametrize(("there", "record", "desired", "refuse", "keep", "overwrite"), TABLE)
def test_each_combination(
    there: str | None, record: str | None, desired: str | None, refuse: str, keep: str, overwrite: str
) -> None:
    for on_edited, expected in (("refuse", refuse), ("keep", keep), ("overwrite", overwrite)):
        assert _one(there, record, desired, Rules(on_edited, prune=True)) == expected, on_edited


def test_what_is_not_wanted_any_more_stays_without_prune() -> None:
    assert _one("old", "old", None, Rules()) == "nothing"
    assert _compare({"a": "old"}, {"a": "old"}, {}, Rules()).record == {"a": _sha("old")}


def test_adopting_takes_over_what_stands_there() -> None:
    assert _one("theirs", None, "new", Rules(adopt=True)) == "put"
    assert _one("new", None, "new", Rules(adopt=True)) == "recorded"


def test_a_file_that_is_kept_keeps_its_place_in_the_record() -> None:
    found = _compare({"a": "theirs"}, {"a": "old"}, {"a": "new"}, Rules("keep"))
    assert found.record == {"a": _sha("old")}
    assert found.edited == ("a",)


def test_a_file_that_is_gone_and_not_wanted_leaves_the_record_with_the_next_commit() -> None:
    found = _compare({}, {"a": "old"}, {"b": "new"}, Rules(prune=True))
    assert found.record == {"b": _sha("new")}


def test_a_link_in_place_of_a_file_of_ours_is_an_edit() -> None:
    wanted = {"a": Wanted(b"new", oid_of(b"new"), _sha("new"))}
    there = {"a": Entry(LINK, oid_of(b"new"))}
    with pytest.raises(Failure, match="people have edited a since"):
        compare(there, {"a": _sha("old")}, wanted, Rules(), lambda entry: _sha("new"), "main")


def test_the_sentence_names_the_first_files_and_how_many_more() -> None:
    many = {f"f{number}": "theirs" for number in range(9)}
    with pytest.raises(Failure, match=r"f0, f1, f2, f3, f4 and 4 more stood there before"):
        _compare(many, {}, dict.fromkeys(many, "new"), Rules())


@pytest.mark.parametrize(("there", "desired"), [("a", "a/b"), ("a/b", "a")])
def test_a_file_in_the_way_of_a_folder_is_not_put_aside(there: str, desired: str) -> None:
    with pytest.raises(Failure, match="where a folder must be"):
        _compare({there: "theirs"}, {}, {desired: "new"}, Rules("overwrite", adopt=True))


def test_a_file_of_ours_makes_way_for_a_folder() -> None:
    found = _compare({"a": "old"}, {"a": "old"}, {"a/b": "new"}, Rules(prune=True))
    assert (found.put, found.drop) == (("a/b",), ("a",))


# there, record: what becomes of a file that is named as one to drop, with refuse, keep and overwrite.
DROPPED = [
    (None, None, "nothing", "nothing", "nothing"),
    ("old", "old", "drop", "drop", "drop"),
    ("theirs", "old", "edited by people: refused", "edited", "drop"),
    (None, "old", "nothing", "nothing", "nothing"),
    ("theirs", None, *["foreign: refused"] * 3),
]


@pytest.mark.parametrize(("there", "record", "refuse", "keep", "overwrite"), DROPPED)
def test_a_file_that_is_named_goes_without_prune(
    there: str | None, record: str | None, refuse: str, keep: str, overwrite: str
) -> None:
    for on_edited, expected in (("refuse", refuse), ("keep", keep), ("overwrite", overwrite)):
        assert _one(there, record, None, Rules(on_edited), drop=("a",)) == expected, on_edited


def test_dropping_leaves_all_other_files_of_ours() -> None:
    found = _compare({"a": "old", "b": "old"}, {"a": "old", "b": "old"}, {}, Rules(), drop=("a",))
    assert (found.drop, found.record) == (("a",), {"b": _sha("old")})


def test_dropping_takes_a_foreign_file_only_when_told_to_adopt() -> None:
    assert _one("theirs", None, None, Rules(adopt=True), drop=("a",)) == "drop"


def test_only_reaches_files_and_folders_by_their_whole_name() -> None:
    rules = Rules(only=("a", "b/c"))
    assert [path for path in ("a", "a/d", "ab", "b", "b/c", "b/c/d", "b/cd") if rules.reach(path)] == [
        "a",
        "a/d",
        "b/c",
        "b/c/d",
    ]
    assert Rules().reach("a")
    assert not Rules(only=()).reach("a")


@pytest.mark.parametrize("on_edited", ["refuse", "keep", "overwrite"])
def test_outside_of_only_everything_stays_as_it_is(on_edited: str) -> None:
    """Edited, foreign, not wanted any more, or new: in the files as in the record."""
    there = {"a/old": "old", "b/edited": "theirs", "b/foreign": "theirs", "b/old": "old"}
    record = {"a/old": "old", "b/edited": "old", "b/old": "old", "b/lost": "old"}
    desired = {"a/new": "new", "b/edited": "new", "b/foreign": "new", "b/new": "new"}
    found = _compare(there, record, desired, Rules(on_edited, prune=True, only=("a",)))
    assert (found.put, found.drop, found.edited) == (("a/new",), ("a/old",), ())
    outside = {path: _sha(text) for path, text in record.items() if path != "a/old"}
    assert found.record == {**outside, "a/new": _sha("new")}


def test_inside_of_only_an_edit_of_people_counts_as_ever() -> None:
    with pytest.raises(Failure, match="people have edited a "):
        _compare({"a": "theirs"}, {"a": "old"}, {"a": "new"}, Rules(only=("a",)))
    kept = _compare({"a": "theirs"}, {"a": "old"}, {"a": "new"}, Rules("keep", only=("a",)))
    assert (kept.put, kept.edited, kept.record) == ((), ("a",), {"a": _sha("old")})
