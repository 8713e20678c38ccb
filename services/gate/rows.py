"""What every store keeps, whatever its SQL: the values of an arrival, an entry, a record, an approval.

In: deliveries, records, approvals; rows. Out: plain values to be stored, and what rows mean. Never here: SQL, a
connection.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.gate import audit
from services.gate.audit import Record
from services.gate.inbox import Approval, Entry, State
from services.gate.payload import Delivery

ARRIVAL = ("app", "guid", "event", "content_type", "secret", "received", "digest", "body")
"""The columns of `arrivals`."""
ENTRY = """number, app, guid, event, content_type, secret, received, body, state, attempts, not_before, key,
deployment, intent, failures, notes, said, worker, leased_until, ended"""
"""The columns that `entry` reads."""
APPROVAL = "entry, time, app, owner, repository, environment, run_id, outcome, deployments"
"""The columns of `approval_values`; `approval` reads these and the number."""
OVERRIDE = "by, reason, made, expires, app, owner, repository, environment"
"""The columns of an override, which are its fields in this order; the number comes last."""

_WHERE = ("kind", "app", "guid", "entry", "repository", "environment", "run_id", "outcome")
_ANY_CASE = ("repository", "environment")
# Who comes alone has its body packed. In a crowd that would cost more than to write it as it is, behind a byte that no
# packed one begins with; what is settled loses its body anyhow.
_CALM = 4
_PLAIN = b"\0"


def arrivals(deliveries: Sequence[Delivery]) -> list[tuple[Any, ...]]:
    """Return the values of deliveries that are stored together."""
    calm = len(deliveries) <= _CALM
    return [
        (
            item.app,
            item.guid,
            item.event,
            item.content_type,
            item.secret,
            item.received,
            item.digest or hashlib.sha256(item.body).digest(),
            zlib.compress(item.body, 1) if calm else _PLAIN + item.body,
        )
        for item in deliveries
    ]


def entry(row: Sequence[Any]) -> Entry:
    """Return the entry of a row; the body of one that is closed may be gone."""
    number, app, guid, event, content_type, secret, received, body, state, *rest = row
    return Entry(number, Delivery(guid, event, _body(body), app, content_type, secret, received), State(state), *rest)


def _body(kept: bytes | None) -> bytes:
    """Return a body as it came."""
    if kept is None:
        return b""
    return kept[1:] if kept.startswith(_PLAIN) else zlib.decompress(kept)


def linked(records: Sequence[Record], number: int, previous: str) -> list[Record]:
    """Return records as the next ones of the chain whose last one has this number and hash."""
    found = []
    for given in records:
        number += 1
        found.append(audit.chain(given, number, previous))
        previous = found[-1].hash
    return found


def record_values(record: Record) -> tuple[Any, ...]:
    """Return the values of a record: those that it is found by, and the whole of it as a packed line."""
    return (
        record.number,
        record.time,
        record.kind,
        record.app,
        record.guid,
        record.entry,
        f"{record.owner}/{record.repository}".lower(),
        record.environment.lower(),
        record.run_id,
        record.outcome,
        record.hash,
        zlib.compress(audit.encode(record), 1),
    )


def record(line: bytes) -> Record:
    """Return the record of a packed line."""
    return audit.decode(zlib.decompress(line))


def sought(where: Mapping[str, object] | None) -> dict[str, object]:
    """Return by which columns and values records are found. Raises ValueError for a name that none is found by."""
    asked = where or {}
    if not set(asked) <= set(_WHERE):
        raise ValueError(f"records are found by {', '.join(_WHERE)}")
    return {name: str(value).lower() if name in _ANY_CASE else value for name, value in asked.items()}


def last_before(records: Iterable[Sequence[Any]], before: float) -> tuple[int, str] | None:
    """Return number and hash of the last of the oldest records (number, hash, time) that is older than that."""
    last: tuple[int, str] | None = None
    for number, digest, time in records:
        if time >= before:
            break
        last = (number, digest)
    return last


def approval_values(approval: Approval) -> tuple[Any, ...]:
    """Return the values of an approval, without its number."""
    return (
        approval.entry,
        approval.time,
        approval.app,
        approval.owner,
        approval.repository,
        approval.environment,
        approval.run_id,
        approval.outcome,
        json.dumps(approval.deployments),
    )


def approval(row: Sequence[Any]) -> Approval:
    """Return the approval of a row."""
    entry, time, app, owner, repository, environment, run_id, outcome, deployments, number = row
    of = tuple(json.loads(deployments))
    return Approval(entry, time, app, owner, repository, environment, run_id, outcome, of, number)
