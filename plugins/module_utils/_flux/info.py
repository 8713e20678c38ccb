# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of the Receivers of a cluster.

In: a namespace, a name, Kubernetes. Out: plain rows, with the sources of each and when they were last asked to look.
Never here: a write, a token.
"""

from __future__ import annotations

import typing as t

from .._core.reconcile import Runtime
from .._core.sensitive import MASK, Sensitive
from .._kubernetes.objects import Object, ObjectKey
from .._kubernetes.product import Kubernetes
from .receiver_objects import REQUESTED_AT
from .spec import API_VERSION, EVERY_NAME, KIND, SOURCE_VERSIONS, TYPES, Type


def read(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return the Receivers of a namespace, or of all, in the order of their names."""
    kubernetes: Kubernetes = products["kubernetes"]
    if params["name"] and params["namespace"]:
        found = kubernetes.get(ObjectKey(API_VERSION, KIND, params["namespace"], params["name"]))
        receivers = [found] if found else []
    else:
        receivers = kubernetes.list(API_VERSION, KIND, params["namespace"] or "")
        receivers = [item for item in receivers if params["name"] in (None, "", item["metadata"]["name"])]
    receivers.sort(key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))
    return [_row(kubernetes, item, params["return_secrets"]) for item in receivers]


def ready_condition(receiver: Object) -> dict[str, t.Any]:
    """Return the condition Ready of a live Receiver, empty when it has none yet."""
    conditions = (receiver.get("status") or {}).get("conditions") or []
    return next((dict(item) for item in conditions if item.get("type") == "Ready"), {})


def sources_of(kubernetes: Kubernetes, receiver: Object) -> list[dict[str, t.Any]]:
    """Return what a delivery would poll, with the last time that this was asked; ``*`` is resolved by its labels."""
    rows = []
    for item in receiver["spec"].get("resources") or []:
        namespace = item.get("namespace") or receiver["metadata"]["namespace"]
        version = item.get("apiVersion") or SOURCE_VERSIONS.get(item["kind"], "")
        if item["name"] == EVERY_NAME:
            labels = ",".join(f"{name}={value}" for name, value in (item.get("matchLabels") or {}).items())
            found = kubernetes.list(version, item["kind"], namespace, labels)
            rows += [_source(item["kind"], namespace, live["metadata"]["name"], live) for live in found]
            continue
        key = ObjectKey(version, item["kind"], namespace, item["name"])
        rows.append(_source(item["kind"], namespace, item["name"], kubernetes.get(key)))
    return rows


def _source(kind: str, namespace: str, name: str, live: Object | None) -> dict[str, t.Any]:
    annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
    return {
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "found": live is not None,
        "requested_at": annotations.get(REQUESTED_AT),
    }


def _row(kubernetes: Kubernetes, receiver: Object, shown: bool) -> dict[str, t.Any]:
    spec, status = receiver["spec"], receiver.get("status") or {}
    ready = ready_condition(receiver)
    path = status.get("webhookPath") or None
    alone = TYPES.get(spec["type"], Type()).path_alone
    return {
        "name": receiver["metadata"]["name"],
        "namespace": receiver["metadata"]["namespace"],
        "type": spec["type"],
        "events": spec.get("events") or [],
        "resource_filter": spec.get("resourceFilter"),
        "secret_name": (spec.get("secretRef") or {}).get("name"),
        "webhook_path": Sensitive(path) if path and alone and not shown else path,
        "path_is_secret": alone,
        "suspended": bool(spec.get("suspend")),
        "ready": ready.get("status") == "True",
        "reason": ready.get("reason"),
        # Flux names the path in it.
        "message": str(ready.get("message") or "").replace(path, MASK)
        if path and alone and not shown
        else ready.get("message"),
        "sources": sources_of(kubernetes, receiver),
    }
