# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The specs of the three resources, from options and from the resource.

In: checked params, or a live resource. Out: a spec that cannot exist invalid. Never here: a default twice.
This is the only place where names change between camelCase and snake_case.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t
import unicodedata
from dataclasses import dataclass, field

from .._core.failure import invalid
from .._core.names import LABEL_MAX, camel_keys, check_label, is_subdomain, snake_keys
from . import names, pipeline

Plain = dict[str, t.Any]

_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?([munkMGTPE]|[KMGTPE]i)?")
QUOTA_FIELDS = (
    "requests_cpu",
    "limits_cpu",
    "requests_memory",
    "limits_memory",
    "persistent_volume_claims",
    "pods",
)
LIMIT_FIELDS = (
    "default_cpu",
    "default_memory",
    "default_request_cpu",
    "default_request_memory",
    "max_cpu",
    "max_memory",
)
WEBHOOKS = ("organization", "repositories")
_COUNTS = {"persistent_volume_claims": (0, 10_000), "pods": (1, 100_000)}

S = t.TypeVar("S", bound="Spec")


@dataclass(frozen=True)
class Spec:
    """What the three specs share: fields in Ansible's spelling, and both ways across the border of names."""

    name: str
    namespace: str = names.PLATFORM_NAMESPACE

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the names of the fields of ``spec``, in Ansible's spelling."""
        return tuple(item.name for item in dataclasses.fields(cls) if item.name not in ("name", "namespace"))

    @classmethod
    def from_params(cls: type[S], params: Plain) -> S:
        """Return the spec of checked options; what is not given takes the default of the spec.

        Raises Failure(invalid) with one sentence, before any request.
        """
        given = {name: params[name] for name in cls.fields() if params.get(name) is not None}
        return cls(name=params["name"], namespace=params.get("namespace") or names.PLATFORM_NAMESPACE, **given)

    @classmethod
    def from_resource(cls: type[S], resource: Plain) -> S:
        """Return the spec of a live resource. Raises Failure(invalid) when the resource is wrong."""
        spec = snake_keys(resource.get("spec") or {})
        given = {name: spec[name] for name in cls.fields() if spec.get(name) is not None}
        metadata = resource["metadata"]
        return cls(name=metadata["name"], namespace=metadata.get("namespace", ""), **given)

    def to_resource(self) -> Plain:
        """Return the ``spec`` of the resource; fields that are not set are left out."""
        given = {name: getattr(self, name) for name in self.fields()}
        answer: Plain = camel_keys(
            {name: value for name, value in given.items() if value not in (None, "", {}, [], ())}
        )
        return answer


@dataclass(frozen=True)
class OrganizationSpec(Spec):
    """A tenant: one organization with its namespace, tunnel and listener."""

    display_name: str = ""
    admin_users: list[str] = field(default_factory=list, hash=False)
    webhook_secret_ref: Plain = field(default_factory=dict, hash=False)
    webhook_secret_version: int | None = None
    github: Plain = field(default_factory=dict, hash=False)
    listener: Plain = field(default_factory=dict, hash=False)
    tunnel: Plain = field(default_factory=dict, hash=False)
    quota: Plain = field(default_factory=dict, hash=False)
    limits: Plain = field(default_factory=dict, hash=False)
    deletion_policy: str = "Retain"

    def __post_init__(self) -> None:
        what = f"Organization {self.name}"
        names.check_organization(self.name)
        if self.namespace != names.PLATFORM_NAMESPACE:
            raise invalid(what, f"organizations live in {names.PLATFORM_NAMESPACE}", "Leave the namespace out")
        _check_text(what, "display_name", self.display_name)
        _check_admins(what, self.admin_users)
        _check_range(what, "webhook_secret_version", self.webhook_secret_version, 1, 1_000_000)
        _check_range(what, "listener.replicas", self.listener.get("replicas"), 1, 5)
        _check_range(what, "tunnel.replicas", self.tunnel.get("replicas"), 1, 10)
        host = self.tunnel.get("hostname")
        if host:
            _check_host(f"{what}, tunnel.hostname {host[:80]!r}", host)
        if self.webhook_secret_ref and not is_subdomain(str(self.webhook_secret_ref.get("name") or "")):
            raise invalid(f"{what}, webhook_secret_ref", "its name is no name of a Secret", "Name a Secret")
        for group, fields in (("quota", QUOTA_FIELDS), ("limits", LIMIT_FIELDS)):
            object.__setattr__(self, group, _amounts(what, group, getattr(self, group), fields))
        for group in ("webhook_secret_ref", "github", "listener", "tunnel"):
            object.__setattr__(self, group, _given(getattr(self, group)))
        if self.github:
            names.check_owner(str(self.github.get("owner") or ""))
            _check_choice(what, "github.webhook", self.github.get("webhook", "organization"), WEBHOOKS)
        _check_choice(what, "deletion_policy", self.deletion_policy, ("Retain", "Delete"))

    def hostname(self, zone: str) -> str:
        """Return the public host; raises Failure(invalid) when it is not inside the platform's zone."""
        host = str(self.tunnel.get("hostname") or f"{self.name}.{zone}")
        if not host.endswith("." + zone):
            raise invalid(f"Organization {self.name}, tunnel.hostname {host!r}", f"it is not inside the zone {zone}")
        return host


@dataclass(frozen=True)
class RepoBindingSpec(Spec):
    """A repository bound to an organization; the pipeline's name is its namespace's too."""

    aphex_org: str = ""
    repo_org: str = ""
    repo_name: str = ""
    pipeline_name: str = ""
    template_ref: str = names.DISPATCHER
    pipeline_spec: str = ""
    branches: list[str] = field(default_factory=list, hash=False)
    permission_profile: str = "standard"
    quota: Plain = field(default_factory=dict, hash=False)
    limits: Plain = field(default_factory=dict, hash=False)
    egress: Plain = field(default_factory=dict, hash=False)
    secrets: str = "none"
    retention: Plain = field(default_factory=dict, hash=False)
    deletion_policy: str = "Retain"

    def __post_init__(self) -> None:
        what = f"RepoBinding {self.name}"
        if not is_subdomain(self.name) or len(self.name) > LABEL_MAX:
            # The name becomes the value of a label.
            raise invalid(
                what, "its name is no legal name", f"Use at most {LABEL_MAX} lower-case letters, digits and hyphens"
            )
        names.check_organization(self.aphex_org)
        if self.namespace not in (names.PLATFORM_NAMESPACE, names.organization_namespace(self.aphex_org)):
            raise invalid(
                what,
                f"it lives in {names.PLATFORM_NAMESPACE} or {names.organization_namespace(self.aphex_org)}",
                f"Correct the namespace {self.namespace}",
            )
        names.check_owner(self.repo_org)
        names.check_repository(self.repo_name)
        names.check_pipeline(self.pipeline_name)
        _check_choice(what, "template_ref", self.template_ref, (names.DISPATCHER,))
        object.__setattr__(self, "pipeline_spec", pipeline.to_text(self.pipeline_spec))
        if len(self.branches) > 20:
            raise invalid(what, f"it names {len(self.branches)} branches, 20 are allowed", "Name fewer branches")
        for branch in self.branches:
            names.check_branch(branch)
        _check_choice(what, "permission_profile", self.permission_profile, tuple(names.ROLE_RUNNER))
        _check_choice(what, "secrets", self.secrets, ("none", "organization"))
        _check_choice(what, "deletion_policy", self.deletion_policy, ("Retain", "Delete"))
        for group, fields in (("quota", QUOTA_FIELDS), ("limits", LIMIT_FIELDS)):
            object.__setattr__(self, group, _amounts(what, group, getattr(self, group), fields))
        object.__setattr__(self, "egress", _egress(what, self.egress))
        object.__setattr__(self, "retention", _given(self.retention))
        for name, value in self.retention.items():
            low, high = (1, 3650) if name == "days" else (0, 1000)
            _check_range(what, f"retention.{name}", value, low, high)

    @property
    def repository(self) -> str:
        """The repository as GitHub writes it: owner/name."""
        return f"{self.repo_org}/{self.repo_name}"


@dataclass(frozen=True)
class KnowledgeBaseSpec(Spec):
    """Repositories whose documentation is tracked."""

    display_name: str = ""
    description: str = ""
    repositories: list[Plain] = field(default_factory=list, hash=False)
    mcp_server: Plain | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        what = f"KnowledgeBase {self.name}"
        check_label("The name of the knowledge base", self.name, 52)
        _check_text(what, "display_name", self.display_name)
        if len(self.description) > 4096:
            raise invalid(f"{what}, description", f"it has {len(self.description)} characters, 4096 are allowed")
        if not 1 <= len(self.repositories) <= 50:
            raise invalid(what, f"it names {len(self.repositories)} repositories, 1 to 50 are allowed")
        seen: set[str] = set()
        for item in self.repositories:
            url = names.check_github_url(str(item.get("url") or "")).rstrip("/").lower()
            if url in seen:
                raise invalid(f"{what}, repository {url}", "it stands twice", "Name each repository once")
            seen.add(url)
            names.check_git_branch(item.get("branch") or "main")
            _check_paths(what, item.get("paths") or [])
        object.__setattr__(self, "repositories", [_given(item) for item in self.repositories])
        if self.mcp_server is not None:
            # An empty mapping asks for a server too; one field of it keeps the resource from dropping it.
            object.__setattr__(self, "mcp_server", _given(self.mcp_server) or {"replicas": 1})
            _check_range(what, "mcp_server.port", self.mcp_server.get("port"), 1024, 65535)
            _check_range(what, "mcp_server.replicas", self.mcp_server.get("replicas"), 1, 10)


def _given(values: Plain) -> Plain:
    """Return a mapping without the options that were not given."""
    return {name: value for name, value in values.items() if value is not None}


def _amounts(what: str, group: str, values: Plain, fields: tuple[str, ...]) -> Plain:
    """Return checked quantities: counts as numbers, the others as text."""
    answer: Plain = {}
    for name, value in _given(values).items():
        if name not in fields:
            raise invalid(f"{what}, {group}.{name}", "there is no such field", f"Use {', '.join(fields)}")
        if name in _COUNTS:
            _check_range(what, f"{group}.{name}", value, *_COUNTS[name])
            answer[name] = int(value)
        elif not _QUANTITY.fullmatch(str(value)):
            raise invalid(f"{what}, {group}.{name} {value!r}", "it is no quantity", "Write it as 500m, 2 or 4Gi")
        else:
            answer[name] = str(value)
    return answer


def _egress(what: str, values: Plain) -> Plain:
    answer = _given(values)
    allow = answer.get("allow") or []
    if len(allow) > 20:
        raise invalid(f"{what}, egress.allow", f"it has {len(allow)} entries, 20 are allowed")
    for item in allow:
        _check_network(f"{what}, egress.allow {item.get('cidr')!r}", str(item.get("cidr")))
        ports = item.get("ports") or []
        if len(ports) > 20:
            raise invalid(f"{what}, egress.allow.ports", f"{len(ports)} are given, 20 are allowed", "Leave them out")
        for port in ports:
            _check_range(what, "egress.allow.ports", port, 1, 65535)
    if allow:
        answer["allow"] = [_given(item) for item in allow]
    else:
        answer.pop("allow", None)
    return answer


def _check_network(what: str, cidr: str) -> None:
    """Raise Failure(invalid) for anything but a network with its length; the whole internet is no network."""
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError as error:
        raise invalid(what, "it is no network", "Write it with its length, as 192.0.2.0/24") from error
    if "/" not in cidr or network.prefixlen == 0:
        raise invalid(what, "it is no network with a length above 0", "Write it as 192.0.2.0/24")


def _check_host(what: str, host: str) -> None:
    """Raise Failure(invalid) for a host that is none, or that is the platform's own (B25)."""
    parts = host.split(".")
    if not is_subdomain(host) or len(parts) < 2 or any(len(part) > LABEL_MAX for part in parts):
        raise invalid(what, "it is no host name", "Write it as hooks.example.org")
    if parts[0] in names.RESERVED_HOSTS:
        raise invalid(what, f"hosts called {parts[0]} are reserved for the platform", "Choose another")


def _check_paths(what: str, paths: list[str]) -> None:
    if len(paths) > 20:
        raise invalid(what, f"it names {len(paths)} paths of one repository, 20 are allowed", "Name fewer paths")
    for path in paths:
        # No commas: the paths of a repository are listed in one text.
        if not path.startswith(".kiro/docs") or ".." in path or "," in path or not path.isprintable():
            raise invalid(f"{what}, path {path[:80]!r}", "it is not below .kiro/docs", "Name a path below .kiro/docs")
        if len(path) > 256:
            raise invalid(f"{what}, path {path[:80]!r}", f"it has {len(path)} characters, 256 are allowed")


def _check_text(what: str, name: str, value: str) -> None:
    if not value.strip() or len(value) > 256:
        raise invalid(f"{what}, {name}", "1 to 256 characters are wanted", f"Set {name}")
    if any(unicodedata.category(letter).startswith("C") for letter in value):
        raise invalid(f"{what}, {name}", "it holds control characters or line breaks", "Write it as one line of text")


def _check_admins(what: str, addresses: list[str]) -> None:
    if not 1 <= len(addresses) <= 50:
        raise invalid(f"{what}, admin_users", f"{len(addresses)} are given, 1 to 50 are wanted", "Name its admins")
    for address in addresses:
        names.check_email(address)
    if len({address.lower() for address in addresses}) != len(addresses):
        raise invalid(f"{what}, admin_users", "an address stands twice", "Name each admin once")


def _check_range(what: str, name: str, value: t.Any, low: int, high: int) -> None:
    if value is not None and not (isinstance(value, int) and low <= value <= high):
        raise invalid(f"{what}, {name} {value!r}", f"a number from {low} to {high} is wanted")


def _check_choice(what: str, name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise invalid(f"{what}, {name} {value!r}", f"it is not one of {', '.join(choices)}")
