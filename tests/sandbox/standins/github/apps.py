"""Apps: themselves, their installations and tokens, their own webhook.

In: calls by JWT, and installations that look for their repositories. Out: answers. Never here: how a JWT is checked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from tests.sandbox.standins.github.access import LEVELS, Access, find_repository
from tests.sandbox.standins.github.answers import Refused, not_found, nothing, ok, page
from tests.sandbox.standins.github.deliveries import Webhook
from tests.sandbox.standins.github.endpoints import Call, Endpoint
from tests.sandbox.standins.github.places import App, Installation, Owner, Places
from tests.sandbox.standins.github.webhooks import Webhooks, configure
from tests.sandbox.standins.server import Answer

MOST_REPOSITORIES = 500
OUT_OF_REACH = "There is at least one repository that does not exist or is not accessible to the parent installation."
STATELESS = "x-github-stateless-s2s-token"
ACCEPTED_202 = "2026-03-10"
"""From this version of the API on, removing an installation answers 202."""

Tell = Callable[[Installation, str], None]
"""Tell an App what becomes of one of its installations."""


class Apps:
    """Every App of the stand-in, each with a webhook of its own."""

    def __init__(self, places: Places, access: Access, webhooks: Webhooks, tell: Tell) -> None:
        self._places = places
        self._access = access
        self._webhooks = webhooks
        self._tell = tell
        self.webhooks: dict[int, Webhook] = {}
        self._promised: dict[str, int] = {}

    def endpoints(self) -> Iterator[Endpoint]:
        installation = "/app/installations/{installation_id}"
        yield Endpoint("GET", "/app", self._get_app, by="jwt")
        yield Endpoint("POST", "/app-manifests/{code}/conversions", self._convert, by="anybody")
        yield Endpoint("GET", "/apps/{app_slug}", self._get_by_slug, by="anybody")
        yield Endpoint("GET", "/app/installations", self._list, by="jwt")
        yield Endpoint("GET", installation, self._get, by="jwt")
        yield Endpoint("DELETE", installation, self._delete, by="jwt")
        yield Endpoint("PUT", f"{installation}/suspended", self._suspend, by="jwt")
        yield Endpoint("DELETE", f"{installation}/suspended", self._resume, by="jwt")
        yield Endpoint("POST", f"{installation}/access_tokens", self._mint, by="jwt")
        yield Endpoint("GET", "/repos/{owner}/{repo}/installation", self._of_repository, by="jwt")
        yield Endpoint("GET", "/orgs/{org}/installation", self._of_organization, by="jwt")
        yield Endpoint("GET", "/users/{username}/installation", self._of_user, by="jwt")
        yield Endpoint("GET", "/installation/repositories", self._repositories)
        yield Endpoint("DELETE", "/installation/token", self._revoke)
        yield Endpoint("GET", "/app/hook/config", self._get_config, by="jwt")
        yield Endpoint("PATCH", "/app/hook/config", self._update_config, by="jwt")
        yield Endpoint("GET", "/app/hook/deliveries", self._deliveries, by="jwt")
        yield Endpoint("GET", "/app/hook/deliveries/{delivery_id}", self._delivery, by="jwt")
        yield Endpoint("POST", "/app/hook/deliveries/{delivery_id}/attempts", self._attempt, by="jwt")

    def add(self, app: App, webhook: Webhook) -> None:
        self._places.apps[app.id] = app
        self.webhooks[app.id] = webhook

    def hearing(self, event: str, owner: Owner, repository_id: int | None) -> Iterator[tuple[Webhook, Installation]]:
        """Yield the webhooks of Apps that hear of it there, with the installation by which they do."""
        for installation in self._places.installations_on(owner):
            webhook = self.webhooks[installation.app.id]
            reached = installation.repositories is None or repository_id in installation.repositories
            if webhook.url and event in installation.app.events and reached and not installation.suspended_at:
                yield webhook, installation

    def promise(self, app_id: int, url: str) -> str:
        """Give a new App a webhook with a secret, and return the code by which all of it is told, once."""
        webhook, code = self.webhooks[app_id], secrets.token_hex(20)
        webhook.url, webhook.secret = url, secrets.token_hex(20)
        self._promised[code] = app_id
        return code

    # The App and its installations

    def _get_app(self, call: Call) -> Answer:
        return ok(call.app.view(call.base, len(self._own(call.app))))

    def _convert(self, call: Call) -> Answer:
        app = self._places.apps.get(self._promised.pop(call.params["code"], 0))
        if app is None:
            raise not_found()
        told = {"client_secret": secrets.token_hex(20), "pem": app.private_key}
        return ok({**app.view(call.base), **told, "webhook_secret": self.webhooks[app.id].secret}, 201)

    def _get_by_slug(self, call: Call) -> Answer:
        for app in self._places.apps.values():
            if app.slug == call.params["app_slug"]:
                return ok(app.view(call.base))
        raise not_found()

    def _list(self, call: Call) -> Answer:
        return page([item.view(call.base) for item in self._own(call.app)], call.request, call.base)

    def _get(self, call: Call) -> Answer:
        return ok(self._find(call).view(call.base))

    def _delete(self, call: Call) -> Answer:
        installation = self._find(call)
        del self._places.installations[installation.id]
        self._tell(installation, "deleted")
        return Answer(202) if call.version >= ACCEPTED_202 else nothing()

    def _suspend(self, call: Call) -> Answer:
        installation = self._find(call)
        installation.suspended_at = self._access.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        self._tell(installation, "suspend")
        return nothing()

    def _resume(self, call: Call) -> Answer:
        installation = self._find(call)
        installation.suspended_at = None
        self._tell(installation, "unsuspend")
        return nothing()

    def _of_repository(self, call: Call) -> Answer:
        repository = self._places.repository(f"{call.params['owner']}/{call.params['repo']}")
        found = self._places.installation(call.app, repository.owner) if repository else None
        if repository is None or found is None or repository.id not in (found.repositories or {repository.id}):
            raise not_found()
        return ok(found.view(call.base))

    def _of_organization(self, call: Call) -> Answer:
        return self._of_owner(call, call.params["org"], "Organization")

    def _of_user(self, call: Call) -> Answer:
        return self._of_owner(call, call.params["username"], "User")

    def _of_owner(self, call: Call, login: str, kind: str) -> Answer:
        owner = self._places.owners.get(login.lower())
        found = self._places.installation(call.app, owner) if owner and owner.type == kind else None
        if found is None:
            raise not_found()
        return ok(found.view(call.base))

    # Tokens

    def _mint(self, call: Call) -> Answer:
        installation, body = self._find(call), call.body
        if installation.suspended_at:
            raise Refused(403, "This installation has been suspended")
        permissions = _narrowed(installation, body.get("permissions"))
        chosen = self._chosen(installation, body)
        stateless = call.request.headers.get(STATELESS, "enabled") != "disabled"
        token = self._access.mint(installation, permissions, chosen, stateless)
        assert token.expires_at is not None
        answer: dict[str, Any] = {
            "token": token.value,
            "expires_at": token.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": permissions,
            "repository_selection": "all" if chosen is None else "selected",
        }
        if chosen is not None:
            answer["repositories"] = [self._places.repositories[each].view(call.base) for each in sorted(chosen)]
        return ok(answer, 201)

    def _chosen(self, installation: Installation, body: dict[str, Any]) -> set[int] | None:
        """Return the repositories of a new token, None for all. Raises Refused for one that is out of reach."""
        names, numbers = body.get("repositories"), body.get("repository_ids")
        if names is None and numbers is None:
            return installation.repositories
        if len(names or ()) + len(numbers or ()) > MOST_REPOSITORIES:
            raise Refused(422, f"The number of repositories must not exceed {MOST_REPOSITORIES}")  # not documented
        found = {each for each in numbers or () if isinstance(each, int)}
        for name in names or ():
            repository = self._places.repository(f"{installation.account.login}/{name}")
            found.add(repository.id if repository else 0)
        reachable = {each.id for each in self._reached(installation)}
        if found - reachable:
            raise Refused(422, OUT_OF_REACH)
        return found

    def _revoke(self, call: Call) -> Answer:
        token = call.caller.token
        if token is None or token.installation is None:
            raise Refused(403, "This endpoint requires you to be authenticated as an installation")  # not documented
        self._access.tokens.pop(token.value)
        return nothing()

    def _repositories(self, call: Call) -> Answer:
        token = call.caller.token
        if token is None or token.installation is None:
            raise Refused(403, "Resource not accessible by personal access token")
        seen = [item for item in self._reached(token.installation) if call.caller.sees(item)]
        selected = token.repositories is not None
        wanted = [item for item in seen if not selected or item.id in (token.repositories or ())]
        return page([item.view(call.base) for item in wanted], call.request, call.base, "repositories")

    def _reached(self, installation: Installation) -> list[Any]:
        every = [item for item in self._places.repositories.values() if item.owner == installation.account]
        only = installation.repositories
        return [item for item in every if only is None or item.id in only]

    def _own(self, app: App) -> list[Installation]:
        return [item for item in self._places.installations.values() if item.app is app]

    def _find(self, call: Call) -> Installation:
        found = self._places.installations.get(call.number("installation_id"))
        if found is None or found.app is not call.app:
            raise not_found()
        return found

    # The webhook of the App

    def _get_config(self, call: Call) -> Answer:
        return ok(self.webhooks[call.app.id].config())

    def _update_config(self, call: Call) -> Answer:
        webhook = self.webhooks[call.app.id]
        configure(webhook, call.body)
        return ok(webhook.config())

    def _deliveries(self, call: Call) -> Answer:
        return self._webhooks.deliveries(self.webhooks[call.app.id], call)

    def _delivery(self, call: Call) -> Answer:
        return ok(self._webhooks.delivery(self.webhooks[call.app.id], call).view())

    def _attempt(self, call: Call) -> Answer:
        return self._webhooks.attempt(self.webhooks[call.app.id], call)


def _narrowed(installation: Installation, wanted: object) -> dict[str, str]:
    """Return the rights of a new token. Raises Refused for more than the installation has."""
    held = installation.permissions
    if not isinstance(wanted, dict) or not wanted:
        return dict(held)
    for name, level in wanted.items():
        if level not in LEVELS:
            raise Refused(422, f"The level {level!r} of the permission {name} is not valid")  # not documented
        if name not in held or LEVELS.index(level) > LEVELS.index(held[name]):
            raise Refused(422, "The permissions requested are not granted to this installation.")
    return {"metadata": "read", **wanted}


def installed_on(call: Call, app: App) -> bool:
    """Say whether an App is installed on the repository of a call. Raises Refused when there is no such repository."""
    repository = find_repository(call.caller, f"{call.params['owner']}/{call.params['repo']}")
    found = call.caller.places.installation(app, repository.owner)
    return found is not None and repository.id in (found.repositories or {repository.id})
