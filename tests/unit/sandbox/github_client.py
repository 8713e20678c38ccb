"""A small client of the GitHub stand-in for the tests beside it, and JWTs as an App would make them.

In: paths below the API's root. Out: checked replies. Never here: a test.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.sandbox.standins.github import GitHub
from tests.sandbox.standins.server import Answer, Request, StandIn

REPO = "/repos/acme-corp/web-shop"
HOOKS = f"{REPO}/hooks"
SECRET = "It's a Secret to Everybody"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    data: Any

    @property
    def result(self) -> Any:
        assert 200 <= self.status < 300, (self.status, self.data)
        return self.data

    @property
    def refused(self) -> tuple[int, str]:
        """Status and message of a refusal, and what is wrong with a field when it says so."""
        assert self.status >= 300, self.data
        assert self.data["documentation_url"]
        errors = self.data.get("errors") or [{}]
        return self.status, str(errors[0].get("message") or self.data["message"])


class Client:
    """Sends JSON with the stand-in's personal token unless told."""

    def __init__(self, github: GitHub) -> None:
        self.github = github
        self._connection = http.client.HTTPConnection("127.0.0.1", github.port, timeout=5)

    def __call__(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Reply:
        """Send a request; an empty ``token`` sends none, one with a space is the whole header."""
        sent = {"User-Agent": "tests", **{name.replace("_", "-"): value for name, value in headers.items()}}
        value = self.github.token if token is None else token
        if value:
            sent["Authorization"] = value if " " in value else f"Bearer {value}"
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        self._connection.request(method, path, text, sent)
        answer = self._connection.getresponse()
        raw = answer.read()
        return Reply(answer.status, dict(answer.getheaders()), json.loads(raw) if raw else None)

    def do(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """Send a request that must succeed and return its data."""
        return self(method, path, body, token).result

    def webhook(self, path: str = HOOKS, url: str = "https://hooks.example.com/in", **fields: Any) -> Any:
        config = {"url": url, "content_type": "json", "secret": SECRET, **fields.pop("config", {})}
        return self.do("POST", path, {"name": "web", "config": config, **fields})

    def log(self, hook: dict[str, Any], path: str = HOOKS) -> list[dict[str, Any]]:
        """Return the deliveries of a webhook when none is under way, the oldest first."""
        self.github.settle()
        return list(reversed(self.do("GET", f"{path}/{hook['id']}/deliveries?per_page=100")))

    def environment(self, name: str = "production", **body: Any) -> Any:
        return self.do("PUT", f"{REPO}/environments/{quote(name, safe='')}", body)

    def installation_token(self, **body: Any) -> str:
        """Return a token of the App on acme-corp."""
        return str(self.do("POST", self.tokens_path(), body or None, jwt(self.github))["token"])

    def tokens_path(self, owner: str = "acme-corp") -> str:
        found = self.do("GET", f"/orgs/{owner}/installation", token=jwt(self.github))
        return f"/app/installations/{found['id']}/access_tokens"

    def close(self) -> None:
        self._connection.close()


class Origin(StandIn):
    """Whoever a webhook calls: answers with a code after some seconds, and keeps what came in its log."""

    code = 202
    takes = 0.0

    def answer(self, request: Request) -> Answer:
        time.sleep(self.takes)
        return Answer(self.code, b"thanks", {"X-Origin": "1"})


@contextmanager
def a_client(deliver_to: str | None = None) -> Iterator[Client]:
    with GitHub(deliver_to=deliver_to) as github:
        client = Client(github)
        yield client
        client.close()


def jwt(github: GitHub, key: str = "", **claims: Any) -> str:
    """Return a JWT of the stand-in's App, valid unless the claims say otherwise."""
    now = int(github.clock.now().timestamp())
    whole = {"iat": now - 60, "exp": now + 540, "iss": str(github.app_id), **claims}
    head = {"alg": "RS256", "typ": "JWT"}
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in (head, whole))
    loaded = serialization.load_pem_private_key((key or github.private_key).encode(), password=None)
    assert isinstance(loaded, RSAPrivateKey)
    signature = loaded.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join([signed, _encoded(signature)]).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
