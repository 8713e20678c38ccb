"""Who asks, and what they may: personal tokens, App JWTs, installation tokens.

In: the Authorization header. Out: a Caller, or the refusal that GitHub gives. Never here: an endpoint.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.sandbox.standins.github.answers import Refused, not_found
from tests.sandbox.standins.github.places import App, Installation, Owner, Places, Repository
from tests.sandbox.standins.server import Clock

TOKEN_HOURS = 1
JWT_SECONDS = 600
UNDECODABLE = "A JSON web token could not be decoded"
EXPIRED = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion "
    "expires"
)
TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
NOT_YET = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
LEVELS = ("read", "write", "admin")

# What a scope of a classic token brings along.
_SCOPES = {
    "repo": ("repo:status", "repo_deployment", "public_repo"),
    "admin:repo_hook": ("write:repo_hook", "read:repo_hook"),
    "write:repo_hook": ("read:repo_hook",),
    "admin:org": ("write:org", "read:org"),
}
ALL_SCOPES = ("repo", "admin:repo_hook", "admin:org_hook", "admin:org", "workflow")


@dataclass
class Token:
    """A token that can be sent. ``permissions`` None means a classic one, whose rights are its ``scopes``.

    ``repositories`` None is all that the owner has; ``refusals`` is how often it is still unknown to the replicas.
    """

    value: str
    owner: Owner
    permissions: dict[str, str] | None = None
    scopes: tuple[str, ...] = ()
    repositories: set[int] | None = None
    installation: Installation | None = None
    expires_at: datetime | None = None
    refusals: int = 0


@dataclass(frozen=True)
class Caller:
    """Who asks: nobody, a person or an installation by a token, or an App by its JWT."""

    places: Places
    token: Token | None = None
    app: App | None = None

    @property
    def name(self) -> str:
        """Whose requests count together."""
        if self.token is None:
            return f"app ID {self.app.id}" if self.app else "nobody"
        installation, owner = self.token.installation, self.token.owner
        return f"installation ID {installation.id}" if installation else f"user ID {owner.id}"

    @property
    def user(self) -> Owner:
        """As whom the caller acts; an App acts as its bot."""
        installation = self.token.installation if self.token else None
        if installation is not None:
            return Owner(installation.app.id, f"{installation.app.slug}[bot]", "Bot")
        if self.token is None:
            raise Refused(401, "Requires authentication")
        return self.token.owner

    def sees(self, repository: Repository) -> bool:
        token = self.token
        if token is None:
            return not repository.private
        if token.permissions is None or not repository.private:
            return True
        return self.sees_owner(repository.owner) and (token.repositories is None or repository.id in token.repositories)

    def sees_owner(self, owner: Owner) -> bool:
        token = self.token
        if token is None or token.permissions is None:
            return True
        return owner == (token.installation.account if token.installation else token.owner)

    def may(self, right: str, scopes: tuple[str, ...]) -> bool:
        """Say whether the caller has a right (``name:level``), or as a classic token one of the scopes."""
        token = self.token
        if token is None:
            return False
        if token.permissions is None:
            held = set(token.scopes) | {more for scope in token.scopes for more in _SCOPES.get(scope, ())}
            return not scopes or bool(held & set(scopes))
        name, _colon, level = right.partition(":")
        if not right or right == "metadata:read":
            return True
        return LEVELS.index(level) <= LEVELS.index(token.permissions.get(name, "read")) and name in token.permissions

    def refused(self, right: str, scopes: tuple[str, ...]) -> Refused:
        """Return the refusal of a caller without that right."""
        token = self.token
        if token is None:
            return Refused(401, "Requires authentication")
        if token.permissions is None:
            headers = {"X-OAuth-Scopes": ", ".join(token.scopes), "X-Accepted-OAuth-Scopes": ", ".join(scopes)}
            return Refused(404, "Not Found", headers=headers)
        kind = "integration" if token.installation else "personal access token"
        headers = {"X-Accepted-GitHub-Permissions": right.replace(":", "=")}
        return Refused(403, f"Resource not accessible by {kind}", headers=headers)


def _password(value: str) -> str:
    """Return the password of a basic authorization. Raises Refused."""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:
        raise Refused(401, "Bad credentials") from None


@dataclass
class Access:
    """All tokens, and the check of what is sent. ``word`` goes into each minted token, so that tests can find it."""

    places: Places
    clock: Clock
    tokens: dict[str, Token] = field(default_factory=dict)
    minted: int = 0
    word: str = ""
    refusals: int = 0

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Say who sends that header. Raises Refused."""
        header = headers.get("authorization")
        if header is None:
            return Caller(self.places)
        scheme, _space, value = header.partition(" ")
        if scheme.lower() == "basic":
            # A token may stand in the place of the password; a real password is refused.
            return Caller(self.places, token=self._token(_password(value)))
        if value.count(".") == 2 and not value.startswith("ghs_"):
            if scheme.lower() != "bearer":
                raise Refused(401, UNDECODABLE)
            return Caller(self.places, app=self._app(value))
        return Caller(self.places, token=self._token(value))

    def mint(
        self, installation: Installation, permissions: dict[str, str], repositories: set[int] | None, stateless: bool
    ) -> Token:
        """Make an installation token for an hour, in the new form (long, with dots) or in the old."""
        self.minted += 1
        value = f"ghs_{self.word}{secrets.token_hex(18)}"
        if stateless:
            parts = [secrets.token_urlsafe(size) for size in (60, 220, 64)]
            value = f"ghs_{installation.app.id}_{parts[0]}.{self.word}{parts[1]}.{parts[2]}"
        expires = self.clock.now() + timedelta(hours=TOKEN_HOURS)
        token = Token(value, installation.account, permissions, (), repositories, installation, expires, self.refusals)
        self.tokens[value] = token
        return token

    def _token(self, value: str) -> Token:
        token = self.tokens.get(value)
        if token is None or (token.expires_at is not None and token.expires_at <= self.clock.now()):
            raise Refused(401, "Bad credentials")
        if token.refusals > 0:
            token.refusals -= 1
            raise Refused(401, "Bad credentials")
        if token.installation is not None and token.installation.id not in self.places.installations:
            raise Refused(401, "Bad credentials")
        if token.installation is not None and token.installation.suspended_at:
            raise Refused(403, "This installation has been suspended")
        return token

    def _app(self, jwt: str) -> App:
        head, claims, signature, signed = _decode(jwt)
        if head.get("alg") != "RS256":
            raise Refused(401, UNDECODABLE)
        app = self._issuer(claims.get("iss"))
        if not any(_fits(key.public_key(), signature, signed) for key in app.keys):
            raise Refused(401, UNDECODABLE)
        now = self.clock.now().timestamp()
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or issued > now:
            raise Refused(401, NOT_YET)
        if not isinstance(expires, int) or expires <= now:
            raise Refused(401, EXPIRED)
        if expires > now + JWT_SECONDS:
            raise Refused(401, TOO_FAR)
        return app

    def _issuer(self, issuer: Any) -> App:
        for app in self.places.apps.values():
            if str(issuer) in (str(app.id), app.client_id):
                return app
        raise Refused(404, "Integration not found")


def find_repository(caller: Caller, full_name: str) -> Repository:
    """Return the repository of that name. Raises Refused: for one that the caller must not know of, it is not there."""
    repository = caller.places.repository(full_name)
    if repository is None or not caller.sees(repository):
        raise not_found()
    return repository


def find_owner(caller: Caller, login: str, kind: str = "Organization") -> Owner:
    owner = caller.places.owners.get(login.lower())
    if owner is None or (kind and owner.type != kind) or not caller.sees_owner(owner):
        raise not_found()
    return owner


def _decode(jwt: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Split a JWT into head, claims, signature and what is signed. Raises Refused."""
    try:
        raw = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in jwt.split(".")]
        head, claims = json.loads(raw[0]), json.loads(raw[1])
    except ValueError as error:
        raise Refused(401, UNDECODABLE) from error
    if not isinstance(head, dict) or not isinstance(claims, dict):
        raise Refused(401, UNDECODABLE)
    return head, claims, raw[2], jwt.rpartition(".")[0].encode()


def _fits(key: Any, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
