"""DNS records: one spelling of contents, whose a record is, and both against the stand-in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare import dns_record
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.dns_record import DnsRecord, marker, normal
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import UNKNOWN
from tests.sandbox.faults import KINDS
from tests.unit.plugins.module_utils._cloudflare.conftest import ZONE, World

NAME = "acme.example.org"
TARGET = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com"


def _record(kind: str = "CNAME", content: str | None = TARGET, **given_: Any) -> DnsRecord:
    return DnsRecord(**{"zone": ZONE, "name": NAME, "type": kind, "content": content, **given_})


def _foreign(world: World, kind: str, content: str, comment: str | None = None, name: str = NAME) -> None:
    """Make a record as somebody else does."""
    client = world.client()
    body = {"type": kind, "name": name, "content": content, "comment": comment}
    path = f"/zones/{client.zone_id(ZONE)}/dns_records"
    client.post(path, body, look=lambda: None, tried="Creating as somebody else")
    world.writes()


def _there(world: World) -> list[tuple[str, str, str | None]]:
    return sorted((item["type"], item["content"], item["comment"]) for item in world.records())


@given(st.text(min_size=1, max_size=600).filter(lambda text: '"' not in text))
def test_a_text_is_the_same_with_and_without_the_quotes_of_cloudflare(text: str) -> None:
    quoted = dns_record._quoted(text)
    assert normal("TXT", quoted) == normal("TXT", text) == text
    assert all(len(part.encode()) <= 2 * 255 for part in quoted.split('" "'))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("AAAA", "2001:DB8::0001", "2001:db8::1"),
        ("CNAME", "Target.Example.NET.", "target.example.net"),
        ("TXT", '"v=spf1 " "-all"', "v=spf1 -all"),
        ("TXT", '"say \\"hello\\""', 'say "hello"'),
        ("TXT", 'key="value" and more', 'key="value" and more'),
    ],
)
def test_equal_contents_have_one_spelling(kind: str, one: str, other: str) -> None:
    assert normal(kind, one) == normal(kind, other) == other


@pytest.mark.parametrize(
    ("record", "whole"),
    [
        ("@", "example.org"),
        ("example.org", "example.org"),
        ("www", "www.example.org"),
        ("WWW.Example.org.", "www.example.org"),
        ("a.b", "a.b.example.org"),
        ("*", "*.example.org"),
        ("otherexample.org", "otherexample.org.example.org"),
    ],
)
def test_names_are_whole(record: str, whole: str) -> None:
    assert dns_record.whole_name(record, "example.org") == whole


@pytest.mark.parametrize(
    "given_",
    [
        {"name": "acme.example.net"},
        {"name": "notexample.org"},
        {"name": "a..example.org"},
        {"name": f"{'a' * 64}.example.org"},
        {"name": f"{'a.' * 130}example.org"},
        {"name": "caf\u00e9.example.org"},
        {"zone": "example", "name": "example"},
        {"type": "MX"},
        {"type": "A", "content": "192.0.2"},
        {"type": "A", "content": "2001:db8::1"},
        {"type": "AAAA", "content": "192.0.2.1"},
        {"type": "TXT", "content": ""},
        {"type": "TXT", "content": "x" * 2049},
        {"type": "TXT", "content": "x", "proxied": True},
        {"content": "no name"},
        {"content": None},
        {"ttl": 0},
        {"ttl": 59},
        {"ttl": 86401},
        {"owner": ""},
        {"owner": "x" * 100},
        {"owner": "two\nlines"},
    ],
)
def test_bad_input_is_refused_before_any_request(given_: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        _record(**{"kind": given_.pop("type", "CNAME"), **given_})
    assert caught.value.kind is Kind.INVALID


def test_a_comment_fits_and_names_the_owner() -> None:
    assert marker("aphex.platform") == "aphex.platform"
    assert marker("organization acme") == "aphex.platform organization acme"
    assert len(_record(owner="x" * 85).comment) == 100


def test_create_then_again_then_drift_then_update_then_absent(world: World) -> None:
    desired = _record(proxied=True)
    outcome, result = world.run(desired)
    assert outcome.plan.changed
    assert [step.target for step in outcome.done] == [f"DNS record {NAME} (CNAME)"]
    assert world.writes() == ["POST /dns_records"]
    assert (result["content"], result["proxied"], result["ttl"]) == (TARGET, True, 1)
    outcome, again = world.run(desired)
    assert not outcome.plan.changed
    assert world.writes() == []
    assert again == result
    drifted, _unused = world.run(_record(proxied=False, ttl=300))
    assert drifted.plan.changed
    outcome, repaired = world.run(desired)
    assert outcome.plan.diff[0]["before"] == {
        "content": TARGET,
        "proxied": False,
        "ttl": 300,
        "comment": "aphex.platform",
    }
    assert repaired["id"] == result["id"]
    world.writes()
    outcome, gone = world.run(_record(present=False, content=None))
    assert outcome.plan.changed
    assert gone is None
    assert world.writes() == ["DELETE /dns_records"]
    outcome, gone = world.run(_record(present=False, content=None))
    assert not outcome.plan.changed
    assert world.writes() == []


def test_check_mode_writes_nothing_and_predicts_the_record(world: World) -> None:
    outcome, result = world.run(_record(proxied=True), check=True)
    assert outcome.plan.changed
    assert (result["id"], result["name"], result["comment"]) == (UNKNOWN, NAME, "aphex.platform")
    assert world.writes() == []
    assert world.records() == []


def test_a_proxied_record_has_the_automatic_ttl(world: World) -> None:
    desired = _record(proxied=True, ttl=300)
    _unused, result = world.run(desired)
    assert result["ttl"] == 1
    outcome, _unused = world.run(desired)
    assert not outcome.plan.changed


@pytest.mark.parametrize(
    ("kind", "content"), [("A", "192.0.2.1"), ("AAAA", "2001:DB8::0001"), ("CNAME", "WWW.Example.NET."), ("TXT", "a b")]
)
def test_every_type_is_unchanged_the_second_time(world: World, kind: str, content: str) -> None:
    world.run(_record(kind, content))
    outcome, _unused = world.run(_record(kind, content))
    assert not outcome.plan.changed


@pytest.mark.parametrize(
    ("kind", "content", "there"),
    [
        ("CNAME", TARGET, ("A", "192.0.2.9")),
        ("CNAME", TARGET, ("CNAME", "other.example.net")),
        ("CNAME", TARGET, ("CNAME", TARGET)),
        ("A", "192.0.2.1", ("CNAME", "other.example.net")),
        ("A", "192.0.2.1", ("A", "192.0.2.9")),
        ("TXT", "text", ("TXT", "text")),
    ],
)
def test_b25_a_foreign_record_in_the_way_is_refused_and_kept(
    world: World, kind: str, content: str, there: tuple[str, str]
) -> None:
    _foreign(world, *there, comment="made by hand")
    with pytest.raises(Failure) as caught:
        world.run(_record(kind, content))
    assert caught.value.kind is Kind.REFUSED
    assert "adopt: true" in caught.value.sentence()
    assert world.writes() == []
    assert _there(world) == [(*there, "made by hand")]


@pytest.mark.parametrize("there", [("A", "192.0.2.9"), ("CNAME", "other.example.net"), ("CNAME", TARGET)])
def test_a_foreign_record_is_taken_over_when_told(world: World, there: tuple[str, str]) -> None:
    _foreign(world, *there, comment="made by hand")
    world.run(_record(adopt=True))
    assert _there(world) == [("CNAME", TARGET, "aphex.platform")]
    outcome, _unused = world.run(_record())
    assert not outcome.plan.changed


def test_a_record_of_another_owner_of_ours_is_foreign_too(world: World) -> None:
    world.run(_record(owner="organization acme"))
    with pytest.raises(Failure) as caught:
        world.run(_record(owner="organization evil"))
    assert "organization evil" in caught.value.said


def test_what_is_not_in_the_way_is_left_alone(world: World) -> None:
    _foreign(world, "TXT", "theirs")
    _foreign(world, "AAAA", "2001:db8::9")
    _foreign(world, "A", "192.0.2.9", name=f"www.{ZONE}")
    world.run(_record("A", "192.0.2.1"))
    world.run(_record("TXT", "ours"))
    assert len(world.records()) == 5


def test_ours_of_another_type_is_replaced(world: World) -> None:
    world.run(_record())
    outcome, result = world.run(_record("A", "192.0.2.1"))
    assert [step.verb for step in outcome.done] == ["delete", "create"]
    assert result["type"] == "A"
    assert _there(world) == [("A", "192.0.2.1", "aphex.platform")]


def test_several_addresses_of_one_name_stand_side_by_side(world: World) -> None:
    desired = [_record("A", f"192.0.2.{number}", exclusive=False) for number in (1, 2, 3)]
    world.run(*desired)
    assert len(world.records()) == 3
    outcome, _unused = world.run(*desired)
    assert not outcome.plan.changed
    assert len({step.target for step in world.run(*_absent(desired))[0].done}) == 3
    assert world.records() == []


def _absent(desired: list[DnsRecord]) -> list[DnsRecord]:
    return [_record(item.type, item.content, exclusive=False, present=False) for item in desired]


def test_an_exclusive_record_replaces_our_others(world: World) -> None:
    world.run(*[_record("A", f"192.0.2.{number}", exclusive=False) for number in (1, 2, 3)])
    outcome, result = world.run(_record("A", "192.0.2.2"))
    assert [step.verb for step in outcome.done] == ["delete", "delete"]
    assert result["content"] == "192.0.2.2"
    assert _there(world) == [("A", "192.0.2.2", "aphex.platform")]


def test_a_changed_text_replaces_ours_and_never_theirs(world: World) -> None:
    _foreign(world, "TXT", "theirs")
    world.run(_record("TXT", "one"))
    world.run(_record("TXT", "two", adopt=True))
    assert _there(world) == [("TXT", '"two"', "aphex.platform"), ("TXT", "theirs", None)]


def test_absent_leaves_foreign_records_unless_told(world: World) -> None:
    _foreign(world, "A", "192.0.2.9")
    outcome, _unused = world.run(_record("A", None, present=False))
    assert not outcome.plan.changed
    outcome, _unused = world.run(_record("A", "192.0.2.1", present=False, adopt=True))
    assert not outcome.plan.changed
    world.run(_record("A", None, present=False, adopt=True))
    assert world.records() == []


def test_unknown_content_is_waited_for(world: World) -> None:
    unknown = f"{UNKNOWN}.cfargotunnel.com"
    steps = Cloudflare(world.client()).plan(_record(content=unknown, proxied=True))
    assert [(step.verb, step.ready) for step in steps] == [("create", False)]
    world.run(_record())
    steps = Cloudflare(world.client()).plan(_record(content=unknown, proxied=True))
    assert [(step.verb, step.ready) for step in steps] == [("update", False)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_every_fault_ends_in_the_wanted_records(world: World, method: str, kind: str) -> None:
    world.fault(kind, method)
    for number in (1, 2):
        world.run(_record("A", f"192.0.2.{number}"))
        assert _there(world) == [("A", f"192.0.2.{number}", "aphex.platform")]
    world.run(_record("A", None, present=False))
    assert world.records() == []
    assert [item.kind for item in world.standin.faults.struck()] == [kind]


def test_b2_a_record_that_came_in_between_is_a_conflict_and_the_next_run_says_how(world: World) -> None:
    product = Cloudflare(world.client())
    steps = product.plan(_record())
    _foreign(world, "A", "192.0.2.9")
    with pytest.raises(Failure) as caught:
        product.perform(steps[0])
    assert caught.value.kind is Kind.CONFLICT
    with pytest.raises(Failure) as caught:
        world.run(_record())
    assert caught.value.kind is Kind.REFUSED


def test_records_of_several_zones_are_apart(world: World) -> None:
    world.standin.add_zone("example.net")
    world.run(_record(), DnsRecord("example.net", "acme.example.net", "CNAME", TARGET))
    product = Cloudflare(world.client())
    assert [item["name"] for item in product.find_records(ZONE)] == [NAME]
    assert [item["zone"] for item in product.find_records("example.net", "acme.example.net")] == ["example.net"]
    assert product.find_records("example.net", kind="TXT") == []
