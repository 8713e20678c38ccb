"""Each hop of a login, broken in turn: what is found, and that nothing else of a token shows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.oidc import verify
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from tests.sandbox.faults import Fault, Match
from tests.sandbox.standins.oidc import Oidc

RELOAD = "apiserver_authentication_config_controller_automatic_reload_last_timestamp_seconds"
LOADED = 'apiserver_authentication_config_controller_last_config_info{apiserver_id_hash="a",hash="b"} 1\n'
CANARY = "canary@people.example"


class Server:
    """An API server, as far as this use case asks one."""

    def __init__(self, metrics: str | Failure = LOADED, user: dict[str, Any] | Failure | None = None) -> None:
        self._metrics = metrics
        self._user = user if user is not None else {"username": "oidc:ann", "groups": ["oidc:x", "system:y"]}

    server = ("https://192.0.2.1:6443", b"")

    def who_is(self, token: Sensitive) -> dict[str, Any]:
        if isinstance(self._user, Failure):
            raise self._user
        return self._user

    def metrics(self) -> str:
        if isinstance(self._metrics, Failure):
            raise self._metrics
        return self._metrics


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oidc]:
    with Oidc(tmp_path_factory.mktemp("oidc")) as issuer:
        yield issuer


@pytest.fixture
def issuer(running: Oidc) -> Iterator[Oidc]:
    yield running
    running.discover()
    running.show_other_certificate(False)
    running.faults.clear()


def look(at: Oidc, server: Server | None = None, token: str | None = None, **changed: Any) -> list[dict[str, str]]:
    params = {
        "issuer": at.url,
        "audience": "kubernetes",
        "issuer_ca_cert": str(at.ca),
        "connect_to": None,
        "configuration_file": None,
        "timeout": 5,
        "token": Sensitive(token) if token else None,
        **changed,
    }
    return verify(params, {"kubernetes": server or Server()}, Runtime(now=time.time))


def errors(found: list[dict[str, str]]) -> list[str]:
    assert all(item["said"] and (item["remedy"] or item["severity"] == "ok") for item in found), found
    return [item["id"] for item in found if item["severity"] == "error"]


def test_a_login_that_works_is_told_hop_by_hop(issuer: Oidc) -> None:
    found = look(issuer, token=issuer.token({"email": CANARY, "groups": ["platform-admins"]}))
    assert [(item["hop"], item["severity"]) for item in found] == [
        (hop, "ok") for hop in ("discovery", "keys", "token", "review", "configuration")
    ]
    assert "platform-admins" in found[2]["said"]
    assert "oidc:ann" in found[3]["said"]


def test_nothing_of_a_token_shows_but_the_claims_that_decide(issuer: Oidc) -> None:
    token = issuer.token({"email": CANARY, "name": CANARY, "sub": CANARY})
    said = str(look(issuer, token=token))
    assert CANARY not in said
    assert not any(part in said for part in token.split("."))


def test_B19_an_issuer_that_calls_itself_otherwise_is_found(issuer: Oidc) -> None:
    issuer.discover(issuer="http://dex.auth-system.svc:5556")
    found = look(issuer)
    assert errors(found) == ["issuer-differs"]
    assert "http://dex.auth-system.svc:5556" in found[0]["said"]


def test_B19_an_issuer_without_a_trusted_certificate_is_found(issuer: Oidc) -> None:
    assert errors(look(issuer, issuer_ca_cert=str(issuer.other_ca))) == ["discovery-unreachable"]
    issuer.show_other_certificate()
    found = look(issuer)
    assert errors(found) == ["discovery-unreachable"]
    assert "tls" in found[0]["said"]


def test_B19_an_issuer_whose_name_does_not_resolve_is_found(issuer: Oidc) -> None:
    found = look(issuer, issuer="https://dex.nowhere.invalid")
    assert errors(found) == ["discovery-unreachable"]
    assert "resolve" in found[0]["remedy"]


@pytest.mark.parametrize(("kind", "wanted"), [("500", "discovery-status"), ("garbage", "discovery-garbage"),
                                              ("reset", "discovery-unreachable")])  # fmt: skip
def test_an_issuer_in_trouble_is_found(issuer: Oidc, kind: str, wanted: str) -> None:
    issuer.faults.arm(Fault(kind))
    assert errors(look(issuer)) == [wanted]


def test_keys_in_trouble_are_found(issuer: Oidc) -> None:
    issuer.faults.arm(Fault("500", match=Match(path="/keys")))
    assert errors(look(issuer)) == ["keys-status"]


@pytest.mark.parametrize(
    ("answered", "wanted"),
    [
        ({"jwks_uri": "http://dex/keys"}, "keys-nowhere"),
        ({"jwks_uri": "https://"}, "keys-nowhere"),
        ({"jwks_uri": 5}, "keys-nowhere"),
        ({"id_token_signing_alg_values_supported": ["ES256"]}, "algorithm"),
        ({"id_token_signing_alg_values_supported": None}, "algorithm"),
    ],
)
def test_a_discovery_that_the_api_server_cannot_use_is_found(
    issuer: Oidc, answered: dict[str, Any], wanted: str
) -> None:
    issuer.discover(**answered)
    assert errors(look(issuer)) == [wanted]


@pytest.mark.parametrize(
    ("claims", "without", "wanted"),
    [
        ({"iss": "https://elsewhere.example"}, (), "token-issuer"),
        ({"aud": "argocd"}, (), "token-audience"),
        ({"exp": 1}, (), "token-expired"),
        ({}, ("exp",), "token-expired"),
        ({"email_verified": False}, (), "token-email-unverified"),
        ({"email_verified": "true"}, (), "token-email-unverified"),
        ({}, ("email_verified",), "token-email-unverified"),
        ({}, ("email",), "token-email"),
        ({"groups": ["system:masters"]}, (), "token-group-refused"),
    ],
)
def test_a_token_that_will_be_refused_is_found(
    issuer: Oidc, claims: dict[str, Any], without: tuple[str, ...], wanted: str
) -> None:
    token = issuer.token({"email": CANARY, "groups": ["platform-admins"], **claims}, without=without)
    assert errors(look(issuer, token=token)) == [wanted]


def test_a_token_of_a_key_that_went_is_found(issuer: Oidc) -> None:
    token = issuer.token({"email": CANARY, "groups": ["x"]})
    issuer.rotate(keep=False)
    assert errors(look(issuer, token=token)) == ["token-key"]


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "e30.W10.x", "e30"])
def test_a_token_that_is_none_is_found(issuer: Oidc, token: str) -> None:
    found = look(issuer, token=token)
    assert errors(found) == ["token-unreadable"]


def test_a_token_without_groups_brings_no_rights(issuer: Oidc) -> None:
    found = look(issuer, token=issuer.token({"email": CANARY}))
    assert [item["id"] for item in found if item["severity"] == "warning"] == ["token-no-groups"]


def test_what_the_api_server_says_to_a_token_is_told(issuer: Oidc) -> None:
    token = issuer.token({"email": CANARY, "groups": ["x"]})
    refused = Failure(Kind.DENIED, tried="creating", said="Unauthorized", status=401)
    assert errors(look(issuer, Server(user=refused), token)) == ["token-refused"]
    gone = Failure(Kind.BROKEN, tried="creating", said="the connection failed", remedy="Start it")
    assert errors(look(issuer, Server(user=gone, metrics=gone), token)) == ["api-server-unreachable"]


@pytest.mark.parametrize(
    ("metrics", "severity", "wanted"),
    [
        (LOADED, "ok", "configuration"),
        (f'{LOADED}{RELOAD}{{status="success"}} 5\n', "ok", "configuration"),
        (f'{RELOAD}{{status="failure"}} 4\n{RELOAD}{{status="success"}} 5\n', "ok", "configuration"),
        (f'{RELOAD}{{apiserver_id_hash="x",status="failure"}} 1.7e+09\n', "error", "configuration-ignored"),
        (f'{RELOAD}{{status="failure"}} 6\n{RELOAD}{{status="success"}} 5\n', "error", "configuration-ignored"),
        ("something_else 1\n", "warning", "configuration-none"),
        (Failure(Kind.DENIED, tried="reading", said="forbidden"), "warning", "configuration-unknown"),
    ],
)
def test_P11_a_configuration_that_was_ignored_is_found(
    issuer: Oidc, metrics: str | Failure, severity: str, wanted: str
) -> None:
    last = look(issuer, Server(metrics))[-1]
    assert (last["id"], last["severity"], last["hop"]) == (wanted, severity, "configuration")


def test_P11_the_file_is_compared_with_what_the_api_server_uses(issuer: Oidc, tmp_path: Path) -> None:
    file = tmp_path / "authentication.yaml"
    assert errors(look(issuer, configuration_file=str(file))) == ["configuration-missing"]
    file.write_text("jwt: []\n", encoding="ascii")
    assert errors(look(issuer, configuration_file=str(file))) == ["configuration-ignored"]
    used = LOADED.replace('hash="b"', f'hash="sha256:{sha256(file.read_bytes()).hexdigest()}"')
    # A file that was mended by taking the mistake back is no change, so the last try stays the one that failed.
    failed = f'{RELOAD}{{status="failure"}} 6\n'
    assert errors(look(issuer, Server(used + failed), configuration_file=str(file))) == []


def test_a_ca_that_cannot_be_read_is_a_finding(issuer: Oidc, tmp_path: Path) -> None:
    empty = tmp_path / "empty.crt"
    empty.touch()
    assert errors(look(issuer, issuer_ca_cert=str(empty))) == ["ca-unreadable"]
    assert errors(look(issuer, issuer_ca_cert=str(tmp_path / "none.crt"))) == ["ca-unreadable"]


@pytest.mark.parametrize(
    "wrong",
    [{"issuer": "http://dex.example"}, {"issuer": "dex"}, {"connect_to": "there"}, {"token": "a\nb"}],
)
def test_wrong_input_is_refused_before_any_request(issuer: Oidc, wrong: dict[str, Any]) -> None:
    issuer.log.clear()
    with pytest.raises(Failure) as caught:
        look(issuer, **wrong)
    assert caught.value.kind is Kind.INVALID
    assert issuer.log.entries() == []
