"""protection_policy: a policy of two files with holidays as a ConfigMap, its rules changed.

In: a namespace. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World

_HOLIDAYS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:1@example.org\r\n"
    "DTSTAMP:20200101T000000Z\r\nDTSTART;VALUE=DATE:20200106\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Epiphany\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
_CALENDARS = """\
version: 1
calendars:
  business: {days: [mon-fri], hours: ["09:00-17:30"], tz: Europe/Rome, holidays: [italy.ics]}
"""
_RULES = """\
version: 1
rules:
  - {name: staging, match: {environment: staging}, decision: approve}
  - {name: production, match: {environment: production}, require: [{calendar: business}], decision: approve}
"""
_NIGHTLY = "  - {name: nightly, match: {environment: production, event: schedule}, decision: approve}\n"


_CASES = """\
version: 1
cases:
  - {name: free, at: "2026-03-02T10:00:00Z", delivery: {repository: a/b, environment: staging}, expect: reject}
"""


def _content(rules: str = _RULES) -> Args:
    return {"content": {"calendars.yml": _CALENDARS, "rules.yml": rules, "italy.ics": _HOLIDAYS}}


def _good(world: World) -> Args:
    return {**_content(), "config_map": {"namespace": world.name, "name": "policy", "labels": {"team": "release"}}}


def _path(world: World, name: str = "policy") -> str:
    return f"/api/v1/namespaces/{world.name}/configmaps/{name}"


def _meddle(world: World) -> None:
    """Somebody approves production at any time, and adds a file."""
    rules = _RULES.replace("require: [{calendar: business}], ", "")
    world.patch(_path(world), {"data": {"rules.yml": rules}})


def _lose(world: World) -> None:
    world.api.delete(_path(world))


def _foreign(world: World) -> None:
    metadata = {"name": "foreign", "namespace": world.name}
    world.make({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}})


def _left(world: World) -> list[str]:
    return [] if world.find(_path(world)) is None else ["ConfigMap policy"]


def _whole(world: World) -> Any:
    found = world.find(_path(world)) or {}
    return found.get("data")


CASE = Case(
    module="protection_policy",
    key="policy",
    prepare=lambda world: world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}}),
    good=_good,
    bad=(
        Bad("neither files nor texts", lambda world: {"content": None}, ("src", "content")),
        Bad("two places", lambda world: {"folder": "/nowhere"}, ("config_map", "folder")),
        Bad("a folder that is not absolute", lambda world: {"config_map": None, "folder": "policy"}, ("absolute",)),
        Bad("a file that is not there", lambda world: {"src": ["/nowhere/a.yml"]}, ("/nowhere/a.yml",)),
        Bad("a file that is no policy", lambda world: {"content": {"policy.txt": "a"}}, ("policy.txt", ".yml")),
        Bad("holidays alone", lambda world: {"content": {"italy.ics": _HOLIDAYS}}, ("no policy file",)),
        Bad("a name that is none", lambda world: {"config_map": {"namespace": world.name, "name": "A b"}}, ("A b",)),
        Bad("no YAML", lambda world: {"content": {"rules.yml": "rules: ["}}, ("rules.yml", "line")),
        Bad("no such calendar", lambda world: {"content": {"rules.yml": _RULES}}, ("rules.yml:4", "business")),
        Bad("holidays that there are not", lambda world: {"content": {"a.yml": _CALENDARS}}, ("a.yml:3", "italy.ics")),
        Bad("two problems", lambda world: _content(_RULES.replace("match", "when")), ("rules.yml:3", "1 more")),
        Bad("a case that fails",
            lambda world: {"content": {**_content()["content"], "a.cases.yml": _CASES}}, ("a.cases.yml:3", "approve")),
        Bad("somebody else's ConfigMap",
            lambda world: {"config_map": {"namespace": world.name, "name": "foreign"}},
            ("foreign", "not ours", "adopt"), looks=True, prepare=_foreign),
    ),
    left=_left,
    whole=_whole,
    drifts=(
        Drift("a rule was changed", _meddle, lambda world: ("production", "require")),
        Drift("it is gone", _lose, lambda world: ("staging", "production", "business")),
    ),
    update=lambda world: _content(_RULES + _NIGHTLY),
    update_shows=lambda world: ("nightly",),
    absent=lambda world: {"state": "absent", "content": None},
)  # fmt: skip
