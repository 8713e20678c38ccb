# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of Secrets that a Git tree holds, encrypted with SOPS for the platform's age key and for people.

In: checked options, the files that the tree has, the age key on this machine or in the cluster, the Secrets that the
cluster has. Out: the files as they should be, and what should be here and in the cluster. Never here: Git; a value in
a result; a new key where files of the tree cannot be read.

A file is computed and nothing of the world: whoever pushes it changes the tree. What the tree says already keeps its
file byte for byte, since what SOPS writes is never the same twice. Everything is decrypted and encrypted before the
first write, so a key that does not fit changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import typing as t
from dataclasses import dataclass, field

from .._core.failure import Failure, Kind, invalid
from .._core.plan import Desired
from .._core.reconcile import Outcome, Runtime, Traceless
from .._core.sensitive import Generated, Sensitive
from .._files.product import File, Files
from .._kubernetes.objects import Object, ObjectKey, Objects, Owner
from .._kubernetes.product import Kubernetes
from .._sops.product import Sops, check_recipients, recipients_of
from . import secret_objects as objects
from .secret_spec import from_params
from .sops_values import Lives, Row, Wanted, check_sources, filled, path_of, places, wanted

KEY_FILE, KEY_FIELD = "age.key", "keys.txt"


@dataclass(frozen=True)
class _MadeKey(Generated):
    """The key that was made for this run, and that is nowhere yet."""

    key: Sensitive = field(default_factory=lambda: Sensitive(""))

    def make(self) -> Sensitive:
        """Return that key."""
        return self.key


@dataclass(frozen=True)
class Question:
    """What a run wants: these Secrets, for these people; ``everything`` is brought to the cluster, or what it lacks."""

    folder: str
    key_secret: ObjectKey
    recipients: tuple[str, ...]
    rows: tuple[Row, ...]
    files: t.Mapping[str, str]
    everything: bool = False


@dataclass(frozen=True)
class AgeKey:
    """The platform's age key. ``made``: just now, so it is neither in a file nor in the cluster."""

    text: Sensitive
    recipients: tuple[str, ...]
    made: bool = False


@dataclass(frozen=True)
class Observed:
    """What the plan depends on."""

    key: AgeKey
    secrets: tuple[Wanted, ...]
    files: t.Mapping[str, str]
    lives: Lives


class SopsSecrets(Traceless):
    """Secrets that should be in a tree, encrypted, and in the cluster."""

    def __init__(self, asked: Question, products: t.Mapping[str, t.Any], runtime: Runtime) -> None:
        self.asked = asked
        self.key_path = os.path.join(asked.folder, KEY_FILE)
        self.files: Files = products["files"]
        self.kubernetes: Kubernetes = products["kubernetes"]
        self.sops: Sops = products["sops"]
        self.runtime = runtime

    # observe --------------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Read the key, the tree's files and the cluster, choose every value, and encrypt what differs."""
        asked = self.asked
        here = places(asked.rows)
        lives = self.kubernetes.get_many([asked.key_secret, *here])
        found = self._key(lives[asked.key_secret])
        paths = [path_of(key) for key in here]
        there = {path: asked.files[path] for path in paths if asked.files.get(path)}
        tree = self.sops.decrypted(there, found.text if found else None)
        key = found or self._new_key()
        secrets = wanted(asked.rows, tree, lives)
        readers = sorted({*key.recipients, *asked.recipients})
        kept = {
            each.path: there[each.path]
            for each in secrets
            if tree.get(each.path) == each.document and recipients_of(each.path, there[each.path]) == set(readers)
        }
        changed = {each.path: each.document for each in secrets if each.path not in kept}
        return Observed(key, tuple(secrets), kept | self.sops.encrypted(changed, readers), lives)

    def _key(self, live: Object | None) -> AgeKey | None:
        """Return the key that is here or in the cluster, where both are the same one."""
        place = str(self.asked.key_secret)
        here = self.files.read(self.key_path)
        value = ((live or {}).get("data") or {}).get(KEY_FIELD)
        there = value.decoded() if isinstance(value, Sensitive) and len(value) else None
        known = {where: text for where, text in ((self.key_path, here), (place, there)) if text is not None}
        if not known:
            return None
        public = {where: tuple(self.sops.recipients(text, where)) for where, text in known.items()}
        if len(set(public.values())) > 1:
            raise Failure(
                Kind.CONFLICT,
                tried="using the age key",
                on=self.key_path,
                said=f"it is another one than that of {place}",
                remedy="Move the file away to go on with the cluster's, or delete that Secret to go on with the file's",
            )
        where = next(iter(known))
        return AgeKey(known[where], public[where])

    def _new_key(self) -> AgeKey:
        text = self.sops.new_key()
        return AgeKey(text, tuple(self.sops.recipients(text, self.key_path)), made=True)

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return what should be, in order: the key before anything that only it can open."""
        key = observed.key
        content = _MadeKey(key=key.text) if key.made else key.text
        return [
            File(self.key_path, content, create=True),
            *self._key_secret(observed),
            *(self._set(each, observed.lives[each.key]) for each in observed.secrets if self._brings(each, observed)),
        ]

    def _key_secret(self, observed: Observed) -> list[Desired]:
        place = self.asked.key_secret
        owner = Owner(objects.OWNER_KIND, place.name, place.namespace)
        secret = objects.named(place)
        secret["metadata"]["labels"] = owner.labels()
        content = {**secret, "type": "Opaque", "data": {KEY_FIELD: observed.key.text.base64()}}
        return [Objects(title="the age key", objects=(content,), owner=owner, manager=objects.MANAGER, create=True)]

    def _brings(self, each: Wanted, observed: Observed) -> bool:
        """Tell whether this run writes a Secret to the cluster; what Argo CD brings is not written twice."""
        live = observed.lives[each.key]
        if live is None or self.asked.everything or not (each.adopt or each.owner.owns(live)):
            return True
        return not all(filled(live, name) for name in each.document["data"])

    def _set(self, each: Wanted, live: Object | None) -> Objects:
        create = live is None
        return Objects(
            title=str(each.key),
            objects=(each.document,),
            owner=each.owner,
            manager=objects.MANAGER,
            create=create,
            adopt=each.adopt,
            force=None if create else True,
        )

    # the rest of a use case -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def exclusive(self) -> t.Iterator[None]:
        """Hold the folder against another run on this machine."""
        with self.runtime.cache.lock(f"age key {self.key_path}"):
            yield

    def result(self, outcome: Outcome) -> dict[str, t.Any]:
        """Return the files and whom they are for; all of it is public."""
        observed: Observed = outcome.observed
        return {
            "key_file": self.key_path,
            "recipients": sorted({*observed.key.recipients, *self.asked.recipients}),
            "files": dict(observed.files),
            "files_changed": sorted(
                path for path, text in observed.files.items() if self.asked.files.get(path) != text
            ),
        }


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> SopsSecrets:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    folder = params["folder"]
    if not os.path.isabs(folder):
        raise invalid("folder", f"{folder[:200]!r} is no absolute path", "Write it from / on")
    check_recipients(params["recipients"] or [])
    rows = tuple(
        Row(from_params({**row, "authority": None, "state": "present"}), row["adopt"])
        for row in params["secrets"] or []
    )
    places(rows)
    check_sources(rows)
    place = params["key_secret"] or {"namespace": "argocd", "name": "platform-sops-age"}
    asked = Question(
        folder=folder,
        key_secret=objects.key_of(place["namespace"], place["name"]),
        recipients=tuple(params["recipients"] or ()),
        rows=rows,
        files={str(path): text for path, text in (params["files"] or {}).items() if isinstance(text, str)},
        everything=params["bring"] == "all",
    )
    return SopsSecrets(asked, products, runtime)
