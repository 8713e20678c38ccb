# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What GitHub's answers mean when they say no: kinds of failures, missing permissions, rate limits.

In: an HTTP answer, or the error of a request without one. Out: GitHubFailure. Never here: a request, what was sent.
"""

from __future__ import annotations

import email.utils
import json
import typing as t

from .._core.failure import Kind
from .._core.retry import parse_retry_after
from .._http import RequestFailure, unanswered

_SECONDARY_REST = 60.0  # seconds; what GitHub asks for when a secondary limit names no time
_LONGEST = 400
_RACE = "There was a problem approving one of the gates"
_SETTLED = ("No pending deployment requests", "has already been reviewed", "already exists")
NO_APP = "Integration not found"  # what a claim is answered whose issuer is no App
_NO_APP_REMEDY = "Check github_app_id: GitHub knows no such App"


class GitHubFailure(RequestFailure):
    """A Failure of one request; ``date`` is the answer's Date header."""

    date: str | None = None


def garbage(tried: str, on: str, said: str, response: t.Any = None) -> GitHubFailure:
    """Return the failure for an answer that GitHub's API never gives."""
    failure = GitHubFailure(
        Kind.BROKEN,
        tried=tried,
        on=on,
        said=said,
        remedy="Check that github_api_url leads to GitHub's API; of an Enterprise Server it ends in /api/v3",
        status=response.status_code if response is not None else None,
        request_id=response.headers.get("x-github-request-id") if response is not None else None,
    )
    failure.again = failure.unclear = True
    return failure


def refused(response: t.Any, tried: str, on: str, words: str, now: float) -> GitHubFailure:
    """Return the failure for an answer that says no; its own words are quoted, what was sent never is.

    ``words`` are the permissions that the caller knows the request to need; ``now`` is this machine's clock.
    """
    status = int(response.status_code)
    said = message(response)
    limit = _limit(response, status, said, now)
    kind = Kind.BUSY if limit is not None else _kind(status, said)
    failure = GitHubFailure(
        kind,
        tried=tried,
        on=on,
        said=said or f"GitHub answered {status}",
        remedy=_NO_APP_REMEDY if said == NO_APP else _remedy(kind, status, response, words),
        status=status,
        request_id=response.headers.get("x-github-request-id"),
        retry_after=limit,
    )
    # Two reviews at once: whether this one was heard shows only by a look.
    race = status == 422 and _RACE in said
    failure.again = limit is not None or status in (408, 429) or status >= 500 or race
    failure.unclear = status == 408 or status >= 500 or race
    failure.date = response.headers.get("date")
    return failure


def message(response: t.Any) -> str:
    """Return what an error answer says. ``errors`` is a list of objects, a list of texts, or one text."""
    try:
        data = json.loads(response.content)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    rows = errors if isinstance(errors, list) else [errors] if errors else []
    texts = [str(data.get("message") or ""), *(_row(row) for row in rows)]
    return " ".join("; ".join(text.strip().rstrip(".") for text in texts if text).split())[:_LONGEST]


def _row(row: t.Any) -> str:
    if not isinstance(row, dict):
        return str(row)
    if row.get("message"):
        return str(row["message"])
    return " ".join(str(row[name]) for name in ("resource", "field", "code") if row.get(name))


def _limit(response: t.Any, status: int, said: str, now: float) -> float | None:
    """Return the seconds to wait when the answer is a rate limit, primary or secondary; else None."""
    if status not in (403, 429):
        return None
    asked = parse_retry_after(response.headers.get("retry-after"))
    if asked is not None:
        return asked
    if response.headers.get("x-ratelimit-remaining") == "0":
        return _until(response.headers.get("x-ratelimit-reset"), response.headers.get("date"), now)
    secondary = "secondary rate limit" in said.lower() or "abuse detection" in said.lower()
    return _SECONDARY_REST if status == 429 or secondary else None


def _until(reset: str | None, date: str | None, now: float) -> float:
    """Return the seconds until a limit is lifted, by GitHub's own clock where the answer tells it."""
    try:
        start = email.utils.parsedate_to_datetime(date).timestamp() if date else now
        return max(0.0, float(reset or "") - start) + 1.0
    except ValueError:
        return _SECONDARY_REST


def _kind(status: int, said: str) -> Kind:
    if status in (303, 409) or any(words in said for words in _SETTLED):
        return Kind.CONFLICT
    if status == 408:
        return Kind.TIMEOUT
    if status >= 500 or status < 400:
        return Kind.BROKEN
    if status in (401, 403):
        return Kind.DENIED
    return Kind.MISSING if status == 404 else Kind.INVALID


def _remedy(kind: Kind, status: int, response: t.Any, words: str) -> str:
    if kind in (Kind.BUSY, Kind.BROKEN):
        return "Run it again later; what was done is kept"
    if status == 401:
        return "Check github_token, or the App's id and private key"
    if status == 403:
        return f"Give the App or the token {_wanted(response, words)}" if _wanted(response, words) else ""
    if status == 404:
        wanted = _wanted(response, words)
        lacking = f"; GitHub also answers so when the App or the token lacks {wanted}" if wanted else ""
        return f"Check the name{lacking}"
    if status == 410:
        return "This server may not know the version of the API that was asked for"
    return ""


def _wanted(response: t.Any, words: str) -> str:
    """Return the missing permission: what GitHub's answer names, else what the request is known to need."""
    named = response.headers.get("x-accepted-github-permissions")
    if named:
        choices = [choice.strip().replace("=", ": ").replace(",", ", ") for choice in named.split(";")]
        return "the permission " + " or ".join(choice for choice in choices if choice)
    scopes = response.headers.get("x-accepted-oauth-scopes")
    if scopes and not words:
        return f"the scope {scopes}"
    return f"the permission {words}" if words else ""


def unreached(error: BaseException, url: str, tried: str, on: str) -> GitHubFailure:
    """Return the failure for a request without an answer: time-out, reset, no connection, no TLS."""
    found = unanswered(error)
    trust = "Set github_ca_cert to the authority's certificates"
    failure = GitHubFailure(
        found.kind,
        tried=tried,
        on=on,
        said=found.said,
        remedy=trust if found.certificate else f"Check the way to {url}",
    )
    failure.again, failure.unclear = found.again, found.unclear
    return failure
