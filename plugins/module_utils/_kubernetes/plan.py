# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what is there to what is desired: reads, comparisons, server-side dry runs, refusals.

In: Objects. Out: steps. Never here: a write, a change of a desired value.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._core.failure import Failure, Kind, known
from .._core.plan import UNKNOWN, Change, Step, holds_unknown
from .._core.reconcile import Runtime
from . import compare, inventory, order, ready
from .client import APPLY, Client
from .memory import Memory, side_by_side
from .objects import MANAGED_BY, OWNER_KIND, OWNER_NAME, Amend, Condition, Object, ObjectKey, Objects

# Ranks within one set; the ranks of order.py are multiplied so that waits fit between them.
_SCALE = 10
_RECORD_BEFORE = 5
_WAIT = 2000
_PRUNE = 3000
_DELETE = 4000
_RECORD_AFTER = 9000
_ALLOWED_TO_FORCE = "true"
_PLACE = "bWFkZSBsYXRlcg=="


@dataclass(frozen=True)
class Work:
    """What perform needs to know of a step."""

    verb: str
    key: ObjectKey
    objects: Objects | None = field(repr=False)
    obj: Object | None = field(default=None, repr=False, hash=False)
    uid: str = ""
    force: bool = False
    condition: Condition = field(default_factory=Condition)
    known: order.Row | None = None
    amend: Amend | None = None

    @property
    def set(self) -> Objects:
        """The set that the step belongs to; an amendment has none."""
        return known(self.objects, "only an amendment has no set")


class Planner:
    """Plans one set after the other; holds nothing but the connection and what was read."""

    def __init__(self, client: Client, memory: Memory, runtime: Runtime) -> None:
        self._client = client
        self._memory = memory
        self._runtime = runtime
        # Kinds and namespaces that earlier steps of the same plan bring: predicted, since a dry run would be 404.
        self._kinds: dict[tuple[str, str], order.Row] = {}
        # What earlier sets of the same plan write: one that was ready before has to become so again.
        self._touched: set[str] = set()

    def plan(self, desired: Objects | Amend) -> list[Step]:
        """Return the steps for one set, or one amendment."""
        if isinstance(desired, Amend):
            return self._plan_amend(desired)
        self._kinds.update(order.custom_kinds(desired.objects))
        recorded = self._recorded(desired)
        if not desired.present:
            return self._plan_absent(desired, recorded)
        lives = self._memory.read(desired.keys, self._kinds)
        steps = self._plan_present(desired, lives)
        self._touched.update(step.target for step in steps)
        steps += self._plan_waits(desired, lives)
        if desired.inventory:
            steps += self._plan_prune(desired, recorded) if desired.prune else []
            steps += self._plan_records(desired, recorded, lives, steps)
        return steps

    # present --------------------------------------------------------------------------------------------------------

    def _plan_present(self, desired: Objects, lives: dict[ObjectKey, Object | None]) -> list[Step]:
        if desired.stamp:
            desired = replace(desired, objects=tuple(self._stamped(obj, lives) for obj in desired.objects))
        for obj in desired.objects:
            live = lives[ObjectKey.of(obj)]
            if live is not None and not desired.subresource:
                self._refuse_foreign(desired, live)
        suspects = [obj for obj in desired.objects if not self._settled(desired, obj, lives[ObjectKey.of(obj)])]
        planned = side_by_side(lambda obj: self._plan_one(desired, obj, lives[ObjectKey.of(obj)]), suspects)
        return [step for step in planned if step]

    def _stamped(self, obj: Object, lives: dict[ObjectKey, Object | None]) -> Object:
        """Return an object with the generation that its status speaks of; unknown while its spec is being changed."""
        key = ObjectKey.of(obj)
        live = lives[key]
        known = live is not None and key not in self._memory.planned
        generation = live["metadata"].get("generation", 1) if live is not None and known else UNKNOWN
        return {**obj, "status": {**obj["status"], "observedGeneration": generation}}

    def _settled(self, desired: Objects, obj: Object, live: Object | None) -> bool:
        if live is None or holds_unknown(obj):
            return False
        if desired.create:
            return True
        return compare.covers(live, obj) and not compare.forgotten(live, obj, desired.manager, desired.subresource)

    def _plan_one(self, desired: Objects, obj: Object, live: Object | None) -> Step | None:
        key = ObjectKey.of(obj)
        unknown = holds_unknown(obj)
        if live is None:
            self._refuse_unknown_kind(key)
            if self._runtime.check and not unknown:
                self._ask(desired, obj, None)
            change = Change(None, obj)
            verb = "create" if desired.create else "apply"
            shown = "update" if key in self._memory.planned else "create"
            return self._step(desired, Work(verb, key, desired, obj, known=self._known(key)), change, shown, unknown)
        if desired.create and not unknown:
            return None
        asked = None if unknown else self._ask(desired, obj, live)
        before, after = _comparable(live, desired), _comparable(asked or obj, desired)
        if asked is None:
            # Only a prediction: what it does not mention stays as it is.
            before = compare.projected(before, after)
        if before == after:
            return None
        change = Change(*compare.difference(before, after))
        work = Work(
            "apply", key, desired, obj, live["metadata"]["uid"], self._force(desired, live), known=self._known(key)
        )
        return self._step(desired, work, change, "update", unknown)

    def _step(self, desired: Objects, work: Work, change: Change, verb: str, unknown: bool) -> Step:
        rank = order.rank(work.key.group, work.key.kind) * _SCALE
        self._memory.planned.add(work.key)
        target = f"{work.key}{' status' if desired.subresource else ''}"
        return Step("kubernetes", verb, target, work, change, rank, unknown=unknown)

    def _ask(self, desired: Objects, obj: Object, live: Object | None) -> Object | None:
        """Return what an apply would make of an object, or None where the server cannot tell yet."""
        key = ObjectKey.of(obj)
        known = self._client.kind(key.api_version, key.kind)
        if known is None or self._memory.absent_namespace(key.namespace):
            return None
        query = {"fieldManager": desired.manager, "fieldValidation": "Strict", "dryRun": "All"}
        if live is not None and self._force(desired, live):
            query["force"] = _ALLOWED_TO_FORCE
        path = self._client.path(key, known) + (f"/{desired.subresource}" if desired.subresource else "")
        body = _without_generated(obj)
        try:
            return self._client.request("PATCH", path, query=query, body=body, content_type=APPLY, on=str(key)).data
        except Failure as failure:
            if failure.status == 404 and live is None:
                return None
            raise

    def _refuse_unknown_kind(self, key: ObjectKey) -> None:
        """Raise Failure(missing) for a kind that neither the server nor a definition of this plan brings.

        In check mode an earlier task may be the one that would have brought it, so it is predicted (P12).
        """
        if not self._runtime.check and (key.group, key.kind) not in self._kinds:
            self._client.collection(key.api_version, key.kind)

    def _force(self, desired: Objects, live: Object) -> bool:
        if desired.force is not None:
            return desired.force
        return desired.owns(live)

    def _known(self, key: ObjectKey) -> order.Row | None:
        return self._kinds.get((key.group, key.kind)) if order.row(key.group, key.kind) is None else None

    def _plan_amend(self, desired: Amend) -> list[Step]:
        live = self._memory.read([desired.key], self._kinds)[desired.key]
        patch = desired.patch(live) if live else {}
        if live is None or not patch:
            return []
        before = {name: compare.projected(live["metadata"].get(name) or {}, value) for name, value in patch.items()}
        work = Work("amend", desired.key, None, {"metadata": patch}, live["metadata"]["uid"], amend=desired)
        return [Step("kubernetes", "amend", str(desired.key), work, Change(before, patch))]

    # whose it is ----------------------------------------------------------------------------------------------------

    def _refuse_foreign(self, desired: Objects, live: Object) -> None:
        refusal = foreign(desired, live)
        if refusal:
            raise refusal

    # waits ----------------------------------------------------------------------------------------------------------

    def _plan_waits(self, desired: Objects, lives: dict[ObjectKey, Object | None]) -> list[Step]:
        waits = [(key, condition, _WAIT) for key, condition in desired.wait]
        for obj in desired.objects:
            if obj["kind"] == "CustomResourceDefinition":
                rank = order.rank("apiextensions.k8s.io", "CustomResourceDefinition") * _SCALE + 1
                waits.append((ObjectKey.of(obj), Condition("Established"), rank))
        unread = [key for key, _condition, _rank in waits if key not in lives]
        lives = {**lives, **self._memory.read(unread, self._kinds)}
        return [
            Step("kubernetes", "wait", str(key), Work("wait", key, desired, condition=condition,
                 known=self._known(key)),
                 rank=rank, condition=str(condition), unknown=holds_unknown(condition.value))
            for key, condition, rank in waits
            if str(key) in self._touched or not ready.holds(lives[key], condition)[0]
        ]  # fmt: skip

    # inventory ------------------------------------------------------------------------------------------------------

    def _recorded(self, desired: Objects) -> dict[tuple[str, str, str, str], inventory.Entry]:
        if not desired.inventory:
            return {}
        return inventory.read(self._memory.read([desired.inventory])[desired.inventory])

    def _plan_prune(self, desired: Objects, recorded: dict[tuple[str, str, str, str], inventory.Entry]) -> list[Step]:
        wanted = {key.identity for key in desired.keys}
        orphans = [entry for identity, entry in recorded.items() if identity not in wanted]
        lives = self._memory.read([entry.key for entry in orphans], self._kinds)
        return [
            self._delete_step(desired, entry.key, live, _PRUNE, "prune")
            for entry in orphans
            if (live := lives[entry.key]) is not None and self._may_prune(desired, entry, live)
        ]

    def _may_prune(self, desired: Objects, entry: inventory.Entry, live: Object) -> bool:
        """Tell whether a live object is the one that was recorded, ours, and nobody's child (P3)."""
        metadata = live["metadata"]
        if entry.uid and metadata["uid"] != entry.uid:
            return False
        if any(reference.get("controller") for reference in metadata.get("ownerReferences") or []):
            return False
        return desired.owns(live)

    def _plan_records(
        self,
        desired: Objects,
        recorded: dict[tuple[str, str, str, str], inventory.Entry],
        lives: dict[ObjectKey, Object | None],
        steps: list[Step],
    ) -> list[Step]:
        wanted = {key.identity: key for key in desired.keys}
        answer: list[Step] = []
        if any(identity not in recorded for identity in wanted):
            answer.append(self._record_step(desired, "before", _RECORD_BEFORE))
        keep = {identity for identity in recorded if identity in wanted or not desired.prune}
        complete = set(recorded) == keep and all(
            (live := lives[key]) is not None
            and identity in recorded
            and recorded[identity].uid == live["metadata"]["uid"]
            for identity, key in wanted.items()
        )
        created = any(step.verb == "create" for step in steps)
        if created or not complete:
            answer.append(self._record_step(desired, "after", _RECORD_AFTER))
        return answer

    def _record_step(self, desired: Objects, when: str, rank: int) -> Step:
        place = known(desired.inventory, "a record has a place")
        work = Work(f"record {when}", place, desired)
        return Step("kubernetes", "record", f"inventory {desired.inventory}", work, rank=rank)

    # absent ---------------------------------------------------------------------------------------------------------

    def _plan_absent(self, desired: Objects, recorded: dict[tuple[str, str, str, str], inventory.Entry]) -> list[Step]:
        named = {key.identity: key for key in desired.keys}
        keys = [*named.values(), *(entry.key for identity, entry in recorded.items() if identity not in named)]
        lives = self._memory.read(keys, self._kinds)
        doomed = {key.name for key in keys if key.kind == "Namespace" and lives[key] is not None}
        steps = []
        for key in keys:
            live = lives[key]
            if live is None or key.namespace in doomed or key in desired.keep or key in self._memory.going:
                continue
            if key.identity in named and not desired.lenient:
                self._refuse_foreign(desired, live)
            elif not desired.owns(live):
                continue
            if live["metadata"].get("deletionTimestamp") and not desired.patient:
                continue
            steps.append(self._delete_step(desired, key, live, _DELETE, "delete"))
        live = self._memory.read([desired.inventory])[desired.inventory] if desired.inventory else None
        if desired.inventory and live is not None and desired.inventory.namespace not in doomed:
            steps.append(self._delete_step(desired, desired.inventory, live, _RECORD_AFTER, "delete"))
        return steps

    def _delete_step(self, desired: Objects, key: ObjectKey, live: Object, base: int, verb: str) -> Step:
        rank = base + 1000 - order.rank(key.group, key.kind) * _SCALE if base != _RECORD_AFTER else base
        work = Work("delete", key, desired, uid=live["metadata"]["uid"], known=self._known(key))
        going = bool(live["metadata"].get("deletionTimestamp"))
        self._memory.going.add(key)
        change = None if going else Change(_comparable(live, desired), None)
        return Step("kubernetes", verb, str(key), work, change, rank)


def foreign(desired: Objects, live: Object) -> Failure | None:
    """Return the refusal to touch somebody else's object, or None when it is ours or may be taken."""
    if desired.owns(live):
        return None
    key = ObjectKey.of(live)
    labels = live["metadata"].get("labels") or {}
    tried = "changing" if desired.present else "deleting"
    if OWNER_KIND in labels:
        # Another tenant's: not even adopt takes it, since that tenant would lose it without a word (S7).
        return Failure(
            Kind.REFUSED,
            tried=tried,
            on=str(key),
            said=f"it belongs to {labels[OWNER_KIND]} {labels.get(OWNER_NAME, '')}",
            remedy="Choose another name, or offboard that tenant first",
        )
    if desired.adopt:
        return None
    managed = f"it is managed by {labels[MANAGED_BY]}" if MANAGED_BY in labels else ""
    return Failure(
        Kind.REFUSED,
        tried=tried,
        on=str(key),
        said=managed or "it is there already and not ours",
        remedy="Choose another name, remove it, or set adopt to true if it is meant to be taken over",
    )


def _comparable(obj: Object, desired: Objects) -> t.Any:
    if desired.subresource:
        return {desired.subresource: obj.get(desired.subresource) or {}}
    return compare.stripped(obj)


def _without_generated(obj: Object) -> Object:
    """Return an object as a dry run may see it: what is made later is a word in base64, since types want their keys."""
    if obj["kind"] != "Secret":
        return obj
    data = {name: _PLACE if hasattr(value, "make") else value for name, value in (obj.get("data") or {}).items()}
    return {**obj, "data": data}
