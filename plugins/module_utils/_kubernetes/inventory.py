# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of what was made: group, kind, namespace, name and uid of each object, in one ConfigMap (P3).

In: keys and uids, or the live ConfigMap. Out: the other of the two. Never here: a request.

Labels cannot be that record: controllers copy them to the objects that they make themselves.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind
from .objects import Object, ObjectKey, Owner

FIELD = "objects"


@dataclass(frozen=True)
class Entry:
    """One object that we made; ``uid`` is empty between the moment before its creation and the moment after."""

    key: ObjectKey
    uid: str = ""


def read(live: Object | None) -> dict[tuple[str, str, str, str], Entry]:
    """Return the entries of a live inventory by identity. Raises Failure when somebody has broken it."""
    if live is None:
        return {}
    try:
        rows = json.loads((live.get("data") or {}).get(FIELD, "[]"))
        entries = [Entry(ObjectKey(row[0], row[1], row[2], row[3]), row[4]) for row in rows]
    except (ValueError, LookupError, TypeError) as error:
        raise Failure(
            Kind.BROKEN,
            tried="reading the inventory",
            on=str(ObjectKey.of(live)),
            said="it is not readable",
            remedy="Restore it from a backup, or delete it and run once without pruning",
        ) from error
    return {entry.key.identity: entry for entry in entries}


def write(where: ObjectKey, entries: t.Iterable[Entry], owner: Owner | None) -> Object:
    """Return the ConfigMap that records the entries; the same entries give the same bytes."""
    rows = sorted([e.key.api_version, e.key.kind, e.key.namespace, e.key.name, e.uid] for e in entries)
    text = "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]" if rows else "[]"
    metadata: dict[str, t.Any] = {"name": where.name, "namespace": where.namespace}
    if owner:
        metadata["labels"] = owner.labels()
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {FIELD: text}}
