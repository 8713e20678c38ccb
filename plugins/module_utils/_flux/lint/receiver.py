# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of Receivers, their tokens and their sources.

In: Manifests. Out: what is wrong, a function a fault. Never here: a request.
"""

from __future__ import annotations

import base64
import typing as t

from ..._core.sensitive import Sensitive
from ..manifests import Manifest, Manifests, mapping, mappings
from ..receiver_objects import WATCH_LABEL
from ..spec import EVERY_NAME, PING, SOURCE_VERSIONS, TOKEN_KEY, TYPES, Type, token_problem, unguarded
from .rule import Rule, Seen, declared

RULES: list[Rule] = []
# Events that change nothing which a source reads.
_USELESS = ("pull_request", "issues", "issue_comment", "release", "star", "watch", "fork")


def _traits(receiver: Manifest) -> Type:
    return TYPES.get(str(receiver.spec.get("type")), Type())


def _events(receiver: Manifest) -> list[str]:
    events = receiver.spec.get("events")
    return [str(event).lower() for event in events] if isinstance(events, list) else []


def _filters(receiver: Manifest) -> list[str]:
    own = [receiver.spec.get("resourceFilter")]
    return [str(text) for text in (*own, *(row.get("filter") for row in _resources(receiver))) if text]


def _resources(receiver: Manifest) -> list[dict[str, t.Any]]:
    return mappings(receiver.spec.get("resources"))


def _namespace(receiver: Manifest, row: dict[str, t.Any]) -> str:
    return str(row.get("namespace") or receiver.namespace)


@declared(
    RULES,
    "A16",
    "error",
    "receiver",
    "Take push alone, with resourceFilter: has(req.ref) && req.ref in ['refs/heads/main']",
)
def polls_on_everything(manifests: Manifests) -> Seen:
    """A Receiver of GitHub polls on any branch, on pings, or on events that change no source."""
    for receiver in manifests.of("Receiver"):
        if receiver.spec.get("type") != "github":
            continue
        useless = [event for event in _events(receiver) if event in _USELESS]
        if useless:
            yield receiver, f"the event {useless[0]} polls every source, and none of them can have changed"
        every = all(row.get("filter") for row in _resources(receiver))
        if not receiver.spec.get("resourceFilter") and not (every and _resources(receiver)):
            yield receiver, "without a filter a push to any branch, and even a ping, polls every source"


@declared(RULES, "R1", "error", "receiver", "Add ping to events, or leave events empty")
def ping_is_refused(manifests: Manifests) -> Seen:
    """A list of events without ping answers GitHub's first delivery with 400."""
    for receiver in manifests.of("Receiver"):
        events = _events(receiver)
        if receiver.spec.get("type") == "github" and events and PING not in events:
            yield receiver, "ping is not among its events, so GitHub's first delivery is answered with 400"


@declared(RULES, "A18", "error", "receiver", "Ask has(req.field) before req.field, and have GitHub send json, not form")
def filter_fails(manifests: Manifests) -> Seen:
    """A filter reads what a ping, or a body that is a form, does not have: a 500 each time."""
    for receiver in manifests.of("Receiver"):
        for expression in _filters(receiver):
            for name in unguarded(expression):
                yield receiver, f"its filter reads req.{name} without has(req.{name})"


@declared(RULES, "A17", "error", "source", "Make the source, or take it out of the Receiver")
def source_is_missing(manifests: Manifests) -> Seen:
    """A source that is not there makes every delivery a 500, though the others are polled."""
    for receiver in manifests.of("Receiver"):
        for row in _resources(receiver):
            kind, name, namespace = str(row.get("kind")), str(row.get("name")), _namespace(receiver, row)
            # A few manifests say nothing about what else is there; with sources among them they do.
            tells = manifests.complete or bool(manifests.of(kind))
            known = kind in SOURCE_VERSIONS and SOURCE_VERSIONS[kind]
            if tells and known and name != EVERY_NAME and manifests.find(kind, namespace, name) is None:
                yield receiver, f"{kind} {namespace}/{name} is not there"


@declared(
    RULES, "R2", "error", "receiver", "Name '*' with matchLabels, one source without, and apiVersion where needed"
)
def resources_are_wrong(manifests: Manifests) -> Seen:
    """Entries that the API refuses, or that Flux cannot read."""
    for receiver in manifests.of("Receiver"):
        for row in _resources(receiver):
            kind, name, labels = str(row.get("kind")), str(row.get("name")), mapping(row.get("matchLabels"))
            if kind not in SOURCE_VERSIONS:
                yield receiver, f"{kind} is no kind that a Receiver may poll"
            elif not row.get("apiVersion") and not SOURCE_VERSIONS[kind]:
                yield receiver, f"{kind} {name} needs apiVersion"
            if name == EVERY_NAME and not labels:
                yield receiver, f"{kind} '*' needs matchLabels"
            if labels and name != EVERY_NAME:
                yield receiver, f"matchLabels of {kind} {name} go with the name '*' alone"


@declared(RULES, "R3", "error", "receiver", "Give secretRef to every type but generic-oidc, which wants oidcProviders")
def secret_does_not_fit(manifests: Manifests) -> Seen:
    """A Receiver without the secret that its type needs, or with one that it must not have."""
    for receiver in manifests.of("Receiver"):
        kind, reference = str(receiver.spec.get("type")), receiver.spec.get("secretRef")
        if kind not in TYPES:
            yield receiver, f"there is no type {kind}"
        elif _traits(receiver).token and not reference:
            yield receiver, f"type {kind} needs secretRef"
        elif not _traits(receiver).token and (reference or not receiver.spec.get("oidcProviders")):
            yield receiver, f"type {kind} has oidcProviders and no secretRef"


@declared(RULES, "R4", "error", "receiver", "Put a random text of 32 characters or more into it, without a line break")
def token_is_unusable(manifests: Manifests) -> Seen:
    """A token that is empty, ends in a line break, or is short."""
    for receiver in manifests.of("Receiver"):
        name = str(mapping(receiver.spec.get("secretRef")).get("name"))
        secret = manifests.find("Secret", receiver.namespace, name)
        if secret is None or "sops" in secret.obj:
            continue
        token = _token(secret)
        problem = token_problem(token) if token is not None else f"it has no key {TOKEN_KEY}"
        if problem:
            yield secret, f"the token of {receiver.subject}: {problem}"


def _token(secret: Manifest) -> Sensitive | None:
    plain = mapping(secret.obj.get("stringData")).get(TOKEN_KEY)
    if plain is not None:
        return plain if isinstance(plain, Sensitive) else Sensitive(str(plain))
    value = mapping(secret.obj.get("data")).get(TOKEN_KEY)
    if isinstance(value, Sensitive):
        return value.decoded()
    try:
        return None if value is None else Sensitive(base64.b64decode(str(value), validate=True))
    except ValueError:
        return Sensitive("")


@declared(
    RULES,
    "A22",
    "warning",
    "receiver",
    "Set target.template.metadata.labels reconcile.fluxcd.io/watch: Enabled; rotate by a second Receiver",
)
def refresh_is_taken_for_rotation(manifests: Manifests) -> Seen:
    """An ExternalSecret copies: a changed token moves the path, and Flux sees it only at its interval."""
    wanted = {
        (receiver.namespace, str(mapping(receiver.spec.get("secretRef")).get("name")))
        for receiver in manifests.of("Receiver")
    }
    for item in manifests.of("ExternalSecret"):
        target = mapping(item.spec.get("target"))
        labels = mapping(mapping(mapping(target.get("template")).get("metadata")).get("labels"))
        ours = (item.namespace, str(target.get("name") or item.name)) in wanted
        if ours and any(labels.get(name) != value for name, value in WATCH_LABEL.items()):
            yield item, "its Secret has no label by which Flux would see a changed token, and with it a changed path"


@declared(RULES, "A24", "warning", "receiver", "Leave it out: notification-controller has its own account and rights")
def account_is_unused(manifests: Manifests) -> Seen:
    """A ServiceAccount made for a Receiver, which runs nothing of its own."""
    namespaces = {receiver.namespace for receiver in manifests.of("Receiver")}
    used = {
        str(mapping(mapping(item.spec.get("template")).get("spec")).get("serviceAccountName"))
        for item in manifests.of("Deployment", "DaemonSet", "StatefulSet", "Job")
    }
    for item in manifests.of("ServiceAccount"):
        if item.namespace in namespaces and "webhook" in item.name and item.name not in used:
            yield item, "nothing runs as this account"


@declared(RULES, "A27", "warning", "receiver", "Run one replica")
def controller_has_replicas(manifests: Manifests) -> Seen:
    """More than one notification-controller: it answers, and nobody has documented that it may."""
    for item in manifests.of("Deployment"):
        replicas = item.spec.get("replicas")
        if item.name == "notification-controller" and isinstance(replicas, int) and replicas > 1:
            yield item, f"{replicas} replicas, of which each remembers events by itself"


@declared(RULES, "A28", "warning", "receiver", "Resume it, and redeliver what failed within three days")
def receiver_is_suspended(manifests: Manifests) -> Seen:
    """A suspended Receiver answers 503, and GitHub does not repeat."""
    for receiver in manifests.of("Receiver"):
        if receiver.spec.get("suspend") is True:
            yield receiver, "it is suspended, so every delivery is answered with 503 and lost"
