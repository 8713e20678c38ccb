# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of cloudflared's configuration and of the connectors that read it.

In: Manifests. Out: what is wrong, a function a fault. Never here: a request.
"""

from __future__ import annotations

import base64
import json
import re
import typing as t
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..._cloudflare.cloudflared import ORIGIN_DURATIONS, ORIGIN_KEYS
from ..._core.failure import Failure
from ..._core.sensitive import Sensitive
from ..._yaml import load_documents
from ..manifests import Manifest, Manifests, mapping, mappings
from .rule import Rule, Seen, declared

RULES: list[Rule] = []
RECEIVER_SERVICE = "webhook-receiver"

_RULE_KEYS = frozenset(("hostname", "path", "service", "originRequest"))


@dataclass(frozen=True)
class Config:
    """One configuration of cloudflared, and the ConfigMap in which it stands."""

    item: Manifest
    data: dict[str, t.Any]

    @property
    def rules(self) -> list[dict[str, t.Any]]:
        """Its tunnel rules."""
        return mappings(self.data.get("ingress"))

    def origin(self, rule: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return what holds for the origin of a rule: its own words over those for all."""
        return {**mapping(self.data.get("originRequest")), **mapping(rule.get("originRequest"))}


def configs(manifests: Manifests) -> t.Iterator[Config]:
    """Yield every configuration of cloudflared among the ConfigMaps."""
    for item in manifests.of("ConfigMap"):
        for name, text in mapping(item.obj.get("data")).items():
            if not str(name).endswith((".yaml", ".yml")) or "ingress" not in str(text):
                continue
            try:
                documents = load_documents(str(text), name)
            except Failure:
                # Not cloudflared's: its own check would have refused it, and other files may hold anything.
                continue
            for data in documents:
                if isinstance(data, dict) and isinstance(data.get("ingress"), list) and _is_cloudflareds(data):
                    yield Config(item, data)


def _is_cloudflareds(data: dict[str, t.Any]) -> bool:
    return "tunnel" in data or any("service" in rule for rule in mappings(data["ingress"]))


def hosts(manifests: Manifests) -> set[str]:
    """Return the public hosts that tunnels serve."""
    return {str(rule["hostname"]) for config in configs(manifests) for rule in config.rules if rule.get("hostname")}


def _service(rule: dict[str, t.Any]) -> tuple[str, str, str, int | None]:
    """Return scheme, Service, namespace and port of a rule; empty for what is no URL."""
    parts = urlsplit(str(rule.get("service") or ""))
    name, _dot, rest = (parts.hostname or "").partition(".")
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, name, rest.partition(".")[0], port


@declared(
    RULES,
    "A2",
    "error",
    "origin",
    "Send to http://webhook-receiver.<namespace>.svc.cluster.local:80; 9292 is the container's",
)
def rule_has_the_containers_port(manifests: Manifests) -> Seen:
    """A tunnel rule with the container's port, which the Service does not have."""
    for config in configs(manifests):
        for rule in config.rules:
            _scheme, name, _namespace, port = _service(rule)
            if name == RECEIVER_SERVICE and port not in (80, None):
                yield config.item, f"{rule['service']}: Service {RECEIVER_SERVICE} has the port 80 alone"


@declared(
    RULES,
    "A3",
    "error",
    "origin",
    "Say originServerName, or send to http://webhook-receiver.<namespace>.svc.cluster.local:80 without TLS",
)
def certificate_has_another_name(manifests: Manifests) -> Seen:
    """TLS to a Service's name with a certificate for the public one: every delivery ends in a 502."""
    for config in configs(manifests):
        for rule in config.rules:
            origin = config.origin(rule)
            if _service(rule)[0] != "https":
                continue
            if origin.get("noTLSVerify") is True:
                yield config.item, f"{rule['service']}: noTLSVerify takes any certificate"
            elif not origin.get("originServerName") and not origin.get("matchSNItoHost"):
                header = ", and httpHostHeader does not change that" if origin.get("httpHostHeader") else ""
                yield config.item, f"{rule['service']}: the certificate is checked for this very name{header}"


@declared(
    RULES, "A23", "warning", "tunnel", "Put a checksum of the configuration on the pod template, so that a change rolls"
)
def change_rolls_nothing(manifests: Manifests) -> Seen:
    """A connector does not watch its file: a changed ConfigMap alone does nothing."""
    names = {(config.item.namespace, config.item.name) for config in configs(manifests)}
    for item in manifests.of("Deployment", "DaemonSet"):
        template = mapping(item.spec.get("template"))
        annotations = mapping(mapping(template.get("metadata")).get("annotations"))
        volumes = mappings(mapping(template.get("spec")).get("volumes"))
        mounted = {(item.namespace, str(mapping(volume.get("configMap")).get("name"))) for volume in volumes}
        if mounted & names and not any("checksum" in key or "hash" in key for key in annotations):
            yield item, "a change of its configuration does not restart it, and it reads the file once"


@declared(RULES, "A32", "error", "tunnel", "Write the UUID of the tunnel, the one in its credentials")
def tunnel_is_named(manifests: Manifests) -> Seen:
    """A name in place of the UUID, or a UUID that is not that of the credentials."""
    for config in configs(manifests):
        name = config.data.get("tunnel")
        if name is None:
            continue
        if not _is_uuid(str(name)):
            yield config.item, f"tunnel {name} is a name, which holds only while the credentials tell the UUID"
            continue
        for secret, known in _credentials(manifests, config.item.namespace):
            if known and known.lower() != str(name).lower():
                yield config.item, f"tunnel {name} is not {known} of {secret.subject}, so no connector would be let in"


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _credentials(manifests: Manifests, namespace: str) -> t.Iterator[tuple[Manifest, str]]:
    for secret in manifests.of("Secret"):
        text = _text(secret, "credentials.json")
        if secret.namespace == namespace and text:
            try:
                yield secret, str(mapping(json.loads(text)).get("TunnelID") or "")
            except ValueError:
                continue


def _text(secret: Manifest, key: str) -> str:
    """Return a value of a Secret in a file; one of the cluster stays closed."""
    plain, coded = mapping(secret.obj.get("stringData")).get(key), mapping(secret.obj.get("data")).get(key)
    if isinstance(plain, str):
        return plain
    if isinstance(coded, Sensitive) or not isinstance(coded, str):
        return ""
    try:
        return base64.b64decode(coded, validate=True).decode()
    except ValueError:
        return ""


@declared(RULES, "A33", "warning", "tunnel", "Write path: ^/hook/[0-9a-f]{64}$")
def path_is_open(manifests: Manifests) -> Seen:
    """A path without anchors is found anywhere in the path of a request."""
    for config in configs(manifests):
        for rule in config.rules:
            path = str(rule.get("path") or "")
            if "hook" in path and not (path.startswith("^") and path.endswith("$")):
                yield (
                    config.item,
                    f"the path {path} of {rule.get('hostname')} is a pattern that matches in the middle too",
                )


@declared(RULES, "A1", "error", "tunnel", "Take the path of status.webhookPath, or the pattern ^/hook/[0-9a-f]{64}$")
def path_names_the_receiver(manifests: Manifests) -> Seen:
    """A path with a name in it: Flux serves a digest and nothing else."""
    for config in configs(manifests):
        for rule in config.rules:
            path = str(rule.get("path") or "")
            if re.search(r"/hook/[\w-]+", path) and not re.search(r"/hook/[0-9a-f]{64}", path):
                yield config.item, f"the path {path} names something that is no digest of 64 digits"


@declared(RULES, "A35", "warning", "edge", "Use one label below the zone, or order an advanced certificate")
def name_is_too_deep(manifests: Manifests) -> Seen:
    """Universal SSL covers the zone and one label below it."""
    for config in configs(manifests):
        for rule in config.rules:
            host = str(rule.get("hostname") or "")
            below = host.removesuffix(f".{manifests.zone}")
            if manifests.zone and below != host and "." in below:
                yield config.item, f"{host} is two labels below {manifests.zone}"


@declared(
    RULES,
    "A36",
    "error",
    "origin",
    "Name a Service that is there; the chart of ingress-nginx calls it <release>-controller",
)
def service_is_not_there(manifests: Manifests) -> Seen:
    """A rule for a Service that nobody has made."""
    for config in configs(manifests):
        for rule in config.rules:
            scheme, name, namespace, _port = _service(rule)
            if not scheme.startswith("http") or not namespace:
                continue
            here = bool([item for item in manifests.of("Service") if item.namespace == namespace])
            if (manifests.complete or here) and manifests.find("Service", namespace, name) is None:
                yield config.item, f"{rule['service']}: there is no Service {namespace}/{name}"
            elif not here and name.startswith("ingress-nginx") and not name.endswith("-controller"):
                yield config.item, f"{rule['service']}: the chart makes no Service of this name"


@declared(RULES, "A37", "warning", "tunnel", "Run two or more replicas, and let nothing scale them")
def connectors_are_scaled(manifests: Manifests) -> Seen:
    """Replicas give failover and no balance of load; scaling down cuts connections."""
    for item in manifests.of("HorizontalPodAutoscaler"):
        target = str(mapping(item.spec.get("scaleTargetRef")).get("name") or "")
        if "cloudflared" in target or "tunnel" in target:
            yield item, f"it scales {target}, whose replicas share no load"


@declared(RULES, "T1", "error", "tunnel", "End the rules with one that has service alone, such as http_status:404")
def catch_all_is_missing(manifests: Manifests) -> Seen:
    """cloudflared does not start without a last rule for everything."""
    for config in configs(manifests):
        rules = config.rules
        if not rules or rules[-1].get("hostname") or rules[-1].get("path"):
            yield config.item, "the last rule is not one for everything"
        if any(not rule.get("hostname") and not rule.get("path") for rule in rules[:-1]):
            yield config.item, "a rule for everything stands before the last, so the ones after it never match"


@declared(RULES, "T2", "error", "tunnel", "Correct the key: cloudflared warns of it and goes on without")
def key_is_unknown(manifests: Manifests) -> Seen:
    """cloudflared's own check lets unknown keys pass."""
    for config in configs(manifests):
        # Every flag may be a key at the top, so there only those are told that are gone.
        for key in config.data:
            if str(key).startswith("proxy-dns"):
                yield config.item, f"cloudflared has no {key} any more since 2026.2"
        tables = [(ORIGIN_KEYS, mapping(config.data.get("originRequest")))]
        for rule in config.rules:
            tables += [(_RULE_KEYS, rule), (ORIGIN_KEYS, mapping(rule.get("originRequest")))]
        for known, table in tables:
            for key in table:
                if key not in known:
                    yield config.item, f"cloudflared knows no key {key}"


@declared(
    RULES, "T3", "error", "tunnel", "Write durations as text with a unit, such as 30s; whole seconds are the API's form"
)
def duration_is_a_number(manifests: Manifests) -> Seen:
    """In the file a number is nanoseconds."""
    for config in configs(manifests):
        for rule in config.rules:
            origin = config.origin(rule)
            for key in sorted(ORIGIN_DURATIONS):
                if isinstance(origin.get(key), (int, float)):
                    yield config.item, f"{key}: {origin[key]} is no text with a unit"
