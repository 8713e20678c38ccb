"""Failures: one sentence for people, the same facts for programs."""

from __future__ import annotations

import json

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind, invalid

FAILURE = Failure(
    Kind.CONFLICT,
    tried="applying",
    on="ConfigMap shop/settings",
    said="the field is in others' hands.",
    remedy="Let its owner go",
    status=409,
    request_id="r-1",
    retry_after=2.5,
)


def test_the_sentence_says_what_was_tried_on_what_what_was_said_and_what_to_do() -> None:
    said = "applying ConfigMap shop/settings: the field is in others' hands. Let its owner go."
    assert FAILURE.sentence() == str(FAILURE) == said


def test_parts_that_are_missing_leave_no_gap() -> None:
    assert Failure(Kind.BROKEN, tried="reading").sentence() == "reading."
    assert Failure(Kind.BROKEN, tried="reading", remedy="Run again.").sentence() == "reading. Run again."
    assert Failure(Kind.BROKEN, tried="reading", on="a", said="gone").sentence() == "reading a: gone."


def test_the_dict_holds_every_fact_and_is_plain() -> None:
    assert json.loads(json.dumps(FAILURE.as_dict())) == {
        "kind": "conflict",
        "tried": "applying",
        "on": "ConfigMap shop/settings",
        "said": "the field is in others' hands.",
        "remedy": "Let its owner go",
        "status": 409,
        "request_id": "r-1",
        "retry_after": 2.5,
    }


def test_wrong_input_is_told_from_everything_else() -> None:
    failure = invalid("The name 'X'", "it is no name", "Choose another")
    assert failure.kind is Kind.INVALID
    assert failure.sentence() == "The name 'X': it is no name. Choose another."
    assert failure.status is None
