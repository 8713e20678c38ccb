"""The inbox: what was received, what is to be done with it, what came of it, and what the gate remembers beside that.

In: deliveries, verdicts, answers, acts of people. Out: leases on what is due, records, what was approved. Never here:
SQL; each store has its file.

States: ``received`` (nobody looked yet), ``deferred`` (until a time), ``deciding`` (the decision is written down, and
may or may not have reached GitHub), and for good ``settled``, ``ignored``, ``dead`` (people have to look; `reopen` has
it judged again). What is leased keeps its state: when its worker dies, the lease ends and somebody else takes it up.

Leases: a worker has a name of its own (a process and a thread). Every change of an entry names the lease by the
``Entry`` that `lease` answered; one that has been taken over since changes nothing and is answered False.

Records: a change and its records are one transaction. The store numbers records from 1 without a gap, and links each
with `audit.chain`. What a process has not got as an answer did not happen, or happened whole.

Approvals: one row is written with the intent to approve, and is taken back when the entry is deferred, or closed with
``approved=False``. So a rate and a limit of concurrency count what is under way in other workers and replicas as well.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.gate.audit import Record
from services.gate.payload import Delivery


class State(enum.StrEnum):
    """Where a delivery stands."""

    RECEIVED = "received"
    DEFERRED = "deferred"
    DECIDING = "deciding"
    SETTLED = "settled"
    IGNORED = "ignored"
    DEAD = "dead"


OPEN = (State.RECEIVED, State.DEFERRED, State.DECIDING)


@dataclass(frozen=True)
class Entry:
    """A delivery in the inbox. ``key`` is what is decided at once: App, repository, run, environment (`key_of`).

    ``attempts`` counts leases, ``failures`` those in a row that ended with an error, ``notes`` what was said to GitHub
    without deciding, ``said`` is the last word about it. ``intent`` is the record (JSON) of the decision that is under
    way, else empty. ``worker`` holds it until ``leased_until``. ``ended`` is when it was closed. The body of one that
    is closed is empty, unless it is dead.
    """

    number: int
    delivery: Delivery
    state: State
    attempts: int = 0
    not_before: float = 0.0
    key: str = ""
    deployment: str = ""
    intent: str = ""
    failures: int = 0
    notes: int = 0
    said: str = ""
    worker: str = ""
    leased_until: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True)
class Approval:
    """What the gate has approved, or is about to. ``deployments`` are those that the one answer was for."""

    entry: int
    time: float
    app: str
    owner: str
    repository: str
    environment: str
    run_id: int
    outcome: str = "approve"
    deployments: tuple[int, ...] = ()
    number: int = 0


@dataclass(frozen=True)
class Override:
    """What a person has set aside for a time. ``repository`` is its name alone; times are seconds since 1970."""

    by: str
    reason: str
    made: float
    expires: float
    app: str
    owner: str
    repository: str
    environment: str
    number: int = 0


def key_of(app: str, full_name: str, run_id: int | None = None, environment: str = "") -> str:
    """Return the key of what is decided at once; without an environment, or a run, what such keys begin with."""
    run = f"{run_id} {environment}" if run_id is not None else ""
    return f"{app} {full_name} {run}".lower()


class Inbox(Protocol):
    """A durable store. Times are seconds since 1970, handed in. Methods may be called from every thread.

    A store that cannot write raises OSError, or the error of its library: whoever called may try again.
    """

    # Deliveries

    def put(self, deliveries: list[Delivery]) -> list[bool]:
        """Store deliveries durably, all or none; tell for each whether its GUID is new to its App."""

    def lease(self, worker: str, now: float, seconds: float) -> Entry | None:
        """Return the entry that is due first and that nobody works on, nor on another one of the same key."""

    def take(self, number: int, worker: str, now: float, seconds: float) -> Entry | None:
        """Lease this one, due or not; None when it is closed, or somebody works on it or on one of its key."""

    def renew(self, worker: str, until: float) -> int:
        """Make every lease of a worker end later; return how many it has."""

    def release(self, worker: str) -> int:
        """End every lease of a worker, and of all whose names begin with its name and a slash; return how many."""

    def label(self, entry: Entry, key: str, deployment: str, now: float) -> bool:
        """Write down what a delivery is about; False when another one of that key is worked on, and this one waits.

        The lease is ended then. A lease of another one that has run out does not count. ``deployment`` is an App's name
        and the id of a deployment, or empty.
        """

    def twin(self, number: int) -> int | None:
        """Return an older entry of this deployment, or of this body; None when this is the first.

        One that was ignored is no twin; a closed one is, until it is pruned.
        """

    def together(self, entry: Entry, now: float) -> list[Entry]:
        """Lease all other open entries of the key of a leased one, for as long as that one, and return them."""

    def intend(
        self, entries: Sequence[Entry], intent: str, approval: Approval | None = None, after: int | None = None
    ) -> bool:
        """Write down the decision before it is sent, with the approval that it will be.

        False when a lease was lost, and when another approval than that of these entries was written after the one with
        the number ``after`` (see `approvals`): what was judged is out of date, and nothing is written.
        """

    def defer(
        self,
        entries: Sequence[Entry],
        until: float,
        said: str,
        records: Sequence[Record] = (),
        failed: bool = False,
        noted: bool = False,
    ) -> bool:
        """Have them judged again at a time, and end the leases; take back their approvals.

        ``failed`` counts a failure more, else none are left; ``noted`` counts a word to GitHub more. One that is
        ``deciding`` keeps that state when it ``failed``: what became of its intent has still to be found out, and its
        approval counts until then.
        """

    def close(
        self,
        entries: Sequence[Entry],
        state: State,
        said: str,
        now: float,
        records: Sequence[Record] = (),
        approved: bool = False,
    ) -> bool:
        """Write down how it ended; without ``approved`` their approvals are taken back. False when a lease was lost."""

    def wake(self, key: str, at: float) -> int:
        """Have every deferred entry whose key begins so judged at that time already; return how many."""

    def reopen(self, number: int, now: float) -> bool:
        """Have a dead entry judged again; False when there is none of that number."""

    def counts(self) -> dict[str, int]:
        """Return how many entries stand in each open state, and how many are dead."""

    def oldest(self) -> float | None:
        """Return when the oldest open entry that is no deferred one was received."""

    def entries(self, states: Sequence[State] = OPEN, limit: int = 1000) -> list[Entry]:
        """Return entries in these states, the oldest first, of closed ones the newest first."""

    def entry(self, which: int | str) -> Entry | None:
        """Return an entry by its number, or the newest one by its GUID."""

    # Records

    def append(self, record: Record) -> Record:
        """Append a record that goes with no change of an entry; return it with number and hash."""

    def records(self, after: int = 0, limit: int = 1000, where: Mapping[str, object] | None = None) -> list[Record]:
        """Return records with a higher number, in order.

        ``where`` names values of the fields ``kind``, ``app``, ``guid``, ``entry``, ``repository`` (a full name),
        ``environment``, ``run_id``, ``outcome``; names are compared whatever the case of their letters.
        """

    def newest(self, limit: int = 50) -> list[Record]:
        """Return the newest records, the newest first."""

    # What the gate remembers

    def approvals(self) -> int:
        """Return the number of the newest approval that was written, 0 before the first."""

    def approved(self, app: str, since: float) -> list[Approval]:
        """Return what was approved since then, and what is about to be, the oldest first."""

    def active(self, app: str) -> list[Approval]:
        """Return those of them that nobody has reported as ended."""

    def ended(self, approval: Approval) -> None:
        """Write down that what was approved has come to its end."""

    def add_override(self, override: Override, record: Record) -> Override:
        """Store an override; return it with its number."""

    def overrides(self, now: float) -> list[Override]:
        """Return those that have not expired, the oldest first."""

    def mark(self, name: str, value: str) -> None:
        """Remember one word under a name, such as how far the recovery has read."""

    def advance(self, name: str, former: str, value: str) -> bool:
        """Remember another word in place of ``former``, or of none; False when it is not what stands there any more."""

    def marks(self) -> dict[str, str]:
        """Return all of them. ``anchor`` is the store's own: the hash that the oldest record follows."""

    def prune(self, before: float, most: int = 1000) -> int:
        """Delete closed entries, ended approvals, overrides and records older than that, ``most`` of each at once.

        Return how many rows went; call again until that is 0. Keep 35 days at least: a delivery that is sent again
        later than that finds nothing pending at GitHub, and until then it has to be known.
        """

    def writable(self) -> None:
        """Raise what a write would raise now."""

    def close_store(self) -> None:
        """Close what is open. Nothing may be called afterwards."""
