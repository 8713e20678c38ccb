# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The face of the Kubernetes product: connect, plan, perform, and the reads that use cases need.

In: connection options, Objects, steps. Out: steps, results. Never here: another product, a tenant's name.
"""

from __future__ import annotations

import contextlib
import typing as t

from .._core.plan import Step
from .._core.reconcile import Runtime
from .._core.sensitive import Sensitive
from . import compare
from .approval import Approval, Approver
from .client import Client
from .cluster import Cluster
from .lease import Leases
from .memory import Memory, concealed
from .objects import Amend, Object, ObjectKey, Objects
from .perform import Performer
from .plan import Planner

LIBRARIES = ("kubernetes", "urllib3", "yaml")
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class Kubernetes:
    """A light handle, made for one reconcile."""

    name = "kubernetes"

    def __init__(self, client: Client, runtime: Runtime) -> None:
        self._client = client
        self._runtime = runtime
        self._memory = Memory(client)
        self._planner = Planner(client, self._memory, runtime)
        self._performer = Performer(client, self._memory, runtime)
        self._approver = Approver(client, self._memory, runtime)
        self._leases = Leases(client, runtime)

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Kubernetes:
        """Return a handle; nothing is read or sent yet."""
        return cls(Client(params, runtime), runtime)

    def plan(self, desired: Objects | Amend | Approval) -> list[Step]:
        """Return the steps for a set of objects, an amendment or an approval. Reads and asks dry runs only."""
        return self._approver.plan(desired) if isinstance(desired, Approval) else self._planner.plan(desired)

    def perform(self, step: Step) -> None:
        """Do one step."""
        if isinstance(step.desired, Approval):
            self._approver.perform(step.desired)
        else:
            self._performer.perform(step)

    def result(self, desired: Objects) -> t.Any:
        """Return the objects of a set as last known, in their order; absent ones are None."""
        lives = [self._memory.latest(key) for key in desired.keys]
        return [compare.presentable(live) if live else None for live in lives]

    def get(self, key: ObjectKey) -> Object | None:
        """Return a live object, or None when it, its namespace or its kind is absent."""
        return self._memory.read([key])[key]

    def get_many(self, keys: t.Sequence[ObjectKey]) -> dict[ObjectKey, Object | None]:
        """Return live objects, read side by side."""
        return self._memory.read(keys)

    def forget(self) -> None:
        """Read anew at the next question: something else may have written."""
        self._memory.expire()

    def list(
        self, api_version: str, kind: str, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[Object]:
        """Return all objects of a kind, narrowed by label and field selectors; none when the kind is not there."""
        if self._client.kind(api_version, kind) is None:
            return []
        query = {name: text for name, text in (("labelSelector", labels), ("fieldSelector", fields)) if text}
        path = self._client.collection(api_version, kind, namespace)
        objects: list[Object] = []
        while True:
            answer = self._client.get(path, {**query, "limit": "500"})
            objects += (answer or {}).get("items") or []
            query["continue"] = ((answer or {}).get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                break
        return [concealed({"apiVersion": api_version, "kind": kind, **item}) for item in objects]

    def who_is(self, token: Sensitive) -> Object:
        """Return whom the API server takes the bearer of a token for: ``username`` and ``groups``."""
        answer = self._client.showing(token).request(
            "POST", REVIEW, body={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}, on="yourself"
        )
        return dict(((answer.data or {}).get("status") or {}).get("userInfo") or {})

    def metrics(self) -> str:
        """Return the metrics of the API server, as it writes them."""
        return self._client.text("/metrics")

    @property
    def cluster(self) -> Cluster:
        """Questions about the cluster itself."""
        return Cluster(self._client, self._memory)

    @property
    def server(self) -> tuple[str, bytes]:
        """The address of the API server, and the certificates to trust for it (none: those of the machine)."""
        return self._client.server

    def lease(self, key: ObjectKey, labels: dict[str, str]) -> contextlib.AbstractContextManager[None]:
        """Return the right to write, held while its body runs."""
        return self._leases.held(key, labels)
