"""What may each identity of a tenant do, and does anything lead out of the tenant?

Listener, runners, Argo CD and the operator ask with their own tokens, people and the deployer by impersonation, as the
programs that they use do. Every row is asked of the real API server twice: by the request itself, as a dry run, and by
a review of the right. Each test prints its part of the table.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.platform import OWNER
from tests.integration.attempts import ALLOWED, ESCALATION, LIMITS, POD_SECURITY, RBAC, Attempt, ask, table
from tests.integration.specimens import organization, repo_binding
from tests.integration.stage import Stage
from tests.integration.tenants import ADMIN, ARGO_CD, PLATFORM, Tenants, eventually, succeeded, tenants
from tests.sandbox.api import Api, ApiError, Object
from tests.sandbox.sandbox import Sandbox

APPROVED, RESERVED, BIND = "aphex-approved-owners", "aphex-reserved-namespaces", "aphex-who-may-bind"
LABELS, DELETION = "aphex-guarded-labels", "aphex-crd-deletion"

CORE, APPS, NET = "/api/v1/namespaces", "/apis/apps/v1/namespaces", "/apis/networking.k8s.io/v1/namespaces"
RBAC_API = "/apis/rbac.authorization.k8s.io/v1"
APHEX, ARGO = "/apis/aphex.io/v1alpha1/namespaces", "/apis/argoproj.io/v1alpha1/namespaces"
TRIGGERS, TEKTON = "/apis/triggers.tekton.dev/v1beta1/namespaces", "/apis/tekton.dev/v1/namespaces"

WORKERS = ("runner", "elevated", "deployer")
INSIDERS = (*WORKERS, "listener", "admin")


@pytest.fixture(scope="module")
def stage(sandbox: Sandbox) -> Iterator[Stage]:
    with tenants(sandbox) as on:
        yield Stage(on)


@pytest.fixture
def tried(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Callable[[list[Attempt]], None]:
    """Try all that, print the rows, and say which are not as expected."""

    def all_of(attempts: list[Attempt]) -> None:
        rows = stage.rows(attempts)
        with capsys.disabled():
            print(f"\n{table(rows)}")
        assert rows
        assert [str(row) for row in rows if not row.right] == []

    return all_of


def each(who: tuple[str, ...], verdict: str) -> dict[str, str]:
    return dict.fromkeys(who, verdict)


def new(version: str, kind: str, **fields: Any) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "tried"}, **fields}


# --- pods


def pod(container: Object | None = None, **spec: Any) -> Object:
    first = {"name": "main", "image": "registry.invalid/main:1", **(container or {})}
    return new("v1", "Pod", spec={"containers": [first], **spec})


HOSTILE: dict[str, Object] = {
    "privileged": pod({"securityContext": {"privileged": True}}),
    "hostPath /": pod(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
    "hostPID": pod(hostPID=True),
    "hostIPC": pod(hostIPC=True),
    "hostNetwork": pod(hostNetwork=True),
    "hostPort": pod({"ports": [{"containerPort": 80, "hostPort": 80}]}),
    "SYS_ADMIN": pod({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
    "unconfined seccomp": pod(securityContext={"seccompProfile": {"type": "Unconfined"}}),
}
PRIVILEGED = HOSTILE["privileged"]["spec"]
HUNGRY = pod({"resources": {"limits": {"cpu": "64", "memory": "64Gi"}, "requests": {"cpu": "1"}}})


def test_P1_no_pod_leaves_its_namespace(tried: Callable[[list[Attempt]], None]) -> None:
    own, org, their = (f"{CORE}/{{{name}}}/pods" for name in ("own", "org", "their"))
    tried(
        [
            Attempt("start a plain pod at home", "create", own, pod(), each(WORKERS, ALLOWED)),
            *(
                Attempt(f"start a pod at home with {name}", "create", own, body, each(WORKERS, POD_SECURITY))
                for name, body in HOSTILE.items()
            ),
            Attempt("start a pod beyond the limits", "create", own, HUNGRY, each(WORKERS, LIMITS)),
            Attempt("start a plain pod beside the webhook secret", "create", org, pod(),
                    {**each(INSIDERS, RBAC), "argocd": POD_SECURITY}),
            Attempt("start a plain pod at another tenant's", "create", their, pod(), each(INSIDERS, RBAC)),
            Attempt("enter a pod at home", "create", f"{own}/any/exec", None, each(INSIDERS, RBAC)),
            Attempt("enter a pod beside the webhook secret", "create", f"{org}/any/exec", None, each(INSIDERS, RBAC)),
            Attempt("forward a port of a pod at home", "create", f"{own}/any/portforward", None, each(INSIDERS, RBAC)),
            Attempt("ask a node's kubelet", "get", "/api/v1/nodes/node-1/proxy", None, each(INSIDERS, RBAC)),
        ]
    )  # fmt: skip


def test_P1_a_deployment_with_a_privileged_pod_never_has_one(stage: Stage) -> None:
    api, namespace = stage.clients["elevated"], stage.names["ops"]
    labels = {"app": "escape"}
    template = {"metadata": {"labels": labels}, "spec": PRIVILEGED}
    item = new("apps/v1", "Deployment", spec={"selector": {"matchLabels": labels}, "template": template})
    api.create({**item, "metadata": {"name": "escape", "namespace": namespace}})
    path = f"{APPS}/{namespace}/deployments/escape"

    def complaint() -> str:
        found = stage.on.api.get(path).get("status", {}).get("conditions") or []
        return "".join(entry["message"] for entry in found if entry["type"] == "ReplicaFailure")

    assert POD_SECURITY in eventually("its ReplicaSet complains", complaint)
    assert stage.on.api.list(f"{CORE}/{namespace}/pods", labelSelector="app=escape") == []
    api.delete(path)


# --- walls


def test_S10_nobody_moves_the_walls_of_a_namespace(tried: Callable[[list[Attempt]], None]) -> None:
    quota, limits = (f"{CORE}/{{own}}/{plural}" for plural in ("resourcequotas", "limitranges"))
    policies = f"{NET}/{{own}}/networkpolicies"
    open_all: Object = {"spec": {"egress": [{}]}}
    more = {"spec": {"hard": {"pods": "1000"}}}
    tried(
        [
            Attempt("raise the quota", "patch", f"{quota}/tenant-quota", more, each(WORKERS, RBAC)),
            Attempt("delete the quota", "delete", f"{quota}/tenant-quota", None, each(WORKERS, RBAC)),
            Attempt("delete the limits", "delete", f"{limits}/tenant-limits", None, each(WORKERS, RBAC)),
            Attempt("open the network policy", "patch", f"{policies}/tenant-isolation", open_all, each(WORKERS, RBAC)),
            Attempt("delete the network policy", "delete", f"{policies}/tenant-isolation", None, each(WORKERS, RBAC)),
            Attempt("add a network policy", "create", policies,
                    new("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}), each(INSIDERS, RBAC)),
            *(
                Attempt(f"open a {kind} to the outside", "create", f"{CORE}/{{own}}/services",
                        new("v1", "Service", spec={"type": kind, "ports": [{"port": 80}]}),
                        {"runner": RBAC, "elevated": LIMITS, "deployer": LIMITS})
                for kind in ("NodePort", "LoadBalancer")
            ),
            Attempt("delete the namespace", "delete", f"{CORE}/{{own}}", None, each(INSIDERS, RBAC)),
            Attempt("make a namespace", "create", CORE, new("v1", "Namespace"), each(INSIDERS, RBAC)),
            # Why Argo CD syncs a tenant as the tenant's deployer: as itself it may do all that.
            Attempt("raise the quota", "patch", f"{CORE}/{{web}}/resourcequotas/tenant-quota", more,
                    {"argocd": ALLOWED}),
        ]
    )  # fmt: skip


PRIVILEGE = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
JOIN = {"metadata": {"labels": {"aphex.dev/org": "{acme}"}}}
TAKE = {"metadata": {"labels": {"platform.aphex/owner-name": "{their}"}}}


def test_S9_P8_nobody_sets_a_guarded_label_by_any_door(tried: Callable[[list[Attempt]], None], stage: Stage) -> None:
    attempts = []
    for place in ("own", "plain"):
        for what, body in (("Pod Security", PRIVILEGE), ("the secret store's", JOIN), ("an owner's", TAKE)):
            if (place, what) == ("plain", "Pod Security"):
                # A namespace that is not ours has its own masters.
                continue
            target = "at home" if place == "own" else "on a foreign namespace"
            for door in ("", "/status"):
                path = f"{CORE}/{{{place}}}{door}"
                expected = {**each(INSIDERS, RBAC), "argocd": LABELS, "operator": ALLOWED}
                if door:
                    expected["operator"] = RBAC
                attempts.append(Attempt(f"set {what} label {target}{door}", "patch", path, body, expected))
    for word in ("web", "plain"):
        whole = stage.on.api.get(f"{CORE}/{stage.names[word]}")
        joined = copy.deepcopy(whole)
        joined["metadata"]["labels"] |= {"aphex.dev/org": "{rival}"}
        path = f"{CORE}/{{{word}}}/finalize"
        expected = {**each(INSIDERS, RBAC), "argocd": LABELS}
        attempts.append(Attempt(f"set the store's label on {word}/finalize", "update", path, joined, expected))
    gone = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}}
    attempts.append(Attempt("take the Pod Security label away", "patch", f"{CORE}/{{web}}", gone, {"argocd": LABELS}))
    tried(attempts)


def test_S9_only_a_binding_that_asks_for_it_opens_the_secret_store(stage: Stage) -> None:
    on = stage.on
    assert "aphex.dev/org" not in on.api.get(f"{CORE}/{stage.names['web']}")["metadata"]["labels"]
    store = on.api.get(f"/apis/external-secrets.io/v1/clustersecretstores/org-{stage.names['acme']}-store")
    selector = {"matchLabels": {"aphex.dev/org": stage.names["acme"]}}
    assert store["spec"]["conditions"] == [{"namespaceSelector": selector}]
    assert succeeded(on.repo_binding("web", "acme", secrets="organization"))
    assert on.api.get(f"{CORE}/{stage.names['web']}")["metadata"]["labels"]["aphex.dev/org"] == stage.names["acme"]
    assert succeeded(on.repo_binding("web", "acme"))
    assert "aphex.dev/org" not in on.api.get(f"{CORE}/{stage.names['web']}")["metadata"]["labels"]


# --- rights


def role_binding(role: str) -> Object:
    subjects = [{"kind": "ServiceAccount", "name": "pipeline-runner", "namespace": "{own}"}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return new("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef=reference, subjects=subjects)


ANY_ROLE = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
NEW_ROLE = new("rbac.authorization.k8s.io/v1", "Role", rules=ANY_ROLE)
NEW_CLUSTER_ROLE = new("rbac.authorization.k8s.io/v1", "ClusterRole", rules=ANY_ROLE)
TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}


def test_S11_nobody_gets_rights_or_another_identity(tried: Callable[[list[Attempt]], None]) -> None:
    roles, bindings = f"{RBAC_API}/namespaces/{{own}}/roles", f"{RBAC_API}/namespaces/{{own}}/rolebindings"
    cluster = {**role_binding("cluster-admin"), "kind": "ClusterRoleBinding"}
    tried(
        [
            Attempt("make a role at home", "create", roles, NEW_ROLE, each(INSIDERS, RBAC)),
            Attempt("bind cluster-admin at home", "create", bindings, role_binding("cluster-admin"),
                    each(INSIDERS, RBAC)),
            Attempt("bind cluster-admin everywhere", "create", f"{RBAC_API}/clusterrolebindings", cluster,
                    each(INSIDERS, RBAC)),
            Attempt("take a token of the runner", "create", f"{CORE}/{{web}}/serviceaccounts/pipeline-runner/token",
                    TOKEN, each(INSIDERS, RBAC)),
            Attempt("take a token of the deployer", "create", f"{CORE}/{{web}}/serviceaccounts/deployer/token", TOKEN,
                    each(INSIDERS, RBAC)),
            Attempt("take a token of the listener", "create", f"{CORE}/{{org}}/serviceaccounts/eventlistener/token",
                    TOKEN, each(INSIDERS, RBAC)),
        ]
    )  # fmt: skip


@pytest.mark.parametrize("who", ["listener", "runner", "elevated"])
def test_S11_nobody_acts_as_somebody_else(stage: Stage, who: str) -> None:
    for other in ("system:admin", f"system:serviceaccount:{ARGO_CD}:argocd-application-controller"):
        with pytest.raises(ApiError, match="cannot impersonate") as caught:
            stage.clients[who].acting_as(other).get("/api/v1/namespaces")
        assert caught.value.status == 403


def test_P15_S18_the_operator_grants_the_fixed_roles_and_nothing_else(tried: Callable[[list[Attempt]], None]) -> None:
    bindings = f"{RBAC_API}/namespaces/{{web}}/rolebindings"
    roles = f"{RBAC_API}/clusterroles"
    wider = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    cluster = {**role_binding("aphex-org-admin"), "kind": "ClusterRoleBinding"}
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/organizations.aphex.io"
    policy = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/aphex-who-may-bind"
    tried(
        [
            Attempt("bind a fixed role", "create", bindings, role_binding("aphex-org-admin"), {"operator": ALLOWED}),
            Attempt("bind cluster-admin", "create", bindings, role_binding("cluster-admin"), {"operator": ESCALATION}),
            # Kubernetes lets everybody pass on what they hold themselves.
            Attempt("bind its own role", "create", bindings, role_binding("aphex-operator"), {"operator": ALLOWED}),
            Attempt("bind a fixed role everywhere", "create", f"{RBAC_API}/clusterrolebindings", cluster,
                    {"operator": RBAC}),
            Attempt("make a role", "create", f"{RBAC_API}/namespaces/{{web}}/roles", NEW_ROLE, {"operator": RBAC}),
            Attempt("make a cluster role", "create", roles, NEW_CLUSTER_ROLE, {"operator": RBAC}),
            Attempt("widen the runner's role", "patch", f"{roles}/aphex-runner-standard", wider, {"operator": RBAC}),
            Attempt("widen its own role", "patch", f"{roles}/aphex-operator", wider, {"operator": RBAC}),
            Attempt("take a token of the runner", "create", f"{CORE}/{{web}}/serviceaccounts/pipeline-runner/token",
                    TOKEN, {"operator": RBAC}),
            Attempt("start a pod", "create", f"{CORE}/{{web}}/pods", pod(), {"operator": RBAC}),
            Attempt("start a pipeline run", "create", f"{TEKTON}/{{web}}/pipelineruns",
                    new("tekton.dev/v1", "PipelineRun", spec={"pipelineRef": {"name": "{web}"}}), {"operator": RBAC}),
            Attempt("delete the kind Organization", "delete", crd, None, {"operator": RBAC, "argocd": DELETION}),
            Attempt("delete an admission policy", "delete", policy, None, {"operator": RBAC}),
            Attempt("delete the platform's namespace", "delete", f"{CORE}/platform-system", None,
                    {"operator": DELETION, "argocd": DELETION}),
            Attempt("delete the settings", "delete", f"{CORE}/platform-system/configmaps/aphex-platform", None,
                    {"operator": DELETION, "argocd": DELETION}),
        ]
    )  # fmt: skip


# --- secrets


def test_S2_secrets_stay_where_they_belong(tried: Callable[[list[Attempt]], None]) -> None:
    org, own = f"{CORE}/{{org}}/secrets", f"{CORE}/{{own}}/secrets"
    hook, tunnel = f"{org}/github-webhook-secret", f"{org}/cloudflared-tunnel-secret"
    value = {"data": {"token": "eA=="}}
    secret = new("v1", "Secret")
    tried(
        [
            Attempt("read the webhook secret", "get", hook, None, each(INSIDERS, RBAC)),
            Attempt("change the webhook secret", "patch", hook, value, each(INSIDERS, RBAC)),
            Attempt("read the tunnel's secret", "get", tunnel, None, each(INSIDERS, RBAC)),
            Attempt("read the tunnel's credentials", "get", f"{org}/cloudflared-credentials-{{acme}}", None,
                    each(INSIDERS, RBAC)),
            Attempt("list the organization's secrets", "list", org, None, each(INSIDERS, RBAC)),
            Attempt("make a secret beside the webhook secret", "create", org, secret, each(INSIDERS, RBAC)),
            Attempt("read org-secrets", "get", f"{org}/org-secrets", None,
                    {**each(INSIDERS, RBAC), "admin": ALLOWED}),
            Attempt("fill org-secrets", "patch", f"{org}/org-secrets", value,
                    {**each(INSIDERS, RBAC), "admin": ALLOWED}),
            Attempt("delete org-secrets", "delete", f"{org}/org-secrets", None, each(INSIDERS, RBAC)),
            Attempt("read another organization's org-secrets", "get", f"{CORE}/{{rival_org}}/secrets/org-secrets", None,
                    each(INSIDERS, RBAC)),
            Attempt("read Terraform's configuration at home", "get", f"{own}/terraform-backend-config", None,
                    each(WORKERS, ALLOWED)),
            Attempt("read Terraform's configuration of others", "get",
                    f"{CORE}/{{their}}/secrets/terraform-backend-config", None, each(INSIDERS, RBAC)),
            Attempt("list secrets of all tenants", "list", "/api/v1/secrets", None, each(INSIDERS, RBAC)),
        ]
    )  # fmt: skip


# --- triggers and runs


def test_S3_S4_the_listener_starts_its_own_pipelines_and_nobody_gives_it_triggers(
    tried: Callable[[list[Attempt]], None],
) -> None:
    run = new("tekton.dev/v1", "PipelineRun", spec={"pipelineRef": {"name": "any"}})
    tasks = new("tekton.dev/v1", "TaskRun", spec={"taskSpec": {"steps": [{"name": "s", "image": "i"}]}})
    event = new("v1", "Event", involvedObject={"kind": "EventListener", "namespace": "{org}"}, reason="Tried")
    trigger = new("triggers.tekton.dev/v1beta1", "Trigger", spec={"bindings": [], "template": {"ref": "any"}})
    template = new("triggers.tekton.dev/v1beta1", "TriggerTemplate", spec={"resourcetemplates": [run]})
    listener = new("triggers.tekton.dev/v1beta1", "EventListener", spec={})
    home = each(INSIDERS, RBAC)
    tried(
        [
            Attempt("start a run of its repositories", "create", f"{TEKTON}/{{web}}/pipelineruns", run,
                    {"listener": ALLOWED, "runner": ALLOWED, "elevated": RBAC, "deployer": RBAC, "admin": RBAC}),
            Attempt("start a run of the other repository", "create", f"{TEKTON}/{{ops}}/pipelineruns", run,
                    {"listener": ALLOWED, "runner": RBAC, "elevated": ALLOWED, "deployer": RBAC, "admin": RBAC}),
            Attempt("start a run of another organization", "create", f"{TEKTON}/{{their}}/pipelineruns", run, home),
            Attempt("start a task run", "create", f"{TEKTON}/{{web}}/taskruns", tasks,
                    {"listener": RBAC, "runner": ALLOWED}),
            Attempt("claim a volume", "create", f"{CORE}/{{web}}/persistentvolumeclaims",
                    new("v1", "PersistentVolumeClaim"), {"listener": RBAC, "runner": RBAC}),
            Attempt("read the runs", "list", f"{TEKTON}/{{web}}/pipelineruns", None,
                    {"listener": RBAC, "runner": ALLOWED}),
            Attempt("make the proof of a ping", "create", f"{CORE}/{{org}}/events",
                    {**event, "metadata": {"name": "tried", "namespace": "{org}"}},
                    {**home, "listener": ALLOWED}),
            Attempt("change the pipeline", "patch", f"{TEKTON}/{{web}}/pipelines/{{web}}", {"spec": {"tasks": []}},
                    home),
            Attempt("make a trigger for the listener", "create", f"{TRIGGERS}/{{org}}/triggers", trigger, home),
            Attempt("make a template for the listener", "create", f"{TRIGGERS}/{{org}}/triggertemplates", template,
                    home),
            Attempt("change the listener", "patch", f"{TRIGGERS}/{{org}}/eventlisteners/github-listener",
                    {"spec": {"triggerGroups": []}}, home),
            Attempt("change a trigger", "patch", f"{TRIGGERS}/{{org}}/triggers/{{web}}-trigger",
                    {"spec": {"interceptors": []}}, home),
            Attempt("make a listener at home", "create", f"{TRIGGERS}/{{own}}/eventlisteners", listener, home),
            Attempt("change an interceptor of all", "patch",
                    "/apis/triggers.tekton.dev/v1alpha1/clusterinterceptors/github",
                    {"spec": {"clientConfig": {"url": "https://evil.example"}}}, home),
        ]
    )  # fmt: skip


# --- delivery by Argo CD


def test_S5_S6_no_tenant_reaches_argo_cd_or_another_project(tried: Callable[[list[Attempt]], None]) -> None:
    def application(project: str, namespace: str) -> Object:
        destination = {"server": "https://kubernetes.default.svc", "namespace": "{their}"}
        source = {"repoURL": "https://github.com/evil/x", "path": "."}
        item = new("argoproj.io/v1alpha1", "Application", spec={"project": project, "destination": destination,
                                                                "source": source})  # fmt: skip
        return {**item, "metadata": {"name": "tried", "namespace": namespace}}

    wider = {"spec": {"destinations": [{"server": "*", "namespace": "*"}]}}
    projects = f"{ARGO}/{ARGO_CD}/appprojects"
    tried(
        [
            Attempt("make an application of project default", "create", f"{ARGO}/{ARGO_CD}/applications",
                    application("default", ARGO_CD), each(INSIDERS, RBAC)),
            Attempt("make an application of another's project", "create", f"{ARGO}/{{own}}/applications",
                    application("{their}", "{own}"), each(INSIDERS, RBAC)),
            Attempt("delete applications of the platform", "delete", f"{ARGO}/{ARGO_CD}/applications/root", None,
                    each(INSIDERS, RBAC)),
            Attempt("widen its own project", "patch", f"{projects}/{{web}}", wider, each(INSIDERS, RBAC)),
            Attempt("widen another's project", "patch", f"{projects}/{{their}}", wider, each(INSIDERS, RBAC)),
            Attempt("make a project", "create", projects, new("argoproj.io/v1alpha1", "AppProject", spec={}),
                    each(INSIDERS, RBAC)),
        ]
    )  # fmt: skip


def test_S5_S6_a_project_names_its_own_repository_and_namespace_alone(stage: Stage) -> None:
    for word in ("web", "ops", "their"):
        name = stage.names[word]
        spec = stage.on.api.get(f"{ARGO}/{ARGO_CD}/appprojects/{name}")["spec"]
        server = "https://kubernetes.default.svc"
        source = f"https://github.com/{OWNER}/{word}"
        assert spec["sourceRepos"] == [source, f"{source}.git"]
        assert spec["sourceNamespaces"] == [name]
        assert spec["destinations"] == [{"server": server, "namespace": name}]
        assert spec["destinationServiceAccounts"] == [
            {"server": server, "namespace": name, "defaultServiceAccount": f"{name}:deployer"}
        ]
        assert spec.get("clusterResourceWhitelist") in (None, [])
        refused = {(item["group"], item["kind"]) for item in spec["namespaceResourceBlacklist"]}
        assert {("", "ResourceQuota"), ("", "LimitRange"), ("networking.k8s.io", "NetworkPolicy")} <= refused
        assert {("rbac.authorization.k8s.io", "Role"), ("rbac.authorization.k8s.io", "RoleBinding")} <= refused
        assert {("triggers.tekton.dev", "*"), ("aphex.io", "*")} <= refused


# --- bindings


def bound(namespace: str, **spec: Any) -> Object:
    item = repo_binding("tried", namespace, **{"aphexOrg": "{acme}", "repoOrg": OWNER, **spec})
    return {**item, "spec": {**item["spec"], "pipelineName": spec.get("pipelineName", "tried-{acme}")}}


def test_S8_bindings_are_made_by_those_whose_organization_it_is(tried: Callable[[list[Attempt]], None]) -> None:
    at_home, central = f"{APHEX}/{{org}}/repobindings", f"{APHEX}/{PLATFORM}/repobindings"
    accounts = ("runner", "elevated", "deployer", "listener")
    mark = {"metadata": {"annotations": {"tried": "yes"}}}
    hold = {"metadata": {"finalizers": ["evil.example/hold"]}}
    tried(
        [
            Attempt("bind a repository at home", "create", at_home, bound("{org}"),
                    {**each(accounts, RBAC), "admin": ALLOWED}),
            Attempt("bind with the profile elevated", "create", at_home,
                    bound("{org}", permissionProfile="elevated"), {"admin": BIND}),
            Attempt("bind with a quota of its own", "create", at_home, bound("{org}", quota={"pods": 500}),
                    {"admin": BIND}),
            Attempt("bind with a way into the network", "create", at_home,
                    bound("{org}", egress={"allow": [{"cidr": "10.0.0.0/8"}]}), {"admin": BIND}),
            Attempt("bind to another organization at home", "create", at_home, bound("{org}", aphexOrg="{rival}"),
                    {"admin": BIND}),
            Attempt("bind at another organization", "create", f"{APHEX}/{{rival_org}}/repobindings",
                    bound("{rival_org}", aphexOrg="{rival}"), each(INSIDERS, RBAC)),
            Attempt("bind a repository of an unapproved owner", "create", at_home,
                    bound("{org}", repoOrg="evil-corp"), {"admin": APPROVED}),
            *(
                Attempt(f"bind to the namespace {name}", "create", at_home, bound("{org}", pipelineName=name),
                        {"admin": RESERVED})
                for name in ("argocd", "kube-system", "platform-system", "org-acme", "tekton-pipelines", "default")
            ),
            Attempt("bind in the platform's namespace", "create", central, bound(PLATFORM),
                    {**each(INSIDERS, RBAC), "binder": ALLOWED, "operator": ALLOWED}),
            Attempt("bind there to an organization not its own", "create", central, bound(PLATFORM, aphexOrg="{rival}"),
                    {"binder": BIND}),
            Attempt("annotate the operators' binding", "patch", f"{central}/{{web}}", mark,
                    {**each(INSIDERS, RBAC), "binder": ALLOWED}),
            Attempt("annotate another organization's binding", "patch", f"{central}/{{their}}", mark, {"binder": BIND}),
            Attempt("hold another organization's binding", "patch", f"{central}/{{their}}", hold, {"binder": BIND}),
            Attempt("delete another organization's binding", "delete", f"{central}/{{their}}", None,
                    {**each(INSIDERS, RBAC), "binder": BIND}),
            Attempt("list everybody's bindings", "list", central, None, each(INSIDERS, RBAC)),
            Attempt("read the organization's resource", "get", f"{APHEX}/{PLATFORM}/organizations/{{acme}}", None,
                    each(INSIDERS, RBAC)),
            Attempt("make an organization", "create", f"{APHEX}/{PLATFORM}/organizations",
                    organization("tried-{acme}"), {**each(INSIDERS, RBAC), "binder": RBAC, "operator": ALLOWED}),
        ]
    )  # fmt: skip


# --- what the use cases refuse


def refused_without_a_write(on: Tenants, said: str, organization: str = "acme", **arguments: Any) -> None:
    mark = on.sandbox.audit.mark()
    result = on.repo_binding("tried", organization, **arguments)
    assert result.get("failed"), result
    assert said in result["msg"]
    assert on.writes(mark) == []


@pytest.mark.parametrize(
    "name",
    ["argocd", "argocd-apps", "kube-system", "default", "platform-system", "org-rival", "cert-manager",
     "external-secrets", "tekton-pipelines", "pipeline-catalog", "flux-system", "monitoring"],
)  # fmt: skip
def test_S7_a_reserved_namespace_is_refused_with_nothing_written(stage: Stage, name: str) -> None:
    refused_without_a_write(stage.on, "reserved", pipeline_name=name)


def test_S7_a_foreign_namespace_is_refused_with_nothing_written(stage: Stage) -> None:
    path = f"{CORE}/{stage.names['plain']}"
    before = stage.on.api.get(path)
    refused_without_a_write(stage.on, "it is there already and not ours", pipeline_name=stage.names["plain"])
    assert stage.on.api.get(path) == before


def test_S7_P10_another_tenants_namespace_is_refused_with_nothing_written(stage: Stage) -> None:
    path = f"{CORE}/{stage.names['web']}"
    before = stage.on.api.get(path)["metadata"]["labels"]
    said = f"it belongs to RepoBinding {stage.names['web']}"
    refused_without_a_write(stage.on, said, "rival", pipeline_name=stage.names["web"])
    assert stage.on.api.get(path)["metadata"]["labels"] == before


def test_S12_an_unapproved_owner_gets_nothing(stage: Stage) -> None:
    refused_without_a_write(stage.on, "the GitHub owner evil-corp is not approved", repo_org="evil-corp")
    assert not stage.on.api.exists(f"{CORE}/{stage.on.name('tried')}")


def test_S17_who_is_no_admin_any_more_has_no_rights(stage: Stage) -> None:
    on = stage.on
    second = "bob@acme.example"
    bob = on.sandbox.as_user(f"oidc:{second}")
    row = Attempt("read org-secrets", "get", f"{CORE}/{{org}}/secrets/org-secrets")
    assert succeeded(on.organization("acme", admin_users=[ADMIN, second]))
    eventually("he has rights", lambda: ask(bob, row, stage.names) == (ALLOWED, True))
    assert succeeded(on.organization("acme"))
    eventually("he has none", lambda: ask(bob, row, stage.names) == (RBAC, False))
    assert ask(stage.clients["admin"], row, stage.names) == (ALLOWED, True)
    bindings = on.api.list(f"{RBAC_API}/namespaces/{stage.names['org']}/rolebindings")
    people = [subject["name"] for item in bindings for subject in item["subjects"] if subject["kind"] == "User"]
    assert people == [f"oidc:{ADMIN}"]


def test_S17_an_address_has_rights_only_behind_the_prefix_of_the_login(stage: Stage) -> None:
    row = Attempt("read org-secrets", "get", f"{CORE}/{{org}}/secrets/org-secrets")
    assert ask(stage.on.sandbox.as_user(ADMIN), row, stage.names) == (RBAC, False)


def test_P5_the_listener_holds_what_it_needs_and_no_more(stage: Stage) -> None:
    assert rules(stage, stage.names["org"]) == {
        ("events", "create"),
        *((f"{kind}.triggers.tekton.dev", verb) for verb in ("list", "watch") for kind in OF_LISTENERS),
    }
    cluster = {(f"cluster{kind}.triggers.tekton.dev", verb) for verb in ("list", "watch") for kind in OF_CLUSTER}
    assert rules(stage, stage.names["web"]) == {("pipelineruns.tekton.dev", "create")}
    assert rules(stage, stage.names["their"]) == set()
    assert rules(stage, "default") | cluster == cluster


OF_LISTENERS = ("eventlisteners", "triggers", "triggerbindings", "triggertemplates", "interceptors")
OF_CLUSTER = ("interceptors", "triggerbindings")


def rules(stage: Stage, namespace: str) -> set[tuple[str, str]]:
    """What the listener holds in a namespace beside what every account holds everywhere."""
    found = _rules(stage.clients["listener"], namespace)
    nobody = stage.on.sandbox.as_service_account("default", "default")
    return found - _rules(nobody, namespace)


def _rules(api: Api, namespace: str) -> set[tuple[str, str]]:
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    answer = api.post(path, {**review, "spec": {"namespace": namespace}})
    return {
        (f"{resource}.{group}" if group else resource, verb)
        for rule in answer["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
