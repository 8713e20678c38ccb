"""Commits and branches: who wrote what, whether it is signed, which files it changes.

In: commits and branches that a test makes, calls. Out: answers. Never here: a pull request (`pulls.py`), a check
(`checks.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.standins.github.answers import Refused, ok, part
from tests.sandbox.standins.github.endpoints import Call, Endpoint
from tests.sandbox.standins.github.payloads import commit as new_commit
from tests.sandbox.standins.github.places import PERSON, Owner, Places, Repository
from tests.sandbox.standins.server import Answer, Clock

MOST_FILES = 3000
FILES_A_PAGE = 300
SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----"
REPO, CONTENTS = ("repo",), "contents:read"


@dataclass(frozen=True)
class Change:
    """A file that a commit or a pull request changes; ``previous`` is its name before it was moved."""

    filename: str
    previous: str = ""

    def view(self, repository: Repository, sha: str, base: str) -> dict[str, Any]:
        web = f"https://github.com/{repository.full_name}"
        here = f"{base}/repos/{repository.full_name}/contents/{self.filename}?ref={sha}"
        shown = {
            "sha": hashlib.sha1(self.filename.encode(), usedforsecurity=False).hexdigest(),
            "filename": self.filename,
            "status": "renamed" if self.previous else "modified",
            "additions": 1,
            "deletions": 1,
            "changes": 2,
            "blob_url": f"{web}/blob/{sha}/{self.filename}",
            "raw_url": f"{web}/raw/{sha}/{self.filename}",
            "contents_url": here,
            "patch": "@@ -1 +1 @@",
        }
        return shown | ({"previous_filename": self.previous} if self.previous else {})


def changes(files: Sequence[str | Sequence[str]]) -> list[Change]:
    """Return the changes of these files; a pair is a move from the first name to the second."""
    pairs = [("", file) if isinstance(file, str) else tuple(file) for file in files]
    return [Change(name, previous) for previous, name in pairs]


@dataclass
class Commit:
    """A commit. ``author`` is None for an address that is nobody's at GitHub; ``verified`` None says nothing of it."""

    repository: Repository
    sha: str
    message: str
    author: Owner | None
    at: str
    verified: bool | None = False
    files: list[Change] = field(default_factory=list)

    def view(self, base: str) -> dict[str, Any]:
        here, web = f"{base}/repos/{self.repository.full_name}", f"https://github.com/{self.repository.full_name}"
        tree = hashlib.sha1(self.sha.encode(), usedforsecurity=False).hexdigest()
        login = self.author.login if self.author else "somebody"
        person = {"name": login, "email": f"{login}@users.noreply.github.com", "date": self.at}
        said: dict[str, Any] = {
            "author": person,
            "committer": person,
            "message": self.message,
            "tree": {"sha": tree, "url": f"{here}/git/trees/{tree}"},
            "url": f"{here}/git/commits/{self.sha}",
            "comment_count": 0,
        }
        if self.verified is not None:
            said["verification"] = self._verification(tree)
        return {
            "url": f"{here}/commits/{self.sha}",
            "sha": self.sha,
            "node_id": f"C_{self.sha[:12]}",
            "html_url": f"{web}/commit/{self.sha}",
            "comments_url": f"{here}/commits/{self.sha}/comments",
            "commit": said,
            **dict.fromkeys(("author", "committer"), self.author.view(base) if self.author else None),
            "parents": [],
        }

    def _verification(self, tree: str) -> dict[str, Any]:
        return {
            "verified": self.verified,
            "reason": "valid" if self.verified else "unsigned",
            "signature": SIGNATURE if self.verified else None,
            "payload": f"tree {tree}\n" if self.verified else None,
            "verified_at": self.at if self.verified else None,
        }


@dataclass
class Branch:
    """A branch, by its head."""

    name: str
    sha: str
    protected: bool = False


class Commits:
    """Every commit that somebody has named, and the branches of every repository."""

    def __init__(self, clock: Clock, places: Places) -> None:
        self._clock = clock
        self._places = places
        self._all: dict[tuple[int, str], Commit] = {}
        self._branches: dict[tuple[int, str], Branch] = {}

    def endpoints(self) -> Iterator[Endpoint]:
        here = "/repos/{owner}/{repo}"
        yield Endpoint("GET", f"{here}/commits/{{ref}}", self._get, CONTENTS, REPO)
        yield Endpoint("GET", f"{here}/branches/{{branch}}", self._get_branch, CONTENTS, REPO)

    # What tests set up

    def add(
        self,
        repository: str,
        sha: str = "",
        message: str = "A change",
        author: str = PERSON,
        verified: bool | None = False,
        files: Sequence[str | Sequence[str]] = ("README.md",),
        at: str = "",
    ) -> str:
        """Add a commit, or say otherwise what one is, and return its id. An empty ``author`` is nobody at GitHub."""
        place, sha = self._places.named(repository), sha or new_commit()
        person = self._places.owners[author.lower()] if author else None
        made = Commit(place, sha, message, person, at or self._now(), verified, changes(files))
        self._all[(place.id, sha)] = made
        return sha

    def set_branch(self, repository: str, name: str, sha: str = "", protected: bool = False) -> str:
        """Put a branch at a commit (a new one unless told) and return its id."""
        place, sha = self._places.named(repository), sha or new_commit()
        self.note(place, sha, self._places.owners[PERSON])
        self._branches[(place.id, name)] = Branch(name, sha, protected)
        return sha

    # What happens at GitHub

    def note(self, repository: Repository, sha: str, author: Owner, branch: str = "") -> None:
        """Take note that there is such a commit, unless it is known, and that it is the head of a branch now."""
        made = Commit(repository, sha, "A change", author, self._now(), files=changes(["README.md"]))
        self._all.setdefault((repository.id, sha), made)
        if branch:
            self._branches.setdefault((repository.id, branch), Branch(branch, sha)).sha = sha

    def find(self, repository: Repository, ref: str) -> Commit | None:
        """Return the commit of an id or of a branch."""
        branch = self._branches.get((repository.id, ref.removeprefix("heads/")))
        return self._all.get((repository.id, branch.sha if branch else ref))

    def found(self, call: Call, name: str) -> Commit:
        """Return the commit that a path names. Raises Refused."""
        commit = self.find(call.repository, call.params[name])
        if commit is None:
            # Seen of a commit itself; of its checks and its pull requests not documented.
            raise Refused(422, f"No commit found for SHA: {call.params[name]}")
        return commit

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    # Calls

    def _get(self, call: Call) -> Answer:
        commit = self.found(call, "ref")
        # The part that does not change stands on each page.
        shown, links = part(commit.files[:MOST_FILES], call.request, call.base, FILES_A_PAGE)
        count = len(commit.files)
        stats = {"additions": count, "deletions": count, "total": 2 * count}
        files = [change.view(commit.repository, commit.sha, call.base) for change in shown]
        return ok({**commit.view(call.base), "stats": stats, "files": files}, headers=links)

    def _get_branch(self, call: Call) -> Answer:
        repository = call.repository
        branch = self._branches.get((repository.id, call.params["branch"]))
        if branch is None:
            raise Refused(404, "Branch not found")
        here = f"{call.base}/repos/{repository.full_name}/branches/{branch.name}"
        checks: dict[str, Any] = {"enforcement_level": "off", "contexts": [], "checks": []}
        return ok(
            {
                "name": branch.name,
                "commit": self._all[(repository.id, branch.sha)].view(call.base),
                "_links": {"html": f"https://github.com/{repository.full_name}/tree/{branch.name}", "self": here},
                "protected": branch.protected,
                "protection": {"enabled": branch.protected, "required_status_checks": checks},
                "protection_url": f"{here}/protection",
            }
        )
