"""What an authority is, what a lock keeps, and that Ansible opens it."""

from __future__ import annotations

import base64
import json

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from cryptography import x509

from ansible_collections.aphex.platform.plugins.module_utils import _crypto
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure, Kind
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Generated, Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._crypto import Authority, Pair, PairPart, Seal

NOW = 1_800_000_000.0
PASSWORD = Sensitive("correct horse battery staple")
WHAT = "a file"


def test_an_authority_signs_for_its_domains_alone_and_for_ten_years() -> None:
    key = _crypto.new_key()
    pem = _crypto.new_certificate(Authority("Aphex", domains=("platform.example.org",)), key, NOW)
    found = _crypto.read_certificate(pem, WHAT)
    assert (found.common_name, found.authority, found.domains) == ("Aphex", True, ("platform.example.org",))
    assert found.ends_at == "2037-01-12T07:55:00Z"
    assert _crypto.belongs(key, pem, WHAT)
    assert not _crypto.belongs(_crypto.new_key(), pem, WHAT)
    parsed = x509.load_pem_x509_certificate(pem.encode())
    parsed.verify_directly_issued_by(parsed)
    assert parsed.extensions.get_extension_for_class(x509.NameConstraints).critical
    assert parsed.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_an_authority_without_domains_is_not_constrained() -> None:
    pem = _crypto.new_certificate(Authority("Aphex"), _crypto.new_key(), NOW)
    assert _crypto.read_certificate(Sensitive(pem), WHAT).domains == ()


def test_both_halves_of_a_pair_belong_together_and_show_nothing() -> None:
    pair = Pair(Authority("Aphex"), NOW)
    key, certificate = (PairPart(name=name, pair=pair) for name in ("tls.key", "tls.crt"))
    assert _crypto.belongs(key.make(), certificate.make(), WHAT)
    assert key.make() == key.make()
    assert str(key) == "***"
    assert isinstance(key, Generated)


@pytest.mark.parametrize("text", ["", "text", "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_or_key_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(Failure) as caught:
        _crypto.read_certificate(text, WHAT)
    assert caught.value.kind is Kind.INVALID
    with pytest.raises(Failure) as again:
        _crypto.belongs(Sensitive(text), text, WHAT)
    assert "private key" in again.value.sentence()


def test_ansible_opens_what_was_locked_and_the_other_way_round() -> None:
    vault = VaultLib([("default", VaultSecret(PASSWORD.reveal().encode()))])
    document = {"a": ["b", {"secret": Sensitive("CANARY")}]}
    locked = _crypto.lock_document(document, PASSWORD)
    assert b"CANARY" not in locked
    assert max(map(len, locked.splitlines())) == 80
    plain = {"a": ["b", {"secret": "CANARY"}]}
    assert json.loads(vault.decrypt(locked)) == plain
    theirs = vault.encrypt(json.dumps(plain))
    assert _crypto.unlock_document(Sensitive(theirs), PASSWORD, WHAT) == plain


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (b"a: b", Kind.INVALID, "ansible-vault"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n61", Kind.INVALID, "damaged"),
        (b"$ANSIBLE_VAULT;1.1;AES\n61", Kind.INVALID, "ansible-vault"),
        (b"$ANSIBLE_VAULT", Kind.INVALID, "ansible-vault"),
        (_crypto.lock(b"{}", Sensitive("another password")), Kind.DENIED, "password"),
        (_crypto.lock(b"[]", PASSWORD), Kind.INVALID, "no document"),
    ],
    ids=["plain", "damaged", "another cipher", "a header alone", "another password", "another content"],
)
def test_what_cannot_be_opened_is_said(text: bytes, kind: Kind, said: str) -> None:
    with pytest.raises(Failure) as caught:
        _crypto.unlock_document(Sensitive(text), PASSWORD, WHAT)
    assert caught.value.kind is kind
    assert said in caught.value.sentence()


def test_a_changed_file_is_not_opened() -> None:
    first, *lines = _crypto.lock(b'{"a": 1}', PASSWORD).splitlines()
    inner = bytes.fromhex(b"".join(lines).decode())
    inner = inner[:-1] + (b"0" if inner[-1:] != b"0" else b"1")
    with pytest.raises(Failure, match=r"was changed"):
        _crypto.unlock_document(Sensitive(first + b"\n" + inner.hex().encode()), PASSWORD, WHAT)


def test_a_seal_opens_for_the_same_key_alone() -> None:
    seal = Seal("11" * 32)
    assert seal.open(seal.close(Sensitive("token"))) == Sensitive("token")
    assert Seal("22" * 32).open(seal.close(Sensitive("token"))) is None


def test_made_values_are_written_as_asked_for() -> None:
    assert len(base64.urlsafe_b64decode(Generated(32, "base64url").make().reveal() + "=")) == 32
    letters = Generated(32, "alphanumeric").make().reveal()
    assert letters.isalnum()
    assert len(letters) == 43
