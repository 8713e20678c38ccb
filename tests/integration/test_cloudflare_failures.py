"""What becomes of an organization when Cloudflare fails half-way, on the way in and on the way out?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.tenants import Tenants, succeeded, tenants
from tests.sandbox.faults import Fault
from tests.sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def on(sandbox: Sandbox) -> Iterator[Tenants]:
    with tenants(sandbox) as made:
        assert sandbox.edge.url
        yield made


def refusing(method: str, part: str) -> Fault:
    """Cloudflare answers every request of that method whose path holds that part with 500."""
    return Fault("500", times=None, match=lambda asked, path: asked == method and part in path)


def test_B2_a_failed_dns_record_costs_no_tunnel(on: Tenants) -> None:
    faults = on.sandbox.cloudflare.faults
    faults.arm(refusing("POST", "/dns_records"))
    try:
        first = on.organization("halfway")
        tunnels = on.tunnels("halfway")
        again = on.organization("halfway")
    finally:
        faults.clear()
    assert first["failed"]
    assert again["failed"]
    assert first["failure"]["kind"] == "broken"
    assert len(tunnels) == 1
    assert [item["id"] for item in on.tunnels("halfway")] == [tunnels[0]["id"]]

    assert succeeded(on.organization("halfway"))
    assert [item["id"] for item in on.tunnels("halfway")] == [tunnels[0]["id"]]
    assert [item["content"] for item in on.records("halfway")] == [f"{tunnels[0]['id']}.cfargotunnel.com"]


def test_B3_what_cloudflare_refuses_to_delete_is_said_and_deleted_later(on: Tenants) -> None:
    assert succeeded(on.organization("stubborn"))
    faults = on.sandbox.cloudflare.faults
    faults.arm(refusing("DELETE", "/cfd_tunnel/"))
    try:
        refused = on.organization("stubborn", state="absent")
    finally:
        faults.clear()
    assert refused["failed"]
    assert f"webhooks-{on.name('stubborn')}" in refused["msg"]
    # Nothing that is needed to find and to prove the tunnel has gone before it.
    assert on.tunnels("stubborn")
    assert on.api.find(f"/api/v1/namespaces/org-{on.name('stubborn')}/secrets/cloudflared-tunnel-secret")

    assert succeeded(on.organization("stubborn", state="absent"))
    assert on.tunnels("stubborn") == []
    assert on.records("stubborn") == []
