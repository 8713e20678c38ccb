"""The platform's settings out of their ConfigMap: all of them, or a sentence."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._tenancy import names
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.settings import (
    DEFAULT_CLOUDFLARED,
    DEFAULT_LIMITS,
    DEFAULT_QUOTA,
    Settings,
    from_config_map,
    settings_key,
)
from tests.tools.steps import ROOT


def _map(**data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "data": {"zone": "example.org", **data}}


def _refused(live: dict[str, Any] | None) -> Failure:
    with pytest.raises(Failure) as caught:
        from_config_map(live)
    assert "platform-system/aphex-platform" in caught.value.sentence()
    assert "aphex.platform.crds" in caught.value.remedy
    return caught.value


def test_without_the_config_map_it_is_said_what_makes_it() -> None:
    failure = _refused(None)
    assert failure.kind is Kind.MISSING
    assert str(settings_key()) == "ConfigMap platform-system/aphex-platform"


@pytest.mark.parametrize("live", [{"kind": "ConfigMap"}, {"kind": "ConfigMap", "data": None}, _map(zone="")])
def test_without_a_zone_nothing_goes(live: dict[str, Any]) -> None:
    assert _refused(live).kind is Kind.INVALID


def test_what_is_not_set_takes_its_default() -> None:
    assert from_config_map(_map()) == Settings(zone="example.org")
    empty = from_config_map(_map(argocdNamespace="", cloudflaredImage="", clusterDomain="", maxBindings="", quota=""))
    assert empty == Settings(zone="example.org")
    assert empty.cloudflared_image == DEFAULT_CLOUDFLARED
    assert (empty.quota, empty.limits) == (DEFAULT_QUOTA, DEFAULT_LIMITS)


def test_the_prefix_of_user_names_may_be_none_at_all() -> None:
    assert from_config_map(_map()).username_prefix == "oidc:"
    assert from_config_map(_map(usernamePrefix="")).username_prefix == ""


def test_every_setting_is_read() -> None:
    found = from_config_map(
        _map(
            accountId="0123",
            cloudflareApiUrl="http://localhost:1/client/v4",
            argocdNamespace="gitops",
            approvedOwners="acme\n\n  Globex  \n",
            reservedNamespaces="grafana\nlab\n",
            usernamePrefix="sso:",
            cloudflaredImage="registry.example.org/cloudflared:1",
            clusterDomain="cluster.example",
            nodeLocalDns="169.254.20.10",
            excludedRanges="198.51.100.0/24\n2001:db8::/32",
            maxBindings="7",
            quota=json.dumps({"pods": 3, "limitsMemory": "1Gi"}),
            mcpImage="registry.example.org/mcp:1",
        )
    )
    assert (found.account_id, found.cloudflare_api_url) == ("0123", "http://localhost:1/client/v4")
    assert (found.argocd_namespace, found.approved_owners) == ("gitops", ("acme", "Globex"))
    assert (found.username_prefix, found.cluster_domain) == ("sso:", "cluster.example")
    assert (found.cloudflared_image, found.mcp_image) == (
        "registry.example.org/cloudflared:1",
        "registry.example.org/mcp:1",
    )
    assert (found.node_local_dns, found.excluded_ranges) == ("169.254.20.10", ("198.51.100.0/24", "2001:db8::/32"))
    assert found.max_bindings == 7
    assert found.quota == {**DEFAULT_QUOTA, "pods": 3, "limits_memory": "1Gi"}


def test_S7_reserved_namespaces_are_added_to_those_that_always_are() -> None:
    found = from_config_map(_map(reservedNamespaces="grafana\nargocd"))
    assert set(names.RESERVED_NAMESPACES) | {"grafana"} == set(found.reserved_namespaces)
    assert len(found.reserved_namespaces) == len(set(found.reserved_namespaces))


@pytest.mark.parametrize("owner", ["acme", "ACME", "Globex", "globex"])
def test_owners_do_not_differ_by_case(owner: str) -> None:
    assert from_config_map(_map(approvedOwners="Acme\nglobex")).approves(owner)


@pytest.mark.parametrize("owner", ["acme-2", "", "acm", "acme\nglobex"])
def test_other_owners_are_not_approved(owner: str) -> None:
    assert not from_config_map(_map(approvedOwners="Acme\nglobex")).approves(owner)


def test_nobody_is_approved_by_an_empty_list() -> None:
    assert not from_config_map(_map(approvedOwners="\n")).approves("")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("maxBindings", "many", "it is no number"),
        ("quota", "{", "it is no JSON"),
        ("quota", "[1]", "it is no mapping"),
        ("excludedRanges", "10.0.0.0/8\n300.0.0.0/8", "'300.0.0.0/8' is no network"),
        ("excludedRanges", "10.0.0.1/8", "'10.0.0.1/8' is no network"),
        ("nodeLocalDns", "cache", "'cache' is no address"),
    ],
)
def test_a_setting_that_is_wrong_is_named(name: str, value: str, said: str) -> None:
    failure = _refused(_map(**{name: value}))
    assert failure.kind is Kind.INVALID
    assert (failure.tried, failure.said) == (f"reading {name} of the platform's settings", said)


def test_the_role_writes_the_settings_that_are_read() -> None:
    template = (ROOT / "roles" / "crds" / "templates" / "settings.yaml.j2").read_text(encoding="utf-8")
    written = set(re.findall(r"^  ([a-zA-Z]+): ", template.split("\ndata:\n")[1], re.MULTILINE))
    source = (ROOT / "plugins" / "module_utils" / "_tenancy" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'data(?:\.get\(|\[|, )"([a-zA-Z]+)"', source))
    # Where the platform lives is fixed; the admission policies read it from there.
    assert written - {"platformNamespace"} == read
    assert len(read) == len(fields(Settings)) - 1, "all fields but the limits, which no ConfigMap holds"
