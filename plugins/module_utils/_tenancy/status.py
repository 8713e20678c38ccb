# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Phases and conditions of a tenant's resource. Pure.

In: the status as it is, what is true now, the time. Out: the status as it should be.
Never here: a clock, a read. A time is written only together with something that changed (row 31).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Status = dict[str, t.Any]

PENDING, PROVISIONING, READY, FAILED = "Pending", "Provisioning", "Ready", "Failed"


@dataclass(frozen=True)
class Truth:
    """One condition as it is now."""

    type: str
    met: bool | None = True
    reason: str = ""
    message: str = ""

    @property
    def status(self) -> str:
        """The condition's status in Kubernetes' words."""
        return "Unknown" if self.met is None else str(self.met)


def conditions(before: Status, truths: t.Iterable[Truth], now: str) -> list[Status]:
    """Return the conditions; one whose status stays keeps its transition time."""
    old = {item.get("type"): item for item in before.get("conditions") or []}
    answer = []
    for truth in truths:
        same = old.get(truth.type, {}).get("status") == truth.status
        answer.append(
            {
                "type": truth.type,
                "status": truth.status,
                "reason": truth.reason or ("Provisioned" if truth.met else "Failed"),
                "message": truth.message,
                "lastTransitionTime": old[truth.type]["lastTransitionTime"] if same else now,
            }
        )
    return answer


def blocked(before: Status, message: str, now: str) -> Status:
    """Return the status of a tenant that waits for others before it can leave; its phase stays (P30)."""
    return {**_unready(before, message, "Blocked", now), "phase": before.get("phase") or PENDING}


def failed(before: Status, message: str, reason: str, now: str) -> Status:
    """Return the status after a failure: what was recorded stays, the phase and the condition Ready change."""
    return {**_unready(before, message, reason, now), "phase": FAILED}


def _unready(before: Status, message: str, reason: str, now: str) -> Status:
    kept = [
        Truth(item["type"], {"True": True, "False": False}.get(item["status"]), item["reason"], item.get("message", ""))
        for item in before.get("conditions") or []
        if item.get("type") != "Ready"
    ]
    text = message[:1024]
    return {
        **{name: value for name, value in before.items() if name != "observedGeneration"},
        "message": text,
        "conditions": conditions(before, [*kept, Truth("Ready", False, reason, text)], now),
    }
