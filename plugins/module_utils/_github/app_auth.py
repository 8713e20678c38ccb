# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Being a GitHub App: its signed claim, the installation of an owner, narrow tokens shared within a run.

In: an App's id and private key, whose data is wanted with which permissions, a way to ask GitHub. Out: tokens.
Never here: a token in a message, a key or a token in clear in a file, an endpoint that needs no App.
This is the only file that imports jwt.
"""

from __future__ import annotations

import datetime
import email.utils
import functools
import re
import threading
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.reconcile import Cache, NoCache, Runtime
from .._core.sensitive import Sensitive
from .._crypto import Seal
from .answers import NO_APP

try:
    import jwt
except ImportError:
    jwt = None  # type: ignore[assignment]

# GitHub's own clock judges: at most 600 s ahead. A host whose clock runs fast must still be believed (E16).
_BACK, _AHEAD = 60, 540
_CLAIM_KEPT = 480.0
_LEFT_AT_LEAST = 300.0
JUST_MINTED = 10.0  # seconds in which GitHub may not know a token yet that it has just made
_CACHE_CONTEXT = b"aphex.platform token cache"

# What GitHub says to a claim whose times do not fit its own clock.
_SKEW = re.compile(
    r"'Expiration time' claim \('exp'\) (is too far in the future|must be a numeric value representing the future time)"
    r"|'Issued at' claim \('iat'\) must be an Integer representing the time that the assertion was issued"
)


class Ask(t.Protocol):
    """Send one request with this bearer token; return the parsed answer. Raises Failure."""

    def __call__(self, method: str, path: str, *, bearer: Sensitive, body: t.Any, tried: str, on: str) -> t.Any:
        """Send it."""


@dataclass(frozen=True)
class Access:
    """What a token must open: an owner's installation, with these permissions, for these repositories (none: all)."""

    owner: str
    permissions: tuple[tuple[str, str], ...]
    repositories: tuple[str, ...] = ()

    @classmethod
    def of(cls, owner: str, repositories: t.Iterable[str] = (), **permissions: str) -> Access:
        """Return the access with its parts in one order, so that equal wishes share a token."""
        return cls(owner, tuple(sorted(permissions.items())), tuple(sorted({name.lower() for name in repositories})))

    def words(self) -> str:
        """Return the permissions for people, such as ``repository_hooks: write``."""
        return ", ".join(f"{name}: {level}" for name, level in self.permissions)


@dataclass(frozen=True)
class Token:
    """An installation token; times are seconds since 1970 by GitHub's clock."""

    value: Sensitive
    minted: float
    expires: float


class App:
    """A GitHub App. Nothing is read, parsed or sent before the first token is asked for.

    ``app_id`` is the App's id or its client id. The key comes as PEM text or as a file. ``installation_id`` is found by
    the owner when it is left out. With ``own_token`` tokens are not shared with other workers of the run.
    """

    def __init__(
        self,
        *,
        app_id: str,
        runtime: Runtime,
        url: str,
        key: Sensitive | None = None,
        key_file: str | None = None,
        installation_id: str | None = None,
        own_token: bool = False,
    ) -> None:
        self.app_id = app_id
        self._tokens_cache: Cache = NoCache() if own_token else runtime.cache
        self._runtime = runtime
        self._url = url
        self._given_key = key
        self._key_file = key_file
        self._installation_id = installation_id
        self._offset = 0.0
        self._signed: tuple[Sensitive, float] | None = None
        self._tokens: dict[Access, Token] = {}
        self._lock = threading.RLock()

    def require(self) -> None:
        """Raise Failure(invalid) for options that cannot work. Sends nothing."""
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", self.app_id):
            raise invalid("github_app_id", "it is neither an App's id nor its client id", "Copy it from the App's page")
        if self._installation_id and not self._installation_id.isdigit():
            raise invalid("github_installation_id", "it is no number", "Leave it out, then it is found by the owner")
        if (self._given_key is None) == (self._key_file is None):
            raise invalid(
                "The GitHub App's private key",
                "it must come as text or as a file, one of both",
                "Set github_app_private_key or github_app_private_key_file",
            )
        if "PRIVATE KEY-----" not in self._pem.reveal():
            raise _no_key()

    @functools.cached_property
    def _pem(self) -> Sensitive:
        """The private key as PEM text; environment variables often carry its line ends as two letters."""
        if self._given_key is not None:
            return self._given_key.map(lambda text: text.replace("\\n", "\n"))
        try:
            with open(str(self._key_file), encoding="ascii") as file:
                return Sensitive(file.read())
        except (OSError, ValueError) as error:
            raise Failure(
                Kind.INVALID,
                tried="Reading the GitHub App's private key",
                on=str(self._key_file),
                said=type(error).__name__,
                remedy="Name a readable PEM file",
            ) from error

    @functools.cached_property
    def _key(self) -> t.Any:
        """The parsed key: parsing costs 36 ms, signing with a parsed one 0.3 ms (C11)."""
        _require_library()
        try:
            return jwt.get_algorithm_by_name("RS256").prepare_key(self._pem.reveal())
        except (ValueError, TypeError, jwt.exceptions.PyJWTError) as error:
            raise _no_key() from error

    @functools.cached_property
    def _seal(self) -> Seal:
        """What encrypts tokens in the cache of the run: only who holds the App's key can read them."""
        _require_library()
        return Seal(self._pem.hmac(_CACHE_CONTEXT))

    def _now(self) -> float:
        """Return the time by GitHub's clock, as far as it is known."""
        return self._runtime.now() + self._offset

    def claim(self) -> Sensitive:
        """Return the signed claim (JWT) that says "I am this App"; kept for eight minutes."""
        with self._lock:
            now = self._now()
            if self._signed is None or not 0 <= now - self._signed[1] < _CLAIM_KEPT:
                times = {"iat": int(now) - _BACK, "exp": int(now) + _AHEAD}
                key = self._key
                text = jwt.encode({**times, "iss": str(self.app_id)}, key, algorithm="RS256")
                self._signed = (Sensitive(text), now)
                self._runtime.secrets.add(text)
            return self._signed[0]

    def repaired(self, said: str, date: str | None) -> bool:
        """Tell whether a refused claim was refused for its times, and the clock is now set by the answer's date."""
        if not _SKEW.search(said) or not date:
            return False
        try:
            theirs = email.utils.parsedate_to_datetime(date).timestamp()
        except ValueError:
            return False
        with self._lock:
            self._offset = theirs - self._runtime.now()
            self._signed = None
        return True

    def token(self, access: Access, ask: Ask) -> Token:
        """Return a token with exactly this access: from this handle, from the cache of the run, or a fresh one.

        One worker of the run asks GitHub, the others wait for it and take the same token (single flight).
        """
        with self._lock:
            found = self._usable(self._tokens.get(access))
            if found is None:
                key = self._cache_key("token", access)
                found = self._usable(self._cached(key))
                if found is None:
                    with self._tokens_cache.lock(key):
                        found = self._usable(self._cached(key))
                        if found is None:
                            found = self._mint(access, ask)
                            self._store(key, found)
                self._runtime.secrets.add(found.value.reveal())
                self._tokens[access] = found
            return found

    def forget(self, access: Access, token: Token) -> bool:
        """Drop a token that GitHub refused; False for one that it has just made: it will know it in a moment."""
        if self._now() - token.minted < JUST_MINTED:
            return False
        with self._lock:
            key = self._cache_key("token", access)
            with self._tokens_cache.lock(key):
                if (self._cached(key) or token).value == token.value:
                    self._tokens_cache.put(key, None)
            self._tokens.pop(access, None)
        return True

    def revoke(self, ask: Ask) -> None:
        """Revoke every token that this handle holds, and take it out of the cache of the run."""
        with self._lock:
            held, self._tokens = self._tokens, {}
            for access, token in held.items():
                self._tokens_cache.put(self._cache_key("token", access), None)
                ask(
                    "DELETE",
                    "/installation/token",
                    bearer=token.value,
                    body=None,
                    tried="Revoking the installation token of",
                    on=access.owner,
                )

    def installation(self, owner: str, ask: Ask) -> str:
        """Return the id of the App's installation at an owner. Raises Failure(missing) when it is not installed."""
        if self._installation_id:
            return self._installation_id
        key = self._cache_key("installation", Access(owner.lower(), ()))
        known = self._runtime.cache.get(key)
        if isinstance(known, str):
            return known
        tried = "Looking for the installation of the GitHub App at"
        for kind in ("orgs", "users"):
            try:
                path = f"/{kind}/{owner}/installation"
                found = ask("GET", path, bearer=self.claim(), body=None, tried=tried, on=owner)
            except Failure as failure:
                if failure.status != 404 or failure.said == NO_APP:
                    raise
                continue
            self._runtime.cache.put(key, str(found["id"]))
            return str(found["id"])
        raise Failure(
            Kind.MISSING,
            tried=tried,
            on=owner,
            said="it is not installed there",
            remedy="Install the App for this owner, or set github_installation_id",
        )

    def _mint(self, access: Access, ask: Ask) -> Token:
        installation = self.installation(access.owner, ask)
        body: dict[str, t.Any] = {"permissions": dict(access.permissions)} if access.permissions else {}
        if access.repositories:
            body["repositories"] = list(access.repositories)
        made = ask(
            "POST",
            f"/app/installations/{installation}/access_tokens",
            bearer=self.claim(),
            body=body,
            tried="Getting an installation token for",
            on=f"{access.owner} ({access.words() or 'all permissions'})",
        )
        expires = _seconds(made.get("expires_at"))
        return Token(Sensitive(str(made["token"])), self._now(), expires or self._now() + 3600)

    def _usable(self, token: Token | None) -> Token | None:
        return token if token is not None and token.expires - self._now() > _LEFT_AT_LEAST else None

    def _cache_key(self, what: str, access: Access) -> str:
        whose = f"{self._url} {self.app_id} {self._pem.fingerprint()} {self._installation_id or ''}"
        return f"github {what} {whose} {access.owner.lower()} {access.permissions} {access.repositories}"

    def _cached(self, key: str) -> Token | None:
        kept = self._tokens_cache.get(key)
        if not isinstance(kept, dict):
            return None
        value = self._seal.open(str(kept["sealed"]))
        if value is None:
            return None
        self._offset = float(kept["offset"])
        return Token(value, float(kept["minted"]), float(kept["expires"]))

    def _store(self, key: str, token: Token) -> None:
        sealed = self._seal.close(token.value)
        kept = {"sealed": sealed, "minted": token.minted, "expires": token.expires, "offset": self._offset}
        self._tokens_cache.put(key, kept)


def _require_library() -> None:
    if jwt is None:
        raise Failure(
            Kind.MISSING,
            tried="Loading the Python library jwt",
            said="it is not installed here",
            remedy="Install it for the Python that runs this task: pip install 'PyJWT[crypto]'",
        )


def _no_key() -> Failure:
    return invalid(
        "The GitHub App's private key", "it is no RSA private key in PEM form", "Give the .pem file that GitHub made"
    )


def _seconds(text: t.Any) -> float | None:
    """Return a time that GitHub wrote as seconds since 1970."""
    try:
        return datetime.datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
