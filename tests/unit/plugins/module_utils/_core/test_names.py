"""Names: what is a label or a subdomain, and the two spellings of a field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.names import (
    camel,
    camel_keys,
    check_label,
    is_subdomain,
    short_hash,
    snake,
    snake_keys,
)


@pytest.mark.parametrize("name", ["a", "0", "web-shop", "a--b", "x" * 63])
def test_a_label_comes_back(name: str) -> None:
    assert check_label("The name", name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "a b", "ä", "a\n", "a/b", "*"])
def test_what_is_no_label_is_refused(name: str) -> None:
    with pytest.raises(Failure) as caught:
        check_label("The name", name)
    assert caught.value.kind is Kind.INVALID
    assert "only lower-case letters, digits and inner hyphens are allowed" in caught.value.sentence()


def test_a_name_that_is_too_long_is_told_by_its_length_and_shortened() -> None:
    with pytest.raises(Failure) as caught:
        check_label("The name", "x" * 1000, 52)
    assert "it has 1000 characters, 52 are allowed" in caught.value.sentence()
    assert len(caught.value.sentence()) < 250


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("a", True),
        ("hooks.example.org", True),
        ("a.b-c.d", True),
        ("x" * 253, True),
        ("x" * 254, False),
        ("", False),
        (".a", False),
        ("a.", False),
        ("a..b", False),
        ("a.-b", False),
        ("A.b", False),
        ("a.b\n", False),
    ],
)
def test_subdomains(name: str, legal: bool) -> None:
    assert is_subdomain(name) is legal


@pytest.mark.parametrize(
    ("option", "field"),
    [
        ("display_name", "displayName"),
        ("webhook_secret_version", "webhookSecretVersion"),
        ("query_service_url", "queryServiceURL"),
        ("webhook_url", "webhookURL"),
        ("persistent_volume_claims", "persistentVolumeClaims"),
        ("url", "url"),
        ("name", "name"),
    ],
)
def test_both_spellings(option: str, field: str) -> None:
    assert camel(option) == field
    assert snake(field) == option


# Of two letters at least: one capital after another is an acronym, such as URL.
WORD = st.from_regex(r"[a-z]{2,8}", fullmatch=True)


@given(st.lists(WORD, min_size=1, max_size=4).map("_".join))
def test_an_option_comes_back_from_the_resource(option: str) -> None:
    assert snake(camel(option)) == option


def test_keys_change_at_every_depth_and_values_never() -> None:
    options: dict[str, Any] = {"mcp_server": {"query_service_url": "http://a_b"}, "paths": [{"some_key": "x_y"}, "z_w"]}
    fields = {"mcpServer": {"queryServiceURL": "http://a_b"}, "paths": [{"someKey": "x_y"}, "z_w"]}
    assert camel_keys(options) == fields
    assert snake_keys(fields) == options


def test_a_short_hash_is_stable_and_of_the_wanted_length() -> None:
    assert short_hash("alice@example.org") == short_hash("alice@example.org") != short_hash("bob@example.org")
    assert len(short_hash("x")) == 10
    assert len(short_hash("x", 16)) == 16
