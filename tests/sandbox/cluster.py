"""A cluster as tests and the other parts see it: identities, kubeconfigs, the audit log.

In: a folder with an admin's kubeconfig. Out: clients and kubeconfigs for anybody. Never here: a process.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.api import Api, Identity, Object, Server, read_kubeconfig
from tests.sandbox.audit import AuditLog
from tests.sandbox.pki import Pki

_TOKEN_SECONDS = 12 * 3600


def kubeconfig_text(server: Server, identity: Identity) -> str:
    """A kubeconfig with one context, everything inside it."""
    cluster: dict[str, Any] = {"server": server.url}
    if server.ca:
        cluster["certificate-authority-data"] = _base64(server.ca)
    user: dict[str, Any] = {}
    if identity.token:
        user["token"] = identity.token
    if identity.certificate:
        user["client-certificate-data"], user["client-key-data"] = map(_base64, identity.certificate)
    if identity.as_user:
        user["as"] = identity.as_user
        user["as-groups"] = list(identity.as_groups)
    name = "sandbox"
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
        sort_keys=False,
    )


def write_kubeconfig(path: Path, server: Server, identity: Identity) -> Path:
    """Write that kubeconfig, readable for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: parallel tests write and read the same file.
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    partial.touch(mode=0o600)
    partial.write_text(kubeconfig_text(server, identity), encoding="utf-8")
    return partial.replace(path)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass(frozen=True)
class Reader:
    """The one question that the edge asks of a cluster: an object or a list by its path, None when there is none."""

    api: Api

    def get(self, path: str) -> Object | None:
        return self.api.find(path)


@dataclass(frozen=True)
class Cluster:
    """What lies in a sandbox's folder once its control plane runs."""

    folder: Path

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig (group system:masters)."""
        return self.folder / "kubeconfig"

    @property
    def kubectl(self) -> Path:
        """A kubectl of the cluster's version that already knows the cluster."""
        return self.folder / "kubectl"

    @property
    def audit_file(self) -> Path:
        return self.folder / "audit.log"

    @property
    def authentication(self) -> Path:
        """The API server's AuthenticationConfiguration. Replaced by a rename, it is read at once."""
        return self.folder / "authentication.yaml"

    @property
    def pki(self) -> Pki:
        return Pki(self.folder / "pki")

    @cached_property
    def api(self) -> Api:
        return Api.from_kubeconfig(self.kubeconfig)

    @cached_property
    def audit(self) -> AuditLog:
        """Raises RuntimeError for a cluster that was given by its kubeconfig: its log is not ours to read."""
        if not self.audit_file.exists():
            raise RuntimeError("this cluster was not started by the sandbox, so there is no audit log to count by")
        return AuditLog(self.audit_file, self.api)

    def token(self, namespace: str, service_account: str, seconds: int = _TOKEN_SECONDS) -> str:
        """A token of that ServiceAccount, by TokenRequest."""
        answer = self.api.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}},
        )
        return str(answer["status"]["token"])

    def as_service_account(self, namespace: str, service_account: str) -> Api:
        """A client with a token of that ServiceAccount."""
        return self.api.with_token(self.token(namespace, service_account))

    def as_user(self, user: str, groups: Iterable[str] = ()) -> Api:
        """A client that acts as that person; `system:authenticated` is added, as a login would."""
        return self.api.acting_as(user, (*groups, "system:authenticated"))

    def kubeconfig_for(
        self,
        *,
        token: str | None = None,
        user: str | None = None,
        groups: Iterable[str] = (),
        server: str | None = None,
    ) -> Path:
        """Write a kubeconfig for a token or for a person, and answer its path.

        A person gets a client certificate where the CA is ours, else the admin's identity with impersonation.
        `server` replaces the address, which is how a proxy is put in between.
        """
        target, identity = read_kubeconfig(self.kubeconfig)
        if token:
            identity = Identity(token)
        elif user and self.pki.ca_key.exists():
            identity = Identity(certificate=self.pki.client(user, groups))
        elif user:
            identity = Identity(identity.token, identity.certificate, user, (*groups, "system:authenticated"))
        if server:
            target = Server(server, target.ca if server.startswith("https:") else None)
        name = hashlib.sha256(repr((token, user, tuple(groups), target.url)).encode()).hexdigest()[:16]
        return write_kubeconfig(self.folder / "users" / f"{name}.kubeconfig", target, identity)
