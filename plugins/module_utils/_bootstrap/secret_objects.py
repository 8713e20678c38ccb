# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a Secret of the platform as plain dicts, and what its annotations record.

In: SecretSpec, values, what is live. Out: plain dicts, versions, places. Never here: a read, a clock, randomness.
"""

from __future__ import annotations

import json
import typing as t

from .._core.failure import Failure, Kind
from .._kubernetes.objects import LABEL_PREFIX, MANAGER_PREFIX, Object, ObjectKey, Owner
from .secret_spec import OPAQUE, Copy, SecretSpec

MANAGER = MANAGER_PREFIX + "secrets"
OWNER_KIND = "PlatformSecret"
VERSIONS = LABEL_PREFIX + "secret-versions"
COPIES = LABEL_PREFIX + "copies"


def owner_of(spec: SecretSpec) -> Owner:
    """Return whose the Secret, its copies and its coming values are."""
    return Owner(OWNER_KIND, spec.name, spec.namespace)


def key_of(namespace: str, name: str) -> ObjectKey:
    """Return the key of a Secret."""
    return ObjectKey("v1", "Secret", namespace, name)


def main_key(spec: SecretSpec) -> ObjectKey:
    """Return the key of the Secret itself."""
    return key_of(spec.namespace, spec.name)


def coming_key(spec: SecretSpec) -> ObjectKey:
    """Return the key of the Secret that holds new values until they are in use."""
    return key_of(spec.namespace, f"{spec.name}-coming")


def _secret(
    spec: SecretSpec, key: ObjectKey, data: t.Mapping[str, t.Any], kind: str = OPAQUE, **metadata: t.Any
) -> Object:
    labels = {**metadata.pop("labels", {}), **owner_of(spec).labels()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": labels, **metadata},
        "type": kind,
        "data": dict(data),
    }


def main(spec: SecretSpec, data: t.Mapping[str, t.Any], versions: t.Mapping[str, int], live: Object | None) -> Object:
    """Return the Secret; over a live one only as it was read, so that two runs cannot undo each other's values."""
    annotations = {}
    if versions:
        annotations[VERSIONS] = json.dumps(versions, sort_keys=True)
    if spec.copies:
        annotations[COPIES] = json.dumps(sorted(copy.place for copy in spec.copies))
    more: dict[str, t.Any] = {"annotations": annotations} if annotations else {}
    if live is not None:
        more["resourceVersion"] = live["metadata"]["resourceVersion"]
    return _secret(spec, main_key(spec), data, spec.type, labels=dict(spec.labels), **more)


def coming(spec: SecretSpec, data: t.Mapping[str, t.Any], versions: t.Mapping[str, int]) -> Object:
    """Return the Secret with new values for keys of a Secret that is there already."""
    annotations = {VERSIONS: json.dumps(versions, sort_keys=True)}
    return _secret(spec, coming_key(spec), data, annotations=annotations)


def copied(spec: SecretSpec, copy: Copy, data: t.Mapping[str, t.Any]) -> Object:
    """Return a copy, with the values of the Secret under its own names."""
    values = {target: data[name] for name, target in copy.keys.items()}
    return _secret(spec, key_of(copy.namespace, copy.name), values, copy.type, labels=dict(copy.labels))


def named(key: ObjectKey) -> Object:
    """Return an object of which only the name matters."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": key.name, "namespace": key.namespace}}


def versions_of(live: Object | None) -> dict[str, int]:
    """Return the recorded version of each key. Raises Failure when somebody has broken the record."""
    return {name: int(number) for name, number in _recorded(live, VERSIONS, dict).items()}


def copies_of(live: Object | None) -> list[ObjectKey]:
    """Return where copies were made."""
    places = [str(place).partition("/") for place in _recorded(live, COPIES, list)]
    return [key_of(namespace, name) for namespace, _slash, name in places]


def _recorded(live: Object | None, name: str, kind: t.Any) -> t.Any:
    annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
    text = annotations.get(name)
    if text is None:
        return kind()
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    numbers = found.values() if isinstance(found, dict) else []
    if not isinstance(found, kind) or not all(isinstance(number, int) for number in numbers):
        raise Failure(
            Kind.BROKEN,
            tried=f"reading the annotation {name}",
            on=str(ObjectKey.of(live or {})),
            said="it is not readable",
            remedy="Correct it, or remove it to begin with version 1",
        )
    return found


def keys_of_ours(live: Object | None) -> set[str]:
    """Return the keys that we have set: leaving one out of the next apply would delete it."""
    found: set[str] = set()
    for entry in ((live or {}).get("metadata") or {}).get("managedFields") or []:
        if entry.get("manager") == MANAGER:
            fields = (entry.get("fieldsV1") or {}).get("f:data") or {}
            found |= {name.removeprefix("f:") for name in fields if name.startswith("f:")}
    return found & set((live or {}).get("data") or {})
