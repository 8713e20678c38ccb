# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deliveries: the log of a webhook, and Redelivery: no delivery of it stays lost.

In: a place, a webhook's id, a Redelivery, a client. Out: deliveries as plain data, steps.
Never here: a webhook's configuration, a payload in a result.

GitHub repeats nothing by itself (E4). Its log keeps three days, of an Enterprise Server seven. A redelivery keeps the
GUID, so what was lost is told by GUID: no attempt of it was answered with success.
"""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import Change, Step
from .client import Client, GitHubFailure
from .hooks import Place, check_address, find_hook

WINDOW = 3 * 24 * 3600.0
_POLLS = (0.3, 0.5, 1.0, 2.0)
_LISTED = 10


@dataclass(frozen=True)
class Redelivery:
    """No delivery of a webhook that GitHub still has in its log should stay lost.

    ``window`` (seconds) is how far to look back. ``events`` limits to these. ``newest_push`` leaves out a push whose
    branch was pushed to again later, which costs a request for each push. ``timeout`` (seconds) is how long to wait for
    the answers, 0 for not at all. Raises Failure(invalid).
    """

    place: Place
    url: str = ""
    path_pattern: str | None = None
    window: float = WINDOW
    events: tuple[str, ...] = ()
    newest_push: bool = False
    timeout: float = 60.0
    present: bool = True

    def __post_init__(self) -> None:
        if not self.place.is_app:
            if not self.url:
                raise invalid("The webhook", "its url is missing", "Say whose deliveries are meant")
            check_address(self.url)
        if self.window <= 0 or self.timeout < 0:
            raise invalid("The window of the redelivery", "it is not above 0")

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Redelivery:
        """Return what a module's params ask for."""
        return cls(
            place=Place.from_params(params),
            url=params["url"] or "",
            path_pattern=params["path_pattern"],
            window=params["window"] * 3600.0,
            events=tuple(params["events"] or ()),
            newest_push=params["newest_push"],
            timeout=float(params["wait_timeout"]) if params["wait"] else 0.0,
        )

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "github"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Lost deliveries of {self.place.words} {self.url}".rstrip()


@dataclass(frozen=True)
class Attempt:
    """What ``perform`` needs: where the webhook is, and the deliveries to send again or to wait for."""

    of: Redelivery
    hook_path: str
    deliveries: tuple[dict[str, t.Any], ...]


def log(
    client: Client,
    place: Place,
    hook_path: str,
    *,
    since: float | None = None,
    most: int | None = None,
    level: str = "write",
) -> list[dict[str, t.Any]]:
    """Return the deliveries of a webhook, the newest first, back to a time (seconds since 1970) or to a number."""
    found: list[dict[str, t.Any]] = []
    path = f"{hook_path}/deliveries"
    for item in client.pages(path, place.needs(level), tried="Reading the deliveries of", on=place.words):
        if since is not None and moment(item.get("delivered_at")) < since:
            break
        found.append(item)
        if most is not None and len(found) >= most:
            break
    return found


def moment(text: t.Any) -> float:
    """Return a time that GitHub wrote as seconds since 1970, 0 for nothing."""
    try:
        return datetime.datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def succeeded(delivery: dict[str, t.Any]) -> bool:
    """Tell whether a delivery was answered with success. GitHub's own filter misses those without any answer."""
    code = delivery.get("status_code")
    return isinstance(code, int) and 200 <= code < 400


def describe(delivery: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return what results show of a delivery."""
    names = ("id", "guid", "event", "action", "status", "status_code", "duration", "delivered_at", "redelivery")
    return {name: delivery.get(name) for name in names}


def plan(client: Client, desired: Redelivery) -> tuple[list[Step], t.Any]:
    """Return a step for each lost delivery, the oldest first, and one that waits for their answers."""
    path = _hook_path(client, desired)
    entries = log(client, desired.place, path, since=client.runtime.now() - desired.window)
    lost = _lost(entries)
    if desired.events:
        lost = [item for item in lost if item.get("event") in desired.events]
    if desired.newest_push:
        lost = _without_superseded(client, desired, path, entries, lost)
    steps = [
        Step(
            "github",
            "redeliver",
            f"Delivery {item['guid']} ({item.get('event')})",
            Attempt(desired, path, (item,)),
            Change({"status_code": item.get("status_code"), "status": item.get("status")}, {"redelivered": True}),
            rank=position,
        )
        for position, item in enumerate(lost)
    ]
    if steps and desired.timeout:
        waited = Attempt(desired, path, tuple(lost))
        condition = "answered with success"
        steps.append(Step("github", "wait", desired.title, waited, rank=len(steps), condition=condition))
    return steps, {"redelivered": [describe(item) for item in lost], "seen": len({item["guid"] for item in entries})}


def perform(client: Client, step: Step) -> None:
    """Do one step."""
    attempt: Attempt = step.desired
    if step.verb == "wait":
        return _wait(client, attempt)
    place, delivery = attempt.of.place, attempt.deliveries[0]

    def look() -> t.Any:
        """Return the newer delivery of that GUID when an unanswered request was heard."""
        entries = log(client, place, attempt.hook_path, since=moment(delivery.get("delivered_at")))
        newest = next((item for item in entries if item["guid"] == delivery["guid"]), delivery)
        return newest if newest["id"] != delivery["id"] else None

    path = f"{attempt.hook_path}/deliveries/{delivery['id']}/attempts"
    client.post(path, place.needs(), look=look, tried="Redelivering the", on=step.target)
    return None


def _hook_path(client: Client, desired: Redelivery) -> str:
    if desired.place.is_app:
        client.require_app()
        return desired.place.path
    hook = find_hook(client, desired.place, desired.url, desired.path_pattern)
    if hook is None:
        raise Failure(
            Kind.MISSING,
            tried="Looking for the webhook",
            on=f"{desired.url} of {desired.place.words}",
            said="there is none with that address",
            remedy="Create it with github_webhook, or check url",
        )
    return desired.place.one(hook["id"])


def _lost(entries: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return the newest attempt of each GUID without a success, the oldest GUID first, as the log has them."""
    newest: dict[str, dict[str, t.Any]] = {}
    done: set[str] = set()
    for item in entries:
        newest.setdefault(str(item["guid"]), item)
        if succeeded(item):
            done.add(str(item["guid"]))
    return [newest[guid] for guid in _by_age(entries) if guid not in done]


def _by_age(entries: list[dict[str, t.Any]]) -> list[str]:
    """Return the GUIDs of a log, in the order of their first attempts."""
    return list(dict.fromkeys(str(item["guid"]) for item in reversed(entries)))


def _without_superseded(
    client: Client,
    desired: Redelivery,
    path: str,
    entries: list[dict[str, t.Any]],
    lost: list[dict[str, t.Any]],
) -> list[dict[str, t.Any]]:
    """Return the lost deliveries without pushes to a ref that was pushed to again later, lost or not."""
    pushes = {str(item["guid"]) for item in lost if item.get("event") == "push"}
    if not pushes:
        return lost
    order = _by_age(entries)
    items = {str(item["guid"]): item for item in entries if item.get("event") == "push"}
    refs: dict[str, tuple[t.Any, ...]] = {}
    latest: dict[tuple[t.Any, ...], str] = {}
    for guid in order[min(order.index(guid) for guid in pushes) :]:
        if guid in items:
            refs[guid] = _ref_of(client, desired, path, items[guid])
            latest[refs[guid]] = guid
    superseded = {guid for guid in pushes if latest[refs[guid]] != guid}
    return [item for item in lost if item["guid"] not in superseded]


def _ref_of(client: Client, desired: Redelivery, path: str, item: dict[str, t.Any]) -> tuple[t.Any, ...]:
    """Return repository and ref of a push; one whose payload does not tell them stands alone."""
    tried = "Reading a delivery of"
    found = client.get(f"{path}/deliveries/{item['id']}", desired.place.needs(), tried=tried, on=desired.place.words)
    payload = (found.get("request") or {}).get("payload") or {}
    ref = payload.get("ref")
    return (item.get("repository_id"), ref) if ref else (item["guid"],)


def _wait(client: Client, attempt: Attempt) -> None:
    """Wait until every delivery was answered with success. Raises Failure with those that were not."""
    desired = attempt.of
    wanted = {str(item["guid"]): item["id"] for item in attempt.deliveries}
    since = min(moment(item.get("delivered_at")) for item in attempt.deliveries)
    client.runtime.progress(f"waiting for the answers to {len(wanted)} redeliveries")
    deadline = client.runtime.now() + desired.timeout
    for delay in polls():
        entries = log(client, desired.place, attempt.hook_path, since=since)
        newest = {str(item["guid"]): item for item in reversed(entries)}
        answers = {guid: newest[guid] for guid in wanted if guid in newest and newest[guid]["id"] != wanted[guid]}
        left = [guid for guid in wanted if guid not in answers]
        if not left:
            failed = [item for item in answers.values() if not succeeded(item)]
            if failed:
                raise _still_lost(desired, failed)
            return
        if client.runtime.now() + delay > deadline:
            raise GitHubFailure(
                Kind.TIMEOUT,
                tried="Waiting for the answers to",
                on=f"{len(left)} redeliveries of {desired.place.words}",
                said=f"none within {desired.timeout:.0f} s",
                remedy="Run it again later: what was answered is not sent again",
            )
        client.sleep(delay)


def _still_lost(desired: Redelivery, failed: list[dict[str, t.Any]]) -> Failure:
    shown = ", ".join(f"{item['guid']} ({item.get('status_code')} {item.get('status')})" for item in failed[:_LISTED])
    return GitHubFailure(
        Kind.BROKEN,
        tried="Redelivering",
        on=f"{len(failed)} deliveries of {desired.place.words}",
        said=f"they failed again: {shown}"[:500],
        remedy="Repair what answers at the webhook's address, then run it again",
    )


def polls() -> t.Iterator[float]:
    """Yield the seconds between two looks into a log: short ones first."""
    yield from _POLLS
    while True:
        yield _POLLS[-1]
