"""How GitHub's REST API speaks: errors with their words, pages with links, ETags, common headers.

In: results, lists, refusals. Out: answers. Never here: a webhook, a repository, a token.

Words are those of GitHub's documentation or of recorded answers of the real API, except where a line says "not
documented": there the status is sure and the words are ours.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from tests.sandbox.standins.server import Answer, Request, json_answer

DOCS = "https://docs.github.com/rest"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
VERSIONS = ("2022-11-28", "2026-03-10")
"""Versions of the API that are served; the first is meant when a request names none."""


class Refused(Exception):
    """The API says no: status, message, and for a validation error what is wrong with which field."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[Any] | str = (),
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors
        self.headers = dict(headers or {})
        self.fields = dict(fields or {})


def ok(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    answer = json_answer(status, data, headers)
    answer.headers["Content-Type"] = "application/json; charset=utf-8"
    return answer


def nothing() -> Answer:
    """Return 204, which has no body."""
    return Answer(204)


def refusal(refused: Refused) -> Answer:
    body: dict[str, Any] = {"message": str(refused)}
    if refused.errors:
        body["errors"] = refused.errors if isinstance(refused.errors, str) else list(refused.errors)
    body |= {"documentation_url": DOCS, "status": str(refused.status), **refused.fields}
    return ok(body, refused.status, refused.headers)


def page(items: Sequence[Any], request: Request, base: str, key: str = "") -> Answer:
    """Answer one page of a list; below ``key`` with ``total_count`` when there is one."""
    shown, links = part(items, request, base)
    return ok({"total_count": len(items), key: shown} if key else shown, headers=links)


def part(items: Sequence[Any], request: Request, base: str, default: int = 30) -> tuple[list[Any], Mapping[str, str]]:
    """Return one page of a list, with the headers that lead to the others. A page past the end is empty."""
    per_page = min(max(100, default), max(1, _number(request, "per_page", default)))
    number = max(1, _number(request, "page", 1))
    last = max(1, -(-len(items) // per_page))
    shown = list(items[(number - 1) * per_page : number * per_page])
    links = []
    if number > 1:
        links += [("prev", number - 1), ("first", 1)]
    if number < last:
        links += [("next", number + 1), ("last", last)]
    urls = [(rel, _with_query(request, base, page=str(target))) for rel, target in links]
    return shown, link_header(urls)


def link_header(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the Link header of relation and URL pairs, nothing when there is none."""
    text = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links)
    return {"Link": text} if text else {}


def next_link(request: Request, base: str, cursor: str) -> dict[str, str]:
    """Return the Link header to the next part of a list that is read by cursor."""
    return link_header([("next", _with_query(request, base, cursor=cursor))])


def with_common(answer: Answer, request: Request, date: str, version: str) -> Answer:
    """Add what every answer carries, and make it 304 when the caller has it already."""
    headers = {
        "Date": date,
        "Server": "github.com",
        "X-GitHub-Request-Id": request_id(),
        "X-GitHub-Media-Type": "github.v3; format=json",
        "X-GitHub-Api-Version-Selected": version,
        **answer.headers,
    }
    if request.method != "GET" or answer.status != 200:
        return Answer(answer.status, answer.body, headers)
    headers["ETag"] = f'W/"{hashlib.sha256(answer.body).hexdigest()}"'
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Answer(304, b"", headers)
    return Answer(200, answer.body, headers)


def request_id() -> str:
    """Return what GitHub's support asks for."""
    return ":".join(secrets.token_hex(size).upper() for size in (2, 3, 4, 4, 4))


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, an empty one when it has no body. Raises Refused."""
    if not request.body:
        return {}
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Refused(400, "Problems parsing JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "Body should be a JSON object")
    return body


def not_found() -> Refused:
    return Refused(404, "Not Found")


def invalid(resource: str, message: str, field: str = "") -> Refused:
    """Return a validation error in the form that most have: one object with the code ``custom``."""
    error = {"resource": resource, "code": "custom", "message": message}
    return Refused(422, "Validation Failed", [error | ({"field": field} if field else {})])


def missing_field(resource: str, field: str) -> Refused:
    return Refused(422, "Validation Failed", [{"resource": resource, "code": "missing_field", "field": field}])


def moved(url: str, writes: bool) -> Refused:
    """Return the redirect of a repository that has another name now."""
    status, text = (307, "Temporary Redirect") if writes else (301, "Moved Permanently")
    return Refused(status, text, headers={"Location": url}, fields={"url": url})


def limited(retry_after: float) -> Refused:
    return Refused(429, SECONDARY, headers={"Retry-After": f"{retry_after:g}"})


def _number(request: Request, name: str, default: int) -> int:
    text = request.argument(name)
    return int(text) if text and text.isdigit() else default


def _with_query(request: Request, base: str, **changes: str) -> str:
    query = {name: values[0] for name, values in request.query.items()} | changes
    return f"{base}{request.path}?{urlencode(query)}"
