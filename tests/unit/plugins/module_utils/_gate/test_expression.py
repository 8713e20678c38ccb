"""Expressions under three-valued logic: where the library alone fails open or raises, the answer is unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._gate.expression import Context, compile_expression
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Unknown
from tests.unit.plugins.module_utils._gate.world import FUZZ, NOW

UNKNOWN = "unknown"
VIEW: dict[str, Any] = {
    "ref": "main",
    "nothing": None,
    "empty": "",
    "zero": 0,
    "yes": True,
    "attempt": 2,
    "text": "3",
    "labels": [{"name": "ready"}, {"name": "hotfix"}],
    "mixed": [{"name": "a"}, {}],
    "users": [{"login": "mona", "age": 3}, {"login": "eve", "age": 2}],
    "nested": {"a": {"b": ["x", ["y"]]}},
    "run": Unknown("GitHub timed out"),
    "made": "2026-06-10T09:00:00Z",
    "naive": "2026-06-10T09:00:00",
    "version": "v1.10.0",
}


def _is_open(calendar: str, now: datetime) -> bool:
    if calendar != "business":
        raise ValueError("there is no such calendar")
    return now == NOW


def _asked(text: str) -> bool | str:
    held = compile_expression(text, "p.yml:1").holds(VIEW, Context(NOW, _is_open))
    return UNKNOWN if isinstance(held, Unknown) else held


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # what is not there
        ("gone == 'x'", UNKNOWN),
        ("gone != 'x'", UNKNOWN),
        ("!gone", UNKNOWN),
        ("gone", UNKNOWN),
        ("gone.deeper != 'x'", UNKNOWN),
        ("ref.deeper != 'x'", UNKNOWN),
        ("labels[7] != 'x'", UNKNOWN),
        ("contains(gone, 'x')", UNKNOWN),
        ("!contains(gone, 'x')", UNKNOWN),
        ("length(gone) < `5`", UNKNOWN),
        ("[gone]", UNKNOWN),
        ("{a: gone}", UNKNOWN),
        ("exists(gone)", False),
        ("!exists(gone)", True),
        ("exists(ref)", True),
        ("exists(gone) && gone != 'x'", False),
        ("!exists(gone) || gone != 'x'", True),
        ("not_null(gone, ref) == 'main'", True),
        ("not_null(gone, nothing)", UNKNOWN),
        # null is as good as not there, until somebody writes it
        ("nothing != 'x'", UNKNOWN),
        ("!nothing", UNKNOWN),
        ("nothing", UNKNOWN),
        ("exists(nothing)", False),
        ("nothing == `null`", True),
        ("gone == `null`", True),
        ("ref != `null`", True),
        ("ref == `null`", False),
        # what could not be looked up is not missing
        ("run.event == 'push'", UNKNOWN),
        ("exists(run.event)", UNKNOWN),
        ("!exists(run)", UNKNOWN),
        ("run == `null`", UNKNOWN),
        ("not_null(run, ref) == 'main'", UNKNOWN),
        ("run.event == 'push' || ref == 'main'", True),
        ("ref == 'main' || run.event == 'push'", True),
        ("run.event == 'push' || ref == 'x'", UNKNOWN),
        ("run.event == 'push' && ref == 'main'", UNKNOWN),
        ("run.event == 'push' && ref == 'x'", False),
        ("ref == 'x' && run.event == 'push'", False),
        ("run || gone", UNKNOWN),
        # types
        ("text < `5`", UNKNOWN),
        ("text == `3`", UNKNOWN),
        ("text != `3`", UNKNOWN),
        ("yes == `1`", UNKNOWN),
        ("attempt == `2`", True),
        ("attempt >= `2`", True),
        ("'b' > 'a'", True),
        ("labels > `1`", UNKNOWN),
        ("contains(ref, `1`)", UNKNOWN),
        ("starts_with(attempt, 'x')", UNKNOWN),
        # what is true and false
        ("empty", False),
        ("!empty", True),
        ("zero", True),
        ("`[]`", False),
        ("yes", True),
        # lists
        ("contains(labels[].name, 'hotfix')", True),
        ("contains(labels[*].name, 'nope')", False),
        ("contains(mixed[].name, 'a')", UNKNOWN),
        ("contains(mixed[?exists(name)].name, 'a')", True),
        ("mixed[?name == 'a']", UNKNOWN),
        ("length(labels[?name == 'ready']) == `1`", True),
        ("length(labels[1:]) == `1`", True),
        ("labels[::0]", UNKNOWN),
        ("labels[-1].name == 'hotfix'", True),
        ("length(nested.a.b[]) == `2`", True),
        ("length(nested.*.b) == `1`", True),
        ("ref[]", UNKNOWN),
        ("ref[?a]", UNKNOWN),
        ("nested[*]", UNKNOWN),
        ("labels | [0].name == 'ready'", True),
        ("sort_by(users, &age)[0].login == 'eve'", True),
        ("max_by(users, &age).login == 'mona'", True),
        ("contains(map(&login, users), 'eve')", True),
        ("map(&name, mixed)", UNKNOWN),
        ("sort_by(mixed, &name)", UNKNOWN),
        ("max(`[]`) != `3`", UNKNOWN),
        ("length(@) > `3`", True),
        ("{a: ref}.a == 'main'", True),
        ("[ref, text][1] == '3'", True),
        # functions of ours
        ("regex('^ma', ref)", True),
        ("regex('^x', ref)", False),
        ("regex('x', attempt)", UNKNOWN),
        ("regex('x', gone)", UNKNOWN),
        ("glob('m*', ref)", True),
        ("lower('MAIN') == ref", True),
        ("age(made) == `3600`", True),
        ("age(naive) > `1`", UNKNOWN),
        ("age(ref) > `1`", UNKNOWN),
        ("now() > `1000`", True),
        ("in_window('business')", True),
        ("in_window('other')", UNKNOWN),
        ("semver(version) > semver('1.9.9')", True),
        ("semver('2.0.0-rc.10') > semver('2.0.0-rc.9')", True),
        ("semver('2.0.0') > semver('2.0.0-rc.1')", True),
        ("semver(ref) > semver('1.0.0')", UNKNOWN),
    ],
)
def test_an_expression_is_true_only_by_what_is_known(text: str, expected: bool | str) -> None:
    assert _asked(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a ==", "is no JMESPath expression"),
        ("", "is no JMESPath expression"),
        ("\x00", "is no JMESPath expression"),
        ("evil(a)", "calls evil(), which there is not"),
        ("contains(a)", "gives contains() 1 arguments, and it takes 2"),
        ("exists()", "gives exists() 0 arguments, and it takes 1"),
        ("now(a)", "gives now() 1 arguments"),
        ("regex(a, b)", "first argument that is no text in quotes"),
        ("regex('(', b)", "is no regular expression"),
        ("in_window(name)", "first argument that is no text in quotes"),
        ("a" * 2001, "more than 2000 characters"),
        ("[" * 41 + "]" * 41, "40 brackets"),
        ("||".join("a" * 200), "nests more than 100 parts"),
        ("!" * 300 + "a", "nests more than 100 parts"),
    ],
)
def test_what_is_no_expression_is_refused_at_load(text: str, said: str) -> None:
    with pytest.raises(Failure) as caught:
        compile_expression(text, "p.yml:7")
    assert caught.value.kind is Kind.INVALID
    assert caught.value.tried == "p.yml:7"
    assert said in caught.value.said


@pytest.mark.parametrize(
    ("text", "roots"),
    [
        ("run.event == 'push' && contains(pulls[].labels, ref)", {"run", "pulls", "ref"}),
        ("deployment.run.commit == 'x'", {"deployment"}),
        ("pulls[?title == run].body", {"pulls"}),
        ("sort_by(pulls, &run)[0].checks", {"pulls"}),
        ("{run: ref}.run", {"ref"}),
        ("length(@)", {"@"}),
    ],
)
def test_an_expression_tells_what_it_asks_of_the_facts(text: str, roots: set[str]) -> None:
    assert compile_expression(text, "p").roots() == roots


@FUZZ
@given(st.text(alphabet="abr.[]*?&|!=<>`'\"(){}@,: 019-_x", max_size=60))
def test_no_text_raises_anything_but_a_failure(text: str) -> None:
    try:
        made = compile_expression(text, "p")
    except Failure:
        return
    held = made.holds(VIEW, Context(NOW, _is_open))
    assert isinstance(held, (bool, Unknown))


def test_why_it_is_unknown_does_not_quote_the_value() -> None:
    held = compile_expression("starts_with(secret, 'x')", "p").holds(
        {"secret": ["CANARY"]}, Context(datetime.now(UTC), _is_open)
    )
    assert isinstance(held, Unknown)
    assert "starts_with() takes no array" in held.reason
    assert "CANARY" not in held.reason
