"""GitHub's own description of its API, asked of every request and every answer of the stand-in.

In: the description (`tests/tools/openapi.py` fetches it), requests and answers. Out: mismatches in words, and a count
of what was checked. Never here: a rule of ours; what GitHub does and does not describe stands in short lists.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from tests.sandbox.standins.server import Answer, Request
from tests.tools.openapi import DESCRIPTION

UNDESCRIBED_FIELDS = {("PUT", "/repos/{owner}/{repo}/environments/{environment_name}"): {"can_admins_bypass"}}
"""Fields that GitHub takes and does not describe (facts: Terraform's provider sends this one)."""

CONTRADICTIONS = {
    ("GET", "/app/installations", 200): {"type": "array", "items": {"$ref": "#/components/schemas/installation"}}
}
"""Schemas that cannot be meant: here an account would have to be a person and an enterprise at once, where the
description of a single installation, the same object, lets it be either."""

GENERAL_CODES = frozenset({301, 304, 307, 400, 401, 403, 404, 410, 422, 429, 500})
"""Codes that any endpoint may give; where the description does not list one, its body is that of an error."""

_ERROR, _INVALID = "basic-error", "validation-error"
_COMPONENT = "#/components/schemas/"
_NUMBERS = {"integer": int, "number": float}

RECORDED: list[Mismatch] = []
"""Every mismatch of this process; the tests' fixture fails on what it finds here, and empties it."""


@dataclass(frozen=True)
class Mismatch:
    """A request or an answer that is not as described."""

    method: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.what}"


@dataclass
class Checked:
    """What was checked so far, which ``whole`` counts as well; safe for many threads."""

    whole: Checked | None = None
    requests: int = 0
    answers: int = 0
    undescribed: Counter[str] = field(default_factory=Counter)
    endpoints: Counter[str] = field(default_factory=Counter)
    mismatches: list[Mismatch] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, request: Request, template: str | None, path: str, params: dict[str, str], version: str) -> None:
        """Check a request; ``template`` is its path in the description, None when the stand-in has no such endpoint."""
        found = list(_of_request(request, template, path, params, version))
        for count in self._counts():
            with count._lock:
                count.requests += 1
                (count.endpoints if template else count.undescribed)[f"{request.method} {template or path}"] += 1
        self._record(request.method, template or path, found)

    def answer(self, request: Request, template: str | None, path: str, answer: Answer, version: str) -> None:
        """Check an answer."""
        found = list(_of_answer(request.method, template, answer, version))
        for count in self._counts():
            with count._lock:
                count.answers += 1
        self._record(request.method, template or path, found)

    def report(self) -> dict[str, Any]:
        """Return the counts, the share of requests whose endpoint is described, and each endpoint with its count."""
        with self._lock:
            described = self.requests - sum(self.undescribed.values())
            return {
                "requests": self.requests,
                "answers": self.answers,
                "described": described / self.requests if self.requests else 1.0,
                "endpoints": dict(sorted(self.endpoints.items())),
                "mismatches": [str(item) for item in self.mismatches],
            }

    def _counts(self) -> tuple[Checked, ...]:
        return (self, self.whole) if self.whole else (self,)

    def _record(self, method: str, path: str, found: list[str]) -> None:
        if found:
            new = [Mismatch(method, path, what) for what in found]
            with self._lock:
                self.mismatches += new
                RECORDED.extend(new)


PROCESS = Checked()
"""What all stand-ins of this process have checked."""


def taken() -> list[Mismatch]:
    """Return the mismatches of this process since the last call."""
    found = RECORDED[:]
    del RECORDED[: len(found)]
    return found


# What must be so


def _of_request(
    request: Request, template: str | None, path: str, params: dict[str, str], version: str
) -> Iterator[str]:
    operation = _operation(request.method, template or "", version)
    if operation is None:
        yield f"GitHub describes no {request.method} {template or path}"
        return
    yield from (f"path, {text}" for text in _of_parameters(operation, "path", params))
    query = {name: values[0] for name, values in request.query.items()}
    known = {item["name"] for item in operation.parameters if item["in"] == "query"}
    yield from (f"query, {name} is not described" for name in sorted(query.keys() - known))
    yield from (f"query, {text}" for text in _of_parameters(operation, "query", query))
    yield from (f"body, {text}" for text in _of_body(request, operation))


def _of_parameters(operation: Operation, place: str, given: dict[str, str]) -> Iterator[str]:
    for item in operation.parameters:
        if item["in"] != place:
            continue
        if item["name"] not in given:
            if item.get("required"):
                yield f"{item['name']} is missing"
            continue
        value = _typed(given[item["name"]], item["schema"])
        found = operation.parameter(item["name"], place).iter_errors(value)
        yield from (f"{item['name']}: {error.message}" for error in found)


def _of_body(request: Request, operation: Operation) -> Iterator[str]:
    if operation.body is None:
        # GitHub's clients send an empty object with what has no body; it is taken.
        if request.body not in (b"", b"{}"):
            yield "there is a body, and none is described"
        return
    if not request.body:
        if operation.body_needed:
            yield "is missing"
        return
    try:
        body = json.loads(request.body)
    except ValueError as error:
        yield f"is no JSON: {error}"
        return
    if not isinstance(body, dict):
        yield "is no object"
        return
    allowed = UNDESCRIBED_FIELDS.get((request.method, operation.path), set())
    left = {name: value for name, value in body.items() if name not in allowed}
    yield from (f"{name} is not described" for name in sorted(left.keys() - operation.fields))
    yield from _wrong(operation.body, left)


def _of_answer(method: str, template: str | None, answer: Answer, version: str) -> Iterator[str]:
    operation = _operation(method, template or "", version)
    described = operation is not None and str(answer.status) in operation.answers
    if not described and answer.status not in GENERAL_CODES:
        yield f"the code {answer.status} is not described"
        return
    validator = operation.answer(answer.status) if operation is not None and described else None
    if validator is None and answer.status >= 301 and answer.status not in (303, 304):
        # Refusals always say why, also where the description gives the code alone.
        validator = _validator(_INVALID if answer.status == 422 else _ERROR, version)
    if validator is None:
        if answer.body:
            yield f"the answer {answer.status} has a body, and none is described"
        return
    try:
        body = json.loads(answer.body)
    except ValueError:
        yield f"the answer {answer.status} is no JSON"
    else:
        yield from (f"answer {answer.status}: {text}" for text in _wrong(validator, body))


def _wrong(validator: Draft4Validator, value: Any) -> Iterator[str]:
    for error in validator.iter_errors(value):
        yield from _said(error)


def _said(error: ValidationError) -> Iterator[str]:
    """Say what is wrong; of alternatives, what is wrong with each but the one that wants nothing at all."""
    where = "/".join(str(step) for step in error.absolute_path) or "the whole"
    if not error.context:
        yield f"{where}: {error.message[:200]}"
        return
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context:
        branches.setdefault(each.schema_path[0], []).append(each)
    meant = [branch for branch in branches.values() if branch[0].validator_value != "null"]
    texts = [text for branch in meant for each in branch for text in _said(each)]
    if len(meant) == 1:
        yield from texts
    else:
        yield f"{where}: no alternative fits: {'; '.join(dict.fromkeys(texts))}"


def _typed(text: str, schema: dict[str, Any]) -> Any:
    """Return a parameter as the type that its schema wants, the text itself when it cannot be one."""
    kind = schema.get("type")
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    try:
        return _NUMBERS[kind](text) if kind in _NUMBERS else text
    except ValueError:
        return text


# What the description says


@dataclass(frozen=True, eq=False)
class Operation:
    """One method of one path, with validators that are made when they are first needed."""

    method: str
    path: str
    version: str
    parameters: tuple[dict[str, Any], ...]
    body: Draft4Validator | None
    body_needed: bool
    fields: frozenset[str]
    answers: dict[str, Any]

    def parameter(self, name: str, place: str) -> Draft4Validator:
        return _parameter(self, name, place)

    def answer(self, status: int) -> Draft4Validator | None:
        return _answer(self, status)


@functools.cache
def _description() -> dict[str, Any]:
    if not DESCRIPTION.is_file():
        raise FileNotFoundError(f"{DESCRIPTION} is missing; `make setup` fetches it")
    data: dict[str, Any] = json.loads(DESCRIPTION.read_bytes())
    return data


@functools.cache
def _operation(method: str, path: str, version: str) -> Operation | None:
    described = _description()["paths"].get(path, {}).get(method.lower())
    if described is None:
        return None
    described = _of_version(described, version)
    parameters = tuple(_followed(item) for item in described.get("parameters", ()))
    needed = described.get("requestBody", {})
    schema = needed.get("content", {}).get("application/json", {}).get("schema")
    body = None if schema is None else _compiled(schema, version)
    answers = {code: _followed(item) for code, item in described["responses"].items()}
    return Operation(
        method, path, version, parameters, body, bool(needed.get("required")), frozenset(_fields(schema)), answers
    )


@functools.cache
def _parameter(operation: Operation, name: str, place: str) -> Draft4Validator:
    item = next(item for item in operation.parameters if (item["name"], item["in"]) == (name, place))
    return _compiled(item["schema"], operation.version)


@functools.cache
def _answer(operation: Operation, status: int) -> Draft4Validator | None:
    meant = CONTRADICTIONS.get((operation.method, operation.path, status))
    content = operation.answers[str(status)].get("content", {}).get("application/json")
    schema = meant or (content or {}).get("schema")
    return None if schema is None else _compiled(schema, operation.version)


@functools.cache
def _validator(component: str, version: str) -> Draft4Validator:
    return _compiled({"$ref": _COMPONENT + component}, version)


def _fields(schema: dict[str, Any] | None) -> Iterator[str]:
    """Yield the names that a body may have at its top."""
    if schema is None:
        return
    schema = _followed(schema)
    yield from schema.get("properties", {})
    for word in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(word, ()):
            yield from _fields(part)


def _followed(item: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference leads to, or the item itself."""
    if "$ref" not in item:
        return item
    found: Any = _description()
    for step in item["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    # Where there is no address yet, GitHub answers an empty text.
    return not isinstance(value, str) or not value or bool(urlsplit(value).scheme)


def _compiled(schema: dict[str, Any], version: str) -> Draft4Validator:
    """Return a validator of a schema with all that it refers to, and nothing else."""
    definitions: dict[str, Any] = {}
    whole = _plain(schema, version, definitions)
    return Draft4Validator({"allOf": [whole], "definitions": definitions}, format_checker=_FORMATS)


def _plain(schema: Any, version: str, definitions: dict[str, Any]) -> Any:
    """Turn OpenAPI 3.0 into JSON Schema: what may be null says so, references lead to ``definitions``."""
    if isinstance(schema, list):
        return [_plain(item, version, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_COMPONENT)
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _plain(_description()["components"]["schemas"][name], version, definitions)
        return {"$ref": f"#/definitions/{name}"}
    schema = _of_version(schema, version)
    plain = {key: _plain(value, version, definitions) for key, value in schema.items() if key not in _UNUSED}
    if "properties" in schema:
        # Their names are no keywords: a property may well be called `description`.
        named = schema["properties"].items()
        plain["properties"] = {name: _plain(value, version, definitions) for name, value in named}
    return {"anyOf": [{"type": "null"}, plain]} if schema.get("nullable") is True else plain


_UNUSED = frozenset({"example", "examples", "description", "title", "nullable", "default", "x-github-breaking-changes"})


def _of_version(item: dict[str, Any], version: str) -> dict[str, Any]:
    """Return a part of the description as it is in that version of the API."""
    for change in item.get("x-github-breaking-changes", ()):
        if change["version"] <= version:
            item = _patched(item, change["patch"])
    return item


def _patched(item: Any, patch: Any) -> Any:
    """Apply a merge patch; the few changes that come as a list of operations only take something away."""
    if isinstance(patch, list):
        for change in patch:
            item = _without(item, change["path"].split("/")[1:]) if change["op"] == "remove" else item
        return item
    if not isinstance(patch, dict) or not isinstance(item, dict):
        return patch
    merged = dict(item)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _patched(merged.get(key), value) if isinstance(merged.get(key), dict) else value
    return merged


def _without(item: dict[str, Any], steps: list[str]) -> dict[str, Any]:
    first, *rest = steps
    if not rest:
        return {key: value for key, value in item.items() if key != first}
    return {**item, first: _without(item[first], rest)}
