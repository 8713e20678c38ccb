"""A small client of the Cloudflare stand-in for the tests beside it.

In: paths below ``/client/v4``. Out: checked replies. Never here: a test.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.sandbox.standins.cloudflare import Cloudflare


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    data: dict[str, Any]

    @property
    def result(self) -> Any:
        assert (self.status, self.data["success"], self.data["errors"]) == (200, True, [])
        return self.data["result"]

    @property
    def refused(self) -> tuple[int, int]:
        """Status and first code of a refusal, whose envelope must be whole."""
        assert (self.data["success"], self.data["result"], self.data["messages"]) == (False, None, [])
        assert self.data["errors"][0]["message"]
        return self.status, self.data["errors"][0]["code"]


class Client:
    """Sends JSON with the stand-in's token; ``{account}`` and ``{zone}`` in paths are filled in."""

    def __init__(self, cloudflare: Cloudflare, zone: str) -> None:
        self.cloudflare, self.zone, self.token = cloudflare, zone, f"Bearer {cloudflare.token}"
        self._connection = http.client.HTTPConnection("127.0.0.1", cloudflare.port, timeout=5)

    def __call__(self, method: str, path: str, body: Any = None, token: str | None = None, **query: Any) -> Reply:
        path = "/client/v4" + path.format(account=self.cloudflare.account_id, zone=self.zone)
        headers = {"Authorization": self.token if token is None else token} if token != "" else {}
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        self._connection.request(method, f"{path}?{urlencode(query)}" if query else path, text, headers)
        answer = self._connection.getresponse()
        return Reply(answer.status, dict(answer.getheaders()), json.loads(answer.read()))

    def do(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request that must succeed and return its result."""
        return self(method, path, body).result

    def close(self) -> None:
        self._connection.close()

    def tunnel(self, name: str = "webhooks-acme", **fields: Any) -> Any:
        return self("POST", "/accounts/{account}/cfd_tunnel", {"name": name, **fields}).result

    def record(self, name: str = "acme.example.com", **fields: Any) -> Reply:
        body = {"type": "CNAME", "name": name, "content": "x.cfargotunnel.com", "proxied": True, **fields}
        return self("POST", "/zones/{zone}/dns_records", body)
