"""Plans: what is unknown, what changes, what is shown, and that secrets never are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.plan import (
    UNKNOWN,
    Change,
    Plan,
    Step,
    holds_unknown,
    without_unknown,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Generated, Sensitive

STEP = Step("kubernetes", "create", "ConfigMap shop/settings", desired=None)


@pytest.mark.parametrize(
    ("value", "unknown"),
    [
        (UNKNOWN, True),
        (f"{UNKNOWN}.example.org", True),
        ({"a": [{"b": ("x", f"https://{UNKNOWN}/")}]}, True),
        ({"a": [{"b": ("x", "y")}]}, False),
        ({UNKNOWN: "a key is a name and never unknown"}, False),
        (None, False),
        (7, False),
        (Sensitive(UNKNOWN), False),
    ],
)
def test_unknown_is_found_wherever_it_is(value: Any, unknown: bool) -> None:
    assert holds_unknown(value) is unknown


def test_N_part_3_row_1_what_is_not_known_is_null_in_results() -> None:
    value = {"id": UNKNOWN, "urls": [f"https://{UNKNOWN}/", "https://example.org"], "count": 0, "of": ("a", UNKNOWN)}
    assert without_unknown(value) == {"id": None, "urls": [None, "https://example.org"], "count": 0, "of": ["a", None]}
    assert value["id"] == UNKNOWN, "the value that was handed in stays as it is"


def test_a_change_is_redacted_when_it_is_made() -> None:
    change = Change({"data": {"key": Sensitive("CANARY")}}, {"data": [Generated(), Sensitive("CANARY")]})
    assert change.before == {"data": {"key": "***"}}
    assert change.after == {"data": ["***", "***"]}
    assert "CANARY" not in repr(change)


def test_a_plan_changes_something_when_a_step_does() -> None:
    wait = replace(STEP, verb="wait", condition="Ready=True")
    assert not Plan().changed
    assert not Plan((wait,)).changed
    assert Plan((wait, replace(STEP, change=Change(None, {})))).changed


def test_the_diff_has_one_entry_for_each_change_and_none_for_waits() -> None:
    created = replace(STEP, change=Change(None, {"a": 1}))
    deleted = replace(STEP, target="Secret shop/old", change=Change({"b": 2}, None))
    plan = Plan((created, replace(STEP, verb="wait"), deleted))
    assert plan.diff == [
        {
            "before_header": "ConfigMap shop/settings",
            "after_header": "ConfigMap shop/settings",
            "before": {},
            "after": {"a": 1},
        },
        {"before_header": "Secret shop/old", "after_header": "Secret shop/old", "before": {"b": 2}, "after": {}},
    ]


def test_the_diff_shows_each_part_of_a_step_under_its_own_name() -> None:
    parts = (("a.yaml", Change("", "a: 1\n")), ("b.yaml", Change({"secret": Sensitive("x")}, None)))
    plan = Plan((replace(STEP, change=Change(None, {"commit": UNKNOWN}), parts=parts),))
    assert [(item["before_header"], item["before"], item["after"]) for item in plan.diff] == [
        (STEP.target, {}, {"commit": UNKNOWN}),
        ("a.yaml", "", "a: 1\n"),
        ("b.yaml", {"secret": "***"}, {}),
    ]


def test_the_diff_says_what_is_not_known_yet() -> None:
    plan = Plan((replace(STEP, change=Change(None, {"content": f"{UNKNOWN}.example.org"}), unknown=True),))
    assert plan.diff[0]["after"] == {"content": f"{UNKNOWN}.example.org"}
    assert not plan.steps[0].ready


def test_a_step_tells_what_it_waits_for_and_nothing_of_its_value() -> None:
    step = replace(STEP, desired=Sensitive("CANARY"), condition="Ready=True", note="not validated by the server")
    assert step.describe() == {
        "product": "kubernetes",
        "verb": "create",
        "target": "ConfigMap shop/settings",
        "condition": "Ready=True",
        "note": "not validated by the server",
    }
    assert STEP.describe() == {"product": "kubernetes", "verb": "create", "target": "ConfigMap shop/settings"}
