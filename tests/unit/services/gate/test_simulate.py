"""What was recorded is judged again: by the same policy it comes out the same, by another as that one says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load
from services.gate import audit, simulate
from tests.unit.services.gate.recorded import NOW, POLICY, a_store, deployment, judged

_OPEN = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)


def test_the_same_policy_at_the_same_time_changes_no_verdict(tmp_path: Path) -> None:
    seen = a_store(tmp_path)
    result = simulate.simulate(seen.inbox.records(), seen.policy)
    assert (result.judged, result.passed_over, result.changed) == (2, 1, [])


def test_another_clock_tells_what_would_be(tmp_path: Path) -> None:
    seen = a_store(tmp_path)
    [changed] = simulate.simulate(seen.inbox.records(), seen.policy, _OPEN).changed
    assert (changed.record.entry, changed.record.outcome, changed.verdict.outcome) == (seen.waiting, "defer", "approve")


def test_another_policy_tells_what_would_be(tmp_path: Path) -> None:
    seen = a_store(tmp_path)
    stricter = load({"new.yml": POLICY.replace("event: schedule", "event: release")})
    result = simulate.simulate(seen.inbox.records(), stricter)
    assert [(item.record.entry, item.verdict.outcome) for item in result.changed] == [(seen.approved, "reject")]
    assert result.moves == {("defer", "defer"): 1, ("approve", "reject"): 1}


@pytest.mark.parametrize("days", [0, 5, 40])
def test_a_fact_that_nobody_looked_up_is_said_and_never_approves(days: int) -> None:
    record = judged(load({"policy.yml": POLICY}), deployment("staging", NOW, event="schedule"), NOW)
    wants_more = load({"new.yml": POLICY.replace("not_fork: true", "not_fork: true, signed_commits: true")})
    found = simulate.again(record, wants_more, NOW + timedelta(days=days))
    assert record.outcome == "approve"
    assert found.unrecorded == ("commit",)
    assert found.verdict.outcome in ("defer", "reject")
    assert any("was not recorded" in reason for reason in found.verdict.reasons)


def test_a_file_of_records_is_read_as_it_was_written(tmp_path: Path) -> None:
    records = a_store(tmp_path).inbox.records()
    lines = [audit.encode(record).decode() for record in records]
    assert list(simulate.lines([*lines, "\n"], "events.jsonl")) == records


def test_a_line_that_is_no_record_is_named() -> None:
    with pytest.raises(ValueError, match=r"^events\.jsonl:2: "):
        list(simulate.lines(["", '{"kind": 1}'], "events.jsonl"))
