"""The audit log: what was decided, by what, and why, as records of which each carries the hash of the one before.

In: verdicts, answers, acts of people. Out: records that a store appends; the first place where a chain does not hold.
Never here: a store, a token, a secret or a key in clear; whatever looks like one is masked before it is hashed.

A record is altered unseen only by who rewrites every later one as well: keep the newest hash somewhere else, as
``aphex-gate audit verify`` prints it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import MASK, Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import Verdict
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import (
    Facts,
    Need,
    PendingDeployment,
    Unknown,
)

DECIDED, DEFERRED, SETTLED, IGNORED, DEAD = "decided", "deferred", "settled", "ignored", "dead"
OVERRIDE, MANUAL, RECOVERED = "override", "manual", "recovered"
KINDS = (DECIDED, DEFERRED, SETTLED, IGNORED, DEAD, OVERRIDE, MANUAL, RECOVERED)
NO_HASH = ""
"""What stands as ``previous`` in the first record of all."""

# Tokens of GitHub: classic, fine-grained, and those of Apps, which since 2026 hold two dots and some 520 characters.
_TOKENS = re.compile(
    r"(?:gh[a-z]_[A-Za-z0-9._-]{16,}|github_pat_[A-Za-z0-9_]{16,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)"
)
_KEYS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_SEEN = ("deployment", "repository", "organization", "pull_requests", "sender")


@dataclass(frozen=True)
class Record:
    """One thing that happened. ``number``, ``previous`` and ``hash`` are the store's to fill in, see `chain`.

    ``kind``: ``decided`` (the gate has answered GitHub), ``deferred`` (for another reason than last time), ``settled``
    (GitHub wants no answer any more, or got it together with another entry), ``ignored``, ``dead``, ``override``,
    ``manual`` (a person decided), ``recovered`` (found in GitHub's log, or by the sweep).
    ``facts`` are what was looked up, by the text of the need; one that is not known is ``{"unknown": reason, "missing":
    …}``. ``pending`` is the deployment as plain data. ``together`` are the deployments that one answer was for.
    ``payload`` is the SHA-256 of the body. Times are seconds since 1970.
    """

    kind: str
    time: float
    number: int = 0
    app: str = ""
    guid: str = ""
    entry: int = 0
    received: float = 0.0
    owner: str = ""
    repository: str = ""
    run_id: int = 0
    environment: str = ""
    deployment_id: int | None = None
    together: tuple[int, ...] = ()
    payload: str = ""
    pending: Mapping[str, Any] = field(default_factory=dict, hash=False)
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    policy: str = ""
    outcome: str = ""
    rule: str = ""
    reasons: tuple[str, ...] = ()
    trace: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    shadows: Mapping[str, str] = field(default_factory=dict, hash=False)
    until: float | None = None
    answer: str = ""
    actor: str = ""
    previous: str = NO_HASH
    hash: str = NO_HASH


@dataclass(frozen=True)
class Break:
    """Where a chain does not hold, and what is wrong there."""

    number: int
    said: str


class Redaction:
    """Masks what must not be written down: tokens and keys by their form, and these secrets by their text."""

    def __init__(self, secrets: Iterable[Sensitive] = ()) -> None:
        self._secrets = tuple(secrets)

    def __call__(self, value: Any) -> Any:
        """Return plain data with every text in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        return value

    def text(self, text: str) -> str:
        """Return one text masked."""
        for secret in self._secrets:
            if len(secret):
                text = text.replace(secret.reveal(), MASK)
        return _TOKENS.sub(MASK, _KEYS.sub(MASK, text))

    def record(self, record: Record) -> Record:
        """Return a record in which every text is masked."""
        return msgspec.convert(self(msgspec.to_builtins(record)), Record)


def chain(record: Record, number: int, previous: str) -> Record:
    """Return the record as the next one of a chain. A store calls it inside the transaction that appends it."""
    linked = replace(record, number=number, previous=previous, hash=NO_HASH)
    return replace(linked, hash=_hash(linked))


def verify(records: Iterable[Record], anchor: str | None = None) -> Break | None:
    """Return the first break of a chain, None when it holds.

    ``anchor`` is the hash that the first of them must follow: what a store keeps when old records are pruned. Without
    it the first one is believed.
    """
    previous, number = anchor, None
    for record in records:
        if number is not None and record.number != number + 1:
            return Break(record.number, f"record {number + 1} is missing")
        if previous is not None and record.previous != previous:
            return Break(record.number, "it does not follow the record before it")
        if _hash(replace(record, hash=NO_HASH)) != record.hash:
            return Break(record.number, "it was altered after it was written")
        previous, number = record.hash, record.number
    return None


def encode(record: Record) -> bytes:
    """Return a record as one line of JSON, always the same for the same record."""
    return msgspec.json.encode(record, order="sorted")


def decode(line: bytes | str) -> Record:
    """Return the record of a line. Raises ValueError when it is none."""
    try:
        return _DECODER.decode(line)
    except msgspec.MsgspecError as error:
        raise ValueError(f"it is no audit record: {error}") from error


def of_pending(pending: PendingDeployment) -> dict[str, Any]:
    """Return a pending deployment as plain data, of its payload only what a policy can see."""
    plain: dict[str, Any] = msgspec.to_builtins(replace(pending, payload={}))
    return plain | {"payload": {name: pending.payload[name] for name in _SEEN if name in pending.payload}}


def of_facts(facts: Facts) -> dict[str, Any]:
    """Return what was looked up as plain data."""
    return {str(need): _plain(value) for need, value in facts.found.items()}


def of_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return the fields of a record that a verdict fills."""
    return {
        "policy": verdict.digest,
        "outcome": verdict.outcome,
        "rule": verdict.rule,
        "reasons": verdict.reasons,
        "trace": tuple(msgspec.to_builtins(item) for item in verdict.trace),
        "shadows": dict(verdict.shadows),
        "until": verdict.until.timestamp() if verdict.until and verdict.outcome == evaluate.DEFER else None,
    }


def facts(record: Record) -> Facts:
    """Return what was known when a record was written, to be judged again."""
    pending = msgspec.convert(dict(record.pending), PendingDeployment)
    return Facts(pending, {need(text): _value(item) for text, item in record.facts.items()})


def need(text: str) -> Need:
    """Return the need of a text that ``str(need)`` made."""
    fact, _of, of = text.partition(" of ")
    return Need(fact, of)


def _plain(value: Any) -> Any:
    if isinstance(value, Unknown):
        return {"unknown": value.reason, "missing": value.missing}
    return msgspec.to_builtins(value)


def _value(item: Any) -> Any:
    if isinstance(item, Mapping) and set(item) == {"unknown", "missing"}:
        return Unknown(str(item["unknown"]), missing=bool(item["missing"]))
    return item


def _hash(record: Record) -> str:
    return hashlib.sha256(encode(record)).hexdigest()


_DECODER = msgspec.json.Decoder(Record)


__all__ = [
    "Break",
    "Record",
    "Redaction",
    "chain",
    "decode",
    "encode",
    "facts",
    "need",
    "of_facts",
    "of_pending",
    "of_verdict",
    "verify",
]
