"""What GitHub says of an event.

In: who did what where. Out: payloads as plain data. Never here: a webhook's secret, or sending.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.sandbox.standins.github.places import Owner, Repository

NO_COMMIT = "0" * 40
Happen = Callable[[str, Repository, Callable[[str], dict[str, Any]]], object]
"""Let an event happen in a repository; what is said of it beside the place depends on the root of the API."""

_ZEN = "Practicality beats purity."


def ping(hook_id: int, hook: dict[str, Any], place: Repository | Owner, sender: Owner, base: str) -> dict[str, Any]:
    """Return what a webhook gets when it is made, or tried."""
    return {"zen": _ZEN, "hook_id": hook_id, "hook": hook, **where(place, sender, base)}


def where(place: Repository | Owner, sender: Owner, base: str) -> dict[str, Any]:
    """Return the part of every payload that says where it happened, and who did it."""
    shown: dict[str, Any] = {}
    owner = place.owner if isinstance(place, Repository) else place
    if isinstance(place, Repository):
        shown["repository"] = place.view(base)
    if owner.type == "Organization":
        shown["organization"] = owner.organization_view(base)
    return {**shown, "sender": sender.view(base)}


def push(
    repository: Repository, sender: Owner, base: str, ref: str, before: str | None, after: str | None
) -> dict[str, Any]:
    """Return what a push says; ``ref`` defaults to the default branch, ``after`` of zeros is a deletion."""
    ref = ref or f"refs/heads/{repository.default_branch}"
    head = after or commit()
    before = before or (str(repository.pushed["after"]) if repository.pushed else NO_COMMIT)
    deleted = head == NO_COMMIT
    person = {"name": sender.login, "email": f"{sender.login}@users.noreply.github.com"}
    now = datetime.now(UTC)
    last = {
        "id": head,
        "tree_id": hashlib.sha1(head.encode(), usedforsecurity=False).hexdigest(),
        "distinct": True,
        "message": "A change",
        "timestamp": now.isoformat(timespec="seconds"),
        "url": f"https://github.com/{repository.full_name}/commit/{head}",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": ["README.md"],
    }
    place = where(repository, sender, base)
    # In payloads of pushes these two are seconds, in all others text.
    place["repository"] |= {"pushed_at": int(now.timestamp()), "created_at": int(now.timestamp())}
    return {
        "ref": ref,
        "before": before,
        "after": head,
        **place,
        "pusher": person,
        "created": before == NO_COMMIT,
        "deleted": deleted,
        "forced": False,
        "base_ref": None,
        "compare": f"https://github.com/{repository.full_name}/compare/{before[:12]}...{head[:12]}",
        "commits": [] if deleted else [last],
        "head_commit": None if deleted else last,
    }


def commit() -> str:
    """Return the id of a commit that nobody has made."""
    return secrets.token_hex(20)
