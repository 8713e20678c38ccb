"""Who a client is behind proxies, which ranges may deliver, and who has failed too often."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from services.gate.origin import Origins, Throttle

PROXIES = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.9", "192.0.2.7"),  # no proxy of ours: its word does not count
        ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "203.0.113.1, 198.51.100.9", "198.51.100.9"),  # the first hop is the client's own word
        ("10.0.0.1", "198.51.100.9, 10.0.0.2", "198.51.100.9"),
        ("10.0.0.1", "198.51.100.9,fd00::2", "198.51.100.9"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "[2001:db8::9]:4711", "2001:db8::9"),
        ("10.0.0.1", "198.51.100.9:4711", "198.51.100.9"),
        ("10.0.0.1", "198.51.100.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        (None, "198.51.100.9", ""),
        ("testclient", "198.51.100.9", ""),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_proxy_of_ours(
    peer: str | None, forwarded: str, client: str
) -> None:
    assert Origins(PROXIES).client(peer, forwarded) == client


def test_ranges_that_cannot_be_read_leave_things_as_they_are() -> None:
    answers: list[Sequence[str] | Failure] = [
        Failure(Kind.TIMEOUT, tried="Reading the ranges"),
        ["198.51.100.0/24", "2001:db8::/32"],
        Failure(Kind.BROKEN, tried="Reading the ranges"),
        [],
        ["no range"],
        ["203.0.113.0/24"],
    ]

    def read() -> Sequence[str]:
        answer = answers.pop(0)
        if isinstance(answer, Failure):
            raise answer
        return answer

    origins = Origins(read=read)
    assert origins.allowed("192.0.2.7")
    origins.refresh()
    assert origins.allowed("192.0.2.7")  # its signature authenticates it; nobody knows the ranges yet
    for _time in range(4):
        origins.refresh()
        assert origins.allowed("198.51.100.9")
        assert origins.allowed("2001:db8::9")
        assert not origins.allowed("192.0.2.7")
        assert not origins.allowed("")
    origins.refresh()
    assert origins.allowed("203.0.113.1")
    assert not origins.allowed("198.51.100.9")
    assert answers == []


def test_without_a_reader_every_address_may() -> None:
    origins = Origins(PROXIES)
    origins.refresh()
    assert not origins.restricted
    assert origins.allowed("192.0.2.7")


def test_a_proxy_that_is_no_range_is_refused_in_one_sentence() -> None:
    with pytest.raises(Failure) as caught:
        Origins(["10.0.0.1/8"])
    assert caught.value.kind is Kind.INVALID
    assert "10.0.0.1/8" in caught.value.sentence()


def test_failures_fill_up_with_time_and_each_address_has_its_own() -> None:
    now = 0.0
    throttle = Throttle(burst=3, rate=0.5, clock=lambda: now)
    for _time in range(3):
        assert not throttle.over("192.0.2.7")
        throttle.failed("192.0.2.7")
    assert throttle.over("192.0.2.7")
    assert not throttle.over("192.0.2.8")
    now = 1.0
    assert throttle.over("192.0.2.7")
    now = 2.0
    assert not throttle.over("192.0.2.7")
    throttle.failed("192.0.2.7")
    assert throttle.over("192.0.2.7")
    now = 1000.0
    for _time in range(3):
        assert not throttle.over("192.0.2.7")
        throttle.failed("192.0.2.7")
    assert throttle.over("192.0.2.7")


def test_one_customer_of_ipv6_is_one_client() -> None:
    throttle = Throttle(burst=1, clock=lambda: 0.0)
    throttle.failed("2001:db8::1")
    assert throttle.over("2001:db8::ffff")
    assert not throttle.over("2001:db8:0:1::1")


def test_what_is_remembered_does_not_grow_without_end() -> None:
    throttle = Throttle(burst=1, clock=lambda: 0.0)
    for number in range(10_000):
        throttle.failed(f"10.0.{number // 256}.{number % 256}")
    assert len(throttle._left) == 4096
    assert throttle.over("10.0.39.15")
    assert not throttle.over("10.0.0.0")
