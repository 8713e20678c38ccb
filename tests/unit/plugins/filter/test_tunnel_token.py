"""The two filters of a tunnel's token: there and back, and a sentence without the value for what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.aphex.platform.plugins.filter.tunnel_token import FilterModule
from tests.sandbox.standins.cloudflared import Credentials

FILTERS = FilterModule().filters()
CREDENTIALS = Credentials("023e105f4ecef8ad9ca31a8372d0c353", "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415", "c2VjcmV0")


def test_a_token_becomes_the_credentials_file_and_back() -> None:
    text = FILTERS["tunnel_token_to_credentials"](CREDENTIALS.to_token())
    assert Credentials.from_json(text) == CREDENTIALS
    assert FILTERS["tunnel_credentials_to_token"](text) == CREDENTIALS.to_token()


def test_credentials_may_be_a_mapping() -> None:
    mapping = {**json.loads(CREDENTIALS.to_json()), "TunnelName": "shop", "Endpoint": None}
    assert FILTERS["tunnel_credentials_to_token"](mapping) == CREDENTIALS.to_token()


@pytest.mark.parametrize("name", sorted(FILTERS))
@pytest.mark.parametrize("value", ["", "CANARY", None, 7, ["CANARY"], {"AccountTag": "CANARY"}])
def test_what_is_none_is_one_sentence_without_the_value(name: str, value: Any) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        FILTERS[name](value)
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None
