"""Tenants of tests, onboarded in this process by an operator who holds no more than the role of operators.

In: a sandbox on which the role crds has run, options as a task gives them. Out: task results, signed deliveries at the
edge, and what they became. Never here: an admin's identity for anything that the product does.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
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
from ansible_collections.aphex.platform.plugins.modules import organization, repo_binding

from tests.integration.installed import SETTINGS, Platform
from tests.sandbox import stack
from tests.sandbox.api import Api, Object
from tests.sandbox.sandbox import Sandbox

T = TypeVar("T")

PLATFORM = "platform-system"
ARGO_CD = "argocd"
OPERATOR = "test-operator"
OWNER = "Acme-Corp"
ADMIN = "ann@acme.example"
ENTRY_POINTS = {"organization": organization.ENTRY_POINT, "repo_binding": repo_binding.ENTRY_POINT}
VARIABLES: dict[str, Any] = {"crds_zone": stack.ZONE, "crds_approved_owners": ["acme-corp", "Second-Owner"]}
"""What the role crds is run with; nobody's account, since each test process brings a Cloudflare of its own."""

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
"""A pipeline that declares some of the params that a push offers: one by its default type, one as a list."""


def eventually(what: str, look: Callable[[], T], seconds: float = 30.0) -> T:
    """What it answers as soon as that is something; fails when the time is over."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return found


@dataclass(frozen=True)
class Delivery:
    """What the edge said to a delivery; the event id is the listener's own name for it."""

    id: str
    status: int
    text: str

    @property
    def event(self) -> str:
        return str(json.loads(self.text)["eventID"])


@dataclass(frozen=True)
class Tenants:
    """The tenants of one test module on one platform; names carry the mark, so that modules do not meet."""

    sandbox: Sandbox
    mark: str = field(default_factory=lambda: uuid4().hex[:6])

    @property
    def api(self) -> Api:
        return self.sandbox.api

    def name(self, word: str) -> str:
        """A name that only this module uses."""
        return f"{word}-{self.mark}"

    # --- what the product does

    @cached_property
    def connection(self) -> dict[str, Any]:
        """Options of a task that the operator runs against this cluster and this process's own Cloudflare."""
        cloudflare = self.sandbox.cloudflare
        return {
            "kubeconfig": str(self.sandbox.kubeconfig_for(token=self.sandbox.token(PLATFORM, OPERATOR))),
            "cloudflare_api_token": cloudflare.token,
            "cloudflare_api_url": f"{cloudflare.url}/client/v4",
            "cloudflare_account_id": cloudflare.account_id,
        }

    def run(self, module: str, runtime: Runtime | None = None, **arguments: Any) -> dict[str, Any]:
        """Run a module with these arguments, as its action plugin does, and return the task's result."""
        entry_point: EntryPoint = ENTRY_POINTS[module]
        known = {name: value for name, value in self.connection.items() if name in entry_point.options}
        checked = ArgumentSpecValidator(entry_point.options, **entry_point.rules).validate({**known, **arguments})
        assert not checked.error_messages, checked.error_messages
        params = conceal(plain(checked.validated_parameters), entry_point.options)
        runtime = runtime or Runtime(now=time.time, identity=f"{identity()}-{uuid4().hex[:6]}")
        return answer(entry_point, params, runtime)

    def organization(self, word: str, **arguments: Any) -> dict[str, Any]:
        """Run the module organization; what it wants and was not given is filled in."""
        given = {"display_name": word.title(), "admin_users": [ADMIN], **arguments}
        return self.run("organization", name=self.name(word), **given)

    def repo_binding(self, word: str, organization: str, **arguments: Any) -> dict[str, Any]:
        """Run the module repo_binding for the repository of that name in that organization."""
        given = {"repo_org": OWNER, "repo_name": word, "pipeline_spec": yaml.safe_dump(PIPELINE), **arguments}
        return self.run("repo_binding", name=self.name(word), aphex_org=self.name(organization), **given)

    # --- what is there

    def resource(self, kind: str, word: str) -> Object | None:
        """The resource of a tenant: kind as in paths, organizations or repobindings."""
        return self.api.find(f"/apis/aphex.io/v1alpha1/namespaces/{PLATFORM}/{kind}/{self.name(word)}")

    def secret(self, word: str, key: str = "secret") -> bytes | None:
        """A webhook secret of an organization, as GitHub has it; None when there is no such key."""
        path = f"/api/v1/namespaces/org-{self.name(word)}/secrets/github-webhook-secret"
        value = (self.api.get(path).get("data") or {}).get(key)
        return base64.b64decode(value) if value else None

    def runs(self, *words: str) -> list[str]:
        """The PipelineRuns in the namespaces of these pipelines, as namespace/name, in order."""
        paths = [f"/apis/tekton.dev/v1/namespaces/{self.name(word)}/pipelineruns" for word in words]
        found = [item["metadata"] for path in paths for item in self.api.list(path)]
        return sorted(f"{item['namespace']}/{item['name']}" for item in found)

    def run_of(self, word: str, delivery: str) -> Object | None:
        """The PipelineRun that a delivery started."""
        return self.api.find(f"/apis/tekton.dev/v1/namespaces/{self.name(word)}/pipelineruns/push-{delivery}")

    def proof(self, word: str, delivery: str) -> Object | None:
        """The Event that a signed ping made."""
        return self.api.find(f"/api/v1/namespaces/org-{self.name(word)}/events/hook-{delivery}")

    # --- deliveries

    def host(self, word: str) -> str:
        """The public host of an organization."""
        return f"{self.name(word)}.{stack.ZONE}"

    def listening(self, word: str) -> None:
        """Wait until the organization's listener answers at its public host."""
        eventually(f"{self.host(word)} answers", lambda: self.send(word, b"{}", {}).status < 500)

    def send(self, word: str, body: bytes, headers: Mapping[str, str], host: str = "") -> Delivery:
        """Send a request to a public host at the edge."""
        address = urlsplit(self.sandbox.edge.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            named = {"Host": host or self.host(word), "Content-Type": "application/json", **headers}
            connection.request("POST", "/", body, named)
            answered = connection.getresponse()
            return Delivery(headers.get("X-GitHub-Delivery", ""), answered.status, answered.read().decode())
        finally:
            connection.close()

    def push(self, word: str, repository: str, **changes: Any) -> Delivery:
        """Send a signed push of the default branch, changed as told.

        `secret` (None: unsigned), `event`, `delivery` and `host` change the request, all others its body.
        """
        body: dict[str, Any] = {
            "ref": "refs/heads/main",
            "before": "0" * 40,
            "after": REVISION,
            "deleted": False,
            "repository": {
                "full_name": repository,
                "default_branch": "main",
                "pushed_at": 1763729938,
                "clone_url": "https://evil.example/x.git",
            },
            "head_commit": {"message": "$(touch /pwned); \"'`", "author": {"name": "evil"}},
        }
        return self._signed(word, "push", body, changes)

    def ping(self, word: str, **changes: Any) -> Delivery:
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
            if isinstance(value, dict):
                body[name] = {**body[name], **value}
            else:
                body[name] = value
        raw = json.dumps(body).encode()
        if secret is not None:
            headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret, raw, hashlib.sha256).hexdigest()
        return self.send(word, raw, headers, host)


@contextmanager
def tenants(sandbox: Sandbox) -> Iterator[Tenants]:
    """Tenants on that sandbox, which becomes a platform when it is none yet; whoever comes first does that."""
    with (sandbox.folder / "platform.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not sandbox.api.exists(SETTINGS):
            run = Platform(sandbox).run(**VARIABLES)
            assert run.code == 0, run.output
            # Argo CD is a part of the platform; here its namespace and its kinds are.
            sandbox.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ARGO_CD}})
            make_operator(sandbox.api)
    yield Tenants(sandbox)


def make_operator(api: Api) -> None:
    """Make the account that has the operators' role, in the whole cluster."""
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": OPERATOR, "namespace": PLATFORM}})
    api.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": OPERATOR},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "aphex-operator"},
            "subjects": [{"kind": "ServiceAccount", "name": OPERATOR, "namespace": PLATFORM}],
        }
    )
