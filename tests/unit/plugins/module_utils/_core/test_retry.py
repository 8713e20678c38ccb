"""Delays: they grow, are jittered and bounded, and honour what the server asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff, parse_retry_after


def test_delays_grow_up_to_the_longest_and_are_jittered() -> None:
    backoff = Backoff(attempts=10, first=1.0, longest=8.0, total=1000.0)
    for attempt, full in enumerate([1.0, 2.0, 4.0, 8.0, 8.0, 8.0], 1):
        delays = [backoff.delay(attempt, 0.0) for _number in range(50)]
        assert all(delay is not None and full / 2 <= delay <= full for delay in delays)
        assert len(set(delays)) > 1


def test_the_last_attempt_is_the_last() -> None:
    backoff = Backoff(attempts=3)
    assert backoff.delay(2, 0.0) is not None
    assert backoff.delay(3, 0.0) is None
    assert backoff.delay(3, 0.0, retry_after=1.0) is None


def test_a_server_is_waited_for_as_long_as_it_asks() -> None:
    backoff = Backoff(total=60.0)
    assert backoff.delay(1, 0.0, retry_after=0.0) == 0.0
    assert backoff.delay(1, 0.0, retry_after=37.5) == 37.5
    assert backoff.delay(1, 0.0, retry_after=-5.0) == 0.0


def test_a_server_that_asks_for_too_much_ends_the_retries() -> None:
    backoff = Backoff(total=60.0)
    assert backoff.delay(1, 0.0, retry_after=61.0) is None
    assert backoff.delay(1, 30.0, retry_after=31.0) is None
    assert backoff.delay(1, 30.0, retry_after=30.0) == 30.0
    assert backoff.delay(1, 0.0, retry_after=float("inf")) is None


@given(
    st.builds(
        Backoff,
        attempts=st.integers(1, 20),
        first=st.floats(0.01, 10),
        longest=st.floats(0.01, 30),
        total=st.floats(0, 100),
    ),
    st.one_of(st.none(), st.floats(0, 200)),
)
def test_all_delays_together_stay_in_the_budget(backoff: Backoff, retry_after: float | None) -> None:
    waited, attempt = 0.0, 0
    while True:
        attempt += 1
        delay = backoff.delay(attempt, waited, retry_after)
        if delay is None:
            break
        assert delay >= 0
        waited += delay
    assert attempt <= backoff.attempts
    assert waited <= backoff.total


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("12", 12.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("nan", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_the_header_is_understood_or_left_aside(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds
