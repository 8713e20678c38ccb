"""Pull requests: which commits belong to them, what they change, who has said what to them.

In: pull requests and reviews that a test makes, calls. Out: answers, and what is told to webhooks. Never here: a merge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.standins.github.answers import VERSIONS, not_found, ok, page, part
from tests.sandbox.standins.github.commits import MOST_FILES, REPO, Change, Commits, changes
from tests.sandbox.standins.github.endpoints import Call, Endpoint
from tests.sandbox.standins.github.payloads import Happen
from tests.sandbox.standins.github.places import PERSON, Owner, Places, Repository, node
from tests.sandbox.standins.server import Answer, Clock

READ = "pull_requests:read"
PENDING = "PENDING"
"""The state of a review that its author has not submitted: nobody else sees it."""
_LINKS = ("comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment", "self")


@dataclass(frozen=True)
class Review:
    """What somebody said, of which commit; ``user`` is None for an account that was deleted."""

    id: int
    user: Owner | None
    state: str
    sha: str
    body: str
    at: str


@dataclass
class PullRequest:
    """A pull request. ``commits`` are its ids, the newest last; ``merged_at`` is empty for one that is not merged."""

    id: int
    number: int
    repository: Repository
    title: str
    body: str | None
    author: Owner
    base: str
    head: str
    commits: list[str]
    labels: list[str]
    state: str
    merged_at: str
    created_at: str
    files: list[Change]
    reviews: list[Review] = field(default_factory=list)

    @property
    def sha(self) -> str:
        return self.commits[-1]

    def view(self, base: str, version: str) -> dict[str, Any]:
        here = f"{base}/repos/{self.repository.full_name}"
        own, issue = f"{here}/pulls/{self.number}", f"{here}/issues/{self.number}"
        web = f"https://github.com/{self.repository.full_name}/pull/{self.number}"
        urls = {
            "html_url": web,
            "issue_url": issue,
            "commits_url": f"{own}/commits",
            "review_comments_url": f"{own}/comments",
            "review_comment_url": f"{here}/pulls/comments{{/number}}",
            "comments_url": f"{issue}/comments",
            "statuses_url": f"{here}/statuses/{self.sha}",
        }
        ended = self.merged_at or (self.created_at if self.state == "closed" else "")
        links = {name: {"href": own if name == "self" else urls[f"{name}_url"]} for name in _LINKS}
        shown = {
            "id": self.id,
            "node_id": node("PR", self.id),
            "url": own,
            **urls,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "number": self.number,
            "state": self.state,
            "locked": False,
            "title": self.title,
            "user": self.author.view(base),
            "body": self.body,
            "labels": [self._label(name, here) for name in self.labels],
            "milestone": None,
            **dict.fromkeys(("created_at", "updated_at"), self.created_at),
            "closed_at": ended or None,
            "merged_at": self.merged_at or None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "head": self._side(self.head, self.sha, base),
            "base": self._side(self.base, self.commits[0], base),
            "_links": links,
            "author_association": "MEMBER",
            "auto_merge": None,
            "draft": False,
        }
        if version == VERSIONS[0]:
            # Later versions say neither.
            shown |= {"assignee": None, "merge_commit_sha": self.sha if self.merged_at else None}
        return shown

    def said(self, review: Review, base: str) -> dict[str, Any]:
        """Return a review as the API shows it."""
        own = f"{base}/repos/{self.repository.full_name}/pulls/{self.number}"
        web = f"https://github.com/{self.repository.full_name}/pull/{self.number}#pullrequestreview-{review.id}"
        shown = {
            "id": review.id,
            "node_id": node("PRR", review.id),
            "user": review.user.view(base) if review.user else None,
            "body": review.body,
            "state": review.state,
            "html_url": web,
            "pull_request_url": own,
            "author_association": "MEMBER",
            "_links": {"html": {"href": web}, "pull_request": {"href": own}},
            "commit_id": review.sha,
        }
        return shown if review.state == PENDING else shown | {"submitted_at": review.at}

    def _side(self, ref: str, sha: str, base: str) -> dict[str, Any]:
        owner, place = self.repository.owner, self.repository.view(base)
        return {"label": f"{owner.login}:{ref}", "ref": ref, "sha": sha, "user": owner.view(base), "repo": place}

    @staticmethod
    def _label(name: str, here: str) -> dict[str, Any]:
        plain = {"name": name, "description": "", "color": "ededed", "default": False}
        return {"id": 1, "node_id": node("LA", 1), "url": f"{here}/labels/{name}", **plain}


class PullRequests:
    """Every pull request, and what is said to it. ``happen`` tells webhooks of a review."""

    def __init__(self, clock: Clock, places: Places, commits: Commits, happen: Happen) -> None:
        self._clock = clock
        self._places = places
        self._commits = commits
        self._happen = happen
        self._all: dict[int, dict[int, PullRequest]] = {}

    def endpoints(self) -> Iterator[Endpoint]:
        here = "/repos/{owner}/{repo}"
        one = f"{here}/pulls/{{pull_number}}"
        yield Endpoint("GET", f"{here}/commits/{{commit_sha}}/pulls", self._of_commit, READ, REPO)
        yield Endpoint("GET", f"{one}/reviews", self._reviews, READ, REPO)
        yield Endpoint("GET", f"{one}/files", self._files, READ, REPO)

    # What tests set up

    def add(
        self,
        repository: str,
        commits: Sequence[str],
        title: str = "A change",
        body: str | None = None,
        author: str = PERSON,
        labels: Sequence[str] = (),
        base: str = "",
        head: str = "topic",
        state: str = "merged",
        files: Sequence[str | Sequence[str]] = ("README.md",),
    ) -> int:
        """Add a pull request of these commits, the newest last, and return its number.

        ``state`` is open, closed or merged, ``base`` the default branch unless told.
        """
        place, now = self._places.named(repository), self._now()
        there = self._all.setdefault(place.id, {})
        person = self._places.owners[author.lower()]
        made = PullRequest(
            id=self._places.next_id(),
            number=len(there) + 1,
            repository=place,
            title=title,
            body=body,
            author=person,
            base=base or place.default_branch,
            head=head,
            commits=list(commits),
            labels=list(labels),
            state="open" if state == "open" else "closed",
            merged_at=now if state == "merged" else "",
            created_at=now,
            files=changes(files),
        )
        for sha in commits:
            self._commits.note(place, sha, person)
        there[made.number] = made
        return made.number

    def grow(self, repository: str, number: int, sha: str) -> None:
        """Push a further commit to a pull request: earlier reviews have not seen it."""
        pull = self._all[self._places.named(repository).id][number]
        self._commits.note(pull.repository, sha, pull.author)
        pull.commits.append(sha)

    def review(
        self, repository: str, number: int, user: str, state: str = "APPROVED", sha: str = "", body: str = ""
    ) -> int:
        """Let somebody review the newest commit, or another one; returns the review's id. No ``user``: a deleted one.

        ``state`` is APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING.
        """
        pull = self._all[self._places.named(repository).id][number]
        person = self._places.owners[user.lower()] if user else None
        said = Review(self._places.next_id(), person, state, sha or pull.sha, body, self._now())
        pull.reviews.append(said)
        if state != PENDING:
            self._happen("pull_request_review", pull.repository, lambda base: self._told(pull, said, base))
        return said.id

    def _told(self, pull: PullRequest, said: Review, base: str) -> dict[str, Any]:
        action = "dismissed" if said.state == "DISMISSED" else "submitted"
        # Payloads write the state in lower case, answers of the API in upper case.
        review = {**pull.said(said, base), "state": said.state.lower()}
        return {"action": action, "review": review, "pull_request": pull.view(base, VERSIONS[0])}

    # Calls

    def _of_commit(self, call: Call) -> Answer:
        """Answer the merged one that brought a commit to the default branch, else those that it is part of."""
        sha = self._commits.found(call, "commit_sha").sha
        found = [pull for pull in self._of(call) if sha in pull.commits]
        merged = [pull for pull in found if pull.merged_at]
        arrived = any(pull.base == pull.repository.default_branch for pull in merged)
        shown = merged if arrived else [pull for pull in found if pull.merged_at or pull.state == "open"]
        return page([pull.view(call.base, call.version) for pull in shown], call.request, call.base)

    def _reviews(self, call: Call) -> Answer:
        pull = self._found(call)
        seen = [item for item in pull.reviews if item.state != PENDING or item.user == call.caller.user]
        return page([pull.said(item, call.base) for item in seen], call.request, call.base)

    def _files(self, call: Call) -> Answer:
        pull = self._found(call)
        shown, links = part(pull.files[:MOST_FILES], call.request, call.base)
        return ok([change.view(pull.repository, pull.sha, call.base) for change in shown], headers=links)

    def _of(self, call: Call) -> list[PullRequest]:
        return list(self._all.get(call.repository.id, {}).values())

    def _found(self, call: Call) -> PullRequest:
        pull = self._all.get(call.repository.id, {}).get(call.number("pull_number"))
        if pull is None:
            raise not_found()
        return pull

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
