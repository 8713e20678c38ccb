"""Names of tenancy: what is refused, and what is derived from what."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.names import is_subdomain
from ansible_collections.aphex.platform.plugins.module_utils._tenancy import names

LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")


def _refused(check: Callable[[str], str], name: str) -> str:
    with pytest.raises(Failure) as caught:
        check(name)
    assert caught.value.kind is Kind.INVALID
    assert caught.value.remedy, "a refusal says what to do"
    return caught.value.sentence()


@pytest.mark.parametrize("name", ["acme-corp", "a", "7", "api", "x" * 59, "www2", "my-argocd"])
def test_an_organization_name_comes_back(name: str) -> None:
    assert names.check_organization(name) == name


@pytest.mark.parametrize(
    "name", ["", "ACME", "acme_corp", "acme.corp", "-acme", "acme-", "acme corp", "acmé", "acme\n"]
)
def test_B25_an_organization_name_that_is_no_dns_label_is_refused(name: str) -> None:
    assert "only lower-case letters, digits and inner hyphens are allowed" in _refused(names.check_organization, name)


def test_B25_an_organization_name_leaves_room_for_its_namespace() -> None:
    assert "it has 60 characters, 59 are allowed" in _refused(names.check_organization, "x" * 60)
    assert len(names.organization_namespace("x" * 59)) == 63


@pytest.mark.parametrize("name", ["argocd", "auth", "dex", "tekton", "aphex", "www"])
def test_B25_an_organization_does_not_take_a_host_of_the_platform(name: str) -> None:
    assert "it is reserved for a host of the platform" in _refused(names.check_organization, name)


@pytest.mark.parametrize(
    "name", ["web-shop", "a", "x" * 52, "defaults", "kubernetes", "organic", "argo", "my-kube-system"]
)
def test_a_pipeline_name_comes_back(name: str) -> None:
    assert names.check_pipeline(name) == name


@pytest.mark.parametrize("name", ["", "Web", "-web", "web-", "web_shop", "web.shop", "web/shop", "w b"])
def test_B25_a_pipeline_name_that_is_no_dns_label_is_refused(name: str) -> None:
    assert "only lower-case letters, digits and inner hyphens are allowed" in _refused(names.check_pipeline, name)


def test_P14_a_pipeline_name_leaves_room_for_its_trigger() -> None:
    assert "it has 53 characters, 52 are allowed" in _refused(names.check_pipeline, "x" * 53)
    assert len(names.trigger_name("x" * 52)) <= 63


@pytest.mark.parametrize(
    "name",
    [
        "default",
        "kube-system",
        "kube-anything",
        "argocd",
        "argocd-x",
        "org-acme",
        "platform-system",
        "tekton-pipelines",
        "cert-manager",
        "external-secrets-2",
        "aphex",
        "flux-system",
    ],
)
def test_S7_a_pipeline_does_not_claim_a_namespace_of_the_platform(name: str) -> None:
    assert "are reserved" in _refused(names.check_pipeline, name)


def test_the_reserved_namespaces_of_the_settings_count() -> None:
    assert "namespaces grafana and grafana-* are reserved" in _refused(
        lambda name: names.check_pipeline(name, ("grafana",)), "grafana-x"
    )
    assert names.check_pipeline("argocd", ("grafana",)) == "argocd"


@pytest.mark.parametrize("name", ["acme", "ACME-Corp", "a", "a-b-c", "x" * 39])
def test_an_owner_comes_back(name: str) -> None:
    assert names.check_owner(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "a_b", "a.b", "a/b", "x" * 40, "a b", "a'"])
def test_an_owner_that_github_does_not_allow_is_refused(name: str) -> None:
    assert "GitHub owner" in _refused(names.check_owner, name)


@pytest.mark.parametrize("name", ["web-shop", "Web_Shop", ".github", "a.b", "x" * 100, "-"])
def test_a_repository_comes_back(name: str) -> None:
    assert names.check_repository(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "x" * 101, "a b", "shop.git", "a'b", "a\n", "ü"])
def test_a_repository_that_github_does_not_allow_is_refused(name: str) -> None:
    assert "without its owner" in _refused(names.check_repository, name)


@pytest.mark.parametrize("name", ["main", "release/1.2", "a-b_c.d", "x" * 200])
def test_a_branch_comes_back(name: str) -> None:
    assert names.check_branch(name) == name


# Git allows these, and each would become part of a filter.
INJECTIONS = ["main'||'a'=='a", 'main"', "a'+body.ref+'", "a\\'b", "a\nb", "a{b", "a$(b)", "a&&true", "a;b", "größe"]


@pytest.mark.parametrize("name", INJECTIONS)
def test_P14_a_branch_cannot_leave_its_place_in_a_filter(name: str) -> None:
    assert "only letters, digits and the characters . _ / - are allowed" in _refused(names.check_branch, name)


@given(st.text(max_size=30))
def test_P14_whatever_passes_needs_no_quoting(name: str) -> None:
    try:
        names.check_branch(name)
    except Failure:
        return
    assert re.fullmatch(r"[A-Za-z0-9._/-]+", name)


@pytest.mark.parametrize("name", ["", "/a", "a/", "-a", "a..b", "a.lock", "x" * 201, "a b", "refs/heads/main"])
def test_a_branch_that_is_none_is_refused(name: str) -> None:
    _refused(names.check_branch, name)


@pytest.mark.parametrize("name", ["main", "feature#7", "größe", "a@b", "x+y", "-a"])
def test_what_git_allows_is_a_branch_where_no_filter_is_made_of_it(name: str) -> None:
    assert names.check_git_branch(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "a..b",
        "a@{b",
        "a//b",
        "/a",
        "a/",
        ".a",
        "a.",
        "a.lock",
        "a\tb",
        "a\nb",
        "x" * 201,
    ],
)
def test_what_git_does_not_allow_is_no_branch(name: str) -> None:
    assert "Git does not allow it" in _refused(names.check_git_branch, name)


@pytest.mark.parametrize(
    "address", ["a@example.org", "first.last+tag@mail.example.co.uk", "A_B@example.org", "a%b@example.org"]
)
def test_an_address_comes_back(address: str) -> None:
    assert names.check_email(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "alice",
        "alice@",
        "@example.org",
        "alice@localhost",
        "alice@example..org",
        "a..b@example.org",
        "a b@example.org",
        "alice@example.org\n",
        "a@b@example.org",
        "alice@exa mple.org",
        "x" * 65 + "@example.org",
        "system:masters",
        "a@" + "x" * 250 + ".org",
        "alice@.org",
        "alice@example.org.",
        "<alice@example.org>",
        "a/b'c@example.org'",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert "it is no e-mail address" in _refused(names.check_email, address)


@pytest.mark.parametrize(
    "url", ["https://github.com/acme/web", "https://github.com/ACME/web.js/", "https://github.com/a/.github"]
)
def test_an_address_of_a_repository_comes_back(url: str) -> None:
    assert names.check_github_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://github.com/",
        "https://github.com/acme",
        "https://github.com/acme/",
        "https://github.com/acme/web/tree/main",
        "http://github.com/acme/web",
        "https://github.com.example.org/acme/web",
        "https://example.org/acme/web",
        "https://user@github.com/acme/web",
        "https://github.com/-acme/web",
        "https://github.com/acme/w b",
        "acme/web",
        "https://github.com/acme/web?x=1",
        "https://github.com/acme/web//",
        "https://github.com/acme/web\n",
    ],
)
def test_what_is_no_address_of_a_repository_is_refused(url: str) -> None:
    assert "it is no address of a repository at GitHub" in _refused(names.check_github_url, url)


ODD = "Alice/Admin+%x@Example.ORG"


@pytest.mark.parametrize("address", [ODD, "a@example.org", "x" * 64 + "@example.org"])
def test_B26_an_admins_binding_has_a_legal_name_whatever_the_address(address: str) -> None:
    assert is_subdomain(names.admin_binding(address))
    assert len(names.admin_binding(address)) <= 63


def test_B26_one_admin_has_one_binding_however_the_address_is_spelt() -> None:
    assert names.admin_binding(ODD) == names.admin_binding(ODD.lower())
    assert names.admin_binding("a@example.org") != names.admin_binding("b@example.org")


LONGEST = "x" * 59
PIPELINE = "y" * 52


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        (names.organization_namespace(LONGEST), 63),
        (names.connector_name(LONGEST), 253),
        (names.credentials_name(LONGEST), 253),
        (names.store_name(LONGEST), 253),
        (names.trigger_name(PIPELINE), 63),
        (names.template_name(PIPELINE), 253),
        (names.repositories_name("z" * 52), 253),
        (names.server_name("z" * 52), 63),
        (names.tenant_lease(names.REPO_BINDING, f"org-{LONGEST}.{'b' * 63}"), 253),
        (names.inventory_name(names.KNOWLEDGE_BASE, f"org-{LONGEST}.{'k' * 52}"), 253),
    ],
)
def test_B25_what_is_derived_from_the_longest_names_is_legal(name: str, longest: int) -> None:
    assert is_subdomain(name)
    assert len(name) <= longest


def test_names_of_an_organization_are_as_documented() -> None:
    assert names.organization_namespace("acme") == "org-acme"
    assert names.tunnel_name("acme") == "webhooks-acme"
    assert names.connector_name("acme") == "cloudflared-acme"
    assert names.credentials_name("acme") == "cloudflared-credentials-acme"
    assert names.store_name("acme") == "org-acme-store"
    assert str(names.organization_key("acme")) == "Organization platform-system/acme"


def test_names_of_a_binding_and_of_a_knowledge_base_are_as_documented() -> None:
    assert names.trigger_name("web") == "web-trigger"
    assert names.template_name("web") == "web-trigger-template"
    assert names.repositories_name("docs") == "docs-repos"
    assert names.server_name("docs") == "mcp-server-docs"
    assert names.tenant_lease(names.REPO_BINDING, "web") == "aphex-repobinding-web"
    assert names.inventory_name(names.ORGANIZATION, "acme") == "aphex-organization-acme-inventory"


def test_labels_are_legal() -> None:
    for label in (names.LABEL_ORGANIZATION, names.LABEL_PIPELINE, names.SECRET_STORE_SELECTOR, names.REPOSITORY):
        prefix, _slash, name = label.partition("/")
        assert is_subdomain(prefix)
        assert LABEL_VALUE.fullmatch(name)
        assert len(name) <= 63
