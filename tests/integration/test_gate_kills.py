"""Is anything lost, or decided twice, when the gate is killed at any moment under load?

In: deliveries that GitHub's log calls delivered, so that it cannot make up for a loss; SIGKILL at random moments.
Out: what became of each delivery that was acknowledged. Never here: a moment that the product could choose.

APHEX_GATE_KILLS is the number of kills, 12 unless it is set; 100 is the long way.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.integration.gate import REPOSITORY, RULE, Gate, a_gate, a_github, decided, eventually, hook, posts
from tests.integration.gate_load import Load, Mailbox, undecided
from tests.sandbox.faults import Kill, Match, ProcessKill

KILLS = int(os.environ.get("APHEX_GATE_KILLS", "12"))
LONGEST = 1.5
"""Seconds that the gate lives at most."""
UNREADY = 0.25
"""Share of the kills that come before the gate is ready."""


def kill_again_and_again(load: Load, moments: random.Random) -> None:
    """Kill the gate at random moments of its life, some of them before it is ready; in the end it runs."""
    for _kill in range(KILLS):
        if load.gate.ready():
            load.lives.set()
        time.sleep(moments.uniform(0.0, LONGEST))
        load.gate.kill()
        load.lives.clear()
        load.gate.start(wait=moments.random() > UNREADY)
    load.gate.wait()
    load.lives.set()


def test_nothing_acknowledged_is_lost_and_nothing_decided_twice(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    with Mailbox() as mailbox, a_github() as github:
        github.deliver_to = mailbox.url
        hook(github)
        gate = Gate(tmp_path, github, recover_every="30d")
        load = Load(github, gate, mailbox)
        try:
            gate.start()
            with load.under_way():
                kill_again_and_again(load, random.Random(seed))
            told = f"seed {seed}, {KILLS} kills, {len(load.runs)} runs, {len(load.acknowledged)} acknowledged"
            assert load.acknowledged, told
            # By what was stored alone, before anything is sent again.
            assert undecided(github, load.acknowledged) == [], told
            for letter in load.left[:]:
                load.once(letter)
            assert sorted(load.acknowledged) == sorted(load.runs), told
            assert undecided(github, load.runs) == [], told
        finally:
            gate.stop()
        # Who was killed after the answer and before writing it down asks what became of it, and sends no second one.
        refused = [entry.path for entry in posts(github) if entry.status not in (204, None)]
        assert refused == [], told
        verified = gate.command("audit", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        unclear = gate.said().count("found out after an interruption")
        print(f"{told}, {unclear} killed between the decision and its record")


@pytest.mark.parametrize(("when", "sent"), [("before", 2), ("after", 1)])
def test_a_kill_around_the_decision_is_found_out(tmp_path: Path, when: str, sent: int) -> None:
    """``after``: GitHub has heard the decision, and the gate did not live to know it."""
    with a_github() as github, a_gate(tmp_path, github) as gate:
        github.faults.arm(Kill(1, when, ProcessKill(pid=gate.pid), Match("POST", f"{RULE}$")))
        run = int(github.start_run(REPOSITORY, ["production"])["id"])
        assert eventually(lambda: not gate.alive)
        gate.kill()
        gate.start()
        assert eventually(lambda: gate.records(run, "decided"))
        assert gate.idle()
        assert decided(github, run) == ["approved"]
        assert len(posts(github, run)) == sent
        assert len(gate.records(run)) == 1
        assert ("found out after an interruption" in gate.said()) == (when == "after")
