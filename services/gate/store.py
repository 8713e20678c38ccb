"""Which store a configuration names.

In: a configuration. Out: an open store. Never here: SQL.
"""

from __future__ import annotations

from services.gate.config import Config
from services.gate.inbox import Inbox
from services.gate.sqlite import SqliteInbox


def opened(config: Config) -> Inbox:
    """Return the store, open. Raises Failure when it cannot be."""
    if config.postgres is not None:
        # psycopg is installed only where PostgreSQL is used.
        from services.gate.postgres import PostgresInbox

        return PostgresInbox(config.postgres)
    return SqliteInbox(config.store)
