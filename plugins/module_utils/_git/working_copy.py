# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The copy of a repository on this machine: objects and branches, without checked-out files.

In: a folder, a repository, a branch. Out: heads, entries, bytes, commits, pushes. Never here: what should be in a tree.

There are no checked-out files on purpose: no filter, hook or symbolic link of the repository can act on this machine,
and an interrupted run leaves nothing but objects that nobody refers to.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .answers import GitFailure
from .client import Client, shown

ORDINARY = "100644"
FOLDER = "040000"
_MARKER = "aphex-copy"
_LOCK = "aphex.lock"
_INDEX = "aphex.index"
_LEFTOVERS = ("*.lock", "refs/**/*.lock", f"{_INDEX}.*")
_AT_ONCE = 500  # a command that answers while it is written to must not fill both pipes
_RACE = re.compile(
    r"\[rejected\]|\(fetch first\)|\(non-fast-forward\)|cannot lock ref|failed to update ref|reference already exists"
    r"|incorrect old value|stale info"
)
_LOG_FORMAT = "%H%x00%P%x00%an%x00%ae%x00%aI%x00%s"
_SIGNATURES = {"G": "good", "U": "unknown", "N": "none"}


@dataclass(frozen=True)
class Entry:
    """A file as a commit has it: its mode, and the id of its bytes."""

    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """False for symbolic links and submodules."""
        return self.mode.startswith("100")


@dataclass(frozen=True)
class Author:
    """Who a commit is by, and the SSH key file that signs it."""

    name: str
    email: str
    signing_key: str | None = None


class Copy:
    """One branch of one repository, seen from here. ``open`` locks it; whoever opens it closes it."""

    def __init__(self, client: Client, folder: str, repository: str, branch: str) -> None:
        self._client = client
        self._folder = folder
        self._repository = repository
        self._branch = branch
        self._lock: t.TextIO | None = None

    @property
    def where(self) -> str:
        """The branch and its repository, for people."""
        return f"{self._branch} of {shown(self._repository)}"

    def open(self) -> None:
        """Make the copy when it is not there, and lock it against other runs. Raises Failure(busy) after a while."""
        if self._lock is not None:
            return
        self._make_folder()
        handle = os.open(os.path.join(self._folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        file = os.fdopen(handle, "w", encoding="utf-8")
        self._client.runtime.at_end.append(file.close)
        self._wait_for(file)
        self._lock = file
        self._clear()
        # Git makes that folder last: a copy that was made by halves is made whole.
        if not os.path.isdir(os.path.join(self._folder, "objects", "info")):
            self._client.need(self._folder, "init", "--quiet", "--bare", "--template=")

    def _clear(self) -> None:
        """Take away what a run that was killed has left, locks of Git among it: nobody else is at work here now."""
        shutil.rmtree(self._staging, ignore_errors=True)
        for pattern in _LEFTOVERS:
            for name in glob.glob(pattern, root_dir=self._folder, recursive=True):
                if name != _LOCK:
                    os.unlink(os.path.join(self._folder, name))

    def _make_folder(self) -> None:
        """Make the folder and mark it as ours; one that holds something else is never touched."""
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            marker = os.path.join(self._folder, _MARKER)
            if os.listdir(self._folder) and not os.path.isfile(marker):
                raise invalid(
                    f"working_copy {self._folder}", "the folder holds something else", "Name a folder of its own"
                )
            with open(marker, "a", encoding="utf-8"):
                pass
        except OSError as error:
            raise Failure(
                Kind.DENIED,
                tried="making working_copy",
                on=self._folder,
                said=error.strerror or "",
                remedy="Name a folder that can be made",
            ) from error

    def _wait_for(self, file: t.TextIO) -> None:
        waited = 0.0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if waited >= self._client.timeout:
                    raise Failure(
                        Kind.BUSY,
                        tried="locking",
                        on=self._folder,
                        said=f"another run has it for more than {self._client.timeout} s",
                        remedy="Let that run end, or give this one a working_copy of its own",
                    ) from error
                self._client.sleep(0.1)
                waited += 0.1

    def fetch(self) -> str | None:
        """Bring the branch here as it is in the repository; return its commit, None when the branch is not there."""
        heads = self._client.heads(self._folder, self._repository, tried="Reading the branch")
        head = heads.get(self._branch)
        if head is None:
            self._refuse_other_branches(list(heads))
            return None
        if head != self._local_head():
            refs = f"+refs/heads/{self._branch}:refs/heads/{self._branch}"
            self._client.reach(
                self._folder, self._repository, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--",
                self._repository, refs, tried="Fetching the branch",
            )  # fmt: skip
        return self._local_head()

    def _refuse_other_branches(self, others: list[str]) -> None:
        """A repository with branches, but not with this one: a second beginning is seldom what is meant."""
        if others:
            raise Failure(
                Kind.MISSING,
                tried="Reading the branch",
                on=self.where,
                said=f"the repository has no such branch; it has {', '.join(sorted(others)[:5])}",
                remedy="Make the branch there, or name another one by branch",
            )

    def _local_head(self) -> str | None:
        found = self._client.ask(self._folder, "rev-parse", "--verify", "--quiet", f"refs/heads/{self._branch}")
        return None if found is None else found.decode().strip()

    def parent(self, commit: str) -> str | None:
        """Return the commit before this one, None for the first."""
        found = self._client.ask(self._folder, "rev-parse", "--verify", "--quiet", f"{commit}^")
        return None if found is None else found.decode().strip()

    def entries(self, commit: str, path: str) -> dict[str, Entry]:
        """Return every file below a folder, by its path in that folder."""
        below = ("--", f"{path}/") if path else ()
        raw = self._client.need(self._folder, "ls-tree", "-r", "-z", "--full-tree", commit, *below)
        cut = len(path) + 1 if path else 0
        answer = {}
        for line in raw.decode("utf-8", "surrogateescape").split("\0"):
            if line:
                fields, _tab, name = line.partition("\t")
                mode, _kind, oid = fields.split(" ")
                answer[name[cut:]] = Entry(mode, oid)
        return answer

    def log(self, commit: str, path: str, most: int, signers_file: str | None = None) -> list[dict[str, t.Any]]:
        """Return the newest commits that changed a path; whether they are signed only by a file of allowed signers."""
        words = ["-c", f"gpg.ssh.allowedSignersFile={signers_file}"] if signers_file else []
        form = _LOG_FORMAT + ("%x00%G?" if signers_file else "")
        raw = self._client.need(
            self._folder, *words, "log", f"-{most}", "-z", f"--format=tformat:{form}", commit, "--", path
        )
        fields = raw.decode("utf-8", "replace").removesuffix("\0").split("\0") if raw else []
        width = form.count("%x00") + 1
        rows = [fields[start : start + width] for start in range(0, len(fields), width)]
        names = ("commit", "parent", "author_name", "author_email", "date", "message")
        return [
            {
                **dict(zip(names, row, strict=False)),
                "parent": row[1].split(" ")[0] or None,
                "signature": _SIGNATURES.get(row[-1], "bad") if signers_file else None,
            }
            for row in rows
        ]

    def kind_of(self, commit: str, path: str) -> str | None:
        """Return the mode of what stands at a path, None when nothing does."""
        raw = self._client.need(self._folder, "ls-tree", "-z", "--full-tree", commit, "--", path)
        return raw.decode("utf-8", "surrogateescape").split(" ")[0] or None

    def bytes_of(self, oids: t.Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of these ids."""
        wanted = list(dict.fromkeys(oids))
        answer: dict[str, bytes] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            data = "".join(f"{oid}\n" for oid in wanted[start : start + _AT_ONCE]).encode()
            answer |= _batch(self._client.need(self._folder, "cat-file", "--batch", data=data))
        return answer

    def commit(
        self,
        parent: str | None,
        put: t.Mapping[str, bytes],
        drop: t.Iterable[str],
        author: Author,
        message: str,
    ) -> str:
        """Make a commit that puts these files and drops those paths, all else as in the parent; return its id."""
        oids = self._write(put)
        index = {"GIT_INDEX_FILE": os.path.join(self._folder, f"{_INDEX}.{os.getpid()}")}
        with _removed_at_end(index["GIT_INDEX_FILE"]):
            if parent:
                self._client.need(self._folder, "read-tree", parent, env=index)
            none = "0" * 40
            lines = [f"0 {none}\t{path}\0" for path in sorted(drop)]
            lines += [f"{ORDINARY} {oids[path]}\t{path}\0" for path in sorted(put)]
            data = "".join(lines).encode("utf-8", "surrogateescape")
            self._client.need(self._folder, "update-index", "-z", "--index-info", data=data, env=index)
            tree = self._client.need(self._folder, "write-tree", env=index).decode().strip()
        return self._make_commit(tree, parent, author, message)

    @property
    def _staging(self) -> str:
        return os.path.join(self._folder, "aphex.staging")

    def _write(self, files: t.Mapping[str, bytes]) -> dict[str, str]:
        """Store these bytes as objects; return their ids by the files' paths."""
        os.makedirs(self._staging, mode=0o700, exist_ok=True)
        try:
            names = [os.path.join(self._staging, str(number)) for number in range(len(files))]
            for name, content in zip(names, files.values(), strict=True):
                with open(name, "wb") as file:
                    file.write(content)
            oids: list[str] = []
            for start in range(0, len(names), _AT_ONCE):
                data = "".join(f"{name}\n" for name in names[start : start + _AT_ONCE]).encode()
                out = self._client.need(self._folder, "hash-object", "-w", "--no-filters", "--stdin-paths", data=data)
                oids += out.decode().split()
            return dict(zip(files, oids, strict=True))
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    def _make_commit(self, tree: str, parent: str | None, author: Author, message: str) -> str:
        when = f"@{int(self._client.runtime.now())} +0000"
        env = {"GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email, "GIT_AUTHOR_DATE": when}
        env |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in env.items()}
        words = ["commit-tree", tree, *(("-p", parent) if parent else ())]
        if author.signing_key:
            words = ["-c", "gpg.format=ssh", *words, f"-S{author.signing_key}"]
        try:
            made = self._client.need(self._folder, *words, data=(message.rstrip() + "\n").encode(), env=env)
        except Failure as failure:
            if not author.signing_key:
                raise
            raise Failure(
                Kind.DENIED,
                tried="signing the commit",
                on=f"with {author.signing_key}",
                said=failure.said,
                remedy="Name an SSH key file that can be read and has no passphrase by signing_key",
            ) from failure
        return made.decode().strip()

    def push(self, commit: str, parent: str | None) -> bool:
        """Push a commit on top of its parent, never over anything else; tell whether nobody else was faster.

        An unclear answer is cleared by looking.
        """
        attempt, waited = 0, 0.0
        while True:
            attempt += 1
            try:
                self._push_once(commit, parent)
                return self._took(commit)
            except GitFailure as failure:
                if _RACE.search(failure.said):
                    return False
                if not failure.again:
                    raise
                pause, problem = (attempt, waited), failure
            head = self._look(problem)
            if head == commit:
                return self._took(commit)
            if head != parent:
                return False
            waited += self._client.pause(problem, *pause)

    def _push_once(self, commit: str, parent: str | None) -> None:
        # Only while the branch is where it was read: one that somebody has put back would be led forward again.
        lease = f"--force-with-lease=refs/heads/{self._branch}:{parent or ''}"
        self._client.reach_once(
            self._folder, self._repository, "push", "--porcelain", "--no-verify", lease, "--", self._repository,
            f"{commit}:refs/heads/{self._branch}", tried="Pushing to",
        )  # fmt: skip

    def _look(self, problem: GitFailure) -> str | None:
        """Return where the branch is in the repository now; when that fails too, the first problem is told."""
        try:
            heads = self._client.heads(self._folder, self._repository, self._branch, tried="Looking at the branch")
        except Failure as failure:
            raise problem from failure
        return heads.get(self._branch)

    def _took(self, commit: str) -> bool:
        self._client.need(self._folder, "update-ref", f"refs/heads/{self._branch}", commit)
        return True

    def resolve(self, commit: str) -> str | None:
        """Return the full id of a commit that is known here."""
        found = self._client.ask(self._folder, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
        return None if found is None else found.decode().strip()

    def leads_to(self, commit: str, head: str) -> bool:
        """Tell whether a commit is in the history of the head."""
        return self._client.ask(self._folder, "merge-base", "--is-ancestor", commit, head) is not None


def _batch(raw: bytes) -> dict[str, bytes]:
    """Return what ``cat-file --batch`` tells: a line with id, kind and size, the bytes, a line end, and so on."""
    answer, position = {}, 0
    while position < len(raw):
        end = raw.index(b"\n", position)
        oid, kind, size = raw[position:end].decode().split(" ")
        start = end + 1
        if kind == "blob":
            answer[oid] = raw[start : start + int(size)]
        position = start + int(size) + 1
    return answer


def oid_of(content: bytes) -> str:
    """Return the id that Git gives these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def _removed_at_end(path: str) -> t.Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
