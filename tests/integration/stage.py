"""Two organizations, their pipelines, and everybody who might want more than they have.

In: tenants on a platform. Out: clients by the identities that the product gave, and what came of their attempts. Never
here: what is expected of anybody.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.contract.platform import OWNER
from tests.integration.attempts import Attempt, Row, ask
from tests.integration.tenants import ADMIN, ARGO_CD, PLATFORM, Tenants, binding, succeeded
from tests.sandbox.api import Api, Object


class Stage:
    """Two organizations, three pipelines, and everybody who might want more than they have."""

    def __init__(self, on: Tenants) -> None:
        self.on = on
        assert succeeded(on.organization("acme"))
        assert succeeded(on.organization("rival", admin_users=["eve@rival.example"]))
        assert succeeded(on.repo_binding("web", "acme"))
        assert succeeded(on.repo_binding("ops", "acme", permission_profile="elevated"))
        assert succeeded(on.repo_binding("their", "rival"))
        self.names = {
            **{word: on.name(word) for word in ("web", "ops", "their", "acme", "rival", "binder", "operator")},
            "org": f"org-{on.name('acme')}",
            "rival_org": f"org-{on.name('rival')}",
            "plain": on.name("plain"),
            "owner": OWNER,
        }
        on.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.names["plain"]}})
        self.clients = self._clients()
        own = {"listener": "org", "admin": "org", "elevated": "ops"}
        self.own = {who: self.names[own.get(who, "web")] for who in self.clients}

    def _clients(self) -> dict[str, Api]:
        on, sandbox = self.on, self.on.sandbox
        controller = "argocd-application-controller"
        for account, namespace in ((controller, ARGO_CD), (self.names["binder"], PLATFORM)):
            metadata = {"name": account, "namespace": namespace}
            on.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        on.api.apply(binding(controller, "cluster-admin", ARGO_CD, controller))
        for item in binders_rights(self.names):
            on.api.apply(item)
        argocd = sandbox.as_service_account(ARGO_CD, controller)
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{self.names['web']}", "system:authenticated")
        return {
            "listener": sandbox.as_service_account(self.names["org"], "eventlistener"),
            "runner": sandbox.as_service_account(self.names["web"], "pipeline-runner"),
            "elevated": sandbox.as_service_account(self.names["ops"], "pipeline-runner"),
            "admin": sandbox.as_user(f"oidc:{ADMIN}"),
            "argocd": argocd,
            "deployer": argocd.acting_as(f"system:serviceaccount:{self.names['web']}:deployer", groups),
            "binder": sandbox.as_service_account(PLATFORM, self.names["binder"]),
            "operator": sandbox.as_service_account(PLATFORM, on.operator),
        }

    def rows(self, attempts: list[Attempt]) -> list[Row]:
        """Let everybody try what is expected of them."""
        rows = []
        for attempt in attempts:
            for who, expected in (attempt.expected or {}).items():
                got, held = ask(self.clients[who], attempt, {**self.names, "own": self.own[who]})
                rows.append(Row(who, attempt.what, expected, got, held))
        return rows


def binders_rights(names: Mapping[str, str]) -> list[Object]:
    """Somebody who writes RepoBindings in the platform's namespace, and may bind to one organization."""
    rules = [
        {"apiGroups": ["aphex.io"], "resources": ["repobindings"], "verbs": ["create", "update", "patch", "delete"]},
        {
            "apiGroups": ["aphex.io"],
            "resources": ["organizations"],
            "resourceNames": [names["acme"]],
            "verbs": ["bind"],
        },
    ]
    role = {"name": names["binder"], "namespace": PLATFORM}
    bound = binding(names["binder"], names["binder"], PLATFORM, names["binder"])
    return [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": role, "rules": rules},
        {**bound, "kind": "RoleBinding", "metadata": role, "roleRef": {**bound["roleRef"], "kind": "Role"}},
    ]
