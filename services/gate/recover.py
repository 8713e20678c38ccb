"""Finds what did not arrive: the delivery log of GitHub is read back to where the last look ended, then runs that wait.

In: GitHub's log of an App's webhook, its runs. Out: deliveries in the inbox, as if they had been received. Never here:
a decision, a request that needs the edge.

GitHub repeats no delivery by itself (E4), but it keeps each in a log for days, with its payload: what nobody answered
with success is taken from there. A look goes back a little farther than where the last one ended, since a delivery
appears in the log when it has ended and not when it began; the inbox knows what it has by the GUID. What fell out of
the log is found by `sweep`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import Step
from ansible_collections.aphex.platform.plugins.module_utils._github import delivery as log
from ansible_collections.aphex.platform.plugins.module_utils._github.client import AS_APP, Client
from ansible_collections.aphex.platform.plugins.module_utils._github.hooks import Place
from services.gate import sweep
from services.gate.audit import Record
from services.gate.config import App
from services.gate.inbox import OPEN, Entry, Inbox, State, key_of
from services.gate.payload import EVENT, Delivery, Ignored, Malformed, parse

INGEST, REDELIVER = "ingest", "redeliver"
LOG, SWEEP = "log", "sweep"
HEEDED = (EVENT, "deployment_review", "installation", "installation_repositories")
"""What is worth looking for: requests, the words of people, and rights that were mended. The rest only hurries."""
WINDOW = 7 * 24 * 3600.0
"""How far the first look goes back: GitHub keeps three days, an Enterprise Server seven."""
OVERLAP = 600.0
SWEEP_EVERY = 3600.0
"""A sweep asks each repository, and is for what three days of log did not show."""
MOST = 15_000
"""Lines of a log that one look reads. What lies behind them is for the sweep."""
NO_SECRET = -1
"""In place of the secret that had signed it: GitHub itself was asked."""
_MOST_KNOWN = 2000

_LOG = logging.getLogger("gate.recover")
_APP_HOOK = Place()
_READING = "Reading the deliveries of"


def _nobody(app: str, source: str, count: int) -> None:
    """Tell nobody what was found."""


@dataclass
class Recovery:
    """Looks for what is missing, for every App whose key is here. ``clock`` answers seconds since 1970.

    ``mode`` is `INGEST`, or `REDELIVER`: GitHub is asked to send it again, once, and what is lost again is ingested.
    ``found`` is told how many were found, of which App and where.
    """

    inbox: Inbox
    apps: Mapping[str, App]
    clients: Callable[[App], Client]
    clock: Callable[[], float]
    mode: str = INGEST
    found: Callable[[str, str, int], None] = _nobody
    _swept: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Look once, into the log of each App, and for its waiting runs when that is due. What fails is logged."""
        for app in self.apps.values():
            if app.key_file is None:
                continue
            self._try(app, LOG, self._read_log)
            if self.clock() - self._swept.get(app.name, 0.0) >= SWEEP_EVERY:
                self._try(app, SWEEP, self._sweep)

    def _try(self, app: App, source: str, look: Callable[[App], int]) -> None:
        try:
            count = look(app)
        except Failure as failure:
            # The next look begins where this one did.
            _LOG.warning("looking for what is missing of %s: %s", app.name, failure.sentence())
            return
        if count:
            _LOG.info("found %d requests of %s that had not arrived (%s)", count, app.name, source)
            self.found(app.name, source, count)

    # The log

    def _read_log(self, app: App) -> int:
        client, mark = self.clients(app), f"{LOG} {app.name}"
        last = float(self.inbox.marks().get(mark, "0"))
        seen = _Seen()
        for item in _items(client, max(last - OVERLAP, self.clock() - WINDOW)):
            seen.note(item)
        lost = [item for item in seen.lost() if not self._has(app, str(item["guid"]))]
        # The oldest first: a look that is broken off has then done what is most urgent.
        done = [self._recovered(app, client, item) for item in reversed(lost)]
        if seen.newest > last and None not in done:
            self.inbox.mark(mark, repr(seen.newest))
        return sum(map(bool, done))

    def _recovered(self, app: App, client: Client, item: dict[str, Any]) -> bool | None:
        """Return whether one was found, None when the next look has to try it again. Raises Failure(busy)."""
        try:
            return self._recover(app, client, item)
        except Failure as failure:
            if failure.kind is Kind.BUSY:
                raise
            # It keeps no other from being found.
            _LOG.warning("delivery %s of %s: %s", item.get("guid"), app.name, failure.sentence())
            return None

    def _has(self, app: App, guid: str) -> bool:
        entry = self.inbox.entry(guid)
        return entry is not None and entry.delivery.app == app.name

    def _recover(self, app: App, client: Client, item: dict[str, Any]) -> bool:
        if self.mode == REDELIVER and not item.get("redelivery"):
            self._redeliver(client, item)
            return True
        whole = self._fetch(client, item)
        request = whole.get("request") if whole else None
        payload = request.get("payload") if isinstance(request, dict) else None
        if payload is None:
            return False
        # GitHub shows the payload parsed, or as text when it could not: both are JSON again.
        text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
        found = Delivery(
            guid=str(item["guid"]),
            event=str(item["event"]),
            body=text.encode(),
            app=app.name,
            secret=NO_SECRET,
            # When it was sent: what is asked for has a deadline, and has waited since then.
            received=log.moment(item.get("delivered_at")) or self.clock(),
        )
        return self._put(found, f"GitHub's log says: {item.get('status_code')} {item.get('status')}")

    def _fetch(self, client: Client, item: dict[str, Any]) -> dict[str, Any] | None:
        """Return a delivery with its payload, None for one that has left the log in this moment."""
        try:
            found = client.get(f"{_APP_HOOK.path}/deliveries/{item['id']}", AS_APP, tried=_READING, on=_APP_HOOK.words)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise
            return None
        return found if isinstance(found, dict) else None

    def _redeliver(self, client: Client, item: dict[str, Any]) -> None:
        again = log.Attempt(log.Redelivery(place=_APP_HOOK), _APP_HOOK.path, (item,))
        log.perform(client, Step("github", "redeliver", f"delivery {item['guid']}", again))

    # Runs that wait

    def _sweep(self, app: App) -> int:
        begun, count = self.clock(), 0
        # What is dead needs people: found again each hour, it would only die again.
        known = self.inbox.entries((*OPEN, State.DEAD), _MOST_KNOWN)
        keys = {_key(entry, app) for entry in known if entry.delivery.app == app.name}
        for waiting in sweep.waiting(self.clients(app), app.name, keys, begun):
            found = Delivery(
                guid=waiting.guid,
                event=EVENT,
                body=json.dumps(waiting.payload, separators=(",", ":")).encode(),
                app=app.name,
                secret=NO_SECRET,
                received=waiting.since or begun,
            )
            count += self._put(found, "the run waits, and no delivery of it is known")
        self._swept[app.name] = begun
        return count

    def _put(self, found: Delivery, why: str) -> bool:
        [new] = self.inbox.put([found])
        if new:
            record = Record(kind="recovered", time=self.clock(), app=found.app, guid=found.guid, reasons=(why,))
            self.inbox.append(record)
        return new


@dataclass
class _Seen:
    """What a part of a log says of each GUID. Of several attempts the newest is kept, and one success is enough."""

    newest: float = 0.0
    _open: dict[str, dict[str, Any]] = field(default_factory=dict)
    _arrived: set[str] = field(default_factory=set)

    def note(self, item: dict[str, Any]) -> None:
        """Take a line; they come the newest first."""
        self.newest = max(self.newest, log.moment(item.get("delivered_at")))
        guid = str(item.get("guid"))
        if item.get("event") not in HEEDED or guid in self._arrived:
            return
        if log.succeeded(item):
            self._arrived.add(guid)
            self._open.pop(guid, None)
        else:
            self._open.setdefault(guid, item)

    def lost(self) -> list[dict[str, Any]]:
        """Return the newest attempt of each GUID without a success, the newest first."""
        return list(self._open.values())


def _key(entry: Entry, app: App) -> str:
    """Return the key of an entry, also of one that nobody has looked at yet; nothing for what asks for no decision."""
    if entry.key:
        return entry.key
    try:
        pending = parse(entry.delivery, app.api_url)
    except (Ignored, Malformed):
        return ""
    return key_of(app.name, pending.full_name, pending.run_id, pending.environment)


def _items(client: Client, since: float) -> Iterator[dict[str, Any]]:
    """Yield the lines of the log back to a time, the newest first, and never more than `MOST`."""
    lines = client.pages(f"{_APP_HOOK.path}/deliveries", AS_APP, tried=_READING, on=_APP_HOOK.words)
    for number, item in enumerate(lines):
        if log.moment(item.get("delivered_at")) < since:
            return
        if number >= MOST:
            _LOG.warning("the delivery log has more than %d lines since the last look; the sweep does the rest", MOST)
            return
        yield item
