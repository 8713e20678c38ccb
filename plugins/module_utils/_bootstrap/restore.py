# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a restore: what a backup holds comes back, what is there already stays.

In: a backup, Kubernetes, commands that read dumps. Out: what should be.
Never here: the kinds and policies, which role crds brings before; what playbooks and Argo CD bring again afterwards.

Uids are those of another cluster, so none is written: a namespace claims its pipeline for the resource as it is now.
Every field goes back to the manager that had set it, or what is dropped later would stay. Order: namespaces and what is
in them, the tenants with their finalizers, their status by which tunnels and webhooks are found again, then the
namespaces of pipelines.
"""

from __future__ import annotations

import contextlib
import os
import typing as t
from dataclasses import dataclass, field

from .._command.product import Commands, Fed
from .._core.failure import Failure, Kind, invalid, known
from .._core.plan import UNKNOWN, Desired
from .._core.reconcile import Outcome, Runtime, Traceless
from .._core.sensitive import Sensitive
from .._crypto import require_library
from .._files.product import Files
from .._kubernetes.objects import (
    OWNER_KIND,
    OWNER_NAME,
    OWNER_NAMESPACE,
    OWNER_UID,
    Object,
    ObjectKey,
    Objects,
    Owner,
)
from .._kubernetes.product import Kubernetes
from .archive import FILE, OTHERS, Archive, Item, opened, parts_of
from .backup import API_VERSION, PLATFORM_NAMESPACE, RESTORED, TENANTS, checked_command, checked_password

STATUS_MANAGER = "aphex.platform/status"


def record_key(database: str) -> ObjectKey:
    """Return the key of what records that a dump was read, so that it is not read again."""
    return ObjectKey("v1", "ConfigMap", PLATFORM_NAMESPACE, f"{RESTORED}{database}")


@dataclass(frozen=True)
class Order:
    """What should come back."""

    file: str
    password: Sensitive = field(repr=False)
    objects: bool
    feeds: t.Mapping[str, tuple[str, ...]] = field(hash=False)


@dataclass(frozen=True)
class Observed:
    """The backup, and what is there of it."""

    archive: Archive
    lives: t.Mapping[ObjectKey, Object | None]
    records: t.Mapping[str, Object | None] = field(default_factory=dict)


class Restore(Traceless):
    """A backup whose content should be there."""

    def __init__(self, order: Order, products: t.Mapping[str, t.Any], runtime: Runtime) -> None:
        self.order = order
        self.runtime = runtime
        self.kubernetes: Kubernetes = products["kubernetes"]
        self.files: Files = products["files"]
        self.commands: Commands = products["command"]
        self._archive: Archive | None = None
        self._first: Observed | None = None

    # observe --------------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Open the backup, and read what is there of what it holds."""
        if self._archive is None:
            self._check_cluster()
            text = self.files.read(self.order.file)
            if text is None:
                raise invalid("file", f"there is no {self.order.file}", "Name a file that backup has written")
            self._archive = opened(text, self.order.password, self.order.file)
            missing = [name for name in self.order.feeds if name not in self._archive.databases]
            if missing:
                raise invalid(self.order.file, f"it holds no database {missing[0]!r}", "Leave it out")
        items = self._archive.items if self.order.objects else ()
        lives = self.kubernetes.get_many([item.key for item in items])
        records = {name: self.kubernetes.get(record_key(name)) for name in self.order.feeds}
        observed = Observed(self._archive, lives, records)
        self._first = self._first or observed
        return observed

    def _check_cluster(self) -> None:
        """Raise Failure when the cluster is not one that tenants and records can come back to."""
        home = ObjectKey("v1", "Namespace", "", PLATFORM_NAMESPACE)
        # In check mode an earlier task may be about to make it.
        if self.kubernetes.get(home) is None and not self.runtime.check:
            raise Failure(
                Kind.MISSING,
                tried="restoring onto a cluster without",
                on=str(home),
                said="it is not there",
                remedy="Run the role aphex.platform.crds first",
            )

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order."""
        return [*(self._objects(observed) if self.order.objects else []), *self._databases(observed)]

    def _objects(self, observed: Observed) -> list[Desired]:
        items = observed.archive.items
        claimed = {item.key.name for item in items if _claims(item)}
        first = [item for item in items if item.key.kind == "Namespace" and item.key.name not in claimed]
        inside = [item for item in items if item.key.kind in ("Secret", "ConfigMap")]
        tenants = [item for item in items if item.key.kind in TENANTS]
        tenants.sort(key=lambda item: TENANTS.index(item.key.kind))
        second = [item for item in items if item.key.name in claimed and item.key.kind == "Namespace"]
        return [
            *self._back(observed, first),
            *self._back(observed, [item for item in inside if item.key.namespace not in claimed]),
            *self._back(observed, tenants),
            *self._statuses(observed, tenants),
            *self._back(observed, second),
            *self._back(observed, [item for item in inside if item.key.namespace in claimed]),
        ]

    def _back(self, observed: Observed, items: list[Item]) -> list[Desired]:
        """Return these objects: whole where they are absent, else the labels and keys alone that they lack."""
        found: list[tuple[str, Owner | None, Object]] = []
        for item in items:
            live = observed.lives[item.key]
            own, rest = parts_of(item)
            if own is not None and live is None:
                found.append((item.manager, _owner(item), self._claiming(observed, own)))
            lacking = _lacking(self._claiming(observed, rest), live, whole=own is None)
            if lacking is not None and own is not None and live is None and item.key.kind in TENANTS:
                # Alone it would be no legal resource: it follows when the resource is there.
                lacking = {**lacking, "metadata": {**lacking["metadata"], "uid": UNKNOWN}}
            if lacking is not None:
                found.append((OTHERS, _owner(item), lacking))
        sets: dict[tuple[str, Owner | None], list[Object]] = {}
        for manager, owner, obj in found:
            sets.setdefault((manager, owner), []).append(obj)
        # What was ours is there before what anybody else has added to it.
        return [
            Objects(title="objects", objects=tuple(objs), owner=owner, manager=manager, adopt=True, force=True)
            for (manager, owner), objs in sorted(sets.items(), key=lambda row: row[0][0] == OTHERS)
        ]

    def _claiming(self, observed: Observed, part: Object) -> Object:
        """Return an object that claims for its tenant as that is now; its uid was another one in the former cluster."""
        labels = part["metadata"].get("labels") or {}
        if OWNER_UID not in labels:
            return part
        key = ObjectKey(API_VERSION, labels.get(OWNER_KIND, ""), labels.get(OWNER_NAMESPACE, ""), labels[OWNER_NAME])
        live = observed.lives.get(key)
        labels = {**labels, OWNER_UID: live["metadata"]["uid"] if live else UNKNOWN}
        return {**part, "metadata": {**part["metadata"], "labels": labels}}

    def _statuses(self, observed: Observed, tenants: list[Item]) -> list[Desired]:
        """Return the status of each tenant that has none: by it webhooks, hosts and proofs are found again."""
        return [
            Objects(
                title=f"{item.key} status",
                objects=({**_named(item.key), "status": dict(item.object["status"])},),
                manager=STATUS_MANAGER,
                subresource="status",
                force=True,
                stamp=True,
            )
            for item in tenants
            if item.object.get("status") and not (observed.lives[item.key] or {}).get("status")
        ]

    def _databases(self, observed: Observed) -> list[Desired]:
        """Return the dumps that are still to be read, each with the record that it was."""
        made: list[Desired] = []
        for name, argv in self.order.feeds.items():
            dump = observed.archive.databases[name]
            data = {"sha256": dump.digest()}
            if ((observed.records[name] or {}).get("data") or {}) == data:
                continue
            record = {**_named(record_key(name)), "data": data}
            made += [
                Fed(f"the dump of {name}", argv, dump),
                Objects(title="the record", objects=(record,), manager=OTHERS, adopt=True, force=True),
            ]
        return made

    # the rest of a use case -----------------------------------------------------------------------------------------

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Need no lock: what is there is not written again."""
        return contextlib.nullcontext()

    def result(self, outcome: Outcome) -> dict[str, t.Any]:
        """Return the manifest, and how much was there already."""
        observed = known(self._first, "a backup is opened before it is told of")
        there = [key for key, live in observed.lives.items() if live is not None]
        return {
            "path": self.order.file,
            **observed.archive.manifest,
            "kept": len(there),
            "restored": len(observed.archive.items) - len(there) if self.order.objects else 0,
        }


def _claims(item: Item) -> bool:
    return OWNER_UID in (item.object["metadata"].get("labels") or {})


def _named(key: ObjectKey) -> Object:
    metadata = {"name": key.name, "namespace": key.namespace}
    return {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata}


def _owner(item: Item) -> Owner | None:
    labels = item.object["metadata"].get("labels") or {}
    if OWNER_KIND not in labels:
        return None
    return Owner(labels[OWNER_KIND], labels.get(OWNER_NAME, ""), labels.get(OWNER_NAMESPACE, ""))


def _lacking(rest: Object, live: Object | None, whole: bool) -> Object | None:
    """Return what others had set and a live object lacks, with what it has of it as it is; None when it lacks nothing.

    ``whole``: nothing of the object was ours, so without a live one this is all of it.
    """
    groups = [(rest["metadata"], "labels"), (rest["metadata"], "annotations"), (rest, "data"), (rest, "binaryData")]
    if live is None:
        says = any(holder.get(group) for holder, group in groups) or "spec" in rest
        return rest if whole or says else None
    part = {name: value for name, value in rest.items() if name != "spec"}
    part["metadata"] = {name: value for name, value in rest["metadata"].items() if name != "finalizers"}
    if rest["kind"] == "Secret":
        part["type"] = live.get("type", "Opaque")
    lacks = False
    for holder, group in groups:
        wanted = holder.get(group) or {}
        there = (live["metadata"] if holder is rest["metadata"] else live).get(group) or {}
        lacks = lacks or any(name not in there for name in wanted)
        if wanted:
            place = part["metadata"] if holder is rest["metadata"] else part
            place[group] = {name: there.get(name, value) for name, value in wanted.items()}
    return part if lacks else None


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> Restore:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    require_library()
    feeds = dict(checked_command(row) for row in params["databases"] or [])
    if not params["objects"] and not feeds:
        raise invalid("objects", "it is false, and no database is named", "Say what should come back")
    order = Order(params["file"], checked_password(params["vault_password"]), params["objects"], feeds)
    return Restore(order, products, runtime)


def read(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return the manifest of each backup in a folder, the newest first, and of one that cannot be opened why."""
    require_library()
    files: Files = products["files"]
    password = checked_password(params["vault_password"])
    rows = []
    for name in reversed(files.names(params["folder"], FILE)):
        path = os.path.join(params["folder"], name)
        text = files.read(path)
        try:
            if text is not None:
                rows.append({"path": path, "readable": True, "said": "", **opened(text, password, path).manifest})
        except Failure as failure:
            rows.append({"path": path, "readable": False, "said": failure.said})
    return rows
