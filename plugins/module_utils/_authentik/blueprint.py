# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blueprint: an instance of a blueprint, and that Authentik has applied it.

In: a Blueprint and a client. Out: steps, and what is known of the instance as plain data.
Never here: what stands in a blueprint; its content may hold secrets, so only its digest shows.

What Authentik does and does not tell, seen in its sources of 2024 to 2026: applying is a task of the worker, which
writes ``status`` and ``last_applied`` at its end, also when it fails; ``last_applied_hash`` is the SHA-512 of what was
applied (later versions add the files that ``!File`` reads); the reason of a failure stands in the logs of the task.
"""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step
from .client import Client, segment

PATH = "/managed/blueprints/"
SUCCESSFUL = "successful"
APPLY = ("on_change", "always")
_APPLIED = (SUCCESSFUL, "warning")
_FAILED = ("error", "orphaned")
_POLL = 0.5
# Stands in the context from a change until it is applied: nothing else would tell of it after a run that was broken
# off there, since the status stays that of the version before.
_MARK = "aphex_platform_not_applied"
_LONGEST_NAME = 400
_MOST_REASONS = 3


@dataclass(frozen=True)
class Blueprint:
    """An instance that should be there and applied, or not be there.

    Either ``path`` (relative to the folder of blueprints of the worker) or ``content``. ``context`` None leaves it
    alone. ``timeout`` is in seconds, 0 waits for nothing. Raises Failure(invalid).
    """

    name: str
    path: str | None = None
    content: str | None = None
    context: dict[str, t.Any] | None = None
    enabled: bool = True
    apply: str = "on_change"
    timeout: int = 120
    present: bool = True

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > _LONGEST_NAME or not self.name.isprintable():
            raise invalid(f"The blueprint {self.name[:80]!r}", "its name is empty, too long or has control letters")
        if self.timeout < 0:
            raise invalid("wait_timeout", "it is below 0", "Give whole seconds, such as 120")
        if not self.present:
            return
        if bool(self.path) == bool(self.content):
            raise invalid(self.title, "it wants either a path or a content", "Give one of them, and not empty")
        if self.path and (self.path.startswith("/") or ".." in self.path.split("/")):
            raise invalid(
                self.title,
                f"the path {self.path[:120]!r} is not below the folder of blueprints",
                "Write it relative to that folder, such as mounted/platform/platform.yaml",
            )
        if self.apply == "always" and not self.enabled:
            raise invalid(self.title, "a blueprint that is not enabled is never applied", "Leave apply out")

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Blueprint:
        """Return the blueprint that a module's params ask for."""
        content = params["content"]
        if content is not None and not isinstance(content, str):
            raise invalid("content", "it is no text", "Give the blueprint as a text, such as by lookup('file', ...)")
        return cls(
            name=params["name"],
            path=params["path"],
            content=content,
            context=params["blueprint_context"],
            enabled=params["enabled"],
            apply=params["apply"],
            timeout=params["wait_timeout"] if params["wait"] else 0,
            present=params["state"] == "present",
        )

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "authentik"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Blueprint {self.name}"

    def fields(self) -> dict[str, t.Any]:
        """Return the fields to write."""
        fields: dict[str, t.Any] = {"path": self.path or "", "content": self.content or "", "enabled": self.enabled}
        return fields if self.context is None else {**fields, "context": self.context}


@dataclass(frozen=True)
class BlueprintWrite:
    """What ``perform`` needs: what was asked for, the id of the instance, and the fields to write."""

    of: Blueprint
    id: str = ""
    fields: dict[str, t.Any] | None = None


def plan(client: Client, desired: Blueprint) -> tuple[list[Step], t.Any]:
    """Return the steps, and the instance as it will be."""
    found = _find(client, desired)
    if not desired.present:
        if found is None:
            return [], None
        change = Change(_shown(found, found), None)
        return [Step("authentik", "delete", desired.title, BlueprintWrite(desired, str(found["pk"])), change)], None
    file = _file(client, desired) if desired.path else None
    there = None if found is None else {**found, "context": _own_context(found)}
    wanted = desired.fields()
    differs = {name: value for name, value in wanted.items() if there is None or there.get(name) != value}
    stale = _stale(desired, found, differs, file)
    instance_id = str(found["pk"]) if found else ""
    steps = []
    if differs:
        change = Change(_shown(there, differs) if there else None, _shown(wanted, differs))
        write = BlueprintWrite(desired, instance_id, _marked(differs, there) if there and stale else differs)
        steps.append(Step("authentik", "update" if there else "create", desired.title, write, change))
    if stale:
        write = BlueprintWrite(desired, instance_id)
        change = Change({"applied": stale}, {"applied": SUCCESSFUL})
        steps.append(Step("authentik", "apply", desired.title, write, change, rank=1, unknown=not instance_id))
    if found is not None and (_is_marked(found) or (differs and stale)):
        write = BlueprintWrite(desired, instance_id, {"context": wanted.get("context", _own_context(found))})
        steps.append(Step("authentik", "settle", desired.title, write, rank=2))
    return steps, _result(desired, there, bool(stale))


def perform(client: Client, step: Step) -> t.Any:
    """Do one step; return what it tells of the instance."""
    write: BlueprintWrite = step.desired
    desired = write.of
    path = f"{PATH}{segment(write.id)}/"
    if step.verb == "delete":
        return client.delete(path, tried="Deleting the", on=step.target)
    if step.verb == "apply":
        return _told(_apply(client, desired, path))
    if step.verb in ("update", "settle"):
        return _told(client.patch(path, write.fields or {}, tried="Updating the", on=step.target))
    body = {"name": desired.name, **(write.fields or {})}
    return _told(
        client.post(PATH, body, look=lambda: _find(client, desired), tried="Creating the", on=step.target),
    )


def _find(client: Client, desired: Blueprint) -> dict[str, t.Any] | None:
    """Return the instance of that name. Raises Failure(refused) when another instance has the same file."""
    tried = "Looking for the"
    found = client.list(PATH, {"name": desired.name}, tried=tried, on=desired.title)
    named = [item for item in found if item.get("name") == desired.name]
    if named or not (desired.path and desired.present):
        return named[0] if named else None
    # The worker makes an instance of each file that it finds, named by the file's metadata.
    others = client.list(PATH, {"path": desired.path}, tried=tried, on=desired.title)
    other = next((item for item in others if item.get("path") == desired.path), None)
    if other is None:
        return None
    raise Failure(
        Kind.REFUSED,
        tried="Taking the file",
        on=desired.path,
        said=f"the blueprint {str(other.get('name'))[:120]!r} has it already",
        remedy="Use that name: two instances of one file would each apply it",
    )


def _file(client: Client, desired: Blueprint) -> dict[str, t.Any]:
    """Return what the worker says of the blueprint's file. Raises Failure(missing) when it does not see it."""
    tried = "Looking for the file of the"
    found = client.get(f"{PATH}available/", tried=tried, on=desired.title)
    rows = found if isinstance(found, list) else found.get("results") or []
    for row in rows:
        if isinstance(row, dict) and row.get("path") == desired.path:
            return row
    raise Failure(
        Kind.MISSING,
        tried=tried,
        on=desired.title,
        said=f"the worker has no blueprint {desired.path}",
        remedy="Mount it below /blueprints in the worker: its name ends in .yaml, and it has version: 1",
    )


def _stale(
    desired: Blueprint, found: dict[str, t.Any] | None, differs: dict[str, t.Any], file: dict[str, t.Any] | None
) -> str:
    """Return in a word why the instance must be applied; empty when it need not be."""
    if not desired.enabled:
        return ""
    if found is None or differs or _is_marked(found):
        return "never" if found is None else "another version"
    if found.get("status") not in _APPLIED:
        return str(found.get("status"))
    applied = str(found.get("last_applied_hash") or "")
    if _expected_hash(desired, file) not in ("", applied):
        return "another version"
    return "before" if desired.apply == "always" else ""


def _marked(fields: dict[str, t.Any], there: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return fields to write with the mark that they are not applied yet."""
    return {**fields, "context": {**fields.get("context", there["context"]), _MARK: True}}


def _is_marked(found: dict[str, t.Any]) -> bool:
    return _MARK in (found.get("context") or {})


def _own_context(found: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the context of an instance without our mark."""
    return {name: value for name, value in (found.get("context") or {}).items() if name != _MARK}


def _expected_hash(desired: Blueprint, file: dict[str, t.Any] | None) -> str:
    """Return what the hash of the last application should be, empty when only Authentik knows.

    A content that reads files is hashed with them by some versions; of a file the worker tells the hash by itself.
    """
    if file is not None:
        return str(file.get("hash") or "")
    content = desired.content or ""
    return "" if "!File" in content else hashlib.sha512(content.encode()).hexdigest()


def _apply(client: Client, desired: Blueprint, path: str) -> dict[str, t.Any]:
    """Have it applied, and wait until the worker says how that ended."""
    tried = "Applying the"
    before = client.get(path, tried=tried, on=desired.title).get("last_applied")

    def ended() -> dict[str, t.Any] | None:
        """Return the instance when the worker has written it since."""
        found: dict[str, t.Any] = client.get(path, tried=tried, on=desired.title)
        return found if found.get("last_applied") != before else None

    client.post(f"{path}apply/", None, look=ended, tried=tried, on=desired.title)
    give_up = client.runtime.now() + desired.timeout
    while True:
        found = ended()
        if found is not None:
            return _judged(client, desired, found)
        if client.runtime.now() >= give_up:
            break
        client.sleep(_POLL)
    if not desired.timeout:
        return {"pk": path.rstrip("/").rpartition("/")[2]}
    raise Failure(
        Kind.TIMEOUT,
        tried="Waiting until the worker has applied the",
        on=desired.title,
        said=f"it has not within {desired.timeout} s",
        remedy="See that the worker runs, and raise wait_timeout for a large blueprint",
    )


def _judged(client: Client, desired: Blueprint, found: dict[str, t.Any]) -> dict[str, t.Any]:
    status = str(found.get("status"))
    if status not in _FAILED:
        return found
    raise Failure(
        Kind.INVALID,
        tried="Applying the",
        on=desired.title,
        said=_reasons(client, str(found.get("pk"))) or f"its status is {status}",
        remedy="Correct the blueprint; nothing of it was kept",
    )


def _reasons(client: Client, instance_id: str) -> str:
    """Return what the newest task of an instance logged as wrong; an answer that we cannot get is no reason to fail."""
    try:
        query = {"rel_obj_id": instance_id, "ordering": "-mtime"}
        tasks = client.list("/tasks/tasks/", query, tried="Reading the tasks of", on=instance_id)
    except Failure:
        return ""
    for task in tasks:
        if str(task.get("rel_obj_id")).replace("-", "") == instance_id.replace("-", ""):
            logs = [item for item in task.get("logs") or [] if isinstance(item, dict)]
            wrong = [str(item.get("event")) for item in logs if item.get("log_level") in ("warning", "error")]
            return "; ".join(" ".join(text.split())[:200] for text in wrong[:_MOST_REASONS])
    return ""


def _shown(fields: dict[str, t.Any], of: t.Iterable[str]) -> dict[str, t.Any]:
    """Return fields for a diff; of a content only its digest."""
    shown = {name: fields.get(name) for name in ("path", "content", "enabled", "context") if name in of}
    if shown.get("content"):
        shown["content"] = "sha256:" + hashlib.sha256(str(shown["content"]).encode()).hexdigest()[:16]
    return shown


def _told(instance: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return what an answer of Authentik tells for results."""
    told: dict[str, t.Any] = {"id": str(instance["pk"])}
    return told | {name: instance[name] for name in ("status", "last_applied") if name in instance}


def _result(desired: Blueprint, found: dict[str, t.Any] | None, applies: bool) -> dict[str, t.Any]:
    told = _told(found) if found else {"id": UNKNOWN, "status": UNKNOWN, "last_applied": UNKNOWN}
    if applies:
        told |= {"status": SUCCESSFUL if desired.timeout else UNKNOWN, "last_applied": UNKNOWN}
    context = desired.context if desired.context is not None else (found or {}).get("context") or {}
    return {"name": desired.name, "path": desired.path or None, "enabled": desired.enabled, "context": context, **told}
