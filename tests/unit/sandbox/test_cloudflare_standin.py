"""The Cloudflare stand-in over real sockets: tokens, zones, tunnels with every code, faults, and what the official
client makes of its answers. DNS records have a file of their own."""

from __future__ import annotations

import base64
import http.client
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import cloudflare as sdk
import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.standins.cloudflare import Cloudflare
from tests.sandbox.standins.cloudflare_tunnels import RECONNECT_SECONDS, ConnectorRefused
from tests.sandbox.standins.cloudflared import Credentials
from tests.sandbox.standins.control import Control
from tests.unit.sandbox.cloudflare_client import Client

NOBODY = "0" * 32
CONNECTOR = "aaaaaaaa-0000-4000-8000-000000000001"
SECRET = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def cloudflare() -> Iterator[Cloudflare]:
    with Cloudflare() as standin:
        yield standin


@pytest.fixture
def call(cloudflare: Cloudflare) -> Iterator[Client]:
    client = Client(cloudflare, cloudflare.add_zone("example.com"))
    yield client
    client.close()


# Tokens and envelope


def test_a_token_is_verified(call: Client, cloudflare: Cloudflare) -> None:
    for path in ("/user/tokens/verify", "/accounts/{account}/tokens/verify"):
        reply = call("GET", path)
        assert reply.result["status"] == "active"
        assert reply.data["messages"][0]["code"] == 10000
    cloudflare.set_token_status(cloudflare.token, "expired")
    assert call("GET", "/user/tokens/verify").result["status"] == "expired"
    assert call("GET", "/zones").refused == (403, 9109)


def test_every_answer_carries_a_ray(call: Client) -> None:
    for reply in (call("GET", "/accounts"), call("GET", "/nothing")):
        assert re.fullmatch(r"[0-9a-f]{16}-[A-Z]{3}", reply.headers["CF-Ray"])
        assert reply.headers["Server"] == "cloudflare"


@pytest.mark.parametrize(
    ("path", "token", "refused"),
    [
        ("/zones", "", (400, 9106)),
        ("/zones", "Bearer short", (400, 6003)),
        ("/zones", "Basic " + "x" * 40, (400, 6003)),
        ("/user/tokens/verify", "Bearer " + "x" * 40, (401, 1000)),
        ("/zones", "Bearer " + "x" * 40, (403, 9109)),
        ("/accounts/{account}/cfd_tunnel", "Bearer " + "x" * 40, (403, 10000)),
    ],
)
def test_bad_tokens(call: Client, path: str, token: str, refused: tuple[int, int]) -> None:
    assert call("GET", path, token=token).refused == refused


def test_a_malformed_header_names_its_cause(call: Client) -> None:
    errors = call("GET", "/zones", token="Bearer nope").data["errors"]
    assert errors[0]["error_chain"] == [{"code": 6111, "message": "Invalid format for Authorization header"}]


@pytest.mark.parametrize(
    ("scopes", "path", "refused"),
    [
        (["dns"], "/accounts/{account}/cfd_tunnel", (403, 10000)),
        (["tunnel"], "/zones/{zone}/dns_records", (403, 10000)),
        (["dns"], "/zones/{zone}", (403, 10000)),
        (["dns"], "/zones", (403, 0)),
        (["dns"], "/accounts/{account}", (403, 10000)),
    ],
)
def test_rights_are_per_token(call: Client, scopes: list[str], path: str, refused: tuple[int, int]) -> None:
    token = call.cloudflare.add_token(scopes)
    assert call("GET", path, token=f"Bearer {token}").refused == refused


def test_a_token_that_may_not_read_accounts_sees_none(call: Client) -> None:
    token = call.cloudflare.add_token(["tunnel", "dns", "zone"])
    assert call("GET", "/accounts", token=f"Bearer {token}").result == []
    assert [account["id"] for account in call("GET", "/accounts").result] == [call.cloudflare.account_id]


@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        ("GET", "/nothing", (404, 7003)),
        ("GET", "/zones/example.com/dns_records", (404, 7003)),
        ("GET", "/accounts/me@example.com/cfd_tunnel", (404, 7003)),
        ("GET", f"/accounts/{NOBODY}/cfd_tunnel", (403, 10000)),
        ("GET", f"/zones/{NOBODY}", (403, 9109)),
        ("GET", f"/zones/{NOBODY}/dns_records", (403, 10000)),
        ("DELETE", "/zones/{zone}/dns_records", (405, 7001)),
    ],
)
def test_paths_that_lead_nowhere(call: Client, method: str, path: str, refused: tuple[int, int]) -> None:
    assert call(method, path).refused == refused


# Accounts and zones


def test_accounts_and_zones_are_found(call: Client, cloudflare: Cloudflare) -> None:
    other = cloudflare.add_account("Other")
    zone = cloudflare.add_zone("Example.org", other, plan="pro")
    assert call("GET", f"/accounts/{other}").result["name"] == "Other"
    assert [found["name"] for found in call("GET", "/accounts", name="Other").result] == ["Other"]
    found = call("GET", "/zones", name="example.org").result
    assert [(item["id"], item["account"]["id"], item["plan"]["legacy_id"]) for item in found] == [(zone, other, "pro")]
    assert call("GET", f"/zones/{zone}").result["status"] == "active"
    assert call("GET", "/zones", name="example.net").result == []
    for query, names in (
        ({"account.id": other}, ["example.org"]),
        ({"account.name": "Sandbox"}, ["example.com"]),
        ({"status": "pending"}, []),
    ):
        assert [item["name"] for item in call("GET", "/zones", **query).result] == names


def test_lists_come_in_pages(call: Client, cloudflare: Cloudflare) -> None:
    for number in range(24):
        cloudflare.add_zone(f"zone{number:02}.example")
    first = call("GET", "/zones")
    info = {"page": 1, "per_page": 20, "count": 20, "total_count": 25, "total_pages": 2}
    assert first.data["result_info"] == info
    last = call("GET", "/zones", page=3, per_page=10)
    assert last.data["result_info"] == {"page": 3, "per_page": 10, "count": 5, "total_count": 25, "total_pages": 3}
    assert [zone["name"] for zone in last.result][-1] == "zone23.example"
    assert call("GET", "/zones", page=9).result == []
    assert call("GET", "/zones", per_page=1000).data["result_info"]["per_page"] == 50


# Tunnels


def test_a_tunnel_lives_and_stays_in_the_list_when_it_is_deleted(call: Client) -> None:
    made = call.tunnel(tunnel_secret=SECRET)
    assert (made["config_src"], made["remote_config"], made["status"]) == ("local", False, "inactive")
    assert made["credentials_file"] == {
        "AccountTag": call.cloudflare.account_id,
        "TunnelID": made["id"],
        "TunnelName": "webhooks-acme",
        "TunnelSecret": SECRET,
    }
    one = f"/accounts/{{account}}/cfd_tunnel/{made['id']}"
    token = call("GET", f"{one}/token").result
    assert token == made["token"]
    assert Credentials.from_token(token) == Credentials(call.cloudflare.account_id, made["id"], SECRET)
    seen = call("GET", one).result
    assert "token" not in seen
    assert "credentials_file" not in seen
    assert call("DELETE", one).result["deleted_at"]
    assert call("GET", one).result["deleted_at"]
    assert call("DELETE", one).refused == (404, 1003)
    assert call("GET", f"{one}/token").refused == (404, 1003)
    root = "/accounts/{account}/cfd_tunnel"
    assert [tunnel["id"] for tunnel in call("GET", root).result] == [made["id"]]
    assert call("GET", root, is_deleted="false").result == []
    assert len(call("GET", root, is_deleted="true", name="webhooks-acme").result) == 1
    assert call.tunnel()["id"] != made["id"]


def test_a_secret_is_made_when_none_is_given(call: Client) -> None:
    assert len(base64.b64decode(call.tunnel()["credentials_file"]["TunnelSecret"])) == 32


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ("{", (400, 1030)),
        ([], (400, 1030)),
        ({}, (400, 1030)),
        ({"name": " "}, (400, 1030)),
        ({"name": "t", "config_src": "remote"}, (400, 1030)),
        ({"name": "t", "tunnel_secret": "not base64"}, (400, 1030)),
        ({"name": "t", "tunnel_secret": base64.b64encode(b"x" * 31).decode()}, (400, 1002)),
        ({"name": str(uuid.uuid4())}, (400, 1002)),
        ({"name": "taken"}, (409, 1013)),
    ],
)
def test_tunnels_that_are_refused(call: Client, body: Any, refused: tuple[int, int]) -> None:
    call.tunnel("taken")
    assert call("POST", "/accounts/{account}/cfd_tunnel", body).refused == refused
    assert len(call.cloudflare.tunnels()) == 1


def test_names_are_unique_in_an_account_only(call: Client, cloudflare: Cloudflare) -> None:
    call.tunnel("same")
    other = cloudflare.add_account("Other")
    assert call("POST", f"/accounts/{other}/cfd_tunnel", {"name": "same"}).result["account_tag"] == other
    assert len(call("GET", "/accounts/{account}/cfd_tunnel").result) == 1


def test_a_tunnel_is_renamed_and_gets_a_new_secret(call: Client) -> None:
    first, second = call.tunnel("first"), call.tunnel("second")
    one = f"/accounts/{{account}}/cfd_tunnel/{first['id']}"
    assert call("PATCH", one, {"name": "first", "tunnel_secret": SECRET}).result["name"] == "first"
    assert Credentials.from_token(call("GET", f"{one}/token").result).secret == SECRET
    assert call("PATCH", one, {"name": second["name"]}).refused == (409, 1013)
    assert call("PATCH", one, {"name": "new", "tunnel_secret": "eA=="}).refused == (400, 1002)
    assert call("GET", one).result["name"] == "first"
    assert call("PATCH", f"/accounts/{{account}}/cfd_tunnel/{uuid.uuid4()}", {}).refused == (404, 1003)


def test_tunnels_are_filtered_and_paged(call: Client) -> None:
    made = [call.tunnel(f"t-{number}") for number in range(5)] + [call.tunnel("other")]

    def names(**query: Any) -> list[str]:
        return [tunnel["name"] for tunnel in call("GET", "/accounts/{account}/cfd_tunnel", **query).result]

    assert names(uuid=made[2]["id"]) == ["t-2"]
    assert names(include_prefix="t-", per_page=2, page=3) == ["t-4"]
    assert names(exclude_prefix="t-") == ["other"]
    assert names(status="healthy") == []
    assert len(names(status="inactive")) == 6


def test_connections_keep_a_tunnel_alive(call: Client, cloudflare: Cloudflare) -> None:
    made = call.tunnel(tunnel_secret=SECRET)
    one = f"/accounts/{{account}}/cfd_tunnel/{made['id']}"
    credentials = Credentials.from_token(made["token"])
    cloudflare.connect(credentials, CONNECTOR, "198.51.100.7", "2026.9.0")
    assert call("GET", one).result["status"] == "healthy"
    (connector,) = call("GET", f"{one}/connections").result
    assert (connector["id"], len(connector["conns"])) == (CONNECTOR, 4)
    assert call("GET", f"{one}/connectors/{CONNECTOR}").result == connector
    assert call("GET", f"{one}/connectors/{uuid.uuid4()}").refused == (404, 1003)
    assert call("DELETE", one).refused == (400, 1022)
    assert call("DELETE", f"{one}/connections", client_id=str(uuid.uuid4())).result is None
    assert call("GET", one).result["status"] == "healthy"
    assert call("DELETE", f"{one}/connections").result is None
    seen = call("GET", one).result
    assert (seen["status"], seen["conns_active_at"]) == ("down", None)
    assert call("GET", f"{one}/connections").result == []
    assert call("DELETE", one).result["deleted_at"]


def test_cascade_deletes_the_connections_too(call: Client, cloudflare: Cloudflare) -> None:
    made = call.tunnel()
    cloudflare.connect(Credentials.from_token(made["token"]), CONNECTOR, "198.51.100.7", "2026.9.0")
    one = f"/accounts/{{account}}/cfd_tunnel/{made['id']}"
    assert call("DELETE", one, cascade="true").result["deleted_at"]
    assert call("GET", f"{one}/connections").result == []


def test_who_may_connect(call: Client, cloudflare: Cloudflare) -> None:
    made = call.tunnel()
    good = Credentials.from_token(made["token"])
    with pytest.raises(ConnectorRefused, match="Tunnel not found"):
        cloudflare.connect(Credentials(good.account, str(uuid.uuid4()), good.secret), CONNECTOR, "", "")
    with pytest.raises(ConnectorRefused, match="Tunnel not found"):
        cloudflare.connect(Credentials(NOBODY, good.tunnel, good.secret), CONNECTOR, "", "")
    with pytest.raises(ConnectorRefused, match="Invalid tunnel secret"):
        cloudflare.connect(Credentials(good.account, good.tunnel, SECRET), CONNECTOR, "", "")
    cloudflare.connect(good, CONNECTOR, "", "")
    one = f"/accounts/{{account}}/cfd_tunnel/{made['id']}"
    call("PATCH", one, {"tunnel_secret": SECRET})
    cloudflare.connect(good, CONNECTOR, "", "")
    call("DELETE", f"{one}/connections")
    with pytest.raises(ConnectorRefused, match="Invalid tunnel secret"):
        cloudflare.connect(good, CONNECTOR, "", "")
    renewed = Credentials(good.account, good.tunnel, SECRET)
    with pytest.raises(ConnectorRefused, match="retrying"):
        cloudflare.connect(renewed, CONNECTOR, "", "")
    cloudflare.clock.shift = RECONNECT_SECONDS + 1
    cloudflare.connect(renewed, CONNECTOR, "", "")
    assert call("GET", one).result["status"] == "healthy"


@pytest.mark.parametrize("kind", ["local", "cloudflare"])
def test_a_configuration_is_replaced_whole(call: Client, kind: str) -> None:
    made = call.tunnel(config_src=kind)
    path = f"/accounts/{{account}}/cfd_tunnel/{made['id']}/configurations"
    empty = call("GET", path).result
    assert (empty["version"], empty["config"], empty["source"]) == (0, None, kind)
    rule = {"hostname": "a.example.com", "service": "http://x:80", "originRequest": {"connectTimeout": 10}}
    config = {"ingress": [rule, {"service": "http_status:404"}], "warp-routing": {"enabled": False}}
    assert call("PUT", path, {"config": config}).result["version"] == 1
    assert call("GET", path).result["config"] == config
    less = {"ingress": [{"service": "http_status:503"}]}
    put = call("PUT", path, {"config": less}).result
    assert (put["version"], put["config"], put["tunnel_id"]) == (2, less, made["id"])


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, (400, 1030)),
        ({"config": []}, (400, 1030)),
        ({"config": {"ingress": [{"hostname": "a.b", "service": "http://x"}]}}, (400, 1056)),
        ({"config": {"ingress": [{"service": "http://x"}], "originRequest": {"connectTimeout": "10s"}}}, (400, 1056)),
    ],
)
def test_configurations_that_are_refused(call: Client, body: Any, refused: tuple[int, int]) -> None:
    made = call.tunnel(config_src="cloudflare")
    path = f"/accounts/{{account}}/cfd_tunnel/{made['id']}/configurations"
    reply = call("PUT", path, body)
    assert reply.refused == refused
    if refused[1] == 1056:
        assert "Bad Configuration: Validation failed: " in reply.data["errors"][0]["message"]
    assert call("GET", path).result["version"] == 0
    call("DELETE", path.removesuffix("/configurations"))
    assert call("PUT", path, {"config": {}}).refused == (404, 1003)


# Faults, control, and the official client


def test_a_rate_limit_and_a_breakdown_speak_cloudflare(call: Client, cloudflare: Cloudflare) -> None:
    cloudflare.faults.arm(Fault("429", retry_after=3))
    limited = call("GET", "/zones")
    assert limited.refused == (429, 971)
    assert limited.headers["Retry-After"] == "3"
    cloudflare.faults.arm(Fault("500"))
    assert call("POST", "/accounts/{account}/cfd_tunnel", {"name": "x"}).refused == (500, 10013)
    assert cloudflare.tunnels() == []
    cloudflare.faults.arm(Fault("garbage"))
    with pytest.raises(json.JSONDecodeError):
        call("GET", "/zones")


def test_a_lost_answer_leaves_a_tunnel_behind(call: Client, cloudflare: Cloudflare) -> None:
    cloudflare.faults.arm(Fault("lost"))
    with pytest.raises(http.client.RemoteDisconnected):
        call.tunnel("kept")
    assert [tunnel.name for tunnel in cloudflare.tunnels()] == ["kept"]


def test_state_and_setting_up_from_another_process(call: Client, cloudflare: Cloudflare) -> None:
    control = Control(cloudflare.url)
    zone = control.do("add_zone", name="example.org")
    call.tunnel(tunnel_secret=SECRET)
    call.record("acme")
    state = control.state()
    assert [item["id"] for item in state["zones"]] == [call.zone, zone]
    assert state["zones"][0]["records"][0]["name"] == "acme.example.com"
    assert state["tunnels"][0]["tunnel_secret"] == SECRET
    token = control.do("add_token", scopes=["dns"])
    assert call("GET", "/zones/{zone}/dns_records", token=f"Bearer {token}").status == 200
    with pytest.raises(ValueError, match="SCOPES"):
        cloudflare.add_token(["everything"])


def test_the_official_client_understands_it(call: Client, cloudflare: Cloudflare) -> None:
    client = sdk.Cloudflare(api_token=cloudflare.token, base_url=f"{cloudflare.url}/client/v4", max_retries=0)
    root = f"/accounts/{cloudflare.account_id}/cfd_tunnel"
    made: Any = client.post(root, body={"name": "webhooks-acme"}, cast_to=object)
    with pytest.raises(sdk.ConflictError) as conflict:
        client.post(root, body={"name": "webhooks-acme"}, cast_to=object)
    assert "1013" in str(conflict.value)
    with pytest.raises(sdk.NotFoundError):
        client.get(f"{root}/{uuid.uuid4()}", cast_to=object)
    cloudflare.faults.arm(Fault("429"))
    with pytest.raises(sdk.RateLimitError) as limited:
        client.get(root, cast_to=object)
    assert limited.value.response.headers["retry-after"] == "1"
    cloudflare.faults.arm(Fault("reset"))
    with pytest.raises(sdk.APIConnectionError):
        client.get(root, cast_to=object)
    listed: Any = client.get(root, cast_to=object)
    assert made["result"]["id"] == listed["result"][0]["id"]
    client.close()
