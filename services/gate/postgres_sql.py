"""The tables of the store in PostgreSQL, and the statements that postgres.py asks.

In: nothing. Out: text. Never here: a connection, a value inside a statement.
"""

from __future__ import annotations

from services.gate import rows

OPEN = "state IN ('received', 'deferred', 'deciding')"
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS gate_inbox (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app text NOT NULL,
    guid text NOT NULL,
    event text NOT NULL,
    content_type text NOT NULL,
    secret integer NOT NULL,
    received double precision NOT NULL,
    digest bytea NOT NULL,
    body bytea,
    state text NOT NULL DEFAULT 'received',
    attempts integer NOT NULL DEFAULT 0,
    not_before double precision NOT NULL DEFAULT 0,
    key text NOT NULL DEFAULT '',
    deployment text NOT NULL DEFAULT '',
    intent text NOT NULL DEFAULT '',
    failures integer NOT NULL DEFAULT 0,
    notes integer NOT NULL DEFAULT 0,
    said text NOT NULL DEFAULT '',
    worker text NOT NULL DEFAULT '',
    leased_until double precision NOT NULL DEFAULT 0,
    ended double precision NOT NULL DEFAULT 0
);
ALTER TABLE gate_inbox ALTER body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX IF NOT EXISTS gate_inbox_guid ON gate_inbox (guid, app);
CREATE INDEX IF NOT EXISTS gate_inbox_due ON gate_inbox (not_before, number) WHERE {OPEN};
CREATE INDEX IF NOT EXISTS gate_inbox_key ON gate_inbox (key) WHERE {OPEN};
CREATE INDEX IF NOT EXISTS gate_inbox_worker ON gate_inbox (worker) WHERE worker <> '';
CREATE INDEX IF NOT EXISTS gate_inbox_digest ON gate_inbox (digest);
CREATE INDEX IF NOT EXISTS gate_inbox_deployment ON gate_inbox (deployment) WHERE deployment <> '';
CREATE INDEX IF NOT EXISTS gate_inbox_ended ON gate_inbox (ended, number) WHERE NOT {OPEN};
CREATE INDEX IF NOT EXISTS gate_inbox_dead ON gate_inbox (ended) WHERE state = 'dead';
CREATE TABLE IF NOT EXISTS gate_record (
    number bigint PRIMARY KEY,
    time double precision NOT NULL,
    kind text NOT NULL,
    app text NOT NULL,
    guid text NOT NULL,
    entry bigint NOT NULL,
    repository text NOT NULL,
    environment text NOT NULL,
    run_id bigint NOT NULL,
    outcome text NOT NULL,
    hash text NOT NULL,
    line bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS gate_record_guid ON gate_record (guid);
CREATE INDEX IF NOT EXISTS gate_record_entry ON gate_record (entry);
CREATE INDEX IF NOT EXISTS gate_record_run ON gate_record (run_id);
CREATE TABLE IF NOT EXISTS gate_approval (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry bigint NOT NULL,
    time double precision NOT NULL,
    app text NOT NULL,
    owner text NOT NULL,
    repository text NOT NULL,
    environment text NOT NULL,
    run_id bigint NOT NULL,
    outcome text NOT NULL,
    deployments text NOT NULL,
    ended boolean NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS gate_approval_time ON gate_approval (time);
CREATE INDEX IF NOT EXISTS gate_approval_entry ON gate_approval (entry);
CREATE INDEX IF NOT EXISTS gate_approval_active ON gate_approval (number) WHERE NOT ended;
CREATE TABLE IF NOT EXISTS gate_override (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    by text NOT NULL,
    reason text NOT NULL,
    made double precision NOT NULL,
    expires double precision NOT NULL,
    app text NOT NULL,
    owner text NOT NULL,
    repository text NOT NULL,
    environment text NOT NULL
);
CREATE TABLE IF NOT EXISTS gate_mark (name text PRIMARY KEY, value text NOT NULL)
"""
PUT = """
INSERT INTO gate_inbox (app, guid, event, content_type, secret, received, digest, body)
SELECT app, guid, event, content_type, secret, received, digest, body
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::integer[], %s::double precision[],
            %b::bytea[], %b::bytea[])
    WITH ORDINALITY AS given (app, guid, event, content_type, secret, received, digest, body, place)
ORDER BY place
ON CONFLICT (app, guid) DO NOTHING
RETURNING app, guid
"""
FREE = f"""
{OPEN} AND leased_until <= %(now)s AND (key = '' OR NOT EXISTS (
    SELECT 1 FROM gate_inbox AS other
    WHERE other.key = this.key AND other.leased_until > %(now)s AND other.number <> this.number AND other.{OPEN}
))
"""
DUE = f"""
SELECT {rows.ENTRY} FROM gate_inbox AS this WHERE not_before <= %(now)s AND {FREE} ORDER BY not_before, number LIMIT 1
"""
THIS = f"SELECT {rows.ENTRY} FROM gate_inbox AS this WHERE number = %(number)s AND {FREE}"
TWIN = f"""
SELECT min(other.number) FROM gate_inbox AS this JOIN gate_inbox AS other
ON other.app = this.app AND other.number < this.number AND other.state <> 'ignored'
AND (other.digest = this.digest OR (other.deployment = this.deployment AND other.deployment <> ''))
WHERE this.number = %s AND this.{OPEN}
"""
LEASE = """
UPDATE gate_inbox SET worker = %s, leased_until = %s, attempts = attempts + 1 WHERE number = %s
"""
APPROVAL = f"""
INSERT INTO gate_approval ({rows.APPROVAL})
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
OVERRIDE = f"""
INSERT INTO gate_override ({rows.OVERRIDE})
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING number
"""
RECORD = "INSERT INTO gate_record VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %b)"
MARK = "INSERT INTO gate_mark VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
ADVANCE = MARK + " WHERE gate_mark.value = %s"
