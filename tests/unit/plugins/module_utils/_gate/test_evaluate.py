"""From a policy and facts to a verdict: which rule counts, and what it comes to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._gate import comment, selection
from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import Verdict, evaluate, select
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import (
    CHECKS,
    COMMIT,
    RUN,
    Facts,
    Need,
    PendingDeployment,
    Unknown,
    members,
)
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import Policy, load
from tests.unit.plugins.module_utils._gate.world import NOW, PAYLOAD, dumped, pending

RELEASE = {"release": {"teams": ["acme/release"]}}
DAYTIME = {"business": {"hours": "12:00-13:00"}}
SIGNED = {COMMIT: {"verified": True}}


def _policy(*rules: dict[str, Any], **sections: Any) -> Policy:
    named = [{"name": f"rule-{number}", "decision": "approve", **rule} for number, rule in enumerate(rules, 1)]
    return load({"p.yml": dumped({"version": 1, "rules": named, **sections})})


def _verdict(
    policy: Policy, found: dict[Need, Any] | None = None, at: timedelta = timedelta(0), **given: Any
) -> Verdict:
    waiting = pending(**given)
    chosen = select(policy, waiting, NOW + at)
    return evaluate(policy, chosen, Facts(waiting, found or {}), NOW + at)


def _chosen(policy: Policy, **given: Any) -> tuple[str, bool]:
    chosen = select(policy, pending(**given), NOW)
    return chosen.rule.name if chosen.rule else "", bool(chosen.unknown)


# which rule counts


@pytest.mark.parametrize(
    ("match", "given", "matched"),
    [
        ({}, {}, True),
        ({"environment": "production"}, {}, True),
        ({"environment": "Production"}, {"environment": "PRODUCTION"}, True),
        ({"environment": ["staging", "prod*"]}, {}, True),
        ({"environment": "prod"}, {}, False),
        ({"environment": "team/[ab]/*"}, {"environment": "Team/A/blue green"}, True),
        ({"environment": "regex:prod(uction)?"}, {}, True),
        ({"environment": "regex:prod"}, {}, False),
        ({"environment": "production", "event": "schedule"}, {}, False),
        ({"event": "push"}, {"event": None}, "unknown"),
        ({"environment": "staging", "event": "push"}, {"event": None}, False),
        ({"repository": "ACME/*"}, {}, True),
        ({"repository": "web"}, {}, False),
        ({"owner": "acme"}, {}, True),
        ({"sender": "octocat"}, {}, True),
        ({"sender": "octocat"}, {"payload": {}}, "unknown"),
        ({"topic": "tier-*"}, {}, True),
        ({"topic": "other"}, {}, False),
        ({"topic": "other"}, {"payload": {"repository": {}}}, "unknown"),
        ({"label": "hotfix"}, {}, False),
        ({"label": "hotfix"}, {"payload": {"pull_requests": [{"labels": [{"name": "Hotfix"}]}]}}, True),
        ({"label": "hotfix"}, {"payload": {"pull_requests": ["odd"]}}, "unknown"),
        ({"property": {"tier": ["one", "two"]}}, {}, True),
        ({"property": {"tier": "three"}}, {}, False),
        ({"property": {"team": "x"}}, {}, "unknown"),
        ({"property": {"tier": "b"}}, {"payload": {"repository": {"custom_properties": {"tier": ["a", "b"]}}}}, True),
        ({"ref": "main"}, {}, True),
        ({"ref": "refs/heads/main"}, {}, True),
        ({"ref": "refs/heads/main"}, {"ref": "refs/heads/main"}, True),
        ({"ref": "main"}, {"ref": "refs/heads/main"}, True),
        ({"ref": "refs/heads/main"}, {"ref": None}, "unknown"),
        # A short ref may be a tag's: that it is one is never taken for granted.
        ({"ref": "refs/tags/v*"}, {"ref": "v1"}, "unknown"),
        ({"ref": "refs/tags/v*"}, {"ref": "main"}, False),
        ({"ref": "refs/tags/v*"}, {"ref": "refs/tags/v1"}, True),
        ({"ref": "refs/tags/v*"}, {"ref": "v1", "payload": {"ref": "refs/tags/v1"}}, True),
        ({"ref": "refs/tags/v*"}, {"ref": "v1", "payload": {"ref": "refs/heads/v1"}}, False),
        ({"ref": "refs/heads/v*"}, {"ref": "v1", "payload": {"ref": "refs/tags/v1"}}, False),
        ({"ref": "refs/heads/v*"}, {"ref": "v1", "payload": {"ref": "refs/tags/other"}}, True),
        ({"not": {"ref": "refs/tags/*"}}, {"ref": "v1"}, "unknown"),
        ({"default_branch": True}, {}, True),
        ({"default_branch": True}, {"ref": "topic"}, False),
        ({"default_branch": False}, {"ref": "topic"}, True),
        ({"default_branch": True}, {"payload": {}}, "unknown"),
        ({"default_branch": True}, {"payload": {**PAYLOAD, "ref": "refs/tags/main"}}, False),
        ({"when": "sender.login == 'octocat'"}, {}, True),
        ({"when": "sender.type == 'User'"}, {}, "unknown"),
        ({"environment": "staging", "when": "sender.type == 'User'"}, {}, False),
        ({"not": {"environment": "staging"}}, {}, True),
        ({"not": {"environment": "production"}}, {}, False),
        ({"not": {"environment": "production", "event": "schedule"}}, {}, True),
        ({"not": {"event": "schedule"}}, {"event": None}, "unknown"),
    ],
)
def test_a_rule_matches_by_what_the_delivery_says(match: Any, given: dict[str, Any], matched: bool | str) -> None:
    expected = {True: ("rule-1", False), False: ("", False), "unknown": ("rule-1", True)}
    assert _chosen(_policy({"match": match}), **given) == expected[matched]


def test_the_first_rule_that_matches_counts() -> None:
    policy = _policy({"match": {"environment": "staging"}}, {"decision": "reject"}, {})
    assert (_verdict(policy).outcome, _verdict(policy).rule) == ("reject", "rule-2")


def test_a_rule_of_which_it_cannot_be_told_whether_it_matches_is_the_last_that_is_looked_at() -> None:
    policy = _policy({"match": {"event": "schedule"}, "decision": "reject"}, {})
    verdict = _verdict(policy, event=None)
    assert (verdict.outcome, verdict.rule, verdict.unknown) == ("defer", "rule-1", True)
    assert "whether the rule rule-1 matches cannot be told: the delivery names no event" in verdict.reasons


def test_what_is_kept_of_one_place_is_not_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_LARGEST_INDEX", 2)
    policy = _policy(
        {"match": {"environment": "staging", "repository": "acme/api"}},
        {"match": {"environment": "staging", "owner": "acme"}},
        {"match": {"environment": "regex:prod.*", "event": "push"}},
        {"match": {"repository": "*/web"}},
    )
    asked = [
        ("staging", "acme", "api", "rule-1"),
        ("STAGING", "Acme", "API", "rule-1"),
        ("staging", "acme", "web", "rule-2"),
        ("staging", "other", "web", "rule-4"),
        ("production", "other", "api", "rule-3"),
        ("test", "other", "api", ""),
    ]
    for _round in range(2):
        for environment, owner, repository, rule in asked:
            assert _chosen(policy, environment=environment, owner=owner, repository=repository)[0] == rule
    assert len(policy.index) <= 2


def test_only_what_the_chosen_rule_and_its_shadows_need_is_looked_up() -> None:
    policy = _policy(
        {"match": {"environment": "staging"}, "require": [{"http": {"url": "https://a.example", "when": "a"}}]},
        {"mode": "shadow", "require": [{"signed_commits": True}]},
        {"require": [{"not_fork": True}, {"any": [{"actor": {"in": "release"}}, {"run": "event == 'push'"}]}]},
        {"require": [{"checks": {"names": ["a"]}}]},
        groups=RELEASE,
    )
    assert select(policy, pending(), NOW).needs == (RUN, members("acme/release"), COMMIT)


@pytest.mark.parametrize(
    ("on_no_match", "outcome"), [(None, "reject"), ("reject", "reject"), ("abstain", "abstain"), ("defer", "defer")]
)
def test_what_no_rule_is_about_gets_what_the_policy_says(on_no_match: str | None, outcome: str) -> None:
    defaults = {"defaults": {"on_no_match": on_no_match}} if on_no_match else {}
    verdict = _verdict(_policy(**defaults))
    assert (verdict.outcome, verdict.rule) == (outcome, "")
    assert (verdict.until is not None) is (outcome == "defer")


def test_an_expired_rule_is_passed_over_from_that_moment_on() -> None:
    policy = _policy({"expires": "2026-06-10T10:00"}, {"decision": "reject"})
    assert _verdict(policy, at=timedelta(seconds=-1)).outcome == "approve"
    assert _verdict(policy).outcome == "reject"


def test_the_day_on_which_a_rule_expires_still_counts() -> None:
    policy = _policy({"expires": "2026-06-10"}, {"decision": "reject"}, defaults={"timezone": "Europe/Rome"})
    assert _verdict(policy, at=timedelta(hours=11, minutes=59)).outcome == "approve"
    assert _verdict(policy, at=timedelta(hours=12)).outcome == "reject"


# what it comes to


@pytest.mark.parametrize(
    ("decision", "outcome"), [("approve", "approve"), ("abstain", "abstain"), ("reject", "reject")]
)
def test_a_rule_whose_requirements_hold_decides(decision: str, outcome: str) -> None:
    policy = _policy({"decision": decision, "require": [{"signed_commits": True}]})
    verdict = _verdict(policy, SIGNED)
    assert verdict.outcome == outcome
    assert verdict.reasons == ("the commit's signature is verified",)


@pytest.mark.parametrize(
    ("otherwise", "outcome"), [(None, "reject"), ("reject", "reject"), ("abstain", "abstain"), ("defer", "defer")]
)
def test_what_does_not_hold_for_good_gets_what_else_says(otherwise: str | None, outcome: str) -> None:
    rule = {"require": [{"signed_commits": True}], **({"else": otherwise} if otherwise else {})}
    assert _verdict(_policy(rule), {COMMIT: {"verified": False}}).outcome == outcome


@pytest.mark.parametrize("otherwise", ["reject", "abstain", "defer"])
def test_what_time_changes_is_waited_for_whatever_else_says(otherwise: str) -> None:
    verdict = _verdict(_policy({"require": [{"calendar": "business"}], "else": otherwise}, calendars=DAYTIME))
    assert (verdict.outcome, verdict.until) == ("defer", NOW + timedelta(hours=2))


@pytest.mark.parametrize(("on_error", "outcome"), [(None, "defer"), ("defer", "defer"), ("reject", "reject")])
@pytest.mark.parametrize("otherwise", ["reject", "abstain", "defer"])
def test_what_is_not_known_is_an_error_whatever_else_says(on_error: str | None, outcome: str, otherwise: str) -> None:
    defaults = {"defaults": {"on_error": on_error}} if on_error else {}
    policy = _policy({"require": [{"signed_commits": True}], "else": otherwise}, **defaults)
    verdict = _verdict(policy, {COMMIT: Unknown("GitHub timed out")})
    assert (verdict.outcome, verdict.unknown) == (outcome, True)
    assert "GitHub timed out" in verdict.reasons[0]


def test_a_fact_of_another_form_is_unknown() -> None:
    odd: Any
    for odd in (5, "x", [], {"verified": None}, [[]]):
        verdict = _verdict(_policy({"require": [{"signed_commits": True}]}), {COMMIT: odd})
        assert verdict.outcome in ("defer", "reject")
    assert _verdict(_policy({"require": [{"signed_commits": True}]}), {COMMIT: 5}).unknown


def test_a_no_for_good_counts_more_than_what_is_not_known() -> None:
    policy = _policy({"require": [{"signed_commits": True}, {"not_fork": True}]})
    verdict = _verdict(policy, {COMMIT: {"verified": False}, RUN: Unknown("GitHub timed out")})
    assert (verdict.outcome, len(verdict.reasons)) == ("reject", 2)


def test_reasons_are_those_that_have_made_the_verdict() -> None:
    policy = _policy(
        {
            "require": [
                {"signed_commits": True},
                {"any": [{"override": True}, {"calendar": "business"}]},
                {"none": [{"when": "event == 'push'"}, {"when": "event == 'schedule'"}]},
            ]
        },
        calendars=DAYTIME,
    )
    found = {**SIGNED, Need("overrides"): []}
    verdict = _verdict(policy, found)
    assert verdict.outcome == "reject"
    assert verdict.reasons == (
        "nobody has set the rule aside",
        "the calendar business opens on 2026-06-10 at 12:00 UTC",
        "`event == 'push'` holds",
    )
    assert [(line.kind, line.depth, str(line.outcome)) for line in verdict.trace] == [
        ("signed_commits", 1, "yes"),
        ("any", 1, "no"),
        ("override", 2, "no"),
        ("calendar", 2, "no"),
        ("none", 1, "no"),
        ("when", 2, "yes"),
        ("when", 2, "no"),
    ]
    assert {line.place.partition(":")[0] for line in verdict.trace} == {"p.yml"}


def test_a_dry_run_leaves_it_to_reviewers_and_tells_what_it_would_do() -> None:
    policy = _policy({"mode": "dry_run", "require": [{"signed_commits": True}]})
    verdict = _verdict(policy, {COMMIT: {"verified": False}})
    assert (verdict.outcome, verdict.until) == ("abstain", None)
    assert verdict.reasons[0] == "the rule rule-1 is a dry run and would reject"
    assert "would approve" in _verdict(policy, SIGNED).reasons[0]
    assert "would defer" in _verdict(policy).reasons[0]


def test_a_shadow_is_judged_beside_the_rule_that_counts() -> None:
    policy = _policy(
        {"mode": "shadow", "require": [{"signed_commits": True}]},
        {"mode": "shadow", "match": {"environment": "staging"}},
        {"mode": "shadow", "decision": "reject"},
        {},
        {"mode": "shadow"},
    )
    verdict = _verdict(policy)
    assert (verdict.outcome, verdict.rule) == ("approve", "rule-4")
    assert verdict.shadows == {"rule-1": "defer", "rule-3": "reject"}


# the deadline


@pytest.mark.parametrize(
    ("on_deadline", "found", "outcome"),
    [
        (None, {CHECKS: []}, "reject"),
        ("reject", {CHECKS: []}, "reject"),
        ("abstain", {CHECKS: []}, "abstain"),
        ("abstain", {CHECKS: Unknown("GitHub timed out")}, "reject"),
    ],
)
def test_what_has_waited_for_too_long_is_decided_and_what_is_unknown_then_rejected(
    on_deadline: str | None, found: dict[Need, Any], outcome: str
) -> None:
    defaults = {"max_defer": "2d", **({"on_deadline": on_deadline} if on_deadline else {})}
    policy = _policy({"require": [{"checks": {"names": ["a"], "wait": "9d"}}]}, defaults=defaults)
    begun = {"created_at": NOW.timestamp()}
    before = _verdict(policy, found, timedelta(days=2, seconds=-1), **begun)
    assert (before.outcome, before.until) == ("defer", NOW + timedelta(days=2))
    after = _verdict(policy, found, timedelta(days=2), **begun)
    assert (after.outcome, after.until) == (outcome, None)
    assert after.reasons[0] == "it has waited for longer than 2 days"


def test_without_a_time_of_github_the_deadline_counts_from_when_the_gate_heard_of_it() -> None:
    policy = _policy({"require": [{"signed_commits": True}]})
    waiting: dict[str, Any] = {"created_at": None, "received": NOW.timestamp()}
    assert _verdict(policy, at=timedelta(days=28), **waiting).outcome == "defer"
    assert _verdict(policy, at=timedelta(days=29), **waiting).outcome == "reject"


def test_the_longer_it_waits_the_more_seldom_it_is_looked_at() -> None:
    policy = _policy({"require": [{"signed_commits": True}]})
    rests = [
        _verdict(policy, at=timedelta(minutes=waited), created_at=NOW.timestamp()).until
        for waited in (0, 10, 60, 300, 6000)
    ]
    waits = [
        until - NOW - timedelta(minutes=at) for until, at in zip(rests, (0, 10, 60, 300, 6000), strict=True) if until
    ]
    assert waits == [timedelta(minutes=minutes) for minutes in (1, 1, 3, 15, 15)]


def test_a_wait_is_never_over_before_it_begins() -> None:
    policy = _policy({"require": [{"checks": {"names": ["a"], "wait": "30m"}}]})
    verdict = _verdict(policy, {CHECKS: []}, created_at=NOW.timestamp() - 1800 + 0.5)
    assert (verdict.outcome, verdict.until) == ("defer", NOW + timedelta(seconds=1))


# what people read


def test_a_comment_is_filled_and_what_people_wrote_is_made_harmless() -> None:
    template = "{{ verdict }} by {{ rule }}: {{ reasons | first(1) }} ({{ policy.digest }}) **{{ until }}**"
    policy = _policy({"comment": template, "require": [{"ticket": {"pattern": "@\\w+", "in": ["ref"]}}]})
    verdict = _verdict(policy, ref="@everybody")
    text = comment.render(verdict.comment, verdict.words(), lambda found: found.replace("@", "(at)"))
    assert text == f"approve by rule-1: the ticket (at)everybody is named in ref ({policy.digest}) ****"
    assert verdict.digest == policy.digest != ""


def test_pending_deployments_with_the_least_that_github_sends_are_judged() -> None:
    policy = _policy({"match": {"environment": "production"}, "require": [{"signed_commits": True}]})
    least = PendingDeployment(owner="a", repository="b", run_id=1, environment="production")
    verdict = evaluate(policy, select(policy, least, NOW), Facts(least), NOW)
    assert (verdict.outcome, verdict.until) == ("defer", NOW + timedelta(minutes=1))
