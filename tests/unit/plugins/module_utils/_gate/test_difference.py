"""What changes between two policies, told by rule."""

from __future__ import annotations

from ansible_collections.aphex.platform.plugins.module_utils._gate.difference import difference

HEAD = "version: 1\nrules:\n"
STAGING = "  - {name: staging, match: {environment: staging}, decision: approve}\n"
PRODUCTION = "  - {name: production, match: {environment: production}, decision: approve}\n"
STRICT = "  - {name: production, match: {environment: production}, decision: reject}\n"


def test_rules_are_added_changed_and_removed() -> None:
    told = difference({"a.yml": HEAD + STAGING + PRODUCTION}, {"a.yml": HEAD + STRICT + "  - {name: new}\n"})
    assert (told.added, told.changed, told.removed, told.moved) == (("new",), ("production",), ("staging",), False)
    assert set(told.before["rules"]) == {"staging", "production"}
    assert told.after["rules"]["production"]["decision"] == "reject"


def test_an_order_is_told_since_the_first_rule_that_matches_counts() -> None:
    told = difference({"a.yml": HEAD + STAGING + PRODUCTION}, {"a.yml": HEAD + PRODUCTION + STAGING})
    assert told.moved
    assert (told.added, told.changed, told.removed) == ((), (), ())
    assert told.before == {"order": ["staging", "production"]}
    assert told.after == {"order": ["production", "staging"]}


def test_a_rule_that_goes_to_another_file_is_the_same_rule() -> None:
    told = difference({"a.yml": HEAD + STAGING}, {"b.yml": HEAD + STAGING})
    assert (told.added, told.changed, told.removed, told.moved) == ((), (), (), False)


def test_other_sections_are_told_by_name() -> None:
    before = {
        "a.yml": "version: 1\ndefaults: {timezone: UTC}\ngroups: {release: {users: [ann]}, ops: {users: [bob]}}\n"
    }
    after = {"a.yml": "version: 1\ndefaults: {timezone: UTC}\ngroups: {release: {users: [eve]}, ops: {users: [bob]}}\n"}
    told = difference(before, after)
    assert told.before == {"groups": {"release": {"users": ["ann"]}}}
    assert told.after == {"groups": {"release": {"users": ["eve"]}}}


def test_what_is_no_policy_and_remarks_are_told_by_line() -> None:
    assert difference({}, {"italy.ics": "BEGIN\nEND"}).after == {"files": {"italy.ics": ["BEGIN", "END"]}}
    assert difference({"a.yml": "rules: ["}, {}).before == {"files": {"a.yml": ["rules: ["]}}
    told = difference({"a.yml": HEAD + STAGING}, {"a.yml": "# now\n" + HEAD + STAGING})
    assert told.after["files"]["a.yml"][0] == "# now"
    assert told.before != told.after


def test_nothing_is_told_of_what_is_the_same() -> None:
    told = difference({"a.yml": HEAD + STAGING}, {"a.yml": HEAD + STAGING})
    assert (told.before, told.after) == ({}, {})
