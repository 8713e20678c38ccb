# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What GitHub knows of a run, of its commit, and of the people around it: for who judges a deployment.

In: a client, a repository, what is asked about. Out: plain data in one form, whatever GitHub's own is. Never here: a
judgement, a write, a list that was cut without a word.

Each function asks with the one permission that it needs, so that a missing one is told by its name.
"""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass

from .answers import garbage
from .client import Access, Client, repository_path, segment

_MOST_FILES = 3000  # GitHub lists no more of a pull request or of a commit
_MOST_PULLS = 20
_OF_COMMIT, _NEWEST = 30, 10  # deployments whose statuses are read: one request each
_NOT_DECIDED = ("commented", "pending")
_ENDED = ("success", "failure", "error", "inactive")


@dataclass(frozen=True)
class Repository:
    """Where to look."""

    owner: str
    name: str

    @property
    def path(self) -> str:
        """The path of the repository. Raises Failure(invalid) for what is no name."""
        return repository_path(self.owner, self.name)

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{self.owner}/{self.name}"

    def access(self, **permissions: str) -> Access:
        """Return what a token must open."""
        return Access.of(self.owner, **permissions)


def run(client: Client, place: Repository, number: int) -> dict[str, t.Any]:
    """Return a workflow run as GitHub gives it."""
    # The same access as of a decision, so that both share a token.
    access = place.access(actions="read", deployments="write")
    found = client.get(f"{place.path}/actions/runs/{number}", access, tried="Reading the run", on=str(number))
    return _mapping(found, "Reading the run")


def approvals(client: Client, place: Repository, number: int, environment: str) -> list[dict[str, t.Any]]:
    """Return what people said to an environment of a run, the oldest first: ``user``, ``state``. Apps are no people."""
    access = place.access(actions="read", deployments="write")
    tried = "Reading the reviews of the run"
    found = client.get(f"{place.path}/actions/runs/{number}/approvals", access, tried=tried, on=str(number))
    return [
        {"user": str(each["user"]["login"]), "state": _remark(str(each["state"]).lower())}
        for each in found
        if not _is_app(each.get("user") or {})
        and any(str(item["name"]).lower() == environment.lower() for item in each["environments"])
    ]


def commit(client: Client, place: Repository, sha: str) -> dict[str, t.Any]:
    """Return a commit: ``message``, ``author`` (login, or None), ``verified``, ``committed`` (seconds since 1970)."""
    found = _commit(client, place, sha)
    inner = found["commit"]
    return {
        "sha": found["sha"],
        "message": str(inner["message"]),
        "author": (found.get("author") or {}).get("login"),
        "verified": (inner.get("verification") or {}).get("verified") is True,
        "committed": _seconds(inner["committer"]["date"]),
    }


def pulls(client: Client, place: Repository, sha: str) -> list[dict[str, t.Any]]:
    """Return the pull requests of a commit: ``title``, ``body``, ``labels`` (names), and who wants what where."""
    return [
        {
            "number": each["number"],
            "title": str(each.get("title") or ""),
            "body": str(each.get("body") or ""),
            "labels": [str(label["name"]) for label in each.get("labels") or []],
            "user": (each.get("user") or {}).get("login"),
            "state": each.get("state"),
            "merged": each.get("merged_at") is not None,
            "base": (each.get("base") or {}).get("ref"),
            "head": (each.get("head") or {}).get("sha"),
        }
        for each in _pulls(client, place, sha)
    ]


def checks(client: Client, place: Repository, sha: str) -> list[dict[str, t.Any]]:
    """Return the latest checks and statuses of a commit: ``name``, ``conclusion`` (None while it runs)."""
    here = f"{place.path}/commits/{segment(sha)}"
    runs = client.pages(
        f"{here}/check-runs",
        place.access(checks="read"),
        tried="Reading the checks of",
        on=sha,
        query={"filter": "latest"},
        key="check_runs",
    )
    found = [
        {"name": str(each["name"]), "conclusion": each["conclusion"] if each["status"] == "completed" else None}
        for each in runs
    ]
    statuses = client.pages(
        f"{here}/status", place.access(statuses="read"), tried="Reading the statuses of", on=sha, key="statuses"
    )
    return found + [
        {"name": str(each["context"]), "conclusion": None if each["state"] == "pending" else each["state"]}
        for each in statuses
    ]


def reviews(client: Client, place: Repository, sha: str) -> list[dict[str, t.Any]]:
    """Return the reviews of a commit's pull requests, the oldest first: ``user``, ``state``, ``current``, ``pull``."""
    found: list[tuple[str, dict[str, t.Any]]] = []
    for pull in _pulls(client, place, sha):
        for each in client.pages(
            f"{place.path}/pulls/{int(pull['number'])}/reviews",
            place.access(pull_requests="read"),
            tried="Reading the reviews of",
            on=f"pull request {pull['number']}",
        ):
            if not each.get("user") or str(each["state"]).lower() == "pending":
                continue
            said = {
                "user": str(each["user"]["login"]),
                "state": str(each["state"]).lower(),
                "current": each.get("commit_id") == pull["head"]["sha"],
                "pull": int(pull["number"]),
            }
            found.append((str(each.get("submitted_at") or ""), said))
    return [said for _when, said in sorted(found, key=lambda item: item[0])]


def changed(client: Client, place: Repository, sha: str) -> list[str]:
    """Return the paths that a commit's pull requests change; without any, those of the commit. Both names of a move."""
    requests = _pulls(client, place, sha)
    files: list[dict[str, t.Any]] = []
    for pull in requests:
        path = f"{place.path}/pulls/{int(pull['number'])}/files"
        on = f"pull request {pull['number']}"
        files += _files(client.pages(path, place.access(pull_requests="read"), tried="Reading the files of", on=on), on)
    if not requests:
        path, access = f"{place.path}/commits/{segment(sha)}", place.access(contents="read")
        files = _files(client.pages(path, access, tried="Reading the files of", on=sha, key="files"), sha)
    names = {str(file[name]) for file in files for name in ("filename", "previous_filename") if file.get(name)}
    return sorted(names)


def branch(client: Client, place: Repository, name: str) -> dict[str, t.Any]:
    """Return a branch: ``name``, ``protected``, ``sha`` of its head."""
    path = f"{place.path}/branches/{segment(name)}"
    found = client.get(path, place.access(contents="read"), tried="Reading the branch", on=name)
    return {"name": str(found["name"]), "protected": found["protected"] is True, "sha": str(found["commit"]["sha"])}


def members(client: Client, team: str) -> list[str]:
    """Return the logins of a team, which is named ``owner/slug``."""
    owner, _slash, slug = team.partition("/")
    path = f"{repository_path(owner, None)}/teams/{segment(slug)}/members"
    found = client.pages(path, Access.of(owner, members="read"), tried="Reading the members of the team", on=team)
    return [str(each["login"]) for each in found]


def deployments(client: Client, place: Repository, environment: str, sha: str | None) -> list[dict[str, t.Any]]:
    """Return deployments to an environment: of this commit, and the newest of all; ``id, sha, state, ended`` of each.

    ``state`` is the last status but ``inactive``, which GitHub sets on all former ones when another succeeds. The
    commit's are asked for by its name, so that a long history hides none.
    """
    access = place.access(actions="read", deployments="write")
    path, tried = f"{place.path}/deployments", "Reading the deployments to"
    rows: dict[int, dict[str, t.Any]] = {}
    for most, more in ((_OF_COMMIT, {"sha": sha}), (_NEWEST, {})) if sha else ((_NEWEST, {}),):
        query = {"environment": environment, "per_page": str(most), **more}
        found = client.get(path, access, tried=tried, on=environment, query=query)
        rows.update({int(each["id"]): each for each in found})
    return [_deployed(client, place, each, access) for each in rows.values()]


def deployment_ended(client: Client, place: Repository, number: int) -> bool:
    """Tell whether a deployment has come to an end: its latest status says so."""
    access = place.access(actions="read", deployments="write")
    path = f"{place.path}/deployments/{number}/statuses"
    found = client.get(path, access, tried="Reading the deployment", on=str(number), query={"per_page": "1"})
    return bool(found) and str(found[0]["state"]) in _ENDED


def _deployed(client: Client, place: Repository, row: dict[str, t.Any], access: Access) -> dict[str, t.Any]:
    path = f"{place.path}/deployments/{int(row['id'])}/statuses"
    statuses = client.get(path, access, tried="Reading the deployment", on=str(row["id"]))
    # The newest comes first.
    last = next((each for each in statuses if each["state"] != "inactive"), None)
    return {
        "id": int(row["id"]),
        "sha": str(row["sha"]),
        "state": "pending" if last is None else str(last["state"]),
        "ended": None if last is None else _seconds(last["created_at"]),
    }


def _commit(client: Client, place: Repository, sha: str) -> dict[str, t.Any]:
    path, access = f"{place.path}/commits/{segment(sha)}", place.access(contents="read")
    return _mapping(client.get(path, access, tried="Reading the commit", on=sha), "Reading the commit")


def _pulls(client: Client, place: Repository, sha: str) -> list[dict[str, t.Any]]:
    path = f"{place.path}/commits/{segment(sha)}/pulls"
    tried = "Reading the pull requests of"
    found = list(client.pages(path, place.access(pull_requests="read"), tried=tried, on=sha))
    if len(found) > _MOST_PULLS:
        raise garbage(tried, sha, f"the commit belongs to more than {_MOST_PULLS} of them")
    return found


def _files(found: t.Iterable[dict[str, t.Any]], on: str) -> list[dict[str, t.Any]]:
    files = list(found)
    if len(files) >= _MOST_FILES:
        raise garbage("Reading the files of", on, f"GitHub lists {_MOST_FILES} at most, and there may be more")
    return files


def _mapping(found: t.Any, tried: str) -> dict[str, t.Any]:
    if not isinstance(found, dict):
        raise garbage(tried, "", "it answered no object")
    return found


def _is_app(user: dict[str, t.Any]) -> bool:
    return user.get("type") == "Bot" or str(user.get("login")).endswith("[bot]") or not user.get("login")


def _remark(state: str) -> str:
    """Return a state as reviews of pull requests say it: a word without a verdict takes none back."""
    return "commented" if state in _NOT_DECIDED else state


def _seconds(text: t.Any) -> float:
    return datetime.datetime.fromisoformat(str(text)).timestamp()
