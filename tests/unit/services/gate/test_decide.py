"""What GitHub is told: a comment that explains, is short enough, and is nothing but text."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import Verdict
from services.gate import decide
from services.gate.audit import Redaction

UNTIL = datetime(2026, 12, 24, 9, 0, tzinfo=UTC)
VERDICT = Verdict("defer", "production", ("the calendar business opens at nine",), until=UNTIL, digest="abcd")
LONGEST = 1024


def test_the_first_line_is_the_verdict_and_the_last_tells_what_comes_next() -> None:
    first, *reasons, last = decide.comment(VERDICT).splitlines()
    assert first == "Waiting by the rule production."
    assert reasons == ["- the calendar business opens at nine"]
    assert last == "Looked at again 2026-12-24 09:00 UTC. Policy abcd."


@pytest.mark.parametrize(
    ("outcome", "head"),
    [("approve", "Approved"), ("reject", "Rejected"), ("abstain", "Left to the required reviewers")],
)
def test_each_verdict_has_its_word(outcome: str, head: str) -> None:
    text = decide.comment(dataclasses.replace(VERDICT, outcome=outcome, rule=""))
    assert text.startswith(f"{head}.\n")
    assert "again" not in text


@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("length", [1, 10, 300, 1000, 5000])
@pytest.mark.parametrize("letter", ["a", "\u00e9", "\U0001f600", "<", "@"])
@pytest.mark.parametrize("template", ["", "{{ reasons }} — policy {{ policy.digest }}"])
def test_a_comment_is_never_longer_than_github_takes(count: int, length: int, letter: str, template: str) -> None:
    text = decide.comment(dataclasses.replace(VERDICT, reasons=(letter * length,) * count, comment=template))
    assert len(text) <= LONGEST
    assert text.startswith("Waiting by the rule production.")
    assert text.endswith("Policy abcd.")


def test_a_rule_of_any_length_is_cut() -> None:
    assert len(decide.comment(dataclasses.replace(VERDICT, rule="r" * 5000))) <= LONGEST


def test_the_template_of_a_rule_is_filled_below_the_verdict() -> None:
    template = "Because: {{ reasons | first(1) }}\n[How it works](https://example.com) {{ rule }}"
    text = decide.comment(dataclasses.replace(VERDICT, reasons=("one", "two"), comment=template))
    assert text.splitlines()[:3] == [
        "Waiting by the rule production.",
        "Because: one",
        "[How it works](https://example.com) production",
    ]


@pytest.mark.parametrize(
    "title",
    [
        "@octocat and @acme/release",
        "fixes #12",
        "see https://evil.example.com/x",
        "<img src=x onerror=alert(1)>",
        "<!-- hidden -->",
        "[click](http://evil.example.com)",
        "![x](y)",
        "`code` **bold** _it_ ~~no~~ | table |",
        "\\<b\\>",
        "right \u202eto left\u202c and \u200bnothing\u0007",
    ],
)
def test_a_text_of_others_shows_as_text(title: str) -> None:
    quiet = decide.quiet(title)
    for loud in ("@o", "@a", "#1", "://", "\u202e", "\u0007"):
        assert loud not in quiet
    for letter in "<>`[]!|*_~":
        assert quiet.count(letter) == quiet.count(f"\\{letter}")
    # A person still reads the same letters.
    shown = "".join(letter for letter in title if letter.isalnum())
    assert "".join(letter for letter in quiet if letter.isalnum()) == shown


def test_a_secret_in_a_reason_is_masked_in_every_place() -> None:
    token = f"ghs_{'a1' * 20}"
    for template in ("", "{{ reasons }}"):
        verdict = dataclasses.replace(VERDICT, reasons=(f"the title {token}",), comment=template, rule=token)
        assert token not in decide.comment(verdict, Redaction().text).replace("\\", "")
