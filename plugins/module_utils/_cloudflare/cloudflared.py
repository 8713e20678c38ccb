# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a connector (a running cloudflared) needs: credentials, token, configuration text, its Deployment. Pure.

In: ids, a secret, tunnel rules, names. Out: Sensitive texts, YAML text, a plain dict.
Never here: a request, a default of ours for images or names.

The token and the credentials file hold the same facts (account, tunnel, secret), so each converts to the other.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import typing as t

from .._core.failure import invalid
from .._core.plan import UNKNOWN, holds_unknown
from .._core.sensitive import Sensitive
from .._yaml import dump

SECRET_BYTES = 32
CATCH_ALL = "http_status:404"
CONFIG_FOLDER = "/etc/cloudflared/config"
CONFIG_KEY = "config.yaml"
CREDENTIALS_FOLDER = "/etc/cloudflared/credentials"
CREDENTIALS_KEY = "credentials.json"
CREDENTIALS_FILE = f"{CREDENTIALS_FOLDER}/{CREDENTIALS_KEY}"
METRICS_PORT = 2000
METRICS = f"0.0.0.0:{METRICS_PORT}"
POD_LABELS = {"app": "cloudflared"}
CHECKSUM = "platform.aphex/checksum"
USER = 65532
ORIGIN_DURATIONS = frozenset({"connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout"})
ORIGIN_KEYS = ORIGIN_DURATIONS | {
    "access",
    "bastionMode",
    "caPool",
    "disableChunkedEncoding",
    "http2Origin",
    "httpHostHeader",
    "ipRules",
    "keepAliveConnections",
    "matchSNItoHost",
    "noHappyEyeballs",
    "noTLSVerify",
    "originServerName",
    "proxyAddress",
    "proxyPort",
    "proxyType",
}

# A token's key and the credentials file's key for the same fact, in the order in which Cloudflare writes a token.
_KEYS = {"a": "AccountTag", "t": "TunnelID", "s": "TunnelSecret", "e": "Endpoint"}
_FILE = ("AccountTag", "TunnelSecret", "TunnelID", "Endpoint")
_OPTIONAL = "Endpoint"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_uuid(text: str) -> bool:
    """Tell whether a text looks like a tunnel id; a name must not."""
    return bool(_UUID.fullmatch(text))


def check_secret(secret: Sensitive) -> Sensitive:
    """Return the tunnel secret when it is base64 of at least 32 bytes, else raise Failure(invalid) without it."""
    return secret.map(_checked_secret)


def _checked_secret(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) < SECRET_BYTES:
        raise invalid(
            "The tunnel secret",
            f"it is not base64 of at least {SECRET_BYTES} bytes",
            f"Make one with: openssl rand -base64 {SECRET_BYTES}",
        )
    return text


def credentials(account_id: str, secret: Sensitive | str, tunnel_id: str) -> Sensitive | str:
    """Return the text of the credentials file, or UNKNOWN while the secret or the tunnel's id is not known."""
    return _with_secret(secret, (account_id, tunnel_id), lambda text: _credentials_text(account_id, text, tunnel_id))


def token(account_id: str, secret: Sensitive | str, tunnel_id: str) -> Sensitive | str:
    """Return the token that runs the tunnel, or UNKNOWN while the secret or the tunnel's id is not known."""
    return _with_secret(
        secret,
        (account_id, tunnel_id),
        lambda text: token_from_credentials(_credentials_text(account_id, text, tunnel_id)),
    )


def _with_secret(secret: Sensitive | str, ids: tuple[str, str], make: t.Callable[[str], str]) -> Sensitive | str:
    if not isinstance(secret, Sensitive) or holds_unknown(ids):
        return UNKNOWN
    return secret.map(make)


def _credentials_text(account_id: str, secret: str, tunnel_id: str) -> str:
    return json.dumps({"AccountTag": account_id, "TunnelSecret": secret, "TunnelID": tunnel_id}, separators=(",", ":"))


def parse_token(text: str) -> dict[str, str]:
    """Return the facts of a token under their names in the credentials file. Raises Failure(invalid), never quoting."""
    try:
        facts = json.loads(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise invalid("The tunnel token", "it is not base64 of a JSON object", "Copy it whole") from error
    return _facts("The tunnel token", facts, _KEYS)


def secret_of(value: Sensitive) -> Sensitive:
    """Return the secret that a token holds."""
    return value.map(lambda text: parse_token(text)["TunnelSecret"])


def credentials_from_token(text: str) -> str:
    """Return the text of the credentials file for a token."""
    facts = parse_token(text)
    return json.dumps({name: facts[name] for name in _FILE if name in facts}, separators=(",", ":"))


def token_from_credentials(text: str) -> str:
    """Return the token for the text of a credentials file. Raises Failure(invalid) without the text."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise invalid("The tunnel credentials", "they are no JSON", "Give the text of the credentials file") from error
    facts = _facts("The tunnel credentials", given, {name: name for name in _FILE})
    packed = {short: facts[name] for short, name in _KEYS.items() if name in facts}
    return base64.b64encode(json.dumps(packed, separators=(",", ":")).encode()).decode()


def _facts(what: str, given: t.Any, names: dict[str, str]) -> dict[str, str]:
    """Return the known facts in a fixed order; one that is missing or no text is a Failure with its key."""
    if not isinstance(given, dict):
        raise invalid(what, "it is no JSON object", "Give it as Cloudflare made it")
    found: dict[str, str] = {}
    for key, name in names.items():
        value = given.get(key)
        if isinstance(value, str) and value:
            found[name] = value
        elif name != _OPTIONAL or value not in (None, ""):
            raise invalid(what, f"its key {key} is missing or no text", "Give it as Cloudflare made it")
    return found


def config_text(
    tunnel_id: str,
    rules: t.Sequence[t.Mapping[str, t.Any]],
    credentials_file: str = CREDENTIALS_FILE,
    metrics: str = METRICS,
) -> str:
    """Return the configuration of a locally managed tunnel; equal input gives equal bytes.

    A rule has ``hostname``, ``service``, and may have ``path`` and ``originRequest`` in the API's words (durations in
    whole seconds); the catch-all is added. The tunnel id may be UNKNOWN.
    """
    ingress = [_rule_text(rule) for rule in rules]
    return dump(
        {
            "tunnel": tunnel_id,
            "credentials-file": credentials_file,
            "metrics": metrics,
            "no-autoupdate": True,
            "ingress": [*ingress, {"service": CATCH_ALL}],
        }
    )


def _rule_text(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    text = {key: rule[key] for key in ("hostname", "path", "service") if rule.get(key)}
    if rule.get("originRequest"):
        text["originRequest"] = {key: _duration(key, value) for key, value in rule["originRequest"].items()}
    return text


def _duration(key: str, value: t.Any) -> t.Any:
    """Return a value as the file wants it: durations are Go texts there and whole seconds in the API."""
    return f"{value}s" if key in ORIGIN_DURATIONS and isinstance(value, int) else value


def deployment(
    name: str,
    namespace: str,
    labels: t.Mapping[str, str],
    image: str,
    replicas: int,
    credentials_secret: str,
    config_map: str,
    checksum: str,
) -> dict[str, t.Any]:
    """Return the connector's Deployment; it passes Pod Security ``restricted``.

    ``labels`` stand on the Deployment alone: pods carry only ``POD_LABELS``, since controllers copy labels to children
    (P3). A changed ``checksum`` restarts the pods, one after the other and never all at once (B5).
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {**labels, **POD_LABELS}},
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": dict(POD_LABELS)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": dict(POD_LABELS), "annotations": {CHECKSUM: checksum}},
                "spec": _pod(image, credentials_secret, config_map),
            },
        },
    }


def _pod(image: str, credentials_secret: str, config_map: str) -> dict[str, t.Any]:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Longer than the 30 s that cloudflared gives to requests in flight.
        "terminationGracePeriodSeconds": 45,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": _apart(),
        "containers": [_container(image)],
        "volumes": [
            {
                "name": "config",
                "configMap": {"name": config_map, "items": [{"key": CONFIG_KEY, "path": CONFIG_KEY}]},
            },
            {
                "name": "credentials",
                "secret": {
                    "secretName": credentials_secret,
                    "defaultMode": 0o440,
                    "items": [{"key": CREDENTIALS_KEY, "path": CREDENTIALS_KEY}],
                },
            },
        ],
    }


def _container(image: str) -> dict[str, t.Any]:
    # Ready means connected to the edge at least once over; it says nothing about the service behind the rule.
    ready = {"httpGet": {"path": "/ready", "port": "metrics"}, "periodSeconds": 10, "timeoutSeconds": 5}
    return {
        "name": "cloudflared",
        "image": image,
        "args": [
            "tunnel",
            "--no-autoupdate",
            "--config",
            f"{CONFIG_FOLDER}/{CONFIG_KEY}",
            "--metrics",
            METRICS,
            "run",
        ],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "readinessProbe": {**ready, "failureThreshold": 3},
        # An outage of the edge must not become a loop of restarts: give it a minute.
        "livenessProbe": {**ready, "initialDelaySeconds": 10, "failureThreshold": 6},
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "256Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "credentials", "mountPath": CREDENTIALS_FOLDER, "readOnly": True},
        ],
    }


def _apart() -> dict[str, t.Any]:
    """Prefer one connector a node, so that a node may be drained."""
    return {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "podAffinityTerm": {
                        "labelSelector": {"matchLabels": dict(POD_LABELS)},
                        "topologyKey": "kubernetes.io/hostname",
                    },
                }
            ]
        }
    }
