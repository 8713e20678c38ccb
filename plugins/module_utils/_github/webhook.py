# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Webhook: an address that GitHub calls, of a repository or of an organization, and the App's own one.

In: a Webhook or an AppWebhook and a client. Out: steps, and what is known of the webhook as plain data.
Never here: a delivery; a write that would drop a secret that stays.

GitHub never shows a secret again, and drops it when a webhook is updated as a whole without it. So a change of the
address alone goes to the webhook's configuration, where what is not named stays; and whether a secret differs is told
by its fingerprint (a keyed hash of 64 bits), which the caller keeps: the result has it, an option takes it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step, holds_unknown
from .._core.sensitive import Sensitive
from .client import Client
from .hooks import Place, address_of, all_hooks, check_address, check_events, find_hook, fits, fits_pattern

CONTENT_TYPES = ("json", "form")
ON_CHANGE, ALWAYS = "on_change", "always"
_CONFIG = ("url", "content_type", "insecure_ssl", "secret")


@dataclass(frozen=True)
class Webhook:
    """A webhook that should be there, or not.

    It is found by ``url``; with ``path_pattern`` (a glob) also by the same host with a path that fits, so that a new
    path moves the webhook in place of leaving the old one behind. ``secret`` None leaves the secret alone, UNKNOWN is
    one that is still to be made. It is written when the webhook is made, when there is none yet, when
    ``secret_fingerprint`` (of the last one written) differs from its own, and with ``update_secret="always"``.
    Raises Failure(invalid) for values that GitHub would refuse.
    """

    place: Place
    url: str
    events: tuple[str, ...] = ("push",)
    secret: Sensitive | str | None = None
    secret_fingerprint: str | None = None
    update_secret: str = ON_CHANGE
    content_type: str = "json"
    insecure_ssl: bool = False
    active: bool = True
    path_pattern: str | None = None
    present: bool = True

    def __post_init__(self) -> None:
        check_address(self.url)
        check_secret(self.secret)
        if self.path_pattern is not None and not fits_pattern(self.url, self.path_pattern):
            raise invalid("path_pattern", "the path of url does not fit it", "Give a glob of the path, such as /hook/*")
        if self.present:
            object.__setattr__(self, "events", check_events(self.place, self.events))

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Webhook:
        """Return the webhook that a module's params ask for."""
        return cls(
            place=Place.from_params(params),
            url=params["url"],
            events=tuple(params["events"]),
            secret=params["secret"],
            secret_fingerprint=params["secret_fingerprint"],
            update_secret=params["update_secret"],
            content_type=params["content_type"],
            insecure_ssl=params["insecure_ssl"],
            active=params["active"],
            path_pattern=params["path_pattern"],
            present=params["state"] == "present",
        )

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "github"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Webhook {self.url} of {self.place.words}"


@dataclass(frozen=True)
class AppWebhook:
    """The configuration of the App's own webhook, which is always there. What is None stays as it is."""

    url: str | None = None
    secret: Sensitive | str | None = None
    secret_fingerprint: str | None = None
    update_secret: str = ON_CHANGE
    content_type: str | None = None
    insecure_ssl: bool | None = None
    present: bool = True

    def __post_init__(self) -> None:
        if self.url is not None:
            check_address(self.url)
        check_secret(self.secret)

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> AppWebhook:
        """Return the configuration that a module's params ask for."""
        names = ("url", "secret", "secret_fingerprint", "update_secret", "content_type", "insecure_ssl")
        return cls(**{name: params[name] for name in names})

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "github"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return "Webhook of the App"


@dataclass(frozen=True)
class HookWrite:
    """What ``perform`` needs: what was asked for, the webhook that is there, the fields to write."""

    of: t.Any
    hook: dict[str, t.Any]
    fields: tuple[str, ...] = ()


def check_secret(secret: Sensitive | str | None) -> None:
    """Raise Failure(invalid) for a secret that is empty, or that came as plain text."""
    if isinstance(secret, Sensitive):
        if not len(secret):
            raise invalid("The webhook secret", "it is empty", "Leave it out, or give a long random value")
    elif secret not in (None, UNKNOWN):
        raise invalid("The webhook secret", "it came as plain text")


def plan(client: Client, desired: Webhook) -> tuple[list[Step], t.Any]:
    """Return the steps, and the webhook as it will be."""
    if not desired.present:
        return _plan_absent(client, desired), None
    hook = find_hook(client, desired.place, desired.url, desired.path_pattern)
    if hook is None:
        wanted = _wanted(desired)
        if desired.secret is not None:
            wanted["secret"] = _shown(desired.secret)
        return [_step("create", desired, {}, Change(None, wanted))], _predicted(desired)
    before, after = _differences(desired, hook)
    if not after:
        return [], describe(desired, hook, written=False)
    if _whole(after) and desired.secret is None and _has_secret(hook):
        raise Failure(
            Kind.REFUSED,
            tried="Updating the",
            on=desired.title,
            said="GitHub would drop its secret, which this task does not know",
            remedy="Give secret as well",
        )
    changed: dict[str, t.Any] = {**hook, **{name: after[name] for name in ("events", "active") if name in after}}
    changed["config"] = {**(hook.get("config") or {}), **_config(desired, after)}
    step = _step("update", desired, hook, Change(before, after), tuple(after))
    return [step], describe(desired, changed, written="secret" in after or _whole(after))


def plan_app(client: Client, desired: AppWebhook) -> tuple[list[Step], t.Any]:
    """Return the steps, and the configuration of the App's webhook as it will be."""
    hook = {"config": app_config(client)}
    before, after = _differences(desired, hook)
    if not after:
        return [], describe_app(desired, hook, written=False)
    changed = {"config": {**hook["config"], **_config(desired, after)}}
    step = _step("update", desired, hook, Change(before, after), tuple(after))
    return [step], describe_app(desired, changed, written="secret" in after)


def app_config(client: Client) -> dict[str, t.Any]:
    """Return the configuration of the App's webhook."""
    client.require_app()
    place = Place()
    found: dict[str, t.Any] = client.get(f"{place.path}/config", place.needs(), tried="Reading the", on="App's webhook")
    return found


def perform(client: Client, step: Step) -> t.Any:
    """Do one step; return the webhook after it."""
    write: HookWrite = step.desired
    desired: Webhook = write.of
    place, needs = desired.place, desired.place.needs()
    if step.verb == "delete":
        client.delete(place.one(write.hook["id"]), needs, tried="Deleting the", on=step.target)
        return None
    if step.verb == "create":

        def look() -> dict[str, t.Any] | None:
            """Return the webhook that an unanswered attempt made."""
            found = [hook for hook in all_hooks(client, place) if address_of(hook) == desired.url]
            return next((hook for hook in found if _differences(desired, hook, fresh=True)[1] == {}), None)

        body = {"name": "web", **_body(desired)}
        made = client.post(place.path, needs, body, look=look, tried="Creating the", on=step.target)
        return describe(desired, made, written=True)
    if _whole(write.fields):
        path = place.one(write.hook["id"])
        done = client.patch(path, needs, _body(desired), tried="Updating the", on=step.target)
        return describe(desired, done, written=True)
    config = _patch_config(client, place, write, step.target)
    return describe(desired, {**write.hook, "config": config}, written="secret" in write.fields)


def perform_app(client: Client, step: Step) -> t.Any:
    """Do one step; return the configuration of the App's webhook after it."""
    write: HookWrite = step.desired
    config = _patch_config(client, Place(), write, step.target)
    return describe_app(write.of, {"config": config}, written="secret" in write.fields)


def describe(desired: Webhook, hook: dict[str, t.Any], written: bool) -> dict[str, t.Any]:
    """Return what results show of a webhook; ``written`` when it now has the secret that was asked for."""
    own = {"secret_fingerprint": _fingerprint(desired, written), "ping": None}
    return {**describe_hook(hook, desired.place), **own}


def describe_hook(hook: dict[str, t.Any], place: Place) -> dict[str, t.Any]:
    """Return what is known of a webhook, in the words of results."""
    last = hook.get("last_response") or {}
    return {
        "id": hook.get("id"),
        "level": place.level,
        "owner": place.owner,
        "repository": place.repository,
        "url": address_of(hook),
        "events": sorted(hook.get("events") or []),
        "active": hook.get("active"),
        "content_type": (hook.get("config") or {}).get("content_type"),
        "insecure_ssl": _insecure(hook),
        "has_secret": _has_secret(hook),
        "last_status": last.get("code"),
        "created_at": hook.get("created_at"),
        "updated_at": hook.get("updated_at"),
    }


def describe_app(desired: AppWebhook, hook: dict[str, t.Any], written: bool) -> dict[str, t.Any]:
    """Return what results show of the App's webhook."""
    config = hook["config"]
    return {
        "url": address_of(hook),
        "content_type": config.get("content_type"),
        "insecure_ssl": _insecure(hook),
        "has_secret": _has_secret(hook),
        "secret_fingerprint": _fingerprint(desired, written),
    }


def _plan_absent(client: Client, desired: Webhook) -> list[Step]:
    found = [hook for hook in all_hooks(client, desired.place) if fits(hook, desired.url, desired.path_pattern)]
    steps = []
    for hook in found:
        before = {"url": address_of(hook), "events": sorted(hook.get("events") or [])}
        target = f"Webhook {address_of(hook)} of {desired.place.words}"
        steps.append(Step("github", "delete", target, HookWrite(desired, hook), Change(before, None)))
    return steps


def _step(
    verb: str, desired: Webhook | AppWebhook, hook: dict[str, t.Any], change: Change, fields: tuple[str, ...] = ()
) -> Step:
    unknown = holds_unknown(desired.url) or desired.secret == UNKNOWN
    return Step("github", verb, desired.title, HookWrite(desired, hook, fields), change, unknown=unknown)


def _wanted(desired: Webhook | AppWebhook) -> dict[str, t.Any]:
    """Return the fields that are asked for, but the secret."""
    fields: dict[str, t.Any] = {
        "url": desired.url,
        "content_type": desired.content_type,
        "insecure_ssl": desired.insecure_ssl,
    }
    if isinstance(desired, Webhook):
        fields |= {"events": list(desired.events), "active": desired.active}
    return {name: value for name, value in fields.items() if value is not None}


def _differences(
    desired: Webhook | AppWebhook, hook: dict[str, t.Any], fresh: bool = False
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Return the differing fields before and after; ``fresh`` takes any secret for ours, since we just made it."""
    there = {
        "url": address_of(hook),
        "content_type": (hook.get("config") or {}).get("content_type"),
        "insecure_ssl": _insecure(hook),
        "events": sorted(hook.get("events") or []),
        "active": hook.get("active"),
    }
    after = {name: value for name, value in _wanted(desired).items() if there[name] != value}
    before = {name: there[name] for name in after}
    if desired.secret is not None and not fresh and not _same_secret(desired, hook):
        known = f"fingerprint {desired.secret_fingerprint}" if desired.secret_fingerprint else "not readable"
        before["secret"] = known if _has_secret(hook) else "none"
        after["secret"] = _shown(desired.secret)
    return before, after


def _same_secret(desired: Webhook | AppWebhook, hook: dict[str, t.Any]) -> bool:
    """Tell whether the secret may stay, as far as can be known."""
    if not _has_secret(hook) or desired.update_secret == ALWAYS:
        return False
    if desired.secret_fingerprint is None or not isinstance(desired.secret, Sensitive):
        return True
    return desired.secret.fingerprint() == desired.secret_fingerprint


def _whole(fields: t.Iterable[str]) -> bool:
    """Tell whether a change concerns more than the configuration, so that the webhook is written as a whole."""
    return any(name not in _CONFIG for name in fields)


def _config(desired: Webhook | AppWebhook, fields: t.Iterable[str]) -> dict[str, t.Any]:
    """Return these fields of the configuration, as GitHub takes them."""
    values: dict[str, t.Any] = {
        "url": desired.url,
        "content_type": desired.content_type,
        "insecure_ssl": "1" if desired.insecure_ssl else "0",
        "secret": desired.secret,
    }
    return {name: values[name] for name in _CONFIG if name in fields}


def _body(desired: Webhook) -> dict[str, t.Any]:
    fields = _CONFIG if desired.secret is not None else _CONFIG[:-1]
    return {"active": desired.active, "events": list(desired.events), "config": _config(desired, fields)}


def _patch_config(client: Client, place: Place, write: HookWrite, target: str) -> dict[str, t.Any]:
    path = f"{place.one(write.hook.get('id'))}/config"
    config: dict[str, t.Any] = client.patch(
        path, place.needs(), _config(write.of, write.fields), tried="Updating the", on=target
    )
    return config


def _predicted(desired: Webhook) -> dict[str, t.Any]:
    born = {"id": UNKNOWN, "created_at": UNKNOWN, "updated_at": UNKNOWN, "active": desired.active}
    config = _config(desired, _CONFIG if desired.secret is not None else _CONFIG[:-1])
    return describe(desired, {**born, "events": list(desired.events), "config": config}, written=True)


def _has_secret(hook: dict[str, t.Any]) -> bool:
    return bool((hook.get("config") or {}).get("secret"))


def _insecure(hook: dict[str, t.Any]) -> bool:
    return str((hook.get("config") or {}).get("insecure_ssl", "0")) == "1"


def _fingerprint(desired: Webhook | AppWebhook, written: bool) -> str | None:
    """Return the fingerprint of the secret that GitHub has now, if that is known."""
    if not isinstance(desired.secret, Sensitive):
        return desired.secret
    own = desired.secret.fingerprint()
    return own if written or desired.secret_fingerprint == own else None


def _shown(secret: Sensitive | str | None) -> str:
    return f"fingerprint {secret.fingerprint()}" if isinstance(secret, Sensitive) else str(secret)
