# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request for a certificate that should be approved and signed.

In: the request's key and why it is approved. Out: at most one step. Never here: what the request asks for, a key.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind
from .._core.plan import Change, Step
from .._core.reconcile import Runtime
from .client import Client
from .memory import Memory
from .objects import Object, ObjectKey

API_VERSION, KIND = "certificates.k8s.io/v1", "CertificateSigningRequest"
APPROVED = "Approved"
_REFUSED = ("Denied", "Failed")
_PAUSE = 0.2


@dataclass(frozen=True)
class Approval:
    """A request that should be approved, and have its certificate."""

    name: str
    message: str
    wait_timeout: float = 60.0
    present: bool = True
    product: str = "kubernetes"

    @property
    def key(self) -> ObjectKey:
        """The request."""
        return ObjectKey(API_VERSION, KIND, "", self.name)

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.key} approval"


class Approver:
    """Approves requests of one cluster."""

    def __init__(
        self, client: Client, memory: Memory, runtime: Runtime, sleep: t.Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._memory = memory
        self._runtime = runtime
        self._sleep = sleep

    def plan(self, desired: Approval) -> list[Step]:
        """Return the step that is left: to approve and wait, or to wait alone."""
        live = self._memory.read([desired.key])[desired.key]
        if condition(live, APPROVED) and certificate(live):
            return []
        change = None if condition(live, APPROVED) else Change({APPROVED: False}, {APPROVED: True})
        return [Step("kubernetes", "approve" if change else "wait", desired.title, desired, change)]

    def perform(self, desired: Approval) -> None:
        """Approve by the subresource that is there for it, and wait until the certificate is signed."""
        self._memory.expire()
        path = self._client.path(desired.key)
        until = self._runtime.now() + desired.wait_timeout
        while True:
            live = self._client.request("GET", path, on=str(desired.key)).data or {}
            refuse(live, desired.key)
            if certificate(live):
                self._memory.note(desired.key, live)
                return
            if not condition(live, APPROVED):
                self._approve(path, live, desired)
            elif self._runtime.now() > until:
                raise Failure(
                    Kind.TIMEOUT,
                    tried="waiting for the certificate of",
                    on=str(desired.key),
                    said=f"it is approved, and not signed within {desired.wait_timeout:g} s",
                    remedy="See whether the controller manager signs: it needs --cluster-signing-cert-file",
                )
            else:
                self._sleep(_PAUSE)

    def _approve(self, path: str, live: Object, desired: Approval) -> None:
        entry = {"type": APPROVED, "status": "True", "reason": "ApprovedByAphexPlatform", "message": desired.message}
        known = (live.get("status") or {}).get("conditions") or []
        body = {**live, "status": {**(live.get("status") or {}), "conditions": [*known, entry]}}
        try:
            self._client.request("PUT", f"{path}/approval", body=body, on=str(desired.key))
        except Failure as failure:
            # Somebody wrote in between, or an earlier try of ours took effect: the next look tells.
            if failure.status != 409:
                raise


def condition(live: Object | None, name: str) -> Object | None:
    """Return a condition of a request that holds."""
    found = ((live or {}).get("status") or {}).get("conditions") or []
    return next((item for item in found if item.get("type") == name and item.get("status") == "True"), None)


def certificate(live: Object | None) -> str:
    """Return the signed certificate in base64, empty when there is none yet."""
    return str(((live or {}).get("status") or {}).get("certificate") or "")


def refuse(live: Object | None, key: ObjectKey) -> None:
    """Raise Failure(denied) for a request that will never be signed."""
    for name in _REFUSED:
        found = condition(live, name)
        if found:
            raise Failure(
                Kind.DENIED,
                tried="having a certificate signed by",
                on=str(key),
                said=f"{name.lower()}: {found.get('message') or found.get('reason') or 'without a reason'}",
                remedy="Delete the request, then run again",
            )
