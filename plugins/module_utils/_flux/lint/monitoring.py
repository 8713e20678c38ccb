# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of what watches: monitors, rules, dashboards, alerts.

In: Manifests. Out: what is wrong, a function a fault. Never here: a request.
"""

from __future__ import annotations

import re
import typing as t

from ..manifests import Manifest, Manifests, mapping, mappings
from .rule import Rule, Seen, declared

RULES: list[Rule] = []
CONTROLLER = "notification-controller"
SOURCE_KINDS = frozenset(
    (
        "ArtifactGenerator",
        "Bucket",
        "ExternalArtifact",
        "GitRepository",
        "HelmChart",
        "HelmRelease",
        "HelmRepository",
        "ImagePolicy",
        "ImageRepository",
        "ImageUpdateAutomation",
        "Kustomization",
        "OCIRepository",
    )
)
_HTTP = ("request_duration_seconds", "response_size_bytes", "requests_inflight")
# What notification-controller exports about webhooks and events; checked against the real one.
METRICS = frozenset(f"gotk_{side}_http_{name}" for side in ("receiver", "event") for name in _HTTP)
_OF_WEBHOOKS = re.compile(r"\bgotk_(?:webhook|receiver|event)_\w+")
_SUFFIX = re.compile(r"_(?:bucket|count|sum)$")
_JOB = re.compile(r"\bup\{[^}]*\bjob=\"([^\"]+)\"")
_COUNTER_IS_ZERO = re.compile(r"(?<![\w(])(\w+_(?:total|requests|count))(?:\{[^}]*\})?\s*==\s*0")
_STATUS_CODE = re.compile(r"gotk_\w+\{[^}]*\bstatus_code\b")


def expressions(manifests: Manifests) -> t.Iterator[tuple[Manifest, str, str]]:
    """Yield every expression of rules, with its manifest and the name of its alert."""
    for item in manifests.of("PrometheusRule"):
        for group in mappings(item.spec.get("groups")):
            for rule in mappings(group.get("rules")):
                yield item, str(rule.get("alert") or rule.get("record") or ""), str(rule.get("expr") or "")


def _texts(manifests: Manifests) -> t.Iterator[tuple[Manifest, str, str]]:
    """Yield expressions and dashboards."""
    yield from expressions(manifests)
    for item in manifests.of("ConfigMap"):
        for name, text in mapping(item.obj.get("data")).items():
            if str(name).endswith(".json"):
                yield item, str(name), str(text)


@declared(
    RULES, "A9", "error", "monitoring", "Use a PodMonitor: app: notification-controller, port http-prom, /metrics"
)
def monitor_selects_nothing(manifests: Manifests) -> Seen:
    """Flux's Services have neither the label nor the port of the metrics; the pods have."""
    for item in manifests.of("ServiceMonitor"):
        labels = mapping(mapping(item.spec.get("selector")).get("matchLabels"))
        ports = [str(row.get("port")) for row in mappings(item.spec.get("endpoints"))]
        if labels.get("app") == CONTROLLER or (CONTROLLER in str(labels) and "http-prom" in ports):
            yield item, "no Service carries this label and has this port, so nothing is read"


@declared(
    RULES, "A10", "error", "monitoring", "Read gotk_receiver_http_request_duration_seconds_count, whose label is code"
)
def metric_is_made_up(manifests: Manifests) -> Seen:
    """A metric or a label that nobody exports: the alert never fires."""
    for item, name, text in _texts(manifests):
        for metric in dict.fromkeys(_OF_WEBHOOKS.findall(text)):
            if _SUFFIX.sub("", metric) not in METRICS:
                yield item, f"{name}: there is no metric {metric}"
        if _STATUS_CODE.search(text):
            yield item, f"{name}: there is no label status_code"


@declared(RULES, "A11", "error", "monitoring", 'Write up{job="<namespace>/<PodMonitor>"} == 0 or absent(up{...})')
def job_is_another(manifests: Manifests) -> Seen:
    """The job of a PodMonitor is its namespace and name; and what is absent is not 0."""
    jobs = {f"{item.namespace}/{item.name}" for item in manifests.of("PodMonitor")}
    for item, name, text in expressions(manifests):
        for job in _JOB.findall(text):
            if "flux" not in job and CONTROLLER not in job:
                continue
            if "/" not in job or (jobs and job not in jobs):
                yield item, f"{name}: no monitor gives the job {job}"
            if "absent(" not in text:
                yield item, f"{name}: a series that is gone is not 0, so this never fires"


@declared(RULES, "A12", "error", "monitoring", "Watch GitHub's delivery log, or probe; quiet minutes are no fault")
def counter_is_zero(manifests: Manifests) -> Seen:
    """A counter is never 0 again after the first request, and not there before it."""
    for item, name, text in expressions(manifests):
        for metric in _COUNTER_IS_ZERO.findall(text):
            yield item, f"{name}: {metric} is a counter"


@declared(
    RULES,
    "A13",
    "error",
    "monitoring",
    "Name sources, Kustomizations or HelmReleases; a Receiver has plain Events alone",
)
def alert_names_a_receiver(manifests: Manifests) -> Seen:
    """The API refuses an Alert for a kind that sends no events to Flux."""
    for item in manifests.of("Alert"):
        for row in mappings(item.spec.get("eventSources")):
            if row.get("kind") not in SOURCE_KINDS:
                yield item, f"{row.get('kind')} is no source of events"


@declared(RULES, "A14", "warning", "monitoring", "Make the Provider in the same namespace; write eventMetadata.summary")
def provider_is_missing(manifests: Manifests) -> Seen:
    """An Alert whose Provider nobody has made, or with a field that is going away."""
    for item in manifests.of("Alert"):
        provider = str(mapping(item.spec.get("providerRef")).get("name"))
        if manifests.find("Provider", item.namespace, provider) is None:
            yield item, f"there is no Provider {item.namespace}/{provider}"
        if item.spec.get("summary"):
            yield item, "summary is deprecated"
