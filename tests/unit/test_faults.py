"""Is every fault of docs/faults.md kept away by a test that is named after it?"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"

# The faults that concern tenancy, the platform's facts, what is true inside ansible-playbook, the Flux webhook, the
# bootstrap, and the gate (of E20, a backup of keys, there is nothing to run: no part of the gate makes one).
WANTED = {
    *(f"S{number}" for number in range(1, 19)),
    *(f"B{number}" for number in range(1, 28)),
    *(f"D{number}" for number in (*range(11, 15), 16, 17, 20)),
    *(f"P{number}" for number in (*range(1, 24), *range(25, 35))),
    "P7b",
    "P8b",
    "P9b",
    *(f"N{number}" for number in range(1, 21)),
    *(f"A{number}" for number in (*range(1, 25), *range(27, 37), 38, 39)),
    *(f"E{number}" for number in (*range(1, 20), 21)),
}
_ROW = re.compile(r"^\| (?P<id>[SBDPNAE]\d+b?) \| (?P<fault>[^|]+) \| `(?P<file>[^`:]+)::(?P<test>[^`]+)` \|$")


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of the tables: id, fault, file and test."""
    return [match.groupdict() for line in text.splitlines() if (match := _ROW.match(line))]


def problems(text: str) -> list[str]:
    """Return what is wrong with the document: a fault without a row, or a row without its test."""
    found = rows(text)
    missing = sorted(WANTED - {row["id"] for row in found})
    answer = [f"{name} has no row" for name in missing]
    for row in found:
        file = ROOT / row["file"]
        if not file.is_file() or f"def {row['test']}(" not in file.read_text(encoding="utf-8"):
            answer.append(f"{row['id']}: there is no test {row['file']}::{row['test']}")
        elif not re.search(rf"_{row['id'][0]}0?{row['id'][1:]}(_|$)", row["test"], re.IGNORECASE):
            answer.append(f"{row['id']}: {row['test']} is not named after it")
    return answer


def test_every_fault_has_a_test_of_its_name() -> None:
    assert problems(DOCUMENT.read_text(encoding="utf-8")) == []


def test_a_row_without_a_test_is_found() -> None:
    text = "| S1 | It leaks. | `tests/unit/test_faults.py::test_S1_is_not_there` |"
    assert "S1: there is no test tests/unit/test_faults.py::test_S1_is_not_there" in problems(text)
    assert "S2 has no row" in problems(text)
