"""The table of tenants: aligned, short, and with nothing but what the rows say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.aphex.platform.plugins.filter.tenant_table import NOTHING, FilterModule

table = FilterModule().filters()["tenant_table"]

ORGANIZATION = {
    "name": "acme-corp",
    "namespace": "platform-system",
    "phase": "Ready",
    "message": "It is provisioned",
    "webhook_url": "https://acme-corp.example.org",
    "deleting": False,
}


def _cells(row: dict[str, Any], **options: Any) -> list[str]:
    """Return the cells of the one row of a table, cut where its headings begin."""
    head, line = table({"kind": [row]}, **options).splitlines()
    starts = [head.index(word) for word in ("NAME", "KIND", "PHASE", "URL", "MESSAGE")]
    ends = [*starts[1:], len(line)]
    return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def test_every_tenant_has_a_line_and_columns_are_aligned() -> None:
    shown = table(
        {
            "organization": [ORGANIZATION, {**ORGANIZATION, "name": "b", "phase": "Provisioning"}],
            "repo_binding": [],
            "knowledge_base": [{"name": "handbook", "namespace": "docs", "message": "Tracking 2 repositories"}],
        }
    )
    assert shown == (
        "NAME           KIND            PHASE         URL                            MESSAGE\n"
        "acme-corp      organization    Ready         https://acme-corp.example.org  It is provisioned\n"
        "b              organization    Provisioning  https://acme-corp.example.org  It is provisioned\n"
        "docs/handbook  knowledge_base  Pending       -                              Tracking 2 repositories"
    )


def test_without_tenants_it_says_so() -> None:
    assert table({}) == table({"organization": [], "repo_binding": []}) == NOTHING


@pytest.mark.parametrize(
    ("row", "url"),
    [
        ({"webhook_url": "https://a.example.org"}, "https://a.example.org"),
        ({"webhook_configuration": {"url": "https://b.example.org"}}, "https://b.example.org"),
        ({"mcp": {"service_url": "http://mcp-server-docs.docs:8090"}}, "http://mcp-server-docs.docs:8090"),
        ({"webhook_url": None, "mcp": None, "webhook_configuration": None}, "-"),
        ({}, "-"),
    ],
)
def test_the_url_is_where_the_tenant_is_reached(row: dict[str, Any], url: str) -> None:
    assert _cells({"name": "x", **row})[3] == url


def test_who_leaves_is_not_shown_as_ready_alone() -> None:
    assert _cells({**ORGANIZATION, "deleting": True})[2] == "Ready (leaving)"


def test_a_message_is_one_line_and_not_too_long() -> None:
    message = "reading Secret a:\n\tforbidden. " + "x" * 500
    assert _cells({"name": "a", "message": message}, message_width=20)[4] == "reading Secret a:..."
    assert len(_cells({"name": "a", "message": message})[4]) == 80
    assert _cells({"name": "a", "message": "x" * 80})[4] == "x" * 80
    assert _cells({"name": "a", "message": None})[4] == ""


@pytest.mark.parametrize(
    "tenants", [[], "text", None, {"organization": {}}, {"organization": [{}]}, {"organization": ["a"]}, {"o": None}]
)
def test_anything_else_is_refused_with_a_sentence(tenants: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="tenant_table wants"):
        table(tenants)
