"""Does a tree that a playbook writes arrive whole, say nothing of its token, and cost little when nothing changed?

In: a real Git server with a repository. Out: what stands in it after playbooks on both paths, the places where a token
was found, and the time of an unchanged tree. Never here: a cluster.
"""

from __future__ import annotations

import base64
import importlib
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract import search
from tests.contract.runner import HOST, IN_PROCESS, PATHS, Ended, Playing, Task, local_host, play_of
from tests.sandbox.faults import Fault, Match
from tests.sandbox.git_server import READ, GitServer

NAME = "platform"
MANY = 300
IN_CLEAR = "CANARY-secret-of-a-file-4711"
_MODULES = "ansible_collections.aphex.platform.plugins.modules"


@pytest.fixture
def server() -> Iterator[GitServer]:
    with GitServer() as made:
        made.make(NAME)
        yield made


def _play(server: GitServer, folder: Path, tasks: list[Task], path: str = IN_PROCESS) -> tuple[Playing, Ended]:
    env = {"GIT_TOKEN": server.token, "ANSIBLE_PIPELINING": "true"}
    with Playing(folder, [play_of(tasks)], env, hosts={HOST: local_host(path)}) as playing:
        return playing, playing.finish()


def _tree(server: GitServer, files: dict[str, str], **more: Any) -> Task:
    listed = [{"path": path, "content": text} for path, text in files.items()]
    return Task("git_tree", {"repository": server.url_of(NAME), "path": "part", "files": listed, **more})


@pytest.mark.parametrize("path", PATHS)
def test_no_token_shows_wherever_it_is_looked_for(server: GitServer, tmp_path: Path, path: str) -> None:
    """Also not when the server refuses it, breaks, or somebody pushes meanwhile; the copies of repositories are in the
    folder that is searched."""
    unknown, reader = "CANARY-unknown-token-4711", server.add_token(READ, "CANARY-read-only-token-4711")
    server.faults.arm(Fault("500", match=Match(path="git-receive-pack"), nth=2))
    server.meanwhile(lambda: server.commit(NAME, {"theirs": "theirs\n"}), at="POST")
    tasks = [
        _tree(server, {"a": "1"}),
        _tree(server, {"a": "2"}),
        _tree(server, {"a": "3"}, git_token=unknown),
        _tree(server, {"a": "3"}, git_token=reader),
        _tree(server, {"a": "3"}, repository=f"https://me:{unknown}@git.example.org/tree.git"),
        _tree(server, {"a": "3"}, git_token=f"{unknown}\n"),
        _tree(server, {"s.yaml": f"kind: Secret\nstringData: {{a: {IN_CLEAR}}}\n"}),
        Task("git_tree_info", {"repository": server.url_of(NAME), "path": "part", "files": ["a"], "log": 5}),
    ]
    playing, ended = _play(server, tmp_path, tasks, path)
    assert [answer.failed for answer in ended.only] == [False, False, True, True, True, True, True, False]
    secrets = {"token": server.token, "unknown token": unknown, "token of a reader": reader}
    secrets["secret of a file"] = IN_CLEAR
    secrets |= {f"{name}, coded": base64.b64encode(f"git:{value}".encode()).decode() for name, value in secrets.items()}
    places = [*search.run_places(playing), ("the tree", str(server.state()))]
    places += [("a request", f"{entry.path}?{entry.query} {entry.body}") for entry in server.log.entries()]
    assert any(place == "the file HEAD" for place, _text in places), "the copy is not among the places"
    assert search.found(places, secrets) == []
    assert server.text(NAME, "part/a") == "2\n"


def test_both_paths_write_the_same_tree(server: GitServer, tmp_path: Path) -> None:
    found = []
    for path in PATHS:
        server.make(path.replace(" ", "-"))
        url = server.url_of(path.replace(" ", "-"))
        raw = tmp_path / "raw"
        raw.write_bytes(bytes(range(256)))
        files = [{"path": "ü.yaml", "content": "ü: $HOME ~"}, {"path": "raw", "src": str(raw)}]
        task = Task("git_tree", {"repository": url, "files": files, "commit_message": 'Say "hello" to $HOME'})
        _playing, ended = _play(server, tmp_path / path, [task, task], path)
        first, second = ended.only
        assert (first.changed, second.changed) == (True, False)
        assert second.result["tree"]["commit"] == first.result["tree"]["commit"]
        found.append(server.files(path.replace(" ", "-")))
    assert found[0] == found[1]
    assert found[0]["ü.yaml"] == "ü: $HOME ~\n"


@pytest.mark.parametrize("path", PATHS)
def test_a_tree_comes_piece_by_piece(server: GitServer, tmp_path: Path, path: str) -> None:
    """What differs elsewhere is left, in check mode as well; at the end it is the tree of one commit."""
    old, new = {"a/x": "1", "b/x": "1", "b/gone": "1"}, {"a/x": "2", "b/x": "2", "b/new": "2"}
    tasks = [
        _tree(server, old),
        replace(_tree(server, new, prune=True, only=["a"]), check=True),
        _tree(server, new, prune=True, only=["a/"]),
        _tree(server, new, prune=True, only=["a"]),
        _tree(server, new, prune=True, only=[]),
        _tree(server, new, prune=True),
        _tree(server, new, prune=True),
    ]
    _playing, ended = _play(server, tmp_path, tasks, path)
    assert [answer.failed for answer in ended.only] == [False] * len(tasks), ended.output[-2000:]
    found = [answer.result["tree"]["files_changed"] for answer in ended.only]
    pieces = [["a/x"], ["a/x"], [], [], ["b/gone", "b/new", "b/x"], []]
    assert found == [sorted(old), *pieces]
    assert [answer.changed for answer in ended.only] == [True, *map(bool, pieces)]
    tree = {name: text for name, text in server.files(NAME).items() if not name.endswith("tree.yaml")}
    assert tree == {f"part/{name}": f"{text}\n" for name, text in new.items()}
    assert len(server.commits(NAME)) == 3


def test_the_examples_run(server: GitServer, tmp_path: Path) -> None:
    """All but the one by SSH, which has its own server in its words."""
    source = tmp_path / "namespace.yaml"
    source.write_text("kind: Namespace\n", encoding="utf-8")
    signers = tmp_path / "signers"
    signers.touch()
    texts = {
        "https://git.example.org/platform/tree.git": server.url_of(NAME),
        "/srv/parts/greeting/namespace.yaml": str(source),
        "/etc/platform/allowed_signers": str(signers),
        "vault_read_only_token": "vault_git_token",
        "== ['good']": "== ['none']",
    }
    shown = {name: importlib.import_module(f"{_MODULES}.{name}").EXAMPLES for name in ("git_tree", "git_tree_info")}
    for old, new in texts.items():
        shown = {name: text.replace(old, new) for name, text in shown.items()}
    written, back, piece, _by_ssh, gone = yaml.safe_load(shown["git_tree"])
    read = yaml.safe_load(shown["git_tree_info"])
    server.commit(NAME, {"README.md": "Theirs.\n"})
    play = {"hosts": "all", "gather_facts": False, "vars": {"vault_git_token": server.token}}
    with Playing(tmp_path, [{**play, "tasks": [written, written, *read, back, gone, piece]}], {}) as playing:
        ended = playing.finish()
    assert [answer.failed for answer in ended.only] == [False] * 7, ended.output[-2000:]
    assert [answer.changed for answer in ended.only] == [True, False, False, False, True, True, True]
    assert set(server.files(NAME)) == {"README.md", "parts/.aphex/tree.yaml", "parts/first/namespace.yaml"}


def test_an_unchanged_tree_is_cheap(server: GitServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The time is printed for people; that it stays two requests is what is asked."""
    text = "".join(f"  key-{number}: a value of some length, as manifests have it\n" for number in range(30))
    task = _tree(server, {f"parts/p{number % 20}/f{number}.yaml": f"n: {number}\n{text}" for number in range(MANY)})
    with Playing(tmp_path, [play_of([task, task])], {"GIT_TOKEN": server.token}, verbosity=0) as playing:
        first = _timed(playing)
        server.log.clear()
        second = _timed(playing)
        playing.finish()
    assert len(server.log.entries()) == 2
    with capsys.disabled():
        print(f"{MANY} files: written in {first:.2f} s, unchanged in {second:.2f} s", file=sys.stderr)


def _timed(playing: Playing) -> float:
    playing.go()
    begin = time.perf_counter()
    assert not next(iter(playing.wait().values())).failed
    return time.perf_counter() - begin
