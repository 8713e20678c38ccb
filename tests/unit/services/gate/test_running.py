"""A gate's parts: what changed is taken up or refused with its former version in use; it ends without a lease left."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from services.gate import audit, config
from services.gate.audit import Record
from services.gate.config import Wrong
from services.gate.metrics import Metrics
from services.gate.payload import Delivery
from services.gate.running import Gate, lacks
from services.gate.sqlite import SqliteInbox
from tests.unit.services.gate.recorded import NOW, POLICY, Seen, a_store

_RIGHTS = {"permissions": {"deployments": "write", "actions": "read"}, "events": ["deployment_protection_rule"]}


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return a_store(tmp_path)


def _gate(seen: Seen) -> Gate:
    def clock() -> float:
        return NOW.timestamp()

    return Gate(config.read(seen.config), seen.inbox, Metrics(clock), clock)


def _figure(gate: Gate, name: str, **labels: str) -> float | None:
    return gate.metrics.registry.get_sample_value(name, labels)


def test_a_policy_that_changed_is_taken_up(seen: Seen) -> None:
    gate = _gate(seen)
    former = gate.policy.digest
    gate.watch()
    assert gate.policy.digest == former
    (seen.folder / "policy.yml").write_text(POLICY.replace("business", "working"), encoding="utf-8")
    gate.watch()
    assert gate.policy.digest != former
    assert _figure(gate, "gate_reloads_total", result="done") == 1
    assert _figure(gate, "gate_policy_info", digest=gate.policy.digest) == 1


def test_a_policy_that_is_wrong_leaves_the_former_one_and_says_where(seen: Seen) -> None:
    gate = _gate(seen)
    former = gate.policy
    (seen.folder / "policy.yml").write_text(POLICY.replace("decision: approve", "decision: perhaps"), encoding="utf-8")
    gate.watch()
    assert gate.policy is former
    assert "policy.yml:13" in gate.problem
    assert "policy.yml:20" in gate.problem
    assert _figure(gate, "gate_reloads_total", result="refused") == 1
    (seen.folder / "policy.yml").write_text(POLICY, encoding="utf-8")
    gate.watch()
    assert gate.problem == ""


def test_a_secret_that_is_lost_leaves_the_former_one_and_the_rest_is_taken_up(seen: Seen) -> None:
    gate = _gate(seen)
    former = gate.policy.digest
    (seen.folder / "secret").unlink()
    (seen.folder / "policy.yml").write_text(POLICY.replace("business", "working"), encoding="utf-8")
    assert not gate.reload()
    assert gate.config.apps["acme"].secrets == [Sensitive("canary-of-the-secret")]
    assert gate.policy.digest != former
    assert "secret: it cannot be read" in gate.problem


def test_a_gate_does_not_begin_with_a_wrong_policy_or_a_key_that_is_none(seen: Seen) -> None:
    (seen.folder / "key").write_text("no key", encoding="utf-8")
    text = seen.config.read_text(encoding="utf-8")
    seen.config.write_text(text.replace("secret_files", "key_file: key, secret_files"), encoding="utf-8")
    with pytest.raises(Failure, match="no RSA private key"):
        _gate(seen)
    (seen.folder / "policy.yml").write_text("version: 2", encoding="utf-8")
    with pytest.raises(Wrong, match=r"policy\.yml:1"):
        _gate(seen)


def test_what_is_old_is_pruned_and_what_waits_stays(seen: Seen) -> None:
    gate = _gate(seen)
    gate.clock = (NOW + timedelta(days=120)).timestamp
    gate.prune()
    assert seen.inbox.entry(seen.approved) is None
    assert seen.inbox.entry(seen.waiting) is not None


def test_it_gives_its_leases_back_when_it_ends_and_takes_those_of_its_former_self(seen: Seen) -> None:
    gate = _gate(seen)
    seen.inbox.put([Delivery(guid="new", event="x", body=b"x", app="acme", received=NOW.timestamp())])
    held = seen.inbox.lease(f"{gate.name}/0", NOW.timestamp(), 600.0)
    assert held is not None
    gate.start()
    assert seen.inbox.lease("another", NOW.timestamp(), 600.0) is not None
    seen.inbox.release("another")
    seen.inbox.lease(f"{gate.name}/1", NOW.timestamp(), 600.0)
    assert gate.stop(5.0)
    assert seen.inbox.lease("another", NOW.timestamp(), 600.0) is not None


def test_a_task_that_fails_ends_nothing(seen: Seen, caplog: pytest.LogCaptureFixture) -> None:
    gate, again = _gate(seen), threading.Event()
    outcomes: list[Exception] = [Failure(Kind.BROKEN, tried="Asking GitHub", said="no answer"), ZeroDivisionError("x")]

    def task() -> None:
        if not outcomes:
            again.set()
            return
        raise outcomes.pop(0)

    with caplog.at_level(logging.WARNING):
        gate.every(0.01, task, "task")
        assert again.wait(5)
        assert gate.working
        gate.stop(5.0)
    assert "task: Asking GitHub: no answer." in caplog.text
    assert _figure(gate, "gate_defects_total", part="task") == 1


def test_what_a_person_decided_is_counted_once_also_when_a_worker_found_it_out(seen: Seen) -> None:
    gate, now = _gate(seen), NOW.timestamp()
    record = Record(audit.MANUAL, now, outcome="reject", environment="staging", received=now - 1)
    gate._told(seen.inbox.append(record))
    for _look in range(2):
        assert b'gate_decisions_total{environment="staging",rule="",verdict="reject"} 1.0' in gate.figures()


def test_figures_are_told_while_the_store_cannot_be_read(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_limit: int) -> None:
        raise OSError("disk I/O error")

    gate = _gate(seen)
    monkeypatch.setattr(seen.inbox, "newest", broken)
    assert b"gate_policy_info" in gate.figures()


def test_somebody_who_does_not_finish_is_not_waited_for_longer_than_told(seen: Seen) -> None:
    gate, free = _gate(seen), threading.Event()
    gate.every(60.0, lambda: free.wait(20), "slow")
    assert not gate.stop(0.05)
    free.set()


def test_a_store_that_cannot_be_written_is_not_ready(seen: Seen) -> None:
    gate = _gate(seen)
    assert gate.ready() == []
    gate.inbox = _broken(seen.inbox)
    assert gate.ready() == ["the store cannot be written (OSError)"]


def _broken(inbox: SqliteInbox) -> Any:
    class Broken:
        def writable(self) -> None:
            raise OSError("no space left on device")

    return Broken()


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (_RIGHTS, ""),
        ({**_RIGHTS, "permissions": {"deployments": "read", "actions": "write"}}, "permission deployments: write"),
        ({**_RIGHTS, "events": ["push"]}, "it does not subscribe to deployment_protection_rule"),
        ({}, "deployments: write, actions: read"),
    ],
)
def test_e12_what_an_app_lacks_is_named(app: dict[str, object], said: str) -> None:
    assert said in lacks(app)
    assert bool(lacks(app)) == bool(said)


def test_a_gate_that_only_receives_loads_nothing_that_speaks_to_github() -> None:
    program = "import sys; from services.gate import __main__, serve; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "services.gate.http" in loaded
    assert loaded & {"httpx", "httpcore", "jwt", "cryptography", "services.gate.worker"} == set()
