# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of network policies that organizations and pipelines share. Pure.

In: the settings, the API server's endpoints. Out: egress rules. Never here: a read.

What a policy does is not enforced by every cluster: that is the network plugin's work.
"""

from __future__ import annotations

import ipaddress
import typing as t

from .settings import PRIVATE_RANGES_V4, PRIVATE_RANGES_V6, Settings

Rule = dict[str, t.Any]


def peer_namespace(name: str) -> Rule:
    """Return the peer that is a whole namespace."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def ports(pairs: t.Iterable[tuple[str, int]]) -> list[Rule]:
    """Return ports as policies write them."""
    return [{"protocol": protocol, "port": port} for protocol, port in pairs]


def dns_rule(settings: Settings) -> list[Rule]:
    """Return the way to the cluster's name servers, over UDP and TCP (S10)."""
    wanted = ports([("UDP", 53), ("TCP", 53)])
    kube_dns = {**peer_namespace("kube-system"), "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    rules: list[Rule] = [{"to": [kube_dns], "ports": wanted}]
    if settings.node_local_dns:
        rules.append({"to": [{"ipBlock": {"cidr": _host(settings.node_local_dns)}}], "ports": wanted})
    return rules


def internet_rule(settings: Settings, pairs: t.Iterable[tuple[str, int]] = ()) -> list[Rule]:
    """Return the way to the internet, without private ranges and metadata addresses (S10)."""
    extra = [ipaddress.ip_network(text) for text in settings.excluded_ranges]
    v4 = [*PRIVATE_RANGES_V4, *(str(network) for network in extra if network.version == 4)]
    v6 = [*PRIVATE_RANGES_V6, *(str(network) for network in extra if network.version == 6)]
    rule: Rule = {
        "to": [
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": sorted(set(v4))}},
            {"ipBlock": {"cidr": "::/0", "except": sorted(set(v6))}},
        ]
    }
    wanted = ports(pairs)
    return [{**rule, "ports": wanted} if wanted else rule]


def api_server_rules(slices: t.Iterable[dict[str, t.Any]]) -> list[Rule]:
    """Return the way to the API server: its addresses are private, so the internet rule does not hold them (P8b)."""
    rules = []
    for item in slices:
        addresses = sorted(
            address for endpoint in item.get("endpoints") or [] for address in endpoint.get("addresses") or []
        )
        wanted = [
            {"protocol": port.get("protocol") or "TCP", "port": port["port"]}
            for port in item.get("ports") or []
            if port.get("port")
        ]
        if addresses and wanted:
            rules.append({"to": [{"ipBlock": {"cidr": _host(address)}} for address in addresses], "ports": wanted})
    return rules


def _host(address: str) -> str:
    return f"{address}/{ipaddress.ip_address(address).max_prefixlen}"
