"""What the inputs of roles have to be, for one check of all of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aphex.platform.plugins.lookup.role_options import LookupModule


def _run(*roles: str) -> list[dict[str, Any]]:
    return LookupModule().run(list(roles))


def test_each_role_gives_what_can_be_wrong_about_its_options() -> None:
    crds, dex = _run("crds", "dex")
    assert crds["crds_zone"] == {"type": "str", "required": True}
    assert dex["dex_replicas"]["type"] == "int"
    assert dex["dex_storage"]["choices"] == ["kubernetes", "memory"]
    # May be left out, and takes any text.
    assert "dex_image_dex" not in dex


def test_options_of_options_are_whole_and_without_their_texts() -> None:
    [crds] = _run("crds")
    assert "requests_cpu" in crds["crds_quota"]["options"]
    assert "description" not in str(crds)


def test_a_wrong_value_is_found_by_what_they_say() -> None:
    [dex] = _run("dex")
    given = {"dex_domain": "home.example", "dex_replicas": "many", "dex_storage": "disk"}
    said = " ".join(ArgumentSpecValidator(dex).validate(given).error_messages)
    assert "dex_replicas" in said
    assert "dex_storage" in said


def test_a_role_that_is_not_there_is_told() -> None:
    with pytest.raises(AnsibleLookupError, match=r"There is no role aphex\.platform\.gone"):
        _run("gone")
