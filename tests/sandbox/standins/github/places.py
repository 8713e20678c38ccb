"""Who and what there is at GitHub: owners, repositories, Apps and their installations.

In: names. Out: typed records and the JSON by which the API shows them. Never here: a request, a right.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PERSON = "olga"
"""Who does what nobody else is named for."""
_OF_REPOSITORIES = """
archive assignees blobs branches collaborators comments commits compare contents contributors deployments downloads
events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels languages merges
milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees
"""
_OF_USERS = "events followers following gists organizations received_events repos starred subscriptions"
_REPOSITORY_LINKS = _OF_REPOSITORIES.split()
_USER_LINKS = _OF_USERS.split()


@dataclass(frozen=True)
class Owner:
    """An organization or a person at GitHub."""

    id: int
    login: str
    type: str = "Organization"

    def view(self, base: str) -> dict[str, Any]:
        """Return the short form in which the API names somebody."""
        here = f"{base}/users/{self.login}"
        return {
            "login": self.login,
            "id": self.id,
            "node_id": node("U", self.id),
            "avatar_url": f"https://avatars.example.com/u/{self.id}",
            "gravatar_id": "",
            "url": here,
            "html_url": f"https://github.com/{self.login}",
            **{f"{name}_url": f"{here}/{name}" for name in _USER_LINKS},
            "type": self.type,
            "site_admin": False,
        }

    def organization_view(self, base: str) -> dict[str, Any]:
        """Return the short form of an organization in payloads."""
        return {"login": self.login, "id": self.id, "node_id": node("O", self.id), "url": f"{base}/orgs/{self.login}"}


@dataclass(frozen=True)
class Team:
    """A team of an organization."""

    id: int
    organization: Owner
    slug: str
    members: list[Owner] = field(default_factory=list, compare=False)

    def view(self, base: str) -> dict[str, Any]:
        here = f"{base}/organizations/{self.organization.id}/team/{self.id}"
        return {
            "id": self.id,
            "node_id": node("T", self.id),
            "url": here,
            "html_url": f"https://github.com/orgs/{self.organization.login}/teams/{self.slug}",
            "name": self.slug,
            "slug": self.slug,
            "description": None,
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "members_url": f"{here}/members{{/member}}",
            "repositories_url": f"{here}/repos",
            "type": "organization",
            "organization_id": self.organization.id,
            "parent": None,
        }


@dataclass
class Repository:
    """A repository; ``pushed`` is what the last push said."""

    id: int
    owner: Owner
    name: str
    private: bool = True
    default_branch: str = "main"
    created_at: str = ""
    pushed: dict[str, Any] | None = None

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    def view(self, base: str) -> dict[str, Any]:
        """Return the form that lists and payloads have."""
        here = f"{base}/repos/{self.full_name}"
        return {
            "id": self.id,
            "node_id": node("R", self.id),
            "name": self.name,
            "full_name": self.full_name,
            "private": self.private,
            "owner": self.owner.view(base),
            "html_url": f"https://github.com/{self.full_name}",
            "description": None,
            "fork": False,
            "url": here,
            **{f"{name}_url": f"{here}/{name}" for name in _REPOSITORY_LINKS},
            "git_url": f"git://github.com/{self.full_name}.git",
            "ssh_url": f"git@github.com:{self.full_name}.git",
            "clone_url": f"https://github.com/{self.full_name}.git",
            "svn_url": f"https://github.com/{self.full_name}",
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "visibility": "private" if self.private else "public",
            "default_branch": self.default_branch,
            **dict.fromkeys(
                ("archived", "disabled", "has_discussions", "has_downloads", "has_pages", "has_projects", "has_wiki"),
                False,
            ),
            "has_issues": True,
            **dict.fromkeys(("forks", "forks_count", "open_issues", "open_issues_count", "size"), 0),
            **dict.fromkeys(("stargazers_count", "watchers", "watchers_count"), 0),
            **dict.fromkeys(("created_at", "updated_at", "pushed_at"), self.created_at),
        }


@dataclass
class Installation:
    """An App on an account; ``repositories`` None is all of them."""

    id: int
    app: App
    account: Owner
    permissions: dict[str, str]
    repositories: set[int] | None = None
    created_at: str = ""
    suspended_at: str | None = None

    def view(self, base: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "account": self.account.view(base),
            "repository_selection": "all" if self.repositories is None else "selected",
            "access_tokens_url": f"{base}/app/installations/{self.id}/access_tokens",
            "repositories_url": f"{base}/installation/repositories",
            "html_url": f"https://github.com/organizations/{self.account.login}/settings/installations/{self.id}",
            "app_id": self.app.id,
            "client_id": self.app.client_id,
            "app_slug": self.app.slug,
            "target_id": self.account.id,
            "target_type": self.account.type,
            "permissions": dict(self.permissions),
            "events": list(self.app.events),
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": None,
            "suspended_at": self.suspended_at,
        }


@dataclass
class App:
    """A GitHub App: its rights, its events, its keys. The first key is made when somebody asks for it."""

    id: int
    slug: str
    owner: Owner
    permissions: dict[str, str]
    events: list[str]
    client_id: str = field(default_factory=lambda: f"Iv23li{secrets.token_hex(7)}")
    created_at: str = ""
    keys: list[rsa.RSAPrivateKey] = field(default_factory=list)

    def add_key(self) -> str:
        """Make a further key and return it as GitHub gives it: PKCS#1 in PEM."""
        self.keys.append(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        return _pem(self.keys[-1])

    @property
    def private_key(self) -> str:
        if not self.keys:
            return self.add_key()
        return _pem(self.keys[0])

    def view(self, base: str, installations: int | None = None) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": self.id,
            "client_id": self.client_id,
            "slug": self.slug,
            "node_id": node("A", self.id),
            "owner": self.owner.view(base),
            "name": self.slug,
            "description": None,
            "external_url": "https://github.com",
            "html_url": f"https://github.com/apps/{self.slug}",
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "permissions": dict(self.permissions),
            "events": list(self.events),
        }
        return shown if installations is None else shown | {"installations_count": installations}


class Places:
    """All of them, found by name as GitHub finds them: whatever the case of the letters."""

    def __init__(self) -> None:
        self._ids = iter(range(1001, 1_000_000))
        self.owners: dict[str, Owner] = {}
        self.repositories: dict[int, Repository] = {}
        self.apps: dict[int, App] = {}
        self.installations: dict[int, Installation] = {}
        self.teams: dict[tuple[int, str], Team] = {}
        self._names: dict[str, int] = {}

    def next_id(self) -> int:
        return next(self._ids)

    def add_owner(self, login: str, kind: str) -> Owner:
        owner = Owner(self.next_id(), login, kind)
        self.owners[login.lower()] = owner
        return owner

    def add_repository(self, full_name: str, private: bool, now: str) -> Repository:
        login, _slash, name = full_name.partition("/")
        repository = Repository(self.next_id(), self.owners[login.lower()], name, private, created_at=now)
        self.repositories[repository.id] = repository
        self._names[full_name.lower()] = repository.id
        return repository

    def add_team(self, login: str, slug: str) -> Team:
        team = Team(self.next_id(), self.owners[login.lower()], slug)
        self.teams[(team.organization.id, slug)] = team
        return team

    def rename(self, full_name: str, new_name: str) -> None:
        """Give a repository another name; the old one goes on leading to it."""
        repository = self.named(full_name)
        repository.name = new_name
        self._names[repository.full_name.lower()] = repository.id

    def repository(self, full_name: str) -> Repository | None:
        """Return the repository of a name that it has, or had."""
        return self.repositories.get(self._names.get(full_name.lower(), 0))

    def named(self, full_name: str) -> Repository:
        """Return the repository of a name that a test gives. Raises ValueError."""
        found = self.repository(full_name)
        if found is None:
            raise ValueError(f"there is no repository {full_name}")
        return found

    def installations_on(self, owner: Owner) -> Iterator[Installation]:
        return (item for item in self.installations.values() if item.account == owner)

    def installation(self, app: App, owner: Owner) -> Installation | None:
        return next((item for item in self.installations_on(owner) if item.app is app), None)


def node(kind: str, number: int) -> str:
    """Return a GraphQL id: something opaque that tells things apart."""
    return f"{kind}_kgDO{number:06x}"


def _pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
