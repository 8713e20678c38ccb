"""Counts what people do with commands, which are processes of their own beside the one that is asked for its figures.

In: the records of a store behind a mark that all replicas share. Out: each such record, told once. Never here: a
figure; what workers write down, which they tell by themselves.

Whoever moves the mark tells what lies before it, so of several replicas one counts, and their sum is right. What is
told goes into the figures of a process: like all of them it begins at 0 when that starts, and the mark does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.gate import audit
from services.gate.audit import Record
from services.gate.inbox import Inbox

BY_PEOPLE = (audit.MANUAL, audit.OVERRIDE)
"""Kinds of records that people cause. A worker writes one down as well, when it finds out what became of a decision
whose command was interrupted: so these kinds are counted here alone."""
MARK = "counted"
_PAGE = 1000


@dataclass(frozen=True)
class Tally:
    """``told`` hears of each record of people, in whichever process of this store it is first looked for."""

    inbox: Inbox
    told: Callable[[Record], None]

    def look(self) -> None:
        """Tell of what was written down since somebody looked last."""
        newest = self.inbox.newest(1)
        former = self.inbox.marks().get(MARK, "0")
        if not newest or newest[0].number <= int(former):
            return
        found = [record for kind in BY_PEOPLE for record in self._between(int(former), newest[0].number, kind)]
        if self.inbox.advance(MARK, former, str(newest[0].number)):
            for record in found:
                self.told(record)

    def _between(self, after: int, last: int, kind: str) -> Iterator[Record]:
        while page := self.inbox.records(after, _PAGE, {"kind": kind}):
            yield from (record for record in page if record.number <= last)
            after = page[-1].number
