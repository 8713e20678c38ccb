# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof: a webhook was pinged, and what stands at its address answered with success.

In: a Proof and a client. Out: a step that pings and waits, the delivery as plain data.
Never here: a webhook's configuration, a claim that an answer proves more than it does (a listener of Tekton answers
202 to everything, P6: who needs more looks at what the delivery brought about).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid, known
from .._core.plan import Step
from .client import Client, GitHubFailure
from .delivery import describe, log, moment, polls, succeeded
from .hooks import find_hook
from .webhook import Webhook
from .webhook import plan as plan_webhook

_OWN_PING = 3.0  # seconds in which the ping that GitHub sends to a new webhook is in its log
_RECENT = 3 * 24 * 3600.0
_LOOKED_AT = 50
# Seconds between the pings of a patient proof: few, since GitHub counts each as a write.
_PAUSES = (1.0, 2.0, 4.0, 8.0, *(15.0,) * 40)

_REMEDIES = {
    401: "What answers there has another secret: give both the same",
    403: "Something on the way refuses GitHub, such as a bot rule or an allow list",
    404: "Nothing answers on that path: check the address",
    502: "The tunnel reaches no service: check its rule and the service behind it",
    503: "The service behind the address is not ready",
    530: "The tunnel is not connected: check its connector",
}


@dataclass(frozen=True)
class Proof:
    """The webhook should have been pinged with success since it was last written.

    ``timeout`` is in seconds. ``always`` pings on each run. Else it is pinged when this run writes it, when its last
    delivery failed (GitHub tells that of a repository's webhook), and when an organization's webhook was written within
    the last three days and its log shows no ping since. With ``patient``, a ping that failed is followed by others
    until the time is over, for an address that was only just made. Raises Failure(invalid).
    """

    webhook: Webhook
    timeout: float = 60.0
    always: bool = False
    patient: bool = False
    present: bool = True

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise invalid("The time to wait for the ping", "it is not above 0")

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "github"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Ping of {self.webhook.title}"


def proven(webhook: Webhook, when: str, timeout: float) -> list[Webhook | Proof]:
    """Return a webhook with the proof that is wanted of it: ``changed``, ``always`` or ``never``."""
    if timeout <= 0:
        raise invalid("ping_timeout", "it is not above 0", "Give whole seconds, such as 60")
    return [webhook] if when == "never" else [webhook, Proof(webhook, float(timeout), when == "always")]


@dataclass(frozen=True)
class Ping:
    """What ``perform`` needs: the proof that was asked for, and whether only a ping of its own will do."""

    of: Proof
    fresh: bool


def plan(client: Client, desired: Proof) -> tuple[list[Step], t.Any]:
    """Return the step that pings, if one is needed; and nothing, since only a ping gives a delivery."""
    webhook = desired.webhook
    if not (webhook.present and webhook.active):
        return [], None
    writes = plan_webhook(client, webhook)[0]
    if not (writes or desired.always or _unproven(client, webhook)):
        return [], None
    made = any(write.verb == "create" for write in writes)
    ping = Ping(desired, fresh=desired.always or not made)
    step = Step("github", "ping", desired.title, ping, condition="answered with success")
    return [step], None


def perform(client: Client, step: Step) -> t.Any:
    """Ping and wait for the answer; return the delivery. Raises Failure with what was answered."""
    ping: Ping = step.desired
    desired, webhook = ping.of, ping.of.webhook
    found = find_hook(client, webhook.place, webhook.url, webhook.path_pattern)
    hook = known(found, "a webhook is there before it is pinged")
    path = webhook.place.one(hook["id"])
    earlier = _pings(client, webhook, path)
    delivery = None if ping.fresh else _own_ping(client, webhook, path, earlier)
    deadline = client.runtime.now() + desired.timeout
    seen = {item["id"] for item in earlier}
    for pause in _PAUSES:
        delivery = delivery or _ping(client, desired, path, seen, deadline)
        if succeeded(delivery):
            shown = describe(delivery)
            return {name: shown[name] for name in ("id", "guid", "event", "status", "status_code", "delivered_at")}
        if not _may_pass(desired, delivery) or client.runtime.now() + pause > deadline:
            break
        seen.add(delivery["id"])
        client.sleep(pause)
        delivery = None
    raise _failed(desired, known(delivery, "what was pinged last has an answer"))


def _may_pass(desired: Proof, delivery: dict[str, t.Any]) -> bool:
    """Tell whether a ping that failed may succeed later: a wrong secret and a bot rule stay as they are."""
    return desired.patient and delivery.get("status_code") not in (401, 403)


def _unproven(client: Client, webhook: Webhook) -> bool:
    hook = find_hook(client, webhook.place, webhook.url, webhook.path_pattern)
    if hook is None:
        return False
    if "last_response" in hook:
        code = (hook["last_response"] or {}).get("code")
        return not (isinstance(code, int) and 200 <= code < 400)
    if client.runtime.now() - moment(hook.get("updated_at")) > _RECENT:
        return False
    path = webhook.place.one(hook["id"])
    return not any(succeeded(item) for item in _since(hook, _pings(client, webhook, path)))


def _pings(client: Client, webhook: Webhook, path: str) -> list[dict[str, t.Any]]:
    """Return the newest pings of the log, the newest first."""
    entries = log(client, webhook.place, path, most=_LOOKED_AT)
    return [item for item in entries if item.get("event") == "ping"]


def _since(hook: dict[str, t.Any], pings: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return the pings that were sent since the last write of the webhook, as far as whole seconds tell."""
    return [item for item in pings if moment(item.get("delivered_at")) >= moment(hook.get("updated_at"))]


def _own_ping(client: Client, webhook: Webhook, path: str, pings: list[dict[str, t.Any]]) -> dict[str, t.Any] | None:
    """Return the ping that GitHub sends to each new webhook by itself, if it was answered with success."""
    waited = 0.0
    for delay in polls():
        if pings or waited >= _OWN_PING:
            break
        client.sleep(delay)
        waited += delay
        pings = _pings(client, webhook, path)
    return next((item for item in pings if succeeded(item)), None)


def _ping(client: Client, desired: Proof, path: str, seen: set[t.Any], deadline: float) -> dict[str, t.Any]:
    webhook = desired.webhook

    def newer() -> dict[str, t.Any] | None:
        found = [item for item in _pings(client, webhook, path) if item["id"] not in seen]
        return found[0] if found else None

    needs = webhook.place.needs()
    client.post(f"{path}/pings", needs, look=newer, tried="Pinging the", on=webhook.title)
    client.runtime.progress(f"waiting for the answer to the ping of {webhook.url}")
    for delay in polls():
        delivery = newer()
        if delivery is not None:
            return delivery
        if client.runtime.now() + delay > deadline:
            break
        client.sleep(delay)
    raise GitHubFailure(
        Kind.TIMEOUT,
        tried="Waiting for the answer to the ping of the",
        on=webhook.title,
        said=f"GitHub's log shows none within {desired.timeout:.0f} s",
        remedy="Run it again, or give it more time",
    )


def _failed(desired: Proof, delivery: dict[str, t.Any]) -> Failure:
    code = delivery.get("status_code")
    answer = f"{code} {delivery.get('status')}" if code else str(delivery.get("status") or "no answer")
    return GitHubFailure(
        Kind.BROKEN,
        tried="Pinging the",
        on=desired.webhook.title,
        said=f"what stands at its address answered {answer} (delivery {delivery.get('guid')})",
        remedy=_REMEDIES.get(int(code or 0), "Check what stands at its address"),
        status=int(code or 0) or None,
    )
