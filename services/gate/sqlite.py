"""The store in SQLite: one file, for one process.

In: what inbox.py asks. Out: rows. Never here: what a state means; a clock.

A commit to the disk is paid once for all deliveries of a group. What is open lies in one table and what is closed in
another, so that an arrival writes to small indexes only, however long the history is: of the history it reads one page,
to know a GUID again.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.gate import rows
from services.gate.audit import Record
from services.gate.inbox import OPEN, Approval, Entry, Override, State
from services.gate.payload import Delivery
from services.gate.sqlite_schema import COLUMNS, SCHEMA

_KNOWN = """
WITH given (app, guid) AS (VALUES {values}) SELECT app, guid FROM given
WHERE EXISTS (SELECT 1 FROM inbox WHERE inbox.guid = given.guid AND inbox.app = given.app)
OR EXISTS (SELECT 1 FROM closed WHERE closed.guid = given.guid AND closed.app = given.app)
"""
_PUT = f"""
INSERT INTO inbox ({", ".join(rows.ARRIVAL)})
SELECT * FROM (VALUES {{values}}) WHERE column1 IS NOT NULL
"""
# So many rows one statement takes, and so many bytes of a body; SQLite keeps a copy of what a statement was given last.
_TOGETHER = 32
_COMMON = 256 * 1024
_FREE = """
leased_until <= :now AND (key = '' OR NOT EXISTS (
    SELECT 1 FROM inbox AS other
    WHERE other.key = this.key AND other.leased_until > :now AND other.number <> this.number
))
"""
_DUE = f"""
SELECT {rows.ENTRY} FROM inbox AS this WHERE not_before <= :now AND {_FREE} ORDER BY not_before, number LIMIT 1
"""
_THIS = f"SELECT {rows.ENTRY} FROM inbox AS this WHERE number = :number AND {_FREE}"
_TWIN = """
SELECT min(number) FROM (
    SELECT number, app, state FROM inbox WHERE digest = :digest
    UNION ALL SELECT number, app, state FROM closed WHERE digest = :digest
    UNION ALL SELECT number, app, state FROM inbox WHERE deployment = :deployment AND deployment <> ''
    UNION ALL SELECT number, app, state FROM closed WHERE deployment = :deployment AND deployment <> ''
) WHERE app = :app AND number < :number AND state <> 'ignored'
"""
_ADVANCE = """
INSERT INTO mark VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE mark.value = ?
"""
_AFTER_ALL = "\U0010ffff"


class _Connection(sqlite3.Connection):
    """A connection that can be referred to weakly: it ends with its thread."""


class SqliteInbox:
    """A store in a file. Every thread gets a connection of its own; writers wait for each other."""

    def __init__(self, path: Path, busy: float = 10.0) -> None:
        self._path = path
        self._busy = busy
        self._local = threading.local()
        self._writing = threading.Lock()
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()
        with self._transaction() as cursor:
            for statement in SCHEMA.split(";"):
                cursor.execute(statement)

    # Deliveries

    def put(self, deliveries: list[Delivery]) -> list[bool]:
        """Store deliveries durably, all or none; tell for each whether its GUID is new to its App."""
        arrived = rows.arrivals(deliveries)
        with self._transaction() as cursor:
            known = {key for some in _some(arrived) for key in _together(cursor, _KNOWN, [row[:2] for row in some])}
            new = [_first(known, row[:2]) for row in arrived]
            for some in _some([row for row, is_new in zip(arrived, new, strict=True) if is_new]):
                _together(cursor, _PUT, some)
            return new

    def lease(self, worker: str, now: float, seconds: float) -> Entry | None:
        """Return the entry that is due first and that nobody works on, nor on another one of the same key."""
        with self._transaction() as cursor:
            return _lease(cursor, cursor.execute(_DUE, {"now": now}).fetchone(), worker, now + seconds)

    def take(self, number: int, worker: str, now: float, seconds: float) -> Entry | None:
        """Lease this one, due or not; None when it is closed, or somebody works on it or on one of its key."""
        with self._transaction() as cursor:
            row = cursor.execute(_THIS, {"now": now, "number": number}).fetchone()
            return _lease(cursor, row, worker, now + seconds)

    def renew(self, worker: str, until: float) -> int:
        """Make every lease of a worker end later; return how many it has."""
        with self._transaction() as cursor:
            return cursor.execute(
                "UPDATE inbox SET leased_until = ? WHERE worker = ? AND worker <> ''", (until, worker)
            ).rowcount

    def release(self, worker: str) -> int:
        """End every lease of a worker, and of all whose names begin with its name and a slash; return how many."""
        with self._transaction() as cursor:
            return cursor.execute(
                """UPDATE inbox SET worker = '', leased_until = 0
                   WHERE worker <> '' AND (worker = :name OR (worker > :name || '/' AND worker < :name || '0'))""",
                {"name": worker},
            ).rowcount

    def label(self, entry: Entry, key: str, deployment: str, now: float) -> bool:
        """Write down what a delivery is about; False when another one of that key is worked on, and this one waits."""
        with self._transaction() as cursor:
            if not _held(cursor, [entry]):
                return False
            busy = cursor.execute(
                "SELECT 1 FROM inbox WHERE key = ? AND number <> ? AND leased_until > ? LIMIT 1",
                (key, entry.number, now),
            ).fetchone()
            cursor.execute("UPDATE inbox SET key = ?, deployment = ? WHERE number = ?", (key, deployment, entry.number))
            if busy:
                cursor.execute("UPDATE inbox SET worker = '', leased_until = 0 WHERE number = ?", (entry.number,))
            return busy is None

    def twin(self, number: int) -> int | None:
        """Return an older entry of this deployment, or of this body; None when this is the first."""
        cursor = self._cursor()
        row = cursor.execute("SELECT app, digest, deployment FROM inbox WHERE number = ?", (number,)).fetchone()
        if row is None:
            return None
        app, digest, deployment = row
        asked = {"number": number, "app": app, "digest": digest, "deployment": deployment}
        found = cursor.execute(_TWIN, asked).fetchone()[0]
        return None if found is None else int(found)

    def together(self, entry: Entry, now: float) -> list[Entry]:
        """Lease all other open entries of the key of a leased one, for as long as that one, and return them."""
        with self._transaction() as cursor:
            held = cursor.execute(
                "SELECT key, leased_until FROM inbox WHERE number = ? AND worker = ? AND attempts = ? AND key <> ''",
                (entry.number, entry.worker, entry.attempts),
            ).fetchone()
            if held is None:
                return []
            key, until = held
            found = cursor.execute(
                f"SELECT {rows.ENTRY} FROM inbox WHERE key = ? AND number <> ? AND leased_until <= ? ORDER BY number",
                (key, entry.number, now),
            ).fetchall()
            leased = [_lease(cursor, row, entry.worker, until) for row in found]
            return [other for other in leased if other is not None]

    def intend(
        self, entries: Sequence[Entry], intent: str, approval: Approval | None = None, after: int | None = None
    ) -> bool:
        """Write down the decision before it is sent, with the approval that it will be."""
        with self._transaction() as cursor:
            if not _held(cursor, entries):
                return False
            own = [entry.number for entry in entries]
            newer = f"SELECT 1 FROM approval WHERE number > ? AND NOT {_in('entry', own)}"
            if after is not None and cursor.execute(newer, (after, *own)).fetchone():
                return False
            _drop_approvals(cursor, entries)
            for entry in entries:
                cursor.execute(
                    "UPDATE inbox SET state = 'deciding', intent = ? WHERE number = ?", (intent, entry.number)
                )
            if approval is not None:
                _insert_approval(cursor, approval)
            return True

    def defer(
        self,
        entries: Sequence[Entry],
        until: float,
        said: str,
        records: Sequence[Record] = (),
        failed: bool = False,
        noted: bool = False,
    ) -> bool:
        """Have them judged again at a time, and end the leases; take back their approvals."""
        change = (
            "state = CASE state WHEN 'deciding' THEN state ELSE 'deferred' END, failures = failures + 1"
            if failed
            else "state = 'deferred', failures = 0, intent = ''"
        )
        with self._transaction() as cursor:
            if not _held(cursor, entries):
                return False
            for entry in entries:
                cursor.execute(
                    f"""UPDATE inbox SET {change}, not_before = ?, said = ?, notes = notes + ?, worker = '',
                        leased_until = 0 WHERE number = ?""",
                    (until, said, int(noted), entry.number),
                )
            _drop_approvals(cursor, entries, but_state=State.DECIDING)
            _append(cursor, records)
            return True

    def close(
        self,
        entries: Sequence[Entry],
        state: State,
        said: str,
        now: float,
        records: Sequence[Record] = (),
        approved: bool = False,
    ) -> bool:
        """Write down how it ended; without ``approved`` their approvals are taken back. False when a lease was lost."""
        # What is dead may be judged again, so its body stays.
        changed = {"state": "?", "intent": "''", "said": "?", "worker": "''", "leased_until": "0", "ended": "?"}
        kept = _copy(changed if state is State.DEAD else {**changed, "body": "NULL"})
        with self._transaction() as cursor:
            if not _held(cursor, entries):
                return False
            for entry in entries:
                cursor.execute(
                    f"INSERT INTO closed ({COLUMNS}) SELECT {kept} FROM inbox WHERE number = ?",
                    (str(state), said, now, entry.number),
                )
                cursor.execute("DELETE FROM inbox WHERE number = ?", (entry.number,))
            if not approved:
                _drop_approvals(cursor, entries)
            _append(cursor, records)
            return True

    def wake(self, key: str, at: float) -> int:
        """Have every deferred entry whose key begins so judged at that time already; return how many."""
        with self._transaction() as cursor:
            return cursor.execute(
                """UPDATE inbox SET not_before = :at
                   WHERE key >= :key AND key < :end AND state = 'deferred' AND not_before > :at AND worker = ''""",
                {"at": at, "key": key, "end": key + _AFTER_ALL},
            ).rowcount

    def reopen(self, number: int, now: float) -> bool:
        """Have a dead entry judged again; False when there is none of that number."""
        kept = _copy({"state": "'received'", "not_before": "?", "failures": "0", "ended": "0"})
        with self._transaction() as cursor:
            moved = cursor.execute(
                f"INSERT INTO inbox ({COLUMNS}) SELECT {kept} FROM closed WHERE number = ? AND state = 'dead'",
                (now, number),
            ).rowcount
            cursor.execute("DELETE FROM closed WHERE number = ? AND state = 'dead'", (number,))
            return moved == 1

    def counts(self) -> dict[str, int]:
        """Return how many entries stand in each open state, and how many are dead."""
        found = self._cursor().execute(
            """SELECT state, count(*) FROM inbox GROUP BY state
               UNION ALL SELECT 'dead', count(*) FROM closed WHERE state = 'dead'"""
        )
        return {str(state): int(count) for state, count in found if count}

    def oldest(self) -> float | None:
        """Return when the oldest open entry that is no deferred one was received."""
        found = self._cursor().execute("SELECT min(received) FROM inbox WHERE state <> 'deferred'").fetchone()[0]
        return None if found is None else float(found)

    def entries(self, states: Sequence[State] = OPEN, limit: int = 1000) -> list[Entry]:
        """Return entries in these states, the oldest first, of closed ones the newest first."""
        found: list[Entry] = []
        for table, order, here in (
            ("inbox", "number", [str(state) for state in states if state in OPEN]),
            ("closed", "ended DESC, number DESC", [str(state) for state in states if state not in OPEN]),
        ):
            if here:
                # Literal, not a parameter: so the dead ones are found by the index that holds only them.
                listed = " OR ".join(f"state = '{state}'" for state in here)
                sql = f"SELECT {rows.ENTRY} FROM {table} WHERE {listed} ORDER BY {order} LIMIT ?"
                found += [rows.entry(row) for row in self._cursor().execute(sql, (limit - len(found),))]
        return found

    def entry(self, which: int | str) -> Entry | None:
        """Return an entry by its number, or the newest one by its GUID."""
        column = "number" if isinstance(which, int) else "guid"
        sql = f"""SELECT {rows.ENTRY} FROM inbox WHERE {column} = :which
                  UNION ALL SELECT {rows.ENTRY} FROM closed WHERE {column} = :which ORDER BY number DESC LIMIT 1"""
        row = self._cursor().execute(sql, {"which": which}).fetchone()
        return None if row is None else rows.entry(row)

    # Records

    def append(self, record: Record) -> Record:
        """Append a record that goes with no change of an entry; return it with number and hash."""
        with self._transaction() as cursor:
            return _append(cursor, [record])[0]

    def records(self, after: int = 0, limit: int = 1000, where: Mapping[str, object] | None = None) -> list[Record]:
        """Return records with a higher number, in order."""
        asked = rows.sought(where)
        wanted = "".join(f" AND {name} = ?" for name in asked)
        sql = f"SELECT line FROM record WHERE number > ?{wanted} ORDER BY number LIMIT ?"
        return [rows.record(line) for (line,) in self._cursor().execute(sql, (after, *asked.values(), limit))]

    def newest(self, limit: int = 50) -> list[Record]:
        """Return the newest records, the newest first."""
        found = self._cursor().execute("SELECT line FROM record ORDER BY number DESC LIMIT ?", (limit,))
        return [rows.record(line) for (line,) in found]

    # What the gate remembers

    def approvals(self) -> int:
        """Return the number of the newest approval that was written, 0 before the first."""
        row = self._cursor().execute("SELECT seq FROM sqlite_sequence WHERE name = 'approval'").fetchone()
        return int(row[0]) if row else 0

    def approved(self, app: str, since: float) -> list[Approval]:
        """Return what was approved since then, and what is about to be, the oldest first."""
        return self._approvals("time >= ? AND app = ?", since, app)

    def active(self, app: str) -> list[Approval]:
        """Return those of them that nobody has reported as ended."""
        return self._approvals("ended = 0 AND app = ?", app)

    def ended(self, approval: Approval) -> None:
        """Write down that what was approved has come to its end."""
        with self._transaction() as cursor:
            cursor.execute("UPDATE approval SET ended = 1 WHERE number = ?", (approval.number,))

    def add_override(self, override: Override, record: Record) -> Override:
        """Store an override; return it with its number."""
        with self._transaction() as cursor:
            cursor.execute(
                f"""INSERT INTO override ({rows.OVERRIDE})
                   VALUES (:by, :reason, :made, :expires, :app, :owner, :repository, :environment)""",
                vars(override),
            )
            number = int(cursor.lastrowid or 0)
            _append(cursor, [record])
            return replace(override, number=number)

    def overrides(self, now: float) -> list[Override]:
        """Return those that have not expired, the oldest first."""
        sql = f"SELECT {rows.OVERRIDE}, number FROM override WHERE expires > ? ORDER BY number"
        return [Override(*row) for row in self._cursor().execute(sql, (now,))]

    def mark(self, name: str, value: str) -> None:
        """Remember one word under a name, such as how far the recovery has read."""
        with self._transaction() as cursor:
            _mark(cursor, name, value)

    def advance(self, name: str, former: str, value: str) -> bool:
        """Remember another word in place of ``former``, or of none; False when it is not what stands there any more."""
        with self._transaction() as cursor:
            return cursor.execute(_ADVANCE, (name, value, former)).rowcount == 1

    def marks(self) -> dict[str, str]:
        """Return all of them."""
        return dict(self._cursor().execute("SELECT name, value FROM mark").fetchall())

    def prune(self, before: float, most: int = 1000) -> int:
        """Delete what is closed, ended, expired or recorded before that, ``most`` of each at once; how many rows."""
        gone = 0
        with self._transaction() as cursor:
            for table, old in (
                ("closed", "ended < ?"),
                ("approval", "time < ? AND entry NOT IN (SELECT number FROM inbox)"),
                ("override", "expires < ?"),
            ):
                sql = f"DELETE FROM {table} WHERE number IN (SELECT number FROM {table} WHERE {old} LIMIT ?)"
                gone += cursor.execute(sql, (before, most)).rowcount
            return gone + _prune_records(cursor, before, most)

    def writable(self) -> None:
        """Raise what a write would raise now."""
        with self._transaction() as cursor:
            _mark(cursor, "writable", "")

    def close_store(self) -> None:
        """Close what is open. Nothing may be called afterwards."""
        with self._writing:
            for connection in list(self._connections):
                connection.close()

    def _approvals(self, where: str, *values: object) -> list[Approval]:
        sql = f"SELECT {rows.APPROVAL}, number FROM approval WHERE {where} ORDER BY number"
        return [rows.approval(row) for row in self._cursor().execute(sql, values)]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with self._writing:
            cursor = self._cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if cursor.connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise

    def _cursor(self) -> sqlite3.Cursor:
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            # A connection stays with its thread; only the end of the store closes it from another one.
            connection = sqlite3.connect(
                self._path, timeout=self._busy, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            # A body of 27 KB fills a few pages and is found in one go; only a new file takes this up.
            connection.execute("PRAGMA page_size = 8192")
            connection.execute("PRAGMA journal_mode = WAL")
            # Pages, so 2 MB: while they are moved to their places, the next deliveries wait.
            connection.execute("PRAGMA wal_autocheckpoint = 250")
            # What was answered with 202 must be there after a power cut.
            connection.execute("PRAGMA synchronous = FULL")
            self._local.connection = connection
            self._connections.add(connection)
        return connection.cursor()


def _some(given: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Yield what one statement takes of arrivals: some with common bodies, or one with a large one."""
    common = [row for row in given if len(row[-1]) <= _COMMON]
    for first in range(0, len(common), _TOGETHER):
        yield common[first : first + _TOGETHER]
    yield from ([row] for row in given if len(row[-1]) > _COMMON)


def _together(cursor: sqlite3.Cursor, sql: str, given: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Do something with several rows in one statement.

    The interpreter is free while SQLite works. To get it back costs more than a row does, so it is not given up for
    every row. What lacks to a power of two is filled up with nothing: so there are a few statements, all prepared.
    """
    count, width = 1 << (len(given) - 1).bit_length(), len(given[0])
    values = [value for row in given for value in row]
    values += [None] * (count * width - len(values))
    return cursor.execute(_of(sql, count, width), values).fetchall()


@functools.cache
def _of(sql: str, count: int, width: int) -> str:
    row = f"({', '.join('?' * width)})"
    return sql.format(values=", ".join([row] * count))


def _first(known: set[tuple[Any, ...]], key: tuple[Any, ...]) -> bool:
    """Tell whether a key is not known yet; from now on it is."""
    if key in known:
        return False
    known.add(key)
    return True


def _lease(cursor: sqlite3.Cursor, row: tuple[Any, ...] | None, worker: str, until: float) -> Entry | None:
    if row is None:
        return None
    entry = rows.entry(row)
    cursor.execute(
        "UPDATE inbox SET worker = ?, leased_until = ?, attempts = attempts + 1 WHERE number = ?",
        (worker, until, entry.number),
    )
    return replace(entry, worker=worker, leased_until=until, attempts=entry.attempts + 1)


def _held(cursor: sqlite3.Cursor, entries: Sequence[Entry]) -> bool:
    """Tell whether these leases are still the last ones; every lease counts an attempt, so it has a number."""
    sql = "SELECT 1 FROM inbox WHERE number = ? AND worker = ? AND attempts = ?"
    return all(
        cursor.execute(sql, (entry.number, entry.worker, entry.attempts)).fetchone() is not None for entry in entries
    )


def _append(cursor: sqlite3.Cursor, records: Sequence[Record]) -> list[Record]:
    """Link records to the chain; the write lock makes it one chain."""
    if not records:
        return []
    number, previous = cursor.execute("SELECT number, hash FROM record ORDER BY number DESC LIMIT 1").fetchone() or (
        int(_marked(cursor, "anchor_number") or 0),
        _marked(cursor, "anchor"),
    )
    linked = rows.linked(records, number, previous)
    for record in linked:
        cursor.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.record_values(record))
    return linked


def _prune_records(cursor: sqlite3.Cursor, before: float, most: int) -> int:
    """Delete the oldest records, of which the chain goes on from a hash that is kept."""
    oldest = cursor.execute("SELECT number, hash, time FROM record ORDER BY number LIMIT ?", (most,))
    last = rows.last_before(oldest.fetchall(), before)
    if last is None:
        return 0
    _mark(cursor, "anchor_number", str(last[0]))
    _mark(cursor, "anchor", last[1])
    return cursor.execute("DELETE FROM record WHERE number <= ?", (last[0],)).rowcount


def _drop_approvals(cursor: sqlite3.Cursor, entries: Sequence[Entry], but_state: str = "") -> None:
    sql = "DELETE FROM approval WHERE entry = ? AND NOT EXISTS (SELECT 1 FROM inbox WHERE number = entry AND state = ?)"
    for entry in entries:
        cursor.execute(sql, (entry.number, str(but_state)))


def _insert_approval(cursor: sqlite3.Cursor, approval: Approval) -> None:
    cursor.execute(
        f"INSERT INTO approval ({rows.APPROVAL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.approval_values(approval)
    )


def _mark(cursor: sqlite3.Cursor, name: str, value: str) -> None:
    cursor.execute(
        "INSERT INTO mark VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )


def _marked(cursor: sqlite3.Cursor, name: str) -> str:
    row = cursor.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else ""


def _copy(changed: Mapping[str, str]) -> str:
    """Return what is selected to copy an entry; ``changed`` are expressions in place of columns."""
    return ", ".join(changed.get(column, column) for column in COLUMNS.split(", "))


def _in(column: str, values: Sequence[object]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"
