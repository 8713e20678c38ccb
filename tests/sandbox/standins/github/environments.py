"""Environments of repositories: reviewers, wait timer, branch policies, custom protection rules.

In: calls. Out: answers. Never here: a run that waits (`deployments.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.sandbox.standins.github.answers import Refused, not_found, nothing, ok, page
from tests.sandbox.standins.github.apps import installed_on
from tests.sandbox.standins.github.directory import team_of
from tests.sandbox.standins.github.endpoints import Call, Endpoint
from tests.sandbox.standins.github.places import App, Places, Repository, node
from tests.sandbox.standins.server import Answer, Clock

MOST_REVIEWERS = MOST_RULES = 6
LONGEST_WAIT = 43_200
LONGEST_NAME = 255
EVENT = "deployment_protection_rule"
REPO = ("repo",)
READ, WRITE, ADMIN_READ = "actions:read", "administration:write", "administration:read"


@dataclass
class Policy:
    """A pattern of branches or tags that may deploy."""

    id: int
    name: str
    type: str = "branch"

    def view(self) -> dict[str, Any]:
        return {"id": self.id, "node_id": node("GP", self.id), "name": self.name, "type": self.type}


@dataclass
class Environment:
    """An environment. ``rules`` are the custom ones by id. ``branch_policy`` None lets every branch deploy."""

    id: int
    repository: Repository
    name: str
    created_at: str
    updated_at: str
    wait_timer: int = 0
    prevent_self_review: bool = False
    reviewers: list[tuple[str, int]] = field(default_factory=list)
    branch_policy: dict[str, bool] | None = None
    can_admins_bypass: bool = True
    policies: dict[int, Policy] = field(default_factory=dict)
    rules: dict[int, App] = field(default_factory=dict)

    def short(self, base: str) -> dict[str, Any]:
        """Return the form in which runs name it."""
        return {
            "id": self.id,
            "node_id": node("EN", self.id),
            "name": self.name,
            "url": f"{base}/repos/{self.repository.full_name}/environments/{quote(self.name, safe='')}",
            "html_url": f"https://github.com/{self.repository.full_name}/deployments/activity_log",
        }


class Environments:
    """Every environment of every repository."""

    def __init__(self, clock: Clock, places: Places) -> None:
        self._clock = clock
        self._places = places
        self._all: dict[tuple[int, str], Environment] = {}

    def endpoints(self) -> Iterator[Endpoint]:
        every = "/repos/{owner}/{repo}/environments"
        one = f"{every}/{{environment_name}}"
        policies, rules = f"{one}/deployment-branch-policies", f"{one}/deployment_protection_rules"
        policy, rule = f"{policies}/{{branch_policy_id}}", f"{rules}/{{protection_rule_id}}"
        yield Endpoint("GET", every, self._list, READ, REPO)
        yield Endpoint("GET", one, self._get, READ, REPO)
        yield Endpoint("PUT", one, self._put, WRITE, REPO)
        yield Endpoint("DELETE", one, self._delete, WRITE, REPO)
        yield Endpoint("GET", policies, self._list_policies, READ, REPO)
        yield Endpoint("POST", policies, self._create_policy, WRITE, REPO)
        yield Endpoint("GET", policy, self._get_policy, READ, REPO)
        yield Endpoint("PUT", policy, self._update_policy, WRITE, REPO)
        yield Endpoint("DELETE", policy, self._delete_policy, WRITE, REPO)
        yield Endpoint("GET", rules, self._list_rules, READ, REPO)
        yield Endpoint("POST", rules, self._create_rule, WRITE, REPO)
        yield Endpoint("GET", f"{rules}/apps", self._list_apps, ADMIN_READ, REPO)
        yield Endpoint("GET", rule, self._get_rule, READ, REPO)
        yield Endpoint("DELETE", rule, self._delete_rule, WRITE, REPO)

    def find(self, repository: Repository, name: str) -> Environment | None:
        """Return the environment of that name, whatever the case of its letters."""
        return self._all.get((repository.id, name.lower()))

    def make(self, repository: Repository, name: str) -> Environment:
        """Return the environment of that name, made when it is not there: a workflow that names one does the same."""
        found = self.find(repository, name)
        if found is None:
            found = Environment(self._places.next_id(), repository, name, self._now(), self._now())
            self._all[(repository.id, name.lower())] = found
        return found

    def guard(self, repository: Repository, name: str, app: App) -> None:
        """Put the custom rule of an App on an environment, as the owner does; it stays as it is when it is there."""
        rules = self.make(repository, name).rules
        if app not in rules.values():
            rules[self._places.next_id()] = app

    def state(self) -> list[dict[str, Any]]:
        return [
            {"repository": each.repository.full_name, **self._view(each, "")}
            | {"custom_rules": {number: app.slug for number, app in each.rules.items()}}
            for each in self._all.values()
        ]

    # Environments

    def _list(self, call: Call) -> Answer:
        found = [each for each in self._all.values() if each.repository is call.repository]
        return page([self._view(each, call.base) for each in found], call.request, call.base, "environments")

    def _get(self, call: Call) -> Answer:
        return ok(self._view(self._found(call), call.base))

    def _put(self, call: Call) -> Answer:
        """Replace it: what the body leaves out is reset. Custom rules and patterns stay."""
        name, body = call.params["environment_name"], call.body
        if len(name) > LONGEST_NAME or any(ord(letter) < 32 for letter in name):
            raise _refused("Name is not valid")
        wait, reviewers, policy = (
            body.get("wait_timer") or 0,
            body.get("reviewers") or [],
            body.get("deployment_branch_policy"),
        )
        _check(wait, reviewers, policy)
        chosen = [(str(each.get("type")), self._reviewer(call, each)) for each in reviewers]
        environment = self.make(call.repository, name)
        environment.wait_timer, environment.reviewers, environment.branch_policy = wait, chosen, policy
        environment.prevent_self_review = bool(body.get("prevent_self_review", False))
        environment.can_admins_bypass = bool(body.get("can_admins_bypass", environment.can_admins_bypass))
        environment.updated_at = self._now()
        if not (policy or {}).get("custom_branch_policies"):
            environment.policies.clear()
        return ok(self._view(environment, call.base))

    def _delete(self, call: Call) -> Answer:
        environment = self._found(call)
        del self._all[(environment.repository.id, environment.name.lower())]
        return nothing()

    def _found(self, call: Call) -> Environment:
        environment = self.find(call.repository, call.params["environment_name"])
        if environment is None:
            raise not_found()
        return environment

    def _reviewer(self, call: Call, each: dict[str, Any]) -> int:
        number = each.get("id")
        if each.get("type") == "Team":
            team = team_of(call.caller, number) if isinstance(number, int) else None
            known = team is not None and team.organization == call.repository.owner
        else:
            known = any(owner.id == number and owner.type == "User" for owner in self._places.owners.values())
        if not known or not isinstance(number, int):
            raise _refused(f"Could not resolve to a {each.get('type')} with the id of {number}")  # not documented
        return number

    def _view(self, environment: Environment, base: str) -> dict[str, Any]:
        rules: list[dict[str, Any]] = []
        if environment.wait_timer:
            rules.append({**_rule(environment, 1, "wait_timer"), "wait_timer": environment.wait_timer})
        if environment.reviewers:
            reviewers = self.reviewers(environment, base)
            own = {"prevent_self_review": environment.prevent_self_review, "reviewers": reviewers}
            rules.append({**_rule(environment, 2, "required_reviewers"), **own})
        if environment.branch_policy is not None:
            rules.append(_rule(environment, 3, "branch_policy"))
        for number in environment.rules:
            # That custom rules are listed here as well is observed, the word for their type is not documented.
            rules.append({"id": number, "node_id": node("GA", number), "type": "custom"})
        return {
            **environment.short(base),
            "created_at": environment.created_at,
            "updated_at": environment.updated_at,
            "can_admins_bypass": environment.can_admins_bypass,
            "protection_rules": rules,
            "deployment_branch_policy": environment.branch_policy,
        }

    def reviewers(self, environment: Environment, base: str) -> list[dict[str, Any]]:
        """Return who may approve, as the API shows them."""
        people = {owner.id: owner for owner in self._places.owners.values()}
        teams = {team.id: team for team in self._places.teams.values()}
        return [
            {"type": kind, "reviewer": teams[number].view(base) if kind == "Team" else people[number].view(base)}
            for kind, number in environment.reviewers
        ]

    # Branch policies

    def _list_policies(self, call: Call) -> Answer:
        found = [policy.view() for policy in self._found(call).policies.values()]
        return page(found, call.request, call.base, "branch_policies")

    def _create_policy(self, call: Call) -> Answer:
        environment, body = self._found(call), call.body
        if not (environment.branch_policy or {}).get("custom_branch_policies"):
            raise not_found()
        name, kind = body.get("name"), body.get("type", "branch")
        if not isinstance(name, str) or not name or kind not in ("branch", "tag"):
            raise _refused("Name or type is not valid")
        if any((policy.name, policy.type) == (name, kind) for policy in environment.policies.values()):
            return Answer(303)
        policy = Policy(self._places.next_id(), name, kind)
        environment.policies[policy.id] = policy
        return ok(policy.view())

    def _get_policy(self, call: Call) -> Answer:
        return ok(self._policy(call).view())

    def _update_policy(self, call: Call) -> Answer:
        """Give it another name; what type it is cannot be changed."""
        policy, name = self._policy(call), call.body.get("name")
        if not isinstance(name, str) or not name:
            raise _refused("Name is not valid")
        policy.name = name
        return ok(policy.view())

    def _delete_policy(self, call: Call) -> Answer:
        del self._found(call).policies[self._policy(call).id]
        return nothing()

    def _policy(self, call: Call) -> Policy:
        policy = self._found(call).policies.get(call.number("branch_policy_id"))
        if policy is None:
            raise not_found()
        return policy

    # Custom rules

    def _list_rules(self, call: Call) -> Answer:
        found = [_rule_view(number, app, call.base) for number, app in self._found(call).rules.items()]
        return ok({"total_count": len(found), "custom_deployment_protection_rules": found})

    def _create_rule(self, call: Call) -> Answer:
        environment = self._found(call)
        wanted = call.body.get("integration_id")
        app = next((app for app in self._available(call) if app.id == wanted), None)
        if app is None:
            raise _refused("The App is not available for this environment")  # not documented
        if app in environment.rules.values():
            raise _refused("The App is enabled on this environment already")  # not documented
        if len(environment.rules) >= MOST_RULES:
            raise _refused(f"An environment has at most {MOST_RULES} custom rules")  # not documented
        number = self._places.next_id()
        environment.rules[number] = app
        return ok(_rule_view(number, app, call.base), 201)

    def _list_apps(self, call: Call) -> Answer:
        self._found(call)
        found = [_app_view(app, call.base) for app in self._available(call)]
        key = "available_custom_deployment_protection_rule_integrations"
        return page(found, call.request, call.base, key)

    def _get_rule(self, call: Call) -> Answer:
        return ok(_rule_view(*self._found_rule(call), call.base))

    def _delete_rule(self, call: Call) -> Answer:
        del self._found(call).rules[self._found_rule(call)[0]]
        return nothing()

    def _found_rule(self, call: Call) -> tuple[int, App]:
        number = call.number("protection_rule_id")
        app = self._found(call).rules.get(number)
        if app is None:
            raise not_found()
        return number, app

    def _available(self, call: Call) -> list[App]:
        """Return the Apps on the repository that have the right and hear the event."""
        return [
            app
            for app in self._places.apps.values()
            if app.permissions.get("deployments") == "write" and EVENT in app.events and installed_on(call, app)
        ]

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _check(wait: object, reviewers: object, policy: object) -> None:
    """Raise unless GitHub would take these settings."""
    if not isinstance(wait, int) or isinstance(wait, bool) or not 0 <= wait <= LONGEST_WAIT:
        raise _refused(f"Wait timer must be between 0 and {LONGEST_WAIT}")
    if not isinstance(reviewers, list) or len(reviewers) > MOST_REVIEWERS:
        raise _refused(f"Reviewers cannot exceed {MOST_REVIEWERS}")
    if policy is None:
        return
    if not isinstance(policy, dict) or policy.get("protected_branches") == policy.get("custom_branch_policies"):
        raise _refused("Protected branches and custom branch policies cannot have the same value")


def _rule(environment: Environment, number: int, kind: str) -> dict[str, Any]:
    # Ids of built-in rules differ from environment to environment, and nothing can be asked by them.
    whole = environment.id * 10 + number
    return {"id": whole, "node_id": node("GA", whole), "type": kind}


def _rule_view(number: int, app: App, base: str) -> dict[str, Any]:
    return {"id": number, "node_id": node("GA", number), "enabled": True, "app": _app_view(app, base)}


def _app_view(app: App, base: str) -> dict[str, Any]:
    url = f"{base}/apps/{app.slug}"
    return {"id": app.id, "slug": app.slug, "integration_url": url, "node_id": node("A", app.id)}


def _refused(message: str) -> Refused:
    return Refused(422, "Validation Failed", [{"resource": "Environment", "code": "custom", "message": message}])
