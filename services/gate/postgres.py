"""The store in PostgreSQL: one database, for several replicas.

In: what inbox.py asks. Out: rows. Never here: what a state means; a clock.

Replicas take turns: a lock of the database makes every change of what is known one after another, as the one file does
in sqlite.py. It is held for a millisecond, a decision takes a few of them, and the records, which are one chain, would
need it anyhow. So no two replicas ever work on one key, and who reads within its turn reads what is true until its end.
Arrivals have a lock of their own, so that they never wait for decisions. It makes their numbers rise in the order in
which others can see them: whoever sees an entry sees all older ones, and so the older one of two twins is the first.

Who looks for work looks without a lock first. A replica that hangs in its turn loses its session after some seconds,
and one that is killed at once; what it was about to change is as if it had never begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind, invalid
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from services.gate import postgres_sql as sql
from services.gate import rows
from services.gate.audit import Record
from services.gate.inbox import OPEN, Approval, Entry, Override, State
from services.gate.payload import Delivery

# Two locks in a space of our own: others may use the same database.
SPACE, ARRIVALS, TURN = 0x67617465, 1, 2
# Milliseconds. A session that says nothing in the middle of its turn ends, and with it the turn.
_PATIENCE = {"idle_in_transaction_session_timeout": 15_000, "lock_timeout": 15_000, "statement_timeout": 30_000}
_OPENS_WITHIN = 10.0
_CONNECTIONS = 12
_Cursor = psycopg.Cursor[tuple[Any, ...]]
_Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresInbox:
    """A store in a database. Every transaction takes a connection from a pool, which opens lost ones anew."""

    def __init__(self, connection: Sensitive) -> None:
        self._pool: ConnectionPool[_Connection] = ConnectionPool(
            _conninfo(connection),
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_OPENS_WITHIN,
            open=False,
            configure=_configure,
            check=ConnectionPool.check_connection,
            name="gate",
        )
        try:
            self._pool.open(wait=True, timeout=_OPENS_WITHIN)
            with self._alone(ARRIVALS, TURN) as cursor:
                for statement in sql.SCHEMA.split(";"):
                    cursor.execute(_sql(statement))
        except (psycopg.Error, PoolTimeout) as error:
            self._pool.close()
            # What the library says may quote the connection string.
            raise Failure(
                Kind.TIMEOUT if isinstance(error, PoolTimeout) else Kind.BROKEN,
                tried="Opening the store in PostgreSQL",
                said=f"it cannot be used ({type(error).__name__})",
                remedy="Check that the server runs, and that this user may log in and create tables",
            ) from None

    # Deliveries

    def put(self, deliveries: list[Delivery]) -> list[bool]:
        """Store deliveries durably, all or none; tell for each whether its GUID is new to its App."""
        arrived = rows.arrivals(deliveries)
        columns = [[values[place] for values in arrived] for place in range(len(rows.ARRIVAL))]
        with self._alone(ARRIVALS) as cursor:
            new = set(cursor.execute(_sql(sql.PUT), columns).fetchall())
        # Of two with one GUID the first is the new one.
        return [_taken(new, (item.app, item.guid)) for item in deliveries]

    def lease(self, worker: str, now: float, seconds: float) -> Entry | None:
        """Return the entry that is due first and that nobody works on, nor on another one of the same key."""
        if self._row(sql.DUE, {"now": now}) is None:
            return None
        with self._alone(TURN) as cursor:
            return _lease(cursor, cursor.execute(_sql(sql.DUE), {"now": now}).fetchone(), worker, now + seconds)

    def take(self, number: int, worker: str, now: float, seconds: float) -> Entry | None:
        """Lease this one, due or not; None when it is closed, or somebody works on it or on one of its key."""
        with self._alone(TURN) as cursor:
            row = cursor.execute(_sql(sql.THIS), {"now": now, "number": number}).fetchone()
            return _lease(cursor, row, worker, now + seconds)

    def renew(self, worker: str, until: float) -> int:
        """Make every lease of a worker end later; return how many it has."""
        with self._alone(TURN) as cursor:
            return cursor.execute(
                "UPDATE gate_inbox SET leased_until = %s WHERE worker = %s AND worker <> ''", (until, worker)
            ).rowcount

    def release(self, worker: str) -> int:
        """End every lease of a worker, and of all whose names begin with its name and a slash; return how many."""
        with self._alone(TURN) as cursor:
            return cursor.execute(
                """UPDATE gate_inbox SET worker = '', leased_until = 0
                   WHERE worker <> '' AND (worker = %s OR starts_with(worker, %s))""",
                (worker, f"{worker}/"),
            ).rowcount

    def label(self, entry: Entry, key: str, deployment: str, now: float) -> bool:
        """Write down what a delivery is about; False when another one of that key is worked on, and this one waits."""
        kept = _text(key)
        with self._alone(TURN) as cursor:
            if not _held(cursor, [entry]):
                return False
            busy = cursor.execute(
                _sql(f"""SELECT 1 FROM gate_inbox
                   WHERE key = %s AND number <> %s AND leased_until > %s AND {sql.OPEN} LIMIT 1"""),
                (kept, entry.number, now),
            ).fetchone()
            lease = ", worker = '', leased_until = 0" if busy else ""
            cursor.execute(
                _sql(f"UPDATE gate_inbox SET key = %s, deployment = %s{lease} WHERE number = %s"),
                (kept, _text(deployment), entry.number),
            )
            return busy is None

    def twin(self, number: int) -> int | None:
        """Return an older entry of this deployment, or of this body; None when this is the first."""
        row = self._row(sql.TWIN, (number,))
        return None if row is None or row[0] is None else int(row[0])

    def together(self, entry: Entry, now: float) -> list[Entry]:
        """Lease all other open entries of the key of a leased one, for as long as that one, and return them."""
        with self._alone(TURN) as cursor:
            held = cursor.execute(
                """SELECT key, leased_until FROM gate_inbox
                   WHERE number = %s AND worker = %s AND attempts = %s AND key <> ''""",
                (entry.number, entry.worker, entry.attempts),
            ).fetchone()
            if held is None:
                return []
            key, until = held
            found = cursor.execute(
                _sql(f"""SELECT {rows.ENTRY} FROM gate_inbox
                   WHERE key = %s AND number <> %s AND leased_until <= %s AND {sql.OPEN} ORDER BY number"""),
                (key, entry.number, now),
            ).fetchall()
            leased = [_lease(cursor, row, entry.worker, until) for row in found]
            return [other for other in leased if other is not None]

    def intend(
        self, entries: Sequence[Entry], intent: str, approval: Approval | None = None, after: int | None = None
    ) -> bool:
        """Write down the decision before it is sent, with the approval that it will be."""
        own = [entry.number for entry in entries]
        with self._alone(TURN) as cursor:
            if not _held(cursor, entries):
                return False
            newer = "SELECT 1 FROM gate_approval WHERE number > %s AND entry <> ALL(%s) LIMIT 1"
            if after is not None and cursor.execute(newer, (after, own)).fetchone():
                return False
            _drop_approvals(cursor, entries)
            cursor.execute(
                "UPDATE gate_inbox SET state = 'deciding', intent = %s WHERE number = ANY(%s)", (_text(intent), own)
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
        with self._alone(TURN) as cursor:
            if not _held(cursor, entries):
                return False
            cursor.execute(
                _sql(f"""UPDATE gate_inbox SET {change}, not_before = %s, said = %s, notes = notes + %s, worker = '',
                    leased_until = 0 WHERE number = ANY(%s)"""),
                (until, _text(said), int(noted), [entry.number for entry in entries]),
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
        body = "" if state is State.DEAD else ", body = NULL"
        with self._alone(TURN) as cursor:
            if not _held(cursor, entries):
                return False
            cursor.execute(
                _sql(f"""UPDATE gate_inbox SET state = %s, intent = '', said = %s, ended = %s, worker = '',
                    leased_until = 0{body} WHERE number = ANY(%s)"""),
                (str(state), _text(said), now, [entry.number for entry in entries]),
            )
            if not approved:
                _drop_approvals(cursor, entries)
            _append(cursor, records)
            return True

    def wake(self, key: str, at: float) -> int:
        """Have every deferred entry whose key begins so judged at that time already; return how many."""
        with self._alone(TURN) as cursor:
            return cursor.execute(
                """UPDATE gate_inbox SET not_before = %(at)s
                   WHERE starts_with(key, %(key)s) AND state = 'deferred' AND not_before > %(at)s AND worker = ''""",
                {"at": at, "key": _text(key)},
            ).rowcount

    def reopen(self, number: int, now: float) -> bool:
        """Have a dead entry judged again; False when there is none of that number."""
        with self._alone(TURN) as cursor:
            query = (
                "UPDATE gate_inbox SET state = 'received', not_before = %s, failures = 0, ended = 0 WHERE number = %s"
            )
            return cursor.execute(_sql(f"{query} AND state = 'dead'"), (now, number)).rowcount == 1

    def counts(self) -> dict[str, int]:
        """Return how many entries stand in each open state, and how many are dead."""
        found = self._rows(
            f"""SELECT state, count(*) FROM gate_inbox WHERE {sql.OPEN} GROUP BY state
                UNION ALL SELECT 'dead', count(*) FROM gate_inbox WHERE state = 'dead'"""
        )
        return {str(state): int(count) for state, count in found if count}

    def oldest(self) -> float | None:
        """Return when the oldest open entry that is no deferred one was received."""
        row = self._row(f"SELECT min(received) FROM gate_inbox WHERE {sql.OPEN} AND state <> 'deferred'")
        return None if row is None or row[0] is None else float(row[0])

    def entries(self, states: Sequence[State] = OPEN, limit: int = 1000) -> list[Entry]:
        """Return entries in these states, the oldest first, of closed ones the newest first."""
        found: list[Entry] = []
        for place, order, here in (
            (sql.OPEN, "number", [str(state) for state in states if state in OPEN]),
            (f"NOT {sql.OPEN}", "ended DESC, number DESC", [str(state) for state in states if state not in OPEN]),
        ):
            if here:
                query = (
                    f"SELECT {rows.ENTRY} FROM gate_inbox WHERE {place} AND state = ANY(%s) ORDER BY {order} LIMIT %s"
                )
                found += [rows.entry(row) for row in self._rows(query, (here, limit - len(found)))]
        return found

    def entry(self, which: int | str) -> Entry | None:
        """Return an entry by its number, or the newest one by its GUID."""
        column = "number" if isinstance(which, int) else "guid"
        query = f"SELECT {rows.ENTRY} FROM gate_inbox WHERE {column} = %s ORDER BY number DESC LIMIT 1"
        row = self._row(query, (which if isinstance(which, int) else _text(which),))
        return None if row is None else rows.entry(row)

    # Records

    def append(self, record: Record) -> Record:
        """Append a record that goes with no change of an entry; return it with number and hash."""
        with self._alone(TURN) as cursor:
            return _append(cursor, [record])[0]

    def records(self, after: int = 0, limit: int = 1000, where: Mapping[str, object] | None = None) -> list[Record]:
        """Return records with a higher number, in order."""
        asked = rows.sought(where)
        wanted = "".join(f" AND {name} = %s" for name in asked)
        query = f"SELECT line FROM gate_record WHERE number > %s{wanted} ORDER BY number LIMIT %s"
        return [rows.record(line) for (line,) in self._rows(query, (after, *map(_plain, asked.values()), limit))]

    def newest(self, limit: int = 50) -> list[Record]:
        """Return the newest records, the newest first."""
        found = self._rows("SELECT line FROM gate_record ORDER BY number DESC LIMIT %s", (limit,))
        return [rows.record(line) for (line,) in found]

    # What the gate remembers

    def approvals(self) -> int:
        """Return the number of the newest approval that was written, 0 before the first."""
        # One that is being written does not count yet: whoever goes on from this number must not miss it.
        row = self._row("SELECT coalesce(max(number), 0) FROM gate_approval")
        return int(row[0]) if row else 0

    def approved(self, app: str, since: float) -> list[Approval]:
        """Return what was approved since then, and what is about to be, the oldest first."""
        return self._approvals("time >= %s AND app = %s", since, app)

    def active(self, app: str) -> list[Approval]:
        """Return those of them that nobody has reported as ended."""
        return self._approvals("NOT ended AND app = %s", app)

    def ended(self, approval: Approval) -> None:
        """Write down that what was approved has come to its end."""
        with self._alone(TURN) as cursor:
            cursor.execute("UPDATE gate_approval SET ended = true WHERE number = %s", (approval.number,))

    def add_override(self, override: Override, record: Record) -> Override:
        """Store an override; return it with its number."""
        given = tuple(_plain(getattr(override, name)) for name in rows.OVERRIDE.split(", "))
        with self._alone(TURN) as cursor:
            row = cursor.execute(sql.OVERRIDE, given).fetchone() or (0,)
            _append(cursor, [record])
            return replace(override, number=int(row[0]))

    def overrides(self, now: float) -> list[Override]:
        """Return those that have not expired, the oldest first."""
        query = f"SELECT {rows.OVERRIDE}, number FROM gate_override WHERE expires > %s ORDER BY number"
        return [Override(*row) for row in self._rows(query, (now,))]

    def mark(self, name: str, value: str) -> None:
        """Remember one word under a name, such as how far the recovery has read."""
        with self._alone(TURN) as cursor:
            cursor.execute(sql.MARK, (_text(name), _text(value)))

    def advance(self, name: str, former: str, value: str) -> bool:
        """Remember another word in place of ``former``, or of none; False when it is not what stands there any more."""
        with self._alone(TURN) as cursor:
            return cursor.execute(sql.ADVANCE, (_text(name), _text(value), _text(former))).rowcount == 1

    def marks(self) -> dict[str, str]:
        """Return all of them."""
        return {str(name): str(value) for name, value in self._rows("SELECT name, value FROM gate_mark")}

    def prune(self, before: float, most: int = 1000) -> int:
        """Delete what is closed, ended, expired or recorded before that, ``most`` of each at once; how many rows."""
        gone = 0
        still_open = f"SELECT number FROM gate_inbox WHERE {sql.OPEN}"
        with self._alone(TURN) as cursor:
            for table, old in (
                ("gate_inbox", f"NOT {sql.OPEN} AND ended < %s"),
                ("gate_approval", f"time < %s AND entry NOT IN ({still_open})"),
                ("gate_override", "expires < %s"),
            ):
                query = f"DELETE FROM {table} WHERE number IN (SELECT number FROM {table} WHERE {old} LIMIT %s)"
                gone += cursor.execute(_sql(query), (before, most)).rowcount
            return gone + _prune_records(cursor, before, most)

    def writable(self) -> None:
        """Raise what a write would raise now."""
        with self._pool.connection() as connection:
            connection.execute(sql.MARK, ("writable", ""))

    def close_store(self) -> None:
        """Close what is open. Nothing may be called afterwards."""
        self._pool.close()

    def _approvals(self, where: str, *values: object) -> list[Approval]:
        found = self._rows(f"SELECT {rows.APPROVAL}, number FROM gate_approval WHERE {where} ORDER BY number", values)
        return [rows.approval(row) for row in found]

    @contextmanager
    def _alone(self, *locks: int) -> Iterator[_Cursor]:
        """A transaction that holds these locks until its end is on the disk, and seen by all."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            for lock in locks:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (SPACE, lock))
            yield cursor

    def _rows(self, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        with self._pool.connection() as connection:
            return connection.execute(_sql(query), values).fetchall()

    def _row(self, query: str, values: Any = ()) -> tuple[Any, ...] | None:
        with self._pool.connection() as connection:
            return connection.execute(_sql(query), values).fetchone()


def _conninfo(connection: Sensitive) -> str:
    """Return a connection string with limits of ours. Raises Failure(invalid), which does not quote it."""
    limits = [f"-c {name}={milliseconds}" for name, milliseconds in _PATIENCE.items()]
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(connection.reveal()).items() if value is not None}
        options = " ".join([given.pop("options", ""), *limits]).strip()
        return make_conninfo(
            "", **{"application_name": "aphex-gate", "connect_timeout": "10", **given}, options=options
        )
    except psycopg.Error:
        said, remedy = "it is no connection string of PostgreSQL", "Write postgresql://user:password@host/database"
        raise invalid("The file of postgres_file", said, remedy) from None


def _configure(connection: _Connection) -> None:
    """What was answered with 202 must be there after a power cut; a server that is stricter stays so."""
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()


def _sql(text: str) -> bytes:
    """Return a statement as psycopg takes it that is put together here: of names of ours, and never of a value."""
    return text.encode()


def _text(text: str) -> str:
    """Return text as PostgreSQL can keep it: without the one character that it has not."""
    return text.replace("\0", "\ufffd")


def _plain(value: object) -> object:
    return _text(value) if isinstance(value, str) else value


def _taken(new: set[tuple[Any, ...]], guid: tuple[str, str]) -> bool:
    if guid not in new:
        return False
    new.remove(guid)
    return True


def _lease(cursor: _Cursor, row: tuple[Any, ...] | None, worker: str, until: float) -> Entry | None:
    if row is None:
        return None
    entry = rows.entry(row)
    cursor.execute(sql.LEASE, (worker, until, entry.number))
    return replace(entry, worker=worker, leased_until=until, attempts=entry.attempts + 1)


def _held(cursor: _Cursor, entries: Sequence[Entry]) -> bool:
    """Tell whether these leases are still the last ones; every lease counts an attempt, so it has a number."""
    query = f"SELECT 1 FROM gate_inbox WHERE number = %s AND worker = %s AND attempts = %s AND {sql.OPEN}"
    return all(
        cursor.execute(_sql(query), (entry.number, entry.worker, entry.attempts)).fetchone() is not None
        for entry in entries
    )


def _append(cursor: _Cursor, records: Sequence[Record]) -> list[Record]:
    """Link records to the chain; whoever calls has the turn, which makes it one chain."""
    if not records:
        return []
    last = cursor.execute("SELECT number, hash FROM gate_record ORDER BY number DESC LIMIT 1").fetchone()
    number, previous = last or (int(_marked(cursor, "anchor_number") or 0), _marked(cursor, "anchor"))
    linked = rows.linked(records, number, previous)
    for record in linked:
        cursor.execute(sql.RECORD, tuple(map(_plain, rows.record_values(record))))
    return linked


def _prune_records(cursor: _Cursor, before: float, most: int) -> int:
    """Delete the oldest records, of which the chain goes on from a hash that is kept."""
    oldest = cursor.execute("SELECT number, hash, time FROM gate_record ORDER BY number LIMIT %s", (most,))
    last = rows.last_before(oldest.fetchall(), before)
    if last is None:
        return 0
    cursor.execute(sql.MARK, ("anchor_number", str(last[0])))
    cursor.execute(sql.MARK, ("anchor", last[1]))
    return cursor.execute("DELETE FROM gate_record WHERE number <= %s", (last[0],)).rowcount


def _drop_approvals(cursor: _Cursor, entries: Sequence[Entry], but_state: str = "") -> None:
    cursor.execute(
        """DELETE FROM gate_approval WHERE entry = ANY(%s)
           AND NOT EXISTS (SELECT 1 FROM gate_inbox WHERE number = entry AND state = %s)""",
        ([entry.number for entry in entries], str(but_state)),
    )


def _insert_approval(cursor: _Cursor, approval: Approval) -> None:
    cursor.execute(sql.APPROVAL, tuple(map(_plain, rows.approval_values(approval))))


def _marked(cursor: _Cursor, name: str) -> str:
    row = cursor.execute("SELECT value FROM gate_mark WHERE name = %s", (name,)).fetchone()
    return str(row[0]) if row else ""
