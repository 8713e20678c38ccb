"""What the objects of tenants say, and in which order they are made; nothing is asked of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.plan import Change, Step
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime, reconcile
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes import order
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import ObjectKey, Objects, Owner
from ansible_collections.aphex.platform.plugins.module_utils._tenancy import names, pipeline, repo_binding
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.organization_objects import (
    Builder as OrganizationBuilder,
)
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.repo_binding_objects import (
    Builder as BindingBuilder,
)
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.repo_binding_objects import push_filter
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.settings import Settings
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.specs import OrganizationSpec, RepoBindingSpec
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.tenant import Wishes

PIPELINE = """\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
    - name: git-revision
  workspaces:
    - name: source
  tasks:
    - name: build
      taskRef:
        name: build
"""
RUNTIME = Runtime(now=lambda: 1_800_000_000.0, identity="me@here/1")
SETTINGS = Settings(zone="example.org", approved_owners=("acme",))
ORGANIZATION = OrganizationSpec(name="acme", display_name="Acme", admin_users=["admin@example.org"])


def spec(**given: Any) -> RepoBindingSpec:
    fields = {"name": "web", "aphex_org": "acme", "repo_org": "acme", "repo_name": "web", "pipeline_name": "web"}
    return RepoBindingSpec(**{**fields, "pipeline_spec": PIPELINE, **given})


def binding(**given: Any) -> BindingBuilder:
    return BindingBuilder(spec(**given), SETTINGS, Owner("RepoBinding", "web", "platform-system"), "uid")


def builder() -> OrganizationBuilder:
    return OrganizationBuilder(ORGANIZATION, SETTINGS, Owner("Organization", "acme", "platform-system"))


def rank(obj: dict[str, Any]) -> int:
    return order.rank(obj["apiVersion"].rpartition("/")[0], obj["kind"])


def test_B1_the_listener_is_made_after_its_account_its_rights_and_its_isolation() -> None:
    made = builder()
    first = [made.account("eventlistener"), made.listener_binding(), made.deny_all(), made.listener_policy([])]
    assert max(map(rank, first)) < rank(made.listener())
    assert rank(made.account("eventlistener")) < rank(made.listener_binding())


def test_B9_bindings_write_no_list_that_others_share() -> None:
    listener = builder().listener()
    assert "namespaceSelector" not in listener["spec"]
    assert all("namespaceSelector" not in group["triggerSelector"] for group in listener["spec"]["triggerGroups"])
    parsed = pipeline.parse(PIPELINE)
    made = [binding().trigger(), binding().template(parsed), binding().project(), binding().listener_binding()]
    assert {item["metadata"]["name"] for item in made} == {
        "web-trigger",
        "web-trigger-template",
        "web",
        "aphex-listener-run",
    }


class Nobody:
    """A product that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for before the input was checked")


def test_B11_bad_input_is_refused_before_a_finalizer_could_be_set() -> None:
    text = PIPELINE.replace("kind: Pipeline", "kind: Pod")
    params = {"name": "web", "aphex_org": "acme", "repo_org": "acme", "repo_name": "web", "pipeline_spec": text}
    with pytest.raises(Failure, match="kind is 'Pod'"):
        repo_binding.use_case({**params, "state": "present"}, {"kubernetes": Nobody(), "github": Nobody()}, RUNTIME)


def test_B14_only_pushes_of_commits_pass_the_filter() -> None:
    groups = {group["name"]: group for group in builder().listener()["spec"]["triggerGroups"]}
    events = {
        name: next(param["value"] for param in group["interceptors"][0]["params"] if param["name"] == "eventTypes")
        for name, group in groups.items()
    }
    assert events == {"push": ["push"], "push-previous": ["push"], "ping": ["ping"]}
    assert "!body.deleted" in push_filter(spec())
    assert "body.after.matches('^[0-9a-f]{40,64}$')" in push_filter(spec())


def test_B7_the_webhook_is_the_organizations_and_not_the_github_owners() -> None:
    found = repo_binding.row(
        {
            "metadata": {"name": "web", "namespace": "platform-system"},
            "spec": {"repoOrg": "somebody-else", "repoName": "web"},
            "status": {"webhookConfiguration": {"url": "https://acme.example.org"}},
        }
    )
    assert found["webhook_url"] == "https://acme.example.org"
    assert ORGANIZATION.hostname("example.org") == "acme.example.org"


class Stumbling:
    """A product that fails at one step; what it did before is remembered."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def plan(self, desired: Objects) -> list[Step]:
        return [Step("kubernetes", "create", desired.title, desired, Change(None, desired.title))]

    def perform(self, step: Step) -> None:
        if step.target == "second":
            raise Failure(Kind.DENIED, tried="creating", on="second", said="no right")
        self.done.append(step.target)

    def result(self, desired: Objects) -> None:
        return None


class ThreeSteps(Declared):
    """Three things to make, and a last word after a failure."""

    def failed(self, failure: Failure) -> list[Objects]:
        return [Objects(title=f"status: {failure.said}", objects=())]


def test_B10_a_failed_step_ends_the_run_and_is_recorded_and_raised() -> None:
    product = Stumbling()
    steps = [Objects(title=title, objects=()) for title in ("first", "second", "third")]
    with pytest.raises(Failure, match="no right"):
        reconcile(ThreeSteps(steps, {"kubernetes": product}), {"kubernetes": product}, RUNTIME)
    assert product.done == ["first", "status: no right"]


class Crowded:
    """A cluster whose organization has as many repositories as it may have."""

    def get_many(self, keys: list[ObjectKey]) -> dict[ObjectKey, Any]:
        settings = {"metadata": {}, "data": {"zone": "example.org", "approvedOwners": "acme", "maxBindings": "2"}}
        there = {"aphex-platform": settings, "acme": {"metadata": {"name": "acme"}, "spec": {}}}
        return {key: there.get(key.name) for key in keys}

    def get(self, key: ObjectKey) -> None:
        return None

    def forget(self) -> None:
        """Have nothing to forget."""

    def list(self, api_version: str, kind: str, namespace: str = "", labels: str = "") -> list[dict[str, Any]]:
        return [{"metadata": {}}] * 2 if kind == "Namespace" else []


def test_P17_an_organization_has_a_limited_number_of_repositories() -> None:
    cluster: Any = Crowded()
    case = repo_binding.RepoBinding(spec(), Wishes(), cluster, GitHub.connect({}, RUNTIME), RUNTIME)
    with pytest.raises(Failure, match="has 2 repositories already, 2 are allowed"):
        case.desired(case.observe())


def test_P21_P27_runs_are_pruned_and_not_counted() -> None:
    hard = binding().quota({})["spec"]["hard"]
    assert not [name for name in hard if name.startswith("count/")]
    config = binding().pruner(pipeline.parse(PIPELINE), {})["data"]["ns-config"]
    assert "HistoryLimit" in config
    assert "ttlSecondsAfterFinished: 604800" in config


def test_P26_secrets_of_the_organization_are_asked_for_by_name() -> None:
    assert names.SECRET_STORE_SELECTOR not in binding().namespace_object()["metadata"]["labels"]
    wanted = binding(secrets="organization").namespace_object()["metadata"]["labels"]
    assert wanted[names.SECRET_STORE_SELECTOR] == "acme"


def test_D20_the_store_says_where_its_authority_lies_and_asks_for_the_label_that_namespaces_carry() -> None:
    store = builder().secret_store()["spec"]
    assert store["provider"]["kubernetes"]["server"]["caProvider"]["namespace"] == "org-acme"
    wanted = store["conditions"][0]["namespaceSelector"]["matchLabels"]
    carried = binding(secrets="organization").namespace_object()["metadata"]["labels"]
    assert wanted.items() <= carried.items()


def test_P10_S7_a_namespace_says_whose_it_is() -> None:
    labels = binding().claim()["metadata"]["labels"]
    assert labels["platform.aphex/owner-kind"] == "RepoBinding"
    assert labels["platform.aphex/owner-uid"] == "uid"


def test_the_connector_restarts_with_new_credentials() -> None:
    made = builder()

    def mark(secret: str) -> str:
        deployment = made.connector("config", Sensitive(secret))
        found: str = deployment["spec"]["template"]["metadata"]["annotations"]["platform.aphex/checksum"]
        return found

    assert mark("one") == mark("one")
    assert mark("one") != mark("two")
