"""The Git server serves Git itself, knows who may what, and suffers what every stand-in suffers."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.faults import Fault, Kill, Match
from tests.sandbox.git_server import READ, GitServer, writes
from tests.sandbox.standins.control import Control

PUSH = Match(method="POST", path="git-receive-pack")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "server") as made:
        made.make("tree")
        yield made


def _git(server: GitServer, *words: str, token: str = "") -> subprocess.CompletedProcess[str]:
    header = base64.b64encode(f"git:{token or server.token}".encode()).decode()
    settings = ["-c", f"http.extraHeader=Authorization: Basic {header}", "-c", "user.name=a", "-c", "user.email=a@b"]
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(["git", *settings, *words], env=env, capture_output=True, text=True, check=False)


def _pushes(server: GitServer, clone: Path, token: str = "") -> subprocess.CompletedProcess[str]:
    """Clone, commit and push, as people do."""
    _git(server, "clone", "--quiet", server.url_of("tree"), str(clone))
    (clone / "mine.txt").write_text("mine\n", encoding="utf-8")
    _git(server, "-C", str(clone), "add", "mine.txt")
    _git(server, "-C", str(clone), "commit", "--quiet", "-m", "Mine")
    return _git(server, "-C", str(clone), "push", "--quiet", "origin", "HEAD:main", token=token)


def test_people_clone_and_push(server: GitServer, tmp_path: Path) -> None:
    server.commit("tree", {"a/b.txt": "there\n", "c": "there\n"})
    server.commit("tree", {"c": None})
    assert _pushes(server, tmp_path / "clone").returncode == 0
    assert server.files("tree") == {"a/b.txt": "there\n", "mine.txt": "mine\n"}
    assert len(server.commits("tree")) == 3
    assert server.state() == {"tree": server.files("tree")}
    written = [entry for entry in server.log.entries() if writes(entry.method, entry.path)]
    assert [(entry.method, entry.path, entry.status) for entry in written] == [
        ("POST", "/tree.git/git-receive-pack", 200)
    ]


def test_an_empty_repository_has_nothing(server: GitServer) -> None:
    assert (server.head("tree"), server.files("tree"), server.commits("tree")) == (None, {}, [])
    assert server.make("tree") == str(server.path("tree"))


def test_who_may_what(server: GitServer, tmp_path: Path) -> None:
    reader = server.add_token(READ)
    assert _git(server, "ls-remote", server.url_of("tree"), token=reader).returncode == 0
    assert "403" in _pushes(server, tmp_path / "clone", token=reader).stderr
    assert "could not read Username" in _git(server, "ls-remote", server.url_of("tree"), token="unknown").stderr
    assert server.commits("tree") == []


def test_a_lost_answer_is_a_push_that_arrived(server: GitServer, tmp_path: Path) -> None:
    server.faults.arm(Fault("lost", match=PUSH, times=None))
    assert _pushes(server, tmp_path / "clone").returncode != 0
    assert server.files("tree") == {"mine.txt": "mine\n"}


@pytest.mark.parametrize(("when", "arrived"), [("before", 0), ("after", 1)])
def test_a_kill_strikes_at_the_push(server: GitServer, tmp_path: Path, when: str, arrived: int) -> None:
    killed: list[str] = []
    server.faults.arm(Kill(1, when, lambda: killed.append(when), PUSH))
    server.faults.arm(Fault("500", match=PUSH, times=None))
    assert _pushes(server, tmp_path / "clone").returncode != 0
    assert killed == [when]
    assert len(server.commits("tree")) == arrived


@pytest.mark.parametrize("at", ["GET", "POST"])
def test_somebody_is_faster(server: GitServer, tmp_path: Path, at: str) -> None:
    server.commit("tree", {"a": "1\n"})
    server.meanwhile(lambda: server.commit("tree", {"theirs": "theirs\n"}), at=at)
    assert "rejected" in _pushes(server, tmp_path / "clone").stderr
    assert server.files("tree") == {"a": "1\n", "theirs": "theirs\n"}


def test_another_process_writes_and_reads_by_the_control_interface(server: GitServer) -> None:
    control = Control(server.url)
    control.do("make", name="other")
    made = control.do("commit", name="other", files={"a": "1\n"})
    assert control.do("head", name="other") == made
    assert control.do("files", name="other") == {"a": "1\n"}


def test_refusals_and_cuts_come_in_their_order_and_nothing_is_there_by_halves(
    server: GitServer, tmp_path: Path
) -> None:
    server.refuse(503)
    server.cut()
    found: list[tuple[str | None, list[str]]] = []
    server.meanwhile(lambda: found.append((server.head("tree"), server.broken("tree"))), times=3)
    assert "503" in _pushes(server, tmp_path / "first").stderr
    # Git's own library may come again by itself where a connection broke off.
    if _pushes(server, tmp_path / "second").returncode:
        assert _pushes(server, tmp_path / "third").returncode == 0
    answers = [entry.status for entry in server.log.entries() if writes(entry.method, entry.path)]
    assert answers == [503, None, 200]
    assert found == [(None, [])] * 3
    assert server.files("tree") == {"mine.txt": "mine\n"}


def test_a_server_that_was_down_comes_back_where_it_was(server: GitServer, tmp_path: Path) -> None:
    url = server.url
    with server.down():
        assert "onnect" in _git(server, "ls-remote", f"{url}/tree.git").stderr
    assert server.url == url
    assert _pushes(server, tmp_path / "clone").returncode == 0


def test_somebody_rewrites_a_branch_and_what_it_had_is_still_found(server: GitServer) -> None:
    first = server.commit("tree", {"a": "one\n"})
    server.commit("tree", {"a": "two\n"})
    server.rewrite("tree", first)
    assert server.commits("tree") == [first]
    assert ("blob", b"two\n") in server.everything("tree")


def test_a_branch_that_leads_to_nothing_is_told(server: GitServer) -> None:
    server.commit("tree", {"a": "one\n"})
    assert server.broken("tree") == []
    blob = next(path for path in (server.path("tree") / "objects").glob("??/*"))
    blob.unlink()
    assert server.broken("tree")
