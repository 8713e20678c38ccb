"""Does everything that was asked while the gate was away get its answer when it is back?

In: an outage by the clock of the GitHub stand-in, with runs that start in it. Out: what one look into the log finds,
and what the sweep finds that the log does not have any more. Never here: a redelivery, unless that is the mode.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.gate import (
    REPOSITORY,
    Gate,
    a_gate,
    a_github,
    connect,
    decided,
    delivered,
    eventually,
    posts,
)
from tests.sandbox.standins.github import GitHub

MINUTE, DAY = 60.0, 24 * 3600.0
OUTAGE = 30 * MINUTE
LOST = 110
"""Runs that start in the outage: more than a page of the log has."""
OWNERS = ("acme-corp/web-shop", "globex/intranet")
"""Of two owners, since the gate spares each installation."""
ONCE = "30d"
"""What the gate does every 30 days it does once here: when it starts."""


def looks(github: GitHub) -> int:
    """How often the log was read from its begin."""
    lists = [entry for entry in github.log.entries() if entry.path == "/app/hook/deliveries"]
    return sum("cursor=" not in entry.query for entry in lists)


def start(github: GitHub, repository: str = REPOSITORY) -> int:
    return int(github.start_run(repository, ["production"])["id"])


def owner(github: GitHub, login: str, permissions: dict[str, str] | None = None) -> str:
    """Make an owner with a repository that the App guards; returns the repository's name."""
    name = f"{login}/shop"
    github.add_owner(login)
    github.add_repository(name)
    github.install(github.app_id, login, permissions=permissions)
    github.guard(name, "production")
    return name


def undecided(github: GitHub, runs: list[int]) -> list[int]:
    eventually(lambda: all(decided(github, run) for run in runs), 60)
    return [run for run in runs if decided(github, run) != ["approved"]]


def test_e4_everything_of_half_an_hour_is_found_by_one_look(tmp_path: Path) -> None:
    with a_github() as github:
        github.guard(OWNERS[1], "production")
        github.clock.shift = -OUTAGE - MINUTE
        gate = Gate(tmp_path, github, recover_every=ONCE)
        connect(github, gate)
        try:
            # GitHub's clock is half an hour behind, which the gate finds out and works with.
            gate.start()
            before = start(github)
            assert undecided(github, [before]) == []
            gate.kill()
            runs = []
            for number in range(LOST):
                github.clock.shift = -OUTAGE + number * OUTAGE / LOST
                runs.append(start(github, OWNERS[number % 2]))
            assert {line["status_code"] for line in delivered(github)[1:]} == {502}
            github.clock.shift = 0.0
            before_it = looks(github)
            gate.start()
            assert undecided(github, runs) == []
        finally:
            gate.stop()
        assert looks(github) - before_it == 1
        assert not [entry for entry in github.log.entries() if entry.path.endswith("/attempts")]
        assert len(posts(github)) == LOST + 1


def test_a_lost_word_that_rights_were_mended_has_the_dead_judged_again(tmp_path: Path) -> None:
    with a_github() as github:
        few = owner(github, "few", {"metadata": "read", "actions": "read"})
        paused = owner(github, "paused")
        gate = Gate(tmp_path, github, recover_every=ONCE)
        connect(github, gate)
        # It was suspended between the delivery and the first token.
        github.refusals.order("unavailable", "/access_tokens$", meanwhile=lambda: github.suspend("paused"))
        try:
            gate.start()
            runs = [start(github, paused)]
            assert eventually(lambda: gate.records(runs[0], "dead"))
            runs.append(start(github, few))
            assert eventually(lambda: gate.records(runs[1], "dead"))
            assert gate.idle()
            gate.kill()
            github.accept_permissions("few", {"deployments": "write"})
            github.suspend("paused", False)
            lost = [(line["event"], line["action"]) for line in delivered(github) if line["status_code"] == 502]
            assert sorted(lost) == [("installation", "new_permissions_accepted"), ("installation", "unsuspend")]
            assert [decided(github, run) for run in runs] == [[], []]
            gate.start()
            assert undecided(github, runs) == []
        finally:
            gate.stop()
        assert len(posts(github)) == len(runs)


def test_a_kill_in_the_middle_of_a_look_loses_nothing(tmp_path: Path) -> None:
    with a_github() as github:
        gate = Gate(tmp_path, github, recover_every=ONCE)
        connect(github, gate)
        runs = [start(github) for _number in range(10)]
        middle = delivered(github)[5]["id"]
        github.refusals.order("unavailable", f"/deliveries/{middle}$", "GET", meanwhile=gate.kill)
        try:
            gate.start(wait=False)
            assert eventually(lambda: not gate.alive)
            gate.start()
            assert undecided(github, runs) == []
        finally:
            gate.stop()
        assert len(posts(github)) == len(runs)


def test_what_fell_out_of_the_log_is_found_by_the_sweep(tmp_path: Path) -> None:
    with a_github("production", "staging") as github:
        github.hook_app("https://gate.example.com/webhook/main", "another secret")
        github.clock.shift = -4 * DAY
        old = [start(github) for _number in range(3)]
        both = int(github.start_run(REPOSITORY, ["production", "staging"])["id"])
        delivered(github)
        github.clock.shift = 0.0
        assert delivered(github) == []
        with a_gate(tmp_path, github, recover_every=ONCE):
            assert undecided(github, old) == []
            assert eventually(lambda: decided(github, both) == ["approved", "approved"])
        assert len(posts(github)) == 5


@pytest.mark.parametrize("mode", ["ingest", "redeliver"])
def test_while_it_runs_the_next_look_finds_what_did_not_arrive(tmp_path: Path, mode: str) -> None:
    with a_github() as github, a_gate(tmp_path, github, recover_every="1s", recover_mode=mode) as gate:
        github.deliver_to = None
        runs = [start(github) for _number in range(3)]
        assert {line["status"] for line in delivered(github)} == {"failed to connect to host"}
        github.deliver_to = gate.url
        assert undecided(github, runs) == []
        # GitHub sends again what it is asked to, and only in that mode.
        assert sum(line["redelivery"] for line in delivered(github)) == (3 if mode == "redeliver" else 0)
        assert len(posts(github)) == 3
