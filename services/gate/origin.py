"""Who speaks to the gate: the address of a client behind proxies, whether it may deliver, how often it has failed.

In: peers, headers, ranges that somebody else has read. Out: yes or no. Never here: a request, a signature.

Addresses are the second layer (E15): what authenticates a delivery is its signature. So ranges that nobody could read
yet refuse nobody, ranges of before stay while GitHub cannot be reached, and an address that has failed too often is
answered shorter, but is still heard when it brings a signature.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, invalid

_LOG = logging.getLogger("gate.origin")
_MOST_ADDRESSES = 4096
_HOME = 64  # bits of an IPv6 address that belong to one customer; the rest is theirs to change
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Origins:
    """The addresses of clients. ``read`` answers the ranges that may deliver; without it every address may.

    ``proxies`` are those whose word about the client's address counts.
    """

    def __init__(self, proxies: Sequence[str] = (), read: Callable[[], Sequence[str]] | None = None) -> None:
        self._proxies = [network(text) for text in proxies]
        self._read = read
        self._ranges: list[Network] | None = None

    @property
    def restricted(self) -> bool:
        """Tell whether there are ranges to be read."""
        return self._read is not None

    def client(self, peer: str | None, forwarded: str) -> str:
        """Return the nearest address that is no proxy of ours. ``forwarded`` is the header X-Forwarded-For.

        Each proxy appends whom it has heard, so the header is read from its end, and only as far as proxies are known:
        what stands before the first stranger, the stranger may have written.
        """
        address = _address(peer or "")
        hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
        while address is not None and hops and _within(address, self._proxies):
            told = _address(hops.pop())
            if told is None:
                break
            address = told
        return str(address or "")

    def allowed(self, client: str) -> bool:
        """Tell whether this address may deliver."""
        if self._ranges is None:
            return True
        address = _address(client)
        return address is not None and _within(address, self._ranges)

    def refresh(self) -> None:
        """Read the ranges again; those of before stay when that fails. For a thread: it waits for the answer."""
        if self._read is None:
            return
        try:
            found = [network(text) for text in self._read()]
            if not found:
                raise invalid("The ranges that may deliver", "there is none")
        except Failure as failure:
            kept = "every address may deliver" if self._ranges is None else "those of before stay"
            _LOG.warning("%s Until then %s.", failure.sentence(), kept)
            return
        self._ranges = found


class Throttle:
    """Counts failures of each address: ``burst`` at once, and then ``rate`` in a second."""

    def __init__(self, burst: float = 20.0, rate: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        # What is left to an address, and when that was so; the one that failed longest ago is forgotten first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def failed(self, client: str) -> None:
        """Count a failure."""
        with self._lock:
            key = _home(client)
            self._left[key] = (max(0.0, self._now(key) - 1.0), self._clock())
            self._left.move_to_end(key)
            if len(self._left) > _MOST_ADDRESSES:
                self._left.popitem(last=False)

    def over(self, client: str) -> bool:
        """Tell whether it has failed too often."""
        with self._lock:
            return self._now(_home(client)) < 1.0

    def _now(self, key: str) -> float:
        left, when = self._left.get(key, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - when) * self._rate)


def network(text: str) -> Network:
    """Return a range. Raises Failure(invalid)."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise invalid(f"The range {text[:80]!r}", "it is no address range", "Write it as 192.0.2.0/24") from error


@functools.lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    """Return an address; an IPv4 address in the clothes of IPv6 is the former, and a port is left out."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    bare = bare.partition(":")[0] if bare.count(":") == 1 else bare
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in item for item in networks)


def _home(client: str) -> str:
    address = _address(client)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _HOME), strict=False))
    return client
