"""The audit log: every altered field shows, a secret never stands in it, and what it holds can be judged again."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import (
    RUN,
    Facts,
    Need,
    PendingDeployment,
    Unknown,
)
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load
from services.gate import audit
from services.gate.audit import Record, Redaction

NOW = 1_800_000_000.0
WHOLE = Record(
    kind=audit.DECIDED,
    time=NOW,
    app="main",
    guid="g",
    entry=3,
    received=NOW - 1,
    owner="acme",
    repository="web",
    run_id=7,
    environment="prod",
    deployment_id=4,
    together=(4, 5),
    payload="ab",
    pending={"owner": "acme"},
    facts={"run": {"path": "x"}},
    policy="d",
    outcome="approve",
    rule="all",
    reasons=("it holds",),
    trace=({"place": "p:1"},),
    shadows={"s": "reject"},
    until=NOW + 1,
    answer="approved",
    actor="olga",
)
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nAAAA\n-----END RSA PRIVATE KEY-----"
SECRETS = [
    f"ghs_{'a1' * 18}",
    f"ghs_12345_eyJhbGciOi.{'b2' * 200}.c-d_e",
    f"ghp_{'c3' * 18}",
    f"github_pat_{'d4' * 30}",
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjMifQ.c2lnbmF0dXJl",
    KEY,
    KEY[:60],
    "It's a Secret to Everybody",
]


def _chained(count: int = 4) -> list[Record]:
    found: list[Record] = []
    for number in range(1, count + 1):
        previous = found[-1].hash if found else audit.NO_HASH
        found.append(audit.chain(dataclasses.replace(WHOLE, entry=number), number, previous))
    return found


def _other(value: Any) -> Any:
    """Return another value of the same kind."""
    match value:
        case None:
            return 1
        case str():
            return f"{value}x"
        case int() | float():
            return value + 1
        case tuple():
            return (*value, value[0])
        case _:
            return {**value, "new": 1}


def test_a_chain_that_nobody_touched_holds() -> None:
    chain = _chained()
    assert audit.verify(chain) is None
    assert audit.verify(chain, audit.NO_HASH) is None
    assert audit.verify(chain[2:], chain[1].hash) is None
    assert audit.verify([]) is None


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Record)])
@pytest.mark.parametrize("at", [0, 2, 3])
def test_every_altered_field_breaks_the_chain(name: str, at: int) -> None:
    chain = _chained()
    chain[at] = dataclasses.replace(chain[at], **{name: _other(getattr(chain[at], name))})
    found = audit.verify(chain, audit.NO_HASH)
    assert found is not None
    assert found.said


@pytest.mark.parametrize("change", ["gone", "twice", "swapped", "first gone"])
def test_records_that_are_taken_out_or_moved_break_the_chain(change: str) -> None:
    one, two, three, four = _chained()
    changed = {
        "gone": [one, two, four],
        "twice": [one, two, two, three],
        "swapped": [one, three, two, four],
        "first gone": [two, three, four],
    }
    assert audit.verify(changed[change], audit.NO_HASH) is not None


def test_who_writes_a_record_anew_must_write_all_that_follow() -> None:
    chain = _chained()
    chain[1] = audit.chain(dataclasses.replace(WHOLE, outcome="reject"), 2, chain[0].hash)
    found = audit.verify(chain, audit.NO_HASH)
    assert found == audit.Break(3, "it does not follow the record before it")


def test_a_record_is_one_line_and_comes_back_the_same() -> None:
    [record] = _chained(1)
    line = audit.encode(record)
    assert b"\n" not in line
    assert audit.decode(line) == record
    for broken in (b"", b"{}", b"[1]", line[:-1]):
        with pytest.raises(ValueError, match="no audit record"):
            audit.decode(broken)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_stands_in_a_record(secret: str) -> None:
    mask = Redaction([Sensitive("It's a Secret to Everybody"), Sensitive("")])
    dirty = dataclasses.replace(
        WHOLE,
        reasons=(f"before {secret} after",),
        pending={"payload": {"pull_requests": [{"title": secret, secret: 1}]}},
        trace=({"said": f"x={secret}"},),
        shadows={secret: secret},
        actor=secret,
        answer=f"{secret}, {secret}",
    )
    clean = mask.record(dirty)
    assert secret not in audit.encode(clean).decode()
    assert secret.splitlines()[-1] not in str(clean)
    assert clean.reasons[0].startswith("before ***")
    assert dataclasses.replace(clean, reasons=(), pending={}, trace=(), shadows={}, actor="", answer="") == (
        dataclasses.replace(WHOLE, reasons=(), pending={}, trace=(), shadows={}, actor="", answer="")
    )


def test_what_is_no_secret_stays() -> None:
    text = "The commit 0123456789abcdef0123456789abcdef01234567 of ghost_writer fixes OPS-12"
    assert Redaction().text(text) == text


def test_a_record_can_be_judged_again() -> None:
    pending = PendingDeployment(
        "acme",
        "web",
        7,
        "prod",
        event="push",
        created_at=NOW,
        payload={"sender": {"login": "olga"}, "installation": {"id": 1}},
    )
    policy = load({"p.yml": "version: 1\nrules: [{name: r, require: [{run: \"path == 'x'\"}], decision: approve}]\n"})
    needs = {RUN: {"path": "x"}, Need("members", "acme/of all"): Unknown("no right"), Need("deployments", "a of b"): []}
    facts = Facts(pending, needs)
    moment = datetime.fromtimestamp(NOW, UTC)
    verdict = evaluate.evaluate(policy, evaluate.select(policy, pending, moment), facts, moment)
    written = Record(
        audit.DECIDED,
        NOW,
        pending=audit.of_pending(pending),
        facts=audit.of_facts(facts),
        **audit.of_verdict(verdict),
    )
    read = audit.facts(audit.decode(audit.encode(audit.chain(written, 1, audit.NO_HASH))))
    assert read.pending == dataclasses.replace(pending, payload={"sender": {"login": "olga"}})
    assert read.found == facts.found
    assert evaluate.evaluate(policy, evaluate.select(policy, read.pending, moment), read, moment) == verdict
    assert written.outcome == "approve"
