# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which value each key of the platform's Secrets has, when the tree holds them: the tree's, for as long as it has one.

In: SecretSpecs in their order, each Secret as the tree and the cluster have it. Out: the Secrets as they should be.
Never here: a read, encryption, a place to keep anything.

Only a value of a higher version than the tree's is taken from the cluster: a run that was killed after it had brought a
rotated value there, and before the tree was pushed, is taken up without a third one.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import invalid
from .._core.sensitive import Sensitive
from .._kubernetes.objects import KEPT_BY_ARGO_CD, Object, ObjectKey, Owner
from . import secret_objects as objects
from .secret_spec import Key, SecretSpec

Lives: t.TypeAlias = "t.Mapping[ObjectKey, Object | None]"
Tree: t.TypeAlias = "t.Mapping[str, Object]"


@dataclass(frozen=True)
class Row:
    """What is told of one Secret; ``adopt`` as the modules say it."""

    spec: SecretSpec
    adopt: bool = False


@dataclass(frozen=True)
class Wanted:
    """One Secret as it should be, here or as a copy elsewhere."""

    document: Object
    owner: Owner
    adopt: bool

    @property
    def key(self) -> ObjectKey:
        """Where it is."""
        return ObjectKey.of(self.document)

    @property
    def path(self) -> str:
        """Where its file is, below the folder of its part."""
        return path_of(self.key)


def path_of(key: ObjectKey) -> str:
    """Return where the file of a Secret is, below the folder of its part."""
    return f"secrets/{key.namespace}/{key.name}.enc.yaml"


def places(rows: t.Sequence[Row]) -> list[ObjectKey]:
    """Return where all these Secrets are, with their copies. Raises Failure(invalid) for a place that stands twice."""
    found: list[ObjectKey] = []
    for row in rows:
        copies = [objects.key_of(copy.namespace, copy.name) for copy in row.spec.copies]
        for key in [objects.main_key(row.spec), *copies]:
            if key in found:
                raise invalid(str(key), "it stands twice", "Give each Secret and each copy a place of its own")
            found.append(key)
    return found


def check_sources(rows: t.Sequence[Row]) -> None:
    """Raise Failure(invalid) for a key whose source is no key of a Secret above it."""
    above: set[tuple[str, str, str]] = set()
    for row in rows:
        for key in row.spec.keys:
            source = key.source
            if source and (source.namespace, source.name, source.key) not in above:
                what = f"Secret {row.spec.namespace}/{row.spec.name}, key {key.name}"
                said = f"its source {source.key} of {source} does not stand above it"
                raise invalid(what, said, "Name a key of a Secret of this list, further up")
        above |= {(row.spec.namespace, row.spec.name, name) for name in row.spec.names}


def wanted(rows: t.Sequence[Row], tree: Tree, lives: Lives) -> list[Wanted]:
    """Return every Secret as it should be; a value that is nowhere, or whose version was raised, is made here."""
    values: dict[tuple[str, str, str], Sensitive] = {}
    answer: list[Wanted] = []
    for row in rows:
        spec = row.spec
        before = [tree.get(path_of(objects.main_key(spec))), lives.get(objects.main_key(spec))]
        data: dict[str, Sensitive] = {}
        versions = {name: 1 for known in before for name in objects.versions_of(known)} | dict(spec.versions)
        versions = {name: number for name, number in versions.items() if name in spec.made}
        for key in spec.keys:
            data[key.name], version = _value(key, spec.versions.get(key.name, 1), before, values)
            if key.name in versions:
                versions[key.name] = version
            values[spec.namespace, spec.name, key.name] = data[key.name]
        documents = [objects.main(spec, data, versions, None)]
        documents += [objects.copied(spec, copy, data) for copy in spec.copies]
        answer += [Wanted(_staying(each), objects.owner_of(spec), row.adopt) for each in documents]
    return answer


def _value(
    key: Key, number: int, before: t.Sequence[Object | None], values: t.Mapping[tuple[str, str, str], Sensitive]
) -> tuple[Sensitive, int]:
    """Return the value of a key and its version."""
    if key.source is not None:
        return values[key.source.namespace, key.source.name, key.source.key], 1
    if key.generated is None:
        return (key.value or Sensitive("")).base64(), 1
    found = [
        (objects.versions_of(known).get(key.name, 1), known) for known in before if known and filled(known, key.name)
    ]
    # Of equal versions the first counts, which is the tree's.
    version, newest = max(found, key=lambda each: each[0], default=(0, None))
    if newest is None or number > version:
        return key.generated.make().base64(), number
    value: Sensitive = newest["data"][key.name]
    return value, version


def filled(known: Object, name: str) -> bool:
    """Tell whether a Secret has a value for a key."""
    value = (known.get("data") or {}).get(name)
    return isinstance(value, Sensitive) and len(value) > 0


def _staying(document: Object) -> Object:
    """Argo CD never takes a value away: not with the part, nor when the tree does not name the Secret any more."""
    metadata = document["metadata"]
    return {
        **document,
        "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **KEPT_BY_ARGO_CD}},
    }
