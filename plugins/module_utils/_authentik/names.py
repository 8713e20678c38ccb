# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the names that people use to the ids that Authentik's API wants: flows, key pairs, scope mappings, groups.

In: a client and names. Out: ids, or a Failure that says which names there are. Never here: a write.
"""

from __future__ import annotations

import typing as t

from .._core.failure import Failure, Kind
from .client import Client

FLOWS = "/flows/instances/"
KEY_PAIRS = "/crypto/certificatekeypairs/"
MAPPINGS = "/propertymappings/provider/scope/"
GROUPS = "/core/groups/"
_MOST_NAMES = 12


class Names:
    """What was read once of each kind; made for one plan, since a plan reads only."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[str, list[dict[str, t.Any]]] = {}

    def flow(self, slug: str) -> str:
        """Return the id of a flow by its slug."""
        return self._only("flow", self._all(FLOWS), slug, ("slug",))

    def key_pair(self, name: str) -> str:
        """Return the id of a certificate with its private key by its name."""
        return self._only("key pair", self._all(KEY_PAIRS, has_key="true"), name, ("name",))

    def scope_mapping(self, name: str) -> str:
        """Return the id of a scope mapping by its managed id, or by its name."""
        return self._only("scope mapping", self._all(MAPPINGS), name, ("managed", "name"))

    def group(self, name: str) -> str:
        """Return the id of a group by its name."""
        found = self._all(GROUPS, name=name, include_users="false")
        return self._only("group", found, name, ("name",))

    def shown(self, path: str, key: str, item_id: t.Any) -> t.Any:
        """Return how people call what has this id, among what was read of that path; the id when it is not there."""
        for item in self._read.get(path, []):
            if item.get("pk") == item_id:
                return item.get("managed") or item.get(key)
        return item_id

    def _all(self, path: str, **query: str) -> list[dict[str, t.Any]]:
        kind = path + query.get("name", "")
        if kind not in self._read:
            self._read[kind] = self._client.list(path, query, tried="Reading", on=path.strip("/"))
        return self._read[kind]

    def _only(self, what: str, items: list[dict[str, t.Any]], name: str, keys: tuple[str, ...]) -> str:
        found = [item for item in items if name in [item.get(key) for key in keys]]
        if len(found) == 1:
            return str(found[0]["pk"])
        tried, on = f"Looking for the {what}", name[:120]
        if found:
            raise Failure(
                Kind.REFUSED,
                tried=tried,
                on=on,
                said=f"there are {len(found)} of that name",
                remedy="Rename all but one of them",
            )
        there = sorted(str(item.get("managed") or item.get(keys[-1])) for item in items)
        raise Failure(
            Kind.MISSING,
            tried=tried,
            on=on,
            said=f"there are {', '.join(there[:_MOST_NAMES])}" if there else "there is none of that name",
            remedy=f"Check the name, or make the {what} first",
        )
