# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup holds, and in which form: one document, locked by a password as ansible-vault does.

In: live objects, dumps of databases, or the bytes of a file. Out: an Archive, or the other of the two. Pure but for the
lock. Never here: a request, a file, a value outside of Sensitive.
"""

from __future__ import annotations

import hashlib
import json
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from .._core.failure import Failure, Kind, invalid
from .._core.sensitive import Generated, Sensitive
from .._core.version import VERSION
from .._crypto import lock_document, unlock_document
from .._kubernetes.memory import concealed
from .._kubernetes.objects import MANAGER_PREFIX, Object, ObjectKey

FORMAT = "aphex.platform/backup/1"
FILE = r"platform-backup-\d{8}T\d{6}Z\.yml\.vault"
OTHERS = "aphex.platform.restore"
"""The field manager of what was not ours."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NAME_LABEL = "kubernetes.io/metadata.name"
_PARTS = ("labels", "annotations")


@dataclass(frozen=True)
class Item:
    """One object, and which of its fields were set by which manager of ours: those can be taken away later."""

    object: Object = field(repr=False)
    manager: str = ""
    ours: t.Mapping[str, t.Any] = field(default_factory=dict)

    @property
    def key(self) -> ObjectKey:
        """Which object it is."""
        return ObjectKey.of(self.object)


@dataclass(frozen=True)
class Archive:
    """All that a backup holds."""

    time: str
    items: tuple[Item, ...] = field(repr=False)
    databases: t.Mapping[str, Sensitive] = field(default_factory=dict, repr=False)
    tree: t.Mapping[str, str] = field(default_factory=dict)
    version: str = VERSION

    @property
    def digest(self) -> str:
        """What tells whether two backups hold the same, whenever they were made."""
        text = json.dumps(self._content(), sort_keys=True, default=lambda value: value.digest())
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """How many objects of each kind there are."""
        found = Counter(item.object["kind"] for item in self.items)
        return {**dict(sorted(found.items())), **({"databases": len(self.databases)} if self.databases else {})}

    @property
    def manifest(self) -> dict[str, t.Any]:
        """What can be told of it without its password being lent again."""
        return {
            "format": FORMAT,
            "version": self.version,
            "time": self.time,
            "counts": self.counts,
            "sha256": self.digest,
            "tree": dict(self.tree),
        }

    def _content(self) -> dict[str, t.Any]:
        items = [{"manager": item.manager, "ours": dict(item.ours), "object": item.object} for item in self.items]
        return {"objects": items, "databases": dict(self.databases), "tree": dict(self.tree)}

    def document(self) -> dict[str, t.Any]:
        """Return the whole as a document, manifest first."""
        return {"manifest": self.manifest, **self._content()}


@dataclass(frozen=True)
class Locked(Generated):
    """The bytes of a backup, made while its file is written: each lock has a salt of its own."""

    archive: Archive | None = field(default=None, repr=False)
    password: Sensitive = field(default_factory=lambda: Sensitive(""), repr=False)

    def make(self) -> Sensitive:
        """Return the locked document."""
        if self.archive is None:
            raise Failure(Kind.BROKEN, tried="locking nothing", remedy="Please report this fault")
        return Sensitive(lock_document(self.archive.document(), self.password))


def opened(text: Sensitive, password: Sensitive, what: str) -> Archive:
    """Return a backup. Raises Failure when it is none, is damaged, or has another password."""
    document = unlock_document(text, password, what)
    manifest = document.get("manifest") or {}
    if manifest.get("format") != FORMAT:
        said = f"its format is {str(manifest.get('format'))[:80]!r}, {FORMAT} is wanted"
        raise invalid(what, said, "Restore it with the release of the collection that wrote it")
    archive = Archive(
        time=str(manifest.get("time")),
        items=tuple(
            Item(concealed(row["object"]), str(row.get("manager") or ""), row.get("ours") or {})
            for row in document.get("objects") or []
        ),
        databases={name: Sensitive(dump) for name, dump in (document.get("databases") or {}).items()},
        tree=document.get("tree") or {},
        version=str(manifest.get("version")),
    )
    if archive.digest != manifest.get("sha256"):
        raise invalid(what, "its content is not that of its manifest", "Take another copy of it")
    return archive


def item_of(live: Object) -> Item:
    """Return an object as a backup keeps it: what it says, without what a server keeps about it."""
    metadata = live["metadata"]
    kept: dict[str, t.Any] = {name: metadata[name] for name in ("name", "namespace", "uid") if metadata.get(name)}
    labels = {name: text for name, text in (metadata.get("labels") or {}).items() if name != _NAME_LABEL}
    annotations = {name: text for name, text in (metadata.get("annotations") or {}).items() if name != _LAST_APPLIED}
    for name, value in (("labels", labels), ("annotations", annotations), ("finalizers", metadata.get("finalizers"))):
        if value:
            kept[name] = value
    body = {name: live[name] for name in ("type", "immutable", "data", "binaryData") if live.get(name) is not None}
    if live["kind"] not in ("Namespace", "Secret", "ConfigMap"):
        body |= {name: live[name] for name in ("spec", "status") if live.get(name) is not None}
    manager, ours = _ours(live)
    obj = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": kept, **body}
    return Item(obj, manager, ours)


def _ours(live: Object) -> tuple[str, dict[str, t.Any]]:
    """Return the manager of ours that made an object, and the names of what it has set on it."""
    entries = [item for item in live["metadata"].get("managedFields") or [] if not item.get("subresource")]
    names = [item["manager"] for item in entries if _is_ours(str(item.get("manager")))]
    if not names:
        return "", {}
    applied = [item["manager"] for item in entries if item.get("operation") == "Apply" and item["manager"] in names]
    manager = (applied or names)[0]
    fields = [item.get("fieldsV1") or {} for item in entries if item["manager"] == manager]
    ours: dict[str, t.Any] = {name: _set_in(fields, "f:metadata", f"f:{name}") for name in _PARTS}
    ours["data"] = _set_in(fields, "f:data")
    ours["finalizers"] = any("f:finalizers" in item.get("f:metadata", {}) for item in fields)
    ours["spec"] = any("f:spec" in item for item in fields)
    return manager, ours


def _is_ours(manager: str) -> bool:
    return manager.startswith(MANAGER_PREFIX) or manager == "aphex.platform.kubernetes_objects"


def _set_in(fields: t.Sequence[t.Mapping[str, t.Any]], *path: str) -> list[str]:
    found: set[str] = set()
    for below in fields:
        for step in path:
            below = below.get(step) or {}
        found |= {name.removeprefix("f:") for name in below if name.startswith("f:")}
    return sorted(found)


def parts_of(item: Item) -> tuple[Object | None, Object]:
    """Return an object as two: what our manager had set, and what anybody else had."""
    if not item.manager:
        return None, _without(item.object, lambda group, name: False)
    own = _without(item.object, lambda group, name: not _is_in(item, group, name))
    return own, _without(item.object, lambda group, name: _is_in(item, group, name))


def _is_in(item: Item, group: str, name: str) -> bool:
    ours = item.ours.get(group)
    return bool(ours) if isinstance(ours, bool) else name in (ours or [])


def _without(obj: Object, leave_out: t.Callable[[str, str], bool]) -> Object:
    """Return an object without what is to be left out, without status and uid."""
    metadata: dict[str, t.Any] = {name: obj["metadata"][name] for name in ("name", "namespace")
                                  if name in obj["metadata"]}  # fmt: skip
    for group in _PARTS:
        kept = {name: text for name, text in (obj["metadata"].get(group) or {}).items() if not leave_out(group, name)}
        if kept:
            metadata[group] = kept
    if obj["metadata"].get("finalizers") and not leave_out("finalizers", ""):
        metadata["finalizers"] = list(obj["metadata"]["finalizers"])
    made: Object = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
    if obj["kind"] == "Secret":
        made["type"] = obj.get("type", "Opaque")
    for group in ("data", "binaryData"):
        kept = {name: value for name, value in (obj.get(group) or {}).items() if not leave_out("data", name)}
        if kept:
            made[group] = kept
    if "spec" in obj and not leave_out("spec", ""):
        made["spec"] = obj["spec"]
    return made
