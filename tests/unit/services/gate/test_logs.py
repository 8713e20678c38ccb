"""Lines of the log: one for each thing, in UTC, and no secret in any of them, tracebacks included."""

from __future__ import annotations

import logging
import re

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import MASK, Sensitive
from services.gate.logs import Masked

_SECRET = "canary-of-the-webhook-secret"
_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
_TOKEN = "ghs_" + "16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.fixture
def line() -> logging.LogRecord:
    return logging.LogRecord("gate", logging.INFO, __file__, 1, "%s", ("text",), None)


def _formatted(record: logging.LogRecord) -> str:
    return Masked(lambda: [Sensitive(_SECRET)]).format(record)


def test_a_line_tells_when_by_the_clock_of_everybody(line: logging.LogRecord) -> None:
    line.created = 1_800_000_000.0
    assert _formatted(line) == "2027-01-15T08:00:00Z INFO gate text"


@pytest.mark.parametrize("secret", [_SECRET, _TOKEN, _KEY])
def test_secrets_are_masked(line: logging.LogRecord, secret: str) -> None:
    line.args = (f"before {secret} after",)
    shown = _formatted(line)
    assert MASK in shown
    assert not [part for part in (_SECRET, _TOKEN, "MIIE") if part in shown]
    assert "before" in shown


def test_a_traceback_is_masked_and_keeps_its_lines(line: logging.LogRecord) -> None:
    try:
        raise RuntimeError(f"told {_SECRET}")
    except RuntimeError as error:
        line.exc_info = (RuntimeError, error, error.__traceback__)
    shown = _formatted(line)
    assert _SECRET not in shown
    assert f"RuntimeError: told {MASK}" in shown.splitlines()


def test_a_name_from_a_request_begins_no_line(line: logging.LogRecord) -> None:
    line.args = ("production\n2027-01-15T08:00:00Z INFO gate approved\r",)
    assert len(re.split(r"[\r\n]", _formatted(line))) == 1
