"""The example of docs/examples/gate: its policy, the cases beside it, and the workflow that belongs to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils._gate import cases, lint
from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import evaluate, select
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import RUN, Facts, PendingDeployment
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy, load

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "gate"
NIGHT = datetime(2026, 3, 3, 2, 30, tzinfo=UTC)
RULES, CASES, HOLIDAYS = (
    {
        path.name: path.read_text(encoding="utf-8")
        for path in (FOLDER / "policy").iterdir()
        if path.name.endswith(suffix)
    }
    for suffix in ("policy.yml", ".cases.yml", ".ics")
)


@pytest.fixture
def policy() -> Policy:
    return load(RULES, HOLIDAYS)


def _verdict(
    policy: Policy, event: str, environment: str = "production", attempt: int = 1, **run: Any
) -> tuple[str, str]:
    pending = PendingDeployment("acme-corp", "web-shop", 1, environment, event=event, ref="main")
    whole = {
        "path": ".github/workflows/deploy-with-protection.yml",
        "run_attempt": attempt,
        "head_repository": {"full_name": "acme-corp/web-shop"},
        **run,
    }
    found = evaluate(policy, select(policy, pending, NIGHT), Facts(pending, {RUN: whole}), NIGHT)
    return found.rule, found.outcome


def test_the_example_has_no_problem_and_passes_its_cases(policy: Policy) -> None:
    assert lint.problems(RULES | CASES, HOLIDAYS, NIGHT) == []
    results = cases.run(policy, cases.load(CASES))
    assert len(results) > 8
    assert [(result.case.name, result.problems) for result in results if not result.passed] == []


def test_e7_a_schedule_alone_approves_nothing(policy: Policy) -> None:
    automatic = "nightly-is-automatic"
    assert _verdict(policy, "schedule") == (automatic, "approve")
    assert _verdict(policy, "schedule", attempt=2) == (automatic, "reject")
    assert _verdict(policy, "schedule", path=".github/workflows/other.yml") == (automatic, "reject")
    assert _verdict(policy, "schedule", head_repository={"full_name": "mallory/web-shop"}) == (automatic, "reject")


@pytest.mark.parametrize("event", ["merge_group", "repository_dispatch", "an_event_of_tomorrow"])
def test_e8_an_event_that_nobody_has_thought_of_is_judged_like_any_other(policy: Policy, event: str) -> None:
    assert _verdict(policy, event, environment="staging") == ("staging", "approve")
    assert _verdict(policy, event)[0] == "production"
    assert _verdict(policy, event)[1] != "approve"


@pytest.fixture
def jobs() -> dict[str, Any]:
    text = (FOLDER / "deploy-with-protection.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["jobs"]
    return found


def test_e6_no_step_waits_since_the_job_is_held_before_its_first(jobs: dict[str, Any]) -> None:
    assert {name: "environment" in job for name, job in jobs.items()} == {"staging": True, "production": True}
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert [step for step in steps if "wait" in str(step).lower()] == []
    assert [step for step in steps if "secrets." in str(step.get("run"))] == [], "no secret stands in a script"


def test_e18_each_environment_has_a_group_of_its_own_and_what_deploys_goes_on(jobs: dict[str, Any]) -> None:
    groups = [job["concurrency"] for job in jobs.values()]
    assert [group["group"] for group in groups] == list(jobs)
    assert all(group["cancel-in-progress"] is False for group in groups)
