"""What every store must do: the protocol of inbox.py as checks that each of them runs.

In: a store, by the fixture ``store`` of the file that derives a class of tests from this one. Out: tests. Never here: a
store of one kind.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from services.gate import audit
from services.gate.audit import Record
from services.gate.inbox import OPEN, Approval, Entry, Inbox, Override, State, key_of
from services.gate.payload import Delivery

APP = "acme"
KEY = key_of(APP, "Acme/Web", 7, "prod")
NOW = 1_800_000_000.0


def delivery(guid: str, body: bytes = b"", app: str = APP, received: float = NOW) -> Delivery:
    """Return a delivery; its body is its own unless told."""
    return Delivery(guid, "deployment_protection_rule", body or guid.encode(), app, received=received)


def record(kind: str = audit.DECIDED, time: float = NOW, **more: Any) -> Record:
    """Return a record of a repository."""
    return Record(kind, time, **{"app": APP, "owner": "Acme", "repository": "Web", "environment": "Prod", **more})


def approval(entry: int, time: float = NOW, **more: Any) -> Approval:
    """Return an approval of an entry."""
    return Approval(entry, time, APP, "acme", "web", "prod", 7, **{"deployments": (1, 2), **more})


def leased(store: Inbox, *guids: str, worker: str = "w/0", now: float = NOW, seconds: float = 60.0) -> list[Entry]:
    """Put deliveries and lease them all, in their order."""
    store.put([delivery(guid) for guid in guids])
    found = [store.lease(worker, now, seconds) for _guid in guids]
    return [entry for entry in found if entry is not None]


class InboxSuite:
    """Every store passes these; a class of its own name and the fixture ``store`` run them."""

    def test_a_guid_is_new_once_for_each_app_and_also_when_it_is_closed(self, store: Inbox) -> None:
        assert store.put([delivery("a"), delivery("b"), delivery("a", b"other")]) == [True, True, False]
        assert store.put([delivery("a"), delivery("a", app="other")]) == [False, True]
        entry = store.lease("w/0", NOW, 60)
        assert entry is not None
        store.close([entry], State.SETTLED, "done", NOW)
        assert store.put([delivery(entry.delivery.guid, app=entry.delivery.app)]) == [False]

    def test_a_delivery_comes_back_as_it_was_put(self, store: Inbox) -> None:
        given = Delivery("a", "x", bytes(range(256)) * 9, APP, "application/x-www-form-urlencoded", 1, NOW - 0.25)
        store.put([given])
        entry = store.lease("w/0", NOW, 60)
        assert entry is not None
        assert (entry.delivery, entry.state, entry.attempts, entry.worker) == (given, State.RECEIVED, 1, "w/0")

    def test_what_is_leased_is_nobody_elses_until_the_lease_ends(self, store: Inbox) -> None:
        [first] = leased(store, "a")
        assert store.lease("w/1", NOW + 59, 60) is None
        second = store.lease("w/1", NOW + 61, 60)
        assert second is not None
        assert (second.number, second.attempts) == (first.number, 2)
        # Who lost the lease changes nothing any more.
        assert not store.close([first], State.DEAD, "late", NOW, [record()])
        assert not store.defer([first], NOW, "late", [record()])
        assert not store.intend([first], "x", approval(first.number))
        assert store.records() == []
        assert store.approved(APP, 0) == []
        assert store.close([second], State.SETTLED, "done", NOW)

    def test_a_lease_can_be_made_longer_and_given_back(self, store: Inbox) -> None:
        for guid, worker in (("a", "me/0"), ("b", "me/1"), ("c", "me2/0"), ("d", "me")):
            leased(store, guid, worker=worker)
        assert store.renew("me/0", NOW + 600) == 1
        longer = store.entry("a")
        assert longer is not None
        assert longer.leased_until == NOW + 600
        assert store.release("nobody") == 0
        assert store.release("me") == 3
        assert [entry.worker for entry in store.entries()] == ["", "", "me2/0", ""]

    def test_the_entry_that_is_due_first_comes_first(self, store: Inbox) -> None:
        one, two = leased(store, "a", "b")
        store.defer([one], NOW + 20, "later")
        store.defer([two], NOW + 10, "later")
        assert store.lease("w/0", NOW + 5, 60) is None
        found = [store.lease("w/0", NOW + 30, 60) for _each in range(3)]
        assert [entry.delivery.guid if entry else None for entry in found] == ["b", "a", None]

    def test_one_key_is_worked_on_by_one_at_a_time(self, store: Inbox) -> None:
        one, two, three = leased(store, "a", "b", "c")
        assert store.label(one, KEY, f"{APP} 1", NOW)
        assert not store.label(two, KEY, f"{APP} 2", NOW)
        assert store.label(three, key_of(APP, "acme/web", 8, "prod"), "", NOW)
        assert store.lease("w/1", NOW + 1, 60) is None
        assert store.take(two.number, "w/1", NOW + 1, 60) is None
        store.defer([one], NOW + 100, "later")
        again = store.lease("w/1", NOW + 1, 60)
        assert again is not None
        assert (again.number, again.key, again.deployment) == (two.number, KEY, f"{APP} 2")

    def test_a_lease_that_ran_out_keeps_no_key_busy(self, store: Inbox) -> None:
        one, two = leased(store, "a", "b")
        assert store.label(one, KEY, "", NOW)
        assert store.label(two, KEY, "", NOW + 61)

    def test_those_of_a_key_are_taken_together(self, store: Inbox) -> None:
        entries = leased(store, "a", "b", "c", "d")
        for entry in entries[:3]:
            store.label(entry, KEY, "", NOW)
        store.defer([entries[3]], NOW + 99, "later")
        others = store.together(entries[0], NOW)
        assert [entry.number for entry in others] == [entry.number for entry in entries[1:3]]
        assert store.together(entries[0], NOW) == []
        assert store.together(replace(entries[0], attempts=9), NOW) == []
        assert store.lease("w/1", NOW + 1, 60) is None
        assert store.close([entries[0], *others], State.SETTLED, "all", NOW)
        assert store.counts() == {"deferred": 1}

    def test_a_change_of_several_is_all_or_nothing(self, store: Inbox) -> None:
        one, two = leased(store, "a", "b")
        assert not store.close([one, replace(two, worker="other/0")], State.SETTLED, "x", NOW, [record()])
        assert store.counts() == {"received": 2}
        assert store.records() == []

    @pytest.mark.parametrize("how", ["body", "deployment"])
    @pytest.mark.parametrize("closed", [False, True])
    def test_an_older_one_of_the_same_body_or_deployment_is_the_twin(
        self, store: Inbox, how: str, closed: bool
    ) -> None:
        store.put([delivery("a", b"1"), delivery("b", b"1" if how == "body" else b"2"), delivery("c", b"3")])
        one, two, three = (store.lease("w/0", NOW, 60) for _each in range(3))
        assert one is not None
        assert two is not None
        assert three is not None
        same = f"{APP} 5" if how == "deployment" else ""
        store.label(one, f"{KEY}1", same, NOW)
        store.label(two, f"{KEY}2", same, NOW)
        store.label(three, f"{KEY}3", f"{APP} 6", NOW)
        if closed:
            store.close([one], State.SETTLED, "done", NOW)
        assert store.twin(two.number) == one.number
        assert store.twin(three.number) is None
        assert store.twin(one.number) is None

    def test_what_was_ignored_and_what_another_app_got_is_no_twin(self, store: Inbox) -> None:
        store.put([delivery("a", b"1"), delivery("b", b"1", app="other"), delivery("c", b"1")])
        one, two, three = (store.lease("w/0", NOW, 60) for _each in range(3))
        assert one is not None
        assert two is not None
        assert three is not None
        store.close([one], State.IGNORED, "nothing", NOW)
        assert store.twin(two.number) is None
        assert store.twin(three.number) is None

    def test_failures_are_counted_and_forgotten(self, store: Inbox) -> None:
        [entry] = leased(store, "a")
        for count in (1, 2):
            assert store.defer([entry], NOW, "oh", failed=True)
            found = store.lease("w/0", NOW, 60)
            assert found is not None
            assert (found.failures, found.said, found.state) == (count, "oh", State.DEFERRED)
            entry = found
        store.defer([entry], NOW, "waits", noted=True)
        found = store.entry("a")
        assert found is not None
        assert (found.failures, found.notes) == (0, 1)

    def test_an_intent_outlives_a_failure_and_ends_with_an_answer(self, store: Inbox) -> None:
        [entry] = leased(store, "a")
        assert store.intend([entry], "what is meant", approval(entry.number))
        assert [item.entry for item in store.approved(APP, 0)] == [entry.number]
        store.defer([entry], NOW, "no answer", failed=True)
        again = store.lease("w/0", NOW, 60)
        assert again is not None
        assert (again.state, again.intent) == (State.DECIDING, "what is meant")
        assert len(store.approved(APP, 0)) == 1
        store.defer([again], NOW, "it was not heard")
        waiting = store.entry("a")
        assert waiting is not None
        assert (waiting.state, waiting.intent) == (State.DEFERRED, "")
        assert store.approved(APP, 0) == []

    @pytest.mark.parametrize("approved", [False, True])
    def test_an_approval_stays_when_it_was_heard(self, store: Inbox, approved: bool) -> None:
        [entry] = leased(store, "a")
        store.intend([entry], "x", approval(entry.number))
        store.close([entry], State.SETTLED, "x", NOW, [record()], approved=approved)
        assert len(store.approved(APP, NOW)) == len(store.active(APP)) == int(approved)
        assert store.approved("other", 0) == []
        assert store.approved(APP, NOW + 1) == []
        for item in store.active(APP):
            assert replace(item, number=0) == approval(entry.number)
            store.ended(item)
        assert store.active(APP) == []
        assert len(store.approved(APP, 0)) == int(approved)

    def test_an_intent_is_refused_when_another_was_approved_meanwhile(self, store: Inbox) -> None:
        one, two = leased(store, "a", "b")
        before = store.approvals()
        assert store.intend([one], "x", approval(one.number), before)
        assert not store.intend([two], "x", approval(two.number), before)
        assert store.entry("b").state is State.RECEIVED  # type: ignore[union-attr]
        # What is its own is no news to itself, and a look at what has come allows the next try.
        assert store.intend([one], "x", approval(one.number), before)
        assert store.intend([two], "x", approval(two.number), store.approvals())
        assert len(store.approved(APP, 0)) == 2

    def test_what_is_closed_keeps_its_line_and_only_the_dead_their_body(self, store: Inbox) -> None:
        one, two = leased(store, "a", "b")
        store.intend([one], "what is meant")
        store.close([one], State.SETTLED, "approved", NOW + 1)
        store.close([two], State.DEAD, "why", NOW + 2)
        settled, dead = store.entry("a"), store.entry(two.number)
        assert settled is not None
        assert dead is not None
        assert (settled.state, settled.said, settled.ended, settled.intent) == (State.SETTLED, "approved", NOW + 1, "")
        assert (settled.delivery.body, dead.delivery.body, dead.worker) == (b"", b"b", "")
        assert store.counts() == {"dead": 1}
        assert [entry.number for entry in store.entries((State.DEAD, State.SETTLED))] == [two.number, one.number]
        assert [entry.number for entry in store.entries((State.DEAD, State.SETTLED), 1)] == [two.number]
        assert store.entry("nobody") is None

    def test_a_dead_one_can_be_judged_again_under_its_number(self, store: Inbox) -> None:
        one, two = leased(store, "a", "b")
        store.close([one], State.DEAD, "why", NOW)
        store.close([two], State.SETTLED, "done", NOW)
        assert store.reopen(one.number, NOW + 5)
        assert not store.reopen(one.number, NOW + 5)
        assert not store.reopen(two.number, NOW + 5)
        again = store.lease("w/0", NOW + 6, 60)
        assert again is not None
        assert (again.number, again.state, again.delivery.body) == (one.number, State.RECEIVED, b"a")
        assert store.put([delivery("a")]) == [False]
        [new] = leased(store, "c")
        assert new.number > two.number

    def test_a_signal_wakes_what_is_deferred_of_its_key(self, store: Inbox) -> None:
        entries = leased(store, "a", "b", "c", "d")
        for entry, run in zip(entries, (7, 8, 70, 7), strict=True):
            store.label(entry, key_of(APP, "acme/web", run, f"e{entry.number}"), "", NOW)
        for entry in entries[:3]:
            store.defer([entry], NOW + 1000, "later")
        assert store.wake(key_of(APP, "Acme/Web", 7), NOW) == 1
        assert store.lease("w/1", NOW, 60).delivery.guid == "a"  # type: ignore[union-attr]
        assert store.wake(key_of(APP, "acme/we"), NOW) == 0
        assert store.wake(key_of("other", "acme/web"), NOW) == 0
        assert store.wake(key_of(APP, "acme/web"), NOW) == 2
        assert store.wake(key_of(APP, "acme/web"), NOW + 5) == 0

    def test_counts_and_the_oldest_tell_what_is_open(self, store: Inbox) -> None:
        assert store.counts() == {}
        assert store.oldest() is None
        store.put([delivery("a", received=NOW - 9), delivery("b", received=NOW - 5)])
        entry = store.lease("w/0", NOW, 60)
        assert entry is not None
        store.defer([entry], NOW + 9, "later")
        assert store.counts() == {"deferred": 1, "received": 1}
        assert store.oldest() == NOW - 5
        assert {item.state for item in store.entries(OPEN)} == {State.DEFERRED, State.RECEIVED}
        assert len(store.entries(limit=1)) == 1

    # Records

    def test_records_go_with_their_change_and_make_one_chain(self, store: Inbox) -> None:
        one, two = leased(store, "a", "b")
        store.defer([one], NOW, "later", [record(audit.DEFERRED)])
        store.close([two], State.SETTLED, "x", NOW, [record(), record(audit.SETTLED)])
        last = store.append(record(audit.RECOVERED))
        found = store.records()
        assert [item.number for item in found] == [1, 2, 3, 4]
        assert found[-1] == last
        assert audit.verify(found, audit.NO_HASH) is None
        assert store.records(after=2, limit=1) == [found[2]]
        assert store.newest(2) == [found[3], found[2]]

    def test_records_are_found_by_what_they_are_about(self, store: Inbox) -> None:
        about: dict[str, Any] = {"guid": "g", "entry": 5, "run_id": 7, "outcome": "approve"}
        wanted = store.append(record(**about))
        store.append(record(audit.DEAD, app="other", repository="else", environment="else"))
        for name, value in {
            **about,
            "kind": audit.DECIDED,
            "app": APP,
            "repository": "aCME/web",
            "environment": "PROD",
        }.items():
            assert store.records(where={name: value}) == [wanted]
        with pytest.raises(ValueError, match="found by"):
            store.records(where={"line": "x"})

    def test_a_chain_has_no_fork_when_many_write(self, store: Inbox) -> None:
        def write() -> None:
            for _each in range(20):
                store.append(record())

        threads = [threading.Thread(target=write) for _each in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.records()) == 80
        assert audit.verify(store.records(), audit.NO_HASH) is None

    # What is remembered

    def test_overrides_last_until_they_expire(self, store: Inbox) -> None:
        made = Override("olga", "it burns", NOW, NOW + 60, APP, "acme", "acme/web", "prod")
        stored = store.add_override(made, record(audit.OVERRIDE))
        assert stored.number > 0
        assert store.overrides(NOW) == [stored]
        assert replace(stored, number=0) == made
        assert store.overrides(NOW + 60) == []
        assert [item.kind for item in store.records()] == [audit.OVERRIDE]

    def test_marks_are_remembered(self, store: Inbox) -> None:
        store.mark("log acme", "1")
        store.mark("log acme", "2")
        assert store.marks()["log acme"] == "2"

    def test_a_mark_is_moved_by_who_has_seen_it_last(self, store: Inbox) -> None:
        assert store.advance("counted", "0", "5")
        assert not store.advance("counted", "0", "6")
        assert store.advance("counted", "5", "7")
        assert store.marks()["counted"] == "7"

    def test_what_is_old_is_pruned_and_the_chain_still_holds(self, store: Inbox) -> None:
        entries = leased(store, "a", "b", "c")
        for age, entry in zip((300, 200, 0), entries, strict=True):
            store.intend([entry], "x", approval(entry.number, NOW - age))
            store.close([entry], State.SETTLED, "x", NOW - age, [record(time=NOW - age)], approved=True)
        store.add_override(Override("o", "r", NOW - 300, NOW - 290, APP, "o", "o/r", "e"), record(time=NOW))
        [waiting] = leased(store, "d")
        store.intend([waiting], "x", approval(waiting.number, NOW - 300))
        assert store.prune(NOW - 100, 1) > 0
        while store.prune(NOW - 100, 1):
            pass
        assert [item.number for item in store.records()] == [3, 4]
        assert audit.verify(store.records(), store.marks()["anchor"]) is None
        assert audit.verify(store.records(), audit.NO_HASH) is not None
        assert store.entry("b") is None
        assert store.entry("c") is not None
        assert [item.entry for item in store.approved(APP, 0)] == [entries[2].number, waiting.number]
        assert store.overrides(0) == []
        store.prune(NOW + 1)
        assert store.append(record()).number == 5
        assert audit.verify(store.records(), store.marks()["anchor"]) is None
        store.writable()
