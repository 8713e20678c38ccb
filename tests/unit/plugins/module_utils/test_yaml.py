"""YAML: read with limits and lines, written so that every reader takes it alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils import _yaml
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._yaml import LARGEST, dump, load_documents


def _refused(text: str, aliases: bool = True) -> str:
    with pytest.raises(Failure) as caught:
        load_documents(text, "the text", aliases)
    assert caught.value.kind is Kind.INVALID
    assert caught.value.tried == "the text"
    return caught.value.said


def test_documents_come_in_their_order_without_empty_ones() -> None:
    assert load_documents("---\na: 1\n---\n# nothing\n---\n- b\n---\n", "the text") == [{"a": 1}, ["b"]]
    assert load_documents("", "the text") == []


def test_dates_stay_text_as_in_json() -> None:
    text = "date: 2026-01-02\ntime: 2026-01-02T03:04:05Z\nyes: yes\nnumber: 1.5\nnothing: null\n"
    (found,) = load_documents(text, "the text")
    assert found == {
        "date": "2026-01-02",
        "time": "2026-01-02T03:04:05Z",
        True: True,
        "number": 1.5,
        "nothing": None,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' stands twice"),
        ("x:\n  - {k: 1, k: 2}\n", "line 2, column 12: the key 'k' stands twice"),
        ("a: [1\n", "line 2, column 1"),
        ("a: 'open\n", "line 2, column 1"),
        ("a: b: c\n", "line 1, column 5"),
        ("\tx: 1\n", "line 1, column 1"),
        ("? [1, 2]\n: 3\n", "line 1, column 3: a key must be text"),
        ("a: !!python/object/apply:os.system [id]\n", "line 1, column 4"),
        ("a: !vault x\n", "line 1, column 4"),
        ("a: *nowhere\n", "line 1, column 4"),
        ("a: \x00\n", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    assert said in _refused(text)


def test_what_is_wrong_is_told_without_quoting_the_text() -> None:
    assert "CANARY" not in _refused("password: 'CANARY\n")
    assert "CANARY" not in _refused("a: [CANARY\nb: }\n")


def test_text_over_the_limit_is_refused_before_it_is_parsed() -> None:
    assert "it is larger than 1024 KiB" in _refused("[" * (LARGEST + 1))
    assert load_documents("a: " + "x" * (LARGEST - 3), "the text")[0]["a"].startswith("xxx")
    assert "it is larger than 1024 KiB" in _refused("ä" * (LARGEST // 2 + 1)), "bytes count, not characters"


# The library recurses in C: without a limit of ours each of these would end the process, a controller's as well.
DEEP = {
    "brackets": "[" * 100_000 + "]" * 100_000,
    "brackets that do not close": "[" * 100_000,
    "braces": "{a: " * 50_000 + "}" * 50_000,
    "brackets beside closing ones in text": "[']', " * 50_000,
    "brackets behind a marker that is none": "---x\n".join("[" * 300),
    "lists in one line": "- " * 50_000 + "x",
    "keys in one line": "? " * 50_000 + "x",
    "indentation": "\n".join(" " * number + "a:" for number in range(300)),
    "lists in the column of their mapping": "\n".join(
        " " * number + "a:\n" + " " * number + "-" for number in range(150)
    ),
    "lines that end in another way": "\r".join(" " * number + "a:" for number in range(300)),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
@pytest.mark.parametrize("aliases", [True, False])
def test_nesting_without_end_is_refused(text: str, aliases: bool) -> None:
    _refused(text, aliases)


def test_the_depth_is_told_with_its_line() -> None:
    assert _refused(f"a: 1\n---\n{'[' * 201}{']' * 201}\n") == "line 3, column 201: it has more than 200 levels"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200 + "]" * 200,
        "- " * 99 + "x",
        "a: [" + "[1], " * 5_000 + "]",
        "---\n" + "[[1]]\n---\n" * 5_000,
        "a: '" + "[" * 5_000 + "'",
    ],
)
def test_what_is_long_but_not_deep_is_read(text: str) -> None:
    assert load_documents(text, "the text")


ALIASES = ("a: &x 1\nb: *x\n", "a: &x {b: 1}\n", "base: &base {a: 1}\nmore:\n  <<: *base\n")


@pytest.mark.parametrize("text", ALIASES)
def test_aliases_are_allowed_or_refused_as_asked(text: str) -> None:
    assert load_documents(text, "the text")
    assert "anchors and aliases are not allowed here" in _refused(text, aliases=False)


def test_a_merged_key_may_be_overridden() -> None:
    (found,) = load_documents("base: &base {a: 1, b: 1}\nmore:\n  <<: *base\n  a: 2\n", "the text")
    assert found["more"] == {"a": 2, "b": 1}


# Words that other readers of YAML take for something else than text.
WORDS = ["y", "n", "on", "off", "yes", "no", "true", "~", "null", "123", "1e3", "0x1f", "0o17", "1_000", "2026-01-02"]


@pytest.mark.parametrize(
    "word", [*WORDS, "12:30:45", ".inf", "=", "<<", "", " ", "a: b", "- a", "#x", "&a", "*a", "!t"]
)
def test_P23_text_that_looks_like_something_else_is_quoted(word: str) -> None:
    assert dump({"value": word}) == f"value: {json.dumps(word)}\n"
    assert yaml.safe_load(dump({"value": word, word: 1})) == {"value": word, word: 1}


def test_P23_keys_that_look_like_something_else_are_quoted_and_others_are_not() -> None:
    assert dump({"on": 1, "123": 2, "plain-key": 3}) == '"on": 1\n"123": 2\nplain-key: 3\n'


def test_text_of_several_lines_is_a_block() -> None:
    assert dump({"script": "#!/bin/sh\nset -eu\n"}) == "script: |\n  #!/bin/sh\n  set -eu\n"


def test_equal_parts_are_written_twice_and_keys_keep_their_order() -> None:
    part = {"z": 1, "a": 2}
    assert dump({"one": part, "two": part}) == "one:\n  z: 1\n  a: 2\ntwo:\n  z: 1\n  a: 2\n"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_what_is_written_is_read_as_it_was_and_writing_it_again_gives_the_same_bytes(data: Any) -> None:
    text = dump(data)
    found = yaml.safe_load(text)
    assert found == data
    assert dump(found) == text


def test_a_missing_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_yaml, "yaml", None)
    with pytest.raises(Failure, match="PyYAML") as caught:
        load_documents("a: 1", "the text")
    assert caught.value.kind is Kind.MISSING
    assert "pip install PyYAML" in caught.value.sentence()
