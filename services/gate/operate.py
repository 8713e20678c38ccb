"""The commands on a store: pending, replay, decide, override, audit.

In: a store, options. Out: a table or JSON, and what people have changed, with a record of who and why. Never here: a
way around the store's own rules.
"""

from __future__ import annotations

import itertools
import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind, invalid
from services.gate import audit, output
from services.gate.audit import Record
from services.gate.config import App, Config
from services.gate.inbox import OPEN, Entry, Inbox, Override, State, key_of
from services.gate.output import Progress
from services.gate.running import connection, read_policy

if TYPE_CHECKING:
    from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client

_MOST_SHOWN = 1000
_LONGEST_OVERRIDE = timedelta(days=30)


def pending(inbox: Inbox, now: float, style: str) -> int:
    """Show what waits, and what needs a person."""
    found = [*inbox.entries(OPEN, _MOST_SHOWN), *inbox.entries([State.DEAD], _MOST_SHOWN)]
    seen = [(entry, last_record(inbox, entry)) for entry in found]
    rows = [_row(entry, record, now) for entry, record in seen]
    data = [_plain(entry, record) for entry, record in seen]
    output.show(("ENTRY", "STATE", "DEPLOYMENT", "SINCE", "NEXT LOOK", "WHY"), rows, data, style, "Nothing waits.")
    return 0


def replay(inbox: Inbox, which: str, now: float) -> int:
    """Have a dead entry judged again, or one that waits judged at once."""
    entry = entry_of(inbox, which)
    if entry.state == State.DEAD:
        done = inbox.reopen(entry.number, now)
    elif entry.state == State.DEFERRED:
        done = inbox.wake(entry.key, now) > 0
    elif entry.state in OPEN:
        print(f"Entry {entry.number} is {entry.state}, and is worked on already.")
        return 0
    else:
        raise Failure(
            Kind.REFUSED,
            tried=f"Replaying entry {entry.number}",
            said=f"it is {entry.state}: {entry.said or 'nothing waits at GitHub'}",
            remedy="Run the workflow again for another decision; `aphex-gate explain` shows this one",
        )
    if not done:
        raise Failure(
            Kind.CONFLICT,
            tried=f"Replaying entry {entry.number}",
            said="its state has changed in this moment",
            remedy="Look at `aphex-gate pending`",
        )
    print(f"Entry {entry.number} is judged again now.")
    return 0


def override(inbox: Inbox, given: Override) -> int:
    """Set a rule aside for a time, where the policy has the requirement ``override``; what waits there is woken."""
    length = given.expires - given.made
    if not 0 < length <= _LONGEST_OVERRIDE.total_seconds():
        raise invalid("--for", f"it must be longer than nothing, and {_LONGEST_OVERRIDE.days}d at most")
    # What is pasted into a reason by mistake is masked like everything that is written down.
    given = replace(given, reason=audit.Redaction().text(given.reason))
    record = Record(
        kind=audit.OVERRIDE,
        time=given.made,
        app=given.app,
        owner=given.owner,
        repository=given.repository,
        environment=given.environment,
        reasons=(given.reason,),
        until=given.expires,
        actor=given.by,
    )
    made = inbox.add_override(given, record)
    woken = inbox.wake(key_of(given.app, f"{given.owner}/{given.repository}"), given.made)
    print(f"Override {made.number} holds until {output.when(given.expires)}. {woken} waiting entries are judged again.")
    return 0


def decide(inbox: Inbox, config: Config, which: str, outcome: str, actor: str, reason: str) -> int:
    """Decide in a person's name, whatever the policy says."""
    entry = entry_of(inbox, which)
    if entry.state == State.DEAD:
        inbox.reopen(entry.number, time.time())
    clients: list[Client] = []

    def client(app: App) -> Client:
        clients.append(connection(app, time.time))
        return clients[-1]

    name = f"{socket.gethostname()}:{os.getpid()}/decide"
    # What speaks to GitHub is loaded by this command alone.
    from services.gate.worker import Worker

    worker = Worker(name, inbox, config.apps, client, lambda: read_policy(config), time.time)
    try:
        done = worker.by_hand(entry.number, outcome, actor, reason)
    finally:
        for each in clients:
            each.close()
    if not done.heard:
        print(f"Nothing waits at GitHub any more: entry {entry.number} was settled elsewhere.")
        return 1
    print(f"Entry {entry.number} is {done.state} by {actor}.")
    return 0


def app_of(config: Config, name: str | None) -> App:
    """Return the App of that name, or the only one. Raises Failure(invalid)."""
    if name is None and len(config.apps) == 1:
        return next(iter(config.apps.values()))
    if name is None or name not in config.apps:
        said = "there are several" if name is None else f"there is no App {name!r}"
        raise invalid("--app", said, f"There are: {', '.join(config.apps)}")
    return config.apps[name]


def verify(records: Iterable[Record], anchor: str | None) -> int:
    """Check the chain of an audit log, and print the hash to keep."""
    progress = Progress()
    seen: list[Record] = []
    count = itertools.count(1)

    def watched() -> Iterator[Record]:
        for record in records:
            seen[:] = [record]
            progress.tell(f"{next(count)} records hold")
            yield record

    found = audit.verify(watched(), anchor)
    progress.end()
    if found is not None:
        print(f"The chain breaks at record {found.number}: {found.said}.", file=sys.stderr)
        return 1
    if not seen:
        print("There is no record.")
        return 0
    print(f"{next(count) - 1} records hold. The newest is {seen[0].number}, with the hash {seen[0].hash}.")
    return 0


def export(records: Iterable[Record]) -> int:
    """Print every record as a line of JSON."""
    for record in records:
        sys.stdout.buffer.write(audit.encode(record) + b"\n")
    sys.stdout.buffer.flush()
    return 0


def entry_of(inbox: Inbox, which: str) -> Entry:
    """Return an entry by its number or its GUID. Raises Failure(missing)."""
    entry = inbox.entry(int(which) if which.isdecimal() else which)
    if entry is None:
        raise Failure(
            Kind.MISSING,
            tried=f"Looking for the entry {which}",
            said="the store has none of that number or GUID",
            remedy="`aphex-gate pending` lists what waits",
        )
    return entry


def last_record(inbox: Inbox, entry: Entry) -> Record | None:
    """Return the newest record that tells why an entry is where it is."""
    records = inbox.records(where={"entry": entry.number})
    return next((record for record in reversed(records) if record.reasons), None)


def _why(entry: Entry, record: Record | None) -> str:
    return "; ".join(record.reasons) if record is not None else entry.said


def _row(entry: Entry, record: Record | None, now: float) -> tuple[str, ...]:
    due = "now" if entry.not_before <= now else output.when(entry.not_before)
    return (
        str(entry.number),
        str(entry.state),
        output.title(record, entry),
        output.when(entry.delivery.received),
        "" if entry.state == State.DEAD else due,
        _why(entry, record),
    )


def _plain(entry: Entry, record: Record | None) -> dict[str, Any]:
    return {
        "entry": entry.number,
        "guid": entry.delivery.guid,
        "app": entry.delivery.app,
        "state": str(entry.state),
        "deployment": output.title(record, entry),
        "received": output.when(entry.delivery.received),
        "next_look": output.when(entry.not_before) if entry.state != State.DEAD else None,
        "attempts": entry.attempts,
        "why": _why(entry, record),
    }
