"""Every rule tells what it looked for, what it saw, and what it required; the verdict is the one that counts."""

from __future__ import annotations

import json

from ansible_collections.aphex.platform.plugins.module_utils._gate import evaluate
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import Facts
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import load
from services.gate.explain import Explanation, explain, lines
from tests.unit.services.gate.recorded import NOW, POLICY, deployment, fact

_MORE = """\
  - {name: over, match: {environment: production}, decision: approve, expires: 2026-01-01}
  - {name: watched, mode: shadow, match: {environment: production}, require: [not_fork: true], decision: approve}
"""


def _explained(policy_text: str, environment: str = "production") -> Explanation:
    policy, pending = load({"policy.yml": policy_text}), deployment(environment, NOW)
    selection = evaluate.select(policy, pending, NOW)
    facts = Facts(pending, {need: fact(need) for need in selection.needs})
    return explain(policy, selection, facts, NOW)


def test_each_rule_tells_what_it_wanted_and_what_it_saw() -> None:
    nightly, production = _explained(POLICY).rules
    assert [(part.name, part.wanted, part.seen, part.fits) for part in nightly.parts] == [
        ("environment", "staging", "production", "no"),
        ("event", "schedule", "push", "no"),
    ]
    assert (nightly.matched, nightly.counts, nightly.trace) == ("no", "is passed over", ())
    assert (production.matched, production.counts) == ("yes", "counts")
    assert [(step.kind, str(step.outcome)) for step in production.trace] == [
        ("calendar", "yes"),
        ("no_freeze", "no"),
        ("ticket", "yes"),
    ]


def test_expired_rules_shadows_and_those_behind_are_told_apart() -> None:
    before = POLICY.replace("rules:\n", f"rules:\n{_MORE}")
    behind = POLICY + "  - {name: last, decision: reject}\n"
    assert [rule.counts for rule in _explained(before).rules[:2]] == ["is passed over", "is judged beside it"]
    assert _explained(before).rules[0].matched == "expired"
    assert _explained(behind).rules[-1].counts == "stands behind the rule that counts"


def test_what_a_delivery_does_not_tell_is_shown_as_unknown() -> None:
    text = POLICY.replace("event: schedule}", "event: schedule, property: {tier: gold}}")
    part = _explained(text, "staging").rules[0].parts[-1]
    assert part.fits == "unknown"
    assert "the repository has no property tier" in part.seen


def test_the_lines_and_the_data_say_the_same() -> None:
    explanation = _explained(POLICY)
    text, data = "\n".join(lines(explanation)), json.loads(json.dumps(explanation.plain()))
    assert data["verdict"]["outcome"] == "defer"
    for rule in data["rules"]:
        assert rule["rule"] in text
        assert all(step["said"] in text for step in rule["trace"])
    assert "Verdict: defer until 2026-11-30 23:00:00 UTC by the rule production" in text
