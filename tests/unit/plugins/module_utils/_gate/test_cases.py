"""Cases beside a policy: a deployment with its facts and a time, and the verdict that people expect."""

from __future__ import annotations

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._gate import cases
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load
from tests.unit.plugins.module_utils._gate.test_policy import EXAMPLE

POLICY = load({"gate.yml": EXAMPLE})
FACTS = """
    facts:
      checks: [{name: build, conclusion: success}, {name: test-a, conclusion: success}]
      deployments of staging: [{sha: abc, state: success, ended: -3h}]
      pulls: [{title: OPS-1, body: ""}]
      commit: {message: m, author: hubot, verified: true, committed: "2026-06-09T10:00:00Z"}
      run: {triggering_actor: {login: octocat, type: User}}
      members of acme/release: [mona]
      reviews: [{user: mona, state: approved, current: true}]
      approvals: [{user: octocat, state: approved}]
      approved: []
      active: []
      http: {status: approved}
"""
CASE = """
  - name: CASE
    at: 2026-06-10T10:00:00+02:00
    delivery: {repository: acme/web, environment: production, ref: main, sha: abc, waited: 1h}
"""


def _run(case: str, facts: str = FACTS) -> cases.Result:
    [result] = cases.run(POLICY, cases.load({"gate.cases.yml": "version: 1\ncases:" + CASE + facts.rstrip() + case}))
    return result


def test_a_case_that_comes_out_as_expected_has_passed() -> None:
    result = _run("\n    expect: approve\n")
    assert (result.passed, result.problems, result.verdict.outcome) == (True, (), "approve")
    assert result.case.place == "gate.cases.yml:3"


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ("reject", "the verdict is approve, expected reject: the calendar business is open; "),
        ("{verdict: approve, rule: nightly-is-automatic}", "the rule is production, expected nightly-is-automatic"),
        ("{verdict: approve, until: 2026-06-10T12:00:00+02:00}", "it waits until no time, expected 2026-06-10T12"),
        ("{verdict: approve, says: [business is open, rain]}", "no reason says 'rain': the calendar"),
    ],
)
def test_a_case_that_comes_out_otherwise_says_how(expect: str, problem: str) -> None:
    result = _run(f"\n    expect: {expect}\n")
    assert not result.passed
    [said] = result.problems
    assert said.startswith(problem)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (
            FACTS.replace("run: {triggering_actor: {login: octocat, type: User}}", "run: {unknown: timed out}"),
            "timed out",
        ),
        (FACTS.replace("      active: []\n", ""), "the case does not tell active"),
    ],
)
def test_what_a_case_does_not_tell_is_unknown(facts: str, says: str) -> None:
    result = _run(f"\n    expect: {{verdict: defer, says: {says}}}\n", facts)
    assert result.passed, result.problems
    assert result.verdict.unknown


def test_a_time_before_the_case_is_one() -> None:
    late = FACTS.replace("ended: -3h", "ended: -1h30m")
    expect = "{verdict: defer, rule: production, until: 2026-06-10T10:30:00+02:00, says: has to stay in staging}"
    result = _run(f"\n    expect: {expect}\n", late)
    assert result.passed, result.problems


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("version: 1\n", "c.cases.yml:1", "'cases' is missing"),
        ("version: 1\ncases:\n- name: c\n", "c.cases.yml:3", "'at', 'delivery', 'expect' is missing"),
        (
            "version: 1\ncases:" + CASE.replace("+02:00", "") + "    expect: approve\n",
            "c.cases.yml:4",
            "names no zone",
        ),
        (
            "version: 1\ncases:" + CASE.replace("2026-06-10T", "") + "    expect: approve\n",
            "c.cases.yml:4",
            "is no time",
        ),
        ("version: 1\ncases:" + CASE + "    expect: allow\n", "c.cases.yml:6", "'allow' is none of approve"),
        ("version: 1\ncases:" + CASE.replace("acme/web", "web") + "    expect: approve\n", "c.cases.yml:5", "web"),
        (
            "version: 1\ncases:" + CASE + "    facts: {approved: [{time: noon}]}\n    expect: approve\n",
            "c.cases.yml:6",
            "a time is none",
        ),
        ("version: 1\ncases:" + CASE + "    expect: {verdict: defer, until: noon}\n", "c.cases.yml:6", "is no time"),
    ],
)
def test_what_is_no_case_is_said_with_its_line(text: str, place: str, said: str) -> None:
    with pytest.raises(Failure) as caught:
        cases.load({"c.cases.yml": text})
    assert caught.value.tried == place
    assert said in caught.value.said
