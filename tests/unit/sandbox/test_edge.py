"""From a public host to a local process over real sockets, with every break of the chain."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator

import pytest

from tests.sandbox.edge import WHY
from tests.sandbox.faults import Fault
from tests.sandbox.standins.cloudflared import BadConfig, Credentials
from tests.sandbox.standins.control import Control
from tests.unit.sandbox.edge_world import HOST, World, a_world, config_of


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


def test_a_request_reaches_the_process_unchanged(world: World) -> None:
    credentials = world.tunnel()
    world.edge.register(credentials.tunnel, credentials, config_of(credentials.tunnel), "org-acme")
    body = bytes(range(256)) * 200
    status, text, headers = world.ask(
        "/hook/a%20b?x=1&x=2", "POST", body, X_Hub_Signature_256="sha256=00", CF_Connecting_IP="203.0.113.9"
    )
    got = json.loads(text)
    assert (status, headers["X-Origin"], headers["Server"]) == (202, "1", "cloudflare")
    assert (got["method"], got["target"]) == ("POST", "/hook/a%20b?x=1&x=2")
    assert got["sha"] == hashlib.sha256(body).hexdigest()
    seen = got["headers"]
    assert (seen["host"], seen["x-hub-signature-256"], seen["content-length"]) == (HOST, "sha256=00", str(len(body)))
    assert (seen["cf-connecting-ip"], seen["x-forwarded-for"]) == ("127.0.0.1", "127.0.0.1")
    assert seen["x-forwarded-proto"] == "https"
    assert seen["cf-ray"]
    assert json.loads(world.ask("/other", X_Forwarded_For="192.0.2.9")[1])["headers"]["x-forwarded-for"] == (
        "192.0.2.9, 127.0.0.1"
    )
    assert world.edge.log.entries()[0].headers["x-hub-signature-256"] == "sha256=00"


def test_1016_where_the_name_leads_nowhere(world: World) -> None:
    assert world.broken() == (530, "error code: 1016")
    record = world.call.record(proxied=False).result
    assert world.broken() == (530, "error code: 1016")
    one = f"/zones/{{zone}}/dns_records/{record['id']}"
    world.call("PATCH", one, {"proxied": True, "content": "www.example.net"})
    assert world.broken() == (530, "error code: 1016")
    world.call("PATCH", one, {"content": f"{'0' * 8}-0000-0000-0000-{'0' * 12}.cfargotunnel.com"})
    assert world.broken() == (530, "error code: 1016")


def test_1016_when_the_tunnel_is_deleted(world: World) -> None:
    credentials = world.tunnel()
    world.call.do("DELETE", f"/accounts/{{account}}/cfd_tunnel/{credentials.tunnel}")
    assert world.broken() == (530, "error code: 1016")
    assert "a tunnel that is not there" in world.ask()[2][WHY]


def test_1033_without_a_connector_and_across_accounts(world: World) -> None:
    credentials = world.tunnel()
    assert world.broken() == (530, "error code: 1033")
    connector = world.edge.register(credentials.tunnel, credentials, config_of(credentials.tunnel), "org-acme")
    assert world.ask()[0] == 202
    world.edge.unregister(connector)
    assert world.broken() == (530, "error code: 1033")
    world.call.zone = world.cloudflare.add_zone("other.org", world.cloudflare.add_account("Other"))
    assert world.call.record("x.other.org", content=f"{credentials.tunnel}.cfargotunnel.com").status == 200
    status, text, headers = world.ask(Host="x.other.org")
    assert (status, text) == (530, "error code: 1033")
    assert "another account" in headers[WHY]


def test_1033_when_the_connector_is_not_the_tunnels(world: World) -> None:
    credentials = world.tunnel()
    wrong = Credentials(credentials.account, credentials.tunnel, base64.b64encode(b"x" * 32).decode())
    world.edge.register(credentials.tunnel, wrong, config_of(credentials.tunnel), "org-acme")
    assert world.broken() == (530, "error code: 1033")
    assert "Invalid tunnel secret" in world.ask()[2][WHY]
    assert world.edge.state()["refused"] == {"by hand in org-acme": "Unauthorized: Invalid tunnel secret"}


def test_the_id_in_the_configuration_wins_over_the_credentials(world: World) -> None:
    """Row A32: a tunnel that is not the one of the credentials cannot be run with them."""
    credentials = world.tunnel()
    other = world.call.tunnel("other")["id"]
    world.edge.register(other, credentials, config_of(other), "org-acme")
    assert world.broken() == (530, "error code: 1033")


def test_404_and_hello_are_answered_by_the_connector(world: World) -> None:
    credentials = world.tunnel()
    rules = "ingress: [{path: hello, service: hello_world}, {service: 'http_status:404'}]"
    world.edge.register(credentials.tunnel, credentials, rules)
    assert world.broken("/nothing") == (404, "")
    assert world.ask("/hello")[0] == 200
    assert world.origin.log.entries() == []


def test_502_without_an_origin(world: World) -> None:
    credentials = world.tunnel()
    world.edge.register(credentials.tunnel, credentials, config_of(credentials.tunnel), "org-acme")
    assert world.broken("/gone") == (502, "error code: 502")
    assert "cannot resolve http://gone:81" in world.ask("/gone")[2][WHY]
    world.origin.stop()
    assert world.broken("/hook") == (502, "error code: 502")
    world.origin.start()


@pytest.mark.parametrize("service", ["https://listener:8080", "ssh://listener:22", "http://listener.org-acme.pod:8080"])
def test_502_for_services_that_no_pod_could_reach_here(world: World, service: str) -> None:
    credentials = world.tunnel()
    world.edge.register(credentials.tunnel, credentials, f"ingress: [{{service: '{service}'}}]", "org-acme")
    assert world.broken() == (502, "error code: 502")


def test_503_without_rules_and_524_when_the_origin_is_slow(world: World) -> None:
    credentials = world.tunnel()
    connector = world.edge.register(credentials.tunnel, credentials)
    assert world.broken() == (503, "")
    world.edge.unregister(connector)
    world.edge.register(credentials.tunnel, credentials, config_of(credentials.tunnel), "org-acme")
    world.origin.faults.arm(Fault("timeout", hold=2))
    assert world.broken("/slow") == (524, "error code: 524")
    world.origin.faults.arm(Fault("reset"))
    assert world.broken() == (502, "error code: 502")


def test_names_are_resolved_as_in_a_pod_and_the_host_can_be_set(world: World) -> None:
    credentials = world.tunnel()
    for service in ("listener:8080", "listener.org-acme:8080", "listener.org-acme.svc:8080", "elsewhere.shop"):
        rules = f"ingress: [{{service: 'http://{service}', originRequest: {{httpHostHeader: inside}}}}]"
        connector = world.edge.register(credentials.tunnel, credentials, rules, "org-acme")
        status, text, _unused = world.ask()
        assert (status, json.loads(text)["headers"]["host"]) == (202, "inside")
        world.edge.unregister(connector)


def test_rules_that_cloudflared_refuses_do_not_run(world: World) -> None:
    credentials = world.tunnel()
    with pytest.raises(BadConfig, match="last ingress rule"):
        world.edge.register(credentials.tunnel, credentials, "ingress: [{hostname: a.b, service: 'http://x'}]")


def test_a_remotely_managed_tunnel_takes_its_rules_from_the_api(world: World) -> None:
    credentials = world.tunnel(config_src="cloudflare")
    world.edge.register(credentials.tunnel, credentials, "ingress: [{service: 'http_status:418'}]", "org-acme")
    assert world.broken() == (503, "")
    path = f"/accounts/{{account}}/cfd_tunnel/{credentials.tunnel}/configurations"
    rules = [{"hostname": HOST, "service": "http://listener:8080"}, {"service": "http_status:404"}]
    world.call.do("PUT", path, {"config": {"ingress": rules}})
    assert world.ask()[0] == 202


def test_a_locally_managed_tunnel_does_not(world: World) -> None:
    credentials = world.tunnel()
    world.edge.register(credentials.tunnel, credentials, config_of(credentials.tunnel), "org-acme")
    path = f"/accounts/{{account}}/cfd_tunnel/{credentials.tunnel}/configurations"
    world.call.do("PUT", path, {"config": {"ingress": [{"service": "http_status:418"}]}})
    assert world.ask()[0] == 202


def test_a_connector_is_registered_from_another_process(world: World) -> None:
    credentials = world.tunnel()
    control = Control(world.edge.url)
    connector = control.do(
        "register",
        tunnel_id=credentials.tunnel,
        credentials=credentials.to_json(),
        config_text="ingress: [{service: 'http://listener:8080', unknown: 1}]",
        namespace="org-acme",
    )
    assert world.ask()[0] == 202
    (running,) = control.state()["running"].values()
    assert running == {"id": connector, "tunnel": credentials.tunnel, "warnings": ["unknown key 'unknown' in rule #1"]}
    control.do("unregister", connector_id=connector)
    assert world.broken() == (530, "error code: 1033")


def test_a_stopped_edge_leaves_the_stand_in_working(world: World) -> None:
    credentials = world.tunnel()
    world.edge.stop()
    one = f"/accounts/{{account}}/cfd_tunnel/{credentials.tunnel}"
    assert world.call("DELETE", one).result["deleted_at"]
