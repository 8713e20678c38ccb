"""An issuer of OIDC: discovery and keys over TLS, and a door through which tests have any token signed.

In: a folder for its certificates. Out: what an API server asks of an issuer, and tokens with any claims. Never here: a
login, a client, or a token that is not asked for; what makes people prove who they are is not the question here.

Faults of `server.py` play an issuer that is down (`reset`) or slow (`timeout`); `show_other_certificate` one whose
certificate is of a CA that nobody named.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox.pki import Pki
from tests.sandbox.standins.server import Answer, Request, StandIn, json_answer, route

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"
ALGORITHM = "RS256"
_BITS = 2048


@dataclass(frozen=True)
class Key:
    """A signing key and the name under which it is published."""

    name: str
    private: rsa.RSAPrivateKey

    @classmethod
    def new(cls, name: str) -> Key:
        return cls(name, rsa.generate_private_key(public_exponent=65537, key_size=_BITS))

    def public(self) -> dict[str, str]:
        """The public half as a JWK."""
        numbers = self.private.public_key().public_numbers()
        values = {"n": _number(numbers.n), "e": _number(numbers.e)}
        return {"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": self.name, **values}


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Oidc(StandIn):
    """A running issuer. `ca` is the file with the certificate that its callers have to trust."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(port)
        self._pki, self._other_pki = Pki(folder / "ca"), Pki(folder / "other-ca")
        self._keys = [Key.new("key-1")]
        self._unpublished = Key.new("nobody-published-this")
        self.discovery: dict[str, Any] = {}
        """What differs from the usual answer of the discovery."""
        self.actions = {
            "token": self.token,
            "rotate": self.rotate,
            "discover": self.discover,
            "show_other_certificate": self.show_other_certificate,
        }
        self.add_routes(route("GET", DISCOVERY, self._discovery), route("GET", KEYS, self._published))

    @property
    def ca(self) -> Path:
        return self._pki.ca

    @property
    def other_ca(self) -> Path:
        """A CA that did not sign the certificate of this issuer, unless it shows its other one."""
        return self._other_pki.ca

    @property
    def url(self) -> str:
        """The issuer, as it stands in tokens."""
        return f"https://localhost:{self.port}"

    def start(self) -> Self:
        self._pki.create_ca("issuer-ca")
        self._other_pki.create_ca("other-ca")
        self.tls = _context(self._pki)
        return super().start()

    def token(
        self,
        claims: Mapping[str, Any] | None = None,
        without: tuple[str, ...] | list[str] = (),
        unknown_key: bool = False,
    ) -> str:
        """A signed token: the claims of somebody who has just logged in, these in their place, and less those.

        `unknown_key` signs with a key that stands in no answer of this issuer, under the name of one that does.
        """
        now = int(self.clock.now().timestamp())
        usual = {"iss": self.url, "aud": "kubernetes", "iat": now, "exp": now + 3600, "email_verified": True}
        whole = {**usual, "sub": "somebody", **(claims or {})}
        payload = {name: value for name, value in whole.items() if name not in without}
        key = self._unpublished if unknown_key else self._keys[-1]
        return jwt.encode(payload, key.private, ALGORITHM, {"kid": self._keys[-1].name})

    def rotate(self, keep: bool = True) -> str:
        """Sign with a new key from now on, and answer its name; the earlier ones are published on if they are kept."""
        self._keys = [*(self._keys if keep else ()), Key.new(f"key-{time.time_ns()}")]
        return self._keys[-1].name

    def discover(self, **changes: Any) -> None:
        """Answer the discovery with these changes; without any, as it should be."""
        self.discovery = changes

    def show_other_certificate(self, other: bool = True) -> None:
        """Greet callers with the certificate of another CA, or with the right one again."""
        self.tls = _context(self._other_pki if other else self._pki)
        self.drop_connections()

    def state(self) -> Any:
        return {"issuer": self.url, "keys": [key.name for key in self._keys]}

    def _discovery(self, _request: Request) -> Answer:
        usual = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}{KEYS}",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email", "groups", "profile", "offline_access"],
            "claims_supported": ["iss", "sub", "aud", "iat", "exp", "email", "email_verified", "groups", "name"],
        }
        return json_answer(200, {**usual, **self.discovery})

    def _published(self, _request: Request) -> Answer:
        return json_answer(200, {"keys": [key.public() for key in self._keys]})


def _context(pki: Pki) -> ssl.SSLContext:
    certificate, key = pki.serving("issuer", ["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The ssl module reads a certificate from a file alone.
    with NamedTemporaryFile("w", suffix=".pem") as pem:
        pem.write(f"{certificate}\n{key}")
        pem.flush()
        context.load_cert_chain(pem.name)
    return context
