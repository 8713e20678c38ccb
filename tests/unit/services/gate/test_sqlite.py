"""The store in SQLite: what every store does, and that a file holds it across processes."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.gate.inbox import State
from services.gate.sqlite import SqliteInbox
from tests.unit.services.gate.inbox_suite import NOW, InboxSuite, approval, delivery, leased, record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteInbox]:
    made = SqliteInbox(tmp_path / "gate.sqlite3")
    yield made
    made.close_store()


class TestSqlite(InboxSuite):
    """What every store does."""


def test_what_was_stored_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    first = SqliteInbox(tmp_path / "gate.sqlite3")
    [entry] = leased(first, "a")
    first.intend([entry], "x", approval(entry.number))
    first.close([entry], State.SETTLED, "done", NOW, [record()], approved=True)
    first.put([delivery("b")])
    second = SqliteInbox(tmp_path / "gate.sqlite3")
    assert second.entry("a") == first.entry("a")
    assert second.records() == first.records()
    assert second.counts() == {"received": 1}
    assert second.approvals() == 1


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    store = SqliteInbox(tmp_path / "gate.sqlite3", busy=0.01)
    other = sqlite3.connect(tmp_path / "gate.sqlite3")
    other.execute("BEGIN IMMEDIATE")
    for write in (store.writable, lambda: store.put([delivery("a")])):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write()
    other.rollback()
    store.writable()
    assert store.put([delivery("a")]) == [True]


def test_a_connection_ends_with_its_thread(tmp_path: Path) -> None:
    store = SqliteInbox(tmp_path / "gate.sqlite3")
    before = len(os.listdir("/proc/self/fd"))
    for _each in range(20):
        thread = threading.Thread(target=store.counts)
        thread.start()
        thread.join()
    gc.collect()
    # SQLite keeps some files open for the next connection; what stays open for each of 20 would be more than 40.
    assert len(os.listdir("/proc/self/fd")) - before < 20
    store.close_store()


def test_a_crowd_with_large_ones_and_known_ones_among_it_is_stored_as_if_each_had_come_alone(
    store: SqliteInbox,
) -> None:
    [closed] = leased(store, "closed")
    store.close([closed], State.SETTLED, "done", NOW)
    store.put([delivery("open")])
    large = b"\0" + os.urandom(300_000)
    crowd = [delivery(f"new {number}", large if number % 30 == 7 else b"\0 plain") for number in range(71)]
    known = [delivery("open"), delivery("closed"), delivery("new 7"), delivery("new 8")]
    assert store.put([*crowd, *known]) == [True] * 71 + [False] * 4
    stored = {entry.delivery.guid: entry.delivery for entry in store.entries()}
    assert stored == {item.guid: item for item in [delivery("open"), *crowd]}
