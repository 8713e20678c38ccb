# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only place of this product that writes: apply, create, delete and wait until gone, wait, record.

In: one planned step. Out: nothing; what the server answered is remembered. Never here: a decision, or a comparison for
another end than to see whether a request took effect whose answer was lost.
"""

from __future__ import annotations

import time
import typing as t

from .._core.failure import Failure, Kind, known
from .._core.plan import Step
from .._core.reconcile import Runtime
from .._core.sensitive import Generated
from . import compare, inventory, ready, release
from .client import APPLY, MERGE, Client
from .memory import Memory, side_by_side
from .objects import Object
from .plan import Work, foreign

_FIRST_POLL = 0.1
_LONGEST_POLL = 1.0
_SAY_EVERY = 5.0
OBJECTS_MANAGER = "aphex.platform.amend"


class Performer:
    """Performs one step at a time; may be called from several threads."""

    def __init__(
        self, client: Client, memory: Memory, runtime: Runtime, sleep: t.Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._memory = memory
        self._runtime = runtime
        self._sleep = sleep

    def perform(self, step: Step) -> None:
        """Do what the step says."""
        # Before and not after: a request that fails may have taken effect, and its failure is recorded by a new plan.
        self._memory.expire()
        work: Work = step.desired
        if work.verb == "create":
            self._create(work)
        elif work.verb == "apply":
            self._apply(work)
        elif work.verb == "delete":
            self._delete(work)
        elif work.verb == "wait":
            self._wait(work)
        elif work.verb == "amend":
            self._amend(work)
        else:
            self._record(work)

    # writes ---------------------------------------------------------------------------------------------------------

    def _create(self, work: Work) -> None:
        """Create by POST; when it is there already, look whose it is (P2, P10)."""
        query = {"fieldManager": work.set.manager, "fieldValidation": "Strict"}
        path = self._client.collection(work.key.api_version, work.key.kind, work.key.namespace, work.known)
        body = _generate(known(work.obj, "what is created is known"))
        while True:
            try:
                answer = self._client.request("POST", path, query=query, body=body, on=str(work.key))
                self._memory.note(work.key, answer.data)
                return
            except Failure as failure:
                if failure.status != 409 or failure.reason != "AlreadyExists":
                    raise
            live = self._memory.get(work.key, work.known)
            if live is None or live["metadata"].get("deletionTimestamp"):
                self._until_gone(work, live)
                continue
            refusal = foreign(work.set, live)
            if refusal:
                raise refusal
            self._memory.note(work.key, live)
            return

    def _apply(self, work: Work) -> None:
        query = {"fieldManager": work.set.manager, "fieldValidation": "Strict"}
        if work.force:
            query["force"] = "true"
        body = known(work.obj, "what is applied is known")
        if work.uid:
            # An apply to an object that is gone would make it again, and one to a successor would change a stranger's.
            body = {**body, "metadata": {**body["metadata"], "uid": work.uid}}
        path = self._client.path(work.key, work.known)
        if work.set.subresource:
            path += f"/{work.set.subresource}"
        try:
            answer = self._client.request("PATCH", path, query=query, body=body, content_type=APPLY, on=str(work.key))
            self._memory.note(work.key, answer.data)
        except Failure as failure:
            if not self._took_effect(work, body, failure):
                raise

    def _took_effect(self, work: Work, body: Object, failure: Failure) -> bool:
        """Tell whether an object that is written only as it was read was written: the first answer may be lost."""
        if failure.status != 409 or "resourceVersion" not in body["metadata"]:
            return False
        live = self._memory.get(work.key, work.known)
        metadata = {name: value for name, value in body["metadata"].items() if name != "resourceVersion"}
        if live is None or not compare.covers(live, {**body, "metadata": metadata}):
            return False
        self._memory.note(work.key, live)
        return True

    def _delete(self, work: Work) -> None:
        path = self._client.path(work.key, work.known)
        body = {"propagationPolicy": "Background", "preconditions": {"uid": work.uid}}
        try:
            self._client.request("DELETE", path, body=body, absent_ok=True, on=str(work.key))
        except Failure as failure:
            # Another object has taken the name: the one that was meant is gone.
            if failure.status != 409 or failure.reason != "Conflict":
                raise
        self._memory.note(work.key, None)
        if work.set.patient:
            self._until_gone(work, self._memory.get(work.key, work.known))

    def _end(self, work: Work, live: Object) -> None:
        """End what an object waits for before it goes; who changes it in between is looked at again."""
        patch = release.ending(live)
        if not patch:
            return
        path = self._client.path(work.key, work.known)
        query = {"fieldManager": OBJECTS_MANAGER}
        try:
            self._client.request(
                "PATCH", path, query=query, body=patch, content_type=MERGE, absent_ok=True, on=str(work.key)
            )
        except Failure as failure:
            if failure.status != 409:
                raise

    def _amend(self, work: Work) -> None:
        """Send a merge patch made from the object as it is now; somebody else's write in between starts it over."""
        amend = known(work.amend, "an amendment says what it changes")
        while True:
            live = self._memory.get(work.key)
            patch = amend.patch(live) if live and live["metadata"]["uid"] == work.uid else {}
            if live is None or not patch:
                return
            patch["resourceVersion"] = live["metadata"]["resourceVersion"]
            try:
                answer = self._client.request(
                    "PATCH",
                    self._client.path(work.key),
                    query={"fieldManager": OBJECTS_MANAGER},
                    body={"metadata": patch},
                    content_type=MERGE,
                    absent_ok=True,
                    on=str(work.key),
                )
            except Failure as failure:
                if failure.status != 409:
                    raise
                continue
            self._memory.note(work.key, answer.data)
            return

    def _record(self, work: Work) -> None:
        """Write the inventory: before the first write every key, afterwards the uids of what is there."""
        desired = work.set
        before = work.verb == "record before"
        recorded = inventory.read(self._memory.get(work.key))
        entries = {} if desired.prune and not before else dict(recorded)
        keys = desired.keys
        lives = [self._memory.latest(key) for key in keys]
        missing = [position for position, live in enumerate(lives) if live is None and not before]
        for position, live in zip(missing, side_by_side(self._memory.get, [keys[p] for p in missing]), strict=True):
            lives[position] = live
        for key, live in zip(keys, lives, strict=True):
            known = recorded[key.identity].uid if key.identity in recorded else ""
            entries[key.identity] = inventory.Entry(key, live["metadata"]["uid"] if live else known)
        obj = inventory.write(work.key, entries.values(), desired.owner)
        query = {"fieldManager": desired.manager, "fieldValidation": "Strict", "force": "true"}
        path = self._client.path(work.key)
        answer = self._client.request("PATCH", path, query=query, body=obj, content_type=APPLY, on=str(work.key))
        self._memory.note(work.key, answer.data)

    # waits ----------------------------------------------------------------------------------------------------------

    def _wait(self, work: Work) -> None:
        def look() -> tuple[bool, str]:
            live = self._memory.get(work.key, work.known)
            useless = ready.failed_for_good(live)
            if useless:
                raise Failure(Kind.BROKEN, tried="waiting for", on=str(work.key), said=useless)
            met, said = ready.holds(live, work.condition)
            if met:
                self._memory.note(work.key, live)
            return met, said

        self._poll(work, str(work.condition), look, "See its status and events, then run again")
        self._client.forget_kinds()

    def _until_gone(self, work: Work, live: Object | None) -> None:
        def look() -> tuple[bool, str]:
            now = self._memory.get(work.key, work.known)
            if now is None or (live is not None and now["metadata"]["uid"] != live["metadata"]["uid"]):
                return True, ""
            self._end(work, now)
            return False, release.why_not_gone(now)

        if live is not None:
            self._poll(work, "to be gone", look, "Remove what holds it, then run again")

    def _poll(self, work: Work, goal: str, look: t.Callable[[], tuple[bool, str]], remedy: str) -> None:
        started = said_at = self._runtime.now()
        pause = _FIRST_POLL
        while True:
            met, said = look()
            if met:
                return
            now = self._runtime.now()
            if now - started > work.set.wait_timeout:
                raise Failure(
                    Kind.TIMEOUT,
                    tried=f"waiting {work.set.wait_timeout:g} s for",
                    on=f"{work.key} {goal}",
                    said=said,
                    remedy=remedy,
                )
            if now - said_at >= _SAY_EVERY:
                said_at = now
                self._runtime.progress(f"waiting for {work.key} {goal}: {said} ({now - started:.0f} s)")
            self._sleep(pause)
            pause = min(_LONGEST_POLL, pause * 1.5)


def _generate(obj: Object) -> Object:
    """Return an object with every generated value made, in base64 as a Secret's data wants it."""
    if obj["kind"] != "Secret":
        return obj
    data = {
        name: value.make().base64() if isinstance(value, Generated) else value
        for name, value in (obj.get("data") or {}).items()
    }
    return {**obj, "data": data}
