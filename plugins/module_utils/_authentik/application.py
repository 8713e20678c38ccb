# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application of a provider: its slug, which is part of the issuer, and the groups that may use it.

In: what a provider wants of its application. Out: steps and what is known of it. Never here: the provider itself, and
bindings of policies or of users, which stay as they are.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind
from .._core.plan import UNKNOWN, Change, Step
from .client import Client, segment
from .names import Names

PATH = "/core/applications/"
BINDINGS = "/policies/bindings/"
# One group is enough to be let in.
_ANY = "any"
_OPEN = {"enabled": True, "negate": False}
_BINDING = {**_OPEN, "timeout": 30, "failure_result": False}


@dataclass(frozen=True)
class Part:
    """What a provider wants of its application; ``provider_id`` is None before the provider is there."""

    slug: str | None
    name: str | None
    groups: tuple[str, ...] | None
    provider: str
    provider_id: int | None


@dataclass(frozen=True)
class ApplicationWrite:
    """What ``perform`` needs: whose it is, the slug, the fields, and for a binding its id or its two ends."""

    of: t.Any
    slug: str = ""
    fields: dict[str, t.Any] | None = None
    binding: bool = False
    id: str = ""


def plan(client: Client, of: t.Any, part: Part, names: Names) -> tuple[list[Step], t.Any]:
    """Return the steps, and the application as it will be; nothing when none is wanted."""
    if part.slug is None:
        return [], None
    found = _find(client, part.slug)
    if found is not None and found.get("provider") not in (None, part.provider_id):
        raise _taken(part, found)
    wanted: dict[str, t.Any] = {"provider": UNKNOWN if part.provider_id is None else part.provider_id}
    if found is None or part.name is not None:
        wanted["name"] = part.name or part.provider
    if part.groups is not None:
        wanted["policy_engine_mode"] = _ANY
    steps = []
    title = f"Application {part.slug}"
    differs = {name: value for name, value in wanted.items() if found is None or found.get(name) != value}
    if differs:
        before = None if found is None else {name: found.get(name) for name in differs}
        change = Change(before, {name: part.provider if name == "provider" else differs[name] for name in differs})
        write = ApplicationWrite(of, part.slug, {"slug": part.slug, **differs})
        verb = "update" if found else "create"
        steps.append(Step("authentik", verb, title, write, change, rank=1, unknown=part.provider_id is None))
    if part.groups is not None:
        steps += _plan_groups(client, of, part, found, names)
    shown = {"slug": part.slug, "name": wanted.get("name") or (found or {}).get("name")}
    groups = None if part.groups is None else sorted(set(part.groups))
    return steps, {**shown, "id": str(found["pk"]) if found else UNKNOWN, "groups": groups}


def plan_absent(client: Client, of: t.Any, slug: str | None, provider_id: int | None) -> list[Step]:
    """Return the step that removes the application; one that belongs to another provider stays."""
    found = _find(client, slug) if slug else None
    if found is None or found.get("provider") not in (None, provider_id):
        return []
    change = Change({"name": found.get("name")}, None)
    return [Step("authentik", "delete", f"Application {slug}", ApplicationWrite(of, str(slug)), change)]


def perform(client: Client, step: Step) -> None:
    """Do one step."""
    write: ApplicationWrite = step.desired
    if write.binding:
        _perform_binding(client, step, write)
    elif step.verb == "delete":
        client.delete(f"{PATH}{segment(write.slug)}/", tried="Deleting the", on=step.target)
    elif step.verb == "update":
        client.patch(f"{PATH}{segment(write.slug)}/", write.fields or {}, tried="Updating the", on=step.target)
    else:
        look = _looking(client, write.slug)
        client.post(PATH, write.fields or {}, look=look, tried="Creating the", on=step.target)


def _looking(client: Client, slug: str) -> t.Callable[[], t.Any]:
    def look() -> t.Any:
        """Return the application when an unanswered attempt has made it."""
        return _find(client, slug)

    return look


def _find(client: Client, slug: str) -> dict[str, t.Any] | None:
    return client.find(f"{PATH}{segment(slug)}/", tried="Looking for the application", on=slug)


def _taken(part: Part, found: dict[str, t.Any]) -> Failure:
    other = found.get("provider_obj") or {}
    return Failure(
        Kind.REFUSED,
        tried="Taking the application",
        on=str(part.slug),
        said=f"it belongs to the provider {str(other.get('name') or found.get('provider'))[:120]!r}",
        remedy="Choose another slug, or take that provider away from it",
    )


def _plan_groups(client: Client, of: t.Any, part: Part, found: dict[str, t.Any] | None, names: Names) -> list[Step]:
    """Return the steps after which exactly these groups are bound, each of them open."""
    there: dict[str, dict[str, t.Any]] = {}
    steps = []
    for item in _bindings(client, str(found["pk"])) if found else []:
        group = str(item["group"])
        if group in there:
            # A second binding of one group could be the one that is switched off.
            steps.append(_step("delete", of, part, _name(item), Change({"group": _name(item)}, None), item))
        else:
            there[group] = item
    wanted = {names.group(name): name for name in sorted(set(part.groups or ()))}
    for order, (group, name) in enumerate(wanted.items()):
        if group not in there:
            target = str(found["pk"]) if found else UNKNOWN
            fields = {"target": target, "group": group, "order": order, **_BINDING}
            steps.append(_step("create", of, part, name, Change(None, {"group": name}), fields=fields))
        else:
            differs = {key: value for key, value in _OPEN.items() if there[group].get(key) != value}
            if differs:
                change = Change({key: there[group].get(key) for key in differs}, differs)
                steps.append(_step("update", of, part, name, change, there[group], differs))
    for group, item in there.items():
        if group not in wanted:
            steps.append(_step("delete", of, part, _name(item), Change({"group": _name(item)}, None), item))
    return steps


def _bindings(client: Client, application_id: str) -> list[dict[str, t.Any]]:
    """Return the bindings of an application that let groups in."""
    tried = "Reading who may use the application"
    found = client.list(BINDINGS, {"target": application_id}, tried=tried, on=application_id)
    return [item for item in found if item.get("target") == application_id and item.get("group")]


def _name(item: dict[str, t.Any]) -> str:
    return str((item.get("group_obj") or {}).get("name") or item["group"])


def _step(
    verb: str,
    of: t.Any,
    part: Part,
    group: str,
    change: Change,
    item: dict[str, t.Any] | None = None,
    fields: dict[str, t.Any] | None = None,
) -> Step:
    unknown = bool(fields) and UNKNOWN in (fields or {}).values()
    write = ApplicationWrite(of, str(part.slug), fields, binding=True, id=str((item or {}).get("pk") or ""))
    target = f"Group {group} of application {part.slug}"
    return Step("authentik", verb, target, write, change, rank=2, unknown=unknown)


def _perform_binding(client: Client, step: Step, write: ApplicationWrite) -> None:
    fields = write.fields or {}
    if step.verb == "delete":
        client.delete(f"{BINDINGS}{write.id}/", tried="Removing the", on=step.target)
    elif step.verb == "update":
        client.patch(f"{BINDINGS}{write.id}/", fields, tried="Updating the", on=step.target)
    else:

        def look() -> t.Any:
            """Return the binding when an unanswered attempt has made it."""
            there = _bindings(client, fields["target"])
            return next((item for item in there if str(item["group"]) == fields["group"]), None)

        client.post(BINDINGS, fields, look=look, tried="Letting in the", on=step.target)
