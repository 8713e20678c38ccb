"""DNS records of the Cloudflare stand-in over real sockets: life, conflicts, refusals, filters, pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.standins.cloudflare import Cloudflare
from tests.unit.sandbox.cloudflare_client import Client


@pytest.fixture
def cloudflare() -> Iterator[Cloudflare]:
    with Cloudflare() as standin:
        yield standin


@pytest.fixture
def call(cloudflare: Cloudflare) -> Iterator[Client]:
    client = Client(cloudflare, cloudflare.add_zone("example.com"))
    yield client
    client.close()


def test_a_record_lives(call: Client) -> None:
    made = call.record("Acme.Example.com", content="X.cfargotunnel.com.", ttl=300, comment="aphex").result
    assert (made["name"], made["content"], made["ttl"]) == ("acme.example.com", "x.cfargotunnel.com", 1)
    assert (made["proxied"], made["proxiable"], made["comment"], made["tags"]) == (True, True, "aphex", [])
    one = f"/zones/{{zone}}/dns_records/{made['id']}"
    assert call("GET", one).result == made
    patched = call("PATCH", one, {"proxied": False, "ttl": 120}).result
    assert (patched["ttl"], patched["comment"], patched["created_on"]) == (120, "aphex", made["created_on"])
    body = {"type": "CNAME", "name": "acme", "content": "y.cfargotunnel.com"}
    put = call("PUT", one, body).result
    assert (put["name"], put["comment"], put["proxied"], put["ttl"]) == ("acme.example.com", None, False, 1)
    assert call("DELETE", one).result == {"id": made["id"]}
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        assert call(method, one, body).refused == (404, 81044)


def test_names_are_completed_with_the_zone(call: Client) -> None:
    for name, full in (("@", "example.com"), ("a", "a.example.com"), ("a.other.org", "a.other.org.example.com")):
        assert call.record(name, type="TXT", content="x", proxied=False).result["name"] == full


@pytest.mark.parametrize(
    ("have", "want", "refused"),
    [
        ({"type": "A", "content": "192.0.2.1"}, {}, (400, 81053)),
        ({"type": "AAAA", "content": "2001:db8::1"}, {}, (400, 81053)),
        ({}, {}, (400, 81053)),
        ({}, {"type": "A", "content": "192.0.2.1"}, (400, 81054)),
        ({"type": "NS", "content": "ns.example.net", "proxied": False}, {}, (400, 81056)),
        ({"type": "A", "content": "192.0.2.1"}, {"type": "A", "content": "192.0.2.1"}, (400, 81058)),
        (
            {"type": "TXT", "content": "x", "proxied": False},
            {"type": "TXT", "content": "x", "proxied": False},
            (400, 81058),
        ),
    ],
)
def test_records_that_exclude_each_other(
    call: Client, have: dict[str, Any], want: dict[str, Any], refused: tuple[int, int]
) -> None:
    assert call.record(**have).result
    assert call.record(**want).refused == refused


def test_records_that_live_side_by_side(call: Client) -> None:
    assert call.record(type="A", content="192.0.2.1").result
    assert call.record(type="A", content="192.0.2.2").result
    assert call.record(type="AAAA", content="2001:db8::1").result
    assert call.record(type="TXT", content="x", proxied=False).result


def test_an_update_cannot_make_a_conflict(call: Client) -> None:
    call.record("a")
    second = call.record("b").result
    assert call("PATCH", f"/zones/{{zone}}/dns_records/{second['id']}", {"name": "a"}).refused == (400, 81053)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"type": None}, (400, 9207)),
        ({"type": "HTTPS"}, (400, 9207)),
        ({"content": ""}, (400, 9207)),
        ({"name": "a..b"}, (400, 9000)),
        ({"name": "-a"}, (400, 9000)),
        ({"name": "a" * 64}, (400, 9000)),
        ({"type": "A", "content": "x.y"}, (400, 9005)),
        ({"type": "A", "content": "2001:db8::1"}, (400, 9005)),
        ({"type": "AAAA", "content": "192.0.2.1"}, (400, 9006)),
        ({"content": "https://x.y/"}, (400, 9007)),
        ({"type": "TXT", "content": "x"}, (400, 9004)),
        ({"proxied": False, "ttl": 30}, (400, 9021)),
        ({"proxied": False, "ttl": "300"}, (400, 9021)),
        ({"comment": "x" * 101}, (400, 9313)),
        ({"tags": ["team:platform"]}, (400, 9300)),
    ],
)
def test_records_that_are_refused(call: Client, fields: dict[str, Any], refused: tuple[int, int]) -> None:
    body = {"type": "CNAME", "name": "acme", "content": "x.y", "proxied": True, **fields}
    assert call("POST", "/zones/{zone}/dns_records", body).refused == refused
    assert call("GET", "/zones/{zone}/dns_records").result == []


@pytest.mark.parametrize("body", ["{", "[]"])
def test_a_body_that_is_no_object(call: Client, body: str) -> None:
    assert call("POST", "/zones/{zone}/dns_records", body).refused == (400, 9207)


def test_plans_differ(call: Client, cloudflare: Cloudflare) -> None:
    assert call.record("a", comment="x" * 100).result
    call.zone = cloudflare.add_zone("example.org", plan="pro")
    assert call.record("a", comment="x" * 500, tags=["a:b"]).result["tags"] == ["a:b"]
    assert call.record("b", comment="x" * 501).refused == (400, 9313)
    with pytest.raises(ValueError, match="plan"):
        cloudflare.add_zone("example.net", plan="gratis")


def test_a_zone_has_a_quota(call: Client) -> None:
    for number in range(200):
        assert call.record(f"r{number}").status == 200
    assert call.record("one-more").refused == (400, 81045)


def test_records_are_filtered_and_paged(call: Client) -> None:
    call.record("a", comment="Managed by aphex")
    call.record("b")
    call.record("c", type="A", content="192.0.2.1", proxied=False, comment="hand made")
    call.record("a", type="TXT", content="text", proxied=False)

    def names(**query: Any) -> list[str]:
        found = call("GET", "/zones/{zone}/dns_records", **query).result
        return [f"{record['type']} {record['name'].split('.')[0]}" for record in found]

    assert names() == ["A c", "CNAME a", "CNAME b", "TXT a"]
    assert names(order="name", direction="desc") == ["A c", "CNAME b", "CNAME a", "TXT a"]
    assert names(type="CNAME", name="A.example.com") == ["CNAME a"]
    assert names(**{"name.startswith": "b."}) == ["CNAME b"]
    assert names(**{"name.exact": "a.example.com", "type": "TXT"}) == ["TXT a"]
    assert names(**{"comment.contains": "APHEX"}) == ["CNAME a"]
    assert names(**{"comment.absent": "true"}) == ["CNAME b", "TXT a"]
    assert names(**{"comment.present": "true", "proxied": "false"}) == ["A c"]
    assert names(comment="hand made") == ["A c"]
    assert names(**{"content.endswith": "cfargotunnel.com"}) == ["CNAME a", "CNAME b"]
    assert names(search="hand") == ["A c"]
    assert names(match="any", type="TXT", proxied="true") == ["CNAME a", "CNAME b", "TXT a"]
    assert names(per_page=2, page=2) == ["CNAME b", "TXT a"]
    info = call("GET", "/zones/{zone}/dns_records").data["result_info"]
    assert info == {"page": 1, "per_page": 100, "count": 4, "total_count": 4, "total_pages": 1}


def test_the_edge_looks_names_up(call: Client, cloudflare: Cloudflare) -> None:
    call.record("*", content="wild.cfargotunnel.com")
    call.record("acme")
    call.zone = cloudflare.add_zone("pending.org", status="pending")
    call.record("acme.pending.org")

    def content(host: str) -> str | None:
        found = cloudflare.lookup(host)
        return found[1].content if found else None

    assert content("acme.example.com") == "x.cfargotunnel.com"
    assert content("other.example.com") == "wild.cfargotunnel.com"
    assert content("example.com") is None
    assert content("acme.pending.org") is None
