# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of ``kubernetes_objects_info`` to rows: what is there, and whether it is ready.

In: checked params. Out: a row an object. Never here: a write, a judgement of what has to be there.
"""

from __future__ import annotations

import time
import typing as t

from .._core.failure import invalid
from .._core.reconcile import Runtime
from . import compare, ready
from .objects import Condition, Object, ObjectKey, at_revision
from .product import Kubernetes

_POLL = 1.0
_SAY_EVERY = 10.0

Row = dict[str, t.Any]


def read(
    params: Row, products: t.Mapping[str, t.Any], runtime: Runtime, sleep: t.Callable[[float], None] = time.sleep
) -> list[Row]:
    """Return a row for each object that was asked for, after waiting for them when that is wanted.

    Raises Failure(invalid) for a reference without version or kind. A time that ran out is no failure: the rows say it.
    """
    kubernetes: Kubernetes = products["kubernetes"]
    wanted, own = params["wait_condition"], at_revision(params["wait_revision"])
    condition = Condition(wanted["type"], wanted["status"], wanted["reason"] or "") if wanted else own
    started = said_at = runtime.now()
    while True:
        rows = [row for reference in params["objects"] for row in _rows(reference, kubernetes, condition)]
        missing = [row for row in rows if not row["ready"]]
        now = runtime.now()
        if not (params["wait"] and missing) or now - started > params["wait_timeout"]:
            return rows if params["return_objects"] else [_without_object(row) for row in rows]
        if now - said_at >= _SAY_EVERY:
            said_at = now
            first = missing[0]
            runtime.progress(f"waiting for {first['kind']} {first['name']}: {first['said']} ({now - started:.0f} s)")
        sleep(_POLL)
        kubernetes.forget()


def _rows(reference: Row, kubernetes: Kubernetes, condition: Condition) -> list[Row]:
    version, kind = reference["api_version"], reference["kind"]
    namespace, name = reference["namespace"] or "", reference["name"] or ""
    if not (version and kind):
        raise invalid("objects", "one of them has no api_version or no kind")
    if name:
        key = ObjectKey(version, kind, namespace, name)
        return [_row(key, kubernetes.get(key), condition)]
    return [_row(ObjectKey.of(live), live, condition) for live in kubernetes.list(version, kind, namespace)]


def _row(key: ObjectKey, live: Object | None, condition: Condition) -> Row:
    met, said = ready.holds(live, condition)
    return {
        "api_version": key.api_version,
        "kind": key.kind,
        "namespace": key.namespace or None,
        "name": key.name,
        "there": live is not None,
        "ready": met,
        "said": said,
        "object": compare.presentable(live) if live else None,
    }


def _without_object(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "object"}
