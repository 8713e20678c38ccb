"""Tenants of tests, onboarded in this process by an operator who holds no more than the role of operators.

In: a sandbox, options as a task gives them. Out: task results, signed deliveries at the edge, and what became of them.
Never here: an admin's identity for anything that the product does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, answer, conceal, identity, plain
from ansible_collections.aphex.platform.plugins.modules import github_webhook_redeliver, organization, repo_binding
from tests.contract.platform import OWNER, install
from tests.sandbox import stack
from tests.sandbox.api import Api, Object
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.cloudflare import BASE

T = TypeVar("T")

PLATFORM = "platform-system"
ARGO_CD = "argocd"
ADMIN = "ann@acme.example"
ENTRY_POINTS = {
    "organization": organization.ENTRY_POINT,
    "repo_binding": repo_binding.ENTRY_POINT,
    "github_webhook_redeliver": github_webhook_redeliver.ENTRY_POINT,
}

REVISION = "0123456789abcdef" * 2 + "01234567"
PIPELINE: Object = {
    "apiVersion": "tekton.dev/v1",
    "kind": "Pipeline",
    "metadata": {"name": "any"},
    "spec": {
        "params": [
            {"name": "git-url", "type": "string"},
            {"name": "git-revision"},
            {"name": "git-ref", "type": "string"},
            {"name": "repo-full-name", "type": "array"},
            {"name": "triggered-at", "type": "string"},
        ],
        "workspaces": [{"name": "source"}],
        "tasks": [
            {
                "name": "build",
                "params": [{"name": "revision", "value": "$(params.git-revision)"}],
                "workspaces": [{"name": "source", "workspace": "source"}],
                "taskSpec": {
                    "params": [{"name": "revision"}],
                    "workspaces": [{"name": "source"}],
                    "steps": [{"name": "build", "image": "registry.invalid/build:1", "command": ["true"]}],
                },
            }
        ],
    },
}
"""A pipeline that declares some of the params that a push offers, one without a type and one as a list."""

_POLL = 0.05
_PASSED = "ResolvedParams"
_STOPPED = "interceptor stopped trigger processing"


def eventually(what: str, look: Callable[[], T | None], seconds: float = 120.0, why: Callable[[], str] = str) -> T:
    """What it answers as soon as that is something, and not empty; fails when the time is over, and `why` says why."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what} {why()}"
        time.sleep(_POLL)
    return found


def soon(look: Callable[[], T | None], seconds: float = 5.0) -> T | None:
    """What it answers within some seconds: for what may never come, and is tried again then."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(_POLL)
    return found


def exactly(what: str, wanted: Collection[str], look: Callable[[], Collection[str]], seconds: float = 120.0) -> None:
    """Wait until these are there and nothing else; a failure tells what is missing and what is too much."""

    def differs() -> str:
        found = look()
        missing, excess = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
        return f"{len(missing)} missing: {missing}; {len(excess)} too much: {excess}" if missing or excess else ""

    eventually(what, lambda: not differs(), seconds, differs)


def succeeded(result: dict[str, Any]) -> bool:
    """True; fails with the task's own sentence when it has failed."""
    assert not result.get("failed"), result["msg"]
    return True


@dataclass(frozen=True)
class Delivery:
    """What the edge said to a delivery, and to which organization it was sent."""

    id: str
    organization: str
    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Tenants:
    """The tenants of one test module; their names carry the mark, so that modules do not meet."""

    sandbox: Sandbox
    mark: str = field(default_factory=lambda: uuid4().hex[:6])

    @property
    def api(self) -> Api:
        return self.sandbox.api

    def name(self, word: str) -> str:
        """A name that only this module uses."""
        return f"{word}-{self.mark}"

    # --- what the product does

    @property
    def operator(self) -> str:
        """The name of the account that onboards."""
        return self.name("operator")

    @cached_property
    def connection(self) -> dict[str, Any]:
        """Options of a task that the operator runs: this cluster, and this process's own Cloudflare and GitHub."""
        cloudflare, github = self.sandbox.cloudflare, self.sandbox.github
        return {
            "kubeconfig": str(self.sandbox.kubeconfig_for(token=self.sandbox.token(PLATFORM, self.operator))),
            "cloudflare_api_token": cloudflare.token,
            "cloudflare_api_url": cloudflare.url + BASE,
            "cloudflare_account_id": cloudflare.account_id,
            "github_token": github.token,
            "github_api_url": github.url,
        }

    def run(self, module: str, runtime: Runtime | None = None, **arguments: Any) -> dict[str, Any]:
        """Run a module with these arguments, as its action plugin does, and return the task's result."""
        entry_point: EntryPoint = ENTRY_POINTS[module]
        known = {name: value for name, value in self.connection.items() if name in entry_point.options}
        checked = ArgumentSpecValidator(entry_point.options, **entry_point.rules).validate({**known, **arguments})
        assert not checked.error_messages, checked.error_messages
        params = conceal(plain(checked.validated_parameters), entry_point.options)
        return answer(entry_point, params, runtime or a_run())

    def organization(self, word: str, **arguments: Any) -> dict[str, Any]:
        """Run the module organization; what it wants and was not given is filled in."""
        given = {"display_name": word.title(), "admin_users": [ADMIN], **arguments}
        return self.run("organization", name=self.name(word), **given)

    def repo_binding(self, word: str, organization: str, **arguments: Any) -> dict[str, Any]:
        """Run the module repo_binding for the repository of that name in that organization."""
        given = {"repo_org": OWNER, "repo_name": word, "pipeline_spec": yaml.safe_dump(PIPELINE), **arguments}
        return self.run("repo_binding", name=self.name(word), aphex_org=self.name(organization), **given)

    def redeliver(self, word: str) -> dict[str, Any]:
        """Have GitHub send again what the webhook of an organization has lost of pushes."""
        return self.run("github_webhook_redeliver", owner=OWNER, url=f"https://{self.host(word)}", events=["push"])

    def writes(self, since: int) -> list[str]:
        """Every write of the operator since that mark of the audit log."""
        user = f"system:serviceaccount:{PLATFORM}:{self.operator}"
        return [str(request) for request in self.sandbox.audit.writes(since, lambda request: request.user == user)]

    # --- what is there

    def resource(self, plural: str, word: str) -> Object | None:
        """The resource of a tenant; the plural is organizations or repobindings."""
        return self.api.find(f"/apis/aphex.io/v1alpha1/namespaces/{PLATFORM}/{plural}/{self.name(word)}")

    def secret(self, word: str, key: str = "secret") -> bytes | None:
        """A webhook secret of an organization, as GitHub has it; None when there is no such key."""
        found = self.api.get(f"/api/v1/namespaces/org-{self.name(word)}/secrets/github-webhook-secret")
        value = (found.get("data") or {}).get(key)
        return base64.b64decode(value) if value else None

    def runs(self, *words: str) -> list[str]:
        """The PipelineRuns in the namespaces of these pipelines, as namespace/name, in order."""
        paths = [f"/apis/tekton.dev/v1/namespaces/{self.name(word)}/pipelineruns" for word in words]
        found = [item["metadata"] for path in paths for item in self.api.list(path)]
        return sorted(f"{item['namespace']}/{item['name']}" for item in found)

    def run_of(self, word: str, delivery: Delivery) -> Object | None:
        """The PipelineRun that a delivery started in the namespace of a pipeline."""
        return self.api.find(f"/apis/tekton.dev/v1/namespaces/{self.name(word)}/pipelineruns/push-{delivery.id}")

    def proof_of(self, delivery: Delivery) -> Object | None:
        """The Event that a ping made."""
        return self.api.find(f"/api/v1/namespaces/org-{self.name(delivery.organization)}/events/hook-{delivery.id}")

    def cloudflare(self, method: str, path: str) -> Any:
        """Ask Cloudflare's API from outside, below zone or account; the result."""
        standin = self.sandbox.cloudflare
        zone = next(item["id"] for item in standin.state()["zones"] if item["name"] == stack.ZONE)
        path = path.format(zone=f"/zones/{zone}", account=f"/accounts/{standin.account_id}")
        connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=60)
        try:
            connection.request(method, BASE + path, headers={"Authorization": f"Bearer {standin.token}"})
            answered = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert answered["success"], answered
        return answered["result"]

    def github(self, method: str, path: str, body: Any = None) -> Any:
        """Ask GitHub's API from outside, with every right; what it answers."""
        standin = self.sandbox.github
        connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {standin.token}", "User-Agent": "tests"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answered = connection.getresponse()
            text = answered.read()
        finally:
            connection.close()
        assert answered.status < 300, text
        return json.loads(text) if text else None

    def records(self, word: str) -> list[dict[str, Any]]:
        """The DNS records of an organization's host."""
        found = self.cloudflare("GET", "{zone}/dns_records?per_page=1000")
        return [item for item in found if item["name"] == self.host(word)]

    def tunnels(self, word: str) -> list[dict[str, Any]]:
        """The live tunnels of an organization."""
        found = self.cloudflare("GET", "{account}/cfd_tunnel?is_deleted=false&per_page=1000")
        return [item for item in found if item["name"] == f"webhooks-{self.name(word)}"]

    # --- deliveries

    def host(self, word: str) -> str:
        """The public host of an organization."""
        return f"{self.name(word)}.{stack.ZONE}"

    def listening(self, word: str) -> None:
        """Wait until the organization's listener answers at its public host."""
        eventually(f"{self.host(word)} answers", lambda: self.send(word, b"{}", {}).status == 202)

    def send(self, word: str, body: bytes, headers: Mapping[str, str], host: str = "") -> Delivery:
        """Send a request to an organization's public host at the edge, or to the host given."""
        address = urlsplit(self.sandbox.edge.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            named = {"Host": host or self.host(word), "Content-Type": "application/json", **headers}
            connection.request("POST", "/", body, named)
            answered = connection.getresponse()
            text = answered.read().decode()
            return Delivery(headers.get("X-GitHub-Delivery", ""), word, answered.status, text, dict(answered.headers))
        finally:
            connection.close()

    def push(self, word: str, repository: str, /, **changes: Any) -> Delivery:
        """Send a signed push of the branch main, changed as told.

        `secret` (None: unsigned), `event`, `delivery` and `host` change the request, all others its body.
        """
        body: dict[str, Any] = {
            "ref": "refs/heads/main",
            "before": "f" * 40,
            "after": REVISION,
            "deleted": False,
            "repository": {
                "full_name": f"{OWNER}/{repository}",
                "default_branch": "main",
                "pushed_at": 1763729938,
                "clone_url": "https://evil.example/x.git",
            },
            "pusher": {"name": "evil", "email": "evil@evil.example"},
            "head_commit": {"message": "$(touch evil); \"'`", "author": {"name": "evil"}},
        }
        return self._signed(word, "push", body, changes)

    def ping(self, word: str, /, **changes: Any) -> Delivery:
        """Send a signed ping, changed as told; see `push`."""
        return self._signed(word, "ping", {"zen": "Keep it logically awesome.", "hook_id": 4711, "hook": {}}, changes)

    def _signed(self, word: str, event: str, body: dict[str, Any], changes: dict[str, Any]) -> Delivery:
        secret = changes.pop("secret") if "secret" in changes else self.secret(word)
        headers = {
            "X-GitHub-Event": changes.pop("event", event),
            "X-GitHub-Delivery": changes.pop("delivery", "") or str(uuid4()),
            "User-Agent": "GitHub-Hookshot/0000000",
        }
        host = changes.pop("host", "")
        for name, value in changes.items():
            body[name] = {**body[name], **value} if isinstance(value, dict) else value
        raw = json.dumps(body).encode()
        if secret is not None:
            headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret, raw, hashlib.sha256).hexdigest()
        return self.send(word, raw, headers, host)

    def verdicts(self, delivery: Delivery, expected: int) -> list[str]:
        """What the listener's groups and triggers made of a delivery, by its own log, as soon as so many have said so.

        A group that refuses speaks once, one that accepts lets each of its triggers speak: "passed", or the reason.
        """
        assert delivery.status == 202, delivery
        event = json.loads(delivery.text)["eventID"]
        name = f"el-github-listener.org-{self.name(delivery.organization)}.log"
        log = self.sandbox.folder / "logs" / name

        def look() -> list[str]:
            lines = log.read_text(encoding="utf-8").splitlines()
            entries = [json.loads(line) for line in lines if event in line and line.endswith("}")]
            found = [entry["message"] for entry in entries if entry.get("/triggers-eventid") == event]
            said = ["passed" if text.startswith(_PASSED) else text.partition("desc = ")[2]
                    for text in found if text.startswith((_PASSED, _STOPPED))]  # fmt: skip
            return said if len(said) >= expected else []

        said = eventually(f"{expected} verdicts on delivery {delivery.id}", look)
        assert len(said) == expected, said
        return sorted(said)


def a_run(now: Callable[[], float] = time.time, who: str = "") -> Runtime:
    """What a process lends to one run of a module; each run is somebody else's, as in life."""
    return Runtime(now=now, identity=who or f"{identity()}-{uuid4().hex[:6]}")


@contextmanager
def tenants(sandbox: Sandbox) -> Iterator[Tenants]:
    """Tenants on that sandbox, which becomes a platform when it is none yet."""
    install(sandbox)
    made = Tenants(sandbox)
    # Argo CD is a part of the platform; here its kinds and its namespace are.
    sandbox.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ARGO_CD}})
    metadata = {"name": made.operator, "namespace": PLATFORM}
    sandbox.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    sandbox.api.apply(binding(made.operator, "aphex-operator", PLATFORM, made.operator))
    assert made.connection, "made once, before anything runs side by side"
    yield made


def binding(name: str, role: str, namespace: str, account: str) -> Object:
    """A ClusterRoleBinding of a ClusterRole to a ServiceAccount."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
