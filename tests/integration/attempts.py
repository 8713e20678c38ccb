"""What somebody tries, what the API server says to it, and both as a row of a table.

In: clients with identities of their own. Out: verdicts in one word, from real requests (dry runs where they would be
allowed) and from the server's own review of the right. Never here: what is expected of anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.sandbox.api import Api, ApiError, Object

ALLOWED = "allowed"
RBAC = "RBAC"
POD_SECURITY = "PodSecurity"
ESCALATION = "no escalation"
LIMITS = "limits"

_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)'")
_PATH = re.compile(
    r"/apis?(?:/(?P<group>[^/]+\.[^/]+|apps|batch|policy))?/(?P<version>v[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[a-z]))?/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)


@dataclass(frozen=True)
class Attempt:
    """One thing that may be tried: a verb of Kubernetes on a path with names left open."""

    what: str
    verb: str
    path: str
    body: Object | None = None
    expected: Mapping[str, str] | None = None
    """By who tries it; nobody else is asked."""


@dataclass(frozen=True)
class Row:
    """What came of an attempt of somebody."""

    who: str
    what: str
    expected: str
    got: str
    reviewed: bool

    @property
    def right(self) -> bool:
        """As expected, and told alike by the review: only what RBAC refuses is a right that is not held."""
        return self.got == self.expected and self.reviewed == (self.got != RBAC)

    def __str__(self) -> str:
        return f"{self.who}: {self.words()}"

    def words(self) -> str:
        """The row without who it is about."""
        review = "holds the right" if self.reviewed else "has no right"
        wrong = "" if self.right else "  <-- WRONG"
        return f"{self.what:<54} {self.expected:<25} {self.got:<25} {review}{wrong}"


def ask(api: Api, attempt: Attempt, names: Mapping[str, str]) -> tuple[str, bool]:
    """Try it and review it; the verdict, and whether the right is held."""
    path = attempt.path.format(**names)
    return verdict(api, attempt.verb, path, filled(attempt.body, names)), reviewed(api, attempt.verb, path)


def verdict(api: Api, verb: str, path: str, body: Any = None) -> str:
    """One word for what the server says to a request; nothing is changed by it."""
    dry = {"dryRun": "All"}
    try:
        if verb in ("get", "list"):
            api.get(path)
        elif verb == "create":
            api.post(path, body or {}, **dry)
        elif verb == "patch":
            api.patch(path, body, **dry)
        elif verb == "update":
            api.put(path, body, **dry)
        elif verb == "delete":
            api.delete(path, **dry)
        else:
            raise ValueError(verb)
    except ApiError as error:
        return _word(error)
    return ALLOWED


def reviewed(api: Api, verb: str, path: str) -> bool:
    """What the server answers when the same identity asks whether it may."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError(path)
    attributes = {
        "verb": verb,
        "group": found["group"] or "",
        "version": found["version"],
        "namespace": found["namespace"] or (found["name"] if found["resource"] == "namespaces" else "") or "",
        "resource": found["resource"],
        "name": found["name"] or "",
        "subresource": found["sub"] or "",
    }
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    answer = api.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {**review, "spec": {"resourceAttributes": attributes}}
    )
    return bool(answer["status"]["allowed"])


def table(rows: Iterable[Row]) -> str:
    """The rows under a heading; who fares alike stands in one line."""
    together: dict[str, list[str]] = {}
    for row in rows:
        together.setdefault(row.words(), []).append(row.who)
    lines = [f"{', '.join(who):<45} {words}" for words, who in together.items()]
    heading = f"{'who':<45} {'what':<54} {'expected':<25} {'got':<25} review"
    return "\n".join([heading, *lines])


def filled(body: Any, names: Mapping[str, str]) -> Any:
    """A copy of plain data with the open names in its texts filled in."""
    if isinstance(body, str):
        return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], found[0]), body)
    if isinstance(body, dict):
        return {key: filled(value, names) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, names) for value in body]
    return body


def _word(error: ApiError) -> str:
    policy = _POLICY.search(error.message)
    if policy:
        return policy[1]
    if error.status != 403:
        return f"{error.status} {error.reason or error.message}"
    for mark, word in (
        ("violates PodSecurity", POD_SECURITY),
        ("attempting to grant RBAC permissions", ESCALATION),
        ("maximum cpu usage", LIMITS),
        ("exceeded quota", LIMITS),
        ("cannot ", RBAC),
    ):
        if mark in error.message:
            return word
    return error.message
