# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The webhook of a tenant: made at GitHub, pinged, proven by the listener, recorded; and taken away.

In: where it should be, the secret, what the tenant's status recorded. Out: desired things, and the next record.
Never here: a read of the cluster; when a secret is rotated.

GitHub never shows a secret again, and a listener answers 202 to everything. So the status records the fingerprint of
the secret that was written last, and the id of the delivery whose Event the listener made, which it makes for a ping
with a correct signature alone (P6). While the record fits, nothing is written and nothing is pinged.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._core.failure import known
from .._core.names import snake_keys
from .._core.plan import UNKNOWN, Desired
from .._core.sensitive import Sensitive
from .._github.hooks import Place
from .._github.product import GitHub
from .._github.proof import Proof
from .._github.webhook import ALWAYS, ON_CHANGE, Webhook
from .status import Status, Truth

EVENTS = ("push",)
ORGANIZATION, REPOSITORIES = "organization", "repositories"


@dataclass(frozen=True)
class Record:
    """What a status tells of the webhook at GitHub; empty when there is none."""

    owner: str = ""
    repository: str = ""
    url: str = ""
    fingerprint: str = ""
    delivery_id: str = ""

    @classmethod
    def of(cls, body: Status) -> Record:
        """Return the record in a status."""
        found = snake_keys(body.get("webhook") or {})
        return cls(**{name: str(found.get(name) or "") for name in cls.__dataclass_fields__})

    @property
    def place(self) -> Place | None:
        """Where that webhook is."""
        return Place(self.owner, self.repository or None) if self.owner else None


def own_place(github: dict[str, t.Any], owner: str = "", repository: str = "") -> Place | None:
    """Return where a tenant has a webhook of its own, by the ``github`` of its organization; None for nowhere.

    Of a repository when asked with one: it has its own if the organization wants that, or if its owner is another one,
    whose repositories the organization's webhook does not hear of.
    """
    theirs = str(github.get("owner") or "")
    if not theirs:
        return None
    many = github.get("webhook") == REPOSITORIES
    if not repository:
        return None if many else Place(theirs)
    return Place(owner, repository) if many or owner.lower() != theirs.lower() else None


@dataclass(frozen=True)
class TenantWebhook:
    """The webhook of one tenant in one round; ``place`` None says that there should be none.

    ``secret`` is what GitHub should sign with, UNKNOWN while it is still to be made; ``delivery_id`` names the ping of
    this run, empty before it was sent.
    """

    place: Place | None
    url: str
    secret: Sensitive | str
    recorded: Record
    timeout: float
    delivery_id: str = ""

    def answered(self, github: GitHub) -> TenantWebhook:
        """Return this webhook with the ping of this run, if there was one."""
        if self.place is None:
            return self
        return replace(self, delivery_id=str((github.result(self._proof) or {}).get("guid") or ""))

    @property
    def wanted(self) -> bool:
        """True when there should be one."""
        return self.place is not None

    @property
    def there(self) -> bool:
        """True when one should be there, or was."""
        return self.wanted or self.recorded.place is not None

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the secret that GitHub should have."""
        return self.secret.fingerprint() if isinstance(self.secret, Sensitive) else UNKNOWN

    @property
    def settled(self) -> bool:
        """True when GitHub has this very secret and the listener has answered to it, in this run or before."""
        return bool(self.delivery_id) or (self._fits and bool(self.recorded.delivery_id))

    @property
    def event(self) -> str:
        """The name of the Event that the listener makes of the ping of this run."""
        return f"hook-{self.delivery_id}" if self.delivery_id else ""

    def desired(self, prove: bool) -> list[Desired]:
        """Return the webhook and, until it is proven, its ping."""
        if self.place is None:
            return []
        return [self._webhook, self._proof] if prove and not self.settled else [self._webhook]

    def former_gone(self) -> list[Desired]:
        """Return that the recorded webhook should be gone, if it is another one than the wanted."""
        place = self.recorded.place
        if place is None or (self.place == place and self.url == self.recorded.url):
            return []
        return [Webhook(place, self.recorded.url, present=False)]

    def record(self, prove: bool) -> dict[str, dict[str, t.Any]]:
        """Return what the status records of it, in the resource's words; empty for a webhook that is made by hand."""
        if self.place is None:
            return {}
        earlier = self.recorded.delivery_id if self._fits else ""
        found = {
            "owner": self.place.owner,
            "repository": self.place.repository or "",
            "url": self.url,
            "fingerprint": self.fingerprint,
            "deliveryId": self.delivery_id or earlier or (UNKNOWN if prove else ""),
        }
        return {"webhook": {name: value for name, value in found.items() if value}}

    def truths(self, prove: bool) -> list[Truth]:
        """Return the condition WebhookReady; none for a webhook that is made by hand."""
        if self.place is None:
            return []
        if prove or self.settled:
            return [
                Truth("WebhookReady", True, "Proven", "The listener has answered to a ping with a correct signature")
            ]
        return [Truth("WebhookReady", False, "NotProven", "It was not pinged: the run did not wait")]

    @property
    def _same_address(self) -> bool:
        return self.place == self.recorded.place and self.url == self.recorded.url

    @property
    def _fits(self) -> bool:
        return self._same_address and self.fingerprint == self.recorded.fingerprint

    @property
    def _webhook(self) -> Webhook:
        # What this run has pinged it has written before. Of a webhook that nobody has recorded nothing is known.
        written = self.fingerprint if self.delivery_id else self.recorded.fingerprint if self._same_address else None
        return Webhook(
            place=known(self.place, "only a wanted webhook is asked for"),
            url=self.url,
            events=EVENTS,
            secret=self.secret,
            secret_fingerprint=written,
            update_secret=ON_CHANGE if written else ALWAYS,
        )

    @property
    def _proof(self) -> Proof:
        return Proof(self._webhook, timeout=self.timeout, always=True, patient=True)
