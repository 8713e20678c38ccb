# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OAuth2Provider: an OAuth2 provider, its application, and the groups that may use it.

In: an OAuth2Provider and a client. Out: steps, and what is known of the provider as plain data.
Never here: a flow, a mapping or a group that is made on the way; a provider that is taken from another application.

Traps of the API: a provider made without grant types (2026.5 and later) refuses every login; the list of applications
shows what the asking user may open, not what is there, so an application is asked for by its slug; a list of redirects
is replaced as a whole.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step
from .._core.sensitive import Sensitive
from . import application
from .client import Client
from .names import FLOWS, KEY_PAIRS, MAPPINGS, Names

PATH = "/providers/oauth2/"
CLIENT_TYPES = ("confidential", "public")
GRANT_TYPES = (
    "authorization_code",
    "implicit",
    "hybrid",
    "refresh_token",
    "client_credentials",
    "password",
    "urn:ietf:params:oauth:grant-type:device_code",
)
SUB_MODES = ("hashed_user_id", "user_id", "user_uuid", "user_username", "user_email", "user_upn")
ISSUER_MODES = ("per_provider", "global")
AUTHORIZATION_FLOW = "default-provider-authorization-implicit-consent"
INVALIDATION_FLOW = "default-provider-invalidation-flow"
SIGNING_KEY = "authentik Self-signed Certificate"
_SLUG = re.compile(r"[-a-zA-Z0-9_]+")
_VALIDITY = re.compile(r"(weeks|days|hours|minutes|seconds)=\d+(;(weeks|days|hours|minutes|seconds)=\d+)*")
_VALIDITIES = ("access_code_validity", "access_token_validity", "refresh_token_validity")
_SETTINGS = ("client_id", "client_type", "sub_mode", "issuer_mode", "include_claims_in_id_token", *_VALIDITIES)
_SETS = ("redirect_uris", "grant_types", "property_mappings")


@dataclass(frozen=True, order=True)
class Redirect:
    """An address to which a login, or a logout, may lead back."""

    url: str
    matching_mode: str = "strict"
    redirect_uri_type: str = "authorization"

    def body(self) -> dict[str, str]:
        """Return it as the API writes it."""
        return {"url": self.url, "matching_mode": self.matching_mode, "redirect_uri_type": self.redirect_uri_type}


@dataclass(frozen=True)
class OAuth2Provider:
    """A provider that should be there, or not. What is None stays as it is, and is Authentik's default in a new one.

    ``application`` is the slug of its application, ``groups`` who may use that. Raises Failure(invalid).
    """

    name: str
    client_id: str | None = None
    client_type: str = "confidential"
    client_secret: Sensitive | None = None
    redirects: tuple[Redirect, ...] | None = None
    grant_types: tuple[str, ...] | None = ("authorization_code", "refresh_token")
    authorization_flow: str = AUTHORIZATION_FLOW
    invalidation_flow: str = INVALIDATION_FLOW
    signing_key: str = SIGNING_KEY
    scope_mappings: tuple[str, ...] | None = None
    sub_mode: str | None = None
    issuer_mode: str | None = None
    include_claims_in_id_token: bool | None = None
    access_code_validity: str | None = None
    access_token_validity: str | None = None
    refresh_token_validity: str | None = None
    application: str | None = None
    application_name: str | None = None
    groups: tuple[str, ...] | None = None
    present: bool = True

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise invalid(f"The OAuth2 provider {self.name[:80]!r}", "its name is empty or has control letters")
        for what, slug in (("application", self.application), ("authorization_flow", self.authorization_flow)):
            if slug is not None and not _SLUG.fullmatch(slug):
                raise invalid(
                    self.title, f"{what} {slug[:80]!r} is no slug", "Use letters, digits, hyphens and underscores"
                )
        if self.groups is not None and self.application is None:
            raise invalid(self.title, "groups is given, and no application", "Name the application that they may use")
        if self.client_secret is not None and (self.client_type == "public" or not len(self.client_secret)):
            raise invalid(
                self.title,
                "a public client has no secret" if self.client_type == "public" else "client_secret is empty",
                "Leave client_secret out, or make it a confidential client with a long random secret",
            )
        for name in _VALIDITIES:
            value = getattr(self, name)
            if value is not None and not _VALIDITY.fullmatch(value):
                raise invalid(self.title, f"{name} {value[:80]!r} is no time", "Write it like hours=1;minutes=30")
        self._check_redirects()

    def _check_redirects(self) -> None:
        for redirect in self.redirects or ():
            if redirect.matching_mode == "strict" and not re.match(r"[a-zA-Z][-+.a-zA-Z0-9]*:/?/?[^\s]", redirect.url):
                raise invalid(
                    self.title,
                    f"the redirect {redirect.url[:120]!r} is no URL",
                    "Write the whole address, such as https://dex.example.org/callback",
                )

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> OAuth2Provider:
        """Return the provider that a module's params ask for."""
        own = ("name", "client_secret", "authorization_flow", "invalidation_flow", "signing_key")
        given: dict[str, t.Any] = {name: params[name] for name in (*own, *_SETTINGS, "application", "application_name")}
        for name in ("grant_types", "scope_mappings", "groups"):
            given[name] = None if params[name] is None else tuple(params[name])
        redirects = params["redirect_uris"]
        if redirects is not None:
            given["redirects"] = tuple(Redirect(each["url"], each["matching_mode"], each["type"]) for each in redirects)
        return cls(**given, present=params["state"] == "present")

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "authentik"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"OAuth2 provider {self.name}"


@dataclass(frozen=True)
class ProviderWrite:
    """What ``perform`` needs: what was asked for, the id of the provider, and the fields to write."""

    of: OAuth2Provider
    id: str = ""
    fields: dict[str, t.Any] | None = None


def plan(client: Client, desired: OAuth2Provider) -> tuple[list[Step], t.Any]:
    """Return the steps, and the provider as it will be."""
    found = _find(client, desired)
    if not desired.present:
        return _plan_absent(client, desired, found), None
    names = Names(client)
    wanted = _wanted(desired, names, found or {})
    before = _fields(found or {})
    differs = {name: value for name, value in wanted.items() if found is None or before.get(name) != value}
    steps = []
    if differs:
        shown = _shown(differs, names)
        change = Change(_shown({name: before.get(name) for name in differs}, names) if found else None, shown)
        write = ProviderWrite(desired, str(found["pk"]) if found else "", _body(differs))
        steps.append(Step("authentik", "update" if found else "create", desired.title, write, change))
    provider_id = int(found["pk"]) if found else None
    part = application.Part(desired.application, desired.application_name, desired.groups, desired.name, provider_id)
    more, application_result = application.plan(client, desired, part, names)
    result = {
        "id": provider_id if found else UNKNOWN,
        "name": desired.name,
        **_described({**before, **wanted}, names),
        "application": application_result,
    }
    if desired.client_secret is not None:
        client.conceal(desired.client_secret)
    return [*steps, *more], result


def perform(client: Client, step: Step) -> t.Any:
    """Do one step; return what it tells of the provider."""
    if isinstance(step.desired, application.ApplicationWrite):
        return application.perform(client, step)
    write: ProviderWrite = step.desired
    path = f"{PATH}{write.id}/"
    if step.verb == "delete":
        return client.delete(path, tried="Deleting the", on=step.target)
    if step.verb == "update":
        done = client.patch(path, write.fields or {}, tried="Updating the", on=step.target)
    else:
        body = {"name": write.of.name, **(write.fields or {})}
        done = client.post(PATH, body, look=lambda: _find(client, write.of), tried="Creating the", on=step.target)
    fields = _fields(done)
    return {"id": done["pk"], "client_id": fields["client_id"], "client_secret_fingerprint": _fingerprint(fields)}


def _find(client: Client, desired: OAuth2Provider) -> dict[str, t.Any] | None:
    """Return the provider of that name. Raises Failure(refused) when its client id is another provider's."""
    tried = "Looking for the"
    found = client.list(PATH, {"name": desired.name}, tried=tried, on=desired.title)
    named = [item for item in found if item.get("name") == desired.name]
    if len(named) > 1:
        raise _ambiguous(desired, f"there are {len(named)} of that name", "Rename all but one of them")
    if desired.client_id is not None and desired.present:
        others = client.list(PATH, {"client_id": desired.client_id}, tried=tried, on=desired.title)
        for item in others:
            if item.get("client_id") == desired.client_id and item.get("name") != desired.name:
                other = str(item.get("name"))[:120]
                said = f"the client id {desired.client_id[:80]!r} belongs to the provider {other!r}"
                raise _ambiguous(desired, said, "Choose another client_id, or that name")
    return named[0] if named else None


def _ambiguous(desired: OAuth2Provider, said: str, remedy: str) -> Failure:
    return Failure(Kind.REFUSED, tried="Looking for the", on=desired.title, said=said, remedy=remedy)


def _wanted(desired: OAuth2Provider, names: Names, found: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the fields that should be so, in the form in which `_fields` reads them."""
    wanted: dict[str, t.Any] = {
        "authorization_flow": names.flow(desired.authorization_flow),
        "invalidation_flow": names.flow(desired.invalidation_flow),
        "signing_key": names.key_pair(desired.signing_key),
    }
    if desired.client_secret is not None:
        wanted["client_secret"] = desired.client_secret
    if desired.redirects is not None:
        wanted["redirect_uris"] = tuple(sorted(set(desired.redirects)))
    # A version that knows no grant types does not tell any, and allows all.
    if desired.grant_types is not None and (not found or "grant_types" in found):
        wanted["grant_types"] = tuple(sorted(set(desired.grant_types)))
    if desired.scope_mappings is not None:
        wanted["property_mappings"] = tuple(sorted({names.scope_mapping(name) for name in desired.scope_mappings}))
    wanted |= {name: getattr(desired, name) for name in _SETTINGS if getattr(desired, name) is not None}
    return wanted


def _fields(item: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the fields of a provider in the one form in which two equal ones are equal."""
    secret = item.get("client_secret")
    redirects = (
        Redirect(
            str(each.get("url")),
            str(each.get("matching_mode") or "strict"),
            str(each.get("redirect_uri_type") or "authorization"),
        )
        for each in item.get("redirect_uris") or []
        if isinstance(each, dict)
    )
    return {
        **{name: item.get(name) for name in (*_SETTINGS, "authorization_flow", "invalidation_flow", "signing_key")},
        "client_secret": Sensitive(secret) if secret else None,
        "redirect_uris": tuple(sorted(redirects)),
        "grant_types": tuple(sorted(item.get("grant_types") or ())),
        "property_mappings": tuple(sorted(str(each) for each in item.get("property_mappings") or ())),
    }


def _body(fields: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return fields as the API wants them."""
    body = {name: list(value) if name in _SETS else value for name, value in fields.items()}
    if "redirect_uris" in body:
        body["redirect_uris"] = [redirect.body() for redirect in body["redirect_uris"]]
    return body


def _shown(fields: dict[str, t.Any], names: Names) -> dict[str, t.Any]:
    """Return fields for a diff: names in place of ids, and of the secret nothing."""
    shown: dict[str, t.Any] = {}
    for name, value in fields.items():
        if name == "client_secret":
            shown["client_secret_fingerprint"] = value.fingerprint() if value else None
        elif name in ("authorization_flow", "invalidation_flow"):
            shown[name] = names.shown(FLOWS, "slug", value)
        elif name == "signing_key":
            shown[name] = names.shown(KEY_PAIRS, "name", value)
        elif name == "property_mappings":
            shown["scope_mappings"] = sorted(str(names.shown(MAPPINGS, "name", each)) for each in value)
        elif name == "redirect_uris":
            shown[name] = [_redirect(each) for each in value]
        else:
            shown[name] = list(value) if isinstance(value, tuple) else value
    return shown


def _redirect(redirect: Redirect) -> dict[str, str]:
    return {"url": redirect.url, "matching_mode": redirect.matching_mode, "type": redirect.redirect_uri_type}


def _described(fields: dict[str, t.Any], names: Names) -> dict[str, t.Any]:
    return {**_shown(fields, names), "client_secret_fingerprint": _fingerprint(fields)}


def _fingerprint(fields: dict[str, t.Any]) -> str | None:
    secret = fields.get("client_secret")
    return secret.fingerprint() if secret else None


def _plan_absent(client: Client, desired: OAuth2Provider, found: dict[str, t.Any] | None) -> list[Step]:
    """Return the steps to remove the application, then the provider: without it, the slug would stay taken."""
    steps = application.plan_absent(client, desired, desired.application, int(found["pk"]) if found else None)
    if found is not None:
        change = Change({"client_id": found.get("client_id")}, None)
        write = ProviderWrite(desired, str(found["pk"]))
        steps.append(Step("authentik", "delete", desired.title, write, change, rank=9))
    return steps
