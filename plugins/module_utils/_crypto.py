# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What takes cryptography: an authority's key and certificate, text locked by a password, values sealed by a key.

In: names, times, passwords, PEM texts. Out: PEM texts, what a certificate says, locked text. Never here: a file, a
request, a clock. This is the only file that imports cryptography; what signs or locks a value has to see it.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
import json
import os
import threading
import typing as t
from dataclasses import dataclass, field

from ._core.failure import Failure, Kind, invalid
from ._core.sensitive import Generated, Sensitive

try:
    from cryptography import x509
    from cryptography.fernet import Fernet, InvalidToken
    from cryptography.hazmat.primitives import hashes, padding, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.x509.oid import NameOID
except ImportError:
    x509 = None  # type: ignore[assignment]

LIBRARY = "cryptography"

# The format of ansible-vault, version 1.1, so that everybody who has Ansible can open what was locked here.
_HEADER = "$ANSIBLE_VAULT;1.1;AES256"
_WIDTH = 80
_SALT, _KEY, _BLOCK, _ROUNDS = 32, 32, 16, 10_000


def require_library() -> None:
    """Raise Failure(missing) when the library is not installed here."""
    if x509 is None:
        raise Failure(
            Kind.MISSING,
            tried="loading the Python library cryptography",
            said="it is not installed here",
            remedy="Install it for the Python that runs this task: pip install cryptography",
        )


# an authority --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Authority:
    """What a certificate authority should be; with ``domains`` it may speak for these and what is below them alone."""

    common_name: str
    days: int = 3650
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """What a certificate says of itself; ``ends`` is in seconds since 1970."""

    common_name: str
    ends: float
    fingerprint: str
    authority: bool
    domains: tuple[str, ...]

    @property
    def ends_at(self) -> str:
        """When it ends, as resources write times."""
        return datetime.datetime.fromtimestamp(self.ends, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    organizations: tuple[str, ...] = ()


def new_key() -> Sensitive:
    """Return a fresh private key (EC, P-256) as PEM text."""
    require_library()
    key = ec.generate_private_key(ec.SECP256R1())
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Sensitive(key.private_bytes(serialization.Encoding.PEM, form, plain))


def new_certificate(authority: Authority, key: Sensitive, now: float) -> str:
    """Return the certificate of an authority, signed by itself, as PEM text."""
    private = _private(key, "the key of the authority")
    public = private.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority.common_name)])
    begins = datetime.datetime.fromtimestamp(now, datetime.UTC) - datetime.timedelta(minutes=5)
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "encipher_only", "decipher_only"), False
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=authority.days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if authority.domains:
        permitted = [x509.DNSName(domain) for domain in authority.domains]
        builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    made = builder.sign(private, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def new_request(key: Sensitive, common_name: str, organizations: t.Sequence[str]) -> str:
    """Return a request for a client certificate as PEM text: a user, and groups as organizations."""
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    name = x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    private = _private(key, "the key of the client")
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(private, hashes.SHA256())
    return str(made.public_bytes(serialization.Encoding.PEM).decode())


def read_certificate(pem: str | Sensitive, what: str) -> Certificate:
    """Return what the first certificate of a PEM text says. Raises Failure(invalid) for a text that is none."""
    found = _certificate(pem, what)
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        common_name=str(names[0].value) if names else "",
        ends=found.not_valid_after_utc.timestamp(),
        fingerprint=found.fingerprint(hashes.SHA256()).hex(),
        authority=_is_authority(found),
        domains=_domains(found),
        organizations=tuple(
            str(item.value) for item in found.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        ),
    )


def belongs(key: Sensitive, pem: str | Sensitive, what: str) -> bool:
    """Tell whether a private key is that of a certificate. Raises Failure(invalid) when one of them is none."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return bool(
        _private(key, what).public_key().public_bytes(*form) == _certificate(pem, what).public_key().public_bytes(*form)
    )


def _certificate(pem: str | Sensitive, what: str) -> t.Any:
    require_library()
    try:
        text = pem.reveal() if isinstance(pem, Sensitive) else pem
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError as error:
        raise invalid(what, "it holds no certificate in PEM form", "Put the certificate there, or remove it") from error


def _private(key: Sensitive, what: str) -> t.Any:
    require_library()
    try:
        return serialization.load_pem_private_key(key.reveal().encode(), None)
    except (ValueError, TypeError) as error:
        raise invalid(what, "it holds no private key in PEM form without a password", "Put the key there") from error


def _is_authority(found: t.Any) -> bool:
    try:
        return bool(found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _domains(found: t.Any) -> tuple[str, ...]:
    try:
        permitted = found.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(item.value) for item in permitted if isinstance(item, x509.DNSName))


class Pair:
    """A key with its certificate, made when the first of both is asked for, so that they belong together."""

    def __init__(self, authority: Authority, now: float) -> None:
        self._authority = authority
        self._now = now
        self._lock = threading.Lock()
        self._made: dict[str, Sensitive] = {}

    def part(self, name: str) -> Sensitive:
        """Return ``tls.key`` or ``tls.crt``."""
        with self._lock:
            if not self._made:
                key = new_key()
                certificate = Sensitive(new_certificate(self._authority, key, self._now))
                self._made = {"tls.key": key, "tls.crt": certificate}
        return self._made[name]


@dataclass(frozen=True)
class PairPart(Generated):
    """One half of a pair that is made while a Secret is created."""

    name: str = "tls.key"
    pair: Pair | None = field(default=None, compare=False, repr=False)

    def make(self) -> Sensitive:
        """Return this half; the other half of the same pair belongs to it."""
        if self.pair is None:
            raise Failure(Kind.BROKEN, tried="making half of a pair", remedy="Please report this fault")
        return self.pair.part(self.name)

    def __str__(self) -> str:
        return "***"


# text under a password -----------------------------------------------------------------------------------------------


def lock_document(document: dict[str, t.Any], password: Sensitive) -> bytes:
    """Return a document of plain data, which may hold Sensitive values, as locked text that is JSON and so YAML."""
    text = json.dumps(document, default=lambda value: value.reveal(), indent=1)
    return lock(text.encode("utf-8", "surrogateescape"), password)


def unlock_document(text: Sensitive, password: Sensitive, what: str) -> dict[str, t.Any]:
    """Return a locked document, its values in clear. Raises Failure as `unlock` does, and for another content."""
    raw = unlock(text.reveal().encode(), password, what)
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid(what, "it holds no document of a backup", "Name a file that backup has written")
    return found


def lock(text: bytes, password: Sensitive) -> bytes:
    """Return a text locked as ansible-vault locks it."""
    require_library()
    salt = os.urandom(_SALT)
    key, proof, start = _derived(password, salt)
    padder = padding.PKCS7(_BLOCK * 8).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CTR(start)).encryptor()
    locked = encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()
    mark = hmac.new(proof, locked, hashlib.sha256).hexdigest()
    body = b"\n".join(binascii.hexlify(part) for part in (salt, bytes.fromhex(mark), locked))
    digits = binascii.hexlify(body).decode()
    lines = [digits[begin : begin + _WIDTH] for begin in range(0, len(digits), _WIDTH)]
    return "\n".join([_HEADER, *lines, ""]).encode()


def unlock(text: bytes, password: Sensitive, what: str) -> bytes:
    """Return what was locked. Raises Failure for another format, and for a password that does not fit."""
    require_library()
    first, _line, rest = text.partition(b"\n")
    words = first.decode(errors="replace").strip().split(";")
    if words[0] != "$ANSIBLE_VAULT" or words[2:3] != ["AES256"] or words[1] not in ("1.1", "1.2"):
        raise invalid(what, "it was not written by ansible-vault", "Name a file that backup has written")
    try:
        salt, mark, locked = (binascii.unhexlify(part) for part in binascii.unhexlify(b"".join(rest.split())).split())
    except ValueError as error:
        raise invalid(what, "it is damaged", "Take another copy of it") from error
    key, proof, start = _derived(password, salt)
    if not hmac.compare_digest(hmac.new(proof, locked, hashlib.sha256).digest(), mark):
        raise Failure(
            Kind.DENIED,
            tried="opening",
            on=what,
            said="the password does not fit, or the file was changed",
            remedy="Give the password with which the backup was made",
        )
    decryptor = Cipher(algorithms.AES(key), modes.CTR(start)).decryptor()
    unpadder = padding.PKCS7(_BLOCK * 8).unpadder()
    return bytes(unpadder.update(decryptor.update(locked) + decryptor.finalize()) + unpadder.finalize())


def _derived(password: Sensitive, salt: bytes) -> tuple[bytes, bytes, bytes]:
    raw = hashlib.pbkdf2_hmac("sha256", password.reveal().encode(), salt, _ROUNDS, 2 * _KEY + _BLOCK)
    return raw[:_KEY], raw[_KEY : 2 * _KEY], raw[2 * _KEY :]


# values under a key --------------------------------------------------------------------------------------------------


class Seal:
    """Seals values for who holds the same key, 64 hexadecimal digits."""

    def __init__(self, key: str) -> None:
        require_library()
        self._fernet = Fernet(base64.urlsafe_b64encode(bytes.fromhex(key)))

    def close(self, value: Sensitive) -> str:
        """Return the sealed value."""
        return str(self._fernet.encrypt(value.reveal().encode()).decode())

    def open(self, sealed: str) -> Sensitive | None:
        """Return the value, None for what was sealed by another key."""
        try:
            return Sensitive(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            return None
