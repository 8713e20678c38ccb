# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GitTree: files in a folder of a branch, written as one commit.

In: a GitTree and a working copy. Out: one step (commit and push), and what is known of the tree as plain data.
Never here: a folder that was not named; a file of people's that is overwritten without being told to.
"""

from __future__ import annotations

import functools
import hashlib
import re
import typing as t
from dataclasses import dataclass, field, replace

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step
from . import record
from .clear_secrets import refuse_secrets
from .client import check_repository, shown
from .compare import Difference, Rules, Wanted, compare
from .working_copy import FOLDER, Author, Copy, Entry, oid_of

DIVERGED = 5
LARGEST_SHOWN = 64 * 1024
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|\Z)))[A-Za-z0-9_][A-Za-z0-9._/@+-]*(?<![./])")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_RESERVED = (".git", record.FOLDER)


@dataclass(frozen=True)
class GitTree:
    """Files below ``path`` of a branch (``files``: path to bytes); with ``revert_to`` those of that commit instead.

    Others of ours stay, unless the rules prune or ``drop`` names them: so several writers share a folder.
    Raises Failure for a path that leaves the folder, and for a Secret in clear (P29).
    """

    repository: str
    branch: str
    path: str
    files: t.Mapping[str, bytes] = field(default_factory=dict, hash=False)
    message: str = "Write the tree"
    author: Author = field(default_factory=lambda: Author("aphex.platform", "aphex.platform@localhost"))
    rules: Rules = field(default_factory=Rules)
    revert_to: str | None = None
    present: bool = True
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_place(self.repository, self.branch, self.path)
        for path in (*self.files, *self.drop, *(self.rules.only or ())):
            check_path(path)
        self._check_folders()
        if not self.present and self.rules.only is not None:
            raise invalid("only", "an absent tree has no files that could stay", "Leave it out, or name a smaller path")
        _check_words("commit_message", self.message, lines=True)
        _check_words("author_name", self.author.name)
        _check_words("author_email", self.author.email)
        if self.revert_to is not None and not _COMMIT.fullmatch(self.revert_to):
            raise invalid("revert_to", "it is no commit", "Give its id, as git_tree_info lists them")
        refuse_secrets(self.files)

    def _check_folders(self) -> None:
        for path in self.files:
            parts = path.split("/")
            for count in range(1, len(parts)):
                if "/".join(parts[:count]) in self.files:
                    raise invalid(f"The file {path}", f"{'/'.join(parts[:count])} is a file as well, and no folder")

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> GitTree:
        """Return the tree that a module's params ask for; reads the files that they name."""
        state = params["state"]
        return cls(
            repository=params["repository"],
            branch=params["branch"],
            path=(params["path"] or "").strip("/"),
            files=read_files(params["files"] or []) if state == "present" else {},
            message=params["commit_message"],
            author=Author(params["author_name"], params["author_email"], params["signing_key"]),
            rules=_rules(params),
            revert_to=params["revert_to"] if state == "reverted" else None,
            present=state != "absent",
        )

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "git"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Tree {self.path or '/'} on {self.branch} of {shown(self.repository)}"

    def at(self, path: str) -> str:
        """Return where a file of the tree stands in the repository."""
        return f"{self.path}/{path}" if self.path else path


@dataclass(frozen=True)
class State:
    """The tree as a commit has it."""

    head: str | None
    entries: dict[str, Entry]
    record: dict[str, str]
    has_record: bool = False


@dataclass(frozen=True)
class TreeWrite:
    """What ``perform`` needs: the tree that was asked for, the commit that it was compared with, and the difference."""

    of: GitTree
    head: str | None
    difference: Difference
    content: t.Mapping[str, bytes] = field(hash=False)


def _rules(params: dict[str, t.Any]) -> Rules:
    only = None if params["only"] is None else tuple(path.rstrip("/") for path in params["only"])
    return Rules(params["on_edited"], params["adopt"], params["prune"] or params["state"] != "present", only)


def read_files(items: t.Sequence[dict[str, t.Any]]) -> dict[str, bytes]:
    """Return the bytes of each file that was declared, with a line end at the end of text that was given as such."""
    answer: dict[str, bytes] = {}
    for item in items:
        path = item["path"]
        if path in answer:
            raise invalid(f"The file {path}", "it stands twice in files")
        answer[path] = _content(item)
        wanted = item.get("sha256")
        found = hashlib.sha256(answer[path]).hexdigest()
        if wanted and wanted.lower() != found:
            raise invalid(f"The file {path}", f"its sha256 is {found}", f"Expected was {wanted.lower()[:64]}")
    return answer


def _content(item: dict[str, t.Any]) -> bytes:
    source = item.get("src")
    if source is not None:
        if not source.startswith("/"):
            raise invalid(f"The file {item['path']}", "its src is no absolute path")
        try:
            with open(source, "rb") as file:
                return file.read()
        except OSError as error:
            raise Failure(
                Kind.MISSING, tried="reading", on=source, said=error.strerror or "", remedy="Correct src"
            ) from error
    text = "" if item.get("content") is None else item["content"]
    if not isinstance(text, str):
        raise invalid(
            f"The file {item['path']}", "its content is no text", "Write it as text, such as by | to_nice_yaml"
        )
    return (text if not text or text.endswith("\n") else text + "\n").encode("utf-8", "surrogateescape")


def check_place(repository: str, branch: str, path: str) -> None:
    """Raise Failure(invalid) for a repository, a branch or a folder that cannot be."""
    check_repository(repository)
    if not _BRANCH.fullmatch(branch) or len(branch) > 200:
        raise invalid(f"The branch {branch[:80]!r}", "it is no name of a branch", "Give its name alone, such as main")
    if path:
        check_path(path)


def check_path(path: str) -> None:
    """Raise Failure(invalid) for a path that leaves the tree, or that is not for files of the user."""
    parts = path.split("/")
    what = f"The path {path[:120]!r}"
    if not path.isprintable() or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise invalid(what, "it is no path inside the tree", "Write it relative, such as parts/argocd/install.yaml")
    if any(part.lower() in _RESERVED for part in parts):
        raise invalid(what, f"{' and '.join(_RESERVED)} are not for files of yours", "Use another name")


def _check_words(what: str, text: str, lines: bool = False) -> None:
    shown_text = text.replace("\n", "") if lines else text
    if not text.strip() or not shown_text.isprintable() or any(sign in shown_text for sign in "<>\0"):
        raise invalid(what, "it is empty, or holds what Git cannot write")


def observe(copy: Copy, desired: GitTree) -> State:
    """Bring the branch here, and return the tree as it is."""
    copy.open()
    head = copy.fetch()
    return state_at(copy, head, desired)


def state_at(copy: Copy, head: str | None, desired: GitTree) -> State:
    """Return the tree as a commit has it."""
    if head is None:
        return State(None, {}, {})
    _refuse_no_folder(copy, head, desired)
    entries = copy.entries(head, desired.path)
    noted = entries.pop(record.PATH, None)
    content = copy.bytes_of([noted.oid])[noted.oid] if noted else None
    return State(head, entries, record.read(content, copy.where), noted is not None)


def _refuse_no_folder(copy: Copy, head: str, desired: GitTree) -> None:
    parts = desired.path.split("/") if desired.path else []
    for count in range(1, len(parts) + 1):
        mode = copy.kind_of(head, "/".join(parts[:count]))
        if mode is None:
            return
        if mode != FOLDER:
            raise Failure(
                Kind.REFUSED,
                tried="Reading the tree",
                on=f"on {copy.where}",
                said=f"{'/'.join(parts[:count])} is no folder there",
                remedy="Name another path",
            )


def plan(copy: Copy, desired: GitTree) -> tuple[list[Step], dict[str, t.Any] | None]:
    """Return the step, if any, and the tree as it will be."""
    state = observe(copy, desired)
    write = _compare(copy, desired, state)
    if not _differs(write.difference):
        return [], describe(desired, state.head, state.head and copy.parent(state.head), write)
    step = Step(
        product="git",
        verb="push",
        target=desired.title,
        desired=write,
        change=Change({"commit": state.head}, {"commit": UNKNOWN, "message": desired.message}),
        parts=_changes(copy, desired, state, write),
    )
    return [step], describe(desired, UNKNOWN, state.head, write)


def _differs(difference: Difference) -> bool:
    return bool(difference.put or difference.drop or difference.recorded)


def _compare(copy: Copy, desired: GitTree, state: State) -> TreeWrite:
    content = _wanted(copy, desired, state)
    wanted = {path: Wanted(each, oid_of(each), hashlib.sha256(each).hexdigest()) for path, each in content.items()}
    difference = compare(state.entries, state.record, wanted, desired.rules, _reader(copy), copy.where, desired.drop)
    if not desired.present:
        # The record goes even when no file does: what people have edited is theirs from then on.
        difference = replace(difference, recorded=state.has_record)
    return TreeWrite(desired, state.head, difference, content)


def _reader(copy: Copy) -> t.Callable[[Entry], str]:
    @functools.cache
    def sha256_of(entry: Entry) -> str:
        return hashlib.sha256(copy.bytes_of([entry.oid])[entry.oid]).hexdigest()

    return sha256_of


def _wanted(copy: Copy, desired: GitTree, state: State) -> t.Mapping[str, bytes]:
    """Return the bytes of the files that should be: those that were given, or those of an earlier commit."""
    if desired.revert_to is None:
        return desired.files
    commit = copy.resolve(desired.revert_to)
    if state.head is None or commit is None or not copy.leads_to(commit, state.head):
        raise Failure(
            Kind.MISSING,
            tried=f"Going back to {desired.revert_to}",
            on=f"on {copy.where}",
            said="no such commit is in the history of the branch",
            remedy="Take one of those that git_tree_info lists",
        )
    then = state_at(copy, commit, desired)
    owned = {path: entry for path, entry in then.entries.items() if path in then.record and entry.is_file}
    content = copy.bytes_of(entry.oid for entry in owned.values())
    files = {path: content[entry.oid] for path, entry in owned.items()}
    refuse_secrets(files)
    return files


def perform(copy: Copy, step: Step) -> dict[str, t.Any] | None:
    """Commit and push. When somebody else pushed meanwhile, compare with what they pushed and start again."""
    write: TreeWrite = step.desired
    for _attempt in range(DIVERGED):
        commit = _commit(copy, write)
        if copy.push(commit, write.head):
            return describe(write.of, commit, write.head, write)
        state = observe(copy, write.of)
        if state.head == commit:
            return describe(write.of, commit, write.head, write)
        write = _compare(copy, write.of, state)
        if not _differs(write.difference):
            return describe(write.of, state.head, state.head and copy.parent(state.head), write)
    raise Failure(
        Kind.CONFLICT,
        tried="Pushing to",
        on=copy.where,
        said=f"somebody else pushed first, {DIVERGED} times in a row",
        remedy="Run it again when it is quieter there",
    )


def _commit(copy: Copy, write: TreeWrite) -> str:
    desired, difference = write.of, write.difference
    put = {desired.at(path): write.content[path] for path in difference.put}
    drop = [desired.at(path) for path in difference.drop]
    if desired.present:
        put[desired.at(record.PATH)] = record.write(difference.record)
    else:
        drop.append(desired.at(record.PATH))
    return copy.commit(write.head, put, drop, desired.author, desired.message)


def _changes(copy: Copy, desired: GitTree, state: State, write: TreeWrite) -> tuple[tuple[str, Change], ...]:
    """Return what differs, file by file; the record only when nothing else does."""
    paths = sorted({*write.difference.put, *write.difference.drop})
    old = copy.bytes_of(state.entries[path].oid for path in paths if path in state.entries)
    answer = []
    for path in paths:
        entry = state.entries.get(path)
        before = "" if entry is None else readable(old.get(entry.oid, b""))
        after = readable(write.content[path]) if path in write.difference.put else ""
        if before != after:
            answer.append((desired.at(path), Change(before, after)))
    if not paths:
        before = readable(record.write(state.record))
        after = readable(record.write(write.difference.record)) if desired.present else ""
        answer.append((desired.at(record.PATH), Change(before, after)))
    return tuple(answer)


def readable(content: bytes) -> str:
    """Return a file for a diff: text as it is, anything large or binary by its digest."""
    try:
        if len(content) <= LARGEST_SHOWN and b"\0" not in content:
            return content.decode()
    except UnicodeDecodeError:
        pass
    return f"sha256 {hashlib.sha256(content).hexdigest()}, {len(content)} bytes\n"


def describe(desired: GitTree, commit: str | None, parent: str | None, write: TreeWrite) -> dict[str, t.Any] | None:
    """Return what is known of the tree after the task, None when it is absent."""
    if not desired.present:
        return None
    difference = write.difference
    changed = sorted({*difference.put, *difference.drop}) if commit != write.head else []
    return {
        "repository": shown(desired.repository),
        "branch": desired.branch,
        "path": desired.path,
        "commit": commit,
        "parent": parent,
        "files_changed": changed,
        "paths": sorted(difference.record),
        "edited": list(difference.edited),
    }
