"""What Authentik makes of a blueprint: its tags, which models and fields there are, and what applying it leaves.

In: the text of a blueprint, the objects that are there, files and variables of the worker. Out: complaints, or the
objects as they are then. Never here: HTTP.

The table of models holds what is used here, by the names and the fields that Authentik's own schema of blueprints has.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Item = dict[str, Any]
Store = dict[str, list[Item]]

GROUP = "authentik_core.group"
USER = "authentik_core.user"
APPLICATION = "authentik_core.application"
PROVIDER = "authentik_providers_oauth2.oauth2provider"
MAPPING = "authentik_providers_oauth2.scopemapping"
BINDING = "authentik_policies.policybinding"
FLOW = "authentik_flows.flow"
KEY_PAIR = "authentik_crypto.certificatekeypair"
# No objects: it has another blueprint applied first. Those that Authentik brings are there from the beginning here.
APPLY_FIRST = "authentik_blueprints.metaapplyblueprint"

FIELDS: dict[str, frozenset[str]] = {
    GROUP: frozenset({"name", "is_superuser", "attributes", "parents", "users", "roles"}),
    USER: frozenset({"username", "name", "email", "is_active", "path", "type", "attributes", "groups", "password"}),
    APPLICATION: frozenset(
        {"name", "slug", "provider", "policy_engine_mode", "group", "meta_launch_url", "meta_description"}
        | {"meta_publisher", "open_in_new_tab", "backchannel_providers"}
    ),
    PROVIDER: frozenset(
        {"name", "authentication_flow", "authorization_flow", "invalidation_flow", "property_mappings", "client_type"}
        | {"client_id", "client_secret", "access_code_validity", "access_token_validity", "refresh_token_validity"}
        | {"include_claims_in_id_token", "signing_key", "encryption_key", "redirect_uris", "sub_mode", "issuer_mode"}
        | {"grant_types", "logout_uri", "logout_method"}
    ),
    MAPPING: frozenset({"managed", "name", "expression", "scope_name", "description"}),
    BINDING: frozenset(
        {"policy", "group", "user", "target", "negate", "enabled", "order", "timeout", "failure_result"}
    ),
    FLOW: frozenset({"name", "slug", "title", "designation", "authentication", "policy_engine_mode"}),
    KEY_PAIR: frozenset({"name", "certificate_data", "key_data", "managed"}),
    APPLY_FIRST: frozenset({"identifiers", "required"}),
}
DEFAULTS: dict[str, Item] = {
    GROUP: {"is_superuser": False, "attributes": {}},
    USER: {"email": "", "is_active": True, "attributes": {}, "groups": []},
    APPLICATION: {"provider": None, "policy_engine_mode": "any", "group": ""},
    MAPPING: {"managed": None, "description": ""},
    BINDING: {"policy": None, "group": None, "user": None, "negate": False, "enabled": True, "timeout": 30}
    | {"failure_result": False},
    FLOW: {},
    KEY_PAIR: {"managed": None, "private_key_available": True},
    # A provider that a blueprint or the API makes has no grant types unless told (2026.5 and later).
    PROVIDER: {
        "client_type": "confidential",
        "access_code_validity": "minutes=1",
        "access_token_validity": "hours=1",
        "refresh_token_validity": "days=30",
        "include_claims_in_id_token": True,
        "signing_key": None,
        "redirect_uris": [],
        "sub_mode": "hashed_user_id",
        "issuer_mode": "per_provider",
        "property_mappings": [],
        "grant_types": [],
    },
}
WANTED = {PROVIDER: ("authorization_flow", "invalidation_flow"), MAPPING: ("scope_name", "expression")}
STATES = ("present", "created", "must_created", "absent")
_ENTRY = frozenset({"model", "id", "identifiers", "attrs", "state", "conditions", "permissions"})


class Invalid(ValueError):
    """A blueprint that cannot be applied; the texts are what the worker logs."""

    def __init__(self, *complaints: str) -> None:
        super().__init__("; ".join(complaints))
        self.complaints = list(complaints)


@dataclass(frozen=True)
class Tag:
    """A tag in a blueprint: its name, and what stands behind it."""

    name: str
    value: Any


@dataclass
class Worker:
    """Where a blueprint is applied: files and variables that it may read, and the objects that are there."""

    store: Store
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    def make(self, model: str, fields: Item) -> Item:
        """Add an object with the defaults of its model."""
        numbered = model in (USER, PROVIDER)
        pk = len(self.store.setdefault(model, [])) + 1 if numbered else str(uuid.uuid4())
        while numbered and any(item["pk"] == pk for item in self.store[model]):
            pk = int(pk) + 1
        made = {"pk": pk, **_copy(DEFAULTS[model]), **fields}
        if model == PROVIDER:
            made.setdefault("client_id", uuid.uuid4().hex)
            made.setdefault("client_secret", uuid.uuid4().hex * 4)
        self.store[model].append(made)
        return made

    def find(self, model: str, fields: Mapping[str, Any]) -> Item | None:
        """The first object of a model with these fields."""
        for item in self.store.get(model, []):
            if all(item.get(name) == value for name, value in fields.items()):
                return item
        return None


class _Loader(yaml.SafeLoader):
    """Reads the tags of blueprints as data."""


def _tag(name: str) -> Any:
    def construct(loader: Any, node: yaml.Node) -> Tag:
        if isinstance(node, yaml.ScalarNode):
            return Tag(name, loader.construct_scalar(node))
        return Tag(name, loader.construct_sequence(node, deep=True))

    return construct


for _name in ("KeyOf", "Find", "Env", "File", "Context", "Format"):
    _Loader.add_constructor(f"!{_name}", _tag(_name))


def read(text: str) -> Item:
    """The blueprint as data; raises Invalid."""
    try:
        document = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise Invalid(f"Invalid YAML: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(document, dict):
        raise Invalid("A blueprint is a mapping")
    return document


def check(document: Item) -> list[str]:
    """What is wrong with a blueprint by its form alone: unknown models and fields, references to nothing."""
    problems = [] if document.get("version") == 1 else ["version is not 1"]
    entries = document.get("entries")
    if not isinstance(entries, list) or not entries:
        return [*problems, "there are no entries"]
    known: set[str] = set()
    for number, entry in enumerate(entries):
        problems += [f"entry {number}: {text}" for text in _check_entry(entry, known)]
        if isinstance(entry, dict) and entry.get("id"):
            known.add(str(entry["id"]))
    return problems


def _check_entry(entry: Any, known: set[str]) -> Iterator[str]:
    if not isinstance(entry, dict) or entry.get("model") not in FIELDS:
        yield f"unknown model {(entry.get('model') if isinstance(entry, dict) else entry)!r}"
        return
    yield from (f"unknown key {name}" for name in sorted(set(entry) - _ENTRY))
    if entry.get("state", "present") not in STATES:
        yield f"unknown state {entry['state']}"
    if not entry.get("identifiers") and entry["model"] != APPLY_FIRST:
        yield "no identifiers"
    for part in ("identifiers", "attrs"):
        fields = entry.get(part) or {}
        yield from (f"{entry['model']} has no field {name}" for name in sorted(set(fields) - FIELDS[entry["model"]]))
        for tag in tags(fields):
            if tag.name == "KeyOf" and tag.value not in known:
                yield f"!KeyOf {tag.value} names no entry before it"
            if tag.name == "Find" and tag.value[0] not in FIELDS:
                yield f"!Find asks for the unknown model {tag.value[0]}"


def tags(value: Any) -> Iterator[Tag]:
    """Every tag in a value."""
    if isinstance(value, Tag):
        yield value
        yield from tags(value.value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tags(item)
    elif isinstance(value, list):
        for item in value:
            yield from tags(item)


def apply(text: str, context: Mapping[str, Any], worker: Worker) -> None:
    """Apply a blueprint wholly, or leave everything as it was; raises Invalid with what the worker would log."""
    document = read(text)
    if problems := check(document):
        raise Invalid(*(f"Entry invalid: {problem}" for problem in problems))
    before = _copy(worker.store)
    known: dict[str, Any] = {}
    values = {**(document.get("context") or {}), **context}
    try:
        for entry in document["entries"]:
            item = _apply_entry(entry, _Resolver(worker, known, values))
            if item is not None and entry.get("id"):
                known[str(entry["id"])] = item["pk"]
    except Invalid:
        worker.store.clear()
        worker.store.update(before)
        raise


@dataclass(frozen=True)
class _Resolver:
    worker: Worker
    known: Mapping[str, Any]
    context: Mapping[str, Any]

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self(item) for item in value]
        return self._tag(value) if isinstance(value, Tag) else value

    def _tag(self, tag: Tag) -> Any:
        first, *rest = tag.value if isinstance(tag.value, list) else [tag.value]
        first = self(first)
        if tag.name == "KeyOf":
            return self.known[first]
        if tag.name == "Find":
            found = self.worker.find(first, {self(name): self(value) for name, value in rest})
            return found["pk"] if found else None
        if tag.name == "Format":
            return first % tuple(self(item) for item in rest)
        source = {"Env": self.worker.env, "File": self.worker.files, "Context": self.context}[tag.name]
        # Of a file, Authentik takes the blanks around the value away.
        found_value = source.get(first)
        if found_value is None:
            return self(rest[0]) if rest else None
        return found_value.strip() if tag.name == "File" else found_value


def _apply_entry(entry: Item, resolve: _Resolver) -> Item | None:
    worker, model, state = resolve.worker, entry["model"], entry.get("state", "present")
    if model == APPLY_FIRST:
        return None
    identifiers = resolve(entry["identifiers"])
    found = worker.find(model, identifiers)
    if state == "absent":
        if found is not None:
            worker.store[model].remove(found)
        return None
    if found is not None and state == "created":
        return found
    fields = {**identifiers, **resolve(entry.get("attrs") or {})}
    missing = [name for name in WANTED.get(model, ()) if (found or {}).get(name) is None and fields.get(name) is None]
    missing += [name for name in ("client_secret", "target", "group") if name in fields and fields[name] is None]
    if missing:
        raise Invalid(f"Entry invalid: Serializer errors {{'{missing[0]}': ['This field may not be null.']}}")
    if found is None:
        return worker.make(model, fields)
    found.update(fields)
    return found


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
