"""Does a bootstrap get by when the API server or Git fail, and does it say what to do where it cannot?

In: a machine with an empty API server and an empty repository, and faults over whole runs of the playbook. Out: what
came of each run, what others had pushed, and what the next run made of it. Never here: kills; those are in
test_bootstrap_kills.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.verdict import demand_none
from tests.integration.bootstrapping import TREE, Ended, Machine, changes_of_another_run, machine
from tests.sandbox import git_server
from tests.sandbox.audit import is_write
from tests.sandbox.faults import Fault

TRAEFIK = "parts/ingress_controller/traefik.yaml"
_KINDS = ("429", "500", "reset", "lost")
_EVERY = 3


@pytest.fixture
def on(tmp_path: Path) -> Iterator[Machine]:
    with machine("faults", tmp_path / "machine", platform_write_to=["git"]) as made:
        yield made


class EverySo:
    """Says yes to one of the writes to the API server, and to every so many after it."""

    def __init__(self, first: int) -> None:
        self._next = first

    def __call__(self, method: str, path: str) -> bool:
        if not path.startswith("/api") or not is_write(method, path):
            return False
        self._next -= 1
        if self._next:
            return False
        self._next = _EVERY * len(_KINDS)
        return True


def test_faults_of_the_api_server_and_of_git_are_got_over_or_told(on: Machine) -> None:
    _down(on)
    secrets = on.secrets()
    _everything_at_once(on)
    assert secrets.items() <= on.secrets().items(), "a secret of the first run has another value"
    demand_none(changes_of_another_run(on))
    _refused(on, 401)
    _refused(on, 403)
    _somebody_pushes(on)
    _somebody_edits(on)
    _somebody_rewrites(on)
    on.faults.clear()
    demand_none(changes_of_another_run(on, ingress_replicas=5))
    assert on.git.broken(TREE) == []
    demand_none(on.leaks())


def _down(on: Machine) -> None:
    """Nobody listens where the tree should be: the run ends before what needs it, in one sentence."""
    _arm(on)
    with on.git.down():
        ended = on.play()
    _told(ended, "Reading the branch", "See whether the server is up and reachable from here")
    assert on.git.head(TREE) is None
    assert len({fault.kind for fault in on.faults.struck()}) == len(_KINDS)


def _everything_at_once(on: Machine) -> None:
    """The rest, with faults at every so many writes, and a push that arrives at its fourth attempt."""
    on.faults.clear()
    _arm(on)
    on.git.refuse(503)
    on.git.refuse(500)
    on.git.cut()
    ended = on.play()
    assert ended.code == 0, ended.said
    pushes = [entry.status for entry in on.git.log.entries() if git_server.writes(entry.method, entry.path)]
    assert pushes == [503, 500, None, 200]
    assert len({fault.kind for fault in on.faults.struck()}) == len(_KINDS)
    assert len(on.git.commits(TREE)) == 1
    on.faults.clear()


def _refused(on: Machine, status: int) -> None:
    """The server takes no push of this token, in the middle of it: nothing is there by halves."""
    head = on.git.head(TREE)
    on.git.refuse(status)
    _told(on.play(ingress_replicas=3), "Pushing to", "Give credentials that may do that: git_token for https")
    assert on.git.head(TREE) == head


def _somebody_pushes(on: Machine) -> None:
    """While we push, somebody else does; our first attempt arrives when it was given up long ago."""
    on.git.meanwhile(lambda: on.git.commit(TREE, {"theirs": "kept\n"}), at="GET")
    on.git.meanwhile(lambda: time.sleep(4), at="POST")
    patient: dict[str, Any] = {"working_copy": str(on.platform / "tree"), "git_timeout": 3}
    ended = on.play(ingress_replicas=3, platform_git=patient)
    assert ended.code == 0, ended.said
    on.git.wait()
    tree = on.git.files(TREE)
    assert tree["theirs"] == "kept\n"
    assert "replicas: 3" in tree[TRAEFIK]
    assert len(on.git.commits(TREE)) == 3


def _somebody_edits(on: Machine) -> None:
    """While we push a file, somebody else pushes another version of it: the run says so, and the next one may act."""
    theirs = on.git.text(TREE, TRAEFIK).replace("replicas: 3", "replicas: 7")
    on.git.meanwhile(lambda: on.git.commit(TREE, {TRAEFIK: theirs}), at="POST")
    _told(on.play(ingress_replicas=4), TRAEFIK, "on_edited")
    assert on.git.text(TREE, TRAEFIK) == theirs
    ended = on.play(ingress_replicas=4, platform_tree_on_edited="overwrite")
    assert ended.code == 0, ended.said
    assert "replicas: 4" in on.git.text(TREE, TRAEFIK)
    assert on.git.text(TREE, "theirs") == "kept\n"


def _somebody_rewrites(on: Machine) -> None:
    """While we push, somebody takes the last two commits back by force: they stay away."""
    history = on.git.commits(TREE)
    on.git.meanwhile(lambda: on.git.rewrite(TREE, history[2]), at="GET")
    ended = on.play(ingress_replicas=5)
    assert ended.code == 0, ended.said
    assert on.git.commits(TREE)[1:] == history[2:]
    assert "replicas: 5" in on.git.text(TREE, TRAEFIK)


def _arm(on: Machine) -> None:
    for number, kind in enumerate(_KINDS):
        on.faults.arm(Fault(kind, match=EverySo(2 + number * _EVERY), times=None, retry_after=0.1))


def _told(ended: Ended, *words: str) -> None:
    """Demand that a run failed once, in one sentence that says this."""
    assert ended.code != 0
    assert not ended.killed
    assert ended.output.count("\nfatal: ") == 1, ended.said
    for word in words:
        assert word in ended.said, ended.said
    assert "Traceback" not in ended.said
