# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ready means for an object. Pure.

In: a live object and a condition. Out: whether it holds, and what to tell people while it does not.
Never here: a request, a clock.
"""

from __future__ import annotations

import typing as t

from . import order
from .objects import Condition, Object

GONE = "gone"


def holds(live: Object | None, condition: Condition) -> tuple[bool, str]:
    """Tell whether a condition holds on a live object, with a remark for people."""
    if condition.type == GONE:
        return live is None, "it is still there"
    if live is None:
        return False, "it is not there yet"
    met, said = _holds(live, condition)
    if met and condition.field and (live.get("status") or {}).get(condition.field) != condition.value:
        return False, f"its status.{condition.field} is not what it has to be"
    return met, said


def _holds(live: Object, condition: Condition) -> tuple[bool, str]:
    group = live["apiVersion"].rpartition("/")[0]
    wanted = condition.type or order.waits_for(group, live["kind"])
    if not wanted:
        return True, "it is there"
    if wanted == "rollout":
        return _rollout(live)
    return _condition(live, Condition(wanted, condition.status, condition.reason))


def failed_for_good(live: Object | None) -> str:
    """Return why waiting longer is useless, or nothing: a Job that failed does not complete any more."""
    for item in _conditions(live or {}):
        if live and live["kind"] == "Job" and item.get("type") == "Failed" and item.get("status") == "True":
            return str(item.get("message") or "it failed")
    return ""


def _conditions(live: Object) -> list[dict[str, t.Any]]:
    return (live.get("status") or {}).get("conditions") or []


def _observed(live: Object) -> bool:
    generation = live["metadata"].get("generation")
    seen = (live.get("status") or {}).get("observedGeneration")
    return generation is None or seen is None or seen >= generation


def _condition(live: Object, wanted: Condition) -> tuple[bool, str]:
    if not _observed(live):
        return False, "its latest change has not been seen yet"
    for item in _conditions(live):
        if item.get("type") != wanted.type:
            continue
        met = item.get("status") == wanted.status and (not wanted.reason or item.get("reason") == wanted.reason)
        parts = [f"{wanted.type}={item.get('status')}", item.get("reason") or "", item.get("message") or ""]
        return met, " ".join(part for part in parts if part)
    return False, f"it has no condition {wanted.type} yet"


def _rollout(live: Object) -> tuple[bool, str]:
    status = live.get("status") or {}
    if not _observed(live):
        return False, "its latest change has not been seen yet"
    if live["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        known = "desiredNumberScheduled" in status
    else:
        wanted = live["spec"].get("replicas", 1)
        updated = status.get("updatedReplicas", 0)
        available = status.get("availableReplicas", 0)
        known = "observedGeneration" in status
    done = known and updated >= wanted and available >= wanted
    return done, f"{min(updated, available)} of {wanted} replicas available"
