"""The filter github_signature: GitHub's own vector, and what is no text."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.aphex.platform.plugins.filter.github_signature import FilterModule

sign = FilterModule().filters()["github_signature"]


def test_it_signs_as_github_does() -> None:
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert sign("Hello, World!", "It's a Secret to Everybody") == expected


@pytest.mark.parametrize(("body", "secret"), [({}, "secret"), (None, "secret"), ("body", ""), ("body", None)])
def test_what_cannot_be_signed_is_one_sentence(body: Any, secret: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="github_signature wants"):
        sign(body, secret)
