"""What Prometheus is told.

In: what happened, told by who did it; the store's counts at each look. Out: the text of /metrics. Never here: a name of
a person, a repository or a title as a label: what comes from outside must not grow without end.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_EVENTS = {
    "deployment_protection_rule",
    "deployment_review",
    "github_app_authorization",
    "installation",
    "installation_repositories",
    "ping",
}
# A decision takes seconds when nothing hinders it, and days when a freeze does.
_LATENCY = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 14_400.0, 86_400.0, 604_800.0)


class Metrics:
    """All figures of one process. ``clock`` answers seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        counter, gauge = self._counter, self._gauge
        self._deliveries = counter(
            "deliveries", "Requests by event and the status of the answer.", "app", "event", "status"
        )
        self._signatures = counter("signatures", "Deliveries by which secret had signed them.", "app", "secret")
        self._records = counter("records", "What came of deliveries, by the kind of record.", "kind")
        says = "Verdicts that were sent, by rule and environment; what a person decided has no rule."
        self._decisions = counter("decisions", says, "verdict", "rule", "environment")
        self._shadows = counter("shadow_verdicts", "Verdicts of rules that are only judged.", "rule", "verdict")
        self._latency = Histogram(
            "gate_decision_seconds",
            "From the delivery to the decision that GitHub took.",
            ("verdict",),
            registry=self.registry,
            buckets=_LATENCY,
        )
        self._found = counter("recovered", "Requests that had not arrived and were found, by where.", "app", "source")
        self._remaining = gauge("github_requests_remaining", "What GitHub's rate limit leaves.", "app", "resource")
        self._reset = gauge("github_limit_reset_seconds", "When the rate limit begins anew.", "app", "resource")
        self._requests = counter("github_requests", "Requests to GitHub by status.", "app", "status")
        self._tokens = counter("github_tokens", "Installation tokens that were made.", "app")
        self._offset = gauge("github_clock_offset_seconds", "How far GitHub's clock is ahead of ours.", "app")
        self._checked = gauge("app_ready", "1 when the App has the rights and the event that it needs.", "app")
        self._reloads = counter("reloads", "Reloads of policy, secrets and keys by result.", "result")
        self._policy = gauge("policy_info", "The policy in use, by its digest.", "digest")
        self._defects = counter("defects", "Faults of the gate itself, by the part that had them.", "part")

    def answered(self, app: str, event: str, status: int, secret: int | None) -> None:
        """Count a request by its answer; ``secret`` is the position of the one that had signed it, None for none."""
        self._deliveries.labels(app, event if event in _EVENTS else "other", str(status)).inc()
        if secret is not None:
            self._signatures.labels(app, str(secret)).inc()

    def recorded(self, kind: str) -> None:
        """Count a record of the audit log."""
        self._records.labels(kind).inc()

    def decided(self, verdict: str, rule: str, environment: str, seconds: float | None) -> None:
        """Count a decision that GitHub took, with the time since its delivery."""
        self._decisions.labels(verdict, rule, environment[:64]).inc()
        if seconds is not None:
            self._latency.labels(verdict).observe(max(seconds, 0.0))

    def shadowed(self, verdicts: Mapping[str, str]) -> None:
        """Count what rules said that are only judged."""
        for rule, verdict in verdicts.items():
            self._shadows.labels(rule, verdict).inc()

    def recovered(self, app: str, source: str, count: int = 1) -> None:
        """Count requests that were found in the log or by the sweep."""
        self._found.labels(app, source).inc(count)

    def heard(self, app: str, response: Any) -> None:
        """Take what GitHub's answer tells beside what was asked: limits, a token made, the time there."""
        headers = response.headers
        self._requests.labels(app, str(response.status_code)).inc()
        resource = headers.get("x-ratelimit-resource", "core")
        _set(self._remaining.labels(app, resource), headers.get("x-ratelimit-remaining"))
        _set(self._reset.labels(app, resource), headers.get("x-ratelimit-reset"))
        if response.status_code == 201 and response.request.url.path.endswith("/access_tokens"):
            self._tokens.labels(app).inc()
        theirs = _seconds(headers.get("date"))
        if theirs is not None:
            self._offset.labels(app).set(round(theirs - self._clock()))

    def checked(self, app: str, well: bool) -> None:
        """Take what the App's own check has found."""
        self._checked.labels(app).set(int(well))

    def reloaded(self, well: bool, digest: str) -> None:
        """Count a reload, and show which policy is in use now."""
        self._reloads.labels("done" if well else "refused").inc()
        self.uses(digest)

    def uses(self, digest: str) -> None:
        """Show which policy is in use."""
        self._policy.clear()
        self._policy.labels(digest).set(1)

    def defect(self, part: str) -> None:
        """Count a fault of ours."""
        self._defects.labels(part).inc()

    def watch(self, counts: Callable[[], Mapping[str, int]], oldest: Callable[[], float | None]) -> None:
        """Ask the store at each look how much waits in which state, and since when the oldest of it does."""
        self.registry.register(_Queue(counts, oldest, self._clock))

    def text(self) -> bytes:
        """Return what /metrics answers."""
        return generate_latest(self.registry)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"gate_{name}", says, labels, registry=self.registry)

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        return Gauge(f"gate_{name}", says, labels, registry=self.registry)


class _Queue:
    """Reads the store when Prometheus looks, so that the figures are true after a restart as well."""

    def __init__(
        self,
        counts: Callable[[], Mapping[str, int]],
        oldest: Callable[[], float | None],
        clock: Callable[[], float],
    ) -> None:
        self._counts = counts
        self._oldest = oldest
        self._clock = clock

    def describe(self) -> list[Metric]:
        """Say nothing before the store is there."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the depth of the queue by state, and how long the oldest entry waits for a worker."""
        try:
            counts, since = self._counts(), self._oldest()
        except Exception:  # noqa: BLE001  whatever the store has: the other figures are wanted most of all then
            yield GaugeMetricFamily("gate_store_readable", "1 when the store answers.", value=0)
            return
        yield GaugeMetricFamily("gate_store_readable", "1 when the store answers.", value=1)
        depth = GaugeMetricFamily("gate_queue_entries", "Entries that are open or dead, by state.", labels=["state"])
        for state, count in counts.items():
            depth.add_metric([state], count)
        yield depth
        age = 0.0 if since is None else max(self._clock() - since, 0.0)
        says = "Age of the oldest entry that waits for a worker."
        yield GaugeMetricFamily("gate_queue_oldest_seconds", says, value=age)


def _set(gauge: Gauge, text: str | None) -> None:
    if text is not None and text.isdigit():
        gauge.set(int(text))


def _seconds(text: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None
