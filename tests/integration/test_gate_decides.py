"""Does a waiting deployment get what the policy says: now, later, or never?

In: runs at the GitHub stand-in, a policy. Out: what the real process decided, and what people can read of it. Never
here: a clock of the product that a test sets; the freeze simply ends soon.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.integration.gate import REPOSITORY, a_gate, a_github, decided, eventually, run_of

FORK = "globex/web-shop"
POLICY = """
version: 1
freezes:
  freezes: [{{name: rehearsal, from: "2020-01-01", to: "{end}"}}]
rules:
  - name: nightly-is-automatic
    match: {{environment: staging, event: schedule}}
    require:
      - run: "path == '.github/workflows/nightly.yml' && run_attempt == `1`"
      - not_fork: true
    decision: approve
  - name: production
    match: {{environment: production}}
    require: [no_freeze: freezes, not_fork: true]
    decision: approve
"""
FROZEN = 4.0  # seconds


def test_a_schedule_passes_a_freeze_is_waited_for_and_a_fork_is_refused(tmp_path: Path) -> None:
    end = datetime.now(UTC) + timedelta(seconds=FROZEN)
    policy = POLICY.format(end=end.isoformat())
    with a_github("staging", "production") as github, a_gate(tmp_path, github, policy):
        github.add_repository(FORK)
        frozen = github.start_run(REPOSITORY, ["production"])["id"]
        nightly = github.start_run(REPOSITORY, ["staging"], event="schedule", path=".github/workflows/nightly.yml")[
            "id"
        ]
        assert eventually(lambda: decided(github, nightly)) == ["approved"]
        assert datetime.now(UTC) > end or decided(github, frozen) == []
        assert eventually(lambda: decided(github, frozen)) == ["approved"]
        assert datetime.now(UTC) > end
        foreign = github.start_run(REPOSITORY, ["production"], event="pull_request", fork=FORK)["id"]
        assert eventually(lambda: decided(github, foreign)) == ["rejected"]
        assert [run_of(github, run)["conclusion"] for run in (nightly, frozen, foreign)] == [
            "success",
            "success",
            "failure",
        ]
        (review,) = [each for each in run_of(github, foreign)["reviews"] if each["state"] == "rejected"]
        assert "the run comes from the fork globex/web-shop" in review["comment"]
