# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the use cases of the three kinds share: the resource, its status, the right to write, one writer at a time.

In: a spec and the products. Out: parts of what should be. Never here: what one kind alone consists of.
"""

from __future__ import annotations

import contextlib
import datetime
import typing as t
from dataclasses import dataclass

from .._clock import Pause
from .._core.failure import Failure, Kind
from .._core.names import short_hash
from .._core.plan import Desired
from .._core.reconcile import Outcome, Runtime
from .._kubernetes.lease import is_abandoned, is_live, lease_key
from .._kubernetes.objects import OWNER_UID, Amend, Condition, Object, ObjectKey, Objects, Owner
from .._kubernetes.product import Kubernetes
from . import names, status
from .settings import Settings, from_config_map
from .specs import Spec
from .webhook import TenantWebhook

_EXPORT = "aphex-export-"


@dataclass(frozen=True)
class Wishes:
    """What a run wants beside the spec: options of the task, not fields of the resource."""

    present: bool = True
    adopt: bool = False
    wait: bool = True
    wait_timeout: float = 300.0
    confirm: str = ""
    rotate: bool = False

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Wishes:
        """Return the wishes of checked options."""
        return cls(
            present=params["state"] == "present",
            adopt=bool(params.get("adopt")),
            wait=bool(params.get("wait", True)),
            wait_timeout=float(params.get("wait_timeout") or 300),
            confirm=str(params.get("confirm") or ""),
            rotate=bool(params.get("rotate_webhook_secret")),
        )


def resource_of(key: ObjectKey, spec: Spec, annotations: dict[str, str]) -> Object:
    """Return the resource of a tenant, which leaves only when nothing of the tenant is left."""
    metadata: dict[str, t.Any] = {
        "name": key.name,
        "namespace": key.namespace,
        "annotations": dict(annotations),
        "finalizers": [names.FINALIZER],
    }
    return {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata, "spec": spec.to_resource()}


class Tenant:
    """Base of the use cases; a subclass has ``observe`` and ``desired``."""

    kind: str

    def __init__(self, spec: Spec, wishes: Wishes, kubernetes: Kubernetes, runtime: Runtime) -> None:
        self.wishes = wishes
        self.kubernetes = kubernetes
        self.runtime = runtime
        self.key = ObjectKey(names.API_VERSION, self.kind, spec.namespace, spec.name)
        self.owner = Owner(self.kind, spec.name, spec.namespace)
        self.inventory = ObjectKey(
            "v1", "ConfigMap", names.PLATFORM_NAMESPACE, names.inventory_name(self.kind, self._unique(spec))
        )
        self._spec = spec
        self._resource: Object | None = None
        self._under_controller = False
        self._abandoned = False

    def _unique(self, spec: Spec) -> str:
        """Return a name that is unique in the platform's namespace: two organizations may use one binding name."""
        return spec.name if spec.namespace == names.PLATFORM_NAMESPACE else f"{spec.namespace}.{spec.name}"

    # reading --------------------------------------------------------------------------------------------------------

    @property
    def controller_key(self) -> ObjectKey:
        """The key of the controller's Lease."""
        return lease_key(names.PLATFORM_NAMESPACE, names.CONTROLLER_LEASE)

    @property
    def lease_key(self) -> ObjectKey:
        """The key of the tenant's own Lease."""
        return lease_key(names.PLATFORM_NAMESPACE, names.tenant_lease(self.kind, self._unique(self._spec)))

    def note(self, lives: dict[ObjectKey, Object | None]) -> None:
        """Remember what was observed of the resource, of the controller and of the tenant's Lease."""
        controller = lives[self.controller_key]
        self._resource = lives[self.key]
        self._abandoned = is_abandoned(lives[self.lease_key], self.runtime.now())
        holder = str(((controller or {}).get("spec") or {}).get("holderIdentity") or "")
        self._under_controller = is_live(controller, self.runtime.now()) and holder != self.runtime.identity

    @property
    def under_controller(self) -> bool:
        """True while a controller does the work: then only the resource is ours to write (P2)."""
        return self._under_controller

    def now(self) -> str:
        """Return the time as resources write it."""
        time = datetime.datetime.fromtimestamp(self.runtime.now(), datetime.UTC)
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def recorded_status(self) -> status.Status:
        """The status as observed."""
        return dict((self._resource or {}).get("status") or {})

    def settings(self, live: Object | None, recorded: Settings | None) -> Settings:
        """Return the platform's settings; to leave, what the tenant itself has recorded will do (P4).

        Raises Failure when they are absent or wrong, and nothing recorded tells enough.
        """
        try:
            return from_config_map(live)
        except Failure:
            if self.wishes.present or recorded is None:
                raise
            return recorded

    # parts of what should be ----------------------------------------------------------------------------------------

    def resource_desired(self) -> Objects:
        """Return the resource itself; its finalizer is set before the first external object (P7)."""
        return Objects(
            title=str(self.key),
            objects=(resource_of(self.key, self._spec, self._sync_options()),),
            manager=names.MANAGER_SPEC,
            adopt=True,
            force=True,
            wait=((self.key, Condition("Ready")),) if self.under_controller and self.wishes.wait else (),
            wait_timeout=self.wishes.wait_timeout,
        )

    def _sync_options(self) -> dict[str, str]:
        """Return what Argo CD may do to the resource; one that came from our tree stays as the tree has it."""
        annotations = ((self._resource or {}).get("metadata") or {}).get("annotations") or {}
        in_tree = annotations.get(names.SYNC_OPTIONS) == names.LEAVES_WITH_ITS_FILE[names.SYNC_OPTIONS]
        return names.LEAVES_WITH_ITS_FILE if in_tree else names.KEPT_BY_ARGO_CD

    def made_once(self, title: str, *objects: Object, adopt: bool = False) -> Objects:
        """Return objects that are made by POST and then left alone (P2)."""
        return Objects(
            title=title,
            objects=objects,
            owner=self.owner,
            manager=names.MANAGER_OBJECTS,
            create=True,
            adopt=adopt or self.wishes.adopt,
            wait_timeout=self.wishes.wait_timeout,
        )

    def owned(self, title: str, *objects: Object, recorded: bool = False, adopt: bool = False) -> Objects:
        """Return objects of this tenant; a recorded set prunes what it does not hold any more."""
        return Objects(
            title=title,
            objects=objects,
            owner=self.owner,
            manager=names.MANAGER_OBJECTS,
            force=True,
            adopt=adopt or self.wishes.adopt,
            inventory=self.inventory if recorded else None,
            prune=recorded,
            wait_timeout=self.wishes.wait_timeout,
        )

    def gone(
        self,
        title: str,
        *objects: Object,
        recorded: bool = False,
        keep: tuple[ObjectKey, ...] = (),
        patient: bool = True,
    ) -> Objects:
        """Return objects of this tenant that should not be there; foreign ones of these names are left alone."""
        return Objects(
            title=title,
            objects=objects,
            present=False,
            owner=self.owner,
            manager=names.MANAGER_OBJECTS,
            inventory=self.inventory if recorded else None,
            keep=keep,
            patient=patient,
            lenient=True,
            wait_timeout=self.wishes.wait_timeout,
        )

    def foreign_gone(self, title: str, *objects: Object) -> Objects:
        """Return objects that belong to the tenant by where they are, whoever made them."""
        return Objects(
            title=title,
            objects=objects,
            present=False,
            manager=names.MANAGER_OBJECTS,
            adopt=True,
            wait_timeout=self.wishes.wait_timeout,
        )

    def waits(self, *waits: tuple[ObjectKey, Condition]) -> Objects:
        """Return waits alone."""
        return Objects(title="readiness", objects=(), wait=waits, wait_timeout=self.wishes.wait_timeout)

    def webhook_desired(self, hook: TenantWebhook, namespace: str, switch_from: float = 0.0) -> list[Desired]:
        """Return the webhook at GitHub, written not before ``switch_from``, its proof, and the former one's end.

        The proof is the Event that the listener in ``namespace`` makes; GitHub's own record of a 202 is none (P6).
        """
        parts = hook.desired(self.wishes.wait)
        if parts and not hook.settled:
            parts.insert(0, Pause(switch_from, "interceptors may remember the former webhook secret"))
        if hook.event:
            parts.append(self.waits((ObjectKey("v1", "Event", namespace, hook.event), Condition())))
        return [*parts, *hook.former_gone()]

    def status_desired(self, body: status.Status, stamp: bool = True) -> Objects:
        """Return the status; written by the one who did the work."""
        obj = {
            "apiVersion": self.key.api_version,
            "kind": self.kind,
            "metadata": {"name": self.key.name, "namespace": self.key.namespace},
            "status": body,
        }
        return Objects(
            title=f"{self.key} status",
            objects=(obj,),
            manager=names.MANAGER_STATUS,
            subresource="status",
            force=True,
            stamp=stamp,
        )

    def first_status(self) -> list[Objects]:
        """Return the status of a resource that nobody has worked on yet."""
        if self._resource is None or self.recorded_status.get("phase") not in (None, "", status.PENDING):
            return []
        body = {"phase": status.PROVISIONING, "message": "Provisioning has begun"}
        return [self.status_desired(body, stamp=False)]

    def resource_gone(self) -> list[Desired]:
        """Return the last steps of leaving: the finalizer goes when nothing is left, and the resource with it."""
        return [Amend(self.key, drop_finalizer=names.FINALIZER), self.waits((self.key, Condition("gone")))]

    def resource_leaving(self) -> Objects:
        """Return the first step of leaving: the resource is marked, so that nobody builds on it any more."""
        obj = {"apiVersion": self.key.api_version, "kind": self.kind,
               "metadata": {"name": self.key.name, "namespace": self.key.namespace}}  # fmt: skip
        return Objects(
            title=str(self.key), objects=(obj,), present=False, manager=names.MANAGER_SPEC, adopt=True, patient=False
        )

    # what holds state -----------------------------------------------------------------------------------------------

    def retained_for(self) -> str:
        """Return what a kept namespace says of its tenant, so that the same tenant takes it again without asking."""
        return str(self.key)

    def adoptable(self, namespace: Object | None) -> bool:
        """Tell whether a namespace was kept for this very tenant."""
        annotations = ((namespace or {}).get("metadata") or {}).get("annotations") or {}
        return bool(annotations.get(names.RETAINED) == self.retained_for())

    def kept_namespace(self, key: ObjectKey) -> Amend:
        """Return the amendment that hands a namespace with state over to its operator (P7b).

        What says whose it is goes, and what opens a secret store to it (S9); what keeps its pods off the node stays.
        """
        ours = (*self.owner.labels(), OWNER_UID, names.LABEL_ORGANIZATION, names.LABEL_PIPELINE)
        labels: dict[str, str | None] = dict.fromkeys((*ours, names.SECRET_STORE_SELECTOR))
        return Amend(key, labels=labels, annotations={names.RETAINED: self.retained_for()})

    def exports(self, secrets: t.Iterable[Object]) -> list[Objects]:
        """Return copies of Secrets in the platform's namespace, made before their namespace is deleted (P7b)."""
        copies = tuple(_copy(secret, self.retained_for()) for secret in secrets)
        if not copies:
            return []
        return [Objects(title="exports", objects=copies, manager=names.MANAGER_OBJECTS, create=True, adopt=True)]

    def check_confirmed(self, policy: str, losses: t.Sequence[str]) -> None:
        """Raise Failure(refused) when state would be lost and the user has not said so by name."""
        if policy == "Delete" and losses and self.wishes.confirm != self.key.name:
            raise Failure(
                Kind.REFUSED,
                tried="deleting",
                on=str(self.key),
                said=f"it would delete {', '.join(losses)}",
                remedy=f"Set confirm to {self.key.name!r}, or first set deletion_policy to Retain with state present",
            )

    # protocol -------------------------------------------------------------------------------------------------------

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Return the tenant's Lease; with a controller at work, its own Lease decides."""
        if self.under_controller:
            return contextlib.nullcontext()
        return self.kubernetes.lease(self.lease_key, self.owner.labels())

    def abandoned(self) -> bool:
        """Tell whether a run that was killed has left the tenant's Lease behind."""
        return self._abandoned and not self.under_controller

    def failed(self, failure: Failure) -> t.Sequence[Desired]:
        """Return the status after a failure; a resource that is not there has none."""
        if self.under_controller or self.kubernetes.get(self.key) is None:
            return []
        body = status.failed(self.recorded_status, failure.sentence(), failure.kind.value.capitalize(), self.now())
        return [self.status_desired(body)]

    def shown(self, outcome: Outcome) -> dict[str, t.Any]:
        """Return what every result says of a tenant: where it is and its status, as written or as it would be."""
        found: status.Status = {}
        for item in outcome.desired:
            if isinstance(item, Objects) and item.subresource == "status":
                found = item.objects[0]["status"]
        found = found or self.recorded_status
        return {
            "name": self.key.name,
            "namespace": self.key.namespace,
            "phase": found.get("phase"),
            "message": found.get("message"),
            "conditions": found.get("conditions") or [],
        }


def _copy(secret: Object, tenant: str) -> Object:
    """Return the copy of a Secret; its name tells the content, so a later export never meets an earlier one."""
    metadata = secret["metadata"]
    data = dict(secret.get("data") or {})
    content = short_hash("".join(f"{name}{value.digest()}" for name, value in sorted(data.items())))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{_EXPORT}{metadata['namespace']}-{metadata['name']}"[:240] + f"-{content}",
            "namespace": names.PLATFORM_NAMESPACE,
            "annotations": {names.RETAINED: tenant},
        },
        "type": secret.get("type", "Opaque"),
        "data": data,
    }
