"""A request while a worker is at it: the entry, those that are answered with it, and what of it is written down.

In: an entry and what it asks for. Out: records, the approval that a decision would be. Never here: a store, a call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import Verdict
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Facts, PendingDeployment
from services.gate import audit
from services.gate.audit import Record, Redaction
from services.gate.config import App
from services.gate.inbox import Approval, Entry

_NOBODY = App(name="", app_id="", key_file=None, secret_files=())
_UNREAD = PendingDeployment(owner="", repository="", run_id=0, environment="")


@dataclass
class Case:
    """One request. ``others`` wait at the same environment of the same run, and get the same answer (E10)."""

    entry: Entry
    app: App = field(default_factory=lambda: _NOBODY)
    pending: PendingDeployment = _UNREAD
    key: str = ""
    deployment: str = ""
    redaction: Redaction = field(default_factory=Redaction)
    others: list[Entry] = field(default_factory=list)

    @classmethod
    def bare(cls, entry: Entry) -> Case:
        """Return the case of an entry that nobody could read."""
        return cls(entry)

    @property
    def known(self) -> bool:
        """True when it is known what is asked for."""
        return self.pending is not _UNREAD

    @property
    def whose(self) -> str:
        """The installation that answers: an App at an owner."""
        return f"{self.app.name} {self.pending.owner}"

    @property
    def title(self) -> str:
        """What people call it in the log."""
        if not self.known:
            return f"delivery {self.entry.delivery.guid}"
        return f"run {self.pending.run_id} of {self.pending.full_name} to {self.pending.environment}"

    @property
    def group(self) -> list[Entry]:
        """All that one answer is for, this one first."""
        return [self.entry, *self.others]

    @property
    def mask(self) -> Callable[[str], str]:
        """What takes secrets out of a text."""
        return self.redaction.text

    def take(self, others: Sequence[Entry]) -> None:
        """Take in more entries that get the same answer."""
        self.others = [*self.others, *others]

    def of(self, entry: Entry) -> Case:
        """Return the case of one of the group: all of it is the same but the deployment."""
        if entry is self.entry:
            return self
        pending = replace(self.pending, deployment_id=_number(entry.deployment), received=entry.delivery.received)
        return replace(self, entry=entry, pending=pending, others=[])

    def approval(self, verdict: Verdict, now: float) -> Approval:
        """Return what a verdict approves when GitHub takes it."""
        return Approval(
            entry=self.entry.number,
            time=now,
            app=self.app.name,
            owner=self.pending.owner,
            repository=self.pending.repository,
            environment=self.pending.environment,
            run_id=self.pending.run_id,
            outcome=verdict.outcome,
            deployments=self.deployments,
        )

    @property
    def deployments(self) -> tuple[int, ...]:
        """The ids of all deployments of the group, as far as they have one."""
        found = (self.pending.deployment_id, *(_number(entry.deployment) for entry in self.others))
        return tuple(number for number in found if number is not None)

    def record(
        self, kind: str, now: float, *, verdict: Verdict | None = None, facts: Facts | None = None, **more: Any
    ) -> Record:
        """Return a record of this request, with every secret masked."""
        delivery, pending = self.entry.delivery, self.pending
        written = Record(
            kind=kind,
            time=now,
            app=delivery.app,
            guid=delivery.guid,
            entry=self.entry.number,
            received=delivery.received,
            owner=pending.owner,
            repository=pending.repository,
            run_id=pending.run_id,
            environment=pending.environment,
            deployment_id=pending.deployment_id,
            together=self.deployments if self.others else (),
            payload=hashlib.sha256(delivery.body).hexdigest(),
            pending=audit.of_pending(pending) if facts is not None else {},
            facts=audit.of_facts(facts) if facts is not None else {},
            **{**(audit.of_verdict(verdict) if verdict is not None else {}), **more},
        )
        return self.redaction.record(written)

    def follower(self, entry: Entry, now: float, answer: str) -> Record:
        """Return the record of an entry that was answered together with this one."""
        reason = f"answered together with entry {self.entry.number}"
        return self.of(entry).record(audit.SETTLED, now, reasons=(reason,), answer=answer)

    def mask_record(self, record: Record, **more: Any) -> Record:
        """Return a record with further fields, masked like all."""
        return self.redaction.record(replace(record, **more))


def _number(deployment: str) -> int | None:
    """Return the id of a deployment as an entry is labelled with it."""
    text = deployment.rpartition(" ")[2]
    return int(text) if text.isdigit() else None
