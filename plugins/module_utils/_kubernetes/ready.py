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
    if wanted == order.SYNCED:
        return _synced(live, condition.revision)
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
    # What is available may be of before: while there are more than were updated, old ones have still to go.
    left = max(status.get("replicas", 0) - updated, 0) if live["kind"] == "Deployment" else 0
    done = known and updated >= wanted and available >= wanted and not left
    said = f"{min(updated, available)} of {wanted} replicas available"
    return done, f"{said}, {left} of before are left" if left else said


def _synced(live: Object, revision: str) -> tuple[bool, str]:
    """Tell whether Argo CD has brought an Application's source, as its spec names it now, and found it healthy."""
    status = live.get("status") or {}
    sync, operation = status.get("sync") or {}, status.get("operationState") or {}
    health = (status.get("health") or {}).get("status") or "health unknown"
    said = [f"{sync.get('status') or 'not compared yet'}, {health}"]
    remarks = [_of_another_source(live, sync), _of_another_revision(sync, revision), _still_syncing(live, operation)]
    said += [remark for remark in remarks if remark]
    met = len(said) == 1 and sync.get("status") == "Synced" and health == "Healthy"
    return met, "; ".join(said if met else [*said, *_complaints(status, operation)])


def _of_another_source(live: Object, sync: dict[str, t.Any]) -> str:
    """Say when the state is that of what the spec said before: Argo CD keeps no observedGeneration."""
    compared = sync.get("comparedTo")
    seen = bool(compared) and _place(compared or {}) == _place(live.get("spec") or {})
    return "" if seen else "its latest change has not been seen yet"


def _place(holder: dict[str, t.Any]) -> list[tuple[t.Any, ...]]:
    """Return what decides where content comes from and goes to; details may be stored in another form."""
    sources = holder.get("sources") or [holder.get("source") or {}]
    destination = holder.get("destination") or {}
    places = [
        tuple(source.get(name) or "" for name in ("repoURL", "path", "chart", "targetRevision")) for source in sources
    ]
    return [*places, tuple(destination.get(name) or "" for name in ("server", "name", "namespace"))]


def _of_another_revision(sync: dict[str, t.Any], revision: str) -> str:
    found = [sync.get("revision"), *(sync.get("revisions") or [])]
    known = [item for item in found if item]
    if not revision or any(item.startswith(revision) for item in known):
        return ""
    return f"at {', '.join(known) or 'no revision'} and not at {revision}"


def _still_syncing(live: Object, operation: dict[str, t.Any]) -> str:
    return "a sync is running" if live.get("operation") or operation.get("phase") == "Running" else ""


def _complaints(status: dict[str, t.Any], operation: dict[str, t.Any]) -> list[str]:
    """Return what went wrong in Argo CD's own words: a failed or repeated sync, and errors of the Application."""
    tried = operation.get("phase") in ("Failed", "Error") or bool(operation.get("retryCount"))
    said = [f"the sync failed: {operation['message']}"] if tried and operation.get("message") else []
    errors = [item for item in status.get("conditions") or [] if str(item.get("type", "")).endswith("Error")]
    return [*said, *(f"{item['type']}: {item.get('message', '')}" for item in errors)]
