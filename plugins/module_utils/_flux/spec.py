# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Receiver should be, as its users say it: every type of the API, and what each needs and forbids.

In: checked options. Out: ReceiverSpec, which cannot exist invalid, or Failure(invalid) before any request.
Never here: a request, an object of Kubernetes.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._core.failure import invalid
from .._core.names import is_subdomain
from .._core.sensitive import Sensitive

API_VERSION = "notification.toolkit.fluxcd.io/v1"
KIND = "Receiver"
TOKEN_KEY = "token"
SHORTEST_TOKEN = 16
EVERY_BRANCH = "*"
EVERY_NAME = "*"
PING = "ping"


@dataclass(frozen=True)
class Type:
    """What a type of Receiver does with a request.

    ``events``: it looks at the kind of event, so a list of events means something. ``path_alone``: whoever knows the
    path may trigger it, so the path is a credential. ``head_triggers``: even a HEAD request polls the sources (A34).
    ``token``: it has a Secret. ``keys``: what the Secret needs beside the token. ``refs``: its pushes carry ``ref``.
    """

    events: bool = False
    path_alone: bool = False
    head_triggers: bool = False
    token: bool = True
    keys: tuple[str, ...] = ()
    refs: bool = False


TYPES: dict[str, Type] = {
    "acr": Type(path_alone=True),
    "bitbucket": Type(events=True),
    "cdevents": Type(events=True, path_alone=True),
    "dockerhub": Type(path_alone=True),
    "gcr": Type(keys=("email", "audience")),
    "generic": Type(path_alone=True, head_triggers=True),
    "generic-hmac": Type(),
    "generic-oidc": Type(token=False),
    "github": Type(events=True, refs=True),
    "gitlab": Type(events=True, refs=True),
    "harbor": Type(),
    "nexus": Type(),
    "quay": Type(path_alone=True),
}

# The version under which a kind is read, and written into the Receiver; those without one must be named by the user,
# since Flux itself knows none for them.
SOURCE_VERSIONS: dict[str, str] = {
    "ArtifactGenerator": "source.extensions.fluxcd.io/v1beta1",
    "Bucket": "source.toolkit.fluxcd.io/v1",
    "ExternalArtifact": "",
    "GitRepository": "source.toolkit.fluxcd.io/v1",
    "HelmChart": "source.toolkit.fluxcd.io/v1",
    "HelmRelease": "",
    "HelmRepository": "source.toolkit.fluxcd.io/v1",
    "ImagePolicy": "",
    "ImageRepository": "image.toolkit.fluxcd.io/v1",
    "ImageUpdateAutomation": "",
    "Kustomization": "",
    "OCIRepository": "source.toolkit.fluxcd.io/v1",
}

# Text that needs no escape in CEL, and no more than branches usually have (P14).
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_INTERVAL = re.compile(r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+")
_REQUEST_FIELD = re.compile(r"\breq\.([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class Source:
    """What a delivery polls: one object, or with the name ``*`` all that carry the labels."""

    kind: str
    name: str
    namespace: str
    api_version: str
    match_labels: dict[str, str] = field(default_factory=dict, hash=False)
    filter: str = ""

    @property
    def many(self) -> bool:
        """True when labels choose the objects."""
        return self.name == EVERY_NAME

    @property
    def title(self) -> str:
        """What people call it."""
        chosen = (
            " with " + ",".join(f"{name}={value}" for name, value in self.match_labels.items()) if self.many else ""
        )
        return f"{self.kind} {self.namespace}/{self.name}{chosen}"


@dataclass(frozen=True)
class ExternalToken:
    """Where External Secrets finds the token, such as an item of 1Password."""

    store: str
    store_kind: str
    key: str
    property: str = ""
    refresh_interval: str = "1h"


@dataclass(frozen=True)
class ReceiverSpec:
    """A Receiver and its token. Made by ``from_params``, which refuses what cannot work (rows of section A)."""

    name: str
    namespace: str
    type: str
    events: tuple[str, ...]
    sources: tuple[Source, ...]
    resource_filter: str
    secret_name: str
    token: Sensitive | None = None
    external: ExternalToken | None = None
    extra: dict[str, str] = field(default_factory=dict, hash=False)
    oidc_providers: tuple[dict[str, t.Any], ...] = field(default=(), hash=False)
    interval: str = ""
    suspend: bool = False

    @property
    def traits(self) -> Type:
        """What its type does with a request."""
        return TYPES[self.type]


def from_params(params: dict[str, t.Any]) -> ReceiverSpec:
    """Return the spec of checked options. Raises Failure(invalid) for what the input alone shows to be wrong."""
    for what in ("name", "namespace"):
        if not is_subdomain(params[what]):
            raise invalid(f"{what} {params[what][:80]!r}", "it is no legal name", "Use lower-case letters and digits")
    name, kind = params["name"], params["type"]
    if params["state"] == "absent":
        secret_name = params["secret_name"] or name
        return ReceiverSpec(name, params["namespace"], kind, (), (), "", secret_name)
    traits = TYPES[kind]
    _check_token_options(params, traits)
    return ReceiverSpec(
        name=name,
        namespace=params["namespace"],
        type=kind,
        events=_events(params, traits),
        sources=_sources(params),
        resource_filter=_filter(params, traits),
        secret_name=params["secret_name"] or name,
        token=params["token"],
        external=_external(params["external_secret"]),
        extra={key: params[f"gcr_{key}"] for key in traits.keys if params[f"gcr_{key}"]},
        oidc_providers=tuple(_provider(item) for item in params["oidc_providers"] or []),
        interval=_interval(params["interval"]),
        suspend=params["suspend"],
    )


def token_problem(token: Sensitive) -> str:
    """Return why a token cannot be used, or nothing. Flux takes every byte of it, a line break at the end as well."""
    if not len(token):
        return "it is empty, and Flux would take deliveries without a signature then"
    try:
        bare = token.map(lambda text: "".join(text.split()))
    except UnicodeDecodeError:
        return "it is no text"
    if bare != token:
        return "it holds white space or a line break, which would be part of the key and of the path"
    if len(token) < SHORTEST_TOKEN:
        return f"it has {len(token)} characters, and {SHORTEST_TOKEN} are the least"
    return ""


def unguarded(expression: str) -> list[str]:
    """Return the fields of the request that a CEL expression reads without asking whether they are there.

    A ping has no ``ref``: reading it all the same ends in a 500.
    """
    used = dict.fromkeys(_REQUEST_FIELD.findall(expression))
    return [name for name in used if not re.search(rf"\bhas\(\s*req\.{name}\b", expression)]


def _events(params: dict[str, t.Any], traits: Type) -> tuple[str, ...]:
    events = params["events"]
    if events and not traits.events:
        raise invalid(f"events of type {params['type']}", "it does not look at them", "Leave events out")
    if any(not event.strip() for event in events or []):
        raise invalid("events", "one of them is empty", "Name events such as push")
    if events is None:
        events = ["push"] if params["type"] == "github" else []
    lower = [event.lower() for event in events]
    # A list without it answers GitHub's first ping with 400.
    return tuple([PING, *events] if events and params["type"] == "github" and PING not in lower else events)


def _sources(params: dict[str, t.Any]) -> tuple[Source, ...]:
    if not params["resources"]:
        raise invalid("resources", "there is none", "Name at least one source that a delivery polls")
    sources = tuple(_source(item, params["namespace"]) for item in params["resources"])
    for position, source in enumerate(sources):
        if source in sources[:position]:
            raise invalid(source.title, "it stands twice in resources", "Remove one of them")
    return sources


def _source(item: dict[str, t.Any], namespace: str) -> Source:
    kind, name, labels = item["kind"], item["name"], item["match_labels"] or {}
    source = Source(
        kind=kind,
        name=name,
        namespace=item["namespace"] or namespace,
        api_version=item["api_version"] or SOURCE_VERSIONS[kind],
        match_labels={str(key): str(value) for key, value in labels.items()},
        filter=_safe(item["filter"] or "", f"filter of {kind} {name}"),
    )
    if source.many and not labels:
        raise invalid(f"{kind} '*'", "it needs match_labels", "Say which labels the sources carry")
    if labels and not source.many:
        raise invalid(f"{kind} {name}", "match_labels go with the name '*' alone", "Leave them out, or name it '*'")
    if not source.many and not is_subdomain(name):
        raise invalid(f"{kind} {name[:80]!r}", "it is no legal name", "Use the name of the source, or '*'")
    if not source.api_version:
        raise invalid(source.title, "api_version is missing", "Flux knows none for this kind; better poll its source")
    return source


def _filter(params: dict[str, t.Any], traits: Type) -> str:
    """Return the CEL expression that a delivery must meet (A16)."""
    branches, expression = params["branches"], params["resource_filter"]
    if expression:
        return _safe(expression, "resource_filter")
    if branches:
        if not traits.refs:
            raise invalid(
                f"branches of type {params['type']}",
                "its deliveries do not name a branch as `ref`",
                "Write a resource_filter",
            )
        return branch_filter(branches)
    if params["type"] == "github":
        raise invalid(
            "branches",
            "without them a push to any branch, and even a ping, polls every source (A16)",
            "Name the branches that the sources follow, or ['*'] for every push",
        )
    return ""


def branch_filter(branches: t.Sequence[str]) -> str:
    """Return the CEL expression for pushes to these branches; ``*`` alone means every push, and no ping."""
    if list(branches) == [EVERY_BRANCH]:
        return "has(req.ref)"
    for branch in branches:
        if not _BRANCH.fullmatch(branch) or branch.startswith("refs/"):
            raise invalid(
                f"branch {branch[:80]!r}",
                "only letters, digits and ._/- are allowed, without refs/heads/",
                "Write a resource_filter for other names",
            )
    quoted = ", ".join(f"'refs/heads/{branch}'" for branch in dict.fromkeys(branches))
    return f"has(req.ref) && req.ref in [{quoted}]"


def _safe(expression: str, what: str) -> str:
    missing = unguarded(expression)
    if missing:
        raise invalid(
            what,
            f"it reads req.{missing[0]} without has(req.{missing[0]}): deliveries without it end in a 500, pings too",
            f"Write has(req.{missing[0]}) && ... before it",
        )
    return expression


def _check_token_options(params: dict[str, t.Any], traits: Type) -> None:
    given = [name for name in ("token", "external_secret", "secret_name") if params[name]]
    if not traits.token:
        if given:
            raise invalid(f"{given[0]} of type {params['type']}", "it has no Secret", f"Leave {given[0]} out")
        if not params["oidc_providers"]:
            raise invalid("oidc_providers", f"type {params['type']} needs at least one", "Name the issuer")
    elif params["oidc_providers"]:
        raise invalid("oidc_providers", "they go with type generic-oidc alone", "Leave them out")
    if params["secret_name"] and not is_subdomain(params["secret_name"]):
        raise invalid(f"secret_name {params['secret_name'][:80]!r}", "it is no legal name", "Use lower-case letters")
    problem = token_problem(params["token"]) if params["token"] is not None else ""
    if problem:
        raise invalid("token", problem, "Give a random text, or leave it out to have one generated")
    for key in ("email", "audience"):
        if params[f"gcr_{key}"] and key not in traits.keys:
            raise invalid(f"gcr_{key}", "it goes with type gcr alone", "Leave it out")


def _external(given: dict[str, t.Any] | None) -> ExternalToken | None:
    if given is None:
        return None
    return ExternalToken(
        store=given["store"],
        store_kind=given["store_kind"],
        key=given["key"],
        property=given["property"] or "",
        refresh_interval=_interval(given["refresh_interval"]),
    )


def _provider(item: dict[str, t.Any]) -> dict[str, t.Any]:
    if not str(item["issuer_url"]).startswith("https://"):
        raise invalid(f"issuer_url {item['issuer_url'][:80]!r}", "it does not begin with https://", "Name the issuer")
    if not item["validations"]:
        raise invalid(
            f"the OIDC provider {item['issuer_url']}",
            "it has no validations, so every workflow of everybody there would be let in",
            "Say what the claims must be, such as claims.repository == 'acme/web'",
        )
    provider: dict[str, t.Any] = {"issuerURL": item["issuer_url"]}
    if item["audience"]:
        provider["audience"] = item["audience"]
    if item["variables"]:
        provider["variables"] = [{"name": row["name"], "expression": row["expression"]} for row in item["variables"]]
    provider["validations"] = [
        {"expression": row["expression"], "message": row["failure_message"]} for row in item["validations"]
    ]
    return provider


def _interval(text: str | None) -> str:
    if text and not _INTERVAL.fullmatch(text):
        raise invalid(f"the interval {text[:80]!r}", "it is no duration", "Write it like 10m or 1h30m")
    return text or ""
