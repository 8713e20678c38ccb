"""The truth tables of the requirements, read: a row is a requirement with facts and a time, and what it answers.

In: requirements/<kind>.yml. Out: rows. Never here: an assertion.

A table has an argument, facts and a time that hold for all rows; a row has what differs, and the answer. Facts stand by
the text of their need, `{unknown: why}` in place of a value. `-2h` is two hours before the row's time.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.aphex.platform.plugins.module_utils._gate.answer import Answer
from ansible_collections.aphex.platform.plugins.module_utils._gate.expression import Context
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Facts, Need, Unknown
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy, Requirement, load
from ansible_collections.aphex.platform.plugins.module_utils._gate.words import duration
from tests.unit.plugins.module_utils._gate.world import NOW, dumped, pending

TABLES = Path(__file__).parent / "requirements"
_SHIFT = re.compile(r"([+-])(([0-9]+[smhd])+)")


@dataclass(frozen=True)
class Row:
    """One row of a table, with all that holds for the whole of it."""

    kind: str
    given: Mapping[str, Any]
    policy: Policy
    sections: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it shows."""
        return f"{self.kind}: {self.given['expected']['name']}"

    @property
    def requirement(self) -> Requirement:
        """The requirement as the policy has it."""
        [found] = self.policy.rules[0].require.parts
        assert isinstance(found, Requirement)
        return found

    @property
    def now(self) -> datetime:
        """The time of the row."""
        return datetime.fromisoformat(self.given["now"])

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it wants looked up."""
        return self.requirement.kind.needs(self.requirement.arguments, pending(**self._pending()))

    @property
    def facts(self) -> Facts:
        """What is known, by the needs."""
        texts = {str(need): need for need in self.needs} | {need.fact: need for need in self.needs}
        return Facts(pending(**self._pending()), {texts[name]: _fact(value) for name, value in self._known(texts)})

    def answer(self) -> Answer:
        """Return what it says."""
        requirement = self.requirement
        return requirement.kind.judge(requirement.arguments, self.facts, Context(self.now, self.policy.is_open))

    def _known(self, texts: Mapping[str, Need]) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self._shifted(self.given["facts"]).items() if name in texts]

    def _pending(self) -> dict[str, Any]:
        made = dict(self._shifted(self.given["pending"]))
        for name in ("created_at", "received"):
            if isinstance(made.get(name), str):
                made[name] = datetime.fromisoformat(made[name]).timestamp()
        return made

    def _shifted(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._shifted(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._shifted(item) for item in value]
        found = _SHIFT.fullmatch(value) if isinstance(value, str) else None
        if not found:
            return value
        shift = duration(found[2]).total_seconds()
        return self.now.timestamp() + (shift if found[1] == "+" else -shift)


def _fact(value: Any) -> Any:
    if isinstance(value, dict) and "unknown" in value:
        return Unknown(value["unknown"], missing=value.get("missing", False))
    return value


@functools.cache
def rows() -> tuple[Row, ...]:
    """Return every row of every table."""
    found = []
    for path in sorted(TABLES.glob("*.yml")):
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
        for row in table["rows"]:
            given = {
                "now": row.get("now", table.get("now", NOW.isoformat())),
                "argument": row.get("argument", table["argument"]),
                "pending": {**table.get("pending", {}), **row.get("pending", {})},
                "facts": {**table.get("facts", {}), **row.get("facts", {})},
                "expected": row,
            }
            rule = {"name": "r", "decision": "approve", "require": [{path.stem: given["argument"]}]}
            policy = load({"p.yml": dumped({"version": 1, **table.get("policy", {}), "rules": [rule]})})
            found.append(Row(path.stem, given, policy, table.get("policy", {})))
    return tuple(found)
