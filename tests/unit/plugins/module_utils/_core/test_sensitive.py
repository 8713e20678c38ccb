"""Sensitive values: they print as stars, can be worked with, and come to light by `reveal()` alone."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import pickle
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import (
    MASK,
    Generated,
    Sensitive,
    redact,
)

CANARY = "CANARY-9f2c"


def test_it_prints_as_stars_in_every_way() -> None:
    value = Sensitive(CANARY)
    shown = [
        str(value),
        repr(value),
        f"{value}",
        f"{value:>10}",
        f"{value!r}",
        str.format("{:10}", value),
        str.__mod__("%s", (value,)),
        str([value]),
        str({"key": value}),
        str(ValueError(value)),
    ]
    assert all(CANARY not in text for text in shown)
    assert all(MASK in text for text in shown)


def test_a_traceback_does_not_show_it() -> None:
    with pytest.raises(KeyError) as caught:
        raise KeyError(Sensitive(CANARY))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("serialise", [pickle.dumps, json.dumps, copy.copy, copy.deepcopy])
def test_it_is_not_serialised(serialise: Any) -> None:
    with pytest.raises(TypeError) as caught:
        serialise(Sensitive(CANARY))
    assert CANARY not in str(caught.value)


def test_it_is_revealed_as_it_was_given() -> None:
    assert Sensitive("größe").reveal() == "größe"
    assert Sensitive(b"bytes").reveal() == "bytes"
    assert len(Sensitive("größe")) == 7
    with pytest.raises(UnicodeDecodeError):
        Sensitive(b"\xff").reveal()


def test_equality_is_that_of_the_values() -> None:
    assert Sensitive("a") == Sensitive(b"a")
    assert Sensitive("a") != Sensitive("b")
    assert Sensitive("a") != "a"
    assert len({Sensitive("a"), Sensitive("a"), Sensitive("b")}) == 2


def test_a_fingerprint_tells_equal_from_different_and_is_no_plain_hash() -> None:
    fingerprint = Sensitive(CANARY).fingerprint()
    assert fingerprint == Sensitive(CANARY).fingerprint() != Sensitive(CANARY + "x").fingerprint()
    assert len(fingerprint) == 16
    assert not hashlib.sha256(CANARY.encode()).hexdigest().startswith(fingerprint)


def test_it_hashes_and_signs() -> None:
    assert Sensitive("key").digest() == hashlib.sha256(b"key").hexdigest()
    assert Sensitive("key").hmac(b"body") == hmac.new(b"key", b"body", hashlib.sha256).hexdigest()


@given(st.binary())
def test_base64_there_and_back(raw: bytes) -> None:
    encoded = Sensitive(raw).base64()
    assert encoded.reveal() == base64.b64encode(raw).decode()
    assert encoded.decoded() == Sensitive(raw)


@pytest.mark.parametrize("hidden", [True, False])
def test_what_is_made_of_it_is_as_hidden_as_it_is(hidden: bool) -> None:
    value = Sensitive("a", hidden)
    made = [value.map(str.upper), value.base64(), value.base64().decoded()]
    assert [item.hidden for item in made] == [hidden] * 3
    assert made[0].reveal() == "A"


def test_generated_values_are_fresh_and_of_the_wanted_length() -> None:
    made = {Generated().make().reveal() for _number in range(20)}
    assert len(made) == 20
    assert all(len(bytes.fromhex(text)) == 32 for text in made)
    assert len(base64.b64decode(Generated(40, "base64").make().reveal())) == 40
    assert str(Generated()) == MASK


def test_redact_masks_at_every_depth_and_leaves_the_rest() -> None:
    value = {"a": [Sensitive(CANARY), {"b": (Generated(), 1, None)}], "c": "text"}
    assert redact(value) == {"a": [MASK, {"b": [MASK, 1, None]}], "c": "text"}
    assert CANARY not in json.dumps(redact(value))
