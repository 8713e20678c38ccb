"""The edge: params become plain, secrets concealed, answers task results; nothing raises and nothing leaks."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Sequence
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils import _edge
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN, Change, Desired, Step
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Outcome, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, answer, conceal, plain

CANARY = "CANARY-4711"


class Text(str):
    """A text of another type, as Ansible's tagged ones are."""

    def __str__(self) -> str:
        return "not the text itself"


class Number(int):
    """A number of another type."""


class Mapping(dict[Any, Any]):
    """A mapping of another type."""


class Many(list[Any]):
    """A list of another type."""


EXACT = (str, int, float, bool, type(None), list, dict)


def _types(value: Any) -> set[type]:
    found = {type(value)}
    if isinstance(value, dict):
        return found.union(*(_types(item) for pair in value.items() for item in pair))
    if isinstance(value, list):
        return found.union(*map(_types, value))
    return found


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text().map(Text)
    | st.integers().map(Number)
    | st.dates()
    | st.datetimes()
)
KEYS = st.text(max_size=5) | st.text(max_size=5).map(Text) | st.integers() | st.booleans() | st.none() | st.dates()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(Many)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4).map(Mapping)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_N2_whatever_comes_in_exact_json_types_go_on(value: Any) -> None:
    found = plain(value)
    assert _types(found) <= set(EXACT)
    assert json.loads(json.dumps(found)) == found
    assert plain(found) == found


def _as_json(value: Any) -> Any:
    """Return a value as a module gets it: through Ansible's own JSON, and keys as JSON writes them."""
    return json.loads(json.dumps(value, default=lambda item: item.isoformat()))


# Without dates as keys: JSON has no way to write them, and a module would never see one.
JSON_KEYS = st.text(max_size=5) | st.integers() | st.booleans() | st.none()
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_N2_both_paths_see_the_same_values(value: Any) -> None:
    assert plain(value) == _as_json(value)


def test_N2_keys_are_written_as_json_writes_them() -> None:
    assert plain({7: "a", True: "b", None: "c", datetime.date(2026, 1, 2): "d"}) == {
        "7": "a",
        "true": "b",
        "null": "c",
        "2026-01-02": "d",
    }
    assert plain({1.5: "a", False: "b"}) == {"1.5": "a", "false": "b"}


def test_N2_dates_become_text() -> None:
    noon = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
    assert plain([datetime.date(2026, 1, 2), noon]) == ["2026-01-02", "2026-01-02T12:00:00+00:00"]


def test_N2_what_ansible_reads_and_templates_loses_its_tags() -> None:
    loader = DataLoader()
    text = "when: 2026-01-02\n1: {on: !unsafe '{{ x }}'}\nlist: [text, 7, 1.5, null]\nname: '{{ who }}'\n"
    read = loader.load(trust_as_template(text))
    templated = Templar(loader, {"who": "acme"}).template(read)
    assert templated["list"][0].__class__ is not str, "else this test shows nothing"
    found = plain(templated)
    assert _types(found) <= set(EXACT)
    assert found == {
        "when": "2026-01-02",
        "1": {"true": "{{ x }}"},
        "list": ["text", 7, 1.5, None],
        "name": "acme",
    }


SPEC: dict[str, Any] = {
    "token": {"type": "str", "no_log": True},
    "name": {"type": "str"},
    "many": {"type": "list", "elements": "dict", "options": {"secret": {"no_log": True}, "key": {"no_log": False}}},
    "one": {"type": "dict", "options": {"deep": {"type": "dict", "options": {"secret": {"no_log": True}}}}},
    "tokens": {"type": "list", "elements": "str", "no_log": True},
    "text": {"type": "raw", "no_log": True},
}


def test_every_secret_option_is_concealed_at_every_depth() -> None:
    params = {
        "token": CANARY,
        "name": "acme",
        "many": [{"secret": CANARY, "key": "k"}, {"secret": None, "key": None}],
        "one": {"deep": {"secret": CANARY}},
        "tokens": [CANARY, CANARY],
        "text": {"inner": [CANARY]},
        "unknown": 1,
    }
    found = conceal(params, SPEC)
    assert CANARY not in repr(found)
    assert found["token"] == found["one"]["deep"]["secret"] == found["many"][0]["secret"] == Sensitive(CANARY)
    assert found["tokens"] == [Sensitive(CANARY)] * 2
    assert found["text"] == {"inner": [Sensitive(CANARY)]}
    assert (found["name"], found["unknown"], found["many"][1]) == ("acme", 1, {"secret": None, "key": None})
    assert params["token"] == CANARY, "the params that were handed in stay as they are"


class Thing:
    """A product for one thing that is not there."""

    @classmethod
    def connect(cls, params: dict[str, Any], runtime: Runtime) -> Thing:
        return cls()

    def plan(self, desired: Any) -> list[Step]:
        return [Step("thing", "create", "Thing a", desired, Change(None, {"id": UNKNOWN, "key": Sensitive(CANARY)}))]

    def perform(self, step: Step) -> None:
        return

    def result(self, desired: Any) -> Any:
        return None


class Item:
    """What is desired of it."""

    product = "thing"
    title = "Thing a"
    present = True


class Wish:
    """A use case that shows what it is told to show."""

    def __init__(self, shown: Any, wrong: Exception | None = None) -> None:
        self.shown = shown
        self.wrong = wrong

    def observe(self) -> None:
        if self.wrong:
            raise self.wrong

    def desired(self, observed: Any) -> Sequence[Desired]:
        return [Item()]

    def failed(self, failure: Failure) -> Sequence[Desired]:
        return []

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def abandoned(self) -> bool:
        return False

    def result(self, outcome: Outcome) -> Any:
        return self.shown


def _answer(shown: Any = None, wrong: Exception | None = None, check: bool = False) -> dict[str, Any]:
    point = EntryPoint({}, {"thing": Thing}, "thing", use_case=lambda *_given: Wish(shown, wrong))
    return answer(point, {}, Runtime(now=lambda: 0.0, check=check))


@pytest.mark.parametrize("check", [True, False])
def test_the_result_says_what_changed_and_what_was_or_would_be_done(check: bool) -> None:
    found = _answer({"id": UNKNOWN, "key": Sensitive(CANARY), "names": ["a", UNKNOWN]}, check=check)
    assert found == {
        "changed": True,
        "diff": [
            {
                "before_header": "Thing a",
                "after_header": "Thing a",
                "before": {},
                "after": {"id": UNKNOWN, "key": "***"},
            }
        ],
        "steps": [{"product": "thing", "verb": "create", "target": "Thing a"}],
        "thing": {"id": None, "key": "***", "names": ["a", None]},
    }


def test_a_secret_is_shown_when_the_user_asked_for_it() -> None:
    found = _answer({"mine": Sensitive(CANARY, hidden=False), "theirs": [Sensitive(CANARY)]})
    assert found["thing"] == {"mine": CANARY, "theirs": ["***"]}


def test_a_failure_becomes_a_sentence_and_a_dict() -> None:
    found = _answer(wrong=Failure(Kind.DENIED, tried="reading", on="Secret a", said="forbidden", status=403))
    assert found["failed"] is True
    assert found["changed"] is False
    assert found["msg"] == "reading Secret a: forbidden."
    assert (found["failure"]["kind"], found["failure"]["status"]) == ("denied", 403)


def test_N3_the_causes_of_a_failure_are_not_told() -> None:
    failure = Failure(Kind.BROKEN, tried="reading", said="the connection failed")
    failure.__cause__ = OSError(CANARY)
    assert CANARY not in json.dumps(_answer(wrong=failure))


@pytest.mark.parametrize("error", [ValueError(CANARY), KeyError(CANARY), RecursionError(CANARY)])
def test_N3_an_unknown_error_is_told_by_its_place_and_never_by_its_text(error: Exception) -> None:
    found = _answer(wrong=error)
    assert found["failed"] is True
    assert found["msg"].startswith(f"This is a fault of the collection: {type(error).__name__} in test_edge.py line ")
    assert found["failure"]["kind"] == "fault"
    assert CANARY not in json.dumps(found)


def test_an_info_module_only_reads() -> None:
    point = EntryPoint({}, {"thing": Thing}, "things", read=lambda *_given: [{"key": Sensitive(CANARY)}])
    assert answer(point, {}, Runtime(now=lambda: 0.0)) == {"changed": False, "things": [{"key": "***"}]}


def test_who_we_are_names_user_host_and_process(monkeypatch: pytest.MonkeyPatch) -> None:
    place, _slash, pid = _edge.identity().rpartition("/")
    assert "@" in place
    assert pid.isdigit()

    def nobody() -> str:
        raise KeyError("no name for this user")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert _edge.identity().split("@")[0].isdigit()


def test_the_checked_arguments_of_a_module_are_plain_already() -> None:
    checked = ArgumentSpecValidator({"when": {"type": "raw"}, "n": {"type": "int"}}).validate(
        {"when": {"a": [1]}, "n": "7"}
    )
    assert plain(checked.validated_parameters) == {"when": {"a": [1]}, "n": 7}


def test_arguments_are_shown_without_documents_at_any_depth() -> None:
    options = {
        "name": {"type": "str"},
        "document": {"type": "raw"},
        "files": {"type": "list", "options": {"path": {"type": "str"}, "content": {"type": "raw"}}},
        "one": {"type": "dict", "options": {"content": {"type": "raw"}, "other": {"type": "str"}}},
    }
    given = {
        "name": "a",
        "document": CANARY,
        "unknown": CANARY,
        "files": [{"path": "a", "content": CANARY}, {"path": "b", "content": None}],
        "one": {"content": {"deep": CANARY}, "other": "b"},
    }
    assert _edge.without_documents(given, options) == {
        "name": "a",
        "document": "(not shown)",
        "unknown": "(not shown)",
        "files": [{"path": "a", "content": "(not shown)"}, {"path": "b", "content": None}],
        "one": {"content": "(not shown)", "other": "b"},
    }
