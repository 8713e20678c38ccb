# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ProtectionRule: a custom deployment protection rule, by which an App decides about an environment's deployments.

In: a ProtectionRule and a client. Out: steps, and what is known of the rule as plain data.
Never here: another setting of the environment; a decision about a deployment.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step
from .client import Access, Client, repository_path
from .environment import check_name, environment_path, find_environment, missing_environment

MOST_RULES = 6


@dataclass(frozen=True)
class ProtectionRule:
    """A custom rule that should be enabled on an environment, or not; ``app`` is the App's slug or its id."""

    owner: str
    repository: str
    environment: str
    app: str
    present: bool = True

    def __post_init__(self) -> None:
        repository_path(self.owner, self.repository)
        check_name(self.environment)
        if not self.app.replace("-", "").isalnum():
            raise invalid(f"The App {self.app[:80]!r}", "it is neither a slug nor an id", "Copy it from the App's page")

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> ProtectionRule:
        """Return the rule that a module's params ask for."""
        names = ("owner", "repository", "environment", "app")
        return cls(**{name: params[name] for name in names}, present=params["state"] == "present")

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "github"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Protection rule {self.app} of environment {self.environment} of {self.owner}/{self.repository}"

    @property
    def needs(self) -> Access:
        """What a token must open to work here."""
        return Access.of(self.owner, administration="write", actions="read")


@dataclass(frozen=True)
class RuleWrite:
    """What ``perform`` needs: the rule that was asked for, and the id of the one to disable or of the App to enable."""

    of: ProtectionRule
    number: t.Any


def plan(client: Client, desired: ProtectionRule) -> tuple[list[Step], t.Any]:
    """Return the steps, and the rule as it will be."""
    place = f"{desired.owner}/{desired.repository}"
    there = find_environment(client, desired.owner, desired.repository, desired.environment, desired.needs)
    if there is None:
        if not desired.present:
            return [], None
        if client.runtime.check:
            # An earlier task of this run would have made it.
            app = {"id": UNKNOWN, "slug": desired.app}
            return [_create(desired, UNKNOWN)], describe(desired, {"id": UNKNOWN, "enabled": True, "app": app})
        raise missing_environment(place, desired.environment)
    rules = all_rules(client, desired, str(there["name"]))
    found = next((rule for rule in rules if _is_meant(desired, rule.get("app") or {})), None)
    if not desired.present:
        return ([_delete(desired, found)] if found else []), None
    if found is not None:
        return [], describe(desired, found)
    if len(rules) >= MOST_RULES:
        raise Failure(
            Kind.REFUSED,
            tried="Enabling the",
            on=desired.title,
            said=f"the environment has {len(rules)} custom rules, and GitHub allows {MOST_RULES}",
            remedy="Disable another one first",
        )
    app = _available(client, desired, str(there["name"]))
    return [_create(desired, app["id"])], describe(desired, {"id": UNKNOWN, "enabled": True, "app": app})


def perform(client: Client, step: Step) -> t.Any:
    """Do one step; return the rule after it."""
    write: RuleWrite = step.desired
    desired = write.of
    path = _path(desired, desired.environment)
    if step.verb == "delete":
        return client.delete(f"{path}/{write.number}", desired.needs, tried="Disabling the", on=step.target)

    def look() -> t.Any:
        """Return the rule that an unanswered attempt enabled."""
        rules = all_rules(client, desired, desired.environment)
        return next((rule for rule in rules if _is_meant(desired, rule.get("app") or {})), None)

    body = {"integration_id": write.number}
    made = client.post(path, desired.needs, body, look=look, tried="Enabling the", on=step.target)
    return describe(desired, made)


def all_rules(client: Client, desired: ProtectionRule, name: str) -> list[dict[str, t.Any]]:
    """Return the custom rules of an environment. There are six at most, so there is one page."""
    found = client.get(_path(desired, name), desired.needs, tried="Looking for the", on=desired.title)
    return list(found.get("custom_deployment_protection_rules") or [])


def describe(desired: ProtectionRule, rule: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return what results show of a rule."""
    app = rule.get("app") or {}
    return {
        "id": rule.get("id"),
        "owner": desired.owner,
        "repository": desired.repository,
        "environment": desired.environment,
        "enabled": rule.get("enabled"),
        "app_id": app.get("id"),
        "app_slug": app.get("slug"),
    }


def _path(desired: ProtectionRule, name: str) -> str:
    return f"{environment_path(desired.owner, desired.repository, name)}/deployment_protection_rules"


def _is_meant(desired: ProtectionRule, app: dict[str, t.Any]) -> bool:
    return desired.app.lower() in (str(app.get("slug")).lower(), str(app.get("id")))


def _available(client: Client, desired: ProtectionRule, name: str) -> dict[str, t.Any]:
    """Return the App among those that GitHub offers for this environment. Raises Failure(missing)."""
    path = f"{_path(desired, name)}/apps"
    key = "available_custom_deployment_protection_rule_integrations"
    offered = list(client.pages(path, desired.needs, tried="Looking for the App of the", on=desired.title, key=key))
    found = next((app for app in offered if _is_meant(desired, app)), None)
    if found is None:
        names = ", ".join(sorted(str(app.get("slug")) for app in offered)) or "none"
        raise Failure(
            Kind.MISSING,
            tried="Enabling the",
            on=desired.title,
            said=f"GitHub does not offer that App for it (it offers {names[:200]})",
            remedy="Install it on the repository, with deployments: write and the event deployment_protection_rule",
        )
    return found


def _create(desired: ProtectionRule, number: t.Any) -> Step:
    change = Change(None, {"environment": desired.environment, "app": desired.app})
    return Step("github", "create", desired.title, RuleWrite(desired, number), change, unknown=number == UNKNOWN)


def _delete(desired: ProtectionRule, rule: dict[str, t.Any]) -> Step:
    change = Change({"environment": desired.environment, "app": desired.app}, None)
    return Step("github", "delete", desired.title, RuleWrite(desired, rule["id"]), change)
