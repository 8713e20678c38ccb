"""A store with what a gate has seen: verdicts that the policy really gave, each with its record, and one that is dead.

In: a folder. Out: a store, the policy, the time. Never here: a test; a verdict that nobody judged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import (
    Facts,
    Need,
    PendingDeployment,
    Unknown,
)
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy, load
from services.gate import audit
from services.gate.audit import Record
from services.gate.inbox import Entry, Override, State, key_of
from services.gate.payload import Delivery
from services.gate.sqlite import SqliteInbox

NOW = datetime(2026, 11, 27, 10, 20, tzinfo=UTC)
APP = "acme"
HOSTILE = "feature/<img src=x onerror=alert(1)>&\"'"
POLICY = """\
version: 1
defaults: {timezone: Europe/Rome}
calendars:
  business: {days: [mon-fri], hours: ["09:00-12:30", "14:00-17:30"]}
freezes:
  freezes:
    - {name: black-friday, from: 2026-11-26, to: 2026-11-30}
    - {name: year-end, from: 2026-12-20, to: 2027-01-07, except_if: "contains(event, 'push')"}
rules:
  - name: nightly-is-automatic
    match: {environment: staging, event: schedule}
    require: [not_fork: true]
    decision: approve
  - name: production
    match: {environment: production}
    require:
      - calendar: business
      - no_freeze: freezes
      - ticket: {pattern: 'REL-[0-9]+', in: [pr.title]}
    decision: approve
"""
CONFIG = "apps: {acme: {app_id: '7', secret_files: [secret]}}\npolicy: [policy.yml]\n"


@dataclass(frozen=True)
class Seen:
    """What stands in the folder. ``waiting``, ``approved`` and ``dead`` are numbers of entries."""

    folder: Path
    inbox: SqliteInbox
    policy: Policy
    waiting: int
    approved: int
    dead: int

    @property
    def config(self) -> Path:
        return self.folder / "gate.yaml"


def deployment(environment: str, begun: datetime, **more: Any) -> PendingDeployment:
    run = more.pop("run_id", 7001)
    payload = {"sender": {"login": "octocat"}, "repository": {"full_name": "acme-corp/web-shop"}, "pull_requests": []}
    fields: dict[str, Any] = {"event": "push", "ref": HOSTILE, "sha": "a" * 40, "deployment_id": run * 10, **more}
    return PendingDeployment(
        owner="acme-corp",
        repository="web-shop",
        run_id=run,
        environment=environment,
        created_at=begun.timestamp(),
        payload=payload,
        received=begun.timestamp(),
        **fields,
    )


def fact(need: Need) -> Any:
    own = {"full_name": "acme-corp/web-shop"}
    known = {
        "run": {"head_repository": own, "repository": own},
        "pulls": [{"title": "REL-412 Ship the basket", "body": "", "labels": []}],
    }
    return known.get(need.fact, Unknown(f"{need.fact}: GitHub answered 403"))


def judged(policy: Policy, pending: PendingDeployment, now: datetime, **more: Any) -> Record:
    """Return the record of a verdict that the policy gives now."""
    selection = evaluate.select(policy, pending, now)
    facts = Facts(pending, {need: fact(need) for need in selection.needs})
    verdict = evaluate.evaluate(policy, selection, facts, now)
    return Record(
        kind=audit.DEFERRED if verdict.outcome == evaluate.DEFER else audit.DECIDED,
        time=now.timestamp(),
        app=APP,
        received=now.timestamp(),
        owner=pending.owner,
        repository=pending.repository,
        run_id=pending.run_id,
        environment=pending.environment,
        deployment_id=pending.deployment_id,
        pending=audit.of_pending(pending),
        facts=audit.of_facts(facts),
        **audit.of_verdict(verdict),
        **more,
    )


def a_store(folder: Path) -> Seen:
    """Make a folder with a configuration, a policy, and a store in which one waits, one is approved, one is dead."""
    (folder / "policy.yml").write_text(POLICY, encoding="utf-8")
    (folder / "gate.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "secret").write_text("canary-of-the-secret", encoding="utf-8")
    inbox, policy = SqliteInbox(folder / "gate.sqlite3"), load({"policy.yml": POLICY})
    hour = timedelta(hours=1)
    waiting = _arrived(inbox, "guid-waiting", deployment("production", NOW - hour), NOW - hour)
    record = judged(policy, deployment("production", NOW - hour), NOW - hour, guid="guid-waiting", entry=waiting.number)
    inbox.defer([waiting], record.until or 0.0, "; ".join(record.reasons), [record])
    nightly = deployment("staging", NOW - 2 * hour, event="schedule", run_id=7002)
    approved = _arrived(inbox, "guid-approved", nightly, NOW - 2 * hour)
    record = judged(policy, nightly, NOW - 2 * hour, guid="guid-approved", entry=approved.number, answer="approved")
    inbox.close([approved], State.SETTLED, "approved", record.time, [record], approved=True)
    broken = deployment("production", NOW - 3 * hour, run_id=7003)
    dead = _arrived(inbox, "guid-dead", broken, NOW - 3 * hour)
    said = "Reviewing the deployment: it needs the permission deployments: write"
    record = replace(judged(policy, broken, NOW - 3 * hour), kind=audit.DEAD, entry=dead.number, guid="guid-dead")
    inbox.close([dead], State.DEAD, said, record.time, [replace(record, reasons=(said,), outcome="", trace=())])
    return Seen(folder, inbox, policy, waiting.number, approved.number, dead.number)


def set_aside(inbox: SqliteInbox, until: datetime) -> Override:
    made = NOW.timestamp()
    given = Override(
        "mona", "INC-77: <b>the outage</b>", made, until.timestamp(), APP, "acme-corp", "web-shop", "production"
    )
    record = Record(kind=audit.OVERRIDE, time=made, actor="mona", reasons=(given.reason,), until=given.expires)
    return inbox.add_override(given, record)


def _arrived(inbox: SqliteInbox, guid: str, pending: PendingDeployment, at: datetime) -> Entry:
    """Store a delivery, and lease it as a worker does."""
    event = "deployment_protection_rule"
    inbox.put([Delivery(guid=guid, event=event, body=guid.encode(), app=APP, received=at.timestamp())])
    entry = inbox.lease("seen", at.timestamp(), 60.0)
    if entry is None or entry.delivery.guid != guid:
        raise RuntimeError("another entry was due")
    key = key_of(APP, pending.full_name, pending.run_id, pending.environment)
    inbox.label(entry, key, f"{APP} {pending.deployment_id}", at.timestamp())
    return entry
