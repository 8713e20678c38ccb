"""What the connector program reads: credentials, token, configuration file, tunnel rules.

In: texts and plain data. Out: checked values, or BadConfig with the words that cloudflared prints.
Never here: a request, a file, a cluster.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

RULE_KEYS = frozenset({"hostname", "path", "service", "originRequest"})
DURATIONS = frozenset({"connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout"})
ORIGIN_KEYS = DURATIONS | {
    "noHappyEyeballs",
    "keepAliveConnections",
    "httpHostHeader",
    "originServerName",
    "matchSNItoHost",
    "caPool",
    "noTLSVerify",
    "disableChunkedEncoding",
    "bastionMode",
    "proxyAddress",
    "proxyPort",
    "proxyType",
    "ipRules",
    "http2Origin",
    "access",
}
NAMED_SERVICES = frozenset({"hello_world", "hello-world", "bastion", "socks-proxy"})
GO_DURATION = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+|0")
LAST_RULE = "The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)"
BAD_WILDCARD = (
    'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, '
    'e.g. "*.example.com"'
)


class BadConfig(ValueError):
    """The configuration, the credentials or the token cannot be used; the connector would end with this text."""


@dataclass(frozen=True)
class Credentials:
    """Who a connector is: the same three facts in a credentials file and in a token."""

    account: str
    tunnel: str
    secret: str

    @classmethod
    def from_json(cls, text: str) -> Credentials:
        """Read credentials.json (AccountTag, TunnelID, TunnelSecret)."""
        return cls._from(text, "AccountTag", "TunnelID", "TunnelSecret")

    @classmethod
    def from_token(cls, token: str) -> Credentials:
        """Read a token: base64 of JSON with the keys a, t and s."""
        try:
            text = base64.b64decode(token.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadConfig("Provided Tunnel token is not valid.") from error
        return cls._from(text, "a", "t", "s")

    def to_token(self) -> str:
        data = {"a": self.account, "t": self.tunnel, "s": self.secret}
        return base64.b64encode(json.dumps(data, separators=(",", ":")).encode()).decode()

    def to_json(self) -> str:
        return json.dumps({"AccountTag": self.account, "TunnelSecret": self.secret, "TunnelID": self.tunnel})

    @classmethod
    def _from(cls, text: str, *keys: str) -> Credentials:
        try:
            data = json.loads(text)
            account, tunnel, secret = (data[key] for key in keys)
            base64.b64decode(secret, validate=True)
        except (ValueError, KeyError, TypeError) as error:
            raise BadConfig(f"the credentials are no JSON with {', '.join(keys)}: {error}") from error
        return cls(account, tunnel, secret)


@dataclass(frozen=True)
class Rule:
    """One tunnel rule: which requests (host pattern, unanchored path pattern) go to which service."""

    hostname: str
    path: re.Pattern[str] | None
    service: str
    origin: dict[str, Any]

    @property
    def catches_all(self) -> bool:
        return self.hostname in ("", "*") and self.path is None

    def matches(self, host: str, path: str) -> bool:
        if self.hostname not in ("", "*", host):
            if not self.hostname.startswith("*."):
                return False
            if not host.endswith(self.hostname[1:]):
                return False
        return self.path is None or self.path.search(path) is not None


@dataclass(frozen=True)
class Config:
    """A configuration file. ``warnings`` are what cloudflared prints and then ignores (unknown keys)."""

    tunnel: str
    credentials_file: str
    rules: tuple[Rule, ...]
    warnings: tuple[str, ...]


def read_config(text: str) -> Config:
    """Read config.yaml; raises BadConfig as ``cloudflared tunnel ingress validate`` would."""
    try:
        data = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise BadConfig(f"error parsing YAML in config file: {error}") from error
    if not isinstance(data, dict):
        raise BadConfig("error parsing YAML in config file: no mapping")
    rules, warnings = read_rules(data, from_file=True)
    return Config(str(data.get("tunnel") or ""), str(data.get("credentials-file") or ""), rules, warnings)


def read_rules(data: Mapping[str, Any], from_file: bool) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """Check ``ingress`` and ``originRequest`` and return the rules and the warnings.

    Durations are Go texts ("30s") in a file and whole seconds in the API. No rules at all is allowed: such a
    connector answers 503 to everything.
    """
    defaults = data.get("originRequest") or {}
    warnings = _check_origin(defaults, from_file)
    ingress = data.get("ingress") or []
    if not isinstance(ingress, list) or not all(isinstance(item, dict) for item in ingress):
        raise BadConfig("ingress must be a list of rules")
    rules = []
    for index, item in enumerate(ingress):
        warnings += [f"unknown key {key!r} in rule #{index + 1}" for key in sorted(set(item) - RULE_KEYS)]
        origin = item.get("originRequest") or {}
        warnings += _check_origin(origin, from_file)
        rule = _read_rule(item, index, {**defaults, **origin})
        _check_place(rule, index, len(ingress))
        rules.append(rule)
    return tuple(rules), tuple(warnings)


def find_rule(rules: tuple[Rule, ...], host: str, path: str) -> Rule:
    """Return the first rule that matches; the last one catches all. ``rules`` must not be empty."""
    return next((rule for rule in rules if rule.matches(host, path)), rules[-1])


def _read_rule(item: Mapping[str, Any], index: int, origin: dict[str, Any]) -> Rule:
    hostname, service = str(item.get("hostname") or ""), str(item.get("service") or "")
    try:
        path = re.compile(item["path"]) if item.get("path") else None
    except re.error as error:
        raise BadConfig(f"Rule #{index + 1} has an invalid regex: {error}") from error
    _check_service(service)
    return Rule(hostname, path, service, origin)


def _check_place(rule: Rule, index: int, count: int) -> None:
    if ":" in rule.hostname:
        raise BadConfig("Hostname cannot contain a port")
    if rule.hostname.rfind("*") > 0:
        raise BadConfig(BAD_WILDCARD)
    last = index == count - 1
    if last and not rule.catches_all:
        raise BadConfig(LAST_RULE)
    if not last and rule.catches_all:
        raise BadConfig(
            f"Rule #{index + 1} is matching the hostname '{rule.hostname}', but this will match every hostname, "
            "meaning the rules which follow it will never be triggered."
        )


def _check_service(service: str) -> None:
    if service in NAMED_SERVICES or service.startswith(("unix:", "unix+tls:")):
        return
    if service.startswith("http_status:"):
        code = service.removeprefix("http_status:")
        if not code.isdigit() or not 100 <= int(code) <= 999:
            raise BadConfig(f"invalid HTTP status code: {code}")
        return
    parts = urlsplit(service)
    if not parts.scheme or not parts.hostname:
        raise BadConfig(f"{service} is an invalid address, please make sure it has a scheme and a hostname")
    if parts.path:
        raise BadConfig(
            f"{service} is an invalid address, ingress rules don't support proxying to a different path on the "
            "origin service. The path will be the same as the eyeball request's path"
        )


def _check_origin(origin: Any, from_file: bool) -> list[str]:
    if not isinstance(origin, dict):
        raise BadConfig("originRequest must be a mapping")
    for key in sorted(DURATIONS & set(origin)):
        value = origin[key]
        if from_file and not (isinstance(value, str) and GO_DURATION.fullmatch(value)):
            raise BadConfig(f"cannot unmarshal {value!r} of {key} into a duration")
        if not from_file and (isinstance(value, bool) or not isinstance(value, int)):
            raise BadConfig(f"cannot unmarshal {value!r} of {key} into whole seconds")
    return [f"unknown key {key!r} in originRequest" for key in sorted(set(origin) - ORIGIN_KEYS)]
