"""Do the table of waves, the role of all parts and the roles of each say one order?

The table `roles/platform_tree/vars/main/waves.yml` is the order in which Argo CD brings the parts. The role
`platform_parts` hands the parts over role by role, and `platform_parts_roles` names those whose inputs are checked and
which are asked whether they work. A role with several parts counts at the first wave of its parts, since it stands in a
list once. Two roles stand outside of the waves: `platform_secrets` makes the Secrets that the first part reads already,
so it is first, and its part exists only where External Secrets brings them later; `platform_tree` brings all parts out,
so it is last. `tenants` is a folder of the tree and the part of no role.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.steps import ROOT
from tests.tools.waves_picture import TABLE, Row, rows

PARTS_ROLE = ROOT / "roles" / "platform_parts" / "tasks" / "main.yml"
VARIABLES = ROOT / "playbooks" / "group_vars" / "platforms.yml"
FIRST, LAST = "platform_secrets", "platform_tree"
NO_ROLES = {"tenants"}

_PART = re.compile(r"^\s+write_out_part:\s*[\"']?([a-z_]+)[\"']?\s*$", re.MULTILINE)
_QUOTED = re.compile(r"'([a-z_]+)'")
_CONDITION = re.compile(r"\(platform_\w+ [!=]= '\w+'\)")


def parts_of_roles(root: Path) -> dict[str, list[str]]:
    """Return the parts that each role hands over, in the order of its tasks; platform_tree brings those of others."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "roles").glob("*/tasks/*.yml")):
        role = path.parents[1].name
        if role != LAST:
            for part in _PART.findall(path.read_text(encoding="utf-8")):
                found.setdefault(role, []).append(part)
    return found


def roles_of(tasks: str) -> list[str]:
    """Return the roles that tasks import, in order, without the name of the collection."""
    imports: list[Any] = [task.get("ansible.builtin.import_role") for task in yaml.safe_load(tasks)]
    return [entry["name"].rpartition(".")[2] for entry in imports if entry]


def roles_named(variables: str) -> list[str]:
    """Return the roles that `platform_parts_roles` names, whatever it makes them depend on."""
    expression: str = yaml.safe_load(variables)["platform_parts_roles"]
    return _QUOTED.findall(_CONDITION.sub("", expression))


def order(listed: Sequence[str], table: Iterable[Row], parts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield what in a list of roles is not in the order of the waves."""
    waves = {row.part: row.wave for row in table}
    if listed[:1] != [FIRST] or listed[-1:] != [LAST]:
        yield f"{FIRST} is not the first role, or {LAST} not the last"
    inner = [role for role in listed if role not in (FIRST, LAST)]
    yield from (f"{role} hands over no part" for role in inner if not parts.get(role))
    yield from (f"{role} is missing" for role in sorted(parts) if role not in listed)
    reached = (0, "")
    for role in inner:
        wave = min((waves[part] for part in parts.get(role, []) if part in waves), default=reached[0])
        if wave < reached[0]:
            yield f"{role}, wave {wave}, comes after {reached[1]}, wave {reached[0]}"
        reached = max(reached, (wave, role))


def table_problems(table: Sequence[Row], parts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield what the table says twice, without a reason, or otherwise than the roles."""
    named = [row.part for row in table]
    handed_over = [part for each in parts.values() for part in each]
    yield from (f"{part} stands twice" for part in sorted({part for part in named if named.count(part) > 1}))
    yield from (f"{row.part} has no reason" for row in table if not row.why.strip())
    yield from (f"no role hands {part} over" for part in named if part not in handed_over and part not in NO_ROLES)
    yield from (f"{part} stands in no wave" for part in handed_over if part not in named)
    yield from (f"{part} is of two roles" for part in sorted({x for x in handed_over if handed_over.count(x) > 1}))


def _table() -> list[Row]:
    return rows(TABLE.read_text(encoding="utf-8"))


def test_D11_every_part_of_a_role_stands_in_one_wave_with_its_reason() -> None:
    assert list(table_problems(_table(), parts_of_roles(ROOT))) == []


def test_D11_the_parts_come_in_the_order_of_the_waves() -> None:
    listed = roles_of(PARTS_ROLE.read_text(encoding="utf-8"))
    assert list(order(listed, _table(), parts_of_roles(ROOT))) == []


def test_D11_the_parts_are_checked_and_asked_in_the_order_in_which_they_come() -> None:
    assert roles_named(VARIABLES.read_text(encoding="utf-8")) == roles_of(PARTS_ROLE.read_text(encoding="utf-8"))


def test_D11_no_part_lives_in_a_namespace_that_a_later_wave_brings() -> None:
    """A namespace comes with the first part that lives in it."""
    brought: dict[str, int] = {}
    for row in _table():
        brought.setdefault(row.namespace, row.wave)
    assert all(row.wave >= brought[row.namespace] for row in _table())


PARTS = {"argocd": ["argocd"], "web": ["web", "web_late"], "platform_secrets": ["platform_secrets"]}
WAVES = [
    Row("argocd", 0, "argocd", "first"),
    Row("web", 5, "web", "second"),
    Row("platform_secrets", 15, "platform-system", "later"),
    Row("web_late", 20, "web", "last"),
    Row("tenants", 60, "platform-system", "after all"),
]


@pytest.mark.parametrize(
    ("listed", "sentence"),
    [
        (["platform_secrets", "argocd", "web", "platform_tree"], None),
        (["platform_secrets", "web", "argocd", "platform_tree"], "argocd, wave 0, comes after web, wave 5"),
        (["platform_secrets", "argocd", "platform_tree"], "web is missing"),
        (["argocd", "platform_secrets", "web", "platform_tree"], "not the first"),
        (["platform_secrets", "argocd", "web"], "not the last"),
        (["platform_secrets", "argocd", "web", "other", "platform_tree"], "other hands over no part"),
    ],
)
def test_the_rule_of_the_order_finds(listed: list[str], sentence: str | None) -> None:
    found = list(order(listed, WAVES, PARTS))
    assert (not found) if sentence is None else any(sentence in each for each in found)


@pytest.mark.parametrize(
    ("table", "parts", "sentence"),
    [
        (WAVES, PARTS, None),
        ([*WAVES, WAVES[0]], PARTS, "argocd stands twice"),
        ([*WAVES, Row("new", 5, "new", "because")], PARTS, "no role hands new over"),
        ([*WAVES[1:], Row("argocd", 0, "argocd", " ")], PARTS, "argocd has no reason"),
        (WAVES, {**PARTS, "new": ["new"]}, "new stands in no wave"),
        (WAVES, {**PARTS, "other": ["web"]}, "web is of two roles"),
    ],
)
def test_the_rule_of_the_table_finds(table: list[Row], parts: dict[str, list[str]], sentence: str | None) -> None:
    found = list(table_problems(table, parts))
    assert (not found) if sentence is None else any(sentence in each for each in found)
