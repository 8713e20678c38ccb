"""Authentik's API v3, the health paths, and the discovery document of each application.

In: requests with a bearer token. Out: Authentik's codes and bodies. Never here: a login, a token for somebody.

Facts, seen in the sources and the API description of Authentik 2024.12 to 2026.8: a missing or wrong token is a 403, no
401; errors are `detail` or complaints by field; lists have `pagination` whose `next` is 0 at the end, 20 items a page
unless told, at most 100; an application is addressed by its slug, a provider by a number, the rest by UUID.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.sandbox.faults import Fault
from tests.sandbox.standins import authentik_blueprints as blueprints
from tests.sandbox.standins.authentik_blueprints import (
    APPLICATION,
    BINDING,
    FIELDS,
    FLOW,
    GROUP,
    KEY_PAIR,
    MAPPING,
    PROVIDER,
    USER,
    WANTED,
    Invalid,
    Item,
    Store,
    Worker,
)
from tests.sandbox.standins.server import GARBAGE, Answer, Request, StandIn, json_answer, route

BASE = "/api/v3"
_ID = "([^/]+)"
_MOST, _DEFAULT = 100, 20
_STOCK_SCOPES = ("openid", "email", "profile", "offline_access")


@dataclass(frozen=True)
class Resource:
    """One endpoint over one model: what it is found by in a path, what a list filters by, what must not be twice."""

    path: str
    model: str
    name: str
    key: str = "pk"
    filters: tuple[str, ...] = ("name",)
    unique: tuple[str, ...] = ()


RESOURCES = (
    Resource("/core/groups/", GROUP, "Group", unique=("name",)),
    Resource("/core/users/", USER, "User", filters=("username", "email"), unique=("username",)),
    Resource("/core/applications/", APPLICATION, "Application", "slug", ("name", "slug"), ("slug", "provider")),
    Resource(
        "/providers/oauth2/", PROVIDER, "OAuth2Provider", filters=("name", "client_id"), unique=("name", "client_id")
    ),
    Resource("/propertymappings/provider/scope/", MAPPING, "ScopeMapping", filters=("managed", "name", "scope_name")),
    Resource("/policies/bindings/", BINDING, "PolicyBinding", filters=("target", "policy", "order")),
    Resource("/flows/instances/", FLOW, "Flow", "slug", ("slug", "designation"), ("slug",)),
    Resource("/crypto/certificatekeypairs/", KEY_PAIR, "CertificateKeyPair", filters=("name", "managed")),
)


class Refused(Exception):
    """An answer that says no."""

    def __init__(self, status: int, data: Any) -> None:
        super().__init__(str(data))
        self.answer = json_answer(status, data)


class Authentik(StandIn):
    """The stand-in, with what a fresh Authentik brings: flows, a key pair, scope mappings, an administrator.

    ``reads_until_applied`` is how often an instance is read before the worker has applied it. ``mounted`` are files
    that ``!File`` reads, ``files`` the blueprints below the worker's folder. ``public_url`` is what an ingress before
    it would tell of the host that was asked.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self._lock = threading.RLock()
        self.store: Store = {model: [] for model in FIELDS}
        self.instances: list[Item] = []
        self.tasks: list[Item] = []
        self.files: dict[str, str] = {}
        self.mounted: dict[str, str] = {}
        self.settings: Item = {"default_user_change_email": False, "default_user_change_username": False}
        self.reads_until_applied = 0
        self.ready = True
        self.public_url = ""
        self.tokens: set[str] = set()
        self.token = self.add_token()
        self._queued: dict[str, int] = {}
        self._stamps = 0
        self._populate()
        self.actions = {
            "add_token": self.add_token,
            "add_group": self.add_group,
            "set_file": self.set_file,
            "mount": self.mount,
            "discover": self.discover,
            "set_ready": self.set_ready,
        }
        for resource in RESOURCES:
            self._route(resource)
        self.add_routes(
            route("GET", f"{BASE}/managed/blueprints/", self._list_blueprints),
            route("POST", f"{BASE}/managed/blueprints/", self._create_blueprint),
            route("GET", f"{BASE}/managed/blueprints/available/", self._available),
            route("GET", f"{BASE}/managed/blueprints/{_ID}/", self._get_blueprint),
            route("PATCH", f"{BASE}/managed/blueprints/{_ID}/", self._patch_blueprint),
            route("DELETE", f"{BASE}/managed/blueprints/{_ID}/", self._delete_blueprint),
            route("POST", f"{BASE}/managed/blueprints/{_ID}/apply/", self._apply_blueprint),
            route("GET", f"{BASE}/tasks/tasks/", self._list_tasks),
            route("GET", f"{BASE}/admin/settings/", lambda request: json_answer(200, self.settings)),
            route("GET", "/-/health/(?:live|ready)/", lambda request: Answer(200 if self.ready else 503)),
            route("GET", f"/application/o/{_ID}/.well-known/openid-configuration", self._discovery),
        )

    # What tests and the sandbox set up

    @property
    def worker(self) -> Worker:
        """Where blueprints are applied."""
        return Worker(self.store, self.mounted)

    def add_token(self, value: str | None = None) -> str:
        """Add an API token and return it."""
        token = value or secrets.token_urlsafe(40)
        self.tokens.add(token)
        return token

    def add_group(self, name: str) -> str:
        """Add a group and return its id."""
        with self._lock:
            return str(self.worker.make(GROUP, {"name": name})["pk"])

    def set_file(self, path: str, text: str) -> None:
        """Put a blueprint below the worker's folder."""
        self.files[path] = text

    def mount(self, path: str, text: str) -> None:
        """Put a file where ``!File`` reads it."""
        self.mounted[path] = text

    def set_ready(self, ready: bool) -> None:
        """Say whether the health paths answer well."""
        self.ready = ready

    def discover(self) -> int:
        """What the worker does at its start and each hour: apply the files whose hash is not the one applied last.

        A changed file behind ``!File`` is not seen (up to 2026.8). Return how many were applied.
        """
        with self._lock:
            applied = 0
            for path, text in self.files.items():
                instance = next((item for item in self.instances if item["path"] == path), None)
                if instance is None:
                    name = str((blueprints.read(text).get("metadata") or {}).get("name") or path)
                    instance = self._new_instance({"name": name, "path": path})
                if instance["enabled"] and instance["last_applied_hash"] != _hash(text):
                    self._apply(instance)
                    applied += 1
            return applied

    def items(self, model: str) -> list[Item]:
        """The objects of a model."""
        with self._lock:
            return [dict(item) for item in self.store[model]]

    def state(self) -> Any:
        with self._lock:
            kept = {"store": self.store, "blueprints": self.instances, "tasks": self.tasks}
            return {**kept, "files": self.files, "mounted": self.mounted}

    # How a request is answered

    def answer(self, request: Request) -> Answer:
        try:
            if request.path.startswith(BASE):
                self._authenticate(request)
            with self._lock:
                return super().answer(request)
        except Refused as refused:
            return refused.answer

    def no_route(self, request: Request) -> Answer:
        return json_answer(404, {"detail": "Not found."})

    def no_method(self, request: Request) -> Answer:
        return json_answer(405, {"detail": f'Method "{request.method}" not allowed.'})

    def fault_answer(self, fault: Fault, request: Request) -> Answer:
        if fault.kind == "429":
            body = {"detail": "Request was throttled. Expected available in 1 second."}
            return json_answer(429, body, {"Retry-After": f"{fault.retry_after:g}"})
        if fault.kind == "500":
            return Answer(500, b"<html><body>Server Error</body></html>", {"Content-Type": "text/html"})
        return Answer(200, GARBAGE, {"Content-Type": "application/json"})

    def _authenticate(self, request: Request) -> None:
        scheme, _blank, value = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            raise Refused(403, {"detail": "Authentication credentials were not provided."})
        if scheme.lower() != "bearer" or value not in self.tokens:
            raise Refused(403, {"detail": "Token invalid/expired"})

    def _populate(self) -> None:
        worker = self.worker
        flows = {
            "default-authentication-flow": "authentication",
            "default-invalidation-flow": "invalidation",
            "default-provider-authorization-explicit-consent": "authorization",
            "default-provider-authorization-implicit-consent": "authorization",
            "default-provider-invalidation-flow": "invalidation",
        }
        for slug, designation in flows.items():
            worker.make(FLOW, {"slug": slug, "name": slug, "title": slug, "designation": designation})
        worker.make(KEY_PAIR, {"name": "authentik Self-signed Certificate"})
        for scope in _STOCK_SCOPES:
            managed = f"goauthentik.io/providers/oauth2/scope-{scope}"
            fields = {"managed": managed, "scope_name": scope, "expression": "return {}"}
            worker.make(MAPPING, {"name": f"authentik default OAuth Mapping: OpenID '{scope}'", **fields})
        admins = worker.make(GROUP, {"name": "authentik Admins", "is_superuser": True})
        worker.make(USER, {"username": "akadmin", "name": "authentik Default Admin", "groups": [admins["pk"]]})

    # Objects

    def _route(self, resource: Resource) -> None:
        path, one = BASE + resource.path, f"{BASE}{resource.path}{_ID}/"

        def bound(function: Callable[[Resource, Request], Answer]) -> Callable[[Request], Answer]:
            return lambda request: function(resource, request)

        self.add_routes(
            route("GET", path, bound(self._list)),
            route("POST", path, bound(self._create)),
            route("GET", one, bound(self._get)),
            route("PATCH", one, bound(self._patch)),
            route("DELETE", one, bound(self._delete)),
        )

    def _list(self, resource: Resource, request: Request) -> Answer:
        found: Iterable[Item] = self.store[resource.model]
        if resource.model == APPLICATION and request.argument("superuser_full_list") != "true":
            # Only what the asking user may open, which is not what there is.
            bound = {item["target"] for item in self.store[BINDING]}
            found = [item for item in found if item["pk"] not in bound]
        for name in resource.filters:
            wanted = request.argument(name)
            found = [item for item in found if wanted in (None, str(item.get(name)))]
        return _page([self._view(resource.model, item) for item in found], request)

    def _get(self, resource: Resource, request: Request) -> Answer:
        return json_answer(200, self._view(resource.model, self._one(resource, request)))

    def _create(self, resource: Resource, request: Request) -> Answer:
        fields = self._valid(resource, request.json(), None)
        made = self.worker.make(resource.model, fields)
        return json_answer(201, self._view(resource.model, made))

    def _patch(self, resource: Resource, request: Request) -> Answer:
        item = self._one(resource, request)
        item.update(self._valid(resource, request.json(), item))
        return json_answer(200, self._view(resource.model, item))

    def _delete(self, resource: Resource, request: Request) -> Answer:
        item = self._one(resource, request)
        self.store[resource.model].remove(item)
        if resource.model == PROVIDER:
            for application in self.store[APPLICATION]:
                if application["provider"] == item["pk"]:
                    application["provider"] = None
        gone = {APPLICATION: "target", GROUP: "group"}.get(resource.model)
        if gone:
            self.store[BINDING] = [each for each in self.store[BINDING] if each[gone] != item["pk"]]
        return Answer(204)

    def _one(self, resource: Resource, request: Request) -> Item:
        wanted = request.params[0]
        for item in self.store[resource.model]:
            if str(item.get(resource.key)) == wanted:
                return item
        raise Refused(404, {"detail": f"No {resource.name} matches the given query."})

    def _valid(self, resource: Resource, given: Item, item: Item | None) -> Item:
        """The known fields of a body; raises what Authentik says to wrong ones. Unknown fields are overlooked."""
        fields = {name: value for name, value in given.items() if name in FIELDS[resource.model]}
        wrong: Item = {}
        if item is None:
            wanted = (*WANTED.get(resource.model, ()), *(("target", "order") if resource.model == BINDING else ()))
            wrong |= {name: ["This field is required."] for name in wanted if name not in fields}
        for name, model in (("authorization_flow", FLOW), ("invalidation_flow", FLOW), ("signing_key", KEY_PAIR)):
            if fields.get(name) is not None and self.worker.find(model, {"pk": fields[name]}) is None:
                wrong[name] = [f'Invalid pk "{fields[name]}" - object does not exist.']
        for name in resource.unique:
            others = [each for each in self.store[resource.model] if each is not item]
            if fields.get(name) is not None and any(each.get(name) == fields[name] for each in others):
                wrong[name] = [f"{resource.name} with this {name} already exists."]
        for redirect in fields.get("redirect_uris") or ():
            if redirect.get("matching_mode") not in ("strict", "regex") or not redirect.get("url"):
                wrong["redirect_uris"] = [{"matching_mode": ["This field is required."]}]
            redirect.setdefault("redirect_uri_type", "authorization")
        if wrong:
            raise Refused(400, wrong)
        return fields

    def _view(self, model: str, item: Item) -> Item:
        view = dict(item)
        if model == APPLICATION:
            provider = self.worker.find(PROVIDER, {"pk": item["provider"]}) if item["provider"] else None
            view["provider_obj"] = {"pk": provider["pk"], "name": provider["name"]} if provider else None
        if model == PROVIDER:
            application = self.worker.find(APPLICATION, {"provider": item["pk"]})
            view["assigned_application_slug"] = application["slug"] if application else None
        if model == BINDING and item["group"]:
            group = self.worker.find(GROUP, {"pk": item["group"]})
            view["group_obj"] = {"pk": item["group"], "name": group["name"] if group else None}
        return view

    # Blueprints

    def _list_blueprints(self, request: Request) -> Answer:
        found = self.instances
        for name in ("name", "path"):
            wanted = request.argument(name)
            found = [item for item in found if wanted in (None, item[name])]
        return _page(found, request)

    def _create_blueprint(self, request: Request) -> Answer:
        fields = self._valid_blueprint(request.json(), None)
        return json_answer(201, self._new_instance(fields))

    def _get_blueprint(self, request: Request) -> Answer:
        instance = self._instance(request)
        left = self._queued.get(instance["pk"])
        if left is not None:
            self._queued[instance["pk"]] = left - 1
            if left <= 1:
                del self._queued[instance["pk"]]
                self._apply(instance)
        return json_answer(200, instance)

    def _patch_blueprint(self, request: Request) -> Answer:
        instance = self._instance(request)
        instance.update(self._valid_blueprint(request.json(), instance))
        instance["last_applied"] = self._now()
        return json_answer(200, instance)

    def _delete_blueprint(self, request: Request) -> Answer:
        self.instances.remove(self._instance(request))
        return Answer(204)

    def _apply_blueprint(self, request: Request) -> Answer:
        instance = self._instance(request)
        answer = json_answer(200, instance)
        if self.reads_until_applied:
            self._queued[instance["pk"]] = self.reads_until_applied
        else:
            self._apply(instance)
        return answer

    def _available(self, request: Request) -> Answer:
        rows = [
            {
                "path": path,
                "last_m": self.clock.stamp(),
                "hash": _hash(text),
                "meta": blueprints.read(text).get("metadata"),
            }
            for path, text in self.files.items()
        ]
        return json_answer(200, rows)

    def _instance(self, request: Request) -> Item:
        for instance in self.instances:
            if instance["pk"] == request.params[0]:
                return instance
        raise Refused(404, {"detail": "No BlueprintInstance matches the given query."})

    def _new_instance(self, fields: Item) -> Item:
        defaults = {"path": "", "content": "", "context": {}, "enabled": True, "status": "unknown"}
        instance = {"pk": str(uuid.uuid4()), **defaults, "last_applied_hash": "", "metadata": {}, **fields}
        instance["last_applied"] = self._now()
        self.instances.append(instance)
        return instance

    def _valid_blueprint(self, given: Item, instance: Item | None) -> Item:
        known = ("name", "path", "content", "context", "enabled")
        fields: Item = {name: given[name] for name in known if name in given}
        if instance is None and not (fields.get("path") or fields.get("content")):
            raise Refused(400, {"non_field_errors": ["Either path or content must be set."]})
        if fields.get("path") and fields["path"] not in self.files:
            raise Refused(400, {"path": ["Blueprint file does not exist"]})
        if any(item["name"] == fields.get("name") for item in self.instances if item is not instance):
            raise Refused(400, {"name": ["Blueprint Instance with this name already exists."]})
        if fields.get("content"):
            problems = self._problems(fields["content"])
            if problems:
                raise Refused(400, {"content": ["Failed to validate blueprint", *(f"- {text}" for text in problems)]})
        return fields

    def _problems(self, content: str) -> list[str]:
        try:
            return blueprints.check(blueprints.read(content))
        except Invalid as error:
            return error.complaints

    def _apply(self, instance: Item) -> None:
        """Be the worker: apply, write how it ended, and log why."""
        text = self.files.get(instance["path"], "") if instance["path"] else instance["content"]
        logs: list[Item] = []
        if not instance["enabled"]:
            return
        try:
            blueprints.apply(text, instance["context"], self.worker)
            instance |= {"status": "successful", "last_applied_hash": _hash(text)}
        except Invalid as error:
            instance["status"] = "error"
            logs = [{"log_level": "warning", "logger": "importer", "event": each} for each in error.complaints]
        instance["last_applied"] = self._now()
        task = {"message_id": str(uuid.uuid4()), "rel_obj_id": instance["pk"].replace("-", ""), "logs": logs}
        self.tasks.insert(0, {**task, "aggregated_status": "warning" if logs else "done", "mtime": self._now()})

    def _list_tasks(self, request: Request) -> Answer:
        wanted = (request.argument("rel_obj_id") or "").replace("-", "")
        return _page([task for task in self.tasks if wanted in ("", task["rel_obj_id"])], request)

    def _now(self) -> str:
        """The time, never the same twice."""
        self._stamps += 1
        return f"{self.clock.stamp()[:-7]}{self._stamps:06d}Z"

    def _discovery(self, request: Request) -> Answer:
        application = self.worker.find(APPLICATION, {"slug": request.params[0]})
        if application is None or not application["provider"]:
            return json_answer(404, {"detail": "Not Found"})
        root = f"{self.public_url or 'http://' + request.headers.get('host', '')}/application/o/"
        own = f"{root}{request.params[0]}/"
        names = {"jwks_uri": f"{own}jwks/", "end_session_endpoint": f"{own}end-session/"}
        shared = {f"{name}_endpoint": f"{root}{name}/" for name in ("authorization", "token", "userinfo")}
        return json_answer(200, {"issuer": own, **names, **shared})


def _hash(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest()


def _page(items: list[Item], request: Request) -> Answer:
    size = min(int(request.argument("page_size") or _DEFAULT), _MOST)
    number = int(request.argument("page") or 1)
    pages = max(1, -(-len(items) // size))
    if not 1 <= number <= pages:
        raise Refused(404, {"detail": "Invalid page."})
    start = (number - 1) * size
    pagination = {
        "next": number + 1 if number < pages else 0,
        "previous": number - 1,
        "count": len(items),
        "current": number,
        "total_pages": pages,
        "start_index": start + 1 if items else 0,
        "end_index": min(start + size, len(items)),
    }
    return json_answer(200, {"pagination": pagination, "results": items[start : start + size]})
