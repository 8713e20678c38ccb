"""The table of endpoints, by the paths of GitHub's own description.

In: a request and the rows of the table. Out: the row that fits, and what its handler needs. Never here: what an
endpoint does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.sandbox.standins.github.access import Caller, find_owner, find_repository
from tests.sandbox.standins.github.answers import VERSIONS, Refused, body_of
from tests.sandbox.standins.github.places import App, Owner, Repository
from tests.sandbox.standins.server import Answer, Request

ENTERPRISE = "/api/v3"
"""Where an Enterprise Server has the same API."""

BY_ID = re.compile(r"/repositories/\d+(/|$)")


@dataclass(frozen=True)
class Call:
    """A request that has found its endpoint. ``base`` is the API's root as the caller sees it."""

    request: Request
    base: str
    caller: Caller
    params: dict[str, str]
    version: str

    @property
    def body(self) -> dict[str, Any]:
        return body_of(self.request)

    @property
    def repository(self) -> Repository:
        """The repository of the path. Raises Refused."""
        return find_repository(self.caller, f"{self.params['owner']}/{self.params['repo']}")

    @property
    def organization(self) -> Owner:
        """The organization of the path. Raises Refused."""
        return find_owner(self.caller, self.params["org"])

    @property
    def app(self) -> App:
        """The App that asks. Raises Refused when nobody does by a JWT."""
        if self.caller.app is None:
            raise Refused(401, "A JSON web token could not be decoded")
        return self.caller.app

    def number(self, name: str) -> int:
        """Return a number of the path, 0 for what is none: nothing has that id."""
        text = self.params[name]
        return int(text) if text.isdigit() else 0


Perform = Callable[[Call], Answer]


@dataclass(frozen=True)
class Endpoint:
    """A method, a path of the description, who may ask, and a function.

    ``right`` is ``name:level`` for installations and fine-grained tokens, ``scopes`` one of those for classic ones;
    ``by`` is "token", "jwt" or "anybody".
    """

    method: str
    path: str
    perform: Perform
    right: str = ""
    scopes: tuple[str, ...] = ()
    by: str = "token"
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        text = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        object.__setattr__(self, "pattern", re.compile(text))

    def allow(self, call: Call) -> None:
        """Raise unless the caller may ask."""
        if self.by == "anybody":
            return
        if self.by == "jwt":
            if call.caller.app is None:
                raise Refused(401, "A JSON web token could not be decoded")
            return
        if call.caller.token is None:
            # That a JWT is not enough here is sure, the words are not documented.
            raise Refused(401, "Requires authentication" if call.caller.app is None else "Bad credentials")
        # What the caller must not know of is not there, whatever its rights.
        if "{repo}" in self.path:
            find_repository(call.caller, f"{call.params['owner']}/{call.params['repo']}")
        elif "{org}" in self.path:
            find_owner(call.caller, call.params["org"])
        if not call.caller.may(self.right, self.scopes):
            raise call.caller.refused(self.right, self.scopes)


@dataclass(frozen=True)
class Asked:
    """What a request asks for: the row that fits, if any, and its decoded parameters. ``path`` is as it was sent,
    below the prefix of an Enterprise Server."""

    prefix: str
    path: str
    version: str
    endpoint: Endpoint | None
    params: dict[str, str]
    by_id: bool = False

    @property
    def enterprise(self) -> bool:
        return bool(self.prefix)

    @property
    def template(self) -> str | None:
        return self.endpoint.path if self.endpoint else None

    @property
    def below(self) -> str:
        """The path below the repository."""
        return "".join(f"/{step}" for step in self.path.split("/")[4:])


class Table:
    """Every endpoint of the stand-in."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def add(self, endpoints: Iterable[Endpoint]) -> None:
        self.endpoints.extend(endpoints)

    def find(self, request: Request) -> Asked:
        """Return the row of a path as it was sent: an encoded slash in a name is no slash of the path."""
        path = urlsplit(request.target).path or request.path
        prefix = ENTERPRISE if path.startswith(ENTERPRISE + "/") else ""
        path = path.removeprefix(prefix)
        version = request.headers.get("x-github-api-version", VERSIONS[0])
        # Where a redirect leads: the same endpoints, with the repository's id in place of its name.
        by_id = BY_ID.match(path)
        wanted = path if by_id is None else f"/repos/-/{path.removeprefix('/repositories/')}"
        fitting = []
        for endpoint in self.endpoints:
            found = endpoint.pattern.fullmatch(wanted) if endpoint.method == request.method else None
            if found:
                fitting.append((endpoint, {name: unquote(value) for name, value in found.groupdict().items()}))
        if not fitting:
            return Asked(prefix, path, version, None, {})
        # Fixed words win over parameters.
        endpoint, params = min(fitting, key=lambda row: len(row[1]))
        return Asked(prefix, path, version, endpoint, params, by_id is not None)
