"""Is one request decided once, however often it is told, and each of many as often as it must be?

In: deliveries repeated under one GUID, replayed under new ones, and those of a matrix. Out: the decisions that GitHub
heard. Never here: how the gate tells them apart.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.integration.gate import (
    REPOSITORY,
    Gate,
    a_gate,
    a_github,
    body_of,
    decided,
    delivered,
    eventually,
    hook,
    posts,
    run_of,
)
from tests.sandbox.standins.github import GitHub
from tests.sandbox.standins.server import StandIn
from tests.unit.sandbox.github_client import Origin

TIMES = 100
AT_ONCE = 8
JOBS = 20


def a_delivery(github: GitHub, elsewhere: StandIn) -> tuple[int, bytes, str]:
    """Start a run, and return what its delivery says, which has gone elsewhere."""
    github.deliver_to = elsewhere.url
    hook(github)
    run = int(github.start_run(REPOSITORY, ["production"])["id"])
    line = delivered(github)[-1]
    return run, body_of(line), str(line["guid"])


def storm(gate: Gate, body: bytes, guid: str = "") -> Counter[int | None]:
    """Send a body many times, a few at once, under one GUID or each under its own; count the answers."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(lambda _number: gate.deliver(body, guid), range(TIMES)))


def test_a_guid_is_decided_once(tmp_path: Path) -> None:
    with Origin() as elsewhere, a_github() as github, a_gate(tmp_path, github) as gate:
        run, body, guid = a_delivery(github, elsewhere)
        assert storm(gate, body, guid) == {202: 1, 200: TIMES - 1}
        assert eventually(lambda: decided(github, run)) == ["approved"]
        assert storm(gate, body, guid) == {200: TIMES}
        assert gate.idle()
        assert len(posts(github)) == 1


def test_e3_a_replay_under_new_guids_is_decided_once(tmp_path: Path) -> None:
    with Origin() as elsewhere, a_github() as github, a_gate(tmp_path, github) as gate:
        run, body, _guid = a_delivery(github, elsewhere)
        assert storm(gate, body) == {202: TIMES}
        assert eventually(lambda: decided(github, run)) == ["approved"]
        # What is replayed when all is over decides nothing either.
        assert storm(gate, body) == {202: TIMES}
        assert gate.idle()
        assert len(posts(github)) == 1


def test_e10_a_matrix_is_decided_at_once_and_its_later_jobs_again(tmp_path: Path) -> None:
    with a_github() as github, a_gate(tmp_path, github) as gate:
        run = int(github.start_run(REPOSITORY, ["production"], jobs=JOBS)["id"])
        assert len(delivered(github)) == JOBS
        assert eventually(lambda: decided(github, run)) == ["approved"]
        assert gate.idle()
        # One request acts on all that waits there, so one is enough; what was told of the others finds nothing.
        assert len(posts(github)) == 1
        assert {each["state"] for each in run_of(github, run)["deployments"]} == {"success"}
        github.go_on(run, "production")
        assert eventually(lambda: len(decided(github, run)) == 2)
        assert gate.idle()
        assert len(posts(github)) == 2
