"""The three specs: what cannot exist, what crosses the border of names, and how."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.specs import (
    KnowledgeBaseSpec,
    OrganizationSpec,
    RepoBindingSpec,
    Spec,
)

PIPELINE = "apiVersion: tekton.dev/v1\nkind: Pipeline\nspec: {tasks: [{name: build}]}\n"
ORGANIZATION: dict[str, Any] = {
    "name": "acme-corp",
    "display_name": "ACME Corporation",
    "admin_users": ["alice@example.org"],
}
REPO_BINDING: dict[str, Any] = {
    "name": "web-shop",
    "aphex_org": "acme-corp",
    "repo_org": "acme",
    "repo_name": "web-shop",
    "pipeline_name": "web-shop",
    "pipeline_spec": PIPELINE,
}
KNOWLEDGE_BASE: dict[str, Any] = {
    "name": "handbook",
    "display_name": "Handbook",
    "repositories": [{"url": "https://github.com/acme/web"}],
}
SPECS: list[tuple[type[Spec], dict[str, Any]]] = [
    (OrganizationSpec, ORGANIZATION),
    (RepoBindingSpec, REPO_BINDING),
    (KnowledgeBaseSpec, KNOWLEDGE_BASE),
]
every_spec = pytest.mark.parametrize(("spec", "given"), SPECS, ids=lambda item: getattr(item, "__name__", ""))


def _refused(make: Callable[[], object]) -> str:
    with pytest.raises(Failure) as caught:
        make()
    assert caught.value.kind is Kind.INVALID
    return caught.value.sentence()


def _organization(**changed: Any) -> OrganizationSpec:
    return OrganizationSpec.from_params({**ORGANIZATION, **changed})


def _binding(**changed: Any) -> RepoBindingSpec:
    return RepoBindingSpec.from_params({**REPO_BINDING, **changed})


def _knowledge_base(**changed: Any) -> KnowledgeBaseSpec:
    return KnowledgeBaseSpec.from_params({**KNOWLEDGE_BASE, **changed})


@every_spec
def test_options_that_are_not_given_take_the_default_of_the_spec(spec: type[Spec], given: dict[str, Any]) -> None:
    nothing = dict.fromkeys(spec.fields())
    assert spec.from_params({**nothing, "namespace": None, **given}) == spec.from_params(given)


@every_spec
def test_a_spec_comes_back_from_its_resource(spec: type[Spec], given: dict[str, Any]) -> None:
    made = spec.from_params(given)
    resource = {"metadata": {"name": made.name, "namespace": made.namespace}, "spec": made.to_resource()}
    assert spec.from_resource(resource) == made


@every_spec
def test_the_resource_holds_what_was_given_and_nothing_empty(spec: type[Spec], given: dict[str, Any]) -> None:
    written = spec.from_params(given).to_resource()
    assert not [name for name, value in written.items() if value in (None, "", {}, [])]
    assert all("_" not in name for name in written)


def test_the_resource_speaks_its_own_language() -> None:
    spec = _organization(
        webhook_secret_ref={"name": "hook", "key": None},
        webhook_secret_version=2,
        listener={"replicas": 2},
        tunnel={"hostname": "hooks.acme.example.org", "replicas": None},
        quota={"requests_cpu": "2", "persistent_volume_claims": 3, "pods": None},
        limits={"default_request_memory": "64Mi"},
    )
    assert spec.to_resource() == {
        "displayName": "ACME Corporation",
        "adminUsers": ["alice@example.org"],
        "webhookSecretRef": {"name": "hook"},
        "webhookSecretVersion": 2,
        "listener": {"replicas": 2},
        "tunnel": {"hostname": "hooks.acme.example.org"},
        "quota": {"requestsCpu": "2", "persistentVolumeClaims": 3},
        "limits": {"defaultRequestMemory": "64Mi"},
        "deletionPolicy": "Retain",
    }


def test_false_and_zero_are_values() -> None:
    spec = _binding(egress={"api_server": False, "allow": None}, retention={"failed": 0})
    assert spec.to_resource()["egress"] == {"apiServer": False}
    assert spec.to_resource()["retention"] == {"failed": 0}


def test_a_documents_empty_webhook_secret_is_taken_and_forgotten() -> None:
    resource = {
        "metadata": {"name": "acme-corp", "namespace": "platform-system"},
        "spec": {"displayName": "ACME", "adminUsers": ["alice@example.org"], "webhookSecret": ""},
    }
    assert "webhookSecret" not in OrganizationSpec.from_resource(resource).to_resource()


# organization -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "x" * 60}, "60 characters, 59 are allowed"),
        ({"name": "ACME"}, "only lower-case letters"),
        ({"name": "argocd"}, "reserved for a host of the platform"),
        ({"namespace": "org-acme"}, "organizations live in platform-system"),
        ({"display_name": ""}, "1 to 256 characters are wanted"),
        ({"display_name": "   "}, "1 to 256 characters are wanted"),
        ({"display_name": "x" * 257}, "1 to 256 characters are wanted"),
        ({"display_name": "two\nlines"}, "control characters or line breaks"),
        ({"display_name": "bell\a"}, "control characters or line breaks"),
        ({"admin_users": []}, "0 are given, 1 to 50 are wanted"),
        ({"admin_users": [f"u{n}@example.org" for n in range(51)]}, "51 are given, 1 to 50 are wanted"),
        ({"admin_users": ["alice"]}, "'alice': it is no e-mail address"),
        ({"admin_users": ["a@example.org", "A@Example.org"]}, "an address stands twice"),
        ({"webhook_secret_version": 0}, "a number from 1 to 1000000 is wanted"),
        ({"webhook_secret_ref": {"name": "Not A Name"}}, "its name is no name of a Secret"),
        ({"webhook_secret_ref": {"name": ""}}, "its name is no name of a Secret"),
        ({"listener": {"replicas": 6}}, "a number from 1 to 5 is wanted"),
        ({"tunnel": {"replicas": 0}}, "a number from 1 to 10 is wanted"),
        ({"tunnel": {"hostname": "hooks"}}, "it is no host name"),
        ({"tunnel": {"hostname": "Hooks.example.org"}}, "it is no host name"),
        ({"tunnel": {"hostname": "https://hooks.example.org"}}, "it is no host name"),
        ({"tunnel": {"hostname": f"{'x' * 64}.example.org"}}, "it is no host name"),
        ({"quota": {"pods": 0}}, "a number from 1 to 100000 is wanted"),
        ({"quota": {"persistent_volume_claims": -1}}, "a number from 0 to 10000 is wanted"),
        ({"quota": {"requests_cpu": "many"}}, "it is no quantity"),
        ({"quota": {"gpus": 1}}, "there is no such field"),
        ({"limits": {"max_memory": "4 Gi"}}, "it is no quantity"),
        ({"deletion_policy": "Keep"}, "it is not one of Retain, Delete"),
    ],
)
def test_an_organization_that_is_wrong_cannot_exist(changed: dict[str, Any], said: str) -> None:
    assert said in _refused(lambda: _organization(**changed))


@pytest.mark.parametrize(
    "host", ["argocd.example.org", "auth.example.org", "www.example.org", "tekton.sub.example.org"]
)
def test_B25_a_tunnel_does_not_take_a_host_of_the_platform(host: str) -> None:
    assert "are reserved for the platform" in _refused(lambda: _organization(tunnel={"hostname": host}))


def test_B25_the_public_host_lies_inside_the_zone() -> None:
    assert _organization().hostname("example.org") == "acme-corp.example.org"
    inside = _organization(tunnel={"hostname": "hooks.acme.example.org"})
    assert inside.hostname("example.org") == "hooks.acme.example.org"
    for zone in ("example.com", "acme.example.com", "ample.org"):
        assert f"it is not inside the zone {zone}" in _refused(functools.partial(inside.hostname, zone))


# repo binding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "Web"}, "its name is no legal name"),
        ({"name": "x" * 64}, "its name is no legal name"),
        ({"aphex_org": "ACME"}, "only lower-case letters"),
        ({"aphex_org": ""}, "only lower-case letters"),
        ({"namespace": "default"}, "it lives in platform-system or org-acme-corp"),
        ({"namespace": "org-other"}, "it lives in platform-system or org-acme-corp"),
        ({"repo_org": "a--b"}, "GitHub owner"),
        ({"repo_name": "acme/web"}, "repository name"),
        ({"repo_name": "web.git"}, "repository name"),
        ({"template_ref": "run-pipeline-v2"}, "it is not one of run-pipeline-v1"),
        ({"pipeline_spec": 7}, "text or a mapping is wanted, not int"),
        ({"pipeline_spec": "#" * 98305}, "98304 are allowed"),
        ({"branches": [f"b{n}" for n in range(21)]}, "it names 21 branches, 20 are allowed"),
        ({"branches": ["refs/heads/main"]}, "it is a whole ref"),
        ({"permission_profile": "admin"}, "it is not one of standard, elevated"),
        ({"secrets": "all"}, "it is not one of none, organization"),
        ({"deletion_policy": "delete"}, "it is not one of Retain, Delete"),
        ({"quota": {"limits_memory": "lots"}}, "it is no quantity"),
        ({"limits": {"gpu": "1"}}, "there is no such field"),
        ({"retention": {"days": 0}}, "a number from 1 to 3650 is wanted"),
        ({"retention": {"days": 3651}}, "a number from 1 to 3650 is wanted"),
        ({"retention": {"failed": 1001}}, "a number from 0 to 1000 is wanted"),
        ({"egress": {"allow": [{"cidr": "10.0.0.0/8"}] * 21}}, "it has 21 entries, 20 are allowed"),
        ({"egress": {"allow": [{"cidr": "everywhere"}]}}, "it is no network"),
        ({"egress": {"allow": [{"cidr": "10.0.0.1/8"}]}}, "it is no network"),
        ({"egress": {"allow": [{"cidr": "192.0.2.1"}]}}, "it is no network with a length"),
        ({"egress": {"allow": [{"cidr": "0.0.0.0/0"}]}}, "it is no network with a length above 0"),
        ({"egress": {"allow": [{"cidr": "::/0"}]}}, "it is no network with a length above 0"),
        ({"egress": {"allow": [{"cidr": "192.0.2.0/24", "ports": [0]}]}}, "a number from 1 to 65535 is wanted"),
        ({"egress": {"allow": [{"cidr": "192.0.2.0/24", "ports": [1] * 21}]}}, "21 are given, 20 are allowed"),
    ],
)
def test_a_binding_that_is_wrong_cannot_exist(changed: dict[str, Any], said: str) -> None:
    assert said in _refused(lambda: _binding(**changed))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Web-Shop", "only lower-case letters"),
        ("-web", "only lower-case letters"),
        ("x" * 53, "53 characters, 52 are allowed"),
        ("kube-system", "are reserved"),
        ("org-acme-corp", "are reserved"),
    ],
)
def test_B25_a_pipeline_name_that_can_be_no_namespace_cannot_exist(name: str, said: str) -> None:
    assert said in _refused(lambda: _binding(pipeline_name=name))


def test_P14_a_branch_that_would_leave_its_filter_cannot_exist() -> None:
    assert "only letters, digits" in _refused(lambda: _binding(branches=["main", "main'||'a'=='a"]))


def test_P9_a_binding_lives_with_the_platform_or_with_its_organization() -> None:
    assert _binding(namespace=None).namespace == "platform-system"
    assert _binding(namespace="org-acme-corp").namespace == "org-acme-corp"


def test_N16_a_pipeline_may_be_a_mapping() -> None:
    pipeline = {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "spec": {"tasks": [{"name": "build"}]}}
    text = _binding(pipeline_spec=pipeline).pipeline_spec
    assert isinstance(text, str)
    assert 'kind: "Pipeline"' in text


def test_whether_the_text_is_a_pipeline_is_not_for_the_spec_to_say() -> None:
    assert _binding(pipeline_spec="no pipeline").pipeline_spec == "no pipeline", (
        "it becomes the condition PipelineValid"
    )


def test_a_binding_tells_its_repository() -> None:
    assert _binding(repo_org="ACME", repo_name="Web.Shop").repository == "ACME/Web.Shop"


def test_networks_of_both_families_are_allowed() -> None:
    allow = [{"cidr": "10.20.0.0/16", "ports": [443, 5432]}, {"cidr": "2001:db8::/32", "ports": None}]
    assert _binding(egress={"allow": allow}).egress == {
        "allow": [{"cidr": "10.20.0.0/16", "ports": [443, 5432]}, {"cidr": "2001:db8::/32"}]
    }


# knowledge base -----------------------------------------------------------------------------------------------------

WEB = "https://github.com/acme/web"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "x" * 53}, "53 characters, 52 are allowed"),
        ({"name": "Hand Book"}, "only lower-case letters"),
        ({"display_name": ""}, "1 to 256 characters are wanted"),
        ({"description": "x" * 4097}, "it has 4097 characters, 4096 are allowed"),
        ({"repositories": []}, "it names 0 repositories, 1 to 50 are allowed"),
        ({"repositories": [{"url": f"{WEB}{n}"} for n in range(51)]}, "it names 51 repositories"),
        ({"repositories": [{"url": "https://example.org/acme/web"}]}, "no address of a repository at GitHub"),
        ({"repositories": [{"url": WEB}, {"url": "https://github.com/ACME/Web/"}]}, "it stands twice"),
        ({"repositories": [{"url": WEB, "branch": "a b"}]}, "Git does not allow it"),
        ({"repositories": [{"url": WEB, "paths": ["docs"]}]}, "it is not below .kiro/docs"),
        ({"repositories": [{"url": WEB, "paths": [".kiro/docs/../x"]}]}, "it is not below .kiro/docs"),
        ({"repositories": [{"url": WEB, "paths": [".kiro/docs/a,b"]}]}, "it is not below .kiro/docs"),
        ({"repositories": [{"url": WEB, "paths": [".kiro/docs/\n"]}]}, "it is not below .kiro/docs"),
        ({"repositories": [{"url": WEB, "paths": [".kiro/docs/" + "x" * 250]}]}, "256 are allowed"),
        ({"repositories": [{"url": WEB, "paths": [".kiro/docs"] * 21}]}, "20 are allowed"),
        ({"mcp_server": {"port": 80}}, "a number from 1024 to 65535 is wanted"),
        ({"mcp_server": {"replicas": 11}}, "a number from 1 to 10 is wanted"),
    ],
)
def test_a_knowledge_base_that_is_wrong_cannot_exist(changed: dict[str, Any], said: str) -> None:
    assert said in _refused(lambda: _knowledge_base(**changed))


def test_a_knowledge_base_may_live_anywhere() -> None:
    assert _knowledge_base(namespace="docs").namespace == "docs"


def test_no_server_and_a_server_with_all_defaults_are_told_apart() -> None:
    assert "mcpServer" not in _knowledge_base().to_resource()
    nothing = dict.fromkeys(("image", "port", "replicas", "query_service_url"))
    for server in ({}, nothing):
        assert _knowledge_base(mcp_server=server).to_resource()["mcpServer"] == {"replicas": 1}
    named = _knowledge_base(mcp_server={**nothing, "query_service_url": "http://query.docs:8080"})
    assert named.to_resource()["mcpServer"] == {"queryServiceURL": "http://query.docs:8080"}
