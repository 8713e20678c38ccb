"""Does what happens at GitHub reach a real listener, and does GitHub's log say where the chain is broken?

In: plain requests to the API of the stand-in. Out: deliveries through the edge to a process behind a tunnel rule. Never
here: product code.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.integration.listening import (
    ORGANIZATION,
    PUSH_SECRET,
    RIGHT_TO_RUN,
    RIGHTS,
    PublicHost,
    Tenant,
    eventually,
)
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.control import Control

REPOSITORY = "acme-corp/web-shop"
HOOKS = f"/repos/{REPOSITORY}/hooks"


def ask(url: str, token: str, method: str, path: str, body: Any = None) -> Any:
    """One request to GitHub's API, which must succeed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "tests"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    assert 200 <= answer.status < 300, f"{method} {path}: {answer.status} {text}"
    return json.loads(text) if text else None


class Hook:
    """A webhook of the repository at the stand-in of this process; what it takes is pushes."""

    def __init__(self, sandbox: Sandbox, url: str, secret: bytes = PUSH_SECRET) -> None:
        self.github = sandbox.github
        config = {"url": url, "content_type": "json", "secret": secret.decode()}
        self.id = self._ask("POST", HOOKS, {"name": "web", "config": config, "events": ["push"]})["id"]

    def ping(self) -> tuple[int, str]:
        """Ping it, and return the code of the delivery and what was answered."""
        self._ask("POST", f"{HOOKS}/{self.id}/pings")
        newest = self.log()[0]
        whole = self._ask("GET", f"{HOOKS}/{self.id}/deliveries/{newest['id']}")
        return newest["status_code"], whole["response"]["payload"]

    def log(self) -> list[dict[str, Any]]:
        self.github.settle()
        found: list[dict[str, Any]] = self._ask("GET", f"{HOOKS}/{self.id}/deliveries")
        return found

    def redeliver(self, delivery: int) -> None:
        self._ask("POST", f"{HOOKS}/{self.id}/deliveries/{delivery}/attempts")
        self.github.settle()

    def remove(self) -> None:
        self._ask("DELETE", f"{HOOKS}/{self.id}")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return ask(self.github.url, self.github.token, method, path, body)


@pytest.fixture
def tenant(sandbox: Sandbox) -> Iterator[Tenant]:
    made = Tenant(sandbox)
    yield made
    made.remove()


@pytest.fixture
def public(sandbox: Sandbox) -> Iterator[PublicHost]:
    made = PublicHost(sandbox, f"hooks-{uuid4().hex[:8]}")
    yield made
    made.disconnect()


def test_a_push_at_github_becomes_one_run_and_its_redelivery_no_second(tenant: Tenant, public: PublicHost) -> None:
    for text in (ORGANIZATION, RIGHTS, RIGHT_TO_RUN):
        tenant.apply(text)
    assert eventually(tenant.address)
    public.name_in_dns()
    public.connect("http://el-github:8080", tenant.organization)
    right = Hook(tenant.sandbox, f"https://{public.host}/")
    wrong = Hook(tenant.sandbox, f"https://{public.host}/?wrong", b"another secret")
    guid = tenant.sandbox.github.push(REPOSITORY)
    newest_first = right.log()
    assert [(each["event"], each["status_code"]) for each in newest_first] == [("push", 202), ("ping", 202)]
    assert newest_first[0]["guid"] == guid
    # The listener takes everything with 202 and judges afterwards: the log alone proves no signature.
    assert [each["status_code"] for each in wrong.log()] == [202, 202]
    assert eventually(tenant.runs) == [f"push-{guid}"]
    right.redeliver(newest_first[0]["id"])
    again = right.log()[0]
    assert (again["guid"], again["redelivery"], again["status_code"]) == (guid, True, 202)
    time.sleep(1)
    assert tenant.runs() == [f"push-{guid}"]
    right.remove()
    wrong.remove()


def test_a_broken_chain_shows_in_the_log(sandbox: Sandbox, public: PublicHost) -> None:
    hook = Hook(sandbox, f"https://{public.host}/in")
    assert hook.ping() == (530, "error code: 1016")
    public.name_in_dns()
    assert hook.ping() == (530, "error code: 1033")
    public.connect("http://nobody:8080")
    assert hook.ping() == (502, "error code: 502")
    public.connect("http_status:204", path="^/other")
    assert hook.ping() == (404, "")
    public.connect("http_status:204", path="^/in")
    assert hook.ping() == (204, "")
    public.disconnect()
    assert hook.ping() == (530, "error code: 1033")
    codes = [each["status"] for each in hook.log()]
    assert codes[0] == "Invalid HTTP Response: 530"
    assert codes.count("OK") == 1
    hook.remove()


def test_other_processes_find_github_by_their_variables(sandbox: Sandbox) -> None:
    env = sandbox.env
    url, control = env["GITHUB_API_URL"], Control(env["APHEX_SANDBOX_GITHUB"])
    name = f"lab-{uuid4().hex[:8]}"
    control.do("add_repository", full_name=f"globex/{name}")
    assert ask(url, env["GITHUB_TOKEN"], "GET", f"/repos/globex/{name}/hooks") == []
    token = app_token(env, "globex")
    made = ask(url, token, "POST", f"/repos/globex/{name}/hooks", {"config": {"url": f"https://{name}.example.com"}})
    control.do("settle")
    (ping,) = control.do("log_of", hook_id=made["id"])
    assert (ping["event"], ping["status_code"], ping["response"]["payload"]) == ("ping", 530, "error code: 1016")
    report = control.do("report")
    assert (report["mismatches"], report["described"]) == ([], 1.0)
    assert "POST /app/installations/{installation_id}/access_tokens" in report["endpoints"]


def app_token(env: dict[str, str], owner: str) -> str:
    """Return an installation token, got by what the sandbox says of its App."""
    path = Path(env["APHEX_SANDBOX_GITHUB_APP_KEY_FILE"])
    assert path.stat().st_mode & 0o077 == 0
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 300, "iss": env["APHEX_SANDBOX_GITHUB_APP_ID"]}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(key.sign(signed, padding.PKCS1v15(), hashes.SHA256())).rstrip(b"=")
    jwt, url = (signed + b"." + signature).decode(), env["GITHUB_API_URL"]
    installation = ask(url, jwt, "GET", f"/orgs/{owner}/installation")["id"]
    return str(ask(url, jwt, "POST", f"/app/installations/{installation}/access_tokens")["token"])
