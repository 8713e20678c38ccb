"""An API server to which people log in: an issuer, its configuration by the role oidc, and the rights of the part.

In: a name. Out: the sandbox, the issuer, and clients with a token of anybody. Never here: a shared sandbox, since what
the API server trusts is changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.installed import Run, sandbox_for
from tests.integration.running import run_role
from tests.sandbox.api import Api, ApiError, Object
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.oidc import Oidc

REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
GROUPS = ("platform-admins", "platform-operators", "platform-engineering")
TEAM = "team-web"

_TAKEN_WITHIN = 240.0
"""The API server tries for a minute to reach the issuer of a new configuration, every ten seconds."""


@dataclass(frozen=True)
class Logins:
    """The cluster and its issuer."""

    sandbox: Sandbox
    issuer: Oidc

    @property
    def variables(self) -> dict[str, Any]:
        return {
            "oidc_domain": "sandbox.example",
            "oidc_issuer": self.issuer.url,
            "oidc_ca_file": str(self.issuer.ca),
            "oidc_configuration_file": str(self.sandbox.authentication),
            "oidc_namespaces": [TEAM],
        }

    def run(self, door: str = "main", *arguments: str, **changed: Any) -> Run:
        """Run a door of the role."""
        return run_role(self.sandbox.kubeconfig, "oidc", *arguments, door=door, **{**self.variables, **changed})

    def token(self, *groups: str, email: str = "ann@people.example", **claims: Any) -> str:
        """What the issuer gives to a member of these groups."""
        return self.issuer.token({"email": email, "groups": list(groups), **claims})

    def api(self, token: str) -> Api:
        """A client that shows that token and nothing else."""
        return self.sandbox.api.with_token(token)

    def who(self, token: str) -> Object | int:
        """Whom the API server takes the bearer for, or the status with which it refuses."""
        try:
            answer = self.api(token).post(
                REVIEWS, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
            )
        except ApiError as error:
            return error.status
        return dict(answer["status"]["userInfo"])

    def wait_until_taken(self) -> None:
        """Wait until the API server trusts the issuer."""
        deadline = time.monotonic() + _TAKEN_WITHIN
        while self.who(self.token()) == 401:
            assert time.monotonic() < deadline, "the API server did not take its configuration"
            time.sleep(0.2)


def allowed(api: Api, verb: str, resource: str, namespace: str = "", name: str = "") -> bool:
    """Ask the API server whether the bearer may; the resource is `[group:]plural[/subresource]`, or a path."""
    spec: Object
    if resource.startswith("/"):
        spec = {"nonResourceAttributes": {"verb": verb, "path": resource}}
    else:
        group, _unused, rest = resource.rpartition(":")
        plural, _unused, sub = rest.partition("/")
        attributes = {"verb": verb, "group": group, "resource": plural, "subresource": sub, "name": name}
        spec = {"resourceAttributes": {**attributes, "namespace": namespace}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    return bool(api.post(ACCESS, review)["status"]["allowed"])


@contextmanager
def logins(name: str, emulated_version: str | None = None, part: bool = True) -> Iterator[Logins]:
    """A sandbox of its own whose API server trusts an issuer; with the rights of the part, if wanted."""
    with sandbox_for(name, emulated_version) as sandbox, Oidc(Path(sandbox.folder) / "oidc") as issuer:
        made = Logins(sandbox, issuer)
        ran = made.run("configuration")
        assert ran.code == 0, ran.output
        if part:
            sandbox.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "platform-system"}})
            ran = made.run()
            assert ran.code == 0, ran.output
        made.wait_until_taken()
        yield made
