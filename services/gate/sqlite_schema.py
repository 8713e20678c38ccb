"""The tables of the store in SQLite.

In: nothing. Out: the statements that make them, and the columns of an entry. Never here: a statement that reads or
writes a row.

What is open lies in ``inbox``, what is closed in ``closed``: see sqlite.py for the reason.
"""

from __future__ import annotations

_ROW = """
    app TEXT NOT NULL,
    guid TEXT NOT NULL,
    event TEXT NOT NULL,
    content_type TEXT NOT NULL,
    secret INTEGER NOT NULL,
    received REAL NOT NULL,
    digest BLOB NOT NULL,
    body BLOB,
    state TEXT NOT NULL DEFAULT 'received',
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    key TEXT NOT NULL DEFAULT '',
    deployment TEXT NOT NULL DEFAULT '',
    intent TEXT NOT NULL DEFAULT '',
    failures INTEGER NOT NULL DEFAULT 0,
    notes INTEGER NOT NULL DEFAULT 0,
    said TEXT NOT NULL DEFAULT '',
    worker TEXT NOT NULL DEFAULT '',
    leased_until REAL NOT NULL DEFAULT 0,
    ended REAL NOT NULL DEFAULT 0
"""
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, {_ROW});
CREATE UNIQUE INDEX IF NOT EXISTS inbox_guid ON inbox (guid, app);
CREATE INDEX IF NOT EXISTS inbox_due ON inbox (not_before, number);
CREATE INDEX IF NOT EXISTS inbox_key ON inbox (key);
CREATE INDEX IF NOT EXISTS inbox_digest ON inbox (digest);
CREATE INDEX IF NOT EXISTS inbox_deployment ON inbox (deployment) WHERE deployment <> '';
CREATE INDEX IF NOT EXISTS inbox_worker ON inbox (worker) WHERE worker <> '';
CREATE TABLE IF NOT EXISTS closed (number INTEGER PRIMARY KEY, {_ROW});
CREATE INDEX IF NOT EXISTS closed_guid ON closed (guid, app);
CREATE INDEX IF NOT EXISTS closed_digest ON closed (digest);
CREATE INDEX IF NOT EXISTS closed_deployment ON closed (deployment) WHERE deployment <> '';
CREATE INDEX IF NOT EXISTS closed_ended ON closed (ended);
CREATE INDEX IF NOT EXISTS closed_dead ON closed (ended) WHERE state = 'dead';
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    kind TEXT NOT NULL,
    app TEXT NOT NULL,
    guid TEXT NOT NULL,
    entry INTEGER NOT NULL,
    repository TEXT NOT NULL,
    environment TEXT NOT NULL,
    run_id INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    hash TEXT NOT NULL,
    line BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS record_guid ON record (guid);
CREATE INDEX IF NOT EXISTS record_entry ON record (entry);
CREATE INDEX IF NOT EXISTS record_run ON record (run_id);
CREATE TABLE IF NOT EXISTS approval (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL,
    time REAL NOT NULL,
    app TEXT NOT NULL,
    owner TEXT NOT NULL,
    repository TEXT NOT NULL,
    environment TEXT NOT NULL,
    run_id INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    deployments TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS approval_time ON approval (time);
CREATE INDEX IF NOT EXISTS approval_entry ON approval (entry);
CREATE INDEX IF NOT EXISTS approval_active ON approval (number) WHERE ended = 0;
CREATE TABLE IF NOT EXISTS override (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    made REAL NOT NULL,
    expires REAL NOT NULL,
    app TEXT NOT NULL,
    owner TEXT NOT NULL,
    repository TEXT NOT NULL,
    environment TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value TEXT NOT NULL)
"""
COLUMNS = ", ".join(("number", *(line.split()[0] for line in _ROW.strip().splitlines())))
