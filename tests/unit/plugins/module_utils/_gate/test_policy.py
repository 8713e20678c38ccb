"""Policy files: what is right is read, what is wrong is said with file, line and the fix."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._gate import schema
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load, read
from ansible_collections.aphex.platform.plugins.module_utils._gate.requirements import KINDS
from tests.unit.plugins.module_utils._gate.world import FUZZ, dumped

# The example of the gate's facts, part 4.2.
EXAMPLE = r"""version: 1
defaults: {on_no_match: reject, on_error: defer, max_defer: 29d, timezone: Europe/Rome}
calendars:
  business: {days: [mon-fri], hours: ["09:00-12:30", "14:00-17:30"], tz: Europe/Rome}
  freezes:
    - {name: year-end, from: 2026-12-20, to: 2027-01-07, except_if: "contains(pull_requests[].labels[].name, 'hotfix')"}
groups: {release: {teams: [acme/release], users: [octocat]}}
rules:                      # first match wins; `match` cheap facts, `require` may call GitHub
  - name: nightly-is-automatic
    match: {environment: [staging, "prod-*"], event: schedule, ref: refs/heads/main}
    require:
      - run: "path == '.github/workflows/nightly.yml' && run_attempt == `1`"
      - not_fork: true
    decision: approve
  - name: production
    match: {environment: production}
    require:
      - calendar: business
      - no_freeze: freezes
      - checks: {names: [build, "test-*"], conclusion: [success], wait: 30m}
      - promoted_from: {environment: staging, same_sha: true, min_age: 2h}
      - ticket: {pattern: '\b(OPS|REL)-\d+\b', in: [pr.title, pr.body, commit.message, ref]}
      - actor: {in: release, not_author: true}
      - approvals: {count: 2, from: release, source: [pr_review, deployment_review]}
      - signed_commits: true
      - rate: {max: 3, per: 1h, burst: 1, scope: [repository, environment]}
      - max_concurrent: 1
      - http: {url: https://change.example/api, timeout: 3s, when: "status == 'approved'"}
    decision: approve
    else: reject
    comment: "{{ reasons | first(5) }} — policy {{ policy.digest }}"
"""


def test_the_example_is_a_policy() -> None:
    policy = load({"gate.yml": EXAMPLE})
    nightly, production = policy.rules
    assert [part.kind.name for part in production.require.parts][:2] == ["calendar", "no_freeze"]  # type: ignore[union-attr]
    assert nightly.place == "gate.yml:9"
    assert production.otherwise == "reject"
    assert policy.defaults.max_defer == timedelta(days=29)
    [freeze] = policy.freezes["freezes"]
    assert freeze.begin == datetime(2026, 12, 19, 23, tzinfo=UTC)
    assert freeze.end == datetime(2027, 1, 7, 23, tzinfo=UTC)


RULE = "version: 1\nrules:\n- name: r\n  decision: approve\n"
WRONG = [
    # text, place, said, remedy
    ("version: 2\n", "p.yml:1", "2 stands where 1 has to", ""),
    ("rules: []\n", "p.yml:1", "'version' is missing", ""),
    ("version: 1\nrule: []\n", "p.yml:1", "'rule' is not known here; there are version, defaults", ""),
    ("[]\n", "p.yml", "it is no single mapping", "Begin it with `version: 1`"),
    ("", "p.yml", "it is no single mapping", "Begin it with `version: 1`"),
    ("version: 1\nrules: [\n", "p.yml", "line 3", "Correct the YAML"),
    ("version: 1\nversion: 1\n", "p.yml", "line 2, column 1: the key 'version' stands twice", "Correct the YAML"),
    ("version: 1\nrules:\n- name: r\n", "p.yml:3", "'decision' is missing", ""),
    (
        "version: 1\nrules:\n- name: r\n  decision: allow\n",
        "p.yml:4",
        "'allow' is none of approve, abstain, reject",
        "",
    ),
    (RULE + "  else: approve\n", "p.yml:5", "'approve' is none of", ""),
    (RULE + "  mode: off\n", "p.yml:5", "False is none of enforce, dry_run, shadow", ""),
    (RULE + "  require:\n  - calender: business\n", "p.yml:6", "'calender' is not known here; there are actor", ""),
    (RULE + "  require:\n  - calendar: business\n    not_fork: true\n", "p.yml:6", "begin each with its own dash", ""),
    (RULE + "  require:\n  - calendar: business\n", "p.yml:6", "there is no calendar 'business'", "There are: none"),
    (RULE + "  require:\n  - no_freeze: x\n", "p.yml:6", "there is no list of freezes 'x'", "There are: none"),
    (RULE + "  require:\n  - actor: {in: x}\n", "p.yml:6", "there is no group 'x'", "There are: none"),
    (RULE + "  require:\n  - not_fork: false\n", "p.yml:6", "False stands where True has to", ""),
    (RULE + "  require:\n  - any: []\n", "p.yml:6", "non-empty", ""),
    (RULE + "  require:\n  - any:\n    - when: 'a =='\n", "p.yml:7", "is no JMESPath expression", "Correct it"),
    (
        RULE + "  require:\n  - when: runs.id == 'x'\n",
        "p.yml:6",
        "asks for runs, which there is not",
        "There are: approvals",
    ),
    (RULE + "  require:\n  - when: length(@) > `1`\n", "p.yml:6", "asks for @", ""),
    (RULE + "  require:\n  - when: in_window('x')\n", "p.yml:6", "there is no calendar 'x'", "There are: none"),
    (RULE + "  require:\n  - run: {a: b}\n", "p.yml:6", "stands where a text has to", ""),
    (RULE + "  require:\n  - rate: {max: 1, per: 1w}\n", "p.yml:6", "'1w' is no time; write 45s, 30m", ""),
    (RULE + "  require:\n  - rate: {max: 1, per: 0s}\n", "p.yml:6", "fills in 0s", "remembers 31d"),
    (RULE + "  require:\n  - rate: {max: 1, per: 40d}\n", "p.yml:6", "fills in 40d", "remembers 31d"),
    (RULE + "  require:\n  - max_concurrent: many\n", "p.yml:6", "stands where a whole number has to", ""),
    (RULE + "  require:\n  - ticket: {pattern: '('}\n", "p.yml:6", "'(' is no regular expression", "Correct it"),
    (RULE + "  require:\n  - http: {url: 'http://a', when: b}\n", "p.yml:6", "no https URL", "The answer decides"),
    (
        RULE + "  require:\n  - checks: {names: [a], conclusion: [succes]}\n",
        "p.yml:6",
        "'succes' is none of success",
        "",
    ),
    (RULE + "  match: {environment: 1}\n", "p.yml:5", "a text or a list of texts has to stand here", ""),
    (RULE + "  match: {environment: []}\n", "p.yml:5", "a text or a list of texts has to stand here", ""),
    (RULE + "  match: {env: production}\n", "p.yml:5", "'env' is not known here; there are environment", ""),
    (RULE + "  match: {ref: 'regex:('}\n", "p.yml:5", "is no regular expression", "Correct it"),
    (RULE + "  match: {when: \"run.event == 'x'\"}\n", "p.yml:5", "which is not in the delivery", "below `require`"),
    (RULE + "  comment: '{{ reason }}'\n", "p.yml:5", "the comment asks for 'reason'", "There are: verdict, rule"),
    (RULE + "  comment: '{{ rule | upper }}'\n", "p.yml:5", "the filter 'upper'", "reasons | first(3)"),
    (RULE + "  expires: tomorrow\n", "p.yml:3", "'tomorrow' is no date", "Write 2026-12-20"),
    (RULE + "- name: r\n  decision: reject\n", "p.yml:5", "the rule 'r' stands in p.yml:3 too", "a name of its own"),
    (
        "version: 1\ndefaults:\n  timezone: Rome\n",
        "p.yml:3",
        "there is no time zone 'Rome'",
        "Name one like Europe/Rome",
    ),
    (
        "version: 1\ndefaults:\n  max_defer: 30d\n",
        "p.yml:3",
        "GitHub fails what has waited for 30 days",
        "Write 29d or less",
    ),
    ("version: 1\ndefaults:\n  retry: 0s\n", "p.yml:3", "asks again without a rest", "Write 1m"),
    ("version: 1\ndefaults:\n  on_error: approve\n", "p.yml:3", "'approve' is none of defer, reject", ""),
    (
        "version: 1\ncalendars:\n  c: {hours: 9-17}\n",
        "p.yml:3",
        "'9-17' is no range of hours",
        "Write it as 09:00-17:30",
    ),
    ("version: 1\ncalendars:\n  c: {days: [monday]}\n", "p.yml:3", "'monday' is no day", "Write mon, tue"),
    ("version: 1\ncalendars:\n  c: {tz: Mars/Base}\n", "p.yml:3", "there is no time zone", ""),
    ("version: 1\ncalendars:\n  c: {closed: '1.1.2027'}\n", "p.yml:3", "is no date", "Write 2026-12-25"),
    (
        "version: 1\ncalendars:\n  c: {holidays: it.ics}\n",
        "p.yml:3",
        "there is no holiday file 'it.ics'",
        "there are: none",
    ),
    ("version: 1\ncalendars:\n  c: {holiday: it.ics}\n", "p.yml:3", "'holiday' is not known here; there are days", ""),
    ("version: 1\nfreezes:\n  f:\n  - {name: n, from: 2026-12-24}\n", "p.yml:4", "'to' is missing", ""),
    (
        "version: 1\nfreezes:\n  f:\n  - {name: n, from: 2026-12-24, to: 2026-12-20}\n",
        "p.yml:4",
        "ends before it begins",
        "Exchange `from` and `to`",
    ),
    (
        "version: 1\nfreezes:\n  f:\n  - {name: n, from: 2026-12-24, to: 2026-12-25, except_if: 'x('}\n",
        "p.yml:4",
        "is no JMESPath expression",
        "Correct it",
    ),
    ("version: 1\ngroups:\n  g: {teams: release}\n", "p.yml:3", "'release' is no team", "Write it as owner/slug"),
    ("version: 1\ncalendars: {a: []}\nfreezes: {a: []}\n", "p.yml:3", "'a' is defined somewhere else too", "Keep one"),
]


@pytest.mark.parametrize(("text", "place", "said", "remedy"), WRONG, ids=[row[2][:40] for row in WRONG])
def test_what_is_wrong_is_said_with_its_line_and_the_fix(text: str, place: str, said: str, remedy: str) -> None:
    with pytest.raises(Failure) as caught:
        load({"p.yml": text})
    failure = caught.value
    assert (failure.kind, failure.tried) == (Kind.INVALID, place)
    assert said in failure.said
    assert remedy in failure.remedy


def test_every_problem_is_told_at_once() -> None:
    text = RULE + "  require:\n  - calendar: a\n- name: s\n  decision: approve\n  require:\n  - calendar: b\n"
    policy, problems = read({"p.yml": text, "q.yml": "version: 1\ndefaults: {timezone: Rome}\n"}, {})
    assert policy is None
    assert [problem.tried for problem in problems] == ["q.yml:2", "p.yml:6", "p.yml:10"]


def test_files_are_one_policy_in_the_order_of_their_names() -> None:
    files = {
        "20.yml": "version: 1\nrules: [{name: b, decision: approve, require: [{calendar: c}]}]\n",
        "10.yml": "version: 1\nrules: [{name: a, decision: approve, require: [{when: \"in_window('c')\"}]}]\n",
        "30.yml": "version: 1\ndefaults: {timezone: Europe/Rome}\ncalendars: {c: {holidays: it.ics}}\n",
    }
    holidays = {
        "it.ics": "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\n"
        "DTSTART;VALUE=DATE:20261225\nEND:VEVENT\nEND:VCALENDAR\n"
    }
    policy = load(files, holidays)
    assert [rule.name for rule in policy.rules] == ["a", "b"]
    assert str(policy.calendars["c"].zone) == "Europe/Rome"
    assert not policy.is_open("c", datetime(2026, 12, 25, 12, tzinfo=UTC))
    assert load(dict(reversed(files.items())), holidays).digest == policy.digest
    assert load(files, {"it.ics": holidays["it.ics"].replace("1225", "1226")}).digest != policy.digest


def test_the_schema_is_one_and_has_each_kind_with_its_example() -> None:
    made = schema.schema()
    jsonschema.Draft202012Validator.check_schema(made)
    kinds = made["$defs"]["requirement"]["properties"]
    assert set(kinds) == {*KINDS, "all", "any", "none"}
    for name, kind in KINDS.items():
        assert kinds[name]["description"] == kind.says
        jsonschema.Draft202012Validator(kinds[name]).validate(kind.example)
    assert json.loads(schema.as_json()) == made


@FUZZ
@given(st.text(max_size=200))
def test_no_text_raises_anything_but_a_failure(text: str) -> None:
    policy, problems = read({"p.yml": text}, {})
    assert (policy is None) == bool(problems)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["1h", "mon", "2026-01-01", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@FUZZ
@given(
    st.fixed_dictionaries(
        {"version": st.just(1)},
        optional={
            "defaults": st.dictionaries(st.sampled_from(["max_defer", "retry", "timezone", "on_error"]), _PLAIN),
            "calendars": st.dictionaries(
                st.text(max_size=3), st.dictionaries(st.sampled_from(["days", "hours", "tz", "closed"]), _PLAIN)
            ),
            "rules": st.lists(
                st.fixed_dictionaries(
                    {"name": st.text(min_size=1, max_size=3), "decision": st.just("approve")},
                    optional={
                        "match": st.dictionaries(st.sampled_from(["environment", "when", "ref", "property"]), _PLAIN),
                        "require": st.lists(
                            st.dictionaries(st.sampled_from(sorted(KINDS)), _PLAIN, min_size=1, max_size=1), min_size=1
                        ),
                    },
                )
            ),
        },
    )
)
def test_no_data_raise_anything_but_a_failure(data: dict[str, object]) -> None:
    policy, problems = read({"p.yml": dumped(data)}, {})
    assert (policy is None) == bool(problems)
    assert all(problem.kind is Kind.INVALID for problem in problems)
