"""The figures of /metrics: counted by what happened, bounded whatever comes from outside."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from services.gate.metrics import Metrics

_NOW = 1_800_000_000.0


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: _NOW)


def _figure(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def _answer(status: int, path: str, headers: dict[str, str]) -> Any:
    return SimpleNamespace(status_code=status, headers=headers, request=SimpleNamespace(url=SimpleNamespace(path=path)))


def test_deliveries_are_counted_by_answer_and_by_the_secret_that_fitted(metrics: Metrics) -> None:
    metrics.answered("acme", "deployment_protection_rule", 202, 1)
    metrics.answered("acme", "", 401, None)
    assert _figure(metrics, "gate_signatures_total", app="acme", secret="1") == 1
    assert _figure(metrics, "gate_deliveries_total", app="acme", event="other", status="401") == 1


def test_what_comes_from_outside_makes_no_figure_of_its_own(metrics: Metrics) -> None:
    for number in range(100):
        metrics.answered("acme", f"event-{number}", 202, 0)
    assert _figure(metrics, "gate_deliveries_total", app="acme", event="other", status="202") == 100
    assert b"event-7" not in metrics.text()


def test_answers_of_github_tell_limits_tokens_and_the_clock(metrics: Metrics) -> None:
    limits = {"x-ratelimit-remaining": "4711", "x-ratelimit-reset": "1800000600", "x-ratelimit-resource": "core"}
    metrics.heard("acme", _answer(200, "/app", {**limits, "date": "Fri, 15 Jan 2027 08:01:30 GMT"}))
    metrics.heard("acme", _answer(201, "/app/installations/7/access_tokens", {}))
    metrics.heard("acme", _answer(200, "/app", {"date": "never", "x-ratelimit-remaining": "many"}))
    assert _figure(metrics, "gate_github_requests_remaining", app="acme", resource="core") == 4711
    assert _figure(metrics, "gate_github_clock_offset_seconds", app="acme") == 90
    assert _figure(metrics, "gate_github_tokens_total", app="acme") == 1
    assert _figure(metrics, "gate_github_requests_total", app="acme", status="200") == 2


def test_the_queue_is_asked_at_each_look(metrics: Metrics) -> None:
    counts = {"received": 2}
    metrics.watch(lambda: counts, lambda: _NOW - 30)
    assert _figure(metrics, "gate_queue_entries", state="received") == 2
    assert _figure(metrics, "gate_queue_oldest_seconds") == 30
    counts["received"] = 5
    assert _figure(metrics, "gate_queue_entries", state="received") == 5


def test_a_store_that_does_not_answer_hides_no_other_figure(metrics: Metrics) -> None:
    def counts() -> dict[str, int]:
        raise OSError("disk I/O error")

    metrics.watch(counts, lambda: None)
    metrics.recorded("decided")
    assert _figure(metrics, "gate_store_readable") == 0
    assert _figure(metrics, "gate_records_total", kind="decided") == 1


def test_the_policy_in_use_is_one(metrics: Metrics) -> None:
    metrics.uses("old")
    metrics.reloaded(True, "new")
    assert _figure(metrics, "gate_policy_info", digest="new") == 1
    assert _figure(metrics, "gate_policy_info", digest="old") is None
