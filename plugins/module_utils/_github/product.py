# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GitHub's face: connect, plan, perform, result, and what use cases and readers ask.

In: params of the option group GITHUB, desired things. Out: steps, results, webhooks and deliveries as plain data.
Never here: how one desired thing is compared; each has its own file.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import invalid
from .._core.plan import Desired, Step
from .._core.reconcile import Runtime
from .._http import READ_TIMEOUT
from . import delivery, deployment, environment, hooks, meta, proof, protection_rule, waiting, webhook
from .app_auth import Access, App
from .client import DEFAULT_URL, Client, check_owner, check_repository


@dataclass(frozen=True)
class _Kind:
    """How one kind of desired thing is planned (steps, and the thing as it will be) and performed."""

    plan: t.Callable[[Client, t.Any], tuple[list[Step], t.Any]]
    perform: t.Callable[[Client, Step], t.Any]


_KINDS: dict[type, _Kind] = {
    webhook.Webhook: _Kind(webhook.plan, webhook.perform),
    webhook.AppWebhook: _Kind(webhook.plan_app, webhook.perform_app),
    proof.Proof: _Kind(proof.plan, proof.perform),
    delivery.Redelivery: _Kind(delivery.plan, delivery.perform),
    environment.Environment: _Kind(environment.plan, environment.perform),
    protection_rule.ProtectionRule: _Kind(protection_rule.plan, protection_rule.perform),
    deployment.Review: _Kind(deployment.plan, deployment.perform),
}
_GIVES_RESULT = ("create", "update", "ping")


class GitHub:
    """A light handle for one reconcile; it sends nothing before it is asked."""

    name = "github"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._results: dict[str, t.Any] = {}

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> GitHub:
        """Return a handle for the option group GITHUB. Sends nothing.

        Missing credentials are told by the first use, or by ``require()``: a use case may turn out not to need GitHub.
        """
        url = params.get("github_api_url") or DEFAULT_URL
        timeout = params.get("github_timeout")
        token = params.get("github_token")
        client = Client(
            runtime=runtime,
            token=token if token is not None and len(token) else None,
            app=_app(params, runtime, url),
            url=url,
            ca_file=params.get("github_ca_cert"),
            verify=params.get("github_validate_certs") is not False,
            revoke=bool(params.get("github_revoke_token")),
            read_timeout=READ_TIMEOUT if timeout is None else float(timeout),
        )
        runtime.at_end.append(client.close)
        return cls(client)

    def require(self) -> None:
        """Raise Failure(invalid) when the connection options cannot work, such as no credentials. Sends nothing."""
        self._client.require()

    def plan(self, desired: t.Any) -> list[Step]:
        """Return the steps from what is there to what is desired. Reads only."""
        self._client.require()
        steps, self._results[_name(desired)] = _KINDS[type(desired)].plan(self._client, desired)
        return steps

    def perform(self, step: Step) -> None:
        """Do one step."""
        desired = getattr(step.desired, "of", step.desired)
        result = _KINDS[type(desired)].perform(self._client, step)
        if step.verb in _GIVES_RESULT and result is not None:
            self._results[_name(desired)] = result
        if isinstance(desired, proof.Proof):
            pinged = self._results.get(_name(desired.webhook)) or {}
            pinged |= {"ping": result, "last_status": result["status_code"]}

    def result(self, desired: t.Any) -> t.Any:
        """Return the desired thing as read, as last written or, in check mode, as it would be; None when absent."""
        return self._results.get(_name(desired))

    def revoke(self) -> None:
        """Revoke the installation tokens that this handle has used; others of the run then need new ones."""
        self._client.revoke()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def webhooks(self, place: hooks.Place, url: str | None = None, deliveries: int = 0) -> list[dict[str, t.Any]]:
        """Return the webhooks of a place in the words of results, each with so many of its newest deliveries."""
        if deliveries < 0:
            raise invalid("deliveries", "it is below 0", "Say how many are wanted")
        if place.is_app:
            found = [{"config": webhook.app_config(self._client)}]
        else:
            found = hooks.all_hooks(self._client, place, "read")
        wanted = [item for item in found if url in (None, hooks.address_of(item))]
        return [
            {**webhook.describe_hook(item, place), "deliveries": self._deliveries(place, item, deliveries)}
            for item in wanted
        ]

    def _deliveries(self, place: hooks.Place, hook: dict[str, t.Any], most: int) -> list[dict[str, t.Any]]:
        if not most:
            return []
        found = delivery.log(self._client, place, place.one(hook.get("id")), most=most, level="read")
        return [delivery.describe(item) for item in found]

    def environments(self, owner: str, repository: str, name: str | None = None) -> list[dict[str, t.Any]]:
        """Return the environments of a repository, or the one of that name, each with its branch policies."""
        needs = Access.of(owner, actions="read")
        found = environment.all_environments(self._client, owner, repository, needs)
        wanted = [item for item in found if name is None or str(item.get("name")).lower() == name.lower()]
        return [
            environment.describe(
                item, owner, repository, environment.all_policies(self._client, owner, repository, item, needs)
            )
            for item in wanted
        ]

    def pending_deployments(
        self, owner: str, repository: str, run_id: int | None = None, name: str | None = None
    ) -> list[dict[str, t.Any]]:
        """Return what waits at the environments of a repository, or at the one of that name."""
        found = waiting.pending_deployments(self._client, owner, repository, run_id)
        return [item for item in found if name is None or str(item["environment"]).lower() == name.lower()]

    def hook_ranges(self, previous: t.Sequence[str], minimum: int, shrink: bool) -> dict[str, t.Any]:
        """Return the address ranges that deliveries come from; see ``meta``."""
        return meta.hook_ranges(self._client, previous, minimum, shrink)

    def installation_token(self, owner: str, permissions: dict[str, str], repositories: t.Sequence[str]) -> str:
        """Return an installation token in clear, for the user who asked for exactly that.

        Raises Failure(invalid) for names and permissions that cannot be.
        """
        for repository in repositories:
            check_repository(repository)
        for name, level in permissions.items():
            if not name.replace("_", "").isalnum() or level not in ("read", "write", "admin"):
                raise invalid(f"The permission {name[:60]}: {level[:20]}", "it is none", "Write it as contents: read")
        access = Access.of(check_owner(owner), repositories, **permissions)
        return self._client.installation_token(access)


def _app(params: dict[str, t.Any], runtime: Runtime, url: str) -> App | None:
    app_id = params.get("github_app_id")
    if not app_id:
        return None
    return App(
        app_id=str(app_id),
        runtime=runtime,
        url=url.rstrip("/"),
        key=params.get("github_app_private_key") or None,
        key_file=params.get("github_app_private_key_file") or None,
        installation_id=params.get("github_installation_id") or None,
        own_token=bool(params.get("github_revoke_token")),
    )


def _name(desired: Desired) -> str:
    return f"{type(desired).__name__} {desired.title}"
