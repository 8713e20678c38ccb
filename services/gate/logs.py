"""What the process logs: a line for each thing, in UTC, with every secret masked.

In: log records of the gate and of its libraries. Out: lines on the error output. Never here: what is worth a line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TextIO

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from services.gate.audit import Redaction

_LOUD = ("httpx", "httpcore", "uvicorn", "psycopg.pool")
_ENDS = str.maketrans({"\n": "\\n", "\r": "\\r"})


class Masked(logging.Formatter):
    """Takes out of every line what looks like a token or a key, and the secrets that are in use now.

    The code below does so where it words something; this is for what nobody has foreseen, such as a traceback.
    """

    def __init__(self, secrets: Callable[[], Iterable[Sensitive]]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._secrets = secrets

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return when, in UTC."""
        return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line: a name from a request begins no line of its own."""
        return super().formatMessage(record).translate(_ENDS)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback where there is one, masked."""
        return Redaction(self._secrets()).text(super().format(record))


def begin(secrets: Callable[[], Iterable[Sensitive]], out: TextIO | None = None) -> None:
    """Log to the error output from now on."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(Masked(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for library in _LOUD:
        logging.getLogger(library).setLevel(logging.WARNING)
