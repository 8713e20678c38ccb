"""A Cloudflare stand-in, its edge, one origin and a table of cluster objects, for the tests beside it.

In: nothing. Out: a World to ask through. Never here: a test.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.edge import Edge
from tests.sandbox.standins.cloudflare import Cloudflare
from tests.sandbox.standins.cloudflared import Credentials
from tests.sandbox.standins.server import Answer, Request, StandIn
from tests.unit.sandbox.cloudflare_client import Client

HOST = "acme.example.com"
CONFIG = """
tunnel: {tunnel}
credentials-file: /etc/cloudflared/credentials/credentials.json
ingress:
  - hostname: acme.example.com
    path: ^/(hook|slow)
    service: http://listener:8080
  - hostname: acme.example.com
    path: ^/other
    service: http://elsewhere.shop.svc.cluster.local
  - hostname: acme.example.com
    path: ^/gone
    service: http://gone:81
  - service: http_status:404
"""


class Origin(StandIn):
    """A local process that answers with what it got."""

    def answer(self, request: Request) -> Answer:
        body = {"method": request.method, "target": request.target, "headers": request.headers}
        return Answer(
            202, json.dumps({**body, "sha": hashlib.sha256(request.body).hexdigest()}).encode(), {"X-Origin": "1"}
        )


class Objects:
    """The little of an API server that the edge reads: a table of paths, Deployments by name."""

    def __init__(self) -> None:
        self.deployments: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, dict[str, Any]] = {}

    def get(self, path: str) -> dict[str, Any] | None:
        if path == "/apis/apps/v1/deployments":
            return {"items": list(self.deployments.values())}
        return self.objects.get(path)

    def secret(self, name: str, data: dict[str, str], namespace: str = "org-acme") -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.objects[f"/api/v1/namespaces/{namespace}/secrets/{name}"] = {"data": encoded}

    def config_map(self, name: str, data: dict[str, str], namespace: str = "org-acme") -> None:
        self.objects[f"/api/v1/namespaces/{namespace}/configmaps/{name}"] = {"data": data}

    def deploy(self, spec: dict[str, Any], available: int = 2, annotations: dict[str, str] | None = None) -> None:
        template = {"metadata": {"annotations": annotations or {}}, "spec": spec}
        self.deployments["cloudflared-acme"] = {
            "metadata": {"name": "cloudflared-acme", "namespace": "org-acme", "uid": "u-1"},
            "spec": {"replicas": 2, "template": template},
            "status": {"availableReplicas": available},
        }


@dataclass
class World:
    """One Cloudflare, one edge, one origin behind org-acme/listener:8080 and shop/elsewhere:80."""

    cloudflare: Cloudflare
    edge: Edge
    origin: Origin
    objects: Objects
    call: Client
    services: dict[tuple[str, str, int], tuple[str, int]] = field(default_factory=dict)

    def tunnel(self, **fields: Any) -> Credentials:
        made = self.call.tunnel(**fields)
        assert self.call.record(content=f"{made['id']}.cfargotunnel.com").status == 200
        return Credentials.from_token(made["token"])

    def ask(
        self, path: str = "/hook", method: str = "GET", body: bytes = b"", **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.edge.port, timeout=5)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, {"Host": HOST, **named})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    def broken(self, path: str = "/hook") -> tuple[int, str]:
        status, text, headers = self.ask(path)
        assert headers["Server"] == "cloudflare"
        assert headers["CF-Ray"]
        return status, text


@contextmanager
def a_world() -> Iterator[World]:
    services: dict[tuple[str, str, int], tuple[str, int]] = {}
    objects = Objects()
    with Cloudflare() as cloudflare, Origin() as origin:
        edge = Edge(cloudflare, objects, lambda *where: services.get(where), origin_timeout=0.3)
        call = Client(cloudflare, cloudflare.add_zone("example.com"))
        services[("org-acme", "listener", 8080)] = ("127.0.0.1", origin.port)
        services[("shop", "elsewhere", 80)] = ("127.0.0.1", origin.port)
        with edge:
            yield World(cloudflare, edge, origin, objects, call, services)
        call.close()


def config_of(tunnel: str) -> str:
    """Return the configuration file of the tests for a tunnel."""
    return CONFIG.replace("{tunnel}", tunnel)
