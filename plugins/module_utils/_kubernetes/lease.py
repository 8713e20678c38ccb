# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One writer at a time: a Lease of coordination.k8s.io, taken, renewed and given back (P2).

In: the Lease's name and who wants it. Out: the right to write, or a Failure that names the holder.
Never here: what is written under it.

A holder that was killed leaves its Lease. One on this machine whose process is gone is followed at once; any other
when its time is over.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import threading
import typing as t

from .._core.failure import Failure, Kind, known
from .._core.reconcile import Runtime
from .client import Client
from .objects import Object, ObjectKey

DURATION = 30
_RENEW_EVERY = 10.0
_GROUP = "coordination.k8s.io/v1"


def lease_key(namespace: str, name: str) -> ObjectKey:
    """Return the key of a Lease."""
    return ObjectKey(_GROUP, "Lease", namespace, name)


def is_live(lease: Object | None, now: float) -> bool:
    """Tell whether a Lease is held and not over. ``now`` in seconds since 1970."""
    spec = (lease or {}).get("spec") or {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return False
    return bool(now < _seconds(spec["renewTime"]) + spec.get("leaseDurationSeconds", DURATION))


def is_abandoned(lease: Object | None, now: float) -> bool:
    """Tell whether the holder of a Lease is gone: its time is over, or its process on this machine has ended."""
    if lease is None:
        return False
    holder = str((lease.get("spec") or {}).get("holderIdentity") or "")
    return not is_live(lease, now) or _dead_neighbour(holder)


class Leases:
    """Takes Leases of one cluster."""

    def __init__(self, client: Client, runtime: Runtime) -> None:
        self._client = client
        self._runtime = runtime

    @contextlib.contextmanager
    def held(self, key: ObjectKey, labels: dict[str, str]) -> t.Iterator[None]:
        """Hold a Lease while the body runs. Raises Failure(busy) while somebody else holds it."""
        lease = self._take(key, labels)
        stop = threading.Event()
        renewing = threading.Thread(target=self._keep, args=(key, lease, stop), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            stop.set()
            renewing.join()
            self._give_back(key)

    def _take(self, key: ObjectKey, labels: dict[str, str]) -> Object:
        live = self._client.get(self._client.path(key))
        if live is None:
            try:
                return self._write("POST", key, self._body(key, labels, None))
            except Failure as failure:
                if failure.status != 409:
                    raise
                live = self._client.get(self._client.path(key))
        if live is not None and self._in_other_hands(live):
            raise Failure(
                Kind.BUSY,
                tried="taking",
                on=str(key),
                said=f"{live['spec']['holderIdentity']} is working on it",
                remedy=f"Run again when it is done, at the latest {DURATION} s after it was killed",
            )
        return self._replace(key, labels, live)

    def _replace(self, key: ObjectKey, labels: dict[str, str], live: Object | None) -> Object:
        """Put our name and the time on a Lease, or find that an attempt whose answer was lost has done so."""
        try:
            return self._write("PUT", key, self._body(key, labels, live))
        except Failure as failure:
            if failure.status != 409:
                raise
            now = self._client.get(self._client.path(key))
            if now is not None and (now.get("spec") or {}).get("holderIdentity") == self._runtime.identity:
                return now
            raise Failure(
                Kind.BUSY, tried="taking", on=str(key), said="somebody else took it just now", remedy="Run again"
            ) from failure

    def _in_other_hands(self, lease: Object) -> bool:
        holder = str((lease.get("spec") or {}).get("holderIdentity") or "")
        return holder != self._runtime.identity and not is_abandoned(lease, self._runtime.now())

    def _keep(self, key: ObjectKey, lease: Object, stop: threading.Event) -> None:
        while not stop.wait(_RENEW_EVERY):
            # A renewal that fails is tried again at the next turn: the Lease outlives two of them.
            with contextlib.suppress(Failure):
                lease = self._replace(key, lease["metadata"].get("labels") or {}, lease)

    def _give_back(self, key: ObjectKey) -> None:
        """Delete the Lease if it is still ours; that this fails costs the next run some seconds, not its result."""
        with contextlib.suppress(Failure):
            live = self._client.get(self._client.path(key))
            if live and live["spec"].get("holderIdentity") == self._runtime.identity:
                body = {"preconditions": {"uid": live["metadata"]["uid"]}}
                self._client.request("DELETE", self._client.path(key), body=body, absent_ok=True)

    def _write(self, method: str, key: ObjectKey, body: Object) -> Object:
        path = self._client.path(key) if method == "PUT" else self._client.collection(_GROUP, "Lease", key.namespace)
        answer = self._client.request(method, path, body=body, on=str(key))
        return known(answer.data, "a write is answered with the object")

    def _body(self, key: ObjectKey, labels: dict[str, str], live: Object | None) -> Object:
        metadata: dict[str, t.Any] = {"name": key.name, "namespace": key.namespace, "labels": labels}
        if live is not None:
            metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        now = datetime.datetime.fromtimestamp(self._runtime.now(), datetime.UTC)
        text = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": self._runtime.identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": text,
            "renewTime": text,
        }
        return {"apiVersion": _GROUP, "kind": "Lease", "metadata": metadata, "spec": spec}


def _dead_neighbour(holder: str) -> bool:
    """Tell whether a holder ran on this machine and its process is gone; ``holder`` is ``user@host/pid``."""
    place, _slash, pid = holder.rpartition("/")
    if place.rpartition("@")[2] != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
