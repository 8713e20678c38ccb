"""Do several replicas of the gate share one PostgreSQL so that nothing is lost and nothing is decided twice?

The server is Debian's own, on loopback. Replicas are real processes that are killed in the middle of their work.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from services.gate import audit
from services.gate.audit import Record
from services.gate.inbox import Approval, Entry, Inbox, Override, State
from services.gate.payload import Delivery
from services.gate.postgres import SPACE, TURN, PostgresInbox
from services.gate.sqlite import SqliteInbox
from tests.integration.gate import Gate, a_github, eventually, hook, posts
from tests.integration.gate_load import Load, Mailbox, undecided
from tests.integration.test_gate_kills import KILLS, LONGEST
from tests.sandbox.postgres import PASSWORD, Postgres
from tests.sandbox.standins.server import Request
from tests.unit.services.gate.inbox_suite import InboxSuite

APP = "main"
REPLICAS = 3
WALK = 1500


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One server for all tests of this file."""
    with Postgres() as running:
        yield running


@pytest.fixture
def store(box: PostgresInbox) -> PostgresInbox:
    """What the tests run on that every store must pass."""
    return box


@pytest.fixture
def box(server: Postgres) -> Iterator[PostgresInbox]:
    """An empty store."""
    opened = PostgresInbox(Sensitive(server.url))
    with psycopg.connect(server.url) as connection:
        tables = "gate_inbox, gate_record, gate_approval, gate_override, gate_mark"
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
    yield opened
    opened.close_store()


def a_delivery(guid: str, body: bytes = b"{}", received: float = 0.0) -> Delivery:
    return Delivery(guid=guid, event="deployment_protection_rule", body=body, app=APP, received=received)


# The same protocol as SQLite


class Walker:
    """Does to a store what chance says; everything that it is told is compared with another store's words.

    Entries are named by their GUIDs: PostgreSQL leaves gaps between its numbers.
    """

    def __init__(self, store: Inbox, seed: int) -> None:
        self.store = store
        self.chance = random.Random(seed)
        self.now = 1000.0
        self.put = 0
        self.held: dict[str, list[Entry]] = {}
        self.guids: dict[int, str] = {}

    def step(self) -> tuple[str, Any]:
        """Do one thing; return what it was, and what was answered."""
        self.now += self.chance.choice([0.0, 0.5, 3.0])
        name = self.chance.choice([name for name in sorted(dir(self)) if name.startswith("do_")])
        act: Callable[[], Any] = getattr(self, name)
        return name, act()

    def known(self, number: int | None) -> str | None:
        if number is None:
            return None
        if number not in self.guids:
            entry = self.store.entry(number)
            self.guids[number] = entry.delivery.guid if entry else "gone"
        return self.guids[number]

    def shown(self, entry: Entry | None) -> Any:
        if entry is None:
            return None
        self.guids[entry.number] = entry.delivery.guid
        return replace(entry, number=0)

    def worker(self) -> str:
        return self.chance.choice(["one/0", "one/1", "two/0"])

    def some(self) -> list[Entry]:
        """Entries that a worker believes to hold, or held once."""
        return list(self.held.get(self.worker(), []))

    def record(self) -> Record:
        owner, environment = self.chance.choice(["acme", "Globex"]), self.chance.choice(["Prod", "staging/\0é"])
        return Record(
            self.chance.choice(audit.KINDS), self.now, app=APP, owner=owner, repository="Web", environment=environment
        )

    def do_put(self) -> Any:
        group = []
        for _number in range(self.chance.randint(1, 4)):
            self.put += 1
            guid = str(self.chance.randint(max(0, self.put - 5), self.put))
            group.append(a_delivery(guid, str(self.chance.randint(0, 9 * self.put)).encode(), self.now))
        return self.store.put(group)

    def do_lease(self) -> Any:
        worker = self.worker()
        entry = self.store.lease(worker, self.now, 20.0)
        if entry is not None:
            self.held[worker] = [entry]
        return self.shown(entry)

    do_lease_again = do_lease_more = do_lease

    def do_take(self) -> Any:
        entry = self.store.entry(str(self.chance.randint(0, self.put + 1)))
        if entry is None:
            return None
        worker = self.worker()
        taken = self.store.take(entry.number, worker, self.now, 20.0)
        if taken is not None:
            self.held[worker] = [taken]
        return self.shown(taken)

    def do_label(self) -> Any:
        key = f"{APP} acme/web {self.chance.randint(1, 6)} prod"
        of = self.chance.choice(["", f"{APP} {self.chance.randint(1, 50)}"])
        return [self.store.label(entry, key, of, self.now) for entry in self.some()]

    do_label_again = do_label

    def do_twin(self) -> Any:
        return [self.known(self.store.twin(entry.number)) for entry in self.some()]

    def do_together(self) -> Any:
        worker = self.worker()
        found = [other for entry in self.held.get(worker, [])[:1] for other in self.store.together(entry, self.now)]
        self.held.setdefault(worker, []).extend(found)
        return [self.shown(entry) for entry in found]

    def do_intend(self) -> Any:
        entries = self.some()
        after = self.chance.choice([None, self.store.approvals()])
        if not entries:
            return None
        approval = Approval(entries[0].number, self.now, APP, "acme", "web", "prod", 7, deployments=(1, 2))
        return self.store.intend(entries, "approve", approval, after)

    def do_defer(self) -> Any:
        flags = {name: self.chance.random() < 0.3 for name in ("failed", "noted")}
        return self.store.defer(self.some(), self.now + 10, "later\0", [self.record()], **flags)

    def do_close(self) -> Any:
        state = self.chance.choice([State.SETTLED, State.DEAD, State.IGNORED])
        return self.store.close(self.some(), state, "over", self.now, [self.record()], self.chance.random() < 0.5)

    def do_renew(self) -> Any:
        return self.store.renew(self.worker(), self.now + 20)

    def do_release(self) -> Any:
        return self.store.release(self.chance.choice(["one", "two/0"])) if self.chance.random() < 0.2 else None

    def do_wake(self) -> Any:
        return self.store.wake(f"{APP} acme/web {self.chance.randint(1, 6)} ", self.now)

    def do_reopen(self) -> Any:
        dead = self.store.entries([State.DEAD], 1)
        return [self.store.reopen(entry.number, self.now) for entry in dead], self.store.reopen(10**9, self.now)

    def do_override(self) -> Any:
        override = Override("olga", "it burns\0", self.now, self.now + 50, APP, "acme", "acme/web", "prod")
        return self.store.add_override(override, self.record()).number

    def do_ended(self) -> None:
        for approval in self.store.active(APP)[:1]:
            self.store.ended(approval)

    def do_mark(self) -> Any:
        self.store.mark(self.chance.choice("ab"), str(self.now))
        return self.store.append(self.record()).hash

    def do_prune(self) -> Any:
        return self.store.prune(self.now - 200, 5)

    def do_look(self) -> Any:
        """Everything that can be asked."""
        self.store.writable()
        of = self.chance.choice([{"repository": "ACME/web"}, {"kind": "decided", "app": APP}, {}])
        states = [State.SETTLED, State.IGNORED, State.DEAD]
        closed = sorted(self.store.entries(states), key=lambda each: each.delivery.guid)
        approved = [replace(item, entry=0) for item in self.store.approved(APP, self.now - 100)]
        names = [self.known(item.entry) for item in self.store.active(APP)]
        return (
            self.store.counts(),
            self.store.oldest(),
            [self.shown(entry) for entry in [*self.store.entries(limit=50), *closed]],
            self.store.records(where=of, limit=50),
            self.store.newest(3),
            (approved, names, self.store.overrides(self.now)),
            sorted(self.store.marks().items()),
        )


def _as_kept(answer: Any) -> str:
    """PostgreSQL has no character of the number 0, and keeps another one in its place."""
    return repr(answer).replace("\\x00", "\ufffd")


class TestPostgres(InboxSuite):
    """What every store does."""


@pytest.mark.parametrize("seed", [1, 2])
def test_it_answers_as_sqlite_does_whatever_it_is_told(box: PostgresInbox, tmp_path: Path, seed: int) -> None:
    ours, theirs = Walker(box, seed), Walker(SqliteInbox(tmp_path / "gate.sqlite3"), seed)
    done: Counter[str] = Counter()
    for _number in range(WALK):
        (name, answer), (_same, expected) = ours.step(), theirs.step()
        assert _as_kept(answer) == _as_kept(expected), (name, done)
        done[name] += 1
    assert min(done.values()) > 20
    records = box.records(limit=100_000)
    assert len(records) > 10
    assert audit.verify(records, box.marks().get("anchor", "")) is None


# Many at once


def test_of_many_who_ask_at_once_one_works_on_a_key(server: Postgres, box: PostgresInbox) -> None:
    stores = [PostgresInbox(Sensitive(server.url)) for _replica in range(REPLICAS)]
    box.put([a_delivery(f"{key}-{number}", f"{key}-{number}".encode()) for key in range(4) for number in range(5)])
    busy: set[str] = set()
    lock = threading.Lock()
    closed: list[str] = []

    def work(name: int) -> None:
        store = stores[name % REPLICAS]
        while len(closed) < 20:
            entry = store.lease(f"{name}/0", time.time(), 60.0)
            if entry is None:
                time.sleep(0.01)
                continue
            key = entry.delivery.guid.partition("-")[0]
            if not store.label(entry, key, "", time.time()):
                continue
            with lock:
                assert key not in busy
                busy.add(key)
            time.sleep(0.005)
            record = Record("decided", time.time(), guid=entry.delivery.guid)
            with lock:
                busy.remove(key)
            assert store.close([entry], State.SETTLED, "done", time.time(), [record])
            closed.append(entry.delivery.guid)

    with ThreadPoolExecutor(9) as pool:
        list(pool.map(work, range(9)))
    assert len(set(closed)) == len(closed) == 20
    records = box.records()
    assert sorted(record.guid for record in records) == sorted(closed)
    assert [record.number for record in records] == list(range(1, 21))
    assert audit.verify(records, audit.NO_HASH) is None
    for store in stores:
        store.close_store()


def test_whoever_sees_an_entry_sees_all_older_ones(server: Postgres, box: PostgresInbox) -> None:
    stores = [PostgresInbox(Sensitive(server.url)) for _replica in range(REPLICAS)]
    end = threading.Event()
    gaps: list[tuple[int, int]] = []

    def look() -> None:
        seen: set[int] = set()
        while not end.is_set():
            numbers = {entry.number for entry in box.entries(limit=10_000)}
            late = {number for number in numbers - seen if seen and number < max(seen)}
            gaps.extend((number, max(seen)) for number in late)
            seen |= numbers

    looking = threading.Thread(target=look)
    looking.start()

    def put(replica: int) -> None:
        for number in range(60):
            group = [a_delivery(f"{replica}-{number}-{item}") for item in range(3)]
            assert stores[replica].put(group) == [True] * 3

    with ThreadPoolExecutor(REPLICAS) as pool:
        list(pool.map(put, range(REPLICAS)))
    end.set()
    looking.join()
    assert gaps == []
    assert box.counts() == {"received": REPLICAS * 60 * 3}
    for store in stores:
        store.close_store()


def test_what_was_stored_survives_a_crash_of_the_server(server: Postgres, box: PostgresInbox) -> None:
    stored: list[str] = []
    refused: list[str] = []
    end = threading.Event()

    def put() -> None:
        number = 0
        while not end.is_set():
            number += 1
            try:
                box.put([a_delivery(f"crash-{number}")])
                stored.append(f"crash-{number}")
            except Exception as error:  # noqa: BLE001  whatever it is: it was not stored for sure
                refused.append(type(error).__name__)

    putting = threading.Thread(target=put)
    putting.start()
    for _time in range(3):
        before = len(stored)
        assert eventually(lambda: len(stored) > before + 20)  # noqa: B023
        server.stop()
        server.start()
    assert eventually(lambda: len(stored) > before + 20)
    end.set()
    putting.join()
    there = {entry.delivery.guid for entry in box.entries(limit=100_000)}
    assert set(stored) <= there


def test_a_replica_that_hangs_in_its_turn_does_not_stop_the_others(server: Postgres, box: PostgresInbox) -> None:
    box.put([a_delivery("one")])
    hanging = psycopg.connect(server.url, options="-c idle_in_transaction_session_timeout=500")
    hanging.execute("SELECT pg_advisory_xact_lock(%s, %s)", (SPACE, TURN))
    entry = box.lease("two/0", time.time(), 60.0)
    assert entry is not None
    assert entry.delivery.guid == "one"
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        hanging.commit()
    hanging.close()


# What goes wrong is said, and shows no secret


@pytest.mark.parametrize(
    "text",
    [PASSWORD, f"{PASSWORD} = = '", f"postgresql://gate:{PASSWORD}@[", f"password={PASSWORD} nonsense=1"],
)
def test_a_connection_string_that_is_none_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(Failure) as caught:
        PostgresInbox(Sensitive(text))
    assert caught.value.kind is Kind.INVALID
    assert PASSWORD not in caught.value.sentence()
    assert caught.value.__cause__ is None


def test_a_server_that_lets_nobody_in_is_a_failure_in_one_sentence(
    server: Postgres, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.gate.postgres._OPENS_WITHIN", 0.5)
    for url in (server.url.replace(PASSWORD, f"{PASSWORD}-wrong"), server.url.replace(str(server.port), "1")):
        with pytest.raises(Failure) as caught:
            PostgresInbox(Sensitive(url))
        assert caught.value.kind is Kind.TIMEOUT
        assert "Check that the server runs" in caught.value.sentence()
        assert PASSWORD not in caught.value.sentence() + caplog.text


# Three replicas, one of them killed again and again


@dataclass
class Shared(Load):
    """Sends each delivery to the replica that chance picks, as a balancer would."""

    gates: list[Gate] = field(default_factory=list)

    def once(self, letter: Request) -> None:
        gate = random.choice(self.gates)
        Load(self.github, gate, self.mailbox, self.runs, self.acknowledged, self.left).once(letter)


def test_e19_three_replicas_of_which_one_is_killed_again_and_again_lose_nothing_and_decide_nothing_twice(
    server: Postgres, box: PostgresInbox, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    connection = tmp_path / "postgres"
    connection.write_text(server.url, encoding="utf-8")
    with Mailbox() as mailbox, a_github() as github, ExitStack() as stack:
        github.deliver_to = mailbox.url
        hook(github)
        gates = [
            Gate(tmp_path / f"gate-{number}", github, postgres_file=str(connection), recover_every="30d")
            for number in range(REPLICAS)
        ]
        for gate in gates:
            stack.callback(gate.stop)
            gate.start()
        load = Shared(github, gates[0], mailbox, gates=gates)
        with load.under_way():
            for _kill in range(KILLS):
                time.sleep(moments.uniform(0.0, LONGEST))
                victim = moments.choice(gates)
                victim.kill()
                victim.start()
        told = f"seed {seed}, {KILLS} kills, {len(load.runs)} runs, {len(load.acknowledged)} acknowledged"
        print(told)
        assert undecided(github, load.acknowledged) == [], told
        for letter in load.left[:]:
            load.once(letter)
        assert sorted(load.acknowledged) == sorted(load.runs), told
        assert undecided(github, load.runs) == [], told
        assert [entry.path for entry in posts(github) if entry.status not in (204, None)] == [], told
        assert eventually(lambda: box.counts() == {}), box.counts()
        records = box.records(limit=100_000)
        assert audit.verify(records, audit.NO_HASH) is None
        assert sorted(record.run_id for record in records if record.kind == audit.DECIDED) == sorted(load.runs), told
        assert PASSWORD not in "".join(gate.said() for gate in gates)
