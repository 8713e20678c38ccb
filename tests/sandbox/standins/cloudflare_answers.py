"""How Cloudflare's API speaks: the envelope, refusals with their codes, pages.

In: results, codes, lists. Out: answers. Never here: a tunnel, a zone, a record.

Codes and words are those that Cloudflare's documentation or recorded answers of the real API show, except where a
line says "not documented": there the HTTP status is sure and the number is ours.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from tests.sandbox.standins.server import Answer, Request, json_answer


class Refused(Exception):
    """The API says no: HTTP status, and the code and message of the first error (``chain`` are its causes)."""

    def __init__(self, status: int, code: int, message: str, chain: Sequence[tuple[int, str]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.errors: list[dict[str, Any]] = [{"code": code, "message": message}]
        if chain:
            self.errors[0]["error_chain"] = [{"code": inner, "message": text} for inner, text in chain]

    def also(self, code: int, message: str) -> Refused:
        self.errors.append({"code": code, "message": message})
        return self


def ok(result: Any, messages: Sequence[dict[str, Any]] = (), info: dict[str, int] | None = None) -> Answer:
    envelope = {"result": result, "success": True, "errors": [], "messages": list(messages)}
    if info is not None:
        envelope["result_info"] = info
    return json_answer(200, envelope, _headers())


def refusal(refused: Refused, retry_after: float | None = None) -> Answer:
    envelope = {"result": None, "success": False, "errors": refused.errors, "messages": []}
    extra = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return json_answer(refused.status, envelope, {**_headers(), **extra})


def ray() -> str:
    """Return a ray id: what Cloudflare's support asks for, in every answer of API and edge."""
    return f"{secrets.token_hex(8)}-AMS"


def page(items: Sequence[Any], request: Request, default: int, most: int, least: int = 1) -> Answer:
    """Answer one page of a list; ``per_page`` is brought into its bounds, a page past the end is empty."""
    per_page = min(most, max(least, _number(request, "per_page", default)))
    number = max(1, _number(request, "page", 1))
    part = list(items[(number - 1) * per_page : number * per_page])
    info = {
        "page": number,
        "per_page": per_page,
        "count": len(part),
        "total_count": len(items),
        "total_pages": -(-len(items) // per_page),
    }
    return ok(part, info=info)


def _number(request: Request, name: str, default: int) -> int:
    text = request.argument(name)
    return int(text) if text and text.isdigit() else default


def _headers() -> dict[str, str]:
    return {"CF-Ray": ray(), "Server": "cloudflare", "CF-Cache-Status": "DYNAMIC"}


def no_route(path: str) -> Refused:
    refused = Refused(404, 7003, f"Could not route to {path}, perhaps your object identifier is invalid?")
    return refused.also(7000, "No route for that URI")


def no_method(method: str) -> Refused:
    return Refused(405, 7001, f"Method {method} not available for that URI.")


def rate_limited() -> Refused:
    return Refused(429, 971, "Please wait and consider throttling your request speed")


def broken() -> Refused:
    text = "An unknown error has occurred. If this error persists, please report it to Cloudflare Support"
    return Refused(500, 10013, text)


def no_headers() -> Refused:
    return Refused(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")


def bad_header() -> Refused:
    return Refused(400, 6003, "Invalid request headers", [(6111, "Invalid format for Authorization header")])


def bad_token() -> Refused:
    return Refused(401, 1000, "Invalid API Token")


def bad_access_token() -> Refused:
    return Refused(403, 9109, "Invalid access token")


def not_allowed() -> Refused:
    """Return the refusal of a token without the right, and of an account or zone that is not the token's."""
    return Refused(403, 10000, "Authentication error")


def zone_not_allowed() -> Refused:
    return Refused(403, 9109, "Unauthorized to access requested resource")


def no_zone_list(token_id: str) -> Refused:
    actor = f"com.cloudflare.api.token.{token_id}"
    return Refused(403, 0, f"Actor '{actor}' requires permission 'com.cloudflare.api.account.zone.list' to list zones")
