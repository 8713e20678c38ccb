"""Truth tables: what each requirement answers, for every fact that it needs also when that is unknown."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._gate.answer import Outcome
from ansible_collections.aphex.platform.plugins.module_utils._gate.expression import Context
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Facts, Unknown
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load
from ansible_collections.aphex.platform.plugins.module_utils._gate.requirements import KINDS
from tests.unit.plugins.module_utils._gate.tables import TABLES, Row, rows
from tests.unit.plugins.module_utils._gate.world import dumped


def _of(kind: str) -> list[Row]:
    return [row for row in rows() if row.kind == kind]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_requirement_answers_as_its_table_says(row: Row) -> None:
    answer, expected = row.answer(), row.given["expected"]
    assert answer.outcome == Outcome(expected["answer"]), answer
    assert expected.get("said", "") in answer.said
    if "until" in expected:
        assert answer.until == datetime.fromisoformat(expected["until"]).astimezone(UTC)
    if "lasting" in expected:
        assert answer.lasting is expected["lasting"]


def test_every_kind_has_a_table() -> None:
    assert {path.stem for path in TABLES.glob("*.yml")} == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_table_has_each_fact_unknown_and_its_requirement_asks_for_no_other(kind: str) -> None:
    needed = {need for row in _of(kind) for need in row.needs}
    unknown = {
        need
        for row in _of(kind)
        if row.given["expected"]["answer"] == "unknown"
        for need in row.needs
        if isinstance(row.facts.found.get(need), Unknown)
    }
    assert unknown == needed


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_answered_without_some_facts_is_answered_with_them_too(kind: str) -> None:
    for row in _of(kind):
        whole, context = row.answer().outcome, Context(row.now, row.policy.is_open)
        for count in range(1, len(row.needs) + 1):
            for hidden in itertools.combinations(row.needs, count):
                found = {**row.facts.found, **dict.fromkeys(hidden, Unknown("nobody answered"))}
                masked = row.requirement.kind.judge(row.requirement.arguments, Facts(row.facts.pending, found), context)
                assert masked.outcome in (whole, Outcome.UNKNOWN), (row.name, hidden)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_example_of_a_kind_is_one(kind: str) -> None:
    names = {
        "calendars": {"business": {}},
        "freezes": {"freezes": []},
        "groups": {"release": {"users": ["octocat"]}},
    }
    rule = {"name": "r", "decision": "approve", "require": [{kind: KINDS[kind].example}]}
    assert load({"p.yml": dumped({"version": 1, **names, "rules": [rule]})}).rules
    assert KINDS[kind].says.endswith(".")
