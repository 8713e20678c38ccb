"""Never an approval by what is not known: over generated policies of every kind, with facts hidden and put back.

The property is stronger than "unknown gives no approval": what is approved while facts are hidden has to be approved
whatever those facts are. A fact that can change the verdict is needed; where one is hidden, nothing is approved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._gate.evaluate import APPROVE, Verdict, evaluate, select
from ansible_collections.aphex.platform.plugins.module_utils._gate.facts import (
    COMMIT,
    Facts,
    Need,
    PendingDeployment,
    Unknown,
)
from ansible_collections.aphex.platform.plugins.module_utils._gate.policy import (
    Combined,
    Defaults,
    Match,
    Policy,
    Requirement,
    Rule,
    load,
)
from ansible_collections.aphex.platform.plugins.module_utils._gate.requirements import KINDS
from tests.unit.plugins.module_utils._gate.tables import Row, rows
from tests.unit.plugins.module_utils._gate.world import FUZZ, NOW, dumped, pending

_COMMIT = {"message": "faster", "author": "hubot", "verified": False, "committed": NOW.timestamp()}
_NOBODY = Unknown("nobody answered")


def _values(of: Sequence[Row]) -> dict[Need, list[Any]]:
    """Return every value that these rows know for a fact: what is hidden can turn out to be any of them."""
    found: dict[Need, list[Any]] = {}
    for row in of:
        for need, value in row.facts.found.items():
            if not isinstance(value, Unknown):
                # A table has the fields that its requirement asks for; other requirements ask for others.
                found.setdefault(need, []).append({**_COMMIT, **value} if need == COMMIT else value)
    return found


def _all_matches() -> list[Match]:
    found = [{}, {"event": "push"}, {"when": "sender.login == 'octocat'"}, {"ref": "refs/tags/*"}, {"label": "x"}]
    rules = [{"name": str(number), "decision": "approve", "match": item} for number, item in enumerate(found)]
    return [rule.match for rule in load({"p.yml": dumped({"version": 1, "rules": rules})}).rules]


_VALUES = _values(rows())
_ROWS = {kind: [row for row in rows() if row.kind == kind] for kind in KINDS}
_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_how = st.sampled_from(["all", "any", "none"])
_leaves: st.SearchStrategy[Requirement] = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.sampled_from([row.requirement for row in _ROWS[kind]])
)
_trees: st.SearchStrategy[Requirement | Combined] = st.recursive(
    _leaves, lambda inner: st.builds(Combined, _how, st.lists(inner, min_size=1, max_size=3).map(tuple)), max_leaves=6
)
_rules = st.builds(
    Rule,
    name=st.just("r"),
    match=st.sampled_from(_all_matches()),
    require=st.lists(_trees, min_size=1, max_size=3).map(lambda parts: Combined("all", tuple(parts))),
    decision=st.just(APPROVE),
    otherwise=st.sampled_from(["reject", "defer", "abstain"]),
    mode=st.sampled_from(["enforce", "enforce", "shadow", "dry_run"]),
)
_defaults = st.builds(
    Defaults,
    on_error=st.sampled_from(["defer", "reject"]),
    on_no_match=st.sampled_from(["reject", "abstain", "defer"]),
    on_deadline=st.sampled_from(["reject", "abstain"]),
    max_defer=st.sampled_from([timedelta(minutes=1), timedelta(days=29)]),
)
_deployments = st.builds(
    pending,
    ref=st.sampled_from([None, "main", "topic/OPS-3", "refs/tags/v1"]),
    sha=st.sampled_from([None, "abc"]),
    event=st.sampled_from([None, "push", "schedule"]),
    created_at=st.sampled_from([None, NOW.timestamp() - 600, NOW.timestamp() - 9e6]),
)


def _verdict(policy: Policy, waiting: PendingDeployment, found: dict[Need, Any], now: datetime = NOW) -> Verdict:
    return evaluate(policy, select(policy, waiting, now), Facts(waiting, found), now)


def _alone(leaf: Requirement, around: list[str], defaults: Defaults) -> Policy:
    """Return a policy of one requirement, however deep it stands."""
    part: Requirement | Combined = leaf
    for how in around:
        part = Combined(how, (part,))
    return Policy((Rule("r", Match(), Combined("all", (part,)), APPROVE),), defaults)


def _hide_and_put_back(
    data: st.DataObject,
    policy: Policy,
    waiting: PendingDeployment,
    values: Mapping[Need, list[Any]],
    now: datetime = NOW,
) -> None:
    needs = select(policy, waiting, now).needs
    found = {need: data.draw(st.sampled_from(values[need])) for need in needs}
    hidden = [need for need in needs if data.draw(st.booleans())]
    if _verdict(policy, waiting, {**found, **dict.fromkeys(hidden, _NOBODY)}, now).outcome == APPROVE:
        others = {need: data.draw(st.sampled_from(values[need])) for need in hidden}
        assert _verdict(policy, waiting, {**found, **others}, now).outcome == APPROVE


@settings(FUZZ, max_examples=250)
@given(st.data(), st.lists(_rules, min_size=1, max_size=3), _defaults, _deployments)
def test_what_is_approved_without_some_facts_is_approved_whatever_they_are(
    data: st.DataObject, rules: list[Rule], defaults: Defaults, waiting: PendingDeployment
) -> None:
    _hide_and_put_back(data, Policy(tuple(rules), defaults), waiting, _VALUES)


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(FUZZ, max_examples=80)
@given(st.data(), st.lists(_how, max_size=3), _defaults)
def test_so_it_is_for_each_kind_alone_however_deep_it_stands(
    kind: str, data: st.DataObject, around: list[str], defaults: Defaults
) -> None:
    row = data.draw(st.sampled_from(_ROWS[kind]))
    policy = _alone(row.requirement, around, defaults)
    _hide_and_put_back(data, policy, row.facts.pending, _values(_ROWS[kind]), row.now)


@settings(FUZZ, max_examples=500)
@given(_leaves, st.lists(_how, max_size=4), _defaults, _deployments)
def test_a_needed_fact_that_is_unknown_lets_nothing_through_however_deep_it_stands(
    leaf: Requirement, around: list[str], defaults: Defaults, waiting: PendingDeployment
) -> None:
    verdict = _verdict(_alone(leaf, around, defaults), waiting, {})
    if str(verdict.trace[-1].outcome) == "unknown":
        assert verdict.unknown
        assert verdict.outcome in ("defer", "reject")


@settings(FUZZ, max_examples=400)
@given(st.data(), _leaves, _deployments)
def test_facts_of_any_form_get_a_verdict_and_raise_nothing(
    data: st.DataObject, leaf: Requirement, waiting: PendingDeployment
) -> None:
    policy = _alone(leaf, [], Defaults())
    found = {need: data.draw(_ODD) for need in select(policy, waiting, NOW).needs}
    assert _verdict(policy, waiting, found).outcome in ("approve", "reject", "defer")
