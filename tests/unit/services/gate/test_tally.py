"""What people did beside the serving process is counted there: each once, by whoever looks first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.gate import audit
from services.gate.audit import Record
from services.gate.inbox import Override
from services.gate.sqlite import SqliteInbox
from services.gate.tally import Tally

NOW = 1_800_000_000.0


def _record(kind: str, **more: Any) -> Record:
    return Record(kind, NOW, **more)


def _overridden(inbox: SqliteInbox) -> None:
    given = Override("olga", "it burns", NOW, NOW + 60, "acme", "acme-corp", "web-shop", "production")
    inbox.add_override(given, _record(audit.OVERRIDE))


def test_each_is_told_once_whoever_looks(tmp_path: Path) -> None:
    inbox, told = SqliteInbox(tmp_path / "gate.sqlite3"), list[str]()
    one, two = (Tally(inbox, lambda record: told.append(record.kind)) for _replica in range(2))
    one.look()
    assert told == []
    inbox.append(_record(audit.MANUAL, outcome="approve"))
    inbox.append(_record(audit.DECIDED, outcome="approve"))
    _overridden(inbox)
    two.look()
    assert told == [audit.MANUAL, audit.OVERRIDE]
    one.look()
    assert len(told) == 2
    inbox.append(_record(audit.MANUAL, outcome="reject"))
    for tally in (one, two, one):
        tally.look()
    assert told == [audit.MANUAL, audit.OVERRIDE, audit.MANUAL]


def test_who_comes_second_at_the_same_moment_tells_nothing(tmp_path: Path) -> None:
    inbox, told = SqliteInbox(tmp_path / "gate.sqlite3"), list[str]()
    inbox.append(_record(audit.MANUAL))

    class Meanwhile(SqliteInbox):
        """A store that another replica uses between two steps of ours."""

        def advance(self, name: str, former: str, value: str) -> bool:
            Tally(inbox, lambda record: told.append("the other")).look()
            return super().advance(name, former, value)

    Tally(Meanwhile(tmp_path / "gate.sqlite3"), lambda record: told.append("ours")).look()
    assert told == ["the other"]


def test_more_than_a_page_is_told_whole(tmp_path: Path) -> None:
    inbox, told = SqliteInbox(tmp_path / "gate.sqlite3"), list[int]()
    for _number in range(1001):
        inbox.append(_record(audit.MANUAL))
    Tally(inbox, lambda record: told.append(record.number)).look()
    assert told == list(range(1, 1002))
