"""Webhooks of repositories and organizations, and the deliveries of every webhook.

In: calls. Out: answers, and pings on their way. Never here: how something is delivered.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from tests.sandbox.standins.github.answers import (
    Refused,
    invalid,
    missing_field,
    next_link,
    not_found,
    nothing,
    ok,
    page,
)
from tests.sandbox.standins.github.deliveries import Courier, Delivery, Occasion, Webhook
from tests.sandbox.standins.github.endpoints import Call, Endpoint
from tests.sandbox.standins.github.events import check_events
from tests.sandbox.standins.github.payloads import ping, push
from tests.sandbox.standins.github.places import Owner, Repository
from tests.sandbox.standins.server import Answer, Clock, Request

MOST_PER_EVENT, MOST_OF_ENTERPRISE = 20, 250
REPO_READ = ("admin:repo_hook", "write:repo_hook", "read:repo_hook", "repo")
REPO_WRITE = ("admin:repo_hook", "write:repo_hook", "repo")
ORG = ("admin:org_hook",)
_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "::1")


class Webhooks:
    """Every webhook but those of Apps; deliveries of those too."""

    def __init__(self, clock: Clock, courier: Courier) -> None:
        self._clock = clock
        self._courier = courier
        self._next_id = 290_000_001
        self.most_per_event = MOST_PER_EVENT
        self.webhooks: dict[int, Webhook] = {}

    def endpoints(self) -> Iterator[Endpoint]:
        yield from self._level("/repos/{owner}/{repo}", "repository_hooks", REPO_READ, REPO_WRITE)
        yield from self._level("/orgs/{org}", "organization_hooks", ORG, ORG)
        path = "/repos/{owner}/{repo}/hooks/{hook_id}/tests"
        yield Endpoint("POST", path, self._test, "repository_hooks:read", REPO_READ)

    def _level(self, place: str, name: str, read: tuple[str, ...], write: tuple[str, ...]) -> Iterator[Endpoint]:
        hooks, hook = f"{place}/hooks", f"{place}/hooks/{{hook_id}}"
        may_read, may_write = f"{name}:read", f"{name}:write"
        yield Endpoint("GET", hooks, self._list, may_read, read)
        yield Endpoint("POST", hooks, self._create, may_write, write)
        yield Endpoint("GET", hook, self._get, may_read, read)
        yield Endpoint("PATCH", hook, self._update, may_write, write)
        yield Endpoint("DELETE", hook, self._delete, may_write, write)
        yield Endpoint("GET", f"{hook}/config", self._get_config, may_read, read)
        yield Endpoint("PATCH", f"{hook}/config", self._update_config, may_write, write)
        yield Endpoint("POST", f"{hook}/pings", self._ping, may_read, read)
        yield Endpoint("GET", f"{hook}/deliveries", self._deliveries, may_read, read)
        yield Endpoint("GET", f"{hook}/deliveries/{{delivery_id}}", self._delivery, may_read, read)
        yield Endpoint("POST", f"{hook}/deliveries/{{delivery_id}}/attempts", self._attempt, may_write, write)

    def of(self, place: Repository | Owner) -> list[Webhook]:
        """Return the webhooks of a repository or an organization."""
        return [webhook for webhook in self.webhooks.values() if webhook.target == _target(place)]

    def hearing(self, event: str, *places: Repository | Owner) -> list[Webhook]:
        return [webhook for place in places for webhook in self.of(place) if webhook.takes(event)]

    def view(self, webhook: Webhook, place: Repository | Owner, base: str) -> dict[str, Any]:
        here = f"{base}/{_path(place)}/hooks/{webhook.id}"
        shown = {
            "type": webhook.level,
            "id": webhook.id,
            "name": "web",
            "active": webhook.active,
            "events": list(webhook.events),
            "config": webhook.config(),
            "updated_at": webhook.updated_at,
            "created_at": webhook.created_at,
            "url": here,
            "ping_url": f"{here}/pings",
            "deliveries_url": f"{here}/deliveries",
        }
        if webhook.level == "Repository":
            shown |= {"test_url": f"{here}/test", "last_response": dict(webhook.last_response)}
        return shown

    # Webhooks

    def _list(self, call: Call) -> Answer:
        place = _place(call)
        return page([self.view(each, place, call.base) for each in self.of(place)], call.request, call.base)

    def _create(self, call: Call) -> Answer:
        place, body = _place(call), call.body
        if body.get("name", "web") != "web":
            raise Refused(422, "Validation Failed", [{"resource": "Hook", "code": "invalid", "field": "name"}])
        webhook = Webhook(self._next_id, _level_of(place), _target(place))
        if not isinstance(body.get("config"), dict):
            raise missing_field("Hook", "config")
        configure(webhook, body["config"])
        if not webhook.url:
            raise missing_field("Hook", "url")
        webhook.events = check_events(body.get("events", ["push"]), webhook.level)
        webhook.active = bool(body.get("active", True))
        self._check_others(webhook, place)
        webhook.created_at = webhook.updated_at = self._now()
        self._next_id += 17
        self.webhooks[webhook.id] = webhook
        # What is answered was so before the ping: that one may end at once.
        answer = ok(self.view(webhook, place, call.base), 201)
        if webhook.active:
            self._send_ping(webhook, place, call)
        return answer

    def _get(self, call: Call) -> Answer:
        return ok(self.view(self._find(call), _place(call), call.base))

    def _update(self, call: Call) -> Answer:
        """Change what the body names. A ``config`` replaces the whole of it: left out of it, the secret is gone."""
        webhook, place, body = self._find(call), _place(call), call.body
        changed = Webhook(webhook.id, webhook.level, webhook.target, **_kept(webhook))
        if isinstance(body.get("config"), dict):
            if "url" not in body["config"]:
                raise missing_field("Hook", "url")
            changed.content_type, changed.secret, changed.insecure_ssl = "form", None, "0"
            configure(changed, body["config"])
        changed.events = check_events(_events(changed.events, body), webhook.level)
        changed.active = bool(body.get("active", webhook.active))
        self._check_others(changed, place)
        self._keep(webhook, changed)
        return ok(self.view(webhook, place, call.base))

    def _delete(self, call: Call) -> Answer:
        del self.webhooks[self._find(call).id]
        return nothing()

    def _get_config(self, call: Call) -> Answer:
        return ok(self._find(call).config())

    def _update_config(self, call: Call) -> Answer:
        """Change what the body names, and nothing else."""
        webhook = self._find(call)
        changed = Webhook(webhook.id, webhook.level, webhook.target, **_kept(webhook))
        configure(changed, call.body)
        self._check_others(changed, _place(call))
        self._keep(webhook, changed)
        return ok(webhook.config())

    def _find(self, call: Call) -> Webhook:
        webhook = self.webhooks.get(call.number("hook_id"))
        if webhook is None or webhook.target != _target(_place(call)):
            raise not_found()
        return webhook

    def _keep(self, webhook: Webhook, changed: Webhook) -> None:
        for name, value in _kept(changed).items():
            setattr(webhook, name, value)
        webhook.updated_at = self._now()

    def _check_others(self, webhook: Webhook, place: Repository | Owner) -> None:
        """Raise when there is the same one already, or too many for one event."""
        others = [each for each in self.of(place) if each.id != webhook.id]
        word = "repository" if webhook.level == "Repository" else "organization"
        for other in others:
            same = (other.url, other.content_type) == (webhook.url, webhook.content_type)
            if same and set(other.events) & set(webhook.events):
                raise invalid("Hook", f"Hook already exists on this {word}")
        for event in webhook.events:
            if sum(event in other.events for other in others) >= self.most_per_event:
                raise invalid("Hook", f'The "{event}" event cannot have more than {self.most_per_event} hooks')

    # Deliveries

    def _ping(self, call: Call) -> Answer:
        self._send_ping(self._find(call), _place(call), call)
        return nothing()

    def _test(self, call: Call) -> Answer:
        """Send the last push once more, to this webhook alone; nothing when it does not take pushes."""
        webhook, repository = self._find(call), call.repository
        if webhook.takes("push"):
            payload = repository.pushed or push(repository, call.caller.user, call.base, "", None, None)
            self._courier.send(webhook, Occasion("push", payload, str(uuid.uuid4()), None, repository.id))
        return nothing()

    def _send_ping(self, webhook: Webhook, place: Repository | Owner, call: Call) -> None:
        payload = ping(webhook.id, self.view(webhook, place, call.base), place, call.caller.user, call.base)
        repository_id = place.id if isinstance(place, Repository) else None
        self._courier.send(webhook, Occasion("ping", payload, str(uuid.uuid4()), None, repository_id))

    def _deliveries(self, call: Call) -> Answer:
        return self.deliveries(self._find(call), call)

    def _delivery(self, call: Call) -> Answer:
        return ok(self.delivery(self._find(call), call).view())

    def _attempt(self, call: Call) -> Answer:
        return self.attempt(self._find(call), call)

    def deliveries(self, webhook: Webhook, call: Call) -> Answer:
        """Answer a part of the log, the newest first; the next part is behind the link alone."""
        kept = [item for item in self._courier.log(webhook) if _wanted(item, call.request)]
        before = _cursor(call.request)
        rest = [item for item in kept if before is None or item.id < before]
        size = min(100, max(1, int(call.request.argument("per_page") or 30)))
        more = next_link(call.request, call.base, f"v1_{rest[size - 1].id}") if len(rest) > size else {}
        return ok([item.item() for item in rest[:size]], headers=more)

    def delivery(self, webhook: Webhook, call: Call) -> Delivery:
        """Return the delivery of the path. Raises Refused."""
        wanted = call.number("delivery_id")
        for item in self._courier.log(webhook):
            if item.id == wanted:
                return item
        raise not_found()

    def attempt(self, webhook: Webhook, call: Call) -> Answer:
        """Deliver it again: the same GUID and payload, a signature of the secret of today."""
        old = self.delivery(webhook, call)
        again = Occasion(old.event, old.payload, old.guid, old.installation_id, old.repository_id)
        self._courier.send(webhook, again, redelivery=True)
        return ok({}, 202)

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def configure(webhook: Webhook, config: dict[str, Any]) -> None:
    """Take what a configuration names. Raises Refused."""
    if "url" in config:
        webhook.url = _checked_url(config["url"])
    if "content_type" in config:
        if config["content_type"] not in ("json", "form"):
            raise invalid("Hook", "content_type must be json or form", "content_type")  # not documented
        webhook.content_type = config["content_type"]
    if "insecure_ssl" in config:
        if str(config["insecure_ssl"]) not in ("0", "1"):
            raise invalid("Hook", "insecure_ssl must be 0 or 1", "insecure_ssl")  # not documented
        webhook.insecure_ssl = str(config["insecure_ssl"])
    if "secret" in config:
        webhook.secret = str(config["secret"]) or None


def _checked_url(url: object) -> str:
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or '"' in str(url):
        text = "The URL you've entered is not valid. Please make sure that you encode all special characters first"
        raise invalid("Hook", text)
    if parts.hostname in _LOCAL:
        why = "is not supported because it isn't reachable over the public Internet"
        raise invalid("Hook", f"Sorry, the URL host {parts.hostname} {why}")
    return str(url)


def _events(events: list[str], body: dict[str, Any]) -> Any:
    named = body.get("events", events)
    if not isinstance(named, list):
        return named
    removed = body.get("remove_events", [])
    return [event for event in [*named, *body.get("add_events", [])] if event not in removed]


def _kept(webhook: Webhook) -> dict[str, Any]:
    names = ("url", "content_type", "secret", "insecure_ssl", "events", "active")
    return {name: getattr(webhook, name) for name in names}


def _wanted(item: Delivery, request: Request) -> bool:
    """Say whether the status filter lets it through; "failure" means an HTTP status of 400 to 599."""
    status = request.argument("status")
    if status not in (None, "success", "failure"):
        raise Refused(422, "Validation Failed", [{"resource": "Delivery", "code": "invalid", "field": "status"}])
    failed = 400 <= item.status_code <= 599
    return status is None or failed == (status == "failure")


def _cursor(request: Request) -> int | None:
    cursor = request.argument("cursor")
    if cursor is None:
        return None
    number = cursor.removeprefix("v1_")
    if not cursor.startswith("v1_") or not number.isdigit():
        raise Refused(400, "Invalid cursor")  # not documented
    return int(number)


def _place(call: Call) -> Repository | Owner:
    return call.repository if "repo" in call.params else call.organization


def _level_of(place: Repository | Owner) -> str:
    return "Repository" if isinstance(place, Repository) else "Organization"


def _target(place: Repository | Owner) -> tuple[str, int]:
    return _level_of(place).lower(), place.id


def _path(place: Repository | Owner) -> str:
    return f"repos/{place.full_name}" if isinstance(place, Repository) else f"orgs/{place.login}"
