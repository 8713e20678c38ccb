"""Signatures of deliveries: GitHub's own vector, several secrets, and everything that is no signature."""

from __future__ import annotations

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.signature import sign, verify

SECRET = Sensitive("It's a Secret to Everybody")
BODY = b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_the_vector_of_githubs_documentation() -> None:
    assert sign(BODY, SECRET) == SIGNATURE
    assert verify(BODY, SIGNATURE, [SECRET]) == 0


def test_each_of_several_secrets_is_told_by_its_place() -> None:
    other = Sensitive("other")
    assert verify(BODY, SIGNATURE, [other, SECRET]) == 1
    assert verify(BODY, sign(BODY, other), [other, SECRET]) == 0
    assert verify(BODY, SIGNATURE, [SECRET, SECRET]) == 0
    assert verify(BODY, SIGNATURE, [other]) is None
    assert verify(BODY, SIGNATURE, []) is None


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256=",
        SIGNATURE.removeprefix("sha256="),
        SIGNATURE.upper(),
        SIGNATURE + "\n",
        SIGNATURE[:-1],
        SIGNATURE[:-1] + "\u0660",
        "sha1=0a4d55a8d778e5022fab701977c5d840bbc486d0",
    ],
)
def test_c4_c5_c6_another_form_fits_no_secret_and_breaks_nothing(signature: str | None) -> None:
    assert verify(BODY, signature, [SECRET]) is None


def test_another_body_fits_no_secret() -> None:
    assert verify(BODY + b" ", SIGNATURE, [SECRET]) is None
