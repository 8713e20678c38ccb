"""Is a bootstrap that is killed again and again the same in the end as one that nobody disturbs?

In: two machines with an empty API server and an empty repository each. Out: one is killed from write to write, to the
API server and to Git, until a run ends by itself; the other is left alone. APHEX_KILL_PACE=1 kills at each write, and
goes on while the parts are applied; without it, at each write that matters most and at every so many others. Never
here: faults that a run survives; those are in test_bootstrap_faults.py.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contract.pace import PACE
from tests.contract.verdict import demand_none
from tests.integration.bootstrapping import TREE, Machine, changes_of_another_run, machine, same_authority
from tests.sandbox import git_server
from tests.sandbox.faults import Kill

GIT: dict[str, Any] = {"platform_write_to": ["git"]}
BOTH: dict[str, Any] = {"platform_write_to": ["git", "cluster"]}
ROUNDS = ((PACE, GIT), (PACE, BOTH)) if PACE else ((30, GIT),)
MATTERS = re.compile(r"POST \S+/secrets$|POST \S+/git-receive-pack$|PATCH \S+/applications/\w+$")
"""What is made once, pushed, or says that all else is there."""

SENT = re.compile(r"POST \S+/auth-system/secrets$|POST \S+/git-receive-pack$|PATCH \S+/applications/\w+$")
"""What a run is killed at twice: when it was sent and has not taken effect, and when its answer is lost."""

_RUNS_AT_MOST = 400
_SETTLES_WITHIN = 120.0
_POLL = 1.0
_SHOWN = 600

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Print a line for people, with the seconds since the test began."""
    begun = time.monotonic()

    def line(text: str) -> None:
        with capsys.disabled():
            print(f"{time.monotonic() - begun:5.0f} s  {text}", file=sys.stderr, flush=True)

    return line


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Machine]:
    with machine("killed", tmp_path / "killed") as made:
        yield made


@pytest.fixture
def undisturbed(tmp_path: Path) -> Iterator[Machine]:
    with machine("undisturbed", tmp_path / "undisturbed") as made:
        yield made


class Strikes:
    """Which write a run is ended at: one that matters, or the one that the pace has come to."""

    def __init__(self, pace: int) -> None:
        self._pace = pace
        self._count = 0
        self._waits = False
        self._before: set[str] = set()
        self.struck: list[str] = []

    def kills(self) -> tuple[Kill, Kill]:
        """What ends the next run, which begins to count anew: before a write takes effect, or after it has."""
        self._count, self._waits = 0, True
        return Kill(1, "before", match=self._before_this), Kill(1, "after", match=self._after_this)

    def _before_this(self, method: str, path: str) -> bool:
        call = _call(method, path)
        if not self._waits or not SENT.match(call) or call in self._before:
            return False
        self._before.add(call)
        return self._strike(f"before {call}")

    def _after_this(self, method: str, path: str) -> bool:
        call = _call(method, path)
        if not self._waits or (call.startswith(f"POST /{TREE}.git") and not git_server.writes(method, path)):
            return False
        self._count += 1
        if not MATTERS.match(call) and self._count < self._pace:
            return False
        return self._strike(f"after {call}")

    def _strike(self, what: str) -> bool:
        self._waits = False
        self.struck.append(what)
        return True


@dataclass
class Known:
    """What has been seen of a machine, and must not be seen otherwise: the values of secrets, and the one commit."""

    secrets: dict[str, str] = field(default_factory=dict)
    heads: set[str] = field(default_factory=set)

    def broken_on(self, on: Machine) -> list[str]:
        """Look again; return what is not as it was, or is there by halves."""
        head = on.git.head(TREE)
        self.heads |= {head} if head else set()
        problems = [
            f"{name} has another value"
            for name, value in on.secrets().items()
            if self.secrets.setdefault(name, value) != value
        ]
        problems += [f"the repository: {line}" for line in on.git.broken(TREE)]
        return problems + ([f"the branch is at a second commit: {self.heads}"] if len(self.heads) > 1 else [])


def test_a_kill_at_any_write_of_a_bootstrap_is_taken_up(killed: Machine, undisturbed: Machine, say: Say) -> None:
    known = Known()
    for pace, inputs in ROUNDS:
        count = _crawl(killed, Strikes(pace), inputs, known, say)
        say(f"{inputs}: killed {count} times")
        if inputs is GIT:
            same_authority(killed, undisturbed)
        whole = undisturbed.play(**inputs)
        assert whole.code == 0, whole.said
        assert killed.tree() == undisturbed.tree()
        demand_none(_differences(killed, undisturbed))
        say("no difference to a bootstrap that nobody disturbed")
    for on in (killed, undisturbed):
        on.faults.clear()
        demand_none(changes_of_another_run(on, **inputs))
        demand_none(on.leaks())
    assert len(known.secrets) > 10
    assert len(killed.git.commits(TREE)) == 1
    say(f"no secret in {sum(path.stat().st_size for path in killed.runs) // 1_000_000} MB of output, nor anywhere else")


def _crawl(on: Machine, strikes: Strikes, inputs: dict[str, Any], known: Known, say: Say) -> int:
    """Run and kill, from write to write, until a run ends by itself; return how many were killed."""
    for _unused in range(_RUNS_AT_MOST):
        on.faults.clear()
        ended = on.strike(*strikes.kills(), **inputs)
        demand_none(known.broken_on(on))
        if not ended.killed:
            assert ended.code == 0, ended.said
            return len(strikes.struck)
        say(f"killed {strikes.struck[-1]}")
    raise AssertionError(f"no run ended by itself: {strikes.struck[-20:]}")


def _differences(one: Machine, other: Machine) -> list[str]:
    """What stands in one cluster and not in the other. Controllers act at times of their own: it must last."""
    deadline = time.monotonic() + _SETTLES_WITHIN
    while True:
        found, wanted = one.objects(), other.objects()
        problems = [f"missing {line[:_SHOWN]}" for line in wanted if line not in found]
        problems += [f"too much {line[:_SHOWN]}" for line in found if line not in wanted]
        if not problems or time.monotonic() > deadline:
            return problems
        time.sleep(_POLL)


def _call(method: str, path: str) -> str:
    return f"{method} {path.partition('?')[0]}"
