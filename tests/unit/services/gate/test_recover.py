"""What did not arrive is taken from GitHub's log: once, with its payload, and never past what could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._github.delivery import moment
from services.gate import recover
from services.gate.inbox import Entry
from services.gate.payload import Delivery, parse
from services.gate.recover import LOG, OVERLAP, REDELIVER, SWEEP, SWEEP_EVERY, WINDOW, Recovery
from services.gate.sqlite import SqliteInbox
from tests.sandbox.faults import Fault, Match
from tests.sandbox.standins.github import GitHub
from tests.unit.services.gate.a_github import APP, REPOSITORY, There, there

LIST, ONE = r"/app/hook/deliveries$", r"/app/hook/deliveries/\d+$"
DAY = 24 * 3600.0


class Looking:
    """A recovery that looks into the log of a GitHub, and what it has told."""

    def __init__(self, place: There, folder: Path, mode: str = "ingest") -> None:
        self.place = place
        self.inbox = SqliteInbox(folder / "gate.sqlite3")
        self.told: list[tuple[str, str, int]] = []
        self.client = place.connect()
        self.recovery = Recovery(
            self.inbox,
            {APP: place.app()},
            lambda app: self.client,
            place.now,
            mode,
            lambda *told: self.told.append(told),
        )

    def look(self) -> list[Entry]:
        """Look once, and return everything that is in the inbox."""
        self.recovery.look()
        return self.inbox.entries()

    def mark(self) -> float:
        return float(self.inbox.marks()[f"{LOG} {APP}"])


@pytest.fixture
def place() -> Iterator[There]:
    with there() as made:
        yield made


@pytest.fixture
def github(place: There) -> GitHub:
    return place.github


@pytest.fixture
def looking(place: There, tmp_path: Path) -> Looking:
    return Looking(place, tmp_path)


def test_what_was_not_taken_comes_from_the_log_as_it_was_sent(place: There, looking: Looking) -> None:
    place.start()
    place.listener.code = 503
    lost = place.start()
    place.listener.code = 401
    refused = place.start()
    entries = looking.look()
    sent = [
        Delivery(line["guid"], line["event"], _body(line), APP, received=moment(line["delivered_at"]))
        for line in place.lines()[1:]
    ]
    judged = [parse(entry.delivery, place.github.url) for entry in entries]
    assert [pending.run_id for pending in judged] == [lost, refused]
    assert judged == [parse(delivery, place.github.url) for delivery in sent]
    assert [entry.delivery.guid for entry in entries] == [delivery.guid for delivery in sent]
    assert looking.told == [(APP, LOG, 2)]
    kinds = [(record.kind, record.guid, record.reasons) for record in looking.inbox.records()]
    assert kinds == [
        ("recovered", sent[0].guid, ("GitHub's log says: 503 Invalid HTTP Response: 503",)),
        ("recovered", sent[1].guid, ("GitHub's log says: 401 Invalid HTTP Response: 401",)),
    ]


def test_one_success_among_the_attempts_is_enough(place: There, looking: Looking, github: GitHub) -> None:
    place.listener.code = 500
    place.start()
    place.listener.code = 202
    client = place.connect()
    Recovery(looking.inbox, {APP: place.app()}, lambda app: client, place.now, REDELIVER).look()
    assert [line["redelivery"] for line in place.lines()] == [False, True]
    assert looking.look() == []
    assert place.asked("/attempts", "POST") == 1


def test_what_the_inbox_has_is_not_read_again(place: There, looking: Looking) -> None:
    place.listener.code = 500
    place.start()
    [entry] = looking.look()
    read = place.asked("/app/hook/deliveries/")
    assert looking.look() == [entry]
    assert place.asked("/app/hook/deliveries/") == read
    assert len(looking.told) == 1


def test_a_look_goes_back_to_the_last_one_and_no_farther(place: There, looking: Looking) -> None:
    place.listener.code = 500
    for _number in range(150):
        place.github.start_run(REPOSITORY, ["production"])
    place.lines()
    assert len(looking.look()) == 150
    for step in (2, 4):
        mark = looking.mark()
        place.github.clock.shift = step * OVERLAP
        place.start()
        asked = place.asked("/app/hook/deliveries")
        looking.look()
        assert looking.mark() > mark
    # One page of the list, and the one line of it that is new.
    assert place.asked("/app/hook/deliveries") - asked == 2
    assert len(looking.inbox.entries()) == 152


def test_what_could_not_be_read_is_looked_for_again(place: There, looking: Looking, github: GitHub) -> None:
    place.listener.code = 500
    early, late = place.start(), place.start()
    github.faults.arm(Fault("500", match=Match("GET", ONE)))
    # It keeps no other from being found, and the next look begins where this one did.
    assert [_run(entry, github) for entry in looking.look()] == [late]
    assert f"{LOG} {APP}" not in looking.inbox.marks()
    assert [_run(entry, github) for entry in looking.look()] == [late, early]
    assert looking.mark() > 0


def test_a_limit_ends_a_look(place: There, looking: Looking, github: GitHub) -> None:
    place.listener.code = 500
    place.start()
    place.start()
    github.faults.arm(Fault("429", match=Match("GET", ONE), retry_after=60))
    assert looking.look() == []
    assert place.asked("/app/hook/deliveries/") == 1
    assert len(looking.look()) == 2


def test_a_log_that_cannot_be_read_does_not_keep_the_sweep_from_looking(place: There, looking: Looking) -> None:
    place.listener.code = 500
    run = place.start()
    place.github.clock.shift = 900
    place.github.faults.arm(Fault("500", match=Match("GET", LIST)))
    assert [_run(entry, place.github) for entry in looking.look()] == [run]
    assert looking.told == [(APP, SWEEP, 1)]


def test_what_leaves_the_log_while_it_is_read_is_left_to_the_sweep(place: There, looking: Looking) -> None:
    place.listener.code = 500
    place.start()
    place.github.courier.kept = type(place.github.courier.kept)(0)
    run = place.start()
    assert looking.look() == []
    place.github.clock.shift = SWEEP_EVERY + 1
    assert run in [_run(entry, place.github) for entry in looking.look()]


def test_a_first_look_reads_no_more_than_the_log_keeps(place: There, looking: Looking, github: GitHub) -> None:
    place.listener.code = 500
    github.become_enterprise()
    place.start()
    github.clock.shift = WINDOW - DAY
    assert len(looking.look()) == 1


def test_in_the_other_mode_github_sends_it_again_once(place: There, tmp_path: Path) -> None:
    looking = Looking(place, tmp_path, REDELIVER)
    place.listener.code = 500
    run = place.start()
    assert looking.look() == []
    assert [line["redelivery"] for line in place.lines()] == [False, True]
    # Lost again: it is not sent a third time.
    assert [_run(entry, place.github) for entry in looking.look()] == [run]
    assert place.asked("/attempts", "POST") == 1


def test_the_words_of_people_are_looked_for_too_and_nothing_that_only_hurries(place: There, looking: Looking) -> None:
    place.github.app.events += ["deployment_review", "check_run"]
    place.listener.code = 500
    for event in ("check_run", "deployment_review"):
        place.github.emit(event, REPOSITORY, {"action": "completed"})
        place.lines()
    assert [entry.delivery.event for entry in looking.look()] == ["deployment_review"]


def test_what_becomes_of_installations_is_looked_for_too(place: There, looking: Looking) -> None:
    place.listener.code = 500
    place.github.suspend("globex")
    place.github.suspend("globex", False)
    place.github.accept_permissions("globex", {"issues": "read"})
    place.github.subscribe(["installation_repositories"])
    place.github.emit("installation_repositories", REPOSITORY, {"action": "added"})
    found = [line["request"]["payload"]["action"] for line in place.lines()]
    assert sorted(found) == ["added", "new_permissions_accepted", "suspend", "unsuspend"]
    assert sorted(json.loads(entry.delivery.body)["action"] for entry in looking.look()) == sorted(found)


def test_a_look_reads_so_many_lines_at_most(
    place: There, looking: Looking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recover, "MOST", 2)
    place.listener.code = 500
    runs = [place.start() for _number in range(3)]
    assert [_run(entry, place.github) for entry in looking.look()] == runs[1:]
    assert "more than 2 lines" in caplog.text


def test_an_app_without_a_key_is_left_to_who_has_it(place: There, looking: Looking) -> None:
    place.listener.code = 500
    place.start()
    app = place.app()
    app.key_file = None
    looking.recovery.apps = {APP: app}
    assert looking.look() == []
    assert place.asked("/app/hook/deliveries") == 0


def test_a_guid_that_another_app_has_too_is_not_known_by_it(place: There, looking: Looking) -> None:
    place.listener.code = 500
    place.start()
    [line] = place.lines()
    looking.inbox.put([Delivery(line["guid"], line["event"], b"{}", "another")])
    assert [entry.delivery.app for entry in looking.look()] == ["another", APP]


def _body(line: dict[str, Any]) -> bytes:
    return json.dumps(line["request"]["payload"]).encode()


def _run(entry: Entry, github: GitHub) -> int:
    return parse(entry.delivery, github.url).run_id
