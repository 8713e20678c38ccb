"""Connectors in the cluster: what a Deployment of cloudflared reads, when it runs, and what the edge makes of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.edge import WHY, Edge
from tests.sandbox.standins.cloudflare_tunnels import RECONNECT_SECONDS
from tests.sandbox.standins.cloudflared import Credentials
from tests.unit.sandbox.edge_world import CONFIG, World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


def local_pod(**changes: Any) -> dict[str, Any]:
    """Return the pod of a locally managed tunnel, as an organization has it."""
    container = {
        "name": "cloudflared",
        "image": "registry.example:5000/cloudflare/cloudflared:2026.9.0@sha256:00",
        "args": ["tunnel", "--config", "/etc/cloudflared/config/config.yaml", "run"],
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/cloudflared/config"},
            {"name": "credentials", "mountPath": "/etc/cloudflared/credentials/"},
        ],
        **changes,
    }
    volumes = [
        {"name": "config", "configMap": {"name": "cloudflared-config"}},
        {"name": "credentials", "secret": {"secretName": "cloudflared-credentials-acme"}},
    ]
    return {"containers": [{"name": "side", "image": "busybox"}, container], "volumes": volumes}


def install(world: World, credentials: Credentials, config: str = CONFIG) -> None:
    world.objects.secret("cloudflared-credentials-acme", {"credentials.json": credentials.to_json()})
    world.objects.config_map("cloudflared-config", {"config.yaml": config.replace("{tunnel}", credentials.tunnel)})
    world.objects.deploy(local_pod())


def test_a_deployment_with_its_secret_and_config_map_is_a_connector(world: World) -> None:
    install(world, world.tunnel())
    assert world.ask()[0] == 202
    assert sorted(world.edge.state()["running"]) == ["org-acme/cloudflared-acme[0]", "org-acme/cloudflared-acme[1]"]


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        (
            "/api/v1/namespaces/org-acme/secrets/cloudflared-credentials-acme",
            "there is no secret org-acme/cloudflared-",
        ),
        ("/api/v1/namespaces/org-acme/configmaps/cloudflared-config", "there is no configMap org-acme/cloudflared-"),
    ],
)
def test_1033_while_something_is_missing(world: World, missing: str, why: str) -> None:
    install(world, world.tunnel())
    kept = world.objects.objects.pop(missing)
    assert world.broken() == (530, "error code: 1033")
    assert why in world.ask()[2][WHY]
    world.objects.objects[missing] = kept
    assert world.ask()[0] == 202


def test_1033_while_no_replica_is_available(world: World) -> None:
    install(world, world.tunnel())
    world.objects.deploy(local_pod(), available=0)
    assert world.broken() == (530, "error code: 1033")
    assert "no replica is available" in world.ask()[2][WHY]
    trusting = Edge(
        world.cloudflare, world.objects, lambda *_unused: ("127.0.0.1", world.origin.port), needs_available=False
    )
    with trusting:
        world.edge, kept = trusting, world.edge
        assert world.ask()[0] == 202
    world.edge = kept


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("ingress: [{hostname: a.b, service: 'http://x'}]", "last ingress rule"),
        ("credentials-file: /etc/cloudflared/credentials/credentials.json", "requires the ID or name"),
        ("tunnel: {tunnel}", "credentials file not found"),
        ("tunnel: {tunnel}\ncredentials-file: /elsewhere.json", "no volume is mounted for /elsewhere.json"),
        ("tunnel: {tunnel}\ncredentials-file: /etc/cloudflared/credentials/c.json", "there is no c.json in the volume"),
    ],
)
def test_1033_when_cloudflared_would_not_start(world: World, config: str, why: str) -> None:
    install(world, world.tunnel(), config)
    assert world.broken() == (530, "error code: 1033")
    assert why in world.edge.state()["not_started"]["org-acme/cloudflared-acme"]


def test_a_reason_of_many_lines_fits_a_header(world: World) -> None:
    install(world, world.tunnel(), "tunnel: [\n\u00fc\n\u2603: {\n")
    assert world.broken() == (530, "error code: 1033")
    assert "error parsing YAML in config file" in world.ask()[2][WHY]


def test_a_changed_config_map_alone_does_nothing(world: World) -> None:
    """Row B5, A23: cloudflared reads its file at the start; only a new pod template makes new pods."""
    credentials = world.tunnel()
    install(world, credentials)
    assert world.ask()[0] == 202
    no_rules = f"tunnel: {credentials.tunnel}\ncredentials-file: /etc/cloudflared/credentials/credentials.json"
    world.objects.config_map("cloudflared-config", {"config.yaml": no_rules})
    assert world.ask()[0] == 202
    world.objects.deploy(local_pod(), annotations={"checksum": "2"})
    assert world.ask()[0] == 503


def test_a_tunnel_cannot_be_deleted_under_its_connectors(world: World) -> None:
    """Row B2: the table of connections follows the cluster without anybody asking the edge."""
    credentials = world.tunnel()
    install(world, credentials)
    one = f"/accounts/{{account}}/cfd_tunnel/{credentials.tunnel}"
    assert world.call("GET", one).result["status"] == "healthy"
    assert len(world.call("GET", f"{one}/connections").result) == 2
    assert world.call("DELETE", one).refused == (400, 1022)
    world.objects.deployments.clear()
    assert world.call("GET", one).result["status"] == "down"
    assert world.call("DELETE", one).result["deleted_at"]


def test_deleted_connections_come_back_after_a_while(world: World) -> None:
    credentials = world.tunnel()
    install(world, credentials)
    one = f"/accounts/{{account}}/cfd_tunnel/{credentials.tunnel}"
    world.call.do("DELETE", f"{one}/connections")
    assert world.broken() == (530, "error code: 1033")
    world.cloudflare.clock.shift += RECONNECT_SECONDS + 1
    assert world.ask()[0] == 202
    world.call.do("DELETE", f"{one}/connections")
    assert world.call("DELETE", one).result["deleted_at"]


def test_a_new_secret_leaves_running_connectors_alone(world: World) -> None:
    credentials = world.tunnel()
    install(world, credentials)
    assert world.ask()[0] == 202
    secret = base64.b64encode(b"n" * 32).decode()
    world.call.do("PATCH", f"/accounts/{{account}}/cfd_tunnel/{credentials.tunnel}", {"tunnel_secret": secret})
    assert world.ask()[0] == 202
    world.objects.deploy(local_pod(), annotations={"restarted": "with the old secret"})
    assert world.broken() == (530, "error code: 1033")
    renewed = Credentials(credentials.account, credentials.tunnel, secret)
    world.objects.secret("cloudflared-credentials-acme", {"credentials.json": renewed.to_json()})
    world.objects.deploy(local_pod(), annotations={"restarted": "with the new one"})
    assert world.ask()[0] == 202


TOKEN_FROM_SECRET = {"name": "TUNNEL_TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "token"}}}


@pytest.mark.parametrize(
    "changes",
    [
        {"args": ["tunnel", "--no-autoupdate", "run"], "env": [TOKEN_FROM_SECRET]},
        {"args": ["tunnel", "run", "--token", "$(TUNNEL_TOKEN)"], "env": [TOKEN_FROM_SECRET]},
        {"args": ["tunnel", "run"], "envFrom": [{"prefix": "TUNNEL_", "secretRef": {"name": "upper"}}]},
        {"args": ["tunnel", "run", "--token-file=/token/here"]},
        {"args": ["tunnel", "run"], "env": [{"name": "TUNNEL_TOKEN_FILE", "value": "/token/here"}]},
    ],
)
def test_a_token_runs_a_remotely_managed_tunnel(world: World, changes: dict[str, Any]) -> None:
    credentials = world.tunnel(config_src="cloudflare")
    world.objects.secret("token", {"token": credentials.to_token()})
    world.objects.secret("upper", {"TOKEN": credentials.to_token()})
    pod = local_pod(volumeMounts=[{"name": "token", "mountPath": "/token"}], **changes)
    pod["volumes"] = [
        {
            "name": "token",
            "projected": {"sources": [{"secret": {"name": "token", "items": [{"key": "token", "path": "here"}]}}]},
        }
    ]
    world.objects.deploy(pod)
    path = f"/accounts/{{account}}/cfd_tunnel/{credentials.tunnel}/configurations"
    world.call.do("PUT", path, {"config": {"ingress": [{"service": "http://listener:8080"}]}})
    assert world.ask()[0] == 202


def test_a_token_can_run_a_locally_managed_tunnel_with_a_file(world: World) -> None:
    credentials = world.tunnel()
    install(world, credentials)
    pod = local_pod(env=[{"name": "TUNNEL_TOKEN", "value": credentials.to_token()}])
    pod["volumes"] = pod["volumes"][:1]
    world.objects.deploy(pod)
    assert world.ask()[0] == 202


def test_credentials_may_come_as_text_and_files_one_by_one(world: World) -> None:
    credentials = world.tunnel()
    install(world, credentials, "ingress: [{service: 'http://listener:8080'}]")
    pod = local_pod(
        args=["tunnel", "run", credentials.tunnel],
        env=[
            {
                "name": "TUNNEL_CRED_CONTENTS",
                "valueFrom": {
                    "secretKeyRef": {"name": "cloudflared-credentials-acme", "key": "credentials.json"},
                },
            }
        ],
        volumeMounts=[{"name": "config", "mountPath": "/etc/cloudflared/config.yml", "subPath": "config.yaml"}],
    )
    world.objects.deploy(pod)
    assert world.ask()[0] == 202


def test_optional_sources_may_be_missing_others_not(world: World) -> None:
    install(world, world.tunnel())
    env: list[dict[str, Any]] = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "x", "optional": True}}},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    world.objects.deploy(local_pod(env=env, envFrom=[{"configMapRef": {"name": "none", "optional": True}}]))
    assert world.ask()[0] == 202
    reference = {"name": "cloudflared-config", "key": "other"}
    world.objects.deploy(local_pod(env=[{"name": "A", "valueFrom": {"configMapKeyRef": reference}}]))
    assert world.broken() == (530, "error code: 1033")
    assert "cloudflared-config has no key other" in world.ask()[2][WHY]


def test_other_deployments_are_no_connectors(world: World) -> None:
    world.tunnel()
    world.objects.deploy({"containers": [{"name": "x", "image": "example/cloudflared-exporter:1"}]})
    assert world.broken() == (530, "error code: 1033")
    assert world.edge.state() == {"running": {}, "refused": {}, "not_started": {}}
