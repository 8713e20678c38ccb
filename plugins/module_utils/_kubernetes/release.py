# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What keeps an object from going that may be ended, and why it is still there. Pure.

In: a live object whose deletion was asked for. Out: the patch that lets it go, words for people. Never here: a request.
"""

from __future__ import annotations

from .objects import Object

_APPLICATION = ("argoproj.io", "Application")


def ending(live: Object) -> Object:
    """Return the merge patch that ends what an object waits for before it goes; empty when nothing is to be ended.

    Argo CD deletes no Application while a sync of it runs, and one that is told to try for ever never ends by itself.
    This is what the command ``argocd app terminate-op`` does.
    """
    if (live["apiVersion"].rpartition("/")[0], live["kind"]) != _APPLICATION or not live.get("operation"):
        return {}
    phase = ((live.get("status") or {}).get("operationState") or {}).get("phase")
    if phase == "Terminating":
        return {}
    version = {"resourceVersion": live["metadata"]["resourceVersion"]}
    # One that was asked for and not begun is taken back.
    begun = {"status": {"operationState": {"phase": "Terminating"}}}
    return {"metadata": version, **(begun if phase == "Running" else {"operation": None})}


def why_not_gone(live: Object) -> str:
    """Return what holds an object, in the words of its finalizers and conditions."""
    metadata = live["metadata"]
    finalizers = [*(metadata.get("finalizers") or []), *((live.get("spec") or {}).get("finalizers") or [])]
    # Conditions of an Application have no status: one that stands there holds.
    messages = [
        item["message"]
        for item in (live.get("status") or {}).get("conditions") or []
        if item.get("status", "True") == "True" and item.get("message")
    ]
    held = f"it is held by {', '.join(finalizers)}" if finalizers else "it is still there"
    return "; ".join([held, *messages])
