"""What can be looked up: repositories, organizations, people, teams; GitHub's addresses; the rate limit.

In: calls. Out: answers. Never here: a change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.sandbox.standins.github.access import Caller
from tests.sandbox.standins.github.answers import VERSIONS, Refused, not_found, ok, page
from tests.sandbox.standins.github.endpoints import ENTERPRISE, Call, Endpoint
from tests.sandbox.standins.github.limits import Limits
from tests.sandbox.standins.github.places import Owner, Places, Team, node
from tests.sandbox.standins.server import Answer

HOOK_RANGES = ("192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20", "2a0a:a440::/29")
REPO, ORG = ("repo",), ("admin:org", "read:org")


class Directory:
    """The look-ups. ``hook_ranges`` is what `/meta` says of the addresses that deliveries come from."""

    def __init__(self, places: Places, limits: Limits) -> None:
        self._places = places
        self._limits = limits
        self.hook_ranges = list(HOOK_RANGES)

    def endpoints(self) -> Iterator[Endpoint]:
        yield Endpoint("GET", "/meta", self._meta, by="anybody")
        yield Endpoint("GET", "/rate_limit", self._rate_limit, by="anybody")
        yield Endpoint("GET", "/repos/{owner}/{repo}", self._repository, "metadata:read", REPO)
        yield Endpoint("GET", "/orgs/{org}", self._organization, by="anybody")
        yield Endpoint("GET", "/orgs/{org}/repos", self._repositories, "metadata:read", REPO)
        yield Endpoint("GET", "/users/{username}", self._user, by="anybody")
        team, members = "/orgs/{org}/teams/{team_slug}", "members:read"
        yield Endpoint("GET", team, self._team, members, ORG)
        yield Endpoint("GET", f"{team}/members", self._members, members, ORG)

    def set_hook_ranges(self, ranges: list[str] | None = None) -> None:
        """Say other addresses in `/meta`, none at all, or without an argument those of the beginning."""
        self.hook_ranges = list(HOOK_RANGES) if ranges is None else list(ranges)

    def _meta(self, call: Call) -> Answer:
        shown: dict[str, Any] = {"verifiable_password_authentication": False}
        if call.base.endswith(ENTERPRISE):
            # An Enterprise Server says nothing of addresses: it is the customer who knows them.
            return ok({**shown, "installed_version": "3.19.0"})
        others = ("web", "api", "git", "packages", "pages", "importer", "actions", "dependabot")
        ranges: dict[str, Any] = {name: ["192.0.2.0/24"] for name in others}
        return ok({**shown, "hooks": list(self.hook_ranges), **ranges, "domains": {"website": ["*.github.com"]}})

    def _rate_limit(self, call: Call) -> Answer:
        if call.base.endswith(ENTERPRISE):
            raise Refused(404, "Rate limiting is not enabled.")
        core = self._limits.view(call.caller.name)
        shown: dict[str, Any] = {"resources": {"core": core, "search": {**core, "limit": 30, "remaining": 30}}}
        return ok(shown if call.version > VERSIONS[0] else {**shown, "rate": core})

    def _repository(self, call: Call) -> Answer:
        repository = call.repository
        shown = repository.view(call.base)
        extra = {"network_count": 0, "subscribers_count": 0, "organization": repository.owner.view(call.base)}
        return ok(shown | extra if repository.owner.type == "Organization" else shown | {**extra, "organization": None})

    def _repositories(self, call: Call) -> Answer:
        owner = call.organization
        seen = [item for item in self._places.repositories.values() if item.owner == owner and call.caller.sees(item)]
        return page([item.view(call.base) for item in seen], call.request, call.base)

    def _organization(self, call: Call) -> Answer:
        return ok(self._organization_view(self._owner(call.params["org"], "Organization"), call.base))

    def _user(self, call: Call) -> Answer:
        owner = self._owner(call.params["username"])
        names = ("name", "company", "location", "email", "hireable", "bio")
        counts = ("public_repos", "public_gists", "followers", "following")
        return ok(
            {
                **owner.view(call.base),
                **dict.fromkeys(names),
                **dict.fromkeys(counts, 0),
                "blog": "",
                "created_at": "2020-01-01T00:00:00Z",
                "updated_at": "2020-01-01T00:00:00Z",
            }
        )

    def join_team(self, organization: str, slug: str, login: str) -> None:
        """Let a person be a member of a team."""
        self._named_team(organization, slug).members.append(self._places.owners[login.lower()])

    def leave_team(self, organization: str, slug: str, login: str) -> None:
        """Let a person be no member any more."""
        self._named_team(organization, slug).members.remove(self._places.owners[login.lower()])

    def _named_team(self, organization: str, slug: str) -> Team:
        return self._places.teams[(self._places.owners[organization.lower()].id, slug)]

    def _members(self, call: Call) -> Answer:
        # Nobody is a maintainer here.
        members = [] if call.request.argument("role") == "maintainer" else self._found_team(call).members
        shown = [{**item.view(call.base), "role": "member", "inherited": False} for item in members]
        return page(shown, call.request, call.base)

    def _team(self, call: Call) -> Answer:
        organization, team = call.organization, self._found_team(call)
        shown = {**team.view(call.base), "members_count": len(team.members), "repos_count": 0}
        times = dict.fromkeys(("created_at", "updated_at"), "2020-01-01T00:00:00Z")
        return ok({**shown, **times, "organization": {**self._organization_view(organization, call.base)}})

    def _found_team(self, call: Call) -> Team:
        team = self._places.teams.get((call.organization.id, call.params["team_slug"]))
        if team is None:
            raise not_found()
        return team

    def _owner(self, login: str, kind: str = "") -> Owner:
        owner = self._places.owners.get(login.lower())
        if owner is None or (kind and owner.type != kind):
            raise not_found()
        return owner

    @staticmethod
    def _organization_view(owner: Owner, base: str) -> dict[str, Any]:
        here = f"{base}/orgs/{owner.login}"
        links = ("repos", "events", "hooks", "issues", "members", "public_members")
        counts = ("public_repos", "public_gists", "followers", "following")
        return {
            "login": owner.login,
            "id": owner.id,
            "node_id": node("O", owner.id),
            "url": here,
            **{f"{name}_url": f"{here}/{name}" for name in links},
            "avatar_url": f"https://avatars.example.com/u/{owner.id}",
            "description": None,
            "html_url": f"https://github.com/{owner.login}",
            **dict.fromkeys(("has_organization_projects", "has_repository_projects"), True),
            **dict.fromkeys(counts, 0),
            "type": owner.type,
            **dict.fromkeys(("created_at", "updated_at"), "2020-01-01T00:00:00Z"),
            "archived_at": None,
        }


def team_of(caller: Caller, number: int) -> Team | None:
    """Return the team of an id."""
    return next((team for team in caller.places.teams.values() if team.id == number), None)
