"""The gate: how many deliveries it takes durably beside a server that stores nothing, and what a decision costs.

Contestants get the same 27 KB, signed, over 32 connections: the seed's Flask under gunicorn, which stores nothing; a
bare starlette, which does not even verify; ours, which answers when a delivery is on the disk.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Facts
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load as load_policy
from services.gate.payload import EVENT, Delivery, parse
from services.gate.sqlite import SqliteInbox
from tests.bench.load import SECONDS, SECRET, Load, body, load
from tests.bench.measure import title
from tests.bench.peers import PYTHON
from tests.integration.gate import REPOSITORY, a_gate, a_github, decided, eventually
from tests.sandbox.gate import configure, environment
from tests.sandbox.postgres import Postgres
from tests.sandbox.process import Process, answers, free_port
from tests.sandbox.standins.github import GitHub

SETTLED = 1_000_000
RULES = 50
DECISIONS = 20
APPROVE_ALL = "version: 1\nrules: [{name: all, decision: approve}]\n"
NIGHTLY = "version: 1\nrules: [{name: run, require: [{run: \"event == 'push'\"}], decision: approve}]\n"
_STARTS_WITHIN = 60.0
_BATCH = 10_000


def ask(folder: Path) -> None:
    """Print what the gate bears, and what its decisions cost."""
    _accepts(folder)
    _history(folder)
    _policy()
    _decisions(folder)


def _accepts(folder: Path) -> None:
    title("Signed deliveries of 27 KB a second, 32 connections")
    flask = [
        _server(folder, f"Flask + gunicorn ({name}), nothing stored", _gunicorn(*words))
        for name, words in (
            ("sync", ()),
            ("gthread", ("--worker-class", "gthread", "--threads", "8")),
        )
    ]
    bare = _server(folder, "bare starlette, nothing verified, nothing stored", _bare())
    ours = _gate(folder / "ours", "ours, on the disk before the answer")
    with Postgres() as server:
        connection = folder / "postgres"
        connection.write_text(server.url, encoding="utf-8")
        _gate(folder / "shared", "ours, in PostgreSQL before the answer", postgres_file=str(connection))
    best = max(flask, key=lambda each: each.rate)
    _compare(ours, best)
    _compare(ours, bare)


def _compare(ours: Load, other: Load) -> None:
    by = f"{ours.rate / other.rate:.2f}, by processor {other.cost / ours.cost:.2f}"
    print(f"    ours / {other.what} = {by}", flush=True)


def _gunicorn(*words: str) -> list[str]:
    program = str(PYTHON.parent / "gunicorn")
    return [program, "--bind", "127.0.0.1:{port}", "--log-level", "error", *words, "tests.bench.seed_server:app"]


def _bare() -> list[str]:
    words = ["--port", "{port}", "--log-level", "error", "--no-access-log", "tests.bench.bare_server:app"]
    return [sys.executable, "-m", "uvicorn", *words]


def _server(folder: Path, what: str, command: Sequence[str]) -> Load:
    port = free_port()
    argv = [word.format(port=port) for word in command]
    env = {**environment(), "WEBHOOK_SECRET": SECRET}
    process = Process("server", argv, folder / "server.log", env).start()
    try:
        process.wait_ready(lambda: answers(port), _STARTS_WITHIN)
        return load(what, f"http://127.0.0.1:{port}/webhook", process.pid, folder)
    finally:
        process.stop()


@contextmanager
def _running(folder: Path, **more: Any) -> Iterator[tuple[Process, int, float]]:
    """Run a gate that receives, and yield its process, its port, and the seconds until it listened.

    Without a key it has no workers: what it takes is decided by another process.
    """
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_text(SECRET, encoding="utf-8")
    (folder / "policy.yml").write_text(APPROVE_ALL, encoding="utf-8")
    gate = configure(folder, {"main": {"app_id": "1", "secret_files": ["secret"]}}, **more)
    begun = time.perf_counter()
    process = gate.process(folder / "gate.log").start()
    try:
        process.wait_ready(lambda: answers(gate.port), _STARTS_WITHIN)
        yield process, gate.port, time.perf_counter() - begun
    finally:
        process.stop(20.0)


def _gate(folder: Path, what: str, **more: Any) -> Load:
    with _running(folder, **more) as (process, port, _seconds):
        return load(what, f"http://127.0.0.1:{port}/webhook/main", process.pid, folder)


def _history(folder: Path) -> None:
    """Ask an empty inbox and a full one in turn: what else the machine does then weighs on both."""
    title(f"The same with {SETTLED:,} settled deliveries in the inbox")
    places = {"empty": folder / "empty", "full": folder / "full"}
    for place in places.values():
        place.mkdir()
    begun = time.perf_counter()
    _fill(places["full"] / "gate.sqlite3")
    print(f"    filled in {time.perf_counter() - begun:.0f} s", flush=True)
    rates: dict[str, list[float]] = {name: [] for name in places}
    starts: dict[str, list[float]] = {name: [] for name in places}
    costs: dict[str, list[float]] = {name: [] for name in places}
    for _turn in range(3):
        for name, place in places.items():
            with _running(place) as (process, port, seconds):
                starts[name].append(seconds)
                url = f"http://127.0.0.1:{port}/webhook/main"
                borne = load(f"an inbox that was {name}", url, process.pid, place, 3)
                rates[name].append(borne.rate)
                costs[name].append(borne.cost)
    for what, found in (("rate", rates), ("processor time", costs), ("seconds until it listens", starts)):
        empty, full = (statistics.median(found[name]) for name in ("empty", "full"))
        print(f"    {what}, full / empty = {full / empty:.2f}", flush=True)


def _fill(path: Path) -> None:
    SqliteInbox(path).close_store()
    chance = random.Random(1)
    columns = "number, app, guid, event, content_type, secret, received, digest, state, deployment, said, ended"
    fixed = "?, 'main', ?, ?, 'application/json', 0, ?, ?, 'settled', ?, 'approved', ?"
    sql = f"INSERT INTO closed ({columns}) VALUES ({fixed})"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        now = time.time()
        for first in range(1, SETTLED, _BATCH):
            rows = [
                (number, f"{chance.getrandbits(128):032x}", EVENT, now, chance.randbytes(32), f"main {number}", now)
                for number in range(first, first + _BATCH)
            ]
            connection.executemany(sql, rows)
            connection.commit()


def _policy() -> None:
    title(f"A policy of {RULES} rules, of which the last one matches")
    rules = [
        {
            "name": f"rule-{number}",
            "match": {"environment": [f"prod-{number}", f"live-{number}-*"], "event": "push", "ref": "main"},
            "require": [{"when": "exists(deployment.id) && event == 'push'"}],
            "decision": "approve",
        }
        for number in range(RULES)
    ]
    policy = load_policy({"policy.yml": json.dumps({"version": 1, "rules": rules})})
    sent = json.dumps({**json.loads(body()), "environment": f"prod-{RULES - 1}"}).encode()
    pending = parse(Delivery("1", EVENT, sent, "main"), "https://api.github.com")
    now = datetime.now(UTC)
    times = []
    for _number in range(500):
        begun = time.perf_counter()
        selection = evaluate.select(policy, pending, now)
        verdict = evaluate.evaluate(policy, selection, Facts(pending), now)
        times.append(time.perf_counter() - begun)
    print(f"    {verdict.outcome} by {verdict.rule}: {statistics.median(times) * 1000:.3f} ms", flush=True)


def _decisions(folder: Path) -> None:
    title(f"Requests to GitHub for a decision, of {DECISIONS} after the first")
    for name, policy in (("nothing looked up", APPROVE_ALL), ("the run looked up", NIGHTLY)):
        place = folder / name.replace(" ", "-")
        with a_github() as github, a_gate(place, github, policy, recover_every="30d"):
            for count in (1, DECISIONS):
                github.log.clear()
                begun = time.perf_counter()
                for _number in range(count):
                    _decided(github)
                seconds = (time.perf_counter() - begun) / count
            asked = [entry for entry in github.log.entries() if not entry.path.endswith("/access_tokens")]
            minted = len(github.log.entries()) - len(asked)
            figures = f"{len(asked) / DECISIONS:.2f} requests, {minted} tokens made, {seconds * 1000:.0f} ms"
            print(f"  {name:<48} {figures} from start to decision", flush=True)


def _decided(github: GitHub) -> None:
    run = int(github.start_run(REPOSITORY, ["production"])["id"])
    if not eventually(lambda: decided(github, run)):
        raise RuntimeError(f"run {run} was not decided")


def main() -> int:
    """Ask about the gate alone; it needs no cluster."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"cores: {os.cpu_count()}, {SECONDS} s each, beside everything else on this machine", flush=True)
        ask(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
