"""From a lease to a decision: the way of one delivery.

In: the inbox, the policy, connections. Out: what came of it, in the inbox. Never here: what a policy means, a wait.

A worker never sleeps for GitHub: what has to wait is written down with its time, and the next entry is taken. An
unclear answer leaves the entry ``deciding``: whether the decision was heard is looked up before anything else is done.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind, invalid
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import Verdict
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import ACTIVE, APPROVED, Facts
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy
from ansible_collections.aphex.platform.plugins.module_utils._github.answers import NO_APP
from ansible_collections.aphex.platform.plugins.module_utils._github.client import Client, GitHubFailure
from services.gate import audit, decide, gather
from services.gate.audit import Record
from services.gate.case import Case
from services.gate.config import App
from services.gate.decide import Decision
from services.gate.governor import Governor
from services.gate.inbox import Entry, Inbox, State, key_of
from services.gate.payload import EVENT, Ignored, Malformed, Signal, parse, signal

LEASE = 60.0
READ_TIMEOUT = 10.0
BACKOFF = Backoff(attempts=3, first=0.25, longest=1.0, total=3.0)
"""For the clients of a gate: what takes longer than that waits in the store, and not in a worker."""
LONGEST_WAIT = timedelta(days=30)
"""GitHub fails a job that has waited for so long: nothing of it can be decided any more."""

_LOG = logging.getLogger("gate.worker")
_RETRY = (5.0, 15.0, 60.0, 300.0, 900.0)
_MOST_REFUSED = 6  # attempts with a token that GitHub does not take, or against what it says itself
_MOST_TRIES = 5  # judgements in a row that others' approvals have made out of date
_SETTLE = 2.0  # seconds: checks end in swarms, and one look is enough for all of them
_UNINSTALLED = "not installed there"
_APPROVES = (evaluate.APPROVE, evaluate.ABSTAIN)


def _nobody(record: Record) -> None:
    """Tell nobody what was written down."""


@dataclass
class Worker:
    """Takes up what is due. ``clock`` answers seconds since 1970; ``policy`` answers the policy of now.

    ``name`` is the process's and, behind a slash, the thread's own. ``told`` hears of every record once it is stored.
    All workers of a process share one ``governor``.
    """

    name: str
    inbox: Inbox
    apps: Mapping[str, App]
    clients: Callable[[App], Client]
    policy: Callable[[], Policy]
    clock: Callable[[], float]
    governor: Governor = field(default_factory=Governor)
    told: Callable[[Record], None] = _nobody
    lease: float = LEASE

    def run_once(self) -> bool:
        """Work on one entry; False when nothing is due."""
        entry = self.inbox.lease(self.name, self.clock(), self.lease)
        if entry is None:
            return False
        app = self.apps.get(entry.delivery.app)
        if app is None:
            reason = f"no App {entry.delivery.app} is configured any more"
            self._end(Case.bare(entry), State.DEAD, audit.DEAD, reason)
        elif entry.delivery.event == EVENT:
            self._decide_one(entry, app)
        else:
            self._heed(entry, signal(entry.delivery))
        return True

    def by_hand(self, number: int, outcome: str, actor: str, reason: str) -> Decision:
        """Decide an open entry in a person's name, whatever the policy says. Raises Failure."""
        if outcome not in (evaluate.APPROVE, evaluate.REJECT):
            raise invalid(f"The decision {outcome[:40]!r}", "a person approves or rejects")
        entry = self.inbox.take(number, self.name, self.clock(), self.lease)
        if entry is None:
            said = "it is not open, or somebody works on it"
            raise Failure(Kind.BUSY, tried="Deciding entry", on=str(number), said=said, remedy="Look at it again")
        try:
            done = self._by_hand(entry, Verdict(outcome, "", (f"{actor}: {reason}",)), actor)
        except (Failure, Ignored, Malformed) as error:
            # Whether it was heard may not be known: that is found out by who takes it up next.
            self.inbox.defer([entry], self.clock(), entry.said, failed=True)
            if isinstance(error, Failure):
                raise
            raise invalid(f"The delivery of entry {number}", str(error)) from error
        if done is None:
            raise Failure(Kind.BUSY, tried="Deciding entry", on=str(number), said="somebody else works on it")
        return done

    def _by_hand(self, entry: Entry, verdict: Verdict, actor: str) -> Decision | None:
        case = self._case(entry, self.apps[entry.delivery.app])
        if not self.inbox.label(entry, case.key, case.deployment, self.clock()):
            return None
        case.take(self.inbox.together(entry, self.clock()))
        record = case.record(audit.MANUAL, self.clock(), verdict=verdict, actor=actor)
        return self._perform(case, verdict, record, None)

    # The way of a request

    def _decide_one(self, entry: Entry, app: App) -> None:
        case = Case.bare(entry)
        try:
            case = self._case(entry, app)
            if entry.state is State.RECEIVED:
                self._sort_in(case)
            else:
                self._on_time(case)
        except Ignored as reason:
            self._end(case, State.IGNORED, audit.IGNORED, str(reason))
        except Malformed as reason:
            self._end(case, State.DEAD, audit.DEAD, str(reason))
        except Failure as failure:
            self._failed(case, failure)
        except Exception as error:
            # What fails again and again is for people, and must not keep a worker busy for ever.
            self._refused(case, self.clock(), f"a defect of the gate ({type(error).__name__}), see its log")
            raise

    def _sort_in(self, case: Case) -> None:
        """Write down what a new delivery is about, and put it back: what is new is read before anything is judged.

        So all jobs of a run that came together are known when the first of them is judged, and get one answer (E10).
        """
        entry, now = case.entry, self.clock()
        if not self.inbox.label(entry, case.key, case.deployment, now):
            return
        twin = self.inbox.twin(entry.number)
        if twin is not None:
            self._end(case, State.SETTLED, audit.SETTLED, f"the same as entry {twin}")
        else:
            self.inbox.defer([entry], now, "")

    def _case(self, entry: Entry, app: App) -> Case:
        """Return what a delivery asks for. Raises Ignored, or Malformed."""
        pending = parse(entry.delivery, app.api_url)
        touched = pending.updated_at or entry.delivery.received
        if entry.delivery.received - touched > LONGEST_WAIT.total_seconds():
            raise Ignored(f"it is older than {LONGEST_WAIT.days} days, and GitHub has ended it (E3)")
        key = key_of(app.name, pending.full_name, pending.run_id, pending.environment)
        of = f"{app.name} {pending.deployment_id}" if pending.deployment_id else ""
        return Case(entry, app, pending, key, of, audit.Redaction(app.secrets))

    def _on_time(self, case: Case) -> None:
        """Judge it, unless its installation has to rest."""
        now = self.clock()
        rest = self.governor.rest(case.whose, now)
        if rest > 0:
            # What is under way stays so: whether it was heard can only be asked later.
            self.inbox.defer([case.entry], now + rest, case.entry.said, failed=case.entry.state is State.DECIDING)
            return
        client = self.clients(case.app)
        case.take(self.inbox.together(case.entry, now))
        if case.entry.state is State.DECIDING and self._found_out(case, client):
            return
        for _attempt in range(_MOST_TRIES):
            if self.inbox.renew(self.name, self.clock() + self.lease) == 0:
                # It took so long that somebody else has it: their word counts.
                return
            if self._judge(case, client):
                return
        self.inbox.defer(case.group, self.clock() + _SETTLE, "others were approved while it was judged")

    def _found_out(self, case: Case, client: Client) -> bool:
        """Settle a decision whose worker has ended; False when GitHub has not heard it, and it is judged anew."""
        intended = audit.decode(case.entry.intent)
        decision = decide.found_out(client, case.pending, intended.outcome)
        if decision is None:
            return False
        self._settle(case, intended, decision, "found out after an interruption: ")
        return True

    def _judge(self, case: Case, client: Client) -> bool:
        """Judge once and do as the verdict says; False when what it was judged by is out of date."""
        policy, moment = self.policy(), datetime.fromtimestamp(self.clock(), UTC)
        selection = evaluate.select(policy, case.pending, moment)
        # What is approved from here on was not seen by the look-ups.
        before = self.inbox.approvals() if {ACTIVE, APPROVED} & set(selection.needs) else None
        own = frozenset(entry.number for entry in case.group)
        sources = gather.Sources(client, self.inbox, case.app.name, moment.timestamp(), own)
        try:
            facts = gather.gather(sources, case.pending, selection.needs)
        except Failure as failure:
            if not self._overdue(case, policy):
                raise
            facts, verdict = Facts(case.pending), _too_late(policy, failure)
        else:
            verdict = evaluate.evaluate(policy, selection, facts, moment)
        # Those that came meanwhile wait for the same answer, and one POST is for all that wait (E10).
        case.take(self.inbox.together(case.entry, self.clock()))
        if verdict.outcome == evaluate.DEFER:
            self._wait(case, client, verdict, facts)
            return True
        record = case.record(audit.DECIDED, self.clock(), verdict=verdict, facts=facts)
        return self._perform(case, verdict, record, before, client) is not None

    def _overdue(self, case: Case, policy: Policy) -> bool:
        begun = case.pending.begun
        return begun is not None and self.clock() >= begun + policy.defaults.max_defer.total_seconds()

    def _wait(self, case: Case, client: Client, verdict: Verdict, facts: Facts) -> None:
        """Have it judged again, and say why; who has waited before is asked for, since people may have ended it."""
        said = case.mask("; ".join((verdict.rule, *verdict.reasons)))
        until = verdict.until.timestamp() if verdict.until else self.clock() + _RETRY[-1]
        same = said == case.entry.said
        waits = True
        noted = False
        if not same and case.entry.notes < decide.MOST_NOTES:
            waits, noted = self._note(case, client, verdict), True
        elif case.entry.state is State.DEFERRED:
            waits = decide.waits(client, case.pending)
        if not waits:
            self._elsewhere(case)
            return
        records = [] if same else [case.record(audit.DEFERRED, self.clock(), verdict=verdict, facts=facts)]
        self._store(functools.partial(self.inbox.defer, case.group, until, said, noted=noted), records)

    def _note(self, case: Case, client: Client, verdict: Verdict) -> bool:
        """Say why it waits; False when nothing waits any more. That nobody hears it changes nothing else."""
        now = self.clock()
        try:
            with self.governor.writing(case.whose, now):
                return decide.note(client, case.pending, decide.comment(verdict, case.mask))
        except Failure as failure:
            if failure.kind is Kind.BUSY:
                self.governor.limited(case.whose, now + (failure.retry_after or _RETRY[0]))
            _LOG.warning("the comment on %s was not taken: %s", case.title, case.mask(failure.sentence()))
            return True

    def _perform(
        self, case: Case, verdict: Verdict, record: Record, before: int | None, client: Client | None = None
    ) -> Decision | None:
        """Decide, once the intent is on the disk; None when that was refused: nothing was sent."""
        approval = case.approval(verdict, self.clock()) if verdict.outcome in _APPROVES else None
        self.inbox.renew(self.name, self.clock() + self.lease)
        if not self.inbox.intend(case.group, audit.encode(record).decode(), approval, before):
            return None
        connected = client or self.clients(case.app)
        with self.governor.writing(case.whose, self.clock()):
            decision = decide.decide(connected, case.pending, verdict, decide.comment(verdict, case.mask))
        self.governor.answered(case.whose)
        self._settle(case, record, decision)
        return decision

    # How it ends

    def _settle(self, case: Case, record: Record, decision: Decision, how: str = "") -> None:
        """Write down a decision, for all that GitHub took it for."""
        if not decision.heard or (decision.again and self._earlier(case) is not None):
            self._elsewhere(case)
            return
        answer = f"{how}{decision.state}" + (", as GitHub had it already" if decision.again else "")
        _LOG.info("%s: %s", case.title, answer)
        now = self.clock()
        first = case.mask_record(record, time=now, answer=answer)
        others = [case.follower(entry, now, answer) for entry in case.group[1:]]
        close = functools.partial(
            self.inbox.close, case.group, State.SETTLED, answer, now, approved=record.outcome in _APPROVES
        )
        self._store(close, [first, *others])

    def _elsewhere(self, case: Case) -> None:
        earlier = self._earlier(case)
        how = "it was settled elsewhere" if earlier is None else f"entry {earlier} of this run was answered before"
        self._end(case, State.SETTLED, audit.SETTLED, f"our rule waits for nothing there any more: {how}")

    def _earlier(self, case: Case) -> int | None:
        """Return the last entry of this run and environment that was decided; one answer is for all that wait (E10)."""
        where = {
            "app": case.app.name,
            "repository": case.pending.full_name,
            "run_id": case.pending.run_id,
            "environment": case.pending.environment,
        }
        own = {entry.number for entry in case.group}
        found = [
            record.entry
            for record in self.inbox.records(where=where)
            if record.kind in (audit.DECIDED, audit.MANUAL) and record.entry not in own
        ]
        return found[-1] if found else None

    def _end(self, case: Case, state: State, kind: str, reason: str) -> None:
        """Close all that a case is about, with a reason that people can read."""
        now, said = self.clock(), case.mask(reason)
        _LOG.log(logging.WARNING if state is State.DEAD else logging.INFO, "%s: %s: %s", case.title, kind, said)
        records = [case.of(entry).record(kind, now, reasons=(said,)) for entry in case.group]
        self._store(functools.partial(self.inbox.close, case.group, state, said, now), records)

    def _store(self, change: Callable[..., bool], records: Sequence[Record]) -> None:
        """Make a change with its records, and tell of them; a lost lease makes none."""
        if not change(records=records):
            _LOG.warning("a lease of %s was lost: another worker goes on with it", self.name)
            return
        for record in records:
            self.told(record)

    # What goes wrong

    def _failed(self, case: Case, failure: Failure) -> None:
        """Try again later what may succeed then; the rest needs people (2.2)."""
        now, said = self.clock(), case.mask(failure.sentence())
        if failure.kind is Kind.BUSY:
            rest = failure.retry_after or _RETRY[0]
            self.governor.limited(case.whose, now + rest)
            self._again(case, now + rest, said)
        elif failure.kind in (Kind.TIMEOUT, Kind.BROKEN):
            self.governor.troubled(case.whose, now)
            self._again(case, now + self._pause(case), said)
        elif isinstance(failure, GitHubFailure) and failure.again:
            # Two reviews at once: GitHub may have heard this one.
            self._again(case, now + self._pause(case), said)
        elif failure.kind is Kind.CONFLICT:
            self._contradicted(case, now, said)
        elif _is_gone(failure):
            self._end(case, State.SETTLED, audit.SETTLED, f"it is gone: {said}")
        elif failure.status in (None, 401) or failure.said == NO_APP:
            # A key that cannot be read, a token or an App that GitHub does not know: mended soon, or by people.
            self._refused(case, now, said)
        else:
            self._end(case, State.DEAD, audit.DEAD, said)

    def _again(self, case: Case, at: float, said: str) -> None:
        begun = case.pending.begun if case.known else None
        if begun is not None and self.clock() - begun > LONGEST_WAIT.total_seconds():
            self._end(case, State.DEAD, audit.DEAD, f"GitHub has ended it before it could be answered: {said}")
            return
        records = [case.record(audit.DEFERRED, self.clock(), reasons=(said,))] if said != case.entry.said else []
        self._store(functools.partial(self.inbox.defer, case.group, at, said, failed=True), records)

    def _refused(self, case: Case, now: float, said: str) -> None:
        if case.entry.failures + 1 >= _MOST_REFUSED:
            self._end(case, State.DEAD, audit.DEAD, said)
        else:
            self._again(case, now + self._pause(case), said)

    def _contradicted(self, case: Case, now: float, said: str) -> None:
        """GitHub shows that the environment waits, and says that our rule does not: it may not know itself yet."""
        if case.entry.failures + 1 >= _MOST_REFUSED:
            self._elsewhere(case)
        else:
            self._again(case, now + self._pause(case), said)

    def _pause(self, case: Case) -> float:
        return _RETRY[min(case.entry.failures, len(_RETRY) - 1)]

    # Other events

    def _heed(self, entry: Entry, news: Signal | None) -> None:
        """Wake what may have waited for that."""
        app, now = entry.delivery.app, self.clock()
        if news is None:
            said = f"the event {entry.delivery.event[:80]} asks for no decision"
        elif news.mended:
            begins = f"{app} {news.owner}/".lower()
            count = sum(self.inbox.reopen(dead.number, now) for dead in self._dead_of(begins))
            # What waits may do so for a fact that the App had no right to look up.
            count += self.inbox.wake(begins, now)
            said = f"{count} entries are judged again"
        else:
            count = self.inbox.wake(key_of(app, news.repository, news.run_id), now + _SETTLE)
            said = f"{count} entries are judged again"
        self.inbox.close([entry], State.IGNORED, said, now)

    def _dead_of(self, begins: str) -> list[Entry]:
        return [entry for entry in self.inbox.entries((State.DEAD,)) if entry.key.startswith(begins)]


def _is_gone(failure: Failure) -> bool:
    """Tell whether there is nothing to decide any more: the run was deleted, or the App is not installed there."""
    if failure.kind is not Kind.MISSING or failure.said == NO_APP:
        return False
    return failure.status == 404 or _UNINSTALLED in failure.said


def _too_late(policy: Policy, failure: Failure) -> Verdict:
    """Return the verdict on what could not be found out by its deadline: what is not known lets nothing through."""
    said = f"it has waited for longer than {policy.defaults.max_defer.days} days, and was never found out"
    return Verdict(evaluate.REJECT, "", (said, failure.sentence()), digest=policy.digest, unknown=True)
