"""What the programs of the platform's parts would answer: kwok plays the nodes, and here the rest of it is played.

In: a cluster. Out: certificates that are issued, gateways and routes that are taken, claims that have their volume.
Never here: an object of the platform's own, a status that a part's test judges.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.sandbox.api import Api, ApiError

Object = dict[str, Any]

_EVERY = 2.0
_CERTIFICATES = "/apis/cert-manager.io/v1/{}"
_GATEWAYS = "/apis/gateway.networking.k8s.io/v1/{}"


@dataclass
class Played:
    """Answers for controllers that cannot run here, until it is stopped."""

    api: Api
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> Played:
        self._thread = threading.Thread(target=self._loop, name="played", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(_EVERY):
            self.once()

    def once(self) -> None:
        """Answer whatever waits for an answer now."""
        for plural in ("certificates", "clusterissuers"):
            self._conditions(_CERTIFICATES.format(plural), "Ready")
        self._conditions(_GATEWAYS.format("gatewayclasses"), "Accepted")
        self._conditions(_GATEWAYS.format("gateways"), "Accepted", "Programmed")
        for route in self._list(_GATEWAYS.format("httproutes")):
            if not (route.get("status") or {}).get("parents"):
                self._status(route, {"parents": [_parent(entry) for entry in route["spec"].get("parentRefs") or []]})
        for claim in self._list("/api/v1/persistentvolumeclaims"):
            if not claim["spec"].get("volumeName"):
                self._volume(claim)

    def _list(self, path: str) -> list[Object]:
        try:
            return self.api.list(path)
        except (ApiError, OSError):
            # Its kind is not there yet, or the API server is being stopped.
            return []

    def _conditions(self, path: str, *types: str) -> None:
        for item in self._list(path):
            there = {entry["type"]: entry["status"] for entry in (item.get("status") or {}).get("conditions") or []}
            if any(there.get(name) != "True" for name in types):
                self._status(item, {"conditions": [_condition(name, item) for name in types]})

    def _status(self, item: Object, status: Object) -> None:
        self._quietly(lambda: self.api.patch(f"{self.api.path_of(item)}/status", {"status": status}))

    def _volume(self, claim: Object) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"played-{metadata['uid']}"},
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": spec["resources"]["requests"],
                "storageClassName": spec.get("storageClassName", ""),
                "claimRef": {"namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]},
                "hostPath": {"path": "/nowhere"},
            },
        }
        self._quietly(lambda: self.api.apply(volume))

    @staticmethod
    def _quietly(request: Any) -> None:
        try:
            request()
        except (ApiError, OSError):
            # Changed or deleted at this moment; the next look will tell.
            return


def _condition(name: str, item: Object) -> Object:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    generation = item["metadata"].get("generation", 1)
    return {
        "type": name,
        "status": "True",
        "reason": "Played",
        "message": "",
        "lastTransitionTime": now,
        "observedGeneration": generation,
    }


def _parent(reference: Object) -> Object:
    route: Object = {"metadata": {"generation": 1}}
    conditions = [_condition(name, route) for name in ("Accepted", "ResolvedRefs")]
    return {"parentRef": reference, "controllerName": "traefik.io/gateway-controller", "conditions": conditions}
