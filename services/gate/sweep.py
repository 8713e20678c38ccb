"""Finds runs that wait for an App although no delivery tells of them, and tells of them in its place.

In: GitHub's installations, runs and environments; which of them the gate knows. Out: what GitHub would have sent, as
far as it can be read. Never here: a guess: what is not sure is left out, and is unknown to the policy.

A run does not say for whom it waits. It waits for this App when the environment has the App's rule, and the App has not
decided; after it has decided, only when nobody else can be meant: no reviewer, no timer, no other rule.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._github.client import (
    AS_APP,
    Access,
    Client,
    repository_path,
    segment,
)
from ansible_collections.aphex.platform.plugins.module_utils._github.delivery import moment
from ansible_collections.aphex.platform.plugins.module_utils._github.waiting import waiting_runs
from services.gate.inbox import key_of
from services.gate.payload import EVENT

GRACE = 120.0
"""Seconds that a run has waited at least: the delivery of a younger one may be under way."""

_LOG = logging.getLogger("gate.sweep")
_NAMESPACE = uuid.UUID("6a1f4a52-5d0b-5b0e-9c1e-6f1d7f1f2a10")
_SAME_HOUR = 3600.0
# Events of the repository's own branches and tags: `head_branch` is then what a delivery calls the ref.
_OF_THE_BRANCH = ("push", "schedule", "workflow_dispatch", "release", "repository_dispatch")


@dataclass(frozen=True)
class Waiting:
    """A run that waits at an environment, since when, and what a delivery of it would have said; the GUID is ours."""

    guid: str
    payload: Mapping[str, Any]
    since: float


@dataclass
class _Sweep:
    """One pass over everything that an App is installed on."""

    client: Client
    app: str
    known: Collection[str]
    now: float
    _rules: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def everywhere(self) -> Iterator[Waiting]:
        """Yield what waits; an installation or a repository that cannot be read is left out and logged."""
        me = self.client.get("/app", AS_APP, tried="Reading the", on="App")
        installations = self.client.pages("/app/installations", AS_APP, tried="Reading the installations of", on="App")
        for installation in installations:
            owner = str((installation.get("account") or {}).get("login"))
            if installation.get("suspended_at"):
                _LOG.info("the installation at %s is suspended", owner)
                continue
            try:
                for repository in self._repositories(owner):
                    yield from self._of_repository(me, installation, repository)
            except Failure as failure:
                if failure.kind is Kind.BUSY:
                    raise
                _LOG.warning("looking for runs that wait at %s: %s", owner, failure.sentence())

    def _repositories(self, owner: str) -> Iterator[dict[str, Any]]:
        path, tried = "/installation/repositories", "Reading the repositories of"
        for found in self.client.pages(path, _access(owner), tried=tried, on=owner, key="repositories"):
            if not found.get("archived") and not found.get("disabled"):
                yield found

    def _of_repository(
        self, me: dict[str, Any], installation: dict[str, Any], repository: dict[str, Any]
    ) -> Iterator[Waiting]:
        owner, name = str(repository["owner"]["login"]), str(repository["name"])
        path = repository_path(owner, name)
        for run in waiting_runs(self.client, owner, name, _access(owner)):
            if self.now - moment(run.get("updated_at")) < GRACE:
                continue
            for pending in self._get(f"{path}/actions/runs/{run['id']}/pending_deployments", owner):
                place = str((pending.get("environment") or {}).get("name"))
                key = key_of(self.app, f"{owner}/{name}", int(run["id"]), place)
                if key not in self.known and self._waits_for_me(me, path, owner, run, pending):
                    yield self._told(installation, repository, run, place, key)

    def _waits_for_me(
        self, me: dict[str, Any], path: str, owner: str, run: dict[str, Any], pending: dict[str, Any]
    ) -> bool:
        name = str(pending["environment"]["name"])
        rules = self._rules_of(path, owner, name)
        if not any(_app_of(rule) == me.get("id") for rule in rules):
            return False
        reviews = self._get(f"{path}/actions/runs/{run['id']}/approvals", owner)
        mine = [each for each in reviews if _is_mine(each, str(me.get("slug")), name)]
        if not mine:
            return True
        return len(rules) == 1 and not pending.get("reviewers") and not pending.get("wait_timer")

    def _rules_of(self, path: str, owner: str, name: str) -> list[dict[str, Any]]:
        where = f"{path}/environments/{segment(name)}/deployment_protection_rules"
        if where not in self._rules:
            found = self._get(where, owner)
            rules = found.get("custom_deployment_protection_rules") if isinstance(found, dict) else None
            self._rules[where] = [rule for rule in rules or [] if rule.get("enabled")]
        return self._rules[where]

    def _told(
        self,
        installation: dict[str, Any],
        repository: dict[str, Any],
        run: dict[str, Any],
        environment: str,
        key: str,
    ) -> Waiting:
        """Return the payload as GitHub would have sent it, without the id of the deployment: it is not told apart."""
        owner, name = str(repository["owner"]["login"]), str(repository["name"])
        # The same for replicas that find it together, another one when it is found again.
        guid = str(uuid.uuid5(_NAMESPACE, f"{key} {int(self.now // _SAME_HOUR)}"))
        sender = run.get("triggering_actor") or run.get("actor")
        account = repository["owner"]
        base = f"{self.client.url}{repository_path(owner, name)}"
        payload: dict[str, Any] = {
            "action": "requested",
            "environment": environment,
            "event": run.get("event"),
            "sha": run.get("head_sha"),
            "deployment_callback_url": f"{base}/actions/runs/{run['id']}/{EVENT}",
            "workflow_run": {"id": run["id"]},
            "repository": repository,
            "installation": {"id": installation["id"]},
            "sender": sender,
            "found_by_sweep": guid,
        }
        if account.get("type") == "Organization":
            payload["organization"] = {name: account.get(name) for name in ("login", "id", "node_id", "url")}
        deployment = self._deployment(repository, run, environment)
        if deployment is not None:
            payload["deployment"] = {name: value for name, value in deployment.items() if name != "id"}
        if _is_of_the_branch(run, repository):
            payload["ref"] = run.get("head_branch")
            if run.get("pull_requests") == []:
                payload["pull_requests"] = []
        known = {name: value for name, value in payload.items() if value is not None}
        return Waiting(guid, known, moment(run.get("updated_at")))

    def _deployment(self, repository: dict[str, Any], run: dict[str, Any], environment: str) -> dict[str, Any] | None:
        """Return the deployment of a run, None when it cannot be told apart from those of other runs."""
        owner = str(repository["owner"]["login"])
        path = f"{repository_path(owner, str(repository['name']))}/deployments"
        query = {"environment": environment, "sha": str(run.get("head_sha"))}
        try:
            found = self.client.get(path, _access(owner), tried="Looking for the deployments of", on=path, query=query)
        except Failure as failure:
            if failure.kind is Kind.BUSY:
                raise
            return None
        begun = moment(run.get("created_at"))
        fitting = [each for each in found if moment(each.get("created_at")) >= begun]
        return fitting[0] if fitting and len({each.get("ref") for each in fitting}) == 1 else None

    def _get(self, path: str, owner: str) -> Any:
        """Return what is at a path below a repository, an empty list when it is gone."""
        try:
            return self.client.get(path, _access(owner), tried="Looking for runs that wait at", on=owner)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise
            return []


def waiting(client: Client, app: str, known: Collection[str], now: float) -> Iterator[Waiting]:
    """Yield what waits for an App, but for the keys that are known. Raises Failure(busy) when GitHub wants a rest."""
    return _Sweep(client, app, known, now).everywhere()


def _access(owner: str) -> Access:
    # The same as for a decision: one token does for both.
    return Access.of(owner, actions="read", deployments="write")


def _app_of(rule: dict[str, Any]) -> Any:
    return (rule.get("app") or {}).get("id")


def _is_mine(review: dict[str, Any], slug: str, environment: str) -> bool:
    names = [str(each.get("name")).lower() for each in review.get("environments") or []]
    login = (review.get("user") or {}).get("login")
    return login == f"{slug}[bot]" and review.get("state") != "pending" and environment.lower() in names


def _is_of_the_branch(run: dict[str, Any], repository: dict[str, Any]) -> bool:
    """Tell whether a run comes from a branch or tag of the repository itself, and not from a pull request or a fork."""
    head = (run.get("head_repository") or {}).get("id")
    return run.get("event") in _OF_THE_BRANCH and head == repository.get("id")
