"""Does every role stand in a scenario of molecule, and does the table in docs/testing.md say which?

In: the roles, the playbooks of the scenarios, the table. Out: sentences about what does not agree. Never here: a run of
a scenario.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.tools.steps import ROOT

# What starts and stops the sandbox, and stands for no role.
NO_SCENARIO = "default"

_ROLE = re.compile(r"aphex[.]platform[.]([a-z0-9_]+)")
_REFUSED = re.compile(r"\{role: ([a-z0-9_]+),")
_ROW = re.compile(r"^\| `([a-z_]+)` \| ([^|]*) \|", re.MULTILINE)
_HEADING = "## The scenarios\n"
_NAME = re.compile(r"`([a-z0-9_]+)`")


def roles(root: Path) -> set[str]:
    """Return the names of the roles."""
    return {path.name for path in (root / "roles").iterdir() if (path / "tasks").is_dir()}


def played(root: Path) -> dict[str, set[str]]:
    """Return the roles that each scenario plays, by the names in its own files."""
    known = roles(root)
    found = {}
    for place in sorted(path.parent for path in (root / "molecule").glob("*/molecule.yml")):
        texts = [path.read_text(encoding="utf-8") for path in sorted(place.rglob("*.yml"))]
        named = {name for text in texts for word in (_ROLE, _REFUSED) for name in word.findall(text)}
        if place.name != NO_SCENARIO:
            found[place.name] = named & known
    return found


def told(text: str) -> dict[str, set[str]]:
    """Return the roles of each scenario as the table below the heading of the scenarios tells them."""
    section = text.partition(_HEADING)[2].partition("\n## ")[0]
    return {name: set(_NAME.findall(cell)) for name, cell in _ROW.findall(section)}


def problems(known: set[str], plays: Mapping[str, set[str]], table: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield what of roles, scenarios and table does not agree."""
    yield from (f"the role {role} stands in no scenario" for role in sorted(known - set().union(*table.values())))
    yield from (f"the scenario {name} stands in no row" for name in sorted(plays.keys() - table.keys()))
    yield from (f"there is no scenario {name}" for name in sorted(table.keys() - plays.keys()))
    for name in sorted(plays.keys() & table.keys()):
        yield from (f"{name} does not play {role}" for role in sorted(table[name] - plays[name]))


def test_every_role_stands_in_a_scenario_and_the_table_says_which() -> None:
    table = told((ROOT / "docs" / "testing.md").read_text(encoding="utf-8"))
    assert len(table) > 5
    assert list(problems(roles(ROOT), played(ROOT), table)) == []


KNOWN = {"web", "shop"}
PLAYS = {"all": {"web", "shop"}}
TABLE = {"all": {"web", "shop"}}


@pytest.mark.parametrize(
    ("known", "plays", "table", "sentence"),
    [
        (KNOWN, PLAYS, TABLE, None),
        (KNOWN | {"new"}, PLAYS, TABLE, "the role new stands in no scenario"),
        (KNOWN, {**PLAYS, "more": {"web"}}, TABLE, "the scenario more stands in no row"),
        (KNOWN, PLAYS, {**TABLE, "gone": {"web"}}, "there is no scenario gone"),
        (KNOWN, {"all": {"web"}}, TABLE, "all does not play shop"),
    ],
)
def test_the_rule_of_the_scenarios_finds(
    known: set[str], plays: dict[str, set[str]], table: dict[str, set[str]], sentence: str | None
) -> None:
    found = list(problems(known, plays, table))
    assert found == ([] if sentence is None else [sentence])


def test_the_table_and_the_playbooks_are_read(tmp_path: Path) -> None:
    scenario = tmp_path / "molecule" / "all"
    scenario.mkdir(parents=True)
    (scenario / "molecule.yml").write_text("scenario: {name: all}\n", encoding="utf-8")
    (scenario / "converge.yml").write_text("roles: [{role: aphex.platform.web}]\n", encoding="utf-8")
    (scenario / "prepare.yml").write_text("loop: [{role: shop, says: no}]\n", encoding="utf-8")
    for name in KNOWN:
        (tmp_path / "roles" / name / "tasks").mkdir(parents=True)
    assert played(tmp_path) == PLAYS
    table = "| `all` | `web`, `shop` | both of `them` |\n"
    assert told(f"| `lint` | tools |\n## The scenarios\n{table}\n## Another\n| `more` | `web` | it |\n") == TABLE
