"""Do the admission policies refuse what they must, and do they never keep anything from being finished?

Each rule is shown by an object that the real API server must refuse and by the message that it gives. The other half of
this file takes away what the policies lean on, and sees every deletion through (P4).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.installed import (
    SETTINGS,
    Platform,
    denied_by,
    eventually,
    platform,
    refusal,
    refused,
    role_objects,
)
from tests.integration.specimens import organization, repo_binding
from tests.sandbox.api import Api, Object

FINALIZER = "platform.aphex/finalizer"
POLICIES = (
    "policies/approved_owners.yaml",
    "policies/reserved_namespaces.yaml",
    "policies/who_may_bind.yaml",
    "policies/guarded_labels.yaml",
    "policies/crd_deletion.yaml",
)
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

# People of this file, by what they hold.
NAMESPACES = "oidc:nina@acme.example"  # writes namespaces, nothing of ours
BINDINGS = "oidc:bob@acme.example"  # writes RepoBindings everywhere, and holds no verb of ours
ACME = "oidc:ann@acme.example"  # the same, with bind and label on the organization acme
TENANT = "oidc:tom@acme.example"  # administrator of org-acme
ARGOCD = "system:serviceaccount:argocd:argocd-application-controller"  # cluster-admin


@pytest.fixture(scope="module")
def installed() -> Iterator[Platform]:
    with platform("admission") as running:
        for name in ("org-acme", "org-evil"):
            running.namespace(name)
        for item in RIGHTS:
            running.api.create(item)
        bob = running.sandbox.as_user(BINDINGS)
        eventually("the rights are known", lambda: not refused(bob.create, in_org("known"), dryRun="All"))
        yield running


@pytest.fixture
def api(installed: Platform) -> Api:
    return installed.api


@pytest.fixture
def kept(api: Api) -> Iterator[Any]:
    """Create an object as admin that is gone when the test ends, finalizers or not."""
    made: list[Object] = []

    def create(item: Object) -> Object:
        made.append(item)
        return api.create(item)

    yield create
    for item in made:
        path = api.path_of(item)
        if api.exists(path):
            api.patch(path, {"metadata": {"finalizers": None}})
            api.remove(item)


@pytest.fixture
def usual_settings(installed: Platform) -> Iterator[None]:
    """Put the settings back when the test ends, and wait until the policies know them again."""
    yield
    assert installed.run().code == 0
    eventually("an approved owner is accepted", lambda: not refused(try_out, installed.api, repo_binding()))


def role(name: str, *rules: tuple[str, str, str]) -> Object:
    """A ClusterRole of rules (group, resource or resource:name, verbs), each with words between spaces."""
    built = []
    for group, resources, verbs in rules:
        resource, _unused, only = resources.partition(":")
        rule = {"apiGroups": [group], "resources": resource.split(), "verbs": verbs.split()}
        built.append({**rule, "resourceNames": [only]} if only else rule)
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    return {**head, "metadata": {"name": name}, "rules": built}


def bound(name: str, user: str, namespace: str = "") -> Object:
    metadata = {"name": f"{name}-{user.partition('@')[0].rpartition(':')[2]}"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {**metadata, "namespace": namespace} if namespace else metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


WRITE = "get list create update patch delete deletecollection"
RIGHTS = [
    role("namespaces", ("", "namespaces namespaces/status namespaces/finalize", WRITE)),
    role("bindings", ("aphex.io", "repobindings organizations", WRITE)),
    role("of-acme", ("aphex.io", "organizations:acme", "bind label")),
    bound("namespaces", NAMESPACES),
    bound("namespaces", ACME),
    bound("bindings", BINDINGS),
    bound("bindings", ACME),
    bound("of-acme", ACME, "platform-system"),
    bound("aphex-org-admin", TENANT, "org-acme"),
    bound("cluster-admin", ARGOCD),
]


def try_out(api: Api, item: Object) -> Object:
    return api.create(item, dryRun="All", fieldValidation="Strict")


def in_org(name: str = "web", organization: str = "acme", **spec: Any) -> Object:
    return repo_binding(name, f"org-{organization}", aphexOrg=organization, **spec)


def with_finalizer(item: Object) -> Object:
    return {**item, "metadata": {**item["metadata"], "finalizers": [FINALIZER]}}


def finish(api: Api, item: Object) -> None:
    """Delete, take the finalizer off as a controller does when it has cleaned up, and see the object gone."""
    path = api.path_of(item)
    api.remove(item)
    assert api.get(path)["metadata"]["deletionTimestamp"]
    api.patch(path, {"metadata": {"finalizers": None}})
    assert not api.exists(path)


# --- every policy is bound, denies, and fails closed


def test_P20_every_policy_has_a_binding_that_denies() -> None:
    for path in POLICIES:
        policy, binding = role_objects(path)
        assert (policy["kind"], binding["kind"]) == ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
        assert policy["metadata"]["name"] == binding["metadata"]["name"] == binding["spec"]["policyName"]
        assert (policy["spec"]["failurePolicy"], binding["spec"]["validationActions"]) == ("Fail", ["Deny"])


def test_P4_policies_with_parameters_look_at_nothing_but_creation() -> None:
    for path in POLICIES:
        policy, binding = role_objects(path)
        if "paramKind" in policy["spec"]:
            rules = policy["spec"]["matchConstraints"]["resourceRules"]
            assert [rule["operations"] for rule in rules] == [["CREATE"]] * len(rules), path
            # A ConfigMap: the definition of a kind of ours could be missing, and then everything would be denied.
            assert policy["spec"]["paramKind"]["kind"] == "ConfigMap"
            assert binding["spec"]["paramRef"]["parameterNotFoundAction"] == "Deny"


def test_the_api_server_finds_no_fault_in_the_expressions(api: Api) -> None:
    found = api.list("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies")
    ours = [policy for policy in found if policy["metadata"]["name"].startswith("aphex-")]
    assert len(ours) == len(POLICIES)

    def verdicts() -> list[Object | None]:
        return [api.get(api.path_of(policy)).get("status", {}).get("typeChecking") for policy in ours]

    eventually("all are checked", lambda: None not in verdicts())
    assert verdicts() == [{}] * len(ours)


# --- approved owners


def test_S12_an_owner_that_is_not_approved_is_refused(api: Api) -> None:
    message = denied_by("aphex-approved-owners", try_out, api, repo_binding(repoOrg="stranger"))
    assert "The owner stranger is not approved on this platform." in message
    assert "operator to add it to approvedOwners in the ConfigMap platform-system/aphex-platform" in message


@pytest.mark.parametrize("owner", ["acme-corp", "ACME-Corp", "second-owner"])
def test_an_approved_owner_is_known_in_any_case(api: Api, owner: str) -> None:
    try_out(api, repo_binding(repoOrg=owner))


@pytest.mark.usefixtures("usual_settings")
def test_the_list_of_owners_is_read_line_by_line(installed: Platform, api: Api) -> None:
    installed.change_settings(approvedOwners="  third-owner \n\nfourth\n")
    eventually("the first owner is refused", lambda: refused(try_out, api, repo_binding()))
    for owner in ("third-owner", "fourth"):
        try_out(api, repo_binding(repoOrg=owner))
    denied_by("aphex-approved-owners", try_out, api, repo_binding(repoOrg="third"))


# --- reserved names


@pytest.mark.parametrize(
    "name",
    [
        *("default", "kube-system", "kube-x", "platform", "platform-system", "argocd", "argocd-demo", "auth-system"),
        *("tekton-pipelines", "cert-manager", "external-secrets", "pipeline-catalog", "ingress-nginx", "kong-system"),
    ],
)
def test_S7_a_pipeline_does_not_take_a_namespace_of_the_platform(api: Api, name: str) -> None:
    message = denied_by("aphex-reserved-namespaces", try_out, api, repo_binding(pipelineName=name))
    assert f"The pipelineName {name} is reserved by " in message
    assert "Choose another pipelineName." in message


@pytest.mark.parametrize("name", ["org", "org-acme", "org-x"])
def test_S7_a_pipeline_does_not_take_a_namespace_of_an_organization(api: Api, name: str) -> None:
    message = denied_by("aphex-reserved-namespaces", try_out, api, repo_binding(pipelineName=name))
    assert "namespaces beginning with org- belong to Organizations" in message


@pytest.mark.parametrize("name", ["defaults", "kubernetes", "organic", "my-argocd", "web"])
def test_a_name_that_only_resembles_a_reserved_one_is_free(api: Api, name: str) -> None:
    try_out(api, repo_binding(pipelineName=name))


def test_B25_an_organization_does_not_take_a_reserved_name(api: Api) -> None:
    message = denied_by("aphex-reserved-namespaces", try_out, api, organization("tekton-dashboard"))
    assert "The organization name tekton-dashboard is reserved by tekton in reservedNamespaces" in message


@pytest.mark.usefixtures("usual_settings")
def test_the_platforms_own_names_stay_reserved_whatever_the_list_says(installed: Platform, api: Api) -> None:
    installed.change_settings(reservedNamespaces="grafana\nlab-\n", argocdNamespace="gitops")
    eventually("grafana is refused", lambda: refused(try_out, api, repo_binding(pipelineName="grafana")))
    for name in ("default", "kube-system", "platform-system", "argocd", "gitops", "org-x", "grafana-x", "lab-1"):
        denied_by("aphex-reserved-namespaces", try_out, api, repo_binding(pipelineName=name))
    for name in ("tekton-x", "lab", "labs"):
        try_out(api, repo_binding(pipelineName=name))


@pytest.mark.usefixtures("usual_settings")
@pytest.mark.parametrize("value", [None, "", " \n "], ids=["missing", "empty", "blank"])
def test_without_a_list_no_name_is_accepted(installed: Platform, api: Api, value: str | None) -> None:
    installed.change_settings(reservedNamespaces=value)
    eventually("web is refused", lambda: refused(try_out, api, repo_binding()))
    message = denied_by("aphex-reserved-namespaces", try_out, api, repo_binding())
    assert "Run the role aphex.platform.crds to write it again." in message


# --- who may bind


def test_S8_binding_from_platform_system_needs_the_verb_on_that_organization(installed: Platform) -> None:
    bob, ann = installed.sandbox.as_user(BINDINGS), installed.sandbox.as_user(ACME)
    message = denied_by("aphex-who-may-bind", try_out, bob, repo_binding())
    assert f"{BINDINGS} may not bind repositories to the Organization acme from platform-system." in message
    assert "Make the RepoBinding in org-acme, or ask a platform operator for the verb bind" in message
    try_out(ann, repo_binding())
    denied_by("aphex-who-may-bind", try_out, ann, repo_binding(aphexOrg="evil"))


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"branches": ["main"]}},
        {"metadata": {"annotations": {"note": "mine"}}},
        {"metadata": {"finalizers": ["example.com/held"]}},
        {"metadata": {"labels": {"note": "mine"}}},
    ],
    ids=["spec", "annotation", "finalizer", "label"],
)
def test_P9_a_foreign_binding_is_not_touched_in_any_part(installed: Platform, kept: Any, change: Object) -> None:
    bob, ann = installed.sandbox.as_user(BINDINGS), installed.sandbox.as_user(ACME)
    foreign = kept(repo_binding("foreign", aphexOrg="evil"))
    for person in (bob, ann):
        path = person.path_of(foreign)
        denied_by("aphex-who-may-bind", person.patch, path, change)
        denied_by("aphex-who-may-bind", person.delete, path)
    collection = ann.path_of(foreign, named=False)
    denied_by("aphex-who-may-bind", ann.delete, collection)
    assert installed.api.exists(installed.api.path_of(foreign))


def test_P9_a_binding_does_not_change_hands(installed: Platform, kept: Any) -> None:
    evil = kept(repo_binding("stolen", aphexOrg="evil"))
    ann = installed.sandbox.as_user(ACME)
    path = ann.path_of(evil)
    assert "aphexOrg cannot be changed" in refusal(422, ann.patch, path, {"spec": {"aphexOrg": "acme"}})


def test_P9_a_tenant_binds_in_the_namespace_of_its_organization_alone(installed: Platform) -> None:
    tenant = installed.sandbox.as_user(TENANT)
    try_out(tenant, in_org())
    for elsewhere in (repo_binding(), in_org(organization="evil")):
        assert "cannot create resource" in refusal(403, try_out, tenant, elsewhere)
    message = denied_by("aphex-who-may-bind", try_out, tenant, repo_binding("web", "org-acme", aphexOrg="evil"))
    assert "A RepoBinding of the Organization evil lives in org-evil, or in platform-system" in message


@pytest.mark.parametrize("namespace", ["default", "org-evil", "kube-system"])
def test_P9_not_even_an_admin_binds_from_a_strange_namespace(api: Api, namespace: str) -> None:
    message = denied_by("aphex-who-may-bind", try_out, api, repo_binding("web", namespace))
    assert "Set metadata.namespace to one of them." in message


PRIVILEGES: dict[str, dict[str, Any]] = {
    "permissionProfile": {"permissionProfile": "elevated"},
    "quota": {"quota": {"pods": 1000}},
    "limits": {"limits": {"maxCpu": "64"}},
    "egress.allow": {"egress": {"allow": [{"cidr": "10.0.0.0/8"}]}},
}


@pytest.mark.parametrize("field", PRIVILEGES)
def test_a_tenant_does_not_grant_itself_more_than_the_platform_gives(
    installed: Platform, kept: Any, field: str
) -> None:
    tenant, wanted = installed.sandbox.as_user(TENANT), PRIVILEGES[field]
    message = denied_by("aphex-who-may-bind", try_out, tenant, in_org(**wanted))
    assert f"Only a platform operator sets {field} of a RepoBinding" in message
    try_out(installed.api, in_org(**wanted))
    path = tenant.path_of(kept(in_org("plain")))
    denied_by("aphex-who-may-bind", tenant.patch, path, {"spec": wanted}, dryRun="All")
    # What an operator has granted stays, and neither hinders the tenant's own changes nor can be thrown off.
    path = tenant.path_of(kept(in_org("granted", **wanted)))
    tenant.patch(path, {"spec": {"branches": ["main"], "secrets": "organization"}}, dryRun="All")
    taken = {"egress": {"allow": None}} if field == "egress.allow" else dict.fromkeys(wanted)
    denied_by("aphex-who-may-bind", tenant.patch, path, {"spec": taken}, dryRun="All")


def test_organizations_live_in_platform_system(api: Api) -> None:
    for namespace in ("default", "org-acme"):
        wrong = organization("globex", namespace)
        message = denied_by("aphex-who-may-bind", try_out, api, wrong)
        assert "Organizations live in platform-system. Set metadata.namespace to platform-system." in message
    try_out(api, organization("globex"))


# --- guarded labels

OURS = {"platform.aphex/managed-by": "aphex.platform", "platform.aphex/organization": "acme"}


NUMBERS = itertools.count(1)


def namespace_of(name: str, labels: dict[str, str]) -> Object:
    """A namespace with a number after its name: those of other tests go slowly."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{name}-{next(NUMBERS)}", "labels": labels}}


@pytest.mark.parametrize(
    "labels",
    [
        {"aphex.dev/org": "acme"},
        {"aphex.dev/anything": "x"},
        {"platform.aphex/owner-uid": "x"},
        {**OURS, "pod-security.kubernetes.io/enforce": "privileged"},
    ],
    ids=["secret-store", "our-domain", "owner", "pod-security"],
)
def test_S9_nobody_makes_a_namespace_with_our_labels(installed: Platform, labels: dict[str, str]) -> None:
    nina = installed.sandbox.as_user(NAMESPACES)
    message = denied_by("aphex-guarded-labels", try_out, nina, namespace_of("loot", labels))
    assert f"{NAMESPACES} may not change " in message
    assert all(label in message for label in labels)
    assert "ask a platform operator for the verb label on" in message
    try_out(installed.api, namespace_of("loot", labels))


@pytest.mark.parametrize("door", ["", "/status", "/finalize"])
@pytest.mark.parametrize(
    "after",
    [
        {**OURS, "aphex.dev/org": "evil"},
        {**OURS, "aphex.dev/org": None},
        {"platform.aphex/organization": None},
        {"pod-security.kubernetes.io/enforce": "privileged"},
        {"pod-security.kubernetes.io/enforce": None},
        {"pod-security.kubernetes.io/enforce-version": "v1.0"},
    ],
    ids=["swap", "remove", "disown", "loosen", "unprotect", "old-rules"],
)
def test_P8_a_guarded_label_is_not_changed_through_any_door(
    installed: Platform, kept: Any, door: str, after: dict[str, str | None]
) -> None:
    labels = {**OURS, "aphex.dev/org": "acme", "pod-security.kubernetes.io/enforce": "baseline"}
    path = installed.api.path_of(kept(namespace_of("guarded", labels)))
    nina = installed.sandbox.as_user(NAMESPACES)
    live = installed.api.get(path)
    changed = {key: value for key, value in {**live["metadata"]["labels"], **after}.items() if value is not None}
    body = {**live, "metadata": {**live["metadata"], "labels": changed}}
    denied_by("aphex-guarded-labels", nina.put, f"{path}{door}", body)
    assert installed.api.get(path)["metadata"]["labels"] == live["metadata"]["labels"]


def test_P8_the_right_on_one_organization_reaches_no_other(installed: Platform, kept: Any) -> None:
    ann = installed.sandbox.as_user(ACME)
    path = ann.path_of(kept(namespace_of("shared", {})))
    ann.patch(path, {"metadata": {"labels": {"aphex.dev/org": "acme"}}})
    ann.patch(path, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}})
    for labels in ({"aphex.dev/org": "evil"}, {"platform.aphex/organization": "evil"}):
        message = denied_by("aphex-guarded-labels", ann.patch, path, {"metadata": {"labels": labels}})
        assert "organizations.aphex.io/acme and evil in platform-system" in message
    ann.patch(path, {"metadata": {"labels": {"aphex.dev/org": None}}})
    # No organization is named: only the right on all of them counts.
    plain = {"metadata": {"labels": {"platform.aphex/pipeline": "web"}}}
    assert "all organizations.aphex.io" in denied_by("aphex-guarded-labels", ann.patch, path, plain)


def test_P8_the_worst_case_is_judged_and_not_too_expensive(installed: Platform, kept: Any) -> None:
    before = {"aphex.dev/org": "one", "platform.aphex/organization": "two"}
    after = {"aphex.dev/org": "three", "platform.aphex/organization": "four"}
    path = installed.api.path_of(kept(namespace_of("crowded", before)))
    change = {"metadata": {"labels": after}}
    nina = installed.sandbox.as_user(NAMESPACES)
    message = denied_by("aphex-guarded-labels", nina.patch, path, change)
    assert "organizations.aphex.io/one and two and three and four in platform-system" in message
    installed.api.patch(path, change)


@pytest.mark.parametrize("labels", [{"aphex.dev/org": "acme"}, {"platform.aphex/organization": "acme"}])
def test_P8_argocd_labels_nothing_though_it_is_cluster_admin(
    installed: Platform, kept: Any, labels: dict[str, str]
) -> None:
    groups = ["system:serviceaccounts", "system:serviceaccounts:argocd"]
    argocd = installed.sandbox.as_user(ARGOCD, groups)
    elsewhere = installed.sandbox.as_user("system:serviceaccount:gitops:argocd-server", ["system:masters"])
    path = argocd.path_of(kept(namespace_of("synced", {})))
    for account in (argocd, elsewhere):
        account.patch(path, {"metadata": {"labels": {"app.kubernetes.io/part-of": "shop"}}})
        change = {"metadata": {"labels": labels}}
        message = denied_by("aphex-guarded-labels", account.patch, path, change)
        assert "Take these labels out of what Argo CD applies." in message


def test_a_namespace_of_kubernetes_joins_no_organization(api: Api) -> None:
    change = {"metadata": {"labels": {"aphex.dev/org": "acme"}}}
    for name in ("kube-system", "default"):
        message = denied_by("aphex-guarded-labels", api.patch, f"/api/v1/namespaces/{name}", change)
        assert "belongs to Kubernetes and can be no part of an organization" in message


def test_a_namespace_that_is_not_ours_is_nobodys_business(installed: Platform, kept: Any) -> None:
    nina = installed.sandbox.as_user(NAMESPACES)
    path = nina.path_of(kept(namespace_of("private", {"pod-security.kubernetes.io/enforce": "restricted"})))
    nina.patch(path, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged", "team": "nina"}}})
    nina.patch(path, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}})


def test_P4_what_leaves_our_labels_alone_passes_for_everybody(installed: Platform, kept: Any) -> None:
    nina = installed.sandbox.as_user(NAMESPACES)
    path = nina.path_of(kept(namespace_of("ordinary", {**OURS, "aphex.dev/org": "acme"})))
    nina.patch(path, {"metadata": {"labels": {"team": "x"}, "annotations": {"note": "x"}, "finalizers": ["a.b/c"]}})
    nina.patch(path, {"metadata": {"finalizers": None}})
    nina.patch(f"{path}/status", {"metadata": {"annotations": {"note": "y"}}})


# --- deletion of what all tenants hang on


def test_P7_the_kinds_are_not_deleted_by_accident(api: Api) -> None:
    for kind in ("organizations", "repobindings", "knowledgebases"):
        message = denied_by("aphex-crd-deletion", api.delete, f"{CRD}/{kind}.aphex.io")
        assert f"Deleting customresourcedefinitions/{kind}.aphex.io takes every tenant with it." in message
        assert "annotate it with platform.aphex/allow-delete=true" in message
    denied_by("aphex-crd-deletion", api.delete, CRD)
    assert api.exists(f"{CRD}/organizations.aphex.io")


def test_P7_the_settings_are_not_deleted_by_accident(api: Api, kept: Any) -> None:
    assert "configmaps/aphex-platform" in denied_by("aphex-crd-deletion", api.delete, SETTINGS)
    denied_by("aphex-crd-deletion", api.delete, SETTINGS.rpartition("/")[0])
    assert api.exists(SETTINGS)
    head: Object = {"apiVersion": "v1", "kind": "ConfigMap"}
    kept({**head, "metadata": {"name": "other", "namespace": "platform-system"}})
    kept({**head, "metadata": {"name": "aphex-platform", "namespace": "default"}})


def test_P7_the_platforms_namespace_is_not_deleted_by_accident(api: Api) -> None:
    assert "namespaces/platform-system" in denied_by(
        "aphex-crd-deletion", api.delete, "/api/v1/namespaces/platform-system"
    )


def test_P7_a_word_other_than_true_allows_nothing(installed: Platform) -> None:
    path = f"{CRD}/knowledgebases.aphex.io"
    for value in ("false", "yes"):
        installed.api.patch(path, {"metadata": {"annotations": {"platform.aphex/allow-delete": value}}})
        denied_by("aphex-crd-deletion", installed.api.delete, path, dryRun="All")
    installed.api.patch(path, {"metadata": {"annotations": {"platform.aphex/allow-delete": "true"}}})
    installed.api.delete(path, dryRun="All")
    installed.api.patch(path, {"metadata": {"annotations": {"platform.aphex/allow-delete": None}}})


# --- P4: take away what the policies lean on, and see every deletion through


@pytest.mark.usefixtures("usual_settings")
@pytest.mark.parametrize("place", [repo_binding, in_org], ids=["platform-system", "org-acme"])
def test_P4_withdrawn_owner_does_not_wedge_deletion(installed: Platform, api: Api, kept: Any, place: Any) -> None:
    item = kept(with_finalizer(place("withdrawn")))
    installed.change_settings(approvedOwners="somebody-else")
    eventually("the owner is refused", lambda: refused(try_out, api, place("new")))
    api.patch(api.path_of(item), {"spec": {"branches": ["main"]}})
    api.patch(f"{api.path_of(item)}/status", {"status": {"phase": "Ready"}})
    finish(api, item)


@pytest.mark.usefixtures("usual_settings")
@pytest.mark.parametrize("place", [repo_binding, in_org], ids=["platform-system", "org-acme"])
def test_P4_missing_parameters_do_not_wedge_deletion(installed: Platform, api: Api, kept: Any, place: Any) -> None:
    item, owner = kept(with_finalizer(place("orphaned"))), kept(with_finalizer(organization("orphan")))
    api.patch(SETTINGS, {"metadata": {"annotations": {"platform.aphex/allow-delete": "true"}}})
    api.delete(SETTINGS)
    eventually("a new one is refused", lambda: refused(try_out, api, place("new")))
    message = refusal(422, try_out, api, place("new"))
    assert "no params found for policy binding with `Deny` parameterNotFoundAction" in message
    api.patch(api.path_of(item), {"spec": {"branches": ["main"]}})
    finish(api, item)
    finish(api, owner)


@pytest.mark.usefixtures("usual_settings")
def test_P4_a_name_reserved_afterwards_does_not_wedge_deletion(installed: Platform, api: Api, kept: Any) -> None:
    item = kept(with_finalizer(repo_binding("claimed")))
    installed.change_settings(reservedNamespaces="claimed")
    eventually("the name is refused", lambda: refused(try_out, api, repo_binding("new", pipelineName="claimed")))
    finish(api, item)


def test_P4_a_namespace_being_deleted_is_emptied(installed: Platform, api: Api) -> None:
    installed.namespace("org-leaving", {**OURS, "aphex.dev/org": "leaving", "platform.aphex/organization": "leaving"})
    plain, held = in_org("plain", "leaving"), with_finalizer(in_org("held", "leaving"))
    for item in (plain, held):
        api.create(item)
    api.delete("/api/v1/namespaces/org-leaving")
    eventually("the namespace controller deletes what it can", lambda: not api.exists(api.path_of(plain)))
    path = api.path_of(held)
    eventually("and marks what waits", lambda: "deletionTimestamp" in api.get(path)["metadata"])
    api.patch(f"{path}/status", {"status": {"message": "cleaning up"}})
    api.patch(path, {"metadata": {"finalizers": None}})
    eventually("the namespace is gone", lambda: not api.exists("/api/v1/namespaces/org-leaving"))


def test_P4_the_whole_platform_goes_when_that_is_meant() -> None:
    allowed = {"metadata": {"annotations": {"platform.aphex/allow-delete": "true"}}}
    with platform("admission-teardown") as leaving:
        api = leaving.api
        leaving.namespace("org-acme")
        held = with_finalizer(repo_binding("held"))
        for item in (organization(), repo_binding(), in_org("inside"), held):
            api.create(item)
        api.patch(f"{CRD}/repobindings.aphex.io", allowed)
        api.delete(f"{CRD}/repobindings.aphex.io")
        eventually("the definition waits for a finalizer", lambda: not api.exists(api.path_of(repo_binding())))
        api.patch(api.path_of(held), {"metadata": {"finalizers": None}})
        eventually("the definition is gone", lambda: not api.exists(f"{CRD}/repobindings.aphex.io"))
        for path in (SETTINGS, "/api/v1/namespaces/platform-system"):
            api.patch(path, allowed)
        api.delete("/api/v1/namespaces/platform-system")
        eventually("the namespace is gone", lambda: not api.exists("/api/v1/namespaces/platform-system"))


def test_P7_policies_cannot_guard_themselves(api: Api) -> None:
    for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings"):
        path = f"/apis/admissionregistration.k8s.io/v1/{kind}/aphex-crd-deletion"
        assert api.delete(path, dryRun="All")["kind"] in ("Status", "ValidatingAdmissionPolicy")
