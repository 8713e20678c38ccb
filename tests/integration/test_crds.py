"""What do the three kinds accept, refuse and fill in, and does the role that installs them keep its word?

Each rule of the schemas is shown by an object that the real API server must refuse, and by the message that it gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.installed import FILES, ROLE, SETTINGS, Platform, platform, refusal, role_objects, sandbox_for
from tests.integration.specimens import SPECIMENS, knowledge_base, organization, repo_binding
from tests.sandbox.api import Api, Object

CRDS = ("crds/organizations.yaml", "crds/repobindings.yaml", "crds/knowledgebases.yaml")
CANARY = "canary-4f1d0b6a9c"


@pytest.fixture(scope="module")
def installed() -> Iterator[Platform]:
    with platform("crds") as running:
        yield running


@pytest.fixture
def api(installed: Platform) -> Api:
    return installed.api


@pytest.fixture
def kept(api: Api) -> Iterator[Any]:
    """Create an object that is deleted when the test ends."""
    made: list[Object] = []

    def create(item: Object) -> Object:
        made.append(item)
        return api.create(item)

    yield create
    for item in made:
        api.remove(item)


def try_out(api: Api, item: Object) -> Object:
    """Create without keeping, as a strict client does."""
    return api.create(item, dryRun="All", fieldValidation="Strict")


def metadata_of(item: Object, **metadata: Any) -> Object:
    return {**item, "metadata": {**item["metadata"], **metadata}}


# --- the role


def test_the_role_changes_nothing_when_it_runs_again(installed: Platform) -> None:
    mark = installed.sandbox.audit.mark()
    run = installed.run()
    assert (run.code, run.changed) == (0, 0), run.output
    assert installed.sandbox.audit.product_writes(mark) == []


def test_the_role_writes_nothing_in_check_mode(installed: Platform) -> None:
    mark = installed.sandbox.audit.mark()
    run = installed.run("--check", "--diff", crds_zone="other.example")
    assert (run.code, run.changed) == (0, 1), run.output
    assert "other.example" in run.output
    assert installed.sandbox.audit.product_writes(mark) == []


def test_the_role_repairs_drift_of_the_settings(installed: Platform) -> None:
    before = installed.api.get(SETTINGS)["data"]
    installed.change_settings(approvedOwners="somebody-else", zone=None)
    run = installed.run()
    assert (run.code, run.changed) == (0, 1), run.output
    assert installed.api.get(SETTINGS)["data"] == before


def test_the_role_takes_over_what_kubectl_has_made_when_told_to() -> None:
    with sandbox_for("crds-adopt") as sandbox:
        bare = Platform(sandbox)
        files = ("namespace.yaml", "crds", "cluster_roles.yaml", "policies")
        bare.kubectl("apply", *(word for file in files for word in ("-f", str(ROLE / "files" / file))))
        refused = bare.run()
        assert refused.code != 0
        assert "set adopt to true" in " ".join(refused.output.split())
        taken = bare.run(crds_adopt=True)
        assert taken.code == 0, taken.output
        again = bare.run()
        assert (again.code, again.changed) == (0, 0), again.output


def test_P23_settings_are_text_whatever_they_look_like(installed: Platform) -> None:
    data = installed.api.get(SETTINGS)["data"]
    assert {name: type(value) for name, value in data.items()} == dict.fromkeys(
        [
            "zone",
            "accountId",
            "cloudflareApiUrl",
            "platformNamespace",
            "argocdNamespace",
            "approvedOwners",
            "reservedNamespaces",
            "usernamePrefix",
            "cloudflaredImage",
            "clusterDomain",
            "nodeLocalDns",
            "excludedRanges",
            "maxBindings",
            "quota",
            "mcpImage",
        ],
        str,
    )
    assert data["approvedOwners"] == "acme-corp\nSecond-Owner"
    assert data["maxBindings"] == "200"
    assert data["quota"] == (
        '{"requestsCpu": "4", "limitsCpu": "8", "requestsMemory": "8Gi", "limitsMemory": "16Gi", '
        '"persistentVolumeClaims": 5, "pods": 20}'
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"crds_zone": "example"}, "crds_zone is 'example', which is no DNS zone"),
        ({"crds_account_id": "a b"}, "crds_account_id is 'a b', which is no account id"),
        ({"crds_approved_owners": []}, "Name at least one owner at GitHub"),
        ({"crds_approved_owners": ["acme\nevil"]}, "Name at least one owner at GitHub"),
        ({"crds_reserved_namespaces": ["Kube"]}, "Name at least one namespace"),
        ({"crds_cloudflared_image": "cloudflare/cloudflared:latest"}, "which names no version"),
        ({"crds_cloudflared_image": "registry:5000/cloudflared"}, "which names no version"),
        ({"crds_excluded_ranges": ["10.0.0.0"]}, "Write each network with its length"),
        ({"crds_node_local_dns": "here"}, "which is no address"),
        ({"crds_max_bindings": 0}, "Allow at least one repository"),
    ],
)
def test_the_role_refuses_bad_input_before_any_write(installed: Platform, variables: dict[str, Any], said: str) -> None:
    mark = installed.sandbox.audit.mark()
    run = installed.run(**variables)
    assert run.code != 0
    assert said in " ".join(run.output.split())
    assert installed.sandbox.audit.product_writes(mark) == []


def test_P22_the_role_installs_on_the_oldest_version_that_is_allowed() -> None:
    with platform("crds-1-33", emulated_version="1.33") as oldest:
        assert oldest.api.get("/version")["emulationMinor"] == "33"
        try_out(oldest.api, organization())
        assert "host names of the platform itself" in refusal(422, try_out, oldest.api, organization("argocd"))
        assert (oldest.run().code, oldest.run().changed) == (0, 0)


# --- the definitions themselves


def schema_of(crd: Object) -> Object:
    versions: list[Object] = crd["spec"]["versions"]
    return dict(versions[0]["schema"]["openAPIV3Schema"]["properties"])


def unbounded(schema: Object, path: str) -> Iterator[str]:
    """Places of a schema that hold a text, a list or a map of any size."""
    kind = schema.get("type")
    if kind == "string" and not ({"maxLength", "enum"} & schema.keys() or schema.get("format") == "date-time"):
        yield path
    if kind == "array":
        if "maxItems" not in schema:
            yield f"{path}[]"
        yield from unbounded(schema["items"], f"{path}[]")
    if "additionalProperties" in schema and "maxProperties" not in schema:
        yield f"{path}{{}}"
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        yield f"{path} (anything)"
    for name, below in schema.get("properties", {}).items():
        yield from unbounded(below, f"{path}.{name}")


@pytest.mark.parametrize("crd", role_objects(*CRDS), ids=lambda crd: crd["spec"]["names"]["kind"])
def test_P19_every_text_and_list_is_bounded(crd: Object) -> None:
    schema = schema_of(crd)
    assert list(unbounded(schema["spec"], "spec")) + list(unbounded(schema["status"], "status")) == []


@pytest.mark.parametrize("crd", role_objects(*CRDS), ids=lambda crd: crd["spec"]["names"]["kind"])
def test_P7_argocd_neither_prunes_nor_deletes_the_kinds(crd: Object) -> None:
    assert crd["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"


def test_quota_and_limits_mean_the_same_on_organization_and_binding() -> None:
    first, second, _unused = (schema_of(crd)["spec"]["properties"] for crd in role_objects(*CRDS))
    for field in ("quota", "limits"):
        wanted, found = ({**spec[field], "description": ""} for spec in (first, second))
        assert wanted == found


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("Organization", ["NAME", "DISPLAY NAME", "NAMESPACE", "PHASE", "URL", "AGE"]),
        ("RepoBinding", ["NAME", "ORG", "REPO", "PIPELINE", "PHASE", "AGE"]),
        ("KnowledgeBase", ["NAME", "DISPLAY NAME", "PHASE", "MCP", "AGE"]),
    ],
)
def test_kubectl_get_shows_the_columns_of_the_documents(
    installed: Platform, kept: Any, kind: str, columns: list[str]
) -> None:
    kept(SPECIMENS[kind]("shown"))
    heading = installed.kubectl("get", kind, "-n", "platform-system").splitlines()[0]
    assert re.split(r" {3,}", heading.strip()) == columns


@pytest.mark.parametrize("file", ["organization.yaml", "repo_binding.yaml", "knowledge_bases.yaml"])
@pytest.mark.parametrize("how", [(), ("--server-side",)], ids=["client-side", "server-side"])
def test_the_documents_examples_are_accepted_by_kubectl(installed: Platform, file: str, how: tuple[str, ...]) -> None:
    try:
        first = installed.kubectl("apply", "-f", str(FILES / file), *how)
        again = installed.kubectl("apply", "-f", str(FILES / file), *how)
    finally:
        installed.kubectl("delete", "--ignore-not-found", "-f", str(FILES / file))
    assert ("serverside-applied" if how else "created") in first
    assert ("serverside-applied" if how else "unchanged") in again


def test_P19_nested_defaults_are_filled_in(api: Api) -> None:
    assert try_out(api, organization())["spec"] == {
        "displayName": "ACME",
        "adminUsers": ["ann@acme.example"],
        "listener": {"replicas": 1},
        "tunnel": {"replicas": 2},
        "deletionPolicy": "Retain",
    }
    given = repo_binding()
    assert try_out(api, given)["spec"] == {
        **given["spec"],
        "permissionProfile": "standard",
        "egress": {"apiServer": True},
        "secrets": "none",
        "retention": {"successful": 5, "failed": 5, "days": 7},
        "deletionPolicy": "Retain",
    }
    described = try_out(api, knowledge_base(mcpServer={}))["spec"]
    assert described["repositories"] == [
        {"url": "https://github.com/acme-corp/web", "branch": "main", "paths": [".kiro/docs"]}
    ]
    assert described["mcpServer"] == {"port": 8090, "replicas": 1}
    assert "mcpServer" not in try_out(api, knowledge_base())["spec"]


def test_everything_that_may_be_said_can_be_said(api: Api) -> None:
    quota = {"requestsCpu": "500m", "limitsCpu": "4", "requestsMemory": "1Gi", "limitsMemory": "1.5Gi"}
    limits = {"defaultCpu": "1", "defaultMemory": "1Gi", "defaultRequestCpu": "100m", "defaultRequestMemory": "64Mi"}
    shared: dict[str, Any] = {
        "quota": {**quota, "persistentVolumeClaims": 0, "pods": 1},
        "limits": {**limits, "maxCpu": "2", "maxMemory": "4Gi"},
    }
    whole = organization(
        adminUsers=["ann@acme.example", "bob.o+x@acme.example"],
        webhookSecretRef={"name": "given"},
        webhookSecretVersion=7,
        tunnel={"hostname": "hooks.acme.example", "replicas": 10},
        listener={"replicas": 5},
        deletionPolicy="Delete",
        **shared,
    )
    assert try_out(api, whole)["spec"]["webhookSecretRef"] == {"name": "given", "key": "secret"}
    allow = [{"cidr": "10.20.0.0/16", "ports": [443, 5432]}, {"cidr": "fd00::/8"}]
    try_out(
        api,
        repo_binding(
            branches=["main", "release/1.2", "feature_x-1"],
            permissionProfile="elevated",
            egress={"apiServer": False, "allow": allow},
            secrets="organization",
            retention={"successful": 0, "failed": 1, "days": 1},
            deletionPolicy="Delete",
            **shared,
        ),
    )
    server = {"image": "ghcr.io/acme/mcp:1.2.3", "port": 1024, "replicas": 2, "queryServiceURL": "http://query:8080"}
    repositories = [{"url": "https://github.com/Acme/Web.js/", "branch": "feat/x", "paths": [".kiro/docs/a b"]}]
    try_out(api, knowledge_base(description="d", mcpServer=server, repositories=repositories))


# --- what is refused, and with which words

LONG = "a" * 300
RULES: list[tuple[str, dict[str, Any], str]] = [
    ("Organization", {"displayName": None}, "spec.displayName: Required value"),
    ("Organization", {"displayName": ""}, "spec.displayName"),
    ("Organization", {"displayName": "   "}, "Write displayName as one line of visible text."),
    ("Organization", {"displayName": "two\nlines"}, "Write displayName as one line of visible text."),
    ("Organization", {"displayName": LONG}, "spec.displayName: Too long"),
    ("Organization", {"adminUsers": []}, "spec.adminUsers"),
    ("Organization", {"adminUsers": ["ann"]}, "Write each entry of adminUsers as an e-mail address"),
    ("Organization", {"adminUsers": ["ann@localhost"]}, "Write each entry of adminUsers as an e-mail address"),
    ("Organization", {"adminUsers": ["a b@acme.example"]}, "Write each entry of adminUsers as an e-mail address"),
    ("Organization", {"adminUsers": ["a@acme.example", "A@Acme.example"]}, "An address stands twice in adminUsers"),
    ("Organization", {"adminUsers": [f"u{n}@acme.example" for n in range(51)]}, "spec.adminUsers: Too many"),
    (
        "Organization",
        {"webhookSecretRef": {"name": "Not A Name"}},
        "Write webhookSecretRef.name as the name of a Secret",
    ),
    ("Organization", {"webhookSecretRef": {"name": "given", "key": "a/b"}}, "Write webhookSecretRef.key as a key"),
    ("Organization", {"webhookSecretRef": {"key": "secret"}}, "spec.webhookSecretRef.name: Required value"),
    ("Organization", {"webhookSecretVersion": 0}, "spec.webhookSecretVersion"),
    ("Organization", {"listener": {"replicas": 6}}, "spec.listener.replicas"),
    ("Organization", {"tunnel": {"replicas": 0}}, "spec.tunnel.replicas"),
    ("Organization", {"tunnel": {"hostname": "hooks"}}, "Write tunnel.hostname as a full lower-case host name"),
    ("Organization", {"tunnel": {"hostname": "Hooks.example.com"}}, "Write tunnel.hostname as a full lower-case host"),
    ("Organization", {"tunnel": {"hostname": "https://a.example.com"}}, "Write tunnel.hostname as a full lower-case"),
    ("Organization", {"tunnel": {"hostname": "argocd.example.com"}}, "are the platform's own"),
    ("Organization", {"quota": {"requestsCpu": "much"}}, "Write processors as a quantity above zero in quotes"),
    ("Organization", {"quota": {"requestsCpu": 4}}, "spec.quota.requestsCpu"),
    ("Organization", {"quota": {"limitsMemory": "0"}}, "Write memory as a quantity above zero in quotes"),
    ("Organization", {"quota": {"requestsCpu": "2", "limitsCpu": "1500m"}}, "requestsCpu is larger than limitsCpu."),
    ("Organization", {"quota": {"requestsMemory": "2Gi", "limitsMemory": "2G"}}, "requestsMemory is larger than"),
    ("Organization", {"quota": {"pods": 0}}, "spec.quota.pods"),
    ("Organization", {"limits": {"defaultCpu": "3", "maxCpu": "2"}}, "defaultCpu is larger than maxCpu."),
    (
        "Organization",
        {"limits": {"defaultMemory": "3Gi", "maxMemory": "2Gi"}},
        "defaultMemory is larger than maxMemory.",
    ),
    ("Organization", {"limits": {"defaultRequestCpu": "3", "defaultCpu": "2"}}, "defaultRequestCpu is larger than"),
    (
        "Organization",
        {"limits": {"defaultRequestMemory": "3M", "defaultMemory": "2M"}},
        "defaultRequestMemory is larger",
    ),
    ("Organization", {"deletionPolicy": "Forget"}, "spec.deletionPolicy: Unsupported value"),
    ("RepoBinding", {"aphexOrg": None}, "spec.aphexOrg: Required value"),
    ("RepoBinding", {"repoOrg": None}, "spec.repoOrg: Required value"),
    ("RepoBinding", {"repoName": None}, "spec.repoName: Required value"),
    ("RepoBinding", {"pipelineName": None}, "spec.pipelineName: Required value"),
    ("RepoBinding", {"templateRef": None}, "spec.templateRef: Required value"),
    ("RepoBinding", {"pipelineSpec": None}, "spec.pipelineSpec: Required value"),
    ("RepoBinding", {"aphexOrg": "Acme"}, "Write aphexOrg as the name of an Organization"),
    ("RepoBinding", {"aphexOrg": "a" * 60}, "spec.aphexOrg: Too long"),
    ("RepoBinding", {"repoOrg": "-acme"}, "Write repoOrg as an owner at GitHub"),
    ("RepoBinding", {"repoOrg": "acme--corp"}, "Write repoOrg as an owner at GitHub"),
    ("RepoBinding", {"repoOrg": "a" * 40}, "spec.repoOrg: Too long"),
    ("RepoBinding", {"repoName": "acme-corp/web"}, "Write repoName as the name of a repository at GitHub"),
    ("RepoBinding", {"repoName": ".."}, "Write repoName as the name of a repository at GitHub"),
    ("RepoBinding", {"repoName": "web.git"}, "without .git"),
    ("RepoBinding", {"repoName": "a" * 101}, "spec.repoName: Too long"),
    ("RepoBinding", {"pipelineName": "web-"}, "pipelineName becomes a namespace."),
    ("RepoBinding", {"pipelineName": "web.shop"}, "pipelineName becomes a namespace."),
    ("RepoBinding", {"pipelineName": "a" * 53}, "spec.pipelineName: Too long"),
    ("RepoBinding", {"templateRef": "run-anything"}, 'supported values: "run-pipeline-v1"'),
    ("RepoBinding", {"pipelineSpec": ""}, "spec.pipelineSpec"),
    ("RepoBinding", {"pipelineSpec": "x" * 98305}, "spec.pipelineSpec: Too long"),
    ("RepoBinding", {"branches": ["main'||'a'=='a"]}, "Write each of branches as a plain branch name"),
    ("RepoBinding", {"branches": ["refs/heads/main"]}, "without refs/heads/"),
    ("RepoBinding", {"branches": [f"b{n}" for n in range(21)]}, "spec.branches: Too many"),
    ("RepoBinding", {"permissionProfile": "admin"}, "spec.permissionProfile: Unsupported value"),
    ("RepoBinding", {"quota": {"limitsCpu": "x"}}, "Write processors as a quantity above zero in quotes"),
    ("RepoBinding", {"egress": {"allow": [{"cidr": "10.0.0.0"}]}}, "Write each egress.allow[].cidr as a network"),
    ("RepoBinding", {"egress": {"allow": [{"cidr": "10.0.0.1/8"}]}}, "Write each egress.allow[].cidr as a network"),
    ("RepoBinding", {"egress": {"allow": [{"cidr": "0.0.0.0/0"}]}}, "not the whole internet"),
    ("RepoBinding", {"egress": {"allow": [{"cidr": "10.0.0.0/8", "ports": [0]}]}}, "spec.egress.allow[0].ports[0]"),
    ("RepoBinding", {"secrets": "all"}, "spec.secrets: Unsupported value"),
    ("RepoBinding", {"retention": {"days": 0}}, "spec.retention.days"),
    ("KnowledgeBase", {"displayName": None}, "spec.displayName: Required value"),
    ("KnowledgeBase", {"repositories": []}, "spec.repositories"),
    ("KnowledgeBase", {"repositories": [{}]}, "spec.repositories[0].url: Required value"),
    ("KnowledgeBase", {"mcpServer": {"port": 80}}, "spec.mcpServer.port"),
    ("KnowledgeBase", {"mcpServer": {"image": "two words"}}, "Write mcpServer.image as an image reference"),
    (
        "KnowledgeBase",
        {"mcpServer": {"queryServiceURL": "query:8080"}},
        "Write mcpServer.queryServiceURL as an http or",
    ),
    *[
        ("KnowledgeBase", {"repositories": [{"url": url}]}, "Write each repositories[].url as https://github.com/owner")
        for url in (
            "https://gitlab.com/a/b",
            "http://github.com/a/b",
            "https://github.com/a",
            "https://github.com/a/b/c",
        )
    ],
    *[
        ("KnowledgeBase", {"repositories": [{"url": "https://github.com/a/b", "branch": branch}]}, "as Git allows it")
        for branch in (
            *("a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "a\tb"),
            *("a..b", "a@{b", "a//b", "/a", "a/", ".a", "a.", "a.lock"),
        )
    ],
    *[
        (
            "KnowledgeBase",
            {"repositories": [{"url": "https://github.com/a/b", "paths": [path]}]},
            "begins with .kiro/docs",
        )
        for path in ("docs", "/.kiro/docs", ".kiro/docs/../../etc", ".kiro/docs/a,b", ".kiro/docs/a\nb")
    ],
    (
        "KnowledgeBase",
        {"repositories": [{"url": "https://github.com/a/b"}, {"url": "https://github.com/A/B/"}]},
        "A repository stands twice in repositories",
    ),
]


@pytest.mark.parametrize(("kind", "spoiled", "said"), RULES, ids=lambda value: str(value)[:60] if value else None)
def test_a_spoiled_field_is_refused_with_words(api: Api, kind: str, spoiled: dict[str, Any], said: str) -> None:
    assert said in refusal(422, try_out, api, SPECIMENS[kind](**spoiled))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (organization("a" * 60), "Choose at most 59 lower-case letters, digits and inner hyphens."),
        (organization("acme.corp"), "Choose at most 59 lower-case letters, digits and inner hyphens."),
        (metadata_of(repo_binding(), name="a" * 64), "Choose at most 63 characters."),
        (knowledge_base("a" * 53), "Choose at most 52 lower-case letters, digits and inner hyphens."),
        (knowledge_base("docs.v1"), "Choose at most 52 lower-case letters, digits and inner hyphens."),
    ],
    ids=["organization-60", "organization-dot", "binding-64", "knowledge-base-53", "knowledge-base-dot"],
)
def test_B25_a_name_that_cannot_become_what_it_must_is_refused(api: Api, item: Object, said: str) -> None:
    assert said in refusal(422, try_out, api, item)


@pytest.mark.parametrize(
    "item",
    [
        organization("a" * 59),
        repo_binding("a" * 52),
        metadata_of(repo_binding(), name="a" * 63),
        knowledge_base("a" * 52),
        repo_binding(pipelineSpec="x" * 98304),
    ],
    ids=["organization-59", "pipeline-52", "binding-63", "knowledge-base-52", "pipeline-spec-96k"],
)
def test_the_longest_that_is_allowed_is_accepted(api: Api, item: Object) -> None:
    try_out(api, item)


@pytest.mark.parametrize("word", ["aphex", "argocd", "auth", "dex", "tekton", "www"])
def test_B25_an_organization_does_not_take_a_host_name_of_the_platform(api: Api, word: str) -> None:
    assert "are host names of the platform itself" in refusal(422, try_out, api, organization(word))


def test_an_unknown_field_is_refused(api: Api) -> None:
    for kind, specimen in SPECIMENS.items():
        message = refusal(400, try_out, api, specimen(tenantName="old"))
        assert 'unknown field "spec.tenantName"' in message, kind


def test_P18_admission_does_not_judge_the_pipeline(api: Api) -> None:
    for text in ("kind: Pod", "{apiVersion: tekton.dev/v1, kind: Pipeline}", "no: [yaml"):
        try_out(api, repo_binding(pipelineSpec=text))


# --- secrets


@pytest.mark.parametrize("value", [CANARY, CANARY * 500], ids=["short", "too-long"])
def test_P25_a_secret_in_the_resource_is_refused_and_not_repeated(api: Api, value: str) -> None:
    message = refusal(422, try_out, api, organization(webhookSecret=value))
    assert "spec.webhookSecret" in message
    assert CANARY not in message


def test_P25_the_message_says_where_the_secret_belongs(api: Api) -> None:
    assert "name that in webhookSecretRef" in refusal(422, try_out, api, organization(webhookSecret=CANARY))
    try_out(api, organization(webhookSecret=""))


# --- changes


@pytest.mark.parametrize(
    ("field", "value"),
    [("aphexOrg", "other"), ("repoOrg", "second-owner"), ("repoName", "other"), ("pipelineName", "other")],
)
def test_P4_what_a_binding_is_of_never_changes(api: Api, kept: Any, field: str, value: str) -> None:
    path = api.path_of(kept(repo_binding("fixed")))
    message = refusal(422, api.patch, path, {"spec": {field: value}})
    assert f"{field} cannot be changed. Delete this RepoBinding and create one with the other {field}." in message
    assert "Required value" in refusal(422, api.patch, path, {"spec": {field: None}})


def test_P19_the_version_of_the_secret_only_grows(api: Api, kept: Any) -> None:
    path = api.path_of(kept(organization("rotating", webhookSecretVersion=3)))
    assert api.patch(path, {"spec": {"webhookSecretVersion": 4}})["spec"]["webhookSecretVersion"] == 4
    message = refusal(422, api.patch, path, {"spec": {"webhookSecretVersion": 3}})
    assert "webhookSecretVersion may only grow" in message
    # Left out, the secret stays as it is: a playbook that does not name a version must not be refused.
    assert "webhookSecretVersion" not in api.patch(path, {"spec": {"webhookSecretVersion": None}})["spec"]


def test_a_binding_can_be_finished_whatever_its_rules_say_of_new_ones(api: Api, kept: Any) -> None:
    item = kept(metadata_of(repo_binding("finished"), finalizers=["platform.aphex/finalizer"]))
    api.remove(item)
    api.patch(api.path_of(item), {"metadata": {"finalizers": None}})
    assert not api.exists(api.path_of(item))


# --- status


def test_the_status_is_written_by_its_own_door_alone(api: Api, kept: Any) -> None:
    path = api.path_of(kept({**organization("told"), "status": {"phase": "Ready"}}))
    assert "status" not in api.get(path)
    api.patch(f"{path}/status", {"status": {"phase": "Ready"}, "spec": {"displayName": "changed"}})
    found = api.get(path)
    assert (found["status"], found["spec"]["displayName"]) == ({"phase": "Ready"}, "ACME")
    assert "Unsupported value" in refusal(422, api.patch, f"{path}/status", {"status": {"phase": "Active"}})


def condition(kind: str) -> Object:
    return {
        "type": kind,
        "status": "True",
        "reason": "Done",
        "message": "",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }


@pytest.mark.parametrize("kind", SPECIMENS)
def test_conditions_are_merged_by_their_type(api: Api, kept: Any, kind: str) -> None:
    item = kept(SPECIMENS[kind]("conditions"))
    path = f"{api.path_of(item)}/status"
    head = {"apiVersion": item["apiVersion"], "kind": kind, "metadata": {"name": "conditions"}}
    for writer in ("first", "second"):
        body = {**head, "status": {"conditions": [condition(f"By-{writer}")]}}
        api.patch(path, body, "apply", fieldManager=writer)
    assert {entry["type"] for entry in api.get(path)["status"]["conditions"]} == {"By-first", "By-second"}


STATUSES: dict[str, Object] = {
    "Organization": {
        "namespace": "org-acme",
        "webhookURL": "https://acme.example.com",
        "tunnelId": "c1744f8b-faa1-48a4-9e5c-02ac921467fa",
        "webhookSecretVersion": 1,
        "provisionedResources": {"namespace": True, "tunnel": False},
    },
    "RepoBinding": {
        "webhookConfiguration": {
            "url": "https://acme.example.com",
            "secretRef": {"namespace": "org-acme", "name": "github-webhook-secret", "key": "secret"},
            "events": ["push"],
        },
        "provisionedResources": {
            "namespace": True,
            "serviceAccount": True,
            "rbac": True,
            "resourceQuota": True,
            "networkPolicy": True,
            "eventListener": True,
            "pipelineResources": False,
        },
    },
    "KnowledgeBase": {
        "repositoryCount": 1,
        "mcp": {"deployed": True, "serviceName": "mcp-server-docs", "serviceURL": "http://mcp", "readyReplicas": 0},
    },
}


@pytest.mark.parametrize("kind", STATUSES)
def test_the_status_holds_what_the_documents_promise(api: Api, kept: Any, kind: str) -> None:
    item = kept(SPECIMENS[kind]("promised"))
    status = {
        "phase": "Provisioning",
        "message": "Making the namespace.",
        "observedGeneration": 1,
        "conditions": [{**condition("NamespaceReady"), "observedGeneration": 1}],
        **STATUSES[kind],
    }
    path = f"{api.path_of(item)}/status"
    assert api.patch(path, {"status": status}, fieldValidation="Strict")["status"] == status


def test_P25_no_status_has_room_for_a_secret(api: Api, kept: Any) -> None:
    item = kept(repo_binding("told"))
    path = f"{api.path_of(item)}/status"
    spoiled = {"webhookConfiguration": {"secret": CANARY}, "webhookSecret": CANARY}
    body = {**api.get(api.path_of(item)), "status": spoiled}
    assert 'unknown field "status.webhookSecret"' in refusal(400, api.put, path, body, fieldValidation="Strict")
    assert CANARY not in str(api.put(path, body))


# --- by hand


def test_kubectl_explains_the_fields(installed: Platform) -> None:
    told = installed.kubectl("explain", "organization.spec.webhookSecretRef")
    assert "whose value becomes the webhook secret" in " ".join(told.split())
