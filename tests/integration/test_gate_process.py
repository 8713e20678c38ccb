"""Does the gate's process do what who runs it needs: end without loss, take up changes, say how it is, act by hand?

In: a real gate process beside a GitHub that is a stand-in; signals, its two listeners, its command line. Out: what it
answered and logged. Never here: what a policy means.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from tests.integration.gate import (
    APP,
    APPROVE_ALL,
    REPOSITORY,
    RULE,
    SECRET,
    Gate,
    a_gate,
    a_github,
    decided,
    eventually,
    posts,
    sign,
)
from tests.sandbox.faults import Fault, Match
from tests.sandbox.gate import environment
from tests.sandbox.process import Process

_REJECT_ALL = APPROVE_ALL.replace("approve", "reject")
_WAIT = """\
version: 1
freezes: {freezes: [{name: rehearsal, from: "2020-01-01", to: "2100-01-01"}]}
rules: [{name: guarded, decision: approve, require: [any: [override: true, no_freeze: freezes]]}]
"""
_NEW_SECRET = "another secret, which came later"


def test_it_ends_when_told_to_and_finishes_what_it_decides(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path, github) as gate:
        github.faults.arm(Fault("timeout", match=Match("POST", f"{RULE}$"), hold=1.5))
        run = github.start_run(REPOSITORY, ["production"])["id"]
        eventually(lambda: posts(github, run))
        os.kill(gate.pid, signal.SIGTERM)
        assert eventually(lambda: not gate.ready())
        assert eventually(lambda: not gate.alive)
        assert decided(github, run) == ["approved"]
        assert "ended" in gate.said().splitlines()[-1]
        gate.start()
        assert _pending(gate) == []
    assert decided(github, run) == ["approved"]


def test_a_changed_policy_is_taken_up_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path, github) as gate:
        first = _digest(gate)
        gate.write_policy("version: 1\nrules: [{name: all, decision: perhaps}]\n")
        os.kill(gate.pid, signal.SIGHUP)
        assert eventually(lambda: "'perhaps' is none of" in _asked(gate.internal_port, "/readyz")[1])
        assert _asked(gate.internal_port, "/readyz")[0] == 200
        assert "its former version is in use" in _asked(gate.internal_port, "/")[1]
        assert _digest(gate) == first
        run = github.start_run(REPOSITORY, ["production"])["id"]
        assert eventually(lambda: decided(github, run)) == ["approved"]
        gate.write_policy(_REJECT_ALL)
        os.kill(gate.pid, signal.SIGHUP)
        assert eventually(lambda: _digest(gate) != first)
        assert "perhaps" not in _asked(gate.internal_port, "/readyz")[1]
        run = github.start_run(REPOSITORY, ["production"])["id"]
        assert eventually(lambda: decided(github, run)) == ["rejected"]


def test_a_secret_is_exchanged_without_a_refusal(tmp_path: Path) -> None:
    secrets = {"secret_files": [str(tmp_path / "secret"), str(tmp_path / "next")]}
    with a_github() as github:
        gate = Gate(tmp_path, github)
        (tmp_path / "next").write_text(SECRET, encoding="utf-8")
        _reconfigure(gate, secrets)
        try:
            gate.start()
            body = b'{"action": "requested", "repository": {}}'
            assert _signed(gate, body, _NEW_SECRET) == 401
            (tmp_path / "next").write_text(_NEW_SECRET, encoding="utf-8")
            os.kill(gate.pid, signal.SIGHUP)
            assert eventually(lambda: _signed(gate, body, _NEW_SECRET) == 202)
            assert _signed(gate, body + b" ", SECRET) == 202
            figures = _figures(gate)
        finally:
            gate.stop()
    assert f'gate_signatures_total{{app="{APP}",secret="0"}} 1.0' in figures
    assert f'gate_signatures_total{{app="{APP}",secret="1"}} 1.0' in figures
    assert not [secret for secret in (SECRET, _NEW_SECRET) if secret in gate.said() + figures]


def test_systemd_hears_when_it_is_ready_reloads_lives_and_ends(tmp_path: Path) -> None:
    with a_github() as github, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        gate = Gate(tmp_path / "gate", github)
        env = {**environment(), "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        argv = [sys.executable, "-m", "services.gate", "serve", "--config", str(gate.config)]
        process = Process("gate", argv, tmp_path / "log", env).start()
        try:
            assert _until(manager, "READY=1") == []
            assert _until(manager, "WATCHDOG=1") == []
            os.kill(process.pid, signal.SIGHUP)
            assert _until(manager, "RELOADING=1") == []
            assert _until(manager, "READY=1") == []
            os.kill(process.pid, signal.SIGTERM)
            assert _until(manager, "STOPPING=1") == []
        finally:
            process.stop(20)


def test_probes_figures_and_the_page_are_not_for_the_internet(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path, github, _WAIT) as gate:
        github.start_run(REPOSITORY, ["production"])
        assert eventually(lambda: "next look" in _asked(gate.internal_port, "/")[1])
        inside = {path: _asked(gate.internal_port, path) for path in ("/livez", "/readyz", "/metrics", "/")}
        outside = [_asked(gate.port, path)[0] for path in inside]
    assert [status for status, _text in inside.values()] == [200] * 4
    assert outside == [404] * 4
    page, figures = inside["/"][1], inside["/metrics"][1]
    assert "the freeze rehearsal ends on" in page
    assert "web-shop → production" in page
    assert 'gate_queue_entries{state="deferred"} 1.0' in figures
    assert f'gate_github_tokens_total{{app="{APP}"}}' in figures
    assert 'gate_records_total{kind="deferred"} 1.0' in figures


def test_people_see_why_it_waits_and_decide_in_their_name(tmp_path: Path) -> None:
    with a_github("production", "staging") as github, a_gate(tmp_path, github, _WAIT) as gate:
        by_hand, aside = (github.start_run(REPOSITORY, [name])["id"] for name in ("production", "staging"))
        assert eventually(lambda: 'gate_queue_entries{state="deferred"} 2.0' in _figures(gate))
        waiting = _pending(gate)
        assert {entry["state"] for entry in waiting} == {"deferred"}
        entry = next(item for item in waiting if item["deployment"].endswith("production"))
        explained = gate.command("explain", entry["guid"])
        assert "YES      guarded (policy.yml:3): counts" in explained.stdout, explained.stderr
        assert "the freeze rehearsal ends on" in explained.stdout
        done = gate.command(
            "decide", str(entry["entry"]), "reject", "--reason", "INC-1: wrong build", "--actor", "mona"
        )
        assert (done.returncode, decided(github, by_hand)) == (0, ["rejected"]), done.stderr
        assert "INC-1: wrong build" in posts(github, by_hand)[-1].body
        given = ("override", REPOSITORY, "staging", "--for", "1h", "--reason", "INC-2: the fix", "--actor", "mona")
        assert gate.command(*given).returncode == 0
        assert eventually(lambda: decided(github, aside)) == ["approved"]
        assert eventually(lambda: "gate_queue_entries{" not in _figures(gate))
        assert gate.command("replay", entry["guid"]).returncode == 1
        # The commands were processes of their own; what they did is counted by the one that is asked.
        figures = [_figures(gate) for _look in range(2)][-1]
        assert 'gate_decisions_total{environment="production",rule="",verdict="reject"} 1.0' in figures
        assert 'gate_records_total{kind="override"} 1.0' in figures
        chain = gate.command("audit", "verify")
        exported = gate.command("audit", "export").stdout.splitlines()
    assert (chain.returncode, "records hold" in chain.stdout) == (0, True)
    kinds = [(record["kind"], record["actor"]) for record in map(json.loads, exported)]
    assert ("manual", "mona") in kinds
    assert ("override", "mona") in kinds
    assert SECRET not in "".join(exported) + gate.said()


def test_a_simulation_of_what_was_seen_tells_what_another_policy_would_do(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path, github) as gate:
        run = github.start_run(REPOSITORY, ["production"])["id"]
        assert eventually(lambda: decided(github, run)) == ["approved"]
        (tmp_path / "new.yml").write_text(_WAIT, encoding="utf-8")
        found = gate.command("simulate", "--policy", str(tmp_path / "new.yml"), "--format", "json")
    [changed] = json.loads(found.stdout)["changed"]
    assert (changed["was"]["outcome"], changed["would_be"]["outcome"]) == ("approve", "defer")
    assert changed["unrecorded"] == ["overrides"]


def test_only_addresses_of_github_deliver_when_that_is_wished(tmp_path: Path) -> None:
    wish: dict[str, Any] = {"only_github": True, "trusted_proxies": ["127.0.0.0/8"]}
    body = b'{"action": "requested", "repository": {}}'
    with a_github() as github, a_gate(tmp_path, github, **wish) as gate:
        assert eventually(lambda: gate.deliver(body, X_Forwarded_For="203.0.113.9") == 403)
        assert gate.deliver(body, X_Forwarded_For="203.0.113.9, 192.30.252.7") == 202


def test_one_address_has_one_gate(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path / "first", github) as gate:
        second = Gate(tmp_path / "second", github)
        _reconfigure(second, {}, listen=f"127.0.0.1:{gate.port}")
        refused = second.command("serve")
    assert refused.returncode == 1
    assert f"Listening at 127.0.0.1:{gate.port}: Address already in use" in refused.stderr


def _reconfigure(gate: Gate, app: dict[str, Any], **more: Any) -> None:
    given = json.loads(gate.config.read_text(encoding="utf-8"))
    given["apps"][APP] |= app
    gate.config.write_text(json.dumps({**given, **more}), encoding="utf-8")


def _pending(gate: Gate) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gate.command("pending", "--format", "json").stdout)
    return found


def _asked(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _figures(gate: Gate) -> str:
    return _asked(gate.internal_port, "/metrics")[1]


def _digest(gate: Gate) -> str:
    return next(line for line in _figures(gate).splitlines() if line.startswith("gate_policy_info{"))


def _signed(gate: Gate, body: bytes, secret: str) -> int | None:
    return gate.deliver(body, **{"X-Hub-Signature-256": sign(body, secret)})


def _until(manager: socket.socket, word: str) -> list[str]:
    """Return what was heard before that word, but that it lives."""
    before: list[str] = []
    while True:
        said = manager.recv(4096).decode().splitlines()
        if word in said:
            return before
        before += [line for line in said if line != "WATCHDOG=1"]
