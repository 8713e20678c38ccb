"""From bytes to what waits: only what the schema requires is relied on, and no address of a body is believed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from services.gate.payload import EVENT, Delivery, Ignored, Malformed, Signal, parse, signal

API = "https://api.github.com"
LEAST: dict[str, Any] = {
    "action": "requested",
    "environment": "prod/eu",
    "deployment_callback_url": f"{API}/repos/Acme/web.shop/actions/runs/12/deployment_protection_rule",
    "repository": {"full_name": "acme/web.shop", "name": "web.shop"},
    "sender": {"login": "olga"},
}
FORM = "application/x-www-form-urlencoded"


def _delivery(body: Any, event: str = EVENT, kind: str = "application/json") -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery("g", event, raw, "main", kind, received=1000.0)


def test_e9_the_least_that_github_sends_is_enough() -> None:
    pending = parse(_delivery(LEAST), API)
    assert (pending.full_name, pending.run_id, pending.environment) == ("Acme/web.shop", 12, "prod/eu")
    assert (pending.deployment_id, pending.sha, pending.ref, pending.event) == (None, None, None, None)
    assert (pending.created_at, pending.received, pending.begun) == (None, 1000.0, 1000.0)


def test_all_that_github_sends_is_read_and_what_nobody_knows_is_passed_over() -> None:
    deployment = {
        "id": 4189575565,
        "sha": "a" * 40,
        "ref": "develop",
        "payload": "a text",
        "created_at": "2026-01-31T09:30:00Z",
        "updated_at": "2026-01-31T10:30:00+01:00",
        "creator": None,
        "new": [{}],
    }
    body = LEAST | {
        "deployment": deployment,
        "event": "merge_group",
        "sha": "b" * 40,
        "ref": "other",
        "workflow_run": {"id": 12},
        "installation": {"id": 5, "node_id": "x"},
        "pull_requests": [{"user": None, "head": {"repo": None}}],
        "enterprise": {"id": 1},
        "later": {"deep": [1, None]},
    }
    pending = parse(_delivery(body), API)
    assert (pending.deployment_id, pending.sha, pending.ref) == (4189575565, "a" * 40, "develop")
    assert (pending.event, pending.installation_id) == ("merge_group", 5)
    assert pending.created_at == pending.updated_at == 1769851800.0
    assert pending.payload["later"] == {"deep": [1, None]}


def test_what_the_deployment_does_not_say_stands_beside_it() -> None:
    pending = parse(_delivery(LEAST | {"deployment": {"id": 1, "sha": None}, "sha": "b" * 40, "ref": "main"}), API)
    assert (pending.sha, pending.ref) == ("b" * 40, "main")


def test_a_form_carries_the_same() -> None:
    body = urlencode({"payload": json.dumps(LEAST)}).encode()
    assert parse(_delivery(body, kind=FORM), API) == parse(_delivery(LEAST), API)


def test_an_enterprise_server_has_its_own_base() -> None:
    base = "https://github.example.com/api/v3"
    body = LEAST | {"deployment_callback_url": LEAST["deployment_callback_url"].replace(API, base)}
    assert parse(_delivery(body), f"{base}/").run_id == 12
    with pytest.raises(Malformed, match="none of this API"):
        parse(_delivery(body), API)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/repos/acme/web.shop/actions/runs/12/deployment_protection_rule",
        "https://api.github.com.evil.example.com/repos/acme/web.shop/actions/runs/12/deployment_protection_rule",
        "https://api.github.com@evil.example.com/repos/acme/web.shop/actions/runs/12/deployment_protection_rule",
        "http://api.github.com/repos/acme/web.shop/actions/runs/12/deployment_protection_rule",
        f"{API}:444/repos/acme/web.shop/actions/runs/12/deployment_protection_rule",
        f"{API}/repos/acme/web.shop/actions/runs/12/deployment_protection_rule?x=1",
        f"{API}/repos/acme/web.shop/actions/runs/012/deployment_protection_rule",
        f"{API}/repos/acme/web.shop/actions/runs/-1/deployment_protection_rule",
        f"{API}/repos/acme/web.shop/actions/runs/{'9' * 30}/deployment_protection_rule",
        f"{API}/repos/acme/web.shop/actions/runs/12/deployment_protection_rule/..",
        f"{API}/repos/acme/web.shop/../../actions/runs/12/deployment_protection_rule",
        f"{API}/repos/acme/other/actions/runs/12/deployment_protection_rule",
        "https://[broken",
        "",
    ],
)
def test_an_address_that_is_not_the_one_of_this_repository_is_refused(url: str) -> None:
    with pytest.raises(Malformed):
        parse(_delivery(LEAST | {"deployment_callback_url": url}), API)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        {},
        LEAST | {"action": None},
        LEAST | {"environment": ["x"]},
        LEAST | {"environment": ""},
        LEAST | {"repository": None},
        LEAST | {"deployment": {"id": "1"}},
        LEAST | {"deployment": {"id": 10**30}},
        LEAST | {"workflow_run": {"id": 13}},
    ],
)
def test_what_is_no_request_is_malformed_and_never_a_crash(body: Any) -> None:
    with pytest.raises(Malformed):
        parse(_delivery(body), API)


@pytest.mark.parametrize("body", [b"", b"x=1", b"payload=1&payload=2", b"payload=%ff", b"&" * 100])
def test_a_form_that_holds_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(_delivery(body, kind=FORM), API)


@pytest.mark.parametrize(("body", "event"), [(LEAST | {"action": "created"}, EVENT), (LEAST, "push"), (b"x", "ping")])
def test_what_asks_for_no_decision_is_ignored(body: Any, event: str) -> None:
    with pytest.raises(Ignored, match="asks for no decision"):
        parse(_delivery(body, event), API)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", None])
def test_a_time_that_is_none_is_not_known(text: str | None) -> None:
    assert parse(_delivery(LEAST | {"deployment": {"created_at": text}}), API).created_at is None


HERE = {"repository": {"full_name": "acme/web"}}


@pytest.mark.parametrize(
    ("event", "body", "wanted"),
    [
        ("check_run", {"action": "completed", **HERE}, Signal("acme", "acme/web")),
        ("check_run", {"action": "created", **HERE}, None),
        ("workflow_run", {"action": "completed", "workflow_run": {"id": 4}, **HERE}, Signal("acme", "acme/web")),
        ("deployment_review", {"action": "approved", "workflow_run": {"id": 4}, **HERE}, Signal("acme", "acme/web", 4)),
        ("deployment_review", {"action": "requested", **HERE}, None),
        ("status", HERE, Signal("acme", "acme/web")),
        ("status", {}, None),
        ("status", {"repository": {"full_name": "acme"}}, None),
        ("issues", {"action": "labeled", **HERE}, Signal("acme", "acme/web")),
        (
            "installation",
            {"action": "unsuspend", "installation": {"account": {"login": "acme"}}},
            Signal("acme", mended=True),
        ),
        ("installation", {"action": "suspend", "installation": {"account": {"login": "acme"}}}, None),
        ("installation", {"action": "unsuspend"}, None),
        ("check_run", b"\xff", None),
        ("check_run", b"[" * 100_000, None),
        ("star", HERE, None),
    ],
)
def test_other_events_tell_whom_they_may_wake(event: str, body: Any, wanted: Signal | None) -> None:
    assert signal(_delivery(body, event)) == wanted
