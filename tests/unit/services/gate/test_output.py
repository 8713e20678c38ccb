"""Tables stay tables, whatever stands in them; progress is quiet unless somebody waits."""

from __future__ import annotations

import io

import pytest

from services.gate import output
from services.gate.output import Progress


def test_columns_are_aligned_and_the_last_one_is_cut() -> None:
    shown = output.table(("A", "WHY"), [("1", "short"), ("23", "long " * 30)], 30).splitlines()
    assert shown[0] == "A   WHY"
    assert shown[1] == "1   short"
    assert len(shown[2]) == 30
    assert shown[2].endswith("…")


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    hostile = "main\x1b[2J\r\n\u202egnp.exe"
    assert output.table(("REF",), [(hostile,)]).splitlines() == ["REF", "main[2J gnp.exe"]


def test_no_rows_are_a_sentence_and_json_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(("A",), [], [], "table", "Nothing waits.")
    output.show(("A",), [], [], "json", "Nothing waits.")
    assert capsys.readouterr().out == "Nothing waits.\n[]\n"


def test_progress_speaks_after_a_while_in_whole_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("services.gate.output.time.monotonic", lambda: now)
    out = io.StringIO()
    progress = Progress(out)
    progress.tell("1 of many")
    now += 11.0
    progress.tell("2 of many")
    progress.tell("3 of many")
    progress.end()
    assert out.getvalue() == "2 of many\n"


@pytest.mark.parametrize(
    ("seconds", "said"), [(5, "less than a minute"), (3600, "60 min"), (8000, "2 h"), (200_000, "2 days")]
)
def test_a_span_is_said_for_people(seconds: float, said: str) -> None:
    assert output.ago(seconds) == said
