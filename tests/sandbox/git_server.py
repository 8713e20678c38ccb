"""A real Git server on loopback: `git http-backend` behind basic authentication, with bare repositories in a folder.

In: HTTP requests of Git. Out: what Git itself answers, in the log of every request, with the faults and kills of any
stand-in; repositories made, written and read from outside. Never here: a protocol of our own.
"""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sandbox.faults import Fault
from tests.sandbox.standins.server import Answer, Request, StandIn, json_answer

WRITE, READ = "write", "read"
BRANCH = "main"
ORDINARY = "100644"
_PUSH = "git-receive-pack"
_POLL = 0.02
_CUT = 0  # in place of a status: there is no answer
_CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
_SOMEBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.org"))
}


def writes(method: str, path: str) -> bool:
    """Whether a request changes a repository: only the second half of a push does."""
    return method == "POST" and path.endswith(f"/{_PUSH}")


@dataclass
class _Meanwhile:
    method: str
    action: Callable[[], object]
    times: int


class GitServer(StandIn):
    """A running server. ``token`` may write; others are made by ``add_token``. The user's name is not looked at."""

    def __init__(self, folder: Path | None = None, port: int = 0) -> None:
        super().__init__(port)
        self._temporary = tempfile.TemporaryDirectory(prefix="aphex-git-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else Path(str(folder))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tokens: dict[str, str] = {}
        self.token = self.add_token()
        self._meanwhile: list[_Meanwhile] = []
        self._refusals: dict[str, list[int]] = defaultdict(list)
        self._lock = threading.Lock()
        self.actions = {"make": self.make, "commit": self.commit, "files": self.files, "head": self.head}

    def stop(self) -> None:
        """Stop listening; repositories in a folder of the server's own go as well."""
        super().stop()
        if self._temporary:
            self._temporary.cleanup()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Let nothing listen for a while; what comes back has the same address."""
        port = self.port
        super().stop()
        try:
            yield
        finally:
            self._port = port
            self.start()

    def add_token(self, right: str = WRITE, value: str = "") -> str:
        """Make a token that may read, or write as well."""
        token = value or secrets.token_hex(20)
        self.tokens[token] = right
        return token

    def url_of(self, name: str) -> str:
        """Where a repository is to be had."""
        return f"{self.url}/{name}.git"

    def make(self, name: str) -> str:
        """Make an empty repository unless it is there; return its folder, which is a URL for Git as well."""
        path = self.path(name)
        if not path.exists():
            self._git(path, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(path), inside=False)
        return str(path)

    def path(self, name: str) -> Path:
        """The folder of a repository."""
        return self.folder / f"{name}.git"

    def commit(
        self, name: str, files: Mapping[str, str | None], branch: str = BRANCH, message: str = "By hand", mode: str = ""
    ) -> str:
        """Make somebody else's commit straight in the repository (None deletes a file); return its id."""
        path, parent = self.path(name), self.head(name, branch)
        with tempfile.TemporaryDirectory(prefix="aphex-index-") as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            if parent:
                self._git(path, "read-tree", parent, env=index)
            lines = "".join(self._index_line(path, file, text, mode or ORDINARY) for file, text in files.items())
            self._git(path, "update-index", "-z", "--index-info", data=lines.encode(), env=index)
            tree = self._git(path, "write-tree", env=index)
        made = self._git(path, "commit-tree", tree, *(["-p", parent] if parent else []), "-m", message, env=_SOMEBODY)
        self._git(path, "update-ref", f"refs/heads/{branch}", made)
        return made

    def _index_line(self, path: Path, file: str, text: str | None, mode: str) -> str:
        if text is None:
            return f"0 {'0' * 40}\t{file}\0"
        return f"{mode} {self._git(path, 'hash-object', '-w', '--stdin', data=text.encode())}\t{file}\0"

    def head(self, name: str, branch: str = BRANCH) -> str | None:
        """The commit that a branch is at, None when it is not there."""
        found = self._try(self.path(name), "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        return found.stdout.decode().strip() or None

    def files(self, name: str, branch: str = BRANCH) -> dict[str, str]:
        """Every file of a branch with its text, none when the branch is not there."""
        if self.head(name, branch) is None:
            return {}
        listed = self._git(self.path(name), "ls-tree", "-r", "--name-only", "-z", f"refs/heads/{branch}")
        return {path: self.text(name, path, branch) for path in listed.split("\0") if path}

    def text(self, name: str, file: str, branch: str = BRANCH) -> str:
        """One file of a branch; bytes that are no text are shown as replaced."""
        found = self._try(self.path(name), "cat-file", "blob", f"refs/heads/{branch}:{file}")
        return found.stdout.decode("utf-8", "replace")

    def commits(self, name: str, branch: str = BRANCH) -> list[str]:
        """The commits of a branch, the newest first."""
        return self._git(self.path(name), "rev-list", f"refs/heads/{branch}").split() if self.head(name, branch) else []

    def rewrite(self, name: str, commit: str, branch: str = BRANCH) -> None:
        """Have somebody put a branch at another commit by force."""
        self._git(self.path(name), "update-ref", f"refs/heads/{branch}", commit)

    def everything(self, name: str) -> list[tuple[str, bytes]]:
        """Every object that the repository holds, also those that no branch leads to: its kind with its bytes."""
        return everything(self.path(name))

    def broken(self, name: str) -> list[str]:
        """What is wrong with a repository by Git's own check, such as a branch that leads to what is not there."""
        done = self._try(self.path(name), "fsck", "--full", "--no-dangling", "--no-progress")
        return (done.stdout + done.stderr).decode().splitlines() if done.returncode else []

    def meanwhile(self, action: Callable[[], object], *, at: str = "POST", times: int = 1) -> None:
        """Let something happen while somebody pushes: when the push begins (GET), or when its pack comes (POST)."""
        with self._lock:
            self._meanwhile.append(_Meanwhile(at, action, times))

    def wait(self) -> None:
        """Wait until nothing that was asked is still being answered."""
        while any(entry.took == 0 for entry in self.log.entries()):
            time.sleep(_POLL)

    def refuse(self, status: int, *, at: str = "POST", times: int = 1) -> None:
        """Answer a push with that status: when it begins (GET), or when its pack comes (POST).

        Refusals and cuts come one after another, in the order in which they were told.
        """
        with self._lock:
            self._refusals[at].extend([status] * times)

    def cut(self, times: int = 1) -> None:
        """Let the connection break off in the middle of a pack: Git gets half of it, and nobody hears of an answer."""
        self.refuse(_CUT, times=times)
        self.faults.arm(Fault("lost", match=self._cuts_now, times=times))

    def _cuts_now(self, method: str, path: str) -> bool:
        with self._lock:
            return writes(method, path) and self._refusals[method][:1] == [_CUT]

    def answer(self, request: Request) -> Answer:
        """Let Git answer, if the caller may ask that."""
        pushes = _PUSH in (request.argument("service"), request.path.rpartition("/")[2])
        right = self.tokens.get(_password(request))
        if right is None:
            return Answer(401, b"Unauthorized", {"WWW-Authenticate": 'Basic realm="Git"'})
        if pushes and right != WRITE:
            return Answer(403, b"This token may only read", {"Content-Type": "text/plain"})
        if not pushes:
            return self._backend(request)
        self._let_happen(request.method)
        status = self._refusal(request.method)
        if status == _CUT:
            return self._backend(request, request.body[: len(request.body) // 2])
        return Answer(status, b"Armed\n", {"Content-Type": "text/plain"}) if status else self._backend(request)

    def _refusal(self, method: str) -> int | None:
        with self._lock:
            return self._refusals[method].pop(0) if self._refusals[method] else None

    def state(self) -> Any:
        """Every repository with the files of its branch."""
        names = sorted(path.name.removesuffix(".git") for path in self.folder.glob("*.git"))
        return {name: self.files(name) for name in names}

    def _let_happen(self, method: str) -> None:
        with self._lock:
            due = [each for each in self._meanwhile if each.method == method and each.times]
            for each in due:
                each.times -= 1
        for each in due:
            each.action()

    def _backend(self, request: Request, arrived: bytes | None = None) -> Answer:
        """Ask Git; of the body only what arrived of it, when that is not the whole."""
        body = request.body if arrived is None else arrived
        env = {
            **os.environ,
            **_CLEAN,
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.target.partition("?")[2],
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),  # of what arrived: Git waits for the rest for ever
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            "REMOTE_USER": "somebody",
            "REMOTE_ADDR": request.peer,
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, separator, text = done.stdout.partition(b"\r\n\r\n")
        if not separator:
            return json_answer(500, {"error": done.stderr.decode("utf-8", "replace")})
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n"))
        status = int(headers.pop("Status", "200").split(" ")[0])
        return Answer(status, text, headers)

    def _git(
        self,
        path: Path,
        *words: str,
        data: bytes | None = None,
        env: Mapping[str, str] | None = None,
        inside: bool = True,
    ) -> str:
        done = self._try(path, *words, data=data, env=env, inside=inside)
        if done.returncode:
            raise RuntimeError(f"git {words[0]} in {path.name}: {done.stderr.decode('utf-8', 'replace')}")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    @staticmethod
    def _try(
        path: Path, *words: str, data: bytes | None = None, env: Mapping[str, str] | None = None, inside: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        where = ["--git-dir", str(path)] if inside else []
        whole = {**os.environ, **_CLEAN, **(env or {})}
        return subprocess.run(["git", *where, *words], input=data or b"", env=whole, capture_output=True, check=False)


def everything(folder: Path) -> list[tuple[str, bytes]]:
    """Every object of the repository in a folder, also those that no branch leads to: its kind with its bytes."""
    command = ["git", "--git-dir", str(folder), "cat-file", "--batch-all-objects", "--batch", "--unordered"]
    raw = subprocess.run(command, env={**os.environ, **_CLEAN}, capture_output=True, check=True).stdout
    answer, position = [], 0
    while position < len(raw):
        end = raw.index(b"\n", position)
        _oid, kind, size = raw[position:end].decode().split(" ")
        answer.append((kind, raw[end + 1 : end + 1 + int(size)]))
        position = end + 2 + int(size)
    return answer


def _password(request: Request) -> str:
    scheme, _space, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    return base64.b64decode(coded).decode("utf-8", "replace").partition(":")[2]
