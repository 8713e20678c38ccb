"""What may each account of the platform do, by the fixed roles alone?

A namespace of an organization and one of a pipeline are made as the use cases make them, and every question is asked of
the real API server by the account itself. What the use cases bind, and to whom, is tested where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.installed import Platform, denied_by, eventually, platform, refusal, role_objects
from tests.integration.specimens import organization, repo_binding
from tests.sandbox.api import Api, Object

RBAC = "rbac.authorization.k8s.io"
ADMIN = "oidc:ann@acme.example"
OPERATOR = "oidc:olga@platform.example"

ROLES = {item["metadata"]["name"]: item for item in role_objects("cluster_roles.yaml") if item["kind"] == "ClusterRole"}
OF_PIPELINES = ("aphex-runner-standard", "aphex-runner-elevated", "aphex-deployer", "aphex-listener-run")
BOUND_BY_USE_CASES = sorted(ROLES.keys() - {"aphex-listener-cluster", "aphex-operator"})

ACCOUNTS = {
    # account: namespace, and the roles that it gets in which namespaces
    "eventlistener": ("org-acme", [("aphex-listener", "org-acme"), ("aphex-listener-run", "web")]),
    "eso-secrets-reader": ("org-acme", [("aphex-org-secrets-reader", "org-acme")]),
    "pipeline-runner": ("web", [("aphex-runner-standard", "web")]),
    "elevated-runner": ("web", [("aphex-runner-elevated", "web")]),
    "deployer": ("web", [("aphex-deployer", "web")]),
    "nobody": ("web", []),
}


def binding(role: str, namespace: str, *subjects: Object, kind: str = "ClusterRole") -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
        "subjects": list(subjects),
    }


def account(name: str, namespace: str) -> Object:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def person(name: str) -> Object:
    return {"apiGroup": RBAC, "kind": "User", "name": name}


@pytest.fixture(scope="module")
def installed() -> Iterator[Platform]:
    with platform("rbac") as running:
        api = running.api
        running.namespace("org-acme", {"pod-security.kubernetes.io/enforce": "restricted"})
        running.namespace("org-evil")
        running.namespace("web", {"pod-security.kubernetes.io/enforce": "baseline"})
        running.namespace("other")
        for name, (namespace, roles) in ACCOUNTS.items():
            metadata = {"name": name, "namespace": namespace}
            api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
            for role, where in roles:
                api.create(binding(role, where, account(name, namespace)))
        api.create(binding("aphex-org-admin", "org-acme", person(ADMIN)))
        api.create(
            {
                **binding("aphex-operator", "", person(OPERATOR)),
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "aphex-operator"},
            }
        )
        olga = running.sandbox.as_user(OPERATOR)
        eventually("the last right is known", lambda: allowed(olga, "create", "", "namespaces"))
        yield running


@pytest.fixture(scope="module")
def clients(installed: Platform) -> dict[str, Api]:
    """A client for each account by its own token, and for the people."""
    tokens = {name: installed.sandbox.as_service_account(place, name) for name, (place, _unused) in ACCOUNTS.items()}
    people = {name: installed.sandbox.as_user(name) for name in (ADMIN, OPERATOR)}
    return {**tokens, **people}


def allowed(api: Api, verb: str, namespace: str, resource: str, name: str = "") -> bool:
    """Ask the API server whether this account may; resource is `[group:]plural[/subresource]`."""
    group, _unused, rest = resource.rpartition(":")
    plural, _unused, subresource = rest.partition("/")
    attributes = {
        "verb": verb,
        "namespace": namespace,
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "name": name,
    }
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    answer = api.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {**review, "spec": {"resourceAttributes": attributes}}
    )
    return bool(answer["status"]["allowed"])


# --- the roles as they are written


def rules_of(role: str) -> list[Object]:
    return list(ROLES[role]["rules"])


@pytest.mark.parametrize("role", ROLES)
def test_S11_no_role_holds_a_wildcard(role: str) -> None:
    for rule in rules_of(role):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


@pytest.mark.parametrize("role", ROLES)
def test_P15_no_role_can_raise_itself(role: str) -> None:
    for rule in rules_of(role):
        assert not {"escalate", "impersonate", "approve", "sign"} & set(rule["verbs"])
        for resource in ("serviceaccounts/token", "pods/exec", "pods/attach", "nodes/proxy", "clusterrolebindings"):
            assert resource not in rule["resources"]
        if {"roles", "clusterroles"} & set(rule["resources"]):
            assert rule["resources"] == ["clusterroles"]
            assert set(rule["verbs"]) == {"get", "bind"}


def test_P15_bind_is_granted_on_exactly_the_roles_of_tenants() -> None:
    binds = [
        (role, rule)
        for role in ROLES
        for rule in rules_of(role)
        if "bind" in rule["verbs"] and RBAC in rule["apiGroups"]
    ]
    assert [(role, rule["resourceNames"]) for role, rule in binds] == [("aphex-operator", BOUND_BY_USE_CASES)]


WALLS = {
    "": {"resourcequotas", "limitranges", "namespaces", "nodes", "persistentvolumes", "endpoints"},
    RBAC: {"roles", "rolebindings", "clusterroles", "clusterrolebindings"},
    "networking.k8s.io": {"networkpolicies", "ingresses"},
    "triggers.tekton.dev": {"eventlisteners", "triggers", "triggerbindings", "triggertemplates", "interceptors"},
    "aphex.io": {"organizations", "repobindings", "knowledgebases"},
    "argoproj.io": {"applications", "appprojects"},
    "discovery.k8s.io": {"endpointslices"},
    "admissionregistration.k8s.io": {"validatingadmissionpolicies"},
}


@pytest.mark.parametrize("role", OF_PIPELINES)
def test_S5_no_role_of_a_pipeline_namespace_touches_its_walls(role: str) -> None:
    """Who may write Secrets or start pods can act as any account of the namespace, so this holds for all of them."""
    for rule in rules_of(role):
        for group in rule["apiGroups"]:
            assert not WALLS.get(group, set()) & set(rule["resources"]), (role, rule)


def test_the_profile_elevated_holds_all_that_standard_holds() -> None:
    def rights(role: str) -> set[tuple[str, str, str]]:
        return {
            (group, resource, verb)
            for rule in rules_of(role)
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }

    assert rights("aphex-runner-standard") < rights("aphex-runner-elevated")


def test_nothing_is_aggregated_into_roles_of_kubernetes() -> None:
    for item in role_objects("cluster_roles.yaml"):
        assert item["metadata"]["labels"] == {"platform.aphex/managed-by": "aphex.platform"}
        assert "aggregationRule" not in item


# --- asked of the API server

CRUD = "get list watch create update patch delete"
READ = "get list watch"
TRIGGERS = "triggers.tekton.dev:"
TEKTON = "tekton.dev:"
APHEX = "aphex.io:"

MAY: list[tuple[str, str, str, str, str]] = [
    # account, verbs, namespace, resource, name
    ("eventlistener", "list watch", "org-acme", f"{TRIGGERS}eventlisteners", ""),
    ("eventlistener", "list watch", "org-acme", f"{TRIGGERS}triggers", ""),
    ("eventlistener", "list watch", "org-acme", f"{TRIGGERS}triggerbindings", ""),
    ("eventlistener", "list watch", "org-acme", f"{TRIGGERS}triggertemplates", ""),
    ("eventlistener", "list watch", "org-acme", f"{TRIGGERS}interceptors", ""),
    ("eventlistener", "list watch", "", f"{TRIGGERS}clusterinterceptors", ""),
    ("eventlistener", "list watch", "", f"{TRIGGERS}clustertriggerbindings", ""),
    ("eventlistener", "create", "org-acme", "events", ""),
    ("eventlistener", "create", "web", f"{TEKTON}pipelineruns", ""),
    ("eso-secrets-reader", "get", "org-acme", "secrets", "org-secrets"),
    ("pipeline-runner", CRUD, "web", "secrets", "tfstate-default-web"),
    ("pipeline-runner", "get list create update patch delete", "web", "coordination.k8s.io:leases", "lock"),
    ("pipeline-runner", CRUD, "web", "configmaps", ""),
    ("pipeline-runner", f"{READ} create delete", "web", "pods", ""),
    ("pipeline-runner", "get", "web", "pods/log", ""),
    ("pipeline-runner", "get list", "web", "persistentvolumeclaims", ""),
    ("pipeline-runner", f"{READ} create", "web", f"{TEKTON}pipelineruns", ""),
    ("pipeline-runner", f"{READ} create", "web", f"{TEKTON}taskruns", ""),
    ("elevated-runner", CRUD, "web", "persistentvolumeclaims", ""),
    ("elevated-runner", CRUD, "web", "services", ""),
    ("elevated-runner", CRUD, "web", "apps:deployments", ""),
    ("elevated-runner", CRUD, "web", "apps:statefulsets", ""),
    ("elevated-runner", READ, "web", "events", ""),
    ("deployer", CRUD, "web", "apps:deployments", ""),
    ("deployer", CRUD, "web", "batch:jobs", ""),
    ("deployer", CRUD, "web", "services", ""),
    ("deployer", CRUD, "web", "external-secrets.io:externalsecrets", ""),
    (ADMIN, CRUD, "org-acme", f"{APHEX}repobindings", ""),
    (ADMIN, "get update patch", "org-acme", "secrets", "org-secrets"),
    (ADMIN, READ, "org-acme", "events", ""),
    (ADMIN, READ, "org-acme", f"{TRIGGERS}eventlisteners", ""),
    (OPERATOR, f"{CRUD} bind label", "platform-system", f"{APHEX}organizations", "acme"),
    (OPERATOR, CRUD, "org-acme", f"{APHEX}repobindings", ""),
    (OPERATOR, "get update patch", "platform-system", f"{APHEX}organizations/status", "acme"),
    (OPERATOR, CRUD, "", "namespaces", ""),
    (OPERATOR, CRUD, "web", f"{RBAC}:rolebindings", ""),
    (OPERATOR, CRUD, "", "external-secrets.io:clustersecretstores", ""),
    (OPERATOR, CRUD, "argocd", "argoproj.io:appprojects", ""),
    (OPERATOR, "list delete", "web", "argoproj.io:applications", ""),
    (OPERATOR, CRUD, "platform-system", "coordination.k8s.io:leases", "aphex-organization-acme"),
    ("nobody", "list watch", "", f"{TRIGGERS}clusterinterceptors", ""),
]

MAY_NOT: list[tuple[str, str, str, str, str]] = [
    # S3, P5: the listener starts runs where it is bound, and nothing else anywhere
    ("eventlistener", CRUD, "org-acme", "secrets", "github-webhook-secret"),
    ("eventlistener", "create", "other", f"{TEKTON}pipelineruns", ""),
    ("eventlistener", "create", "org-acme", f"{TEKTON}pipelineruns", ""),
    ("eventlistener", "get list update patch delete", "web", f"{TEKTON}pipelineruns", ""),
    ("eventlistener", CRUD, "web", "pods", ""),
    ("eventlistener", CRUD, "web", "persistentvolumeclaims", ""),
    ("eventlistener", "list", "org-evil", f"{TRIGGERS}triggers", ""),
    ("eventlistener", "list", "", f"{TRIGGERS}triggers", ""),
    ("eventlistener", "create update patch delete", "org-acme", f"{TRIGGERS}triggers", ""),
    ("eventlistener", "list update patch delete", "org-acme", "events", ""),
    # section 5 of the secret store: one Secret, one verb
    ("eso-secrets-reader", "list watch update patch delete", "org-acme", "secrets", ""),
    ("eso-secrets-reader", "get", "org-acme", "secrets", "github-webhook-secret"),
    ("eso-secrets-reader", "get", "org-evil", "secrets", "org-secrets"),
    # S2, S5: no runner reaches out of its namespace, or at its own walls
    *[
        (runner, verbs, namespace, resource, "")
        for runner in ("pipeline-runner", "elevated-runner", "deployer")
        for verbs, namespace, resource in (
            (CRUD, "org-acme", "secrets"),
            (CRUD, "other", "secrets"),
            (CRUD, "platform-system", "configmaps"),
            ("create update patch delete", "web", "resourcequotas"),
            ("create update patch delete", "web", "limitranges"),
            (CRUD, "web", "networking.k8s.io:networkpolicies"),
            (CRUD, "web", "networking.k8s.io:ingresses"),
            (CRUD, "web", f"{RBAC}:roles"),
            (CRUD, "web", f"{RBAC}:rolebindings"),
            (CRUD, "web", f"{TRIGGERS}triggers"),
            (CRUD, "org-acme", f"{TRIGGERS}triggers"),
            (CRUD, "web", f"{APHEX}repobindings"),
            (CRUD, "platform-system", f"{APHEX}repobindings"),
            (CRUD, "argocd", "argoproj.io:applications"),
            (CRUD, "web", "argoproj.io:applications"),
            ("get list create update patch delete", "", "namespaces"),
            ("create", "web", "serviceaccounts/token"),
            ("create get", "web", "pods/exec"),
            ("list", "", "secrets"),
        )
    ],
    ("pipeline-runner", CRUD, "web", "apps:deployments", ""),
    ("pipeline-runner", CRUD, "web", "services", ""),
    ("pipeline-runner", "create update patch delete", "web", "persistentvolumeclaims", ""),
    # P25, S11: an administrator of an organization
    (ADMIN, "list watch create delete deletecollection", "org-acme", "secrets", ""),
    (ADMIN, "delete", "org-acme", "secrets", "org-secrets"),
    (ADMIN, CRUD, "org-acme", "secrets", "github-webhook-secret"),
    (ADMIN, CRUD, "org-acme", "secrets", "cloudflared-credentials-acme"),
    (ADMIN, CRUD, "org-acme", "pods", ""),
    (ADMIN, "get", "org-acme", "pods/log", ""),
    (ADMIN, "create", "org-acme", "pods/exec", ""),
    (ADMIN, "create", "org-acme", "serviceaccounts/token", "eventlistener"),
    (ADMIN, "create update patch delete", "org-acme", f"{TRIGGERS}triggers", ""),
    (ADMIN, "create update patch delete", "org-acme", f"{TRIGGERS}eventlisteners", ""),
    (ADMIN, CRUD, "org-acme", f"{RBAC}:rolebindings", ""),
    (ADMIN, "update patch", "org-acme", f"{APHEX}repobindings/status", ""),
    (ADMIN, "bind label get list", "platform-system", f"{APHEX}organizations", "acme"),
    (ADMIN, CRUD, "platform-system", f"{APHEX}repobindings", ""),
    (ADMIN, CRUD, "org-evil", f"{APHEX}repobindings", ""),
    (ADMIN, "get", "org-evil", "secrets", "org-secrets"),
    # P15, S18: the operator grants the tenants' roles, and no others
    (OPERATOR, "create update patch delete escalate", "", f"{RBAC}:clusterroles", ""),
    (OPERATOR, CRUD, "", f"{RBAC}:clusterrolebindings", ""),
    (OPERATOR, f"{CRUD} bind escalate", "web", f"{RBAC}:roles", ""),
    (OPERATOR, "bind", "", f"{RBAC}:clusterroles", "cluster-admin"),
    (OPERATOR, "bind", "", f"{RBAC}:clusterroles", "aphex-operator"),
    (OPERATOR, "impersonate", "", "users", "anybody"),
    (OPERATOR, "create update patch delete", "", "apiextensions.k8s.io:customresourcedefinitions", ""),
    (OPERATOR, "create update patch delete", "", "admissionregistration.k8s.io:validatingadmissionpolicies", ""),
    (OPERATOR, "create", "web", "pods", ""),
    (OPERATOR, "create", "web", "serviceaccounts/token", "deployer"),
    (OPERATOR, "create update patch delete", "", f"{TRIGGERS}clusterinterceptors", ""),
    # P5: what every account gets through the one binding of the cluster
    ("nobody", "get create update patch delete", "", f"{TRIGGERS}clusterinterceptors", ""),
    ("nobody", CRUD, "web", "secrets", ""),
]


def spelled(row: tuple[str, str, str, str, str]) -> str:
    who, verbs, namespace, resource, name = row
    return f"{who}-{verbs.replace(' ', '.')}-{namespace or 'cluster'}-{resource.rpartition(':')[2]}-{name}"[:110]


@pytest.mark.parametrize("row", MAY, ids=spelled)
def test_an_account_may_do_its_work(clients: dict[str, Api], row: tuple[str, str, str, str, str]) -> None:
    who, verbs, namespace, resource, name = row
    assert {verb: allowed(clients[who], verb, namespace, resource, name) for verb in verbs.split()} == dict.fromkeys(
        verbs.split(), True
    )


@pytest.mark.parametrize("row", MAY_NOT, ids=spelled)
def test_an_account_may_do_nothing_else(clients: dict[str, Api], row: tuple[str, str, str, str, str]) -> None:
    who, verbs, namespace, resource, name = row
    assert {verb: allowed(clients[who], verb, namespace, resource, name) for verb in verbs.split()} == dict.fromkeys(
        verbs.split(), False
    )


# --- tried, not asked

CONTAINER: Object = {"name": "step", "image": "busybox:1.36"}


def pod(container: Object | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "attempt", "namespace": "web"},
        "spec": {"containers": [{**CONTAINER, **(container or {})}], **spec},
    }


ESCAPES = {
    "privileged": pod({"securityContext": {"privileged": True}}),
    "host path": pod(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
    "host processes": pod(hostPID=True),
    "host network": pod(hostNetwork=True),
    "host port": pod({"ports": [{"containerPort": 80, "hostPort": 80}]}),
    "capability": pod({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
}


@pytest.mark.parametrize("runner", ["pipeline-runner", "elevated-runner", "deployer"])
@pytest.mark.parametrize("escape", ESCAPES)
def test_P1_no_account_of_a_pipeline_namespace_gets_onto_the_node(
    clients: dict[str, Api], runner: str, escape: str
) -> None:
    api = clients[runner]
    api.create(pod(), dryRun="All")
    assert 'violates PodSecurity "baseline' in refusal(403, api.create, ESCAPES[escape], dryRun="All")


@pytest.mark.parametrize("role", BOUND_BY_USE_CASES)
def test_P15_the_operator_binds_a_tenants_role(clients: dict[str, Api], role: str) -> None:
    clients[OPERATOR].create(binding(role, "other", account("somebody", "other")), dryRun="All")


@pytest.mark.parametrize("role", ["cluster-admin", "admin", "edit", "view", "system:node"])
def test_P15_the_operator_binds_no_other_role(clients: dict[str, Api], role: str) -> None:
    message = refusal(403, clients[OPERATOR].create, binding(role, "other", person(OPERATOR)), dryRun="All")
    assert "is attempting to grant RBAC permissions not currently held" in message


def test_S18_the_operator_makes_no_role(clients: dict[str, Api]) -> None:
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    for kind in ("Role", "ClusterRole"):
        metadata = {"name": "mine", "namespace": "web"} if kind == "Role" else {"name": "mine"}
        item = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": [rule]}
        assert "cannot create resource" in refusal(403, clients[OPERATOR].create, item, dryRun="All")


def test_S17_who_is_unbound_has_no_right_left(installed: Platform) -> None:
    former = installed.sandbox.as_user("oidc:former@acme.example")
    bound = installed.api.create(
        {
            **binding("aphex-org-admin", "org-evil", person("oidc:former@acme.example")),
            "metadata": {"name": "aphex-org-admin-former", "namespace": "org-evil"},
        }
    )
    eventually("the right is there", lambda: allowed(former, "create", "org-evil", f"{APHEX}repobindings"))
    installed.api.remove(bound)
    eventually("the right is gone", lambda: not allowed(former, "create", "org-evil", f"{APHEX}repobindings"))


def test_S17_a_name_without_the_prefix_is_somebody_else(installed: Platform) -> None:
    other = installed.sandbox.as_user(ADMIN.removeprefix("oidc:"))
    assert not allowed(other, "create", "org-acme", f"{APHEX}repobindings")


def test_the_operators_rights_pass_the_admission_policies(clients: dict[str, Api]) -> None:
    olga = clients[OPERATOR]
    olga.create(organization(), dryRun="All")
    olga.create(repo_binding(), dryRun="All")
    olga.create(repo_binding("web", "org-acme", permissionProfile="elevated", quota={"pods": 50}), dryRun="All")
    labels = {
        "platform.aphex/managed-by": "aphex.platform",
        "platform.aphex/organization": "acme",
        "aphex.dev/org": "acme",
    }
    secured = {"pod-security.kubernetes.io/enforce": "baseline"}
    metadata = {"name": "shop", "labels": {**labels, **secured}}
    olga.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, dryRun="All")
    denied_by("aphex-crd-deletion", olga.delete, "/api/v1/namespaces/platform-system")


def test_P9_an_administrator_binds_in_the_own_namespace(clients: dict[str, Api]) -> None:
    ann = clients[ADMIN]
    ann.create(repo_binding("web", "org-acme"), dryRun="All")
    denied_by("aphex-who-may-bind", ann.create, repo_binding("web", "org-acme", aphexOrg="evil"), dryRun="All")
    assert "cannot create resource" in refusal(403, ann.create, repo_binding(), dryRun="All")
