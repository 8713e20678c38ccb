# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GitHub's addresses: the ranges from which deliveries come, refused unless they can be relied on.

In: a client, the ranges that were known before. Out: ranges as plain data, or a Failure.
Never here: a range of our own; an empty or shrunken answer that opens or closes a firewall by accident (E15).
"""

from __future__ import annotations

import ipaddress
import typing as t

from .._core.failure import Failure, Kind, invalid
from .client import Client

_TRIED = "Reading the addresses that GitHub delivers from"
_WIDEST = {4: 8, 6: 16}  # shorter prefixes are no address range of one company
Network: t.TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


def hook_ranges(client: Client, previous: t.Sequence[str], minimum: int, shrink: bool) -> dict[str, t.Any]:
    """Return the ranges that deliveries come from, by version, and what differs from ``previous``.

    Raises Failure(refused) when there are fewer than ``minimum``, and when one that was known is gone, unless
    ``shrink`` allows that.
    """
    if minimum < 1:
        raise invalid("minimum", "it is below 1", "An empty answer is never taken")
    known = [_network(text) for text in previous]
    found = _read(client)
    if len(found) < minimum:
        raise _refused(f"it names {len(found)} ranges, {minimum} are wanted")
    gone = [str(old) for old in known if not any(_covers(new, old) for new in found)]
    if gone and not shrink:
        raise _refused(f"ranges are gone: {', '.join(gone)[:300]}", "Set allow_removed: true when GitHub dropped them")
    added = [str(new) for new in found if not any(_covers(old, new) for old in known)]
    return {
        "hooks": [str(network) for network in found],
        "ipv4": [str(network) for network in found if network.version == 4],
        "ipv6": [str(network) for network in found if network.version == 6],
        "added": added if known else [],
        "removed": gone,
    }


def _read(client: Client) -> list[Network]:
    answer = client.get("/meta", None, tried=_TRIED)
    texts = answer.get("hooks") if isinstance(answer, dict) else None
    if texts is None:
        raise _refused("it names none", "An Enterprise Server has none: allow its own addresses")
    if not isinstance(texts, list) or not texts:
        raise _refused("the list is empty")
    found = [_checked(str(text)) for text in texts]
    return sorted(found, key=lambda network: (network.version, int(network.network_address), network.prefixlen))


def _checked(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise _refused(f"{text[:80]!r} is no range") from error
    if network.prefixlen < _WIDEST[network.version]:
        raise _refused(f"{text} is half the internet")
    return network


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise invalid(f"The range {text[:80]!r}", "it is no address range", "Write it as 192.0.2.0/24") from error


def _covers(outer: Network, inner: Network) -> bool:
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _refused(said: str, remedy: str = "Keep the ranges of before, and look at what answers") -> Failure:
    return Failure(Kind.REFUSED, tried=_TRIED, said=said, remedy=remedy)
