# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a knowledge base: its resource, the list of its repositories, a server if wanted.

In: KnowledgeBaseSpec, what the task wants, the product. Out: what should be, for present and for absent.
Never here: a literal object, a comparison, a request by hand.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind
from .._core.names import snake_keys
from .._core.plan import Desired
from .._core.reconcile import Outcome, Runtime, UseCase
from .._kubernetes.objects import Condition, Object, ObjectKey
from .._kubernetes.product import Kubernetes
from .._kubernetes.ready import holds
from . import in_git, names, status
from .knowledge_base_objects import Builder
from .settings import Settings, from_config_map, settings_key
from .specs import KnowledgeBaseSpec
from .status import Truth
from .tenant import Tenant, Wishes

_ANY = {"url": "https://github.com/example/example"}


@dataclass(frozen=True)
class Observed:
    """What a knowledge base's plan depends on; absent things are None."""

    settings: Settings
    resource: Object | None
    namespace: Object | None
    server: Object | None
    now: str = ""


class KnowledgeBase(Tenant):
    """A knowledge base that should be there, or not."""

    kind = names.KNOWLEDGE_BASE

    def __init__(self, spec: KnowledgeBaseSpec, wishes: Wishes, kubernetes: Kubernetes, runtime: Runtime) -> None:
        super().__init__(spec, wishes, kubernetes, runtime)
        self.spec = spec

    # observe --------------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Read the settings, the resource, its namespace and its server."""
        namespace = ObjectKey("v1", "Namespace", "", self.spec.namespace)
        server = self._server_key
        keys = [settings_key(), self.key, self.controller_key, self.lease_key, namespace, server]
        lives = self.kubernetes.get_many(keys)
        self.note(lives)
        settings = from_config_map(lives[settings_key()])
        return Observed(settings, lives[self.key], lives[namespace], lives[server], now=self.now())

    @property
    def _server_key(self) -> ObjectKey:
        return ObjectKey("apps/v1", "Deployment", self.spec.namespace, names.server_name(self.spec.name))

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order."""
        if self.wishes.present:
            return self._present(observed)
        return self._absent()

    def _present(self, observed: Observed) -> t.Sequence[Desired]:
        self._check(observed)
        if self.under_controller:
            return [self.resource_desired()]
        builder = Builder(self.spec, observed.settings, self.owner)
        objects = [builder.repositories()]
        if self.spec.mcp_server is not None:
            objects += [builder.server(), builder.service()]
        return [
            self.resource_desired(),
            *self.first_status(),
            self.owned("objects", *objects, recorded=True),
            *self._readiness(),
            self.status_desired(self._status(observed, builder)),
        ]

    def _check(self, observed: Observed) -> None:
        """Raise Failure for what only a look can show, before anything is written."""
        if ((observed.resource or {}).get("metadata") or {}).get("deletionTimestamp"):
            raise self._refused(
                Kind.REFUSED, "it is being deleted", "Run offboard to the end first, then onboard again"
            )
        if observed.namespace is None:
            raise self._refused(
                Kind.MISSING, f"the namespace {self.spec.namespace} is not there", "Make it, or choose another one"
            )

    def _refused(self, kind: Kind, said: str, remedy: str) -> Failure:
        return Failure(kind, tried="provisioning", on=str(self.key), said=said, remedy=remedy)

    def _readiness(self) -> list[Desired]:
        if self.spec.mcp_server is None or not self.wishes.wait:
            return []
        return [self.waits((self._server_key, Condition()))]

    def _status(self, observed: Observed, builder: Builder) -> status.Status:
        # A run that waits has seen the server ready before it writes; one that does not tells what it saw.
        wanted = self.spec.mcp_server is not None
        serving = not wanted or self.wishes.wait or holds(observed.server, Condition())[0]
        message = f"Tracking {len(self.spec.repositories)} repositories"
        truths = [Truth("RepositoriesReady", message=message)]
        if wanted:
            truths.append(Truth("ServerReady", serving, "" if serving else "Waiting"))
        said = message if serving else f"{message}; waiting for {builder.server_name}"
        return {
            "phase": status.READY if serving else status.PROVISIONING,
            "message": said,
            "repositoryCount": len(self.spec.repositories),
            "mcp": self._server_status(observed, builder) if wanted else {"deployed": False},
            "conditions": status.conditions(
                self.recorded_status,
                [*truths, Truth("Ready", serving, "" if serving else "Waiting", said)],
                observed.now,
            ),
        }

    def _server_status(self, observed: Observed, builder: Builder) -> dict[str, t.Any]:
        seen = ((observed.server or {}).get("status") or {}).get("readyReplicas", 0)
        return {
            "deployed": True,
            "serviceName": builder.server_name,
            "serviceURL": builder.server_url,
            "readyReplicas": builder.replicas if self.wishes.wait else seen,
        }

    # absent ---------------------------------------------------------------------------------------------------------

    def _absent(self) -> t.Sequence[Desired]:
        if self.under_controller:
            gone = [self.waits((self.key, Condition("gone")))] if self.wishes.wait else []
            return [self.resource_leaving(), *gone]
        return [self.resource_leaving(), self.gone("objects", recorded=True), *self.resource_gone()]

    # result ---------------------------------------------------------------------------------------------------------

    def result(self, outcome: Outcome) -> dict[str, t.Any] | None:
        """Return what people and later tasks need to know of the knowledge base; None when it is gone."""
        if not self.wishes.present:
            return None
        observed: Observed = outcome.observed
        builder = Builder(self.spec, observed.settings, self.owner)
        return {
            **self.shown(outcome),
            "repository_count": len(self.spec.repositories),
            "mcp": snake_keys(self._server_status(observed, builder)) if self.spec.mcp_server is not None else None,
        }


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> UseCase:
    """Return the use case for checked options. Raises Failure(invalid) for what the input alone shows to be wrong."""
    wishes = Wishes.from_params(params)
    if not wishes.present:
        # To leave, a name is enough: what there is stands in the inventory.
        params = {**params, "display_name": params["name"], "repositories": [dict(_ANY)]}
    spec = KnowledgeBaseSpec.from_params(params)
    if in_git.is_wanted(params):
        return in_git.knowledge_base(spec, wishes, params, products)
    return KnowledgeBase(spec, wishes, products["kubernetes"], runtime)


def read(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return all knowledge bases, or those of a name, as the resources tell them."""
    found = products["kubernetes"].list(names.API_VERSION, names.KNOWLEDGE_BASE, params.get("namespace") or "")
    return [row(item) for item in found if params.get("name") in (None, item["metadata"]["name"])]


def row(resource: Object) -> dict[str, t.Any]:
    """Return one knowledge base for people and later tasks."""
    body, spec = resource.get("status") or {}, resource.get("spec") or {}
    server = body.get("mcp") or {}
    return {
        "name": resource["metadata"]["name"],
        "namespace": resource["metadata"]["namespace"],
        "display_name": spec.get("displayName"),
        "phase": body.get("phase") or status.PENDING,
        "message": body.get("message") or "",
        "repository_count": len(spec.get("repositories") or []),
        "mcp": snake_keys(server) if server.get("deployed") else None,
        "conditions": body.get("conditions") or [],
        "deleting": bool(resource["metadata"].get("deletionTimestamp")),
    }
