"""Does a push at the public host make Flux look, and does each break name its hop?

Asked of the real notification-controller, through the edge and a tunnel rule.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.flux import TOKEN, Flux
from tests.sandbox.sandbox import Sandbox


@pytest.fixture
def flux(sandbox: Sandbox) -> Iterator[Flux]:
    made = Flux(sandbox)
    made.source("apps")
    yield made
    made.clear()


def receivers(flux: Flux) -> str:
    return f"/apis/notification.toolkit.fluxcd.io/v1/namespaces/{flux.namespace}/receivers"


def test_A1_the_path_that_is_computed_is_the_path_that_flux_serves(flux: Flux) -> None:
    result = flux.receiver()
    live = flux.sandbox.api.get(f"{receivers(flux)}/hooks")
    assert live["status"]["webhookPath"] == result["receiver"]["webhook_path"]
    assert result["receiver"]["ready"]


def test_A16_a_push_to_the_branch_makes_the_source_look_and_nothing_else_does(flux: Flux) -> None:
    flux.source("charts", kind="OCIRepository", team="web")
    chosen = [{"name": "apps"}, {"kind": "OCIRepository", "name": "*", "match_labels": {"team": "web"}}]
    path = flux.receiver(resources=chosen)["receiver"]["webhook_path"]
    connector = flux.sandbox.edge.register("any", flux.expose())
    assert flux.deliver(path, "ping", zen="Keep it simple.") == 200
    assert flux.deliver(path, ref="refs/heads/feature") == 200
    assert flux.deliver(path, token="somebody else's token") == 400
    assert flux.deliver(path + "/") == 404
    assert flux.deliver(path, "issues") == 400
    assert flux.requested_at() == {"apps": None, "charts": None}
    assert flux.deliver(path) == 200
    assert None not in flux.requested_at().values()
    flux.sandbox.edge.unregister(connector)


def test_A34_each_break_names_its_hop_and_nothing_is_polled(flux: Flux) -> None:
    assert flux.verify()[0] == ("receiver-missing", "error")
    flux.receiver()
    ready = ("receiver-ready", "ok")
    assert flux.verify() == [ready, ("dns-target", "error")]
    credentials = flux.expose()
    assert flux.verify() == [ready, ("tunnel-down", "error")]
    connector = flux.sandbox.edge.register("any", credentials)
    assert flux.verify() == [ready, ("way-open", "ok")]
    flux.receiver(suspend=True)
    assert flux.verify() == [("receiver-suspended", "error"), ("receiver-not-ready", "error")]
    flux.receiver()
    rule = {"hostname": flux.host, "path": "^/hook/[0-9a-f]{64}$", "service": "http://nowhere.flux-system:80"}
    tunnel = flux.run("cloudflare_tunnel", name=flux.namespace, config_src="cloudflare")["tunnel"]["id"]
    flux.run("cloudflare_tunnel_ingress", tunnel_id=tunnel, rules=[rule], adopt=True)
    assert flux.verify()[-1] == ("origin-unreachable", "error")
    flux.run("cloudflare_tunnel_ingress", tunnel_id=tunnel, rules=[{**rule, "path": "^/hooks/"}], adopt=True)
    flux.run("cloudflare_tunnel_ingress", tunnel_id=tunnel, rules=[rule], state="absent", adopt=True)
    assert flux.verify()[-1] == ("tunnel-rule", "error")
    assert flux.requested_at() == {"apps": None}
    flux.sandbox.edge.unregister(connector)


def test_a_signed_delivery_is_proof_that_the_whole_chain_works(flux: Flux) -> None:
    flux.receiver()
    connector = flux.sandbox.edge.register("any", flux.expose())
    assert flux.verify(prove="ping")[-1] == ("proof-answered", "ok")
    assert flux.requested_at() == {"apps": None}
    assert flux.verify(prove="push")[-2:] == [("proof-answered", "ok"), ("source-polled", "ok")]
    assert flux.verify(prove="push", branch="other", timeout=2)[-1] == ("source-not-polled", "error")
    assert ("source-polled", "ok") in flux.verify(polled_since="2026-01-01T00:00:00Z")
    assert ("source-not-polled", "error") in flux.verify(polled_since="2999-01-01T00:00:00Z")
    flux.sandbox.edge.unregister(connector)


def test_A22_a_changed_token_moves_the_path_and_flux_follows_at_once(flux: Flux) -> None:
    before = flux.receiver()["receiver"]["webhook_path"]
    begun = time.monotonic()
    result = flux.receiver(token=TOKEN[::-1])
    assert result["receiver"]["webhook_path"] != before
    assert time.monotonic() - begun < 30
    live = flux.sandbox.api.get(f"{receivers(flux)}/hooks")
    assert live["status"]["webhookPath"] == result["receiver"]["webhook_path"]
    assert not flux.receiver(token=TOKEN[::-1])["changed"]


def test_A17_a_source_that_goes_away_is_seen(flux: Flux) -> None:
    path = flux.receiver()["receiver"]["webhook_path"]
    connector = flux.sandbox.edge.register("any", flux.expose())
    flux.sandbox.api.delete(f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{flux.namespace}/gitrepositories/apps")
    assert flux.deliver(path) == 500
    assert ("source-missing", "error") in flux.verify()
    flux.sandbox.edge.unregister(connector)


def test_a_generic_receiver_is_never_triggered_by_looking(flux: Flux) -> None:
    result = flux.receiver("open", type="generic", branches=None)
    assert result["receiver"]["webhook_path"] == "***"
    connector = flux.sandbox.edge.register("any", flux.expose())
    assert flux.verify("open")[-1] == ("way-open", "ok")
    assert flux.requested_at("open") == {"apps": None}
    flux.sandbox.edge.unregister(connector)


def test_A10_the_metrics_that_our_rules_read_are_exported(flux: Flux) -> None:
    path = flux.receiver()["receiver"]["webhook_path"]
    connector = flux.sandbox.edge.register("any", flux.expose())
    assert flux.deliver(path, token="wrong") == 400
    exported = flux.metrics()
    counted = [line for line in exported.splitlines() if "gotk_receiver_http_request_duration_seconds_count" in line]
    assert any('code="400"' in line and 'handler="/hook/"' in line for line in counted), counted
    assert path not in exported
    assert "gotk_webhook_receiver" not in exported
    flux.sandbox.edge.unregister(connector)
