# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places that have webhooks, and finding one in them: an organization, a repository, the App itself.

In: an owner, a repository, an address. Out: paths, permissions, webhooks as GitHub returns them.
Never here: a comparison, a write.
"""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from .._core.failure import Failure, Kind, invalid
from .._core.plan import holds_unknown
from .client import AS_APP, Access, Client, Needs, repository_path

# Errata 2.9, from GitHub's own description of webhook events: what no webhook of that level can have.
_APP_ONLY = frozenset(
    {
        "deployment_protection_rule",
        "deployment_review",
        "github_app_authorization",
        "installation",
        "installation_repositories",
        "installation_target",
        "marketplace_purchase",
        "merge_group",
        "repository_dispatch",
        "security_advisory",
        "sponsorship",
        "workflow_dispatch",
    }
)
_OWNER_ONLY = frozenset(
    {
        "custom_property",
        "membership",
        "org_block",
        "organization",
        "personal_access_token_request",
        "projects_v2",
        "projects_v2_item",
        "projects_v2_status_update",
        "team",
    }
)
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1", "0.0.0.0")


@dataclass(frozen=True)
class Place:
    """Where webhooks are: of an organization, of one of its repositories, or the one of the App (no owner)."""

    owner: str = ""
    repository: str | None = None

    def __post_init__(self) -> None:
        if self.owner:
            repository_path(self.owner, self.repository)
        elif self.repository is not None:
            raise invalid("The GitHub repository", "its owner is missing")

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Place:
        """Return the place that a module's params name: ``owner`` with ``repository`` or not, or ``app``."""
        if params.get("app"):
            if params.get("owner") or params.get("repository"):
                raise invalid("The place of the webhook", "app is set beside owner or repository", "Give one of them")
            return cls()
        if not params.get("owner"):
            raise invalid("The place of the webhook", "owner is missing", "Name the owner, and the repository if any")
        return cls(params["owner"], params.get("repository") or None)

    @property
    def is_app(self) -> bool:
        """True for the App's own webhook."""
        return not self.owner

    @property
    def level(self) -> str:
        """Return the kind of place."""
        if self.is_app:
            return "app"
        return "organization" if self.repository is None else "repository"

    @property
    def words(self) -> str:
        """Return what people call it."""
        if self.is_app:
            return "the App"
        return self.owner if self.repository is None else f"{self.owner}/{self.repository}"

    @property
    def path(self) -> str:
        """Return the path of its webhooks."""
        return "/app/hook" if self.is_app else f"{repository_path(self.owner, self.repository)}/hooks"

    def needs(self, level: str = "write") -> Needs:
        """Return what a token must open to work here."""
        if self.is_app:
            return AS_APP
        name = "organization_hooks" if self.repository is None else "repository_hooks"
        return Access.of(self.owner, **{name: level})

    def one(self, hook_id: t.Any) -> str:
        """Return the path of one webhook; the App has only one, without an id."""
        return self.path if self.is_app else f"{self.path}/{hook_id}"


def check_events(place: Place, events: t.Sequence[str]) -> tuple[str, ...]:
    """Return events in one order. Raises Failure(invalid) for those that a webhook of that level cannot have."""
    wanted = tuple(sorted(set(events)))
    if not wanted:
        raise invalid("The events of the webhook", "there is none", "Name at least one, such as push")
    for event in wanted:
        if event == "ping":
            raise invalid("The event ping", "GitHub sends it to every webhook by itself", "Leave it out")
        if event in _APP_ONLY:
            raise invalid(
                f"The event {event}",
                "GitHub sends it to the webhooks of Apps only",
                "Subscribe the App to it, and set its address with github_app_webhook",
            )
        if event in _OWNER_ONLY and place.level == "repository":
            raise invalid(
                f"The event {event}",
                "GitHub sends it to webhooks of organizations only, not to those of a repository",
                "Leave repository out for a webhook of the organization",
            )
        if event != "*" and not event.replace("_", "").isalnum():
            raise invalid(f"The event {event[:60]!r}", "it is no name of an event")
    if "*" in wanted and len(wanted) > 1:
        raise invalid("The events of the webhook", "* stands beside others", "Give * alone, or the events by name")
    return wanted


def check_address(url: str) -> str:
    """Return the address when GitHub can deliver to it; one that holds UNKNOWN is not looked at."""
    if holds_unknown(url):
        return url
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise invalid(f"The webhook address {url[:120]!r}", "it is no http or https URL")
    if parts.hostname in _LOOPBACK:
        raise invalid(f"The webhook address {url[:120]!r}", "GitHub delivers to no loopback address")
    return url


def _split(url: str) -> t.Any:
    """Return the parts of a URL, or None when it is none at all, such as one with half an IPv6 address."""
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def all_hooks(client: Client, place: Place, level: str = "write") -> list[dict[str, t.Any]]:
    """Return the webhooks of a place, the oldest first; remembered until this handle writes."""
    tried = "Looking for the webhooks of"

    def read() -> list[dict[str, t.Any]]:
        found = client.pages(place.path, place.needs(level), tried=tried, on=place.words)
        return sorted(found, key=lambda hook: int(hook.get("id") or 0))

    found: list[dict[str, t.Any]] = client.remember(f"hooks {place.path.lower()}", read)
    return found


def address_of(hook: dict[str, t.Any]) -> str:
    """Return where a webhook delivers to."""
    return str((hook.get("config") or {}).get("url") or "")


def fits(hook: dict[str, t.Any], url: str, path_pattern: str | None) -> bool:
    """Tell whether an address means a webhook: it is the same, or of the same host with a path that fits."""
    address = address_of(hook)
    if address == url:
        return True
    here, there = _split(address), _split(url)
    if path_pattern is None or here is None or there is None or holds_unknown(url):
        return False
    return bool(here.netloc.lower() == there.netloc.lower() and fits_pattern(address, path_pattern))


def fits_pattern(url: str, path_pattern: str) -> bool:
    """Tell whether the path of an address fits a glob; one that is not known yet does."""
    parts = _split(url)
    return holds_unknown(url) or bool(parts and fnmatch.fnmatchcase(parts.path or "/", path_pattern))


def find_hook(
    client: Client, place: Place, url: str, path_pattern: str | None = None, level: str = "write"
) -> dict[str, t.Any] | None:
    """Return the webhook with this address, else the only one that fits the pattern.

    Raises Failure(refused) when several fit and none has exactly this address: then nobody knows which is meant.
    """
    hooks = [hook for hook in all_hooks(client, place, level) if fits(hook, url, path_pattern)]
    exact = [hook for hook in hooks if address_of(hook) == url]
    if exact:
        return exact[0]
    if len(hooks) > 1:
        raise Failure(
            Kind.REFUSED,
            tried="Looking for the webhook of",
            on=place.words,
            said=f"{len(hooks)} webhooks fit the pattern {path_pattern}: {', '.join(map(address_of, hooks))[:300]}",
            remedy="Remove those that are left over, or leave path_pattern out",
        )
    return hooks[0] if hooks else None
