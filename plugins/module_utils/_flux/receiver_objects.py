# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a Receiver as plain dicts: its path, Secret, ExternalSecret, Receiver.

In: ReceiverSpec. Out: plain dicts, and the path that Flux will give it. Never here: a read, a clock, randomness.
"""

from __future__ import annotations

import typing as t

from .._core.sensitive import Generated, Sensitive
from .._kubernetes.objects import Object, ObjectKey, Owner
from .spec import API_VERSION, KIND, TOKEN_KEY, ReceiverSpec, Source

EXTERNAL_SECRET_VERSION = "external-secrets.io/v1"
# Flux looks at once when a Secret with this label changes, in place of at its interval.
WATCH_LABEL = {"reconcile.fluxcd.io/watch": "Enabled"}
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
PATH_PREFIX = "/hook/"


def webhook_path(token: Sensitive | None, name: str, namespace: str) -> str:
    """Return the path of a Receiver, known before it exists: SHA-256 of token, name and namespace (A1).

    Nothing stands between the three, and the token counts as it is. Without a token (generic-oidc) it is empty.
    Raises UnicodeDecodeError for a token that is no text.
    """
    return PATH_PREFIX + (token or Sensitive("")).map(lambda text: f"{text}{name}{namespace}").digest()


def owner_of(spec: ReceiverSpec) -> Owner:
    """Return whose the objects are."""
    return Owner(KIND, spec.name, spec.namespace)


def receiver_key(spec: ReceiverSpec) -> ObjectKey:
    """Return the key of the Receiver."""
    return ObjectKey(API_VERSION, KIND, spec.namespace, spec.name)


def secret_key(spec: ReceiverSpec) -> ObjectKey:
    """Return the key of the Secret with the token."""
    return ObjectKey("v1", "Secret", spec.namespace, spec.secret_name)


def external_secret_key(spec: ReceiverSpec) -> ObjectKey:
    """Return the key of the ExternalSecret that makes the Secret."""
    return ObjectKey(EXTERNAL_SECRET_VERSION, "ExternalSecret", spec.namespace, spec.secret_name)


def source_key(source: Source) -> ObjectKey:
    """Return the key of a source that is named."""
    return ObjectKey(source.api_version, source.kind, source.namespace, source.name)


def _object(key: ObjectKey, owner: Owner, labels: dict[str, str] | None = None, **body: t.Any) -> Object:
    metadata = {
        "name": key.name,
        "namespace": key.namespace,
        "labels": {**owner.labels(), **(labels or {})},
    }
    return {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata, **body}


def secret(spec: ReceiverSpec, token: Sensitive | Generated) -> Object:
    """Return the Secret; a generated token is made by whoever creates it."""
    value = token.base64() if isinstance(token, Sensitive) else token
    extra = {key: Sensitive(text).base64() for key, text in spec.extra.items()}
    return _object(secret_key(spec), owner_of(spec), WATCH_LABEL, type="Opaque", data={TOKEN_KEY: value, **extra})


def external_secret(spec: ReceiverSpec) -> Object:
    """Return the ExternalSecret; the Secret that it makes carries the label by which Flux sees a change at once."""
    if spec.external is None:
        return _object(external_secret_key(spec), owner_of(spec))
    reference = {"key": spec.external.key}
    if spec.external.property:
        reference["property"] = spec.external.property
    template: dict[str, t.Any] = {"metadata": {"labels": dict(WATCH_LABEL)}}
    if spec.extra:
        template |= {"mergePolicy": "Merge", "data": dict(spec.extra)}
    body = {
        "refreshInterval": spec.external.refresh_interval,
        "secretStoreRef": {"kind": spec.external.store_kind, "name": spec.external.store},
        "target": {"name": spec.secret_name, "creationPolicy": "Owner", "template": template},
        "data": [{"secretKey": TOKEN_KEY, "remoteRef": reference}],
    }
    return _object(external_secret_key(spec), owner_of(spec), spec=body)


def receiver(spec: ReceiverSpec) -> Object:
    """Return the Receiver."""
    body: dict[str, t.Any] = {"type": spec.type}
    if spec.interval:
        body["interval"] = spec.interval
    if spec.events:
        body["events"] = list(spec.events)
    body["resources"] = [_resource(source) for source in spec.sources]
    if spec.resource_filter:
        body["resourceFilter"] = spec.resource_filter
    if spec.traits.token:
        body["secretRef"] = {"name": spec.secret_name}
    if spec.oidc_providers:
        body["oidcProviders"] = list(spec.oidc_providers)
    body["suspend"] = spec.suspend
    return _object(receiver_key(spec), owner_of(spec), spec=body)


def _resource(source: Source) -> dict[str, t.Any]:
    body: dict[str, t.Any] = {
        "apiVersion": source.api_version,
        "kind": source.kind,
        "name": source.name,
        "namespace": source.namespace,
    }
    if source.match_labels:
        body["matchLabels"] = dict(source.match_labels)
    if source.filter:
        body["filter"] = source.filter
    return body
