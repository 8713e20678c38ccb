# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What should be in a cluster: sets of plain objects, who owns them, how they are made.

In: plain dicts. Out: Objects, ObjectKey, Owner, all frozen. Never here: a kind of ours, a request.
"""

from __future__ import annotations

import base64
import copy
import re
import typing as t
from dataclasses import dataclass, field

from .._core.failure import invalid
from .._core.names import is_subdomain
from .._core.plan import UNKNOWN
from .._core.sensitive import Generated, Sensitive

Object = dict[str, t.Any]

LABEL_PREFIX = "platform.aphex/"
MANAGED_BY = LABEL_PREFIX + "managed-by"
OWNER_KIND = LABEL_PREFIX + "owner-kind"
OWNER_NAMESPACE = LABEL_PREFIX + "owner-namespace"
OWNER_NAME = LABEL_PREFIX + "owner-name"
OWNER_UID = LABEL_PREFIX + "owner-uid"
APPLIED_BY = LABEL_PREFIX + "applied-by"

# Argo CD's own words. Without the second, what is kept after it has left a tree would be out of sync there for ever.
SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
KEPT_BY_ARGO_CD = {SYNC_OPTIONS: "Prune=false,Delete=false", COMPARE_OPTIONS: "IgnoreExtraneous"}
MANAGER_PREFIX = "aphex.platform/"
COLLECTION = "aphex.platform"
_REVISION = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, order=True)
class ObjectKey:
    """The name of one object in a cluster."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Object) -> ObjectKey:
        """Return the key of a checked object."""
        metadata = obj["metadata"]
        return cls(obj["apiVersion"], obj["kind"], metadata.get("namespace") or "", metadata["name"])

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What stays the same when the API version changes."""
        return (self.group, self.kind, self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


@dataclass(frozen=True)
class Owner:
    """Whose an object is. Written as labels, so that people see it and foreign objects are told apart (P10)."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""

    def labels(self) -> dict[str, str]:
        """Return the ownership labels that every object of this owner carries."""
        labels = {MANAGED_BY: COLLECTION, OWNER_KIND: self.kind, OWNER_NAME: self.name}
        if self.namespace:
            labels[OWNER_NAMESPACE] = self.namespace
        return labels

    def owns(self, live: Object) -> bool:
        """Tell whether a live object carries exactly these ownership labels."""
        labels = live["metadata"].get("labels") or {}
        return all(labels.get(name) == value for name, value in self.labels().items())

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


@dataclass(frozen=True)
class Condition:
    """What to wait for; without a type the kind's own notion of ready.

    With ``field``, that field of the status must have ``value`` as well; the value may be UNKNOWN and is never shown.
    ``revision`` is the commit that an Application of Argo CD must have synced; the beginning of it is enough.
    """

    type: str = ""
    status: str = "True"
    reason: str = ""
    field: str = ""
    value: str = ""
    revision: str = ""

    def __str__(self) -> str:
        wanted = f"{self.type}={self.status}" + (f" ({self.reason})" if self.reason else "") if self.type else "ready"
        wanted += f" at {self.revision}" if self.revision else ""
        return f"{wanted}, status.{self.field} as computed" if self.field else wanted


@dataclass(frozen=True)
class Objects:
    """A set of objects that should be there, or gone.

    ``create``: made once by POST and then left alone, for what must not be written twice (P2, P12).
    ``owner``: ownership by labels; without one, ours is what our field manager applied.
    ``inventory``: the ConfigMap that remembers what was made, with uids; the only source of pruning (P3).
    ``adopt``: take objects that are there already and not ours. ``force``: take fields from other managers; None means
    on our own objects only. ``patient``: deleting waits until the object is gone. ``lenient``: a foreign object is
    left alone when deleting, instead of refusing. ``keep``: recorded objects that deleting leaves alone.
    ``stamp``: the server's ``generation`` becomes ``status.observedGeneration``.
    """

    title: str
    objects: tuple[Object, ...] = field(hash=False)
    present: bool = True
    owner: Owner | None = None
    manager: str = "aphex.platform.kubernetes_objects"
    create: bool = False
    adopt: bool = False
    force: bool | None = None
    inventory: ObjectKey | None = None
    prune: bool = False
    subresource: str = ""
    wait: tuple[tuple[ObjectKey, Condition], ...] = ()
    wait_timeout: float = 120.0
    patient: bool = True
    lenient: bool = False
    stamp: bool = False
    keep: tuple[ObjectKey, ...] = ()
    product: str = "kubernetes"

    def owns(self, live: Object) -> bool:
        """Tell whether a live object is ours: by the owner's labels, else by our mark or what we have set on it."""
        if self.owner:
            return self.owner.owns(live)
        metadata = live["metadata"]
        marked = (metadata.get("annotations") or {}).get(APPLIED_BY) == self.manager
        return marked or any(entry.get("manager") == self.manager for entry in metadata.get("managedFields") or [])

    @property
    def keys(self) -> list[ObjectKey]:
        """Return the keys of all objects, in their order."""
        return [ObjectKey.of(obj) for obj in self.objects]


@dataclass(frozen=True)
class Amend:
    """Small changes to an object whoever made it: a finalizer taken away, labels and annotations set or removed (None).

    An object that is absent needs no amendment.
    """

    key: ObjectKey
    drop_finalizer: str = ""
    labels: t.Mapping[str, str | None] = field(default_factory=dict, hash=False)
    annotations: t.Mapping[str, str | None] = field(default_factory=dict, hash=False)
    product: str = "kubernetes"
    present: bool = True

    @property
    def title(self) -> str:
        """What people call it."""
        return str(self.key)

    def patch(self, live: Object) -> Object:
        """Return the merge patch for the metadata of a live object; empty when nothing is to be done."""
        metadata = live["metadata"]
        patch: Object = {}
        finalizers = metadata.get("finalizers") or []
        if self.drop_finalizer in finalizers:
            patch["finalizers"] = [name for name in finalizers if name != self.drop_finalizer]
        for group, wanted in (("labels", self.labels), ("annotations", self.annotations)):
            there = metadata.get(group) or {}
            changed = {name: value for name, value in wanted.items() if there.get(name) != value}
            if changed:
                patch[group] = changed
        return patch


def at_revision(revision: str | None) -> Condition:
    """Return the kind's own notion of ready, for Applications at a commit. Raises Failure(invalid) for what is none."""
    if revision and not _REVISION.fullmatch(revision):
        raise invalid(f"wait_revision {revision!r}", "it is no commit", "Give at least seven of its hexadecimal digits")
    return Condition(revision=revision or "")


def checked(obj: t.Any, namespace: str = "") -> Object:
    """Return a private copy of a user's object, fit for applying, or raise Failure(invalid).

    Secrets get ``data`` only, since a key dropped from ``stringData`` would stay (P12), and their values are Sensitive.
    ``namespace`` is set where the object names none; the product takes it away again from cluster-scoped kinds.
    """
    if not isinstance(obj, dict):
        raise invalid(
            "an object", f"a mapping is wanted, not {type(obj).__name__}", "Give objects with apiVersion and kind"
        )
    copied: Object = copy.deepcopy(obj)
    for name in ("apiVersion", "kind"):
        if not isinstance(copied.get(name), str) or not copied[name]:
            raise invalid("an object", f"it has no {name}", f"Add {name}")
    metadata = copied.setdefault("metadata", {})
    what = f"{copied['kind']} {metadata.get('name') if isinstance(metadata, dict) else ''}".strip()
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise invalid(what, "it has no metadata.name", "Name the object; generated names cannot be applied twice")
    if not is_subdomain(metadata["name"].replace(":", "-").lower()):
        raise invalid(what, "metadata.name is no legal name", "Use lower-case letters, digits, hyphens and dots")
    if namespace and not metadata.get("namespace"):
        metadata["namespace"] = namespace
    for name in ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"):
        metadata.pop(name, None)
    if copied["kind"] == "Secret" and copied["apiVersion"] == "v1":
        _conceal_secret(copied, what)
    return copied


def _conceal_secret(secret: Object, what: str) -> None:
    data = {name: _as_sensitive(value, what) for name, value in (secret.get("data") or {}).items()}
    for name, value in (secret.pop("stringData", None) or {}).items():
        if not isinstance(value, (str, Sensitive)):
            raise invalid(f"{what}, stringData.{name}", "only text is allowed", "Quote the value")
        data[name] = (value if isinstance(value, Sensitive) else Sensitive(value)).base64()
    secret["data"] = data


def _as_sensitive(value: t.Any, what: str) -> t.Any:
    if isinstance(value, (Sensitive, Generated)) or value == UNKNOWN:
        return value
    if not isinstance(value, str):
        raise invalid(f"{what}, data", "only text in base64 is allowed", "Encode the value, or use stringData")
    try:
        base64.b64decode(value, validate=True)
    except ValueError as error:
        raise invalid(f"{what}, data", "a value is no base64", "Encode the value, or use stringData") from error
    return Sensitive(value)


def flatten(documents: t.Iterable[t.Any], namespace: str = "") -> tuple[Object, ...]:
    """Return checked objects from documents, ``List`` kinds opened; an object that stands twice is refused."""
    objects: dict[tuple[str, str, str, str], Object] = {}
    for document in documents:
        many = isinstance(document, dict) and str(document.get("kind", "")).endswith("List") and "items" in document
        for item in (document["items"] or []) if many else [document]:
            obj = checked(item, namespace)
            identity = ObjectKey.of(obj).identity
            if identity in objects:
                raise invalid(str(ObjectKey.of(obj)), "it stands twice in the set", "Remove one of them")
            objects[identity] = obj
    return tuple(objects.values())
