# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one reconcile has read, and what it has written.

In: keys. Out: live objects, read side by side and once until something is written. Never here: a write, a comparison.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._core.reconcile import SIDE_BY_SIDE
from .._core.sensitive import Sensitive
from . import order
from .client import Client
from .objects import Object, ObjectKey

_WORTH_A_POOL = 4

T = t.TypeVar("T")
R = t.TypeVar("R")


def side_by_side(function: t.Callable[[T], R], items: t.Sequence[T]) -> list[R]:
    """Call a function for every item, in threads when there are many; the first error is raised after all ended."""
    if len(items) < _WORTH_A_POOL:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(items))) as pool:
        return list(pool.map(function, items))


class Memory:
    """Live objects by key; a write makes everything read before it stale."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._live: dict[ObjectKey, Object | None] = {}
        self._written: dict[ObjectKey, Object | None] = {}
        self._stale = False
        # What the current plan is about to change; a new round begins with the first read after a write.
        self.planned: set[ObjectKey] = set()
        self.going: set[ObjectKey] = set()

    def read(
        self, keys: t.Sequence[ObjectKey], kinds: t.Mapping[tuple[str, str], order.Row] | None = None
    ) -> dict[ObjectKey, Object | None]:
        """Return the live objects, None for absent ones; a kind that does not exist yet has no objects.

        Namespaces are read first: in one that is absent nothing needs to be asked for.
        """
        if self._stale:
            self._live.clear()
            self.planned.clear()
            self.going.clear()
            self._stale = False
        missing = [key for key in keys if key not in self._live]
        namespaces = [key for key in missing if key.kind == "Namespace" and not key.group]
        self._fetch(namespaces, kinds or {})
        gone = {key.name for key, live in self._live.items() if key.kind == "Namespace" and live is None}
        rest = [key for key in missing if key not in self._live]
        for key in rest:
            if key.namespace in gone:
                self._live[key] = None
        self._fetch([key for key in rest if key not in self._live], kinds or {})
        return {key: self._live[key] for key in keys}

    def absent_namespace(self, name: str) -> bool:
        """Tell whether a namespace is known to be absent."""
        key = ObjectKey("v1", "Namespace", "", name)
        return key in self._live and self._live[key] is None

    def expire(self) -> None:
        """Forget at the next read all that was read and planned before: something is being written."""
        self._stale = True

    def note(self, key: ObjectKey, live: Object | None) -> None:
        """Remember what a write answered."""
        self._written[key] = concealed(live) if live else None
        self._stale = True

    def latest(self, key: ObjectKey) -> Object | None:
        """Return what is known of an object: as last written, else as read."""
        return self._written[key] if key in self._written else self._live.get(key)

    def _fetch(self, keys: t.Sequence[ObjectKey], kinds: t.Mapping[tuple[str, str], order.Row]) -> None:
        def fetch(key: ObjectKey) -> Object | None:
            known = self._client.kind(key.api_version, key.kind)
            if known is None:
                known = kinds.get((key.group, key.kind))
            return None if known is None else self.get(key, known)

        for key, live in zip(keys, side_by_side(fetch, keys), strict=True):
            self._live[key] = live

    def get(self, key: ObjectKey, known: order.Row | None = None) -> Object | None:
        """Return an object as it is now, without remembering it."""
        live = self._client.get(self._client.path(key, known))
        return concealed(live) if live else None


def concealed(live: Object) -> Object:
    """Return an object with the values of a Secret made Sensitive; those that are it already stay."""
    if live.get("kind") == "Secret" and live.get("apiVersion") == "v1":
        data = {name: _sensitive(value) for name, value in (live.get("data") or {}).items()}
        return {**live, "data": data}
    return live


def _sensitive(value: str | Sensitive) -> Sensitive:
    return value if isinstance(value, Sensitive) else Sensitive(value)
