# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JSON schema of a policy file, and what in a file breaks it.

In: the kinds of requirements. Out: the schema, for editors and for the check; problems with their path.
Never here: what a field means, a line number.
"""

from __future__ import annotations

import functools
import json
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind
from .requirements import KINDS
from .words import DURATION

try:
    import jsonschema
except ImportError:
    jsonschema = None  # type: ignore[assignment]

MODES = ("enforce", "dry_run", "shadow")
COMBINED = ("all", "any", "none")
MATCHED = ("environment", "event", "ref", "repository", "owner", "sender", "topic", "label")
"""Fields of a match that take patterns: globs, and regular expressions as ``regex:…``."""

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}


@dataclass(frozen=True)
class Problem:
    """What breaks the schema, and where: the keys and positions from the root."""

    path: tuple[t.Any, ...]
    said: str


def schema() -> dict[str, t.Any]:
    """Return the JSON schema (draft 2020-12) of one policy file."""
    requirement = {"$ref": "#/$defs/requirement"}
    several = {"type": "array", "items": requirement, "minItems": 1}
    kinds = {
        name: {**kind.schema, "description": kind.says, "examples": [kind.example]} for name, kind in KINDS.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policy of the deployment-protection gate",
        **_closed(
            {
                "version": {"const": 1},
                "defaults": _closed(_defaults()),
                "calendars": {"type": "object", "additionalProperties": _calendar_or_freezes()},
                "freezes": {"type": "object", "additionalProperties": _freezes()},
                "groups": {"type": "object", "additionalProperties": _closed({"teams": _TEXTS, "users": _TEXTS})},
                "rules": {"type": "array", "items": _rule(several)},
            },
            required=["version"],
        ),
        "$defs": {
            "requirement": {
                **_closed({**kinds, **dict.fromkeys(COMBINED, several)}),
                "minProperties": 1,
                "maxProperties": 1,
            },
        },
    }


def check(data: t.Any, against: dict[str, t.Any] | None = None) -> list[Problem]:
    """Return what breaks the schema of a policy, or another one. Raises Failure(missing) without the library."""
    if jsonschema is None:
        raise Failure(
            Kind.MISSING,
            tried="loading the Python library jsonschema",
            said="it is not installed here",
            remedy="Install it for the Python that runs this: pip install jsonschema",
        )
    validator = _of_policies() if against is None else jsonschema.Draft202012Validator(against)
    return [Problem(tuple(error.absolute_path), _said(error)) for error in validator.iter_errors(data)]


@functools.cache
def _of_policies() -> t.Any:
    return jsonschema.Draft202012Validator(schema())


def as_json() -> str:
    """Return the schema as the text of a file, for editors."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _said(error: t.Any) -> str:
    """Return the problem for people. The library quotes all that it was given: a whole rule helps nobody."""
    if error.validator == "additionalProperties":
        known = error.schema.get("properties") or {}
        extra = [name for name in error.instance if name not in known]
        return f"{', '.join(map(repr, extra))} is not known here; there are {', '.join(known)}"
    if error.validator == "required":
        return f"{', '.join(repr(name) for name in error.validator_value if name not in error.instance)} is missing"
    return _SAID[error.validator](error) if error.validator in _SAID else str(error.message)[:300]


_NAMES_OF: t.Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
}
_SAID: t.Final[t.Mapping[str, t.Callable[[t.Any], str]]] = {
    "const": lambda error: f"{error.instance!r} stands where {error.validator_value!r} has to",
    "enum": lambda error: f"{error.instance!r} is none of {', '.join(map(str, error.validator_value))}",
    "pattern": lambda error: f"{error.instance!r} is no time; write 45s, 30m, 1h30m or 29d",
    "maxProperties": lambda error: f"{', '.join(error.instance)} stand in one item; begin each with its own dash",
    "minProperties": lambda error: "nothing stands here; name at least one",
    "type": lambda error: f"{str(error.instance)[:80]!r} stands where {_NAMES_OF[error.validator_value]} has to",
    "anyOf": lambda error: "a text or a list of texts has to stand here",
}


def _closed(properties: dict[str, t.Any], required: t.Sequence[str] = ()) -> dict[str, t.Any]:
    made = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _about(says: str, form: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a field's schema with what an editor shows for it."""
    return {**form, "description": says}


def _enum(*words: str) -> dict[str, t.Any]:
    return {"enum": list(words)}


def _defaults() -> dict[str, t.Any]:
    return {
        "on_no_match": _about(
            "What becomes of a deployment that no rule is about.", _enum("reject", "abstain", "defer")
        ),
        "on_error": _about("What becomes of one of which something could not be found out.", _enum("defer", "reject")),
        "on_deadline": _about("What becomes of one that has waited for max_defer.", _enum("reject", "abstain")),
        "max_defer": _about("How long one may wait, 29d at most: GitHub fails it after 30 days.", DURATION),
        "retry": _about("After what time one that waits is looked at again at the earliest.", DURATION),
        "timezone": _about("The zone of dates and calendars that name none, such as Europe/Rome.", _TEXT),
    }


def _calendar_or_freezes() -> dict[str, t.Any]:
    """A list below `calendars` is one of freezes: people keep all dates together."""
    fields = {
        "days": _about("Days such as mon-fri; every day without it.", _TEXTS),
        "hours": _about("Ranges such as 09:00-12:30 of the zone's wall clock; the whole day without it.", _TEXTS),
        "tz": _about("The zone, such as Europe/Rome.", _TEXT),
        "holidays": _about("Holiday files (ICS) beside the policy, by their names.", _TEXTS),
        "closed": _about("Single days on which it is shut, such as 2026-12-24.", _TEXTS),
    }
    return {"if": {"type": "array"}, "then": _freezes(), "else": _closed(fields)}


def _freezes() -> dict[str, t.Any]:
    fields = {
        "name": _about("What people call it.", _TEXT),
        "from": _about("Its begin: a date, or 2026-12-20T18:00.", _TEXT),
        "to": _about("Its end: the last day of it, or the time at which it ends.", _TEXT),
        "tz": _about("The zone of both.", _TEXT),
        "except_if": _about("A JMESPath expression; where it holds there is no freeze.", _TEXT),
    }
    return {"type": "array", "items": _closed(fields, required=["name", "from", "to"])}


def _match() -> dict[str, t.Any]:
    fields: dict[str, t.Any] = {
        **{name: _about(f"Globs, or `regex:…`, of which one fits the {name}.", _TEXTS) for name in MATCHED},
        "default_branch": _about("Whether the ref is the repository's default branch.", {"type": "boolean"}),
        "property": _about("Patterns by custom property.", {"type": "object", "additionalProperties": _TEXTS}),
        "when": _about("A JMESPath expression about what the delivery says.", _TEXT),
    }
    return _closed({**fields, "not": _about("What must not match.", _closed(fields))})


def _rule(several: dict[str, t.Any]) -> dict[str, t.Any]:
    fields = {
        "name": _about("What people call it; no two rules have the same.", _TEXT),
        "match": _about("What it is about, by what the delivery says; all without it.", _match()),
        "require": _about("What has to hold, all of it.", several),
        "decision": _about("What becomes of it when all holds.", _enum("approve", "abstain", "reject")),
        "else": _about("What becomes of it when something does not, for good.", _enum("reject", "defer", "abstain")),
        "mode": _about("dry_run lets all through and tells; shadow is judged beside the others.", _enum(*MODES)),
        "expires": _about("The last day on which it counts, or a time.", _TEXT),
        "comment": _about("What GitHub shows; see {{ reasons | first(3) }}.", {"type": "string", "maxLength": 1024}),
    }
    return _closed(fields, required=["name", "decision"])
