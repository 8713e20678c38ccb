# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every tenant needs to know of the platform, from the ConfigMap ``aphex-platform``.

In: the live ConfigMap. Out: Settings. Never here: a second source; the admission policies read the same ConfigMap.
"""

from __future__ import annotations

import ipaddress
import json
import typing as t
from dataclasses import dataclass, field

from .._core.failure import Failure, Kind
from .._core.names import snake_keys
from .._kubernetes.objects import ObjectKey
from . import names

DEFAULT_CLOUDFLARED = (
    "docker.io/cloudflare/cloudflared:2026.9.1@sha256:b269e8abd07a5bf6f3f4be65d5050b2174eca89c56a0241a8ff32a16aec454e4"
)
DEFAULT_QUOTA: dict[str, t.Any] = {
    "requests_cpu": "4",
    "limits_cpu": "8",
    "requests_memory": "8Gi",
    "limits_memory": "16Gi",
    "persistent_volume_claims": 5,
    "pods": 20,
}
DEFAULT_LIMITS: dict[str, str] = {
    "default_cpu": "500m",
    "default_memory": "512Mi",
    "default_request_cpu": "100m",
    "default_request_memory": "128Mi",
    "max_cpu": "2",
    "max_memory": "4Gi",
}
# Private, shared, link-local and metadata addresses: pods of tenants reach the internet, not the network around them.
PRIVATE_RANGES_V4 = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
PRIVATE_RANGES_V6 = ("fc00::/7", "fe80::/10")


@dataclass(frozen=True)
class Settings:
    """The platform's settings; quotas and limits in Ansible's spelling."""

    zone: str
    account_id: str = ""
    cloudflare_api_url: str = ""
    argocd_namespace: str = "argocd"
    approved_owners: tuple[str, ...] = ()
    reserved_namespaces: tuple[str, ...] = names.RESERVED_NAMESPACES
    username_prefix: str = "oidc:"
    cloudflared_image: str = DEFAULT_CLOUDFLARED
    cluster_domain: str = "cluster.local"
    node_local_dns: str = ""
    excluded_ranges: tuple[str, ...] = ()
    max_bindings: int = 200
    quota: dict[str, t.Any] = field(default_factory=lambda: dict(DEFAULT_QUOTA), hash=False)
    limits: dict[str, t.Any] = field(default_factory=lambda: dict(DEFAULT_LIMITS), hash=False)
    mcp_image: str = ""

    def approves(self, owner: str) -> bool:
        """Tell whether a GitHub owner may be bound; owners do not differ by case."""
        return owner.lower() in {name.lower() for name in self.approved_owners}


def settings_key() -> ObjectKey:
    """Return the key of the settings."""
    return ObjectKey("v1", "ConfigMap", names.PLATFORM_NAMESPACE, names.SETTINGS)


def from_config_map(live: dict[str, t.Any] | None) -> Settings:
    """Return the settings. Raises Failure when they are absent or wrong."""
    where = str(settings_key())
    if live is None:
        raise Failure(
            Kind.MISSING,
            tried="reading the platform's settings",
            on=where,
            said="it is not there",
            remedy="Run the role aphex.platform.crds first",
        )
    data: dict[str, str] = {key: str(value) for key, value in (live.get("data") or {}).items()}
    if not data.get("zone"):
        raise _wrong("zone", "it is empty")
    reserved = tuple(dict.fromkeys((*names.RESERVED_NAMESPACES, *_lines(data, "reservedNamespaces"))))
    return Settings(
        zone=data["zone"],
        account_id=data.get("accountId", ""),
        cloudflare_api_url=data.get("cloudflareApiUrl", ""),
        argocd_namespace=data.get("argocdNamespace") or "argocd",
        approved_owners=_lines(data, "approvedOwners"),
        reserved_namespaces=reserved,
        username_prefix=data.get("usernamePrefix", "oidc:"),
        cloudflared_image=data.get("cloudflaredImage") or DEFAULT_CLOUDFLARED,
        cluster_domain=data.get("clusterDomain") or "cluster.local",
        node_local_dns=_address(data, "nodeLocalDns"),
        excluded_ranges=_networks(data, "excludedRanges"),
        max_bindings=_number(data, "maxBindings", 200),
        quota=DEFAULT_QUOTA | _mapping(data, "quota"),
        mcp_image=data.get("mcpImage", ""),
    )


def _lines(data: dict[str, str], name: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in data.get(name, "").splitlines() if line.strip())


def _networks(data: dict[str, str], name: str) -> tuple[str, ...]:
    found = _lines(data, name)
    for text in found:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise _wrong(name, f"{text[:80]!r} is no network") from error
    return found


def _address(data: dict[str, str], name: str) -> str:
    text = data.get(name, "").strip()
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError as error:
        raise _wrong(name, f"{text[:80]!r} is no address") from error


def _number(data: dict[str, str], name: str, default: int) -> int:
    try:
        return int(data.get(name) or default)
    except ValueError as error:
        raise _wrong(name, "it is no number") from error


def _mapping(data: dict[str, str], name: str) -> dict[str, t.Any]:
    """Return a mapping written as JSON; keys may be in the resource's or in Ansible's spelling."""
    try:
        found = json.loads(data.get(name) or "{}")
    except ValueError as error:
        raise _wrong(name, "it is no JSON") from error
    if not isinstance(found, dict):
        raise _wrong(name, "it is no mapping")
    mapping: dict[str, t.Any] = snake_keys(found)
    return mapping


def _wrong(name: str, said: str) -> Failure:
    return Failure(
        Kind.INVALID,
        tried=f"reading {name} of the platform's settings",
        on=str(settings_key()),
        said=said,
        remedy="Correct it through the role aphex.platform.crds",
    )
