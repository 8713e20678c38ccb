"""How much is asked: trouble makes all of an installation rest, limits are kept, and writes have their pace."""

from __future__ import annotations

import threading

from services.gate.governor import Governor

OURS, THEIRS = "main acme", "main globex"


def test_trouble_that_goes_on_makes_an_installation_rest_longer_each_time() -> None:
    governor = Governor()
    for _time in range(2):
        governor.troubled(OURS, 0)
        assert governor.rest(OURS, 0) == 0
    rests = []
    for _time in range(10):
        governor.troubled(OURS, 0)
        rests.append(governor.rest(OURS, 0))
    assert rests == sorted(rests)
    assert rests[0] > 0
    assert rests[-1] == rests[-2]
    assert governor.rest(THEIRS, 0) == 0
    assert governor.rest(OURS, rests[-1]) == 0
    governor.answered(OURS)
    later = 2 * rests[-1]
    governor.troubled(OURS, later)
    assert governor.rest(OURS, later) == 0


def test_a_limit_counts_at_once_and_whatever_the_case_of_the_owner() -> None:
    governor = Governor()
    governor.limited(OURS, 60)
    governor.limited(OURS, 30)
    assert governor.rest(OURS.upper(), 10) == 50
    assert governor.rest(OURS, 60) == 0


def test_writes_have_a_pace() -> None:
    governor, now, sent = Governor(), 0.0, 0
    for _step in range(2000):
        now += governor.rest(OURS, now)
        if now >= 60:
            break
        with governor.writing(OURS, now):
            sent += 1
    # 900 points a minute, of which a write costs five.
    assert 120 < sent <= 181
    assert governor.rest(THEIRS, now) == 0


def test_one_writes_at_a_time_to_an_installation() -> None:
    governor, inside, most = Governor(), [0], [0]

    def write() -> None:
        for _time in range(50):
            with governor.writing(OURS, 0):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=write) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
