"""The stand-in of an issuer says what issuers say, over TLS, and signs what it is asked to."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import jwt
import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.standins.control import Control
from tests.sandbox.standins.oidc import Oidc


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oidc]:
    with Oidc(tmp_path_factory.mktemp("oidc")) as running:
        yield running


def get(issuer: Oidc, path: str, ca: Path | None = None) -> Any:
    context = ssl.create_default_context(cafile=str(ca or issuer.ca))
    with urllib.request.urlopen(f"{issuer.url}{path}", timeout=5, context=context) as answer:
        return json.loads(answer.read())


def read(issuer: Oidc, token: str) -> dict[str, Any]:
    """The claims, checked with the keys that are published."""
    published = {key["kid"]: jwt.PyJWK(key) for key in get(issuer, "/keys")["keys"]}
    key = published[jwt.get_unverified_header(token)["kid"]]
    return dict(jwt.decode(token, key.key, algorithms=["RS256"], audience="kubernetes", issuer=issuer.url))


def test_the_discovery_leads_to_the_keys(issuer: Oidc) -> None:
    found = get(issuer, "/.well-known/openid-configuration")
    assert found["issuer"] == issuer.url
    assert found["jwks_uri"] == f"{issuer.url}/keys"
    assert "RS256" in found["id_token_signing_alg_values_supported"]


def test_tokens_are_signed_with_any_claims(issuer: Oidc) -> None:
    claims = read(issuer, issuer.token({"email": "ann@people.example", "groups": ["a"]}))
    assert (claims["email"], claims["groups"], claims["email_verified"]) == ("ann@people.example", ["a"], True)
    assert "email_verified" not in read(issuer, issuer.token(without=["email_verified"]))
    with pytest.raises(jwt.InvalidSignatureError):
        read(issuer, issuer.token(unknown_key=True))


def test_keys_rotate_and_the_earlier_ones_stay_if_they_are_kept(issuer: Oidc) -> None:
    earlier = issuer.token()
    issuer.rotate()
    assert read(issuer, earlier)
    assert read(issuer, issuer.token())
    issuer.rotate(keep=False)
    assert len(get(issuer, "/keys")["keys"]) == 1


def test_nobody_else_is_believed(issuer: Oidc) -> None:
    with pytest.raises(URLError):
        get(issuer, "/keys", issuer.other_ca)
    issuer.show_other_certificate()
    with pytest.raises(URLError):
        get(issuer, "/keys")
    issuer.show_other_certificate(False)
    assert get(issuer, "/keys")


def test_it_is_controlled_from_another_process_and_struck_by_faults(issuer: Oidc) -> None:
    door = Control(issuer.url, str(issuer.ca))
    assert read(issuer, door.do("token", claims={"email": "x@y.example"}))["email"] == "x@y.example"
    door.arm(Fault("reset"))
    with pytest.raises((URLError, ConnectionError)):
        get(issuer, "/keys")
    door.arm(Fault("timeout", hold=0.1))
    with pytest.raises((URLError, ConnectionError)):
        get(issuer, "/keys")
    assert [item.kind for item in door.struck()] == ["reset", "timeout"]
    assert door.log()[-1].path == "/keys"
