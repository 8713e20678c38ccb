"""Answers added up: the whole truth table of two, and which time counts."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._gate.answer import (
    Answer,
    Outcome,
    all_of,
    any_of,
    no,
    none_of,
    unknown,
    wait,
    yes,
)

SOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
LATER = SOON + timedelta(hours=1)
Y, N, NU, W, U = yes("y"), no("n"), no("nu", SOON), wait("w"), unknown("u")
NAMES = {"Y": Y, "N": N, "n": NU, "W": W, "U": U}
# Rows are the first answer, columns the second: yes, no, no until, wait, unknown.
TABLES = {
    all_of: {"Y": "YNnWU", "N": "NNNNN", "n": "nNnnU", "W": "WNnWU", "U": "UNUUU"},
    any_of: {"Y": "YYYYY", "N": "YNnWU", "n": "YnnnU", "W": "YWnWU", "U": "YUUUU"},
    none_of: {"Y": "NNNNN", "N": "NYYWU", "n": "NYYWU", "W": "NWWWU", "U": "NUUUU"},
}


def _letter(answer: Answer) -> str:
    if answer.outcome is Outcome.NO:
        return "N" if answer.lasting else "n"
    return answer.outcome[0].upper()


@pytest.mark.parametrize("together", TABLES)
@pytest.mark.parametrize(("first", "second"), list(itertools.product("YNnWU", repeat=2)))
def test_two_answers_make_one(together: object, first: str, second: str) -> None:
    found = together([NAMES[first], NAMES[second]])  # type: ignore[operator]
    assert _letter(found) == TABLES[together][first]["YNnWU".index(second)]  # type: ignore[index]


def test_all_wait_for_the_last_and_any_for_the_first() -> None:
    assert all_of([no("a", SOON), no("b", LATER)]).until == LATER
    assert any_of([no("a", LATER), no("b", SOON)]).until == SOON


def test_nothing_at_all() -> None:
    assert [together([]).outcome for together in (all_of, any_of, none_of)] == [Outcome.YES, Outcome.NO, Outcome.YES]
