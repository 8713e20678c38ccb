# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Environment: an environment of a repository, with reviewers, wait timer, and who may deploy from where.

In: an Environment and a client. Out: steps, and what is known of the environment as plain data.
Never here: a custom protection rule; a write that resets a setting that nobody named.

GitHub replaces an environment as a whole, so what is not named is read and written back. Custom rules stay.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step
from .client import Access, Client, check_owner, repository_path, segment

LONGEST_WAIT = 43_200
LONGEST_NAME = 255
MOST_REVIEWERS = 6
ALL, PROTECTED, SELECTED = "all", "protected", "selected"
BRANCHES = (ALL, PROTECTED, SELECTED)
POLICY_TYPES = ("branch", "tag")
_KINDS = (("User", "reviewer_users", "login"), ("Team", "reviewer_teams", "slug"))

Policy = tuple[str, str]
"""Type and pattern, such as ``("branch", "release/*")``."""


@dataclass(frozen=True)
class Environment:
    """An environment that should be there, or not. What is None stays as it is, and is GitHub's default in a new one.

    ``wait_timer`` is in minutes. ``branches`` says from where it may be deployed to: from ``all``, from ``protected``
    branches, or from those ``selected`` by ``branch_policies``, which are then exactly these. Raises Failure(invalid).
    """

    owner: str
    repository: str
    name: str
    wait_timer: int | None = None
    prevent_self_review: bool | None = None
    reviewer_users: tuple[str, ...] | None = None
    reviewer_teams: tuple[str, ...] | None = None
    admin_bypass: bool | None = None
    branches: str | None = None
    branch_policies: tuple[Policy, ...] | None = None
    present: bool = True

    def __post_init__(self) -> None:
        repository_path(self.owner, self.repository)
        check_name(self.name)
        if self.wait_timer is not None and not 0 <= self.wait_timer <= LONGEST_WAIT:
            raise invalid(self.title, f"wait_timer {self.wait_timer} is not between 0 and {LONGEST_WAIT} minutes")
        if len(self.reviewer_users or ()) + len(self.reviewer_teams or ()) > MOST_REVIEWERS:
            raise invalid(self.title, f"it has more than {MOST_REVIEWERS} reviewers")
        for name in (*(self.reviewer_users or ()), *(self.reviewer_teams or ())):
            check_owner(name)
        if self.branches is not None and self.branches not in BRANCHES:
            raise invalid(self.title, f"branches is none of {', '.join(BRANCHES)}")
        self._check_policies()

    def _check_policies(self) -> None:
        if self.branch_policies is None:
            return
        if self.branches is None:
            object.__setattr__(self, "branches", SELECTED)
        if self.branches != SELECTED:
            raise invalid(self.title, "branch_policies is given, and branches is not selected")
        for kind, pattern in self.branch_policies:
            if kind not in POLICY_TYPES or not pattern.strip():
                raise invalid(self.title, f"the branch policy {kind[:20]} {pattern[:80]!r} is none")
        object.__setattr__(self, "branch_policies", tuple(sorted(set(self.branch_policies))))

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Environment:
        """Return the environment that a module's params ask for."""
        policies = params["branch_policies"]
        return cls(
            owner=params["owner"],
            repository=params["repository"],
            name=params["name"],
            wait_timer=params["wait_timer"],
            prevent_self_review=params["prevent_self_review"],
            reviewer_users=_names(params["reviewer_users"]),
            reviewer_teams=_names(params["reviewer_teams"]),
            admin_bypass=params["admin_bypass"],
            branches=params["branches"],
            branch_policies=None if policies is None else tuple((each["type"], each["name"]) for each in policies),
            present=params["state"] == "present",
        )

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "github"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Environment {self.name} of {self.owner}/{self.repository}"

    @property
    def needs(self) -> Access:
        """What a token must open to work here."""
        return Access.of(self.owner, administration="write", actions="read")


@dataclass(frozen=True)
class EnvironmentWrite:
    """What ``perform`` needs: what was asked for, the name as GitHub spells it, the body or the policy to write."""

    of: Environment
    name: str
    body: dict[str, t.Any] | None = None
    policy: Policy | None = None
    policy_id: t.Any = None
    shown: dict[str, t.Any] | None = None


def check_name(name: str) -> str:
    """Return the name of an environment when it can be one."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise invalid(
            f"The environment {name[:80]!r}", f"it is empty, longer than {LONGEST_NAME} or has control letters"
        )
    return name


def environment_path(owner: str, repository: str, name: str) -> str:
    """Return the path of an environment; its name may hold anything, slashes too."""
    return f"{repository_path(owner, repository)}/environments/{segment(name)}"


def all_environments(client: Client, owner: str, repository: str, needs: Access) -> list[dict[str, t.Any]]:
    """Return the environments of a repository by name. A missing one is told from a missing repository by this list."""
    path = f"{repository_path(owner, repository)}/environments"
    tried = "Looking for the environments of"

    def read() -> list[dict[str, t.Any]]:
        found = client.pages(path, needs, tried=tried, on=f"{owner}/{repository}", key="environments")
        return sorted(found, key=lambda item: str(item.get("name")))

    found: list[dict[str, t.Any]] = client.remember(f"environments {path.lower()}", read)
    return found


def find_environment(client: Client, owner: str, repository: str, name: str, needs: Access) -> dict[str, t.Any] | None:
    """Return the environment of that name, whatever the case of its letters, or None."""
    found = all_environments(client, owner, repository, needs)
    return next((item for item in found if str(item.get("name")).lower() == name.lower()), None)


def all_policies(
    client: Client, owner: str, repository: str, item: dict[str, t.Any], needs: Access
) -> dict[Policy, t.Any]:
    """Return the branch policies of an environment with their ids; none are asked for where none can be."""
    if _branches_of(item) != SELECTED:
        return {}
    path = f"{environment_path(owner, repository, item['name'])}/deployment-branch-policies"
    found = client.pages(path, needs, tried="Reading the branch policies of", on=item["name"], key="branch_policies")
    return {(str(each.get("type") or "branch"), str(each["name"])): each["id"] for each in found}


def describe(item: dict[str, t.Any], owner: str, repository: str, policies: t.Iterable[Policy]) -> dict[str, t.Any]:
    """Return what results show of an environment."""
    return {
        "id": item.get("id"),
        "owner": owner,
        "repository": repository,
        "name": item.get("name"),
        **_settings_of(item),
        "branch_policies": [{"type": kind, "name": pattern} for kind, pattern in sorted(policies)],
        "created_at": item.get("created_at"),
        "updated_at": item.get("updated_at"),
    }


def plan(client: Client, desired: Environment) -> tuple[list[Step], t.Any]:
    """Return the steps, and the environment as it will be."""
    found = find_environment(client, desired.owner, desired.repository, desired.name, desired.needs)
    if not desired.present:
        return _plan_absent(desired, found), None
    before = _settings_of(found or {})
    wanted = {name: value for name, value in _wanted(desired).items() if value is not None}
    after = {**before, **wanted}
    if after["prevent_self_review"] and not (after["reviewer_users"] or after["reviewer_teams"]):
        raise invalid(desired.title, "prevent_self_review without a reviewer has no effect", "Name reviewers as well")
    present = all_policies(client, desired.owner, desired.repository, found, desired.needs) if found else {}
    policies = _policies_after(desired, after["branches"], present)
    name = str(found["name"]) if found else desired.name
    new = {"id": UNKNOWN, "name": name, "created_at": UNKNOWN, "updated_at": UNKNOWN}
    shown = {**describe(found or new, desired.owner, desired.repository, policies), **after}
    steps = []
    if found is None or after != before:
        body = _body(client, desired, after, found or {})
        change = _change(before, after) if found else Change(None, {"name": name, **wanted})
        write = EnvironmentWrite(replace(desired, name=name), name, body, shown=shown)
        steps.append(Step("github", "update" if found else "create", desired.title, write, change))
    return [*steps, *_plan_policies(desired, name, present, policies)], shown


def perform(client: Client, step: Step) -> t.Any:
    """Do one step; return the environment after it, nothing for one of its branch policies."""
    write: EnvironmentWrite = step.desired
    desired = write.of
    path, needs = environment_path(desired.owner, desired.repository, write.name), desired.needs
    if write.policy is not None:
        return _perform_policy(client, step, f"{path}/deployment-branch-policies", write.policy)
    if step.verb == "delete":
        return client.delete(path, needs, tried="Deleting the", on=step.target)
    done = client.put(path, needs, write.body or {}, tried="Writing the", on=step.target)
    own = {name: done.get(name) for name in ("id", "name", "created_at", "updated_at")}
    return {**(write.shown or {}), **own}


def _perform_policy(client: Client, step: Step, path: str, policy: Policy) -> None:
    write: EnvironmentWrite = step.desired
    needs = write.of.needs
    if step.verb == "delete":
        return client.delete(f"{path}/{write.policy_id}", needs, tried="Deleting the", on=step.target)
    kind, pattern = policy

    def look() -> t.Any:
        """Return the policy when it is there, by an unanswered attempt or by somebody else."""
        found = client.pages(path, needs, tried="Reading the", on=step.target, key="branch_policies")
        return next((each for each in found if (each.get("type"), each["name"]) == policy), None)

    client.post(path, needs, {"name": pattern, "type": kind}, look=look, tried="Creating the", on=step.target)
    return None


def _names(given: list[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


def _wanted(desired: Environment) -> dict[str, t.Any]:
    """Return the settings that are asked for; names are compared as GitHub compares them."""
    users, teams = desired.reviewer_users, desired.reviewer_teams
    return {
        "wait_timer": desired.wait_timer,
        "prevent_self_review": desired.prevent_self_review,
        "reviewer_users": None if users is None else sorted({name.lower() for name in users}),
        "reviewer_teams": None if teams is None else sorted({name.lower() for name in teams}),
        "admin_bypass": desired.admin_bypass,
        "branches": desired.branches,
    }


def _settings_of(item: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the settings of an environment as GitHub returns it; those of nothing are GitHub's defaults."""
    rules = {str(rule.get("type")): rule for rule in item.get("protection_rules") or []}
    required = rules.get("required_reviewers") or {}
    bypass = item.get("can_admins_bypass")
    return {
        "wait_timer": int((rules.get("wait_timer") or {}).get("wait_timer") or 0),
        "prevent_self_review": bool(required.get("prevent_self_review")),
        **{
            field: sorted(str(each["reviewer"][key]).lower() for each in _reviewers(item, kind))
            for kind, field, key in _KINDS
        },
        "admin_bypass": True if bypass is None else bool(bypass),
        "branches": _branches_of(item),
    }


def _reviewers(item: dict[str, t.Any], kind: str) -> list[dict[str, t.Any]]:
    rules = [rule for rule in item.get("protection_rules") or [] if rule.get("type") == "required_reviewers"]
    return [each for rule in rules for each in rule.get("reviewers") or [] if each.get("type") == kind]


def _branches_of(item: dict[str, t.Any]) -> str:
    policy = item.get("deployment_branch_policy")
    if not policy:
        return ALL
    return SELECTED if policy.get("custom_branch_policies") else PROTECTED


def _change(before: dict[str, t.Any], after: dict[str, t.Any]) -> Change:
    names = [name for name in after if before[name] != after[name]]
    return Change({name: before[name] for name in names}, {name: after[name] for name in names})


def _body(client: Client, desired: Environment, after: dict[str, t.Any], found: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the whole environment as GitHub takes it. The bypass is sent only when named: it is not documented."""
    body: dict[str, t.Any] = {
        "wait_timer": after["wait_timer"],
        "prevent_self_review": after["prevent_self_review"],
        "reviewers": [
            {"type": kind, "id": _reviewer_id(client, desired, kind, name, found)}
            for kind, field, _key in _KINDS
            for name in after[field]
        ],
        "deployment_branch_policy": None,
    }
    if after["branches"] != ALL:
        selected = after["branches"] == SELECTED
        body["deployment_branch_policy"] = {"protected_branches": not selected, "custom_branch_policies": selected}
    if desired.admin_bypass is not None:
        body["can_admins_bypass"] = desired.admin_bypass
    return body


def _reviewer_id(client: Client, desired: Environment, kind: str, name: str, found: dict[str, t.Any]) -> t.Any:
    """Return the id of a reviewer: of one that is there already, else as GitHub tells it."""
    key = "slug" if kind == "Team" else "login"
    for each in _reviewers(found, kind):
        if str(each["reviewer"][key]).lower() == name:
            return each["reviewer"]["id"]
    team = kind == "Team"
    path = f"/orgs/{desired.owner}/teams/{name}" if team else f"/users/{name}"
    needs = Access.of(desired.owner, members="read") if team else desired.needs
    return client.get(path, needs, tried=f"Looking for the reviewing {'team' if team else 'user'}", on=name)["id"]


def _policies_after(desired: Environment, branches: str, present: dict[Policy, t.Any]) -> tuple[Policy, ...]:
    if branches != SELECTED:
        return ()
    return tuple(present) if desired.branch_policies is None else desired.branch_policies


def _plan_policies(
    desired: Environment, name: str, present: dict[Policy, t.Any], wanted: tuple[Policy, ...]
) -> list[Step]:
    """Return the steps to exactly these policies, new ones first; those that go with the setting are not deleted."""
    if desired.branch_policies is None:
        return []
    steps: list[Step] = []
    for verb, policies in (("create", set(wanted) - set(present)), ("delete", set(present) - set(wanted))):
        for policy in sorted(policies):
            shown = {"type": policy[0], "name": policy[1]}
            change = Change(None, shown) if verb == "create" else Change(shown, None)
            write = EnvironmentWrite(desired, name, policy=policy, policy_id=present.get(policy))
            target = f"{policy[0].capitalize()} policy {policy[1]} of {desired.title}"
            steps.append(Step("github", verb, target, write, change, rank=len(steps) + 1))
    return steps


def _plan_absent(desired: Environment, found: dict[str, t.Any] | None) -> list[Step]:
    if found is None:
        return []
    write = EnvironmentWrite(desired, str(found["name"]))
    change = Change({"name": found["name"], **_settings_of(found)}, None)
    return [Step("github", "delete", desired.title, write, change)]


def missing_environment(title: str, name: str) -> Failure:
    """Return the failure for an environment that must be there first."""
    return Failure(
        Kind.MISSING,
        tried="Looking for the environment of",
        on=title,
        said=f"there is no environment {name}",
        remedy="Create it with github_environment first",
    )
