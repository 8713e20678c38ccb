"""GitHub's REST API, and the requests by which its webhooks call: a stand-in with a state of its own.

In: requests as to api.github.com (or, below ``/api/v3``, to an Enterprise Server); pushes that a test makes. Out:
GitHub's answers, and signed deliveries through the edge. Never here: Git, or a delivery that nobody could trace.
"""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from email.utils import format_datetime
from typing import Any, Self

from tests.sandbox.faults import Fault
from tests.sandbox.standins.github.access import ALL_SCOPES, Access, Caller, Token
from tests.sandbox.standins.github.answers import (
    VERSIONS,
    Refused,
    limited,
    moved,
    not_found,
    refusal,
    with_common,
)
from tests.sandbox.standins.github.apps import Apps
from tests.sandbox.standins.github.checks import Checks
from tests.sandbox.standins.github.commits import Commits
from tests.sandbox.standins.github.deliveries import Courier, Occasion, Webhook
from tests.sandbox.standins.github.deployments import Deployments
from tests.sandbox.standins.github.directory import Directory
from tests.sandbox.standins.github.endpoints import Asked, Call, Endpoint, Table
from tests.sandbox.standins.github.environments import EVENT, Environments
from tests.sandbox.standins.github.limits import Limits
from tests.sandbox.standins.github.openapi import PROCESS, Checked
from tests.sandbox.standins.github.payloads import NO_COMMIT, push, where
from tests.sandbox.standins.github.places import PERSON, App, Installation, Places, Repository
from tests.sandbox.standins.github.pulls import PullRequests
from tests.sandbox.standins.github.refusals import Refusals
from tests.sandbox.standins.github.webhooks import MOST_OF_ENTERPRISE, Webhooks
from tests.sandbox.standins.server import GARBAGE, Answer, Entry, Request, StandIn

ORGANIZATIONS = {"acme-corp": ("web-shop", "api-service"), "globex": ("intranet",)}
"""Owners and repositories to begin with: those of the sample inventory."""

APP_SLUG = "aphex-platform"
APP_PERMISSIONS = {
    "actions": "read",
    "administration": "write",
    "checks": "read",
    "contents": "read",
    "deployments": "write",
    "environments": "write",
    "members": "read",
    "metadata": "read",
    "organization_hooks": "write",
    "pull_requests": "read",
    "repository_hooks": "write",
    "statuses": "read",
}
APP_EVENTS = [EVENT]


def writes(entry: Entry) -> bool:
    """Say whether a request changed what GitHub has. To get a token, or to give it back, changes nothing."""
    return entry.writes and not entry.path.endswith(("/access_tokens", "/installation/token"))


class GitHub(StandIn):
    """The stand-in: two organizations and a person, their repositories, one personal token with every right, one App
    that is installed everywhere.

    ``deliver_to`` is the URL to which every delivery goes, whatever its host: that of the edge. Without it webhooks
    reach nobody.
    """

    def __init__(self, port: int = 0, deliver_to: str | None = None) -> None:
        super().__init__(port)
        self.deliver_to = deliver_to
        self._lock = threading.RLock()
        self._table = Table()
        self._places = Places()
        self.access = Access(self._places, self.clock)
        self.courier = Courier(self.clock, lambda: self.deliver_to)
        self._webhooks = Webhooks(self.clock, self.courier)
        self._apps = Apps(self._places, self.access, self._webhooks, self._tell_of)
        self.limits = Limits(self.clock)
        self.directory = Directory(self._places, self.limits)
        self._environments = Environments(self.clock, self._places)
        self.deployments = Deployments(self.clock, self._places, self._environments, self._tell)
        self.commits = Commits(self.clock, self._places)
        self.pulls = PullRequests(self.clock, self._places, self.commits, self._happen)
        self.checks = Checks(self.clock, self._places, self.commits, self._happen)
        self.refusals = Refusals()
        self.checked = Checked(PROCESS)
        looked_up = (self.directory, self.commits, self.pulls, self.checks)
        for part in (self._webhooks, self._apps, self._environments, self.deployments, *looked_up):
            self._table.add(part.endpoints())
        self._seed()
        self.actions = {
            "become_enterprise": self.become_enterprise,
            "add_manifest": self.add_manifest,
            "add_owner": self.add_owner,
            "add_repository": self.add_repository,
            "add_team": self.add_team,
            "join_team": self.directory.join_team,
            "leave_team": self.directory.leave_team,
            "add_commit": self.commits.add,
            "set_branch": self.commits.set_branch,
            "add_pull": self.pulls.add,
            "grow_pull": self.pulls.grow,
            "add_review": self.pulls.review,
            "add_check": self.checks.check,
            "add_status": self.checks.status,
            "rename_repository": self.rename_repository,
            "add_token": self.add_token,
            "add_classic_token": self.add_classic_token,
            "add_app": self.add_app,
            "add_key": self.add_key,
            "install": self.install,
            "suspend": self.suspend,
            "uninstall": self.uninstall,
            "accept_permissions": self.accept_permissions,
            "subscribe": self.subscribe,
            "want_reviewer": self.want_reviewer,
            "push": self.push,
            "emit": self.emit,
            "hook_app": self.hook_app,
            "guard": self.guard,
            "start_run": self.start_run,
            "go_on": self.go_on,
            "cancel_run": self.deployments.cancel,
            "delete_run": self.deployments.delete,
            "report_deployment": self.deployments.report,
            "refuse": self.refusals.order,
            "settle": self.settle,
            "log_of": self.log_of,
            "set_limits": self.limits.set,
            "set_hook_ranges": self.directory.set_hook_ranges,
            "report": self.checked.report,
        }

    def start(self) -> Self:
        self.courier.start()
        return super().start()

    def stop(self) -> None:
        super().stop()
        self.courier.stop()

    def _seed(self) -> None:
        for owner, repositories in ORGANIZATIONS.items():
            self.add_owner(owner)
            for name in repositories:
                self.add_repository(f"{owner}/{name}")
        self.add_owner(PERSON, "User")
        self.token = self.add_classic_token()
        self.app_id = int(self.add_app()["id"])
        for owner in ORGANIZATIONS:
            self.install(self.app_id, owner)

    # What tests and the sandbox set up

    def become_enterprise(self) -> None:
        """Behave as an Enterprise Server also where the path does not tell: deadline, log, number of webhooks."""
        self.courier.become_enterprise()
        self._webhooks.most_per_event = MOST_OF_ENTERPRISE

    @property
    def app(self) -> App:
        """The App that is there to begin with."""
        return self._places.apps[self.app_id]

    @property
    def private_key(self) -> str:
        """The key of that App, in PEM."""
        with self._lock:
            return self.app.private_key

    def add_owner(self, login: str, kind: str = "Organization") -> int:
        """Add an organization, or with the kind "User" a person; returns the id."""
        with self._lock:
            return self._places.add_owner(login, kind).id

    def add_repository(self, full_name: str, private: bool = True) -> int:
        """Add a repository to an owner that is there, and return its id."""
        with self._lock:
            return self._places.add_repository(full_name, private, self._now()).id

    def add_team(self, organization: str, slug: str) -> int:
        """Add a team to an organization and return its id."""
        with self._lock:
            return self._places.add_team(organization, slug).id

    def rename_repository(self, full_name: str, new_name: str) -> None:
        """Rename a repository: its old name answers with a redirect."""
        with self._lock:
            self._places.rename(full_name, new_name)

    def add_classic_token(self, scopes: list[str] | None = None, value: str | None = None, owner: str = PERSON) -> str:
        """Add a classic personal token (every scope unless told) and return its value."""
        with self._lock:
            text = value or f"ghp_{secrets.token_hex(18)}"
            given = ALL_SCOPES if scopes is None else tuple(scopes)
            self.access.tokens[text] = Token(text, self._places.owners[owner.lower()], None, given)
            return text

    def add_token(
        self,
        permissions: dict[str, str],
        owner: str,
        repositories: list[str] | None = None,
        value: str | None = None,
    ) -> str:
        """Add a fine-grained personal token for what that owner has (``repositories`` are full names)."""
        with self._lock:
            text = value or f"github_pat_{secrets.token_hex(41)}"
            chosen = None if repositories is None else {self._places.named(name).id for name in repositories}
            holder = self._places.owners[owner.lower()]
            self.access.tokens[text] = Token(text, holder, dict(permissions), (), chosen)
            return text

    def add_app(
        self,
        slug: str = APP_SLUG,
        permissions: dict[str, str] | None = None,
        events: list[str] | None = None,
        owner: str = "acme-corp",
    ) -> dict[str, Any]:
        """Add an App and return its id and client id; its key is made when `add_key` or ``private_key`` ask for it."""
        with self._lock:
            app = App(
                self._places.next_id(),
                slug,
                self._places.owners[owner.lower()],
                dict(APP_PERMISSIONS if permissions is None else permissions),
                list(APP_EVENTS if events is None else events),
                created_at=self._now(),
            )
            webhook = Webhook(app.id, "App", ("integration", app.id), content_type="json")
            self._apps.add(app, webhook)
            return {"id": app.id, "client_id": app.client_id, "slug": app.slug}

    def add_key(self, app_id: int | None = None) -> str:
        """Make a further key for an App and return it in PEM."""
        with self._lock:
            return self._places.apps[app_id or self.app_id].add_key()

    def hook_app(self, url: str, secret: str) -> None:
        """Let the deliveries of the App that is there to begin with go to an address, signed with a secret."""
        with self._lock:
            webhook = self._apps.webhooks[self.app_id]
            webhook.url, webhook.secret = url, secret

    def guard(self, repository: str, environment: str, app_id: int | None = None) -> None:
        """Put the rule of that App, or of another one, on an environment."""
        with self._lock:
            app = self._places.apps[app_id or self.app_id]
            self._environments.guard(self._places.named(repository), environment, app)

    def add_manifest(self, slug: str, url: str, permissions: dict[str, str], events: list[str]) -> str:
        """Take an App's manifest, as a person does in the browser, and return the code by which the App is got."""
        with self._lock:
            made = self.add_app(slug, permissions, events)
            return self._apps.promise(made["id"], url)

    def install(
        self,
        app_id: int,
        owner: str,
        repositories: list[str] | None = None,
        permissions: dict[str, str] | None = None,
    ) -> int:
        """Install an App on an account (all its repositories and the App's rights unless told); returns the id."""
        with self._lock:
            app = self._places.apps[app_id]
            installation = Installation(
                50_000_000 + self._places.next_id(),
                app,
                self._places.owners[owner.lower()],
                dict(app.permissions if permissions is None else permissions),
                None if repositories is None else {self._places.named(name).id for name in repositories},
                self._now(),
            )
            self._places.installations[installation.id] = installation
            self._tell_of(installation, "created")
            return installation.id

    def suspend(self, owner: str, suspended: bool = True) -> None:
        """Suspend every installation on an account, or let them go on."""
        with self._lock:
            for installation in self._places.installations_on(self._places.owners[owner.lower()]):
                installation.suspended_at = self._now() if suspended else None
                self._tell_of(installation, "suspend" if suspended else "unsuspend")

    def accept_permissions(self, owner: str, permissions: dict[str, str]) -> None:
        """Let the App that is there to begin with want these rights too, and an account grant them."""
        with self._lock:
            self.app.permissions |= permissions
            installation = self._places.installation(self.app, self._places.owners[owner.lower()])
            if installation is None:
                raise ValueError(f"the App is not installed on {owner}")
            installation.permissions |= permissions
            self._tell_of(installation, "new_permissions_accepted")

    def subscribe(self, events: list[str]) -> None:
        """Let the App that is there to begin with hear of further events."""
        with self._lock:
            self.app.events += [event for event in events if event not in self.app.events]

    def uninstall(self, owner: str) -> None:
        """Remove every installation on an account, as its owner does; their tokens end with them."""
        with self._lock:
            for installation in list(self._places.installations_on(self._places.owners[owner.lower()])):
                del self._places.installations[installation.id]
                self._tell_of(installation, "deleted")

    def want_reviewer(self, repository: str, environment: str) -> None:
        """Let an environment want the review of a person too."""
        with self._lock:
            made = self._environments.make(self._places.named(repository), environment)
            made.reviewers = [("User", self._places.owners[PERSON].id)]

    def installation_view(self, owner: str) -> dict[str, Any]:
        """Return the installation of the first App on an account, as the API shows it."""
        with self._lock:
            found = self._places.installation(self.app, self._places.owners[owner.lower()])
            if found is None:
                raise ValueError(f"the App is not installed on {owner}")
            return found.view(self.url)

    def endpoints(self) -> list[Endpoint]:
        """Return every endpoint that there is."""
        return list(self._table.endpoints)

    # What happens at GitHub

    def push(self, repository: str, ref: str = "", before: str | None = None, after: str | None = None) -> str:
        """Push to a repository (its default branch unless told) and return the GUID of the deliveries."""
        with self._lock:
            place = self._places.named(repository)
            payload = push(place, self._places.owners[PERSON], self.url, ref, before, after)
            place.pushed = payload
            if payload["after"] != NO_COMMIT:
                branch = payload["ref"].removeprefix("refs/heads/") if payload["ref"].startswith("refs/heads/") else ""
                self.commits.note(place, payload["after"], self._places.owners[PERSON], branch)
            return self._happened("push", payload, place)

    def emit(self, event: str, repository: str, payload: dict[str, Any] | None = None) -> str:
        """Let something else happen in a repository; ``payload`` is what is said of it beside the place."""
        with self._lock:
            place = self._places.named(repository)
            whole = {**(payload or {}), **where(place, self._places.owners[PERSON], self.url)}
            return self._happened(event, whole, place)

    def start_run(
        self, repository: str, environments: list[str], fork: str = "", by: str = PERSON, **more: Any
    ) -> dict[str, Any]:
        """Start a run that deploys (see `Deployments.start`); returns its id and those of its deployments.

        ``fork`` is the full name of the repository whose commit it is, when that is another one; ``by`` a login.
        """
        with self._lock:
            place, person = self._places.named(repository), self._places.owners[by.lower()]
            head = self._places.named(fork) if fork else None
            run = self.deployments.start(place, person, self.url, environments, head=head, **more)
            # What a run is of is there, a fork's commit too: of branches only the default one is sure to be meant.
            is_default = run.head_branch == place.default_branch and head is None
            self.commits.note(place, run.head_sha, person, run.head_branch if is_default else "")
            return {"id": run.id, "sha": run.head_sha, "deployments": [made.id for made in run.deployments]}

    def go_on(self, run_id: int, environment: str) -> int:
        """Let a later job of a run reach an environment; returns the id of its deployment."""
        with self._lock:
            return self.deployments.go_on(run_id, environment, self.url).id

    def settle(self, seconds: float = 20.0) -> None:
        """Wait until every delivery has ended. Raises TimeoutError."""
        self.courier.settle(seconds)

    def log_of(self, hook_id: int) -> list[dict[str, Any]]:
        """Return the deliveries of a webhook, or of an App's by the App's id, the newest first, whole."""
        with self._lock:
            webhook = self._webhooks.webhooks.get(hook_id) or self._apps.webhooks[hook_id]
        return [item.view() for item in self.courier.log(webhook)]

    def _happened(self, event: str, payload: dict[str, Any], place: Repository) -> str:
        guid = str(uuid.uuid4())
        for webhook in self._webhooks.hearing(event, place, place.owner):
            self.courier.send(webhook, Occasion(event, payload, guid, None, place.id))
        for webhook, installation in self._apps.hearing(event, place.owner, place.id):
            self._send_to_app(webhook, installation, Occasion(event, payload, guid, installation.id, place.id))
        return guid

    def _happen(self, event: str, place: Repository, said: Callable[[str], dict[str, Any]]) -> None:
        """Let something happen in a repository of which one of the parts knows what is said."""
        with self._lock:
            self._happened(event, {**said(self.url), **where(place, self._places.owners[PERSON], self.url)}, place)

    def _tell_of(self, installation: Installation, action: str) -> None:
        """Tell an App what becomes of one of its installations: every App hears that, whatever it subscribes to."""
        webhook = self._apps.webhooks[installation.app.id]
        if not webhook.url:
            return
        payload = {
            "action": action,
            "installation": installation.view(self.url),
            "sender": self._places.owners[PERSON].view(self.url),
        }
        self.courier.send(webhook, Occasion("installation", payload, str(uuid.uuid4()), installation.id))

    def _tell(self, app: App, place: Repository, payload: dict[str, Any]) -> str:
        """Tell one App what concerns it alone."""
        guid = str(uuid.uuid4())
        for webhook, installation in self._apps.hearing(EVENT, place.owner, place.id):
            if installation.app is app:
                self._send_to_app(webhook, installation, Occasion(EVENT, payload, guid, installation.id, place.id))
        return guid

    def _send_to_app(self, webhook: Webhook, installation: Installation, occasion: Occasion) -> None:
        told = {**occasion.payload, "installation": {"id": installation.id}}
        self.courier.send(webhook, replace(occasion, payload=told))

    def state(self) -> Any:
        with self._lock:
            return {
                "owners": [vars(owner) for owner in self._places.owners.values()],
                "repositories": [item.full_name for item in self._places.repositories.values()],
                "tokens": list(self.access.tokens),
                "apps": [
                    {
                        "id": app.id,
                        "client_id": app.client_id,
                        "slug": app.slug,
                        "webhook": self._apps.webhooks[app.id].whole(),
                    }
                    for app in self._places.apps.values()
                ],
                "installations": [item.view("") for item in self._places.installations.values()],
                "webhooks": [webhook.whole() for webhook in self._webhooks.webhooks.values()],
                "environments": self._environments.state(),
                "runs": self.deployments.state(),
            }

    # How a request is answered

    def heard(self, request: Request) -> None:
        asked = self._table.find(request)
        self.checked.request(request, asked.template, asked.path, asked.params, asked.version)

    def answer(self, request: Request) -> Answer:
        asked = self._table.find(request)
        ordered = self.refusals.strike(request)
        if ordered is not None:
            # What is ordered GitHub has been seen to say, whether it describes that or not.
            return with_common(refusal(ordered), request, self._date(), asked.version)
        try:
            answer = self._answer(request, asked)
        except Refused as refused:
            answer = refusal(refused)
        return self._finished(answer, request, asked)

    def _answer(self, request: Request, asked: Asked) -> Answer:
        if "user-agent" not in request.headers:
            text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            raise Refused(403, text)
        if asked.version not in VERSIONS:
            raise Refused(410, f"{asked.version} is not a supported version")  # not documented
        with self._lock:
            caller = self.access.caller(request.headers)
            if asked.endpoint is None:
                raise not_found()
            if asked.enterprise or asked.template == "/rate_limit":
                return self._perform(request, asked, caller)
            return self._counted(request, asked, caller)

    def _counted(self, request: Request, asked: Asked, caller: Caller) -> Answer:
        """Answer a request that counts. An Enterprise Server has no limits unless its owner sets some."""
        try:
            self.limits.count(caller.name, request.writes)
            answer = self._perform(request, asked, caller)
        except Refused as refused:
            refused.headers |= self.limits.headers(caller.name)
            raise
        answer.headers.update(self.limits.headers(caller.name))
        return answer

    def _perform(self, request: Request, asked: Asked, caller: Caller) -> Answer:
        base = f"http://{request.headers.get('host', '')}{asked.prefix}"
        here = replace(request, path=asked.path)
        if asked.endpoint is None:
            raise not_found()
        place = self._moved(asked)
        if place is not None and caller.sees(place):
            raise moved(f"{base}/repositories/{place.id}{asked.below}", request.writes)
        call = Call(here, base, caller, self._named(asked), asked.version)
        asked.endpoint.allow(call)
        answer = asked.endpoint.perform(call)
        if caller.token is not None and caller.token.permissions is not None and asked.endpoint.right:
            answer.headers["X-Accepted-GitHub-Permissions"] = asked.endpoint.right.replace(":", "=")
        return answer

    def _moved(self, asked: Asked) -> Repository | None:
        """Return the repository of a path that says its old name."""
        if asked.by_id or "repo" not in asked.params:
            return None
        name = f"{asked.params['owner']}/{asked.params['repo']}"
        place = self._places.repository(name)
        return place if place is not None and place.full_name.lower() != name.lower() else None

    def _named(self, asked: Asked) -> dict[str, str]:
        """Return the parameters of a path; where the repository is told by its id, with its name."""
        if not asked.by_id:
            return asked.params
        place = self._places.repositories.get(int(asked.params["repo"]))
        if place is None:
            raise not_found()
        return {**asked.params, "owner": place.owner.login, "repo": place.name}

    def _finished(self, answer: Answer, request: Request, asked: Asked) -> Answer:
        answer = with_common(answer, request, self._date(), asked.version)
        if answer.status == 304 and not asked.enterprise:
            with self._lock:
                self.limits.forgive(self.access.caller(request.headers).name)
        self.checked.answer(request, asked.template, asked.path, answer, asked.version)
        return answer

    def fault_answer(self, fault: Fault, request: Request) -> Answer:
        if fault.kind == "garbage":
            return Answer(200, GARBAGE, {"Content-Type": "application/json; charset=utf-8"})
        refused = limited(fault.retry_after) if fault.kind == "429" else Refused(500, "Server Error")
        return self._finished(refusal(refused), request, self._table.find(request))

    def _now(self) -> str:
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _date(self) -> str:
        return format_datetime(self.clock.now(), usegmt=True)
