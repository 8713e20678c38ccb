"""Lint: what keeps a policy from being loaded, and what is right by the letter and not what people mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._gate.lint import Problem, problems
from tests.unit.plugins.module_utils._gate.test_policy import EXAMPLE
from tests.unit.plugins.module_utils._gate.world import NOW

HEAD = "version: 1\n"
RULE = HEAD + "rules:\n- name: r\n  decision: approve\n"
HOLIDAYS = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\n"
    "DTSTART;VALUE=DATE:20260701\nEND:VEVENT\nEND:VCALENDAR\n"
)
SLOW = "a repetition stands inside of a repetition"
WARNINGS = [
    # text, line, said, remedy
    (HEAD + "defaults:\n  on_no_match: abstain\n", 2, "is let through to the required reviewers", "reject"),
    (HEAD + "defaults:\n  on_deadline: abstain\n", 2, "waited for too long is let through", "reject"),
    (HEAD + "calendars:\n  c: {}\n", 3, "nothing uses the calendar 'c'", "take it away"),
    (HEAD + "freezes:\n  f: []\n", 3, "nothing uses the list of freezes 'f'", "take it away"),
    (HEAD + "groups:\n  g: {users: a}\n", 3, "nothing uses the group 'g'", "take it away"),
    (RULE + "- name: s\n  decision: reject\n", 5, "the rule s is never reached: r at p.yml:3", "Put it before"),
    (RULE + "  match: {environment: '*'}\n- name: s\n  decision: reject\n", 6, "the rule s is never reached", ""),
    (
        RULE + "  match: {event: push}\n- name: s\n  match: {event: push}\n  decision: reject\n",
        6,
        "the rule s is never reached",
        "",
    ),
    (HEAD + "rules:\n- {name: r, decision: abstain}\n", 3, "does not tell them why", "comment"),
    (RULE + "  else: abstain\n", 3, "does not tell them why", "comment"),
    (
        HEAD + "rules:\n- {name: r, decision: reject, require: [{not_fork: true}]}\n",
        3,
        "rejects, whether its requirements hold or not",
        "else: defer",
    ),
    (RULE + "  match: {event: schedule}\n", 3, "trusts the event", "run_attempt"),
    (RULE + "  match: {ref: refs/heads/main}\n", 3, "which a tag may bear as well", "`branch`"),
    (RULE + "  require:\n  - override: true\n", 6, "override stands beside", "below `any`"),
    (RULE + "  require:\n  - once_per_run: true\n", 6, "once_per_run stands beside", "below `any`"),
    (RULE + "  require:\n  - checks: {names: ['*']}\n", 6, "it never ends", "Name the checks"),
    (RULE + "  require:\n  - ticket: {pattern: '(a+)+$'}\n", 6, SLOW, "one repetition"),
    (RULE + "  require:\n  - when: \"regex('(x*)*y', ref)\"\n", 6, SLOW, "one repetition"),
    (RULE + "  match: {ref: 'regex:([a-z]+)*'}\n", 3, SLOW, "one repetition"),
    (
        RULE + "  require:\n  - when: sender.type != 'Bot'\n",
        6,
        "denies something of sender.type",
        "exists(sender.type) &&",
    ),
    (
        RULE + "  require:\n  - when: \"!contains(pull_requests[].labels[].name, 'x')\"\n",
        6,
        "of pull_requests",
        "exists",
    ),
    (RULE + '  require:\n  - run: "!head_branch"\n', 6, "of head_branch", "exists(head_branch)"),
    (RULE + "  match: {when: \"ref != 'main'\"}\n", 3, "of ref", "exists(ref)"),
    (
        HEAD + "freezes:\n  f:\n  - {name: n, from: 2027-01-01, to: 2027-01-02, except_if: \"sha != 'x'\"}\n"
        "rules:\n- {name: r, decision: approve, require: [{no_freeze: f}]}\n",
        4,
        "of sha",
        "exists(sha)",
    ),
    (RULE + "  expires: 2026-06-09\n", 3, "the rule r has expired on 2026-06-10", "later date"),
    (
        HEAD + "freezes:\n  f:\n  - {name: n, from: 2026-01-01, to: 2026-06-09}\n"
        "rules:\n- {name: r, decision: approve, require: [{no_freeze: f}]}\n",
        4,
        "the freeze n ended on 2026-06-10",
        "Take it away",
    ),
    (
        HEAD + "calendars:\n  c: {days: [mon], hours: ['09:00-10:00'], holidays: it.ics, closed: ['2026-06-01']}\n"
        "rules:\n- {name: r, decision: approve, require: [{calendar: c}]}\n",
        1,
        "its last holiday is on 2026-07-01",
        "Get a newer one",
    ),
]


def _found(text: str, holidays: dict[str, str] | None = None) -> list[Problem]:
    return problems({"p.yml": text}, {"it.ics": HOLIDAYS} if "it.ics" in text else holidays, NOW)


@pytest.mark.parametrize(("text", "line", "said", "remedy"), WARNINGS, ids=[row[2][:40] for row in WARNINGS])
def test_a_doubt_is_told_with_its_line_and_what_to_do(text: str, line: int, said: str, remedy: str) -> None:
    [found] = _found(text)
    assert (found.line, found.severity) == (line, "warning")
    assert found.file == ("it.ics" if "holiday" in said else "p.yml")
    assert said in found.said
    assert remedy in found.remedy


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        RULE,
        RULE + "  mode: shadow\n- name: s\n  decision: reject\n",
        RULE + "  expires: 2026-12-31\n- name: s\n  decision: reject\n",
        RULE + "  match: {event: '*'}\n- name: s\n  decision: reject\n",
        HEAD + "rules:\n- {name: r, decision: abstain, comment: see the reviewers}\n",
        HEAD + "rules:\n- {name: r, decision: reject, else: defer, require: [{not_fork: true}]}\n",
        RULE + "  match: {event: schedule}\n  require: [{run: 'run_attempt == `1`'}]\n",
        RULE + "  match: {ref: refs/heads/main}\n  require: [{branch: {protected: true}}]\n",
        RULE + "  require: [{any: [{override: true}, {not_fork: true}]}]\n",
        RULE + "  require: [{ticket: {pattern: '\\b(OPS|REL)-\\d+\\b'}}]\n",
        RULE + "  require:\n  - when: \"exists(sender.type) && sender.type != 'Bot'\"\n",
        RULE + "  require:\n  - when: \"!exists(sha) || not_null(ref, 'x') != 'y'\"\n",
        RULE + "  require:\n  - when: \"sender.type != `null` && environment != 'x'\"\n",
        RULE + "  require:\n  - run: \"path != '.github/workflows/x.yml'\"\n",
        HEAD + "freezes:\n  f:\n  - {name: n, from: 2026-01-01, to: 2026-06-10}\n"
        "rules:\n- {name: r, decision: approve, require: [{no_freeze: f}]}\n",
        HEAD + "calendars:\n  c: {}\nrules:\n- {name: r, decision: approve, match: {when: \"in_window('c')\"}}\n",
    ],
)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert _found(text) == []


def test_the_example_of_the_facts_has_no_problem() -> None:
    assert problems({"gate.yml": EXAMPLE}, {}, NOW) == []


def test_a_calendar_that_never_opens_and_a_file_that_nobody_names_are_told() -> None:
    first = NOW.toordinal() - 7
    closed = ", ".join(f"'{datetime.fromordinal(day).date()}'" for day in range(first, first + 507))
    shut = HEAD + f"calendars:\n  c: {{days: [mon], tz: UTC, closed: [{closed}]}}\n"
    found = problems(
        {"p.yml": shut + "rules:\n- {name: r, decision: approve, require: [{calendar: c}]}\n"}, {"a.ics": HOLIDAYS}, NOW
    )
    assert [(item.file, item.line, item.said) for item in found] == [
        ("a.ics", 1, "no calendar uses this holiday file"),
        ("p.yml", 3, "the calendar c does not open any more"),
    ]


def test_without_a_time_only_what_does_not_hang_on_it_is_told() -> None:
    assert problems({"p.yml": RULE + "  expires: 2020-01-01\n"}) == []
    assert len(problems({"p.yml": RULE + "  expires: 2020-01-01\n"}, now=datetime(2026, 1, 1, tzinfo=UTC))) == 1


def test_errors_of_all_files_come_with_their_lines_also_of_cases() -> None:
    files = {
        "a.yml": "version: 1\nrules: [\n",
        "b.yml": RULE + "  mode: on\n",
        "b.cases.yml": "version: 1\ncases:\n- name: c\n",
    }
    found = problems(files, {}, NOW)
    assert {item.severity for item in found} == {"error"}
    assert {(item.file, item.line) for item in found} == {("a.yml", 3), ("b.yml", 5), ("b.cases.yml", 3)}
