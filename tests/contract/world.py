"""Where a case happens: a side (one path, its own identity, request logs, Cloudflare and GitHub) and names on it.

In: the installed sandbox. Out: Side and World, with what was sent since a mark, and writes from outside. Never here: a
judgement about what was sent.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.contract.runner import IN_PROCESS, PATHS
from tests.sandbox import git_server, stack
from tests.sandbox.api import Api, Object
from tests.sandbox.cluster import Reader
from tests.sandbox.edge import Edge
from tests.sandbox.git_server import GitServer
from tests.sandbox.proxy import Proxy
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.authentik import BASE as AUTHENTIK_BASE
from tests.sandbox.standins.authentik import Authentik
from tests.sandbox.standins.cloudflare import BASE, Cloudflare
from tests.sandbox.standins.cloudflared import Credentials
from tests.sandbox.standins.github import GitHub, writes

ACCOUNTS = "contract-accounts"
_CANARY = "CANARY"


@dataclass(frozen=True)
class Mark:
    """A moment in the request logs of a side."""

    requests: int
    cloudflare: int
    github: int
    git: int
    authentik: int


@dataclass(frozen=True)
class Side:
    """One of the two paths, with an identity, a proxy before the API server, and a Cloudflare and a GitHub of its own.

    What GitHub delivers goes through `edge`, to the listeners of the cluster and to what a world runs by hand.
    """

    path: str
    sandbox: Sandbox
    user: str
    token: str
    kubeconfig: Path
    proxy: Proxy
    cloudflare: Cloudflare
    edge: Edge
    github: GitHub
    git: GitServer
    authentik: Authentik

    @property
    def env(self) -> dict[str, str]:
        """Variables by which tasks on this side find their cluster and their accounts."""
        return {
            "K8S_AUTH_KUBECONFIG": str(self.kubeconfig),
            "CLOUDFLARE_API_URL": f"{self.cloudflare.url}{BASE}",
            "CLOUDFLARE_API_TOKEN": self.cloudflare.token,
            "CLOUDFLARE_ACCOUNT_ID": self.cloudflare.account_id,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_TOKEN": self.github.token,
            "GIT_TOKEN": self.git.token,
            "AUTHENTIK_URL": self.authentik.url,
            "AUTHENTIK_TOKEN": self.authentik.token,
        }

    def mark(self) -> Mark:
        """Now, in all request logs."""
        logs = (self.cloudflare.log, self.github.log, self.git.log, self.authentik.log)
        return Mark(len(self.proxy.requests()), *(len(log.entries()) for log in logs))

    def sent(self, since: Mark) -> list[str]:
        """Every request since the mark, reads among them."""
        return self._requests(since, False)

    def writes(self, since: Mark) -> list[str]:
        """Every request since the mark that changes state (N13)."""
        return self._requests(since, True)

    def unlogged(self, since: Mark, audit: int) -> list[str]:
        """Writes since both marks that the API server's own audit log tells of and the proxy does not, or the other way
        round: that the request log is whole is asked of the server itself."""
        told = [request.uri for request in self.sandbox.audit.writes(audit, lambda item: item.user == self.user)]
        seen = [item.uri for item in self.proxy.requests()[since.requests :] if item.is_write]
        return [uri for uri in set(told + seen) if told.count(uri) != seen.count(uri)]

    def _requests(self, since: Mark, writing: bool) -> list[str]:
        places = (self._kubernetes, self._cloudflare, self._github, self._git, self._authentik)
        return [request for place in places for request in place(since, writing)]

    def _kubernetes(self, since: Mark, writing: bool) -> list[str]:
        requests = self.proxy.requests()[since.requests :]
        return [str(request) for request in requests if request.is_write or not writing]

    def _cloudflare(self, since: Mark, writing: bool) -> list[str]:
        entries = self.cloudflare.log.entries()[since.cloudflare :]
        return [f"{entry.method} {entry.path}" for entry in entries if entry.writes or not writing]

    def _github(self, since: Mark, writing: bool) -> list[str]:
        entries = self.github.log.entries()[since.github :]
        return [f"{entry.method} {entry.path}" for entry in entries if writes(entry) or not writing]

    def _git(self, since: Mark, writing: bool) -> list[str]:
        entries = self.git.log.entries()[since.git :]
        found = [(entry.method, entry.path) for entry in entries]
        return [f"{method} {path}" for method, path in found if git_server.writes(method, path) or not writing]

    def _authentik(self, since: Mark, writing: bool) -> list[str]:
        entries = self.authentik.log.entries()[since.authentik :]
        return [f"{entry.method} {entry.path}" for entry in entries if entry.writes or not writing]


@contextmanager
def sides(sandbox: Sandbox) -> Iterator[dict[str, Side]]:
    """Make both sides for this process, and close what they opened afterwards."""
    made = {}
    try:
        for path in PATHS:
            made[path] = _side(sandbox, path, f"test-{os.getpid()}-{path.replace(' ', '-')}")
        yield made
    finally:
        for side in made.values():
            for part in (side.proxy, side.authentik, side.git, side.github, side.edge, side.cloudflare):
                part.stop()


def _side(sandbox: Sandbox, path: str, account: str) -> Side:
    """A side whose identity is a ServiceAccount with every right: an operator, and no member of system:masters."""
    api = sandbox.api
    subject = {"kind": "ServiceAccount", "name": account, "namespace": ACCOUNTS}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    api.apply(_object("v1", "Namespace", "", ACCOUNTS))
    api.apply(_object("v1", "ServiceAccount", ACCOUNTS, account))
    binding = _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", f"{ACCOUNTS}-{account}")
    api.apply({**binding, "subjects": [subject], "roleRef": role})
    token = sandbox.token(ACCOUNTS, account)
    proxy = sandbox.proxy()
    cloudflare = Cloudflare().start()
    cloudflare.add_zone(stack.ZONE)
    cloudflare.token = cloudflare.add_token(value=canary("cloudflare-token"))
    edge = Edge(cloudflare, Reader(sandbox.api), sandbox.address).start()
    github = GitHub(deliver_to=edge.url).start()
    github.token = github.add_classic_token(value=canary("github-token"))
    kubeconfig = sandbox.kubeconfig_for(token=token, server=proxy.url)
    user = f"system:serviceaccount:{ACCOUNTS}:{account}"
    git = GitServer().start()
    git.token = git.add_token(value=canary("git-token"))
    authentik = Authentik().start()
    authentik.token = authentik.add_token(canary("authentik-token"))
    return Side(path, sandbox, user, token, kubeconfig, proxy, cloudflare, edge, github, git, authentik)


def _object(api_version: str, kind: str, namespace: str, name: str) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def canary(what: str) -> str:
    """A value that can be told from everything else wherever it turns up; long enough for a token."""
    return f"{_CANARY}-{what}-{secrets.token_hex(16)}"


@dataclass
class World:
    """One run of a case on one side. `name` is unique and as long on both sides; `memo` is what preparing found out."""

    name: str
    side: Side
    memo: dict[str, Any] = field(default_factory=dict)
    canaries: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> Api:
        """The cluster, as somebody who is not the product."""
        return self.side.sandbox.api

    @property
    def cloudflare(self) -> Cloudflare:
        return self.side.cloudflare

    @property
    def zone(self) -> str:
        return stack.ZONE

    def secret(self, what: str) -> str:
        """The canary of that name, the same each time it is asked for."""
        return self.canaries.setdefault(what, canary(what))

    def secret64(self, what: str) -> str:
        """The same in base64."""
        return base64.b64encode(self.secret(what).encode()).decode()

    def make(self, *objects: Object) -> None:
        """Create objects from outside; those that are there are taken as they are wanted."""
        for item in objects:
            self.api.apply(item, manager="outside")

    def patch(self, path: str, body: dict[str, Any]) -> None:
        """Change an object from outside, as somebody with kubectl would."""
        self.api.patch(path, body, fieldManager="outside")

    def scale(self, path: str, replicas: int) -> None:
        """Change how many pods a Deployment wants, from outside, and wait until there are so many."""
        self.patch(path, {"spec": {"replicas": replicas}})
        taken_up(self.api, path)

    def find(self, path: str) -> Object | None:
        return self.api.find(path)

    def ask_cloudflare(self, method: str, path: str, body: Any = None) -> Any:
        """One request to Cloudflare's API from outside; its `result`. Raises RuntimeError for a refusal."""
        parts = urlsplit(self.cloudflare.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self.cloudflare.token}", "Content-Type": "application/json"}
            connection.request(method, BASE + path, None if body is None else json.dumps(body), headers)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if not answer["success"]:
            raise RuntimeError(f"{method} {path}: {answer['errors']}")
        return answer["result"]

    @property
    def github(self) -> GitHub:
        return self.side.github

    @property
    def owner(self) -> str:
        """An organization at GitHub with the App on it and a repository, for this world alone."""
        login = f"owner-{self.name}"
        if "owner" not in self.memo:
            self.memo["owner"] = self.github.add_owner(login)
            self.github.add_repository(f"{login}/shop")
            self.github.install(self.github.app_id, login)
        return login

    @property
    def repository(self) -> str:
        """The repository of that organization, as owner/name."""
        return f"{self.owner}/shop"

    def public_host(self, code: int = 202) -> str:
        """A public host name that leads through edge and tunnel to an answer of that code, whatever is asked."""
        if f"host {code}" not in self.memo:
            self.memo[f"host {code}"] = self._new_host(f"hooks-{code}-{self.name}", code)
        return str(self.memo[f"host {code}"])

    def ask_github(self, method: str, path: str, body: Any = None) -> Any:
        """One request to GitHub's API from outside; what it answers. Raises RuntimeError for a refusal."""
        connection = http.client.HTTPConnection("127.0.0.1", self.github.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self.github.token}", "User-Agent": "outside"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text) if text else None

    @property
    def authentik(self) -> Authentik:
        return self.side.authentik

    def ask_authentik(self, method: str, path: str, body: Any = None) -> Any:
        """One request to Authentik's API from outside; what it answers. Raises RuntimeError for a refusal."""
        connection = http.client.HTTPConnection("127.0.0.1", self.authentik.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self.authentik.token}", "Content-Type": "application/json"}
            content = None if body is None else json.dumps(body)
            connection.request(method, AUTHENTIK_BASE + path, content, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text) if text else None

    @property
    def git(self) -> GitServer:
        return self.side.git

    @property
    def tree(self) -> str:
        """An empty Git repository for this world alone."""
        self.git.make(self.name)
        return self.git.url_of(self.name)

    def webhooks(self) -> list[dict[str, Any]]:
        """The webhooks of this world's organization and of its repository."""
        return self.webhooks_of(f"/repos/{self.repository}") + self.webhooks_of(f"/orgs/{self.owner}")

    def webhooks_of(self, place: str) -> list[dict[str, Any]]:
        """The webhooks of a place at GitHub, which is told by its path."""
        return list(self.ask_github("GET", f"{place}/hooks?per_page=100"))

    def _new_host(self, name: str, code: int) -> str:
        body = {"name": name, "config_src": "local"}
        made = self.ask_cloudflare("POST", f"{self.account}/cfd_tunnel", body)
        host = f"{name}.{self.zone}"
        record = {"type": "CNAME", "name": host, "content": f"{made['id']}.cfargotunnel.com", "proxied": True}
        self.ask_cloudflare("POST", f"{self.zone_path}/dns_records", record)
        config = f"tunnel: {made['id']}\ningress:\n  - service: http_status:{code}\n"
        self.side.edge.register(made["id"], Credentials.from_token(made["token"]), config)
        return host

    @property
    def account(self) -> str:
        return f"/accounts/{self.cloudflare.account_id}"

    @property
    def zone_path(self) -> str:
        """The path of the zone in Cloudflare's API."""
        if "zone" not in self.memo:
            self.memo["zone"] = self.ask_cloudflare("GET", f"/zones?name={self.zone}")[0]["id"]
        return f"/zones/{self.memo['zone']}"

    def records(self) -> list[dict[str, Any]]:
        """The DNS records that carry the world's name."""
        found = self.ask_cloudflare("GET", f"{self.zone_path}/dns_records?per_page=5000")
        return [item for item in found if self.name in item["name"]]

    def tunnels(self) -> list[dict[str, Any]]:
        """The live tunnels that carry the world's name."""
        found = self.ask_cloudflare("GET", f"{self.account}/cfd_tunnel?is_deleted=false&per_page=1000")
        return [item for item in found if self.name in item["name"]]


def worlds(both: dict[str, Side]) -> dict[str, World]:
    """A world on each side, with names of one length that differ in their last letter."""
    stem = "t" + secrets.token_hex(4)
    return {path: World(stem + ("i" if path == IN_PROCESS else "m"), side) for path, side in both.items()}


def eventually(what: str, holds: Callable[[], Any], seconds: float = 120.0) -> None:
    """Wait until that holds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


def taken_up(api: Api, path: str) -> None:
    """Wait until the cluster has taken up what somebody changed about a Deployment.

    Until then its status tells of the time before. A run that puts it right at once would find all its replicas, and
    the next run those that come and go because of both changes.
    """

    def is_taken_up() -> bool:
        item = api.get(path)
        status = item.get("status") or {}
        seen = status.get("observedGeneration", 0) >= item["metadata"]["generation"]
        return bool(seen and status.get("replicas", 0) == item["spec"]["replicas"])

    eventually(f"{path} is as its spec says", is_taken_up)
