# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TunnelRules: our rules among those of others in the configuration of a remotely managed tunnel.

In: TunnelRules and a client. Out: steps, and the rules as plain data.
Never here: the tunnel itself, a local configuration file; a rule of somebody else is never changed, moved or dropped.

The configuration is one document with several writers, no comments and no precondition. So a rule is known by host
name and path. One that also has our service is ours, whatever else it says; one with another service is foreign
unless the caller says ``adopt``. Writes go under a lock of the run, are read back, and are repeated when they are
gone (N6).
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step, holds_unknown
from .client import Client
from .cloudflared import CATCH_ALL, ORIGIN_DURATIONS, ORIGIN_KEYS, is_uuid
from .tunnel import REMOTE, config_src, get_tunnel

Rule = dict[str, t.Any]

WRITES = 5
_NAMED_SERVICES = ("hello_world", "bastion", "socks-proxy")
_SCHEMES = ("http", "https", "ws", "wss", "tcp", "ssh", "rdp", "smb")
_HOST = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class TunnelRules:
    """Rules that should be in a tunnel's configuration, or not.

    Each rule has ``hostname``, ``service`` and may have ``path`` and ``originRequest`` (in the API's words, durations
    in whole seconds); without ``present`` the service may be left out, which means any. ``tunnel_id`` may be UNKNOWN.
    ``owner`` names the caller in messages. The order of the rules is kept. Raises Failure(invalid) for rules that
    Cloudflare would refuse or that could never match.
    """

    tunnel_id: str
    rules: tuple[Rule, ...]
    owner: str = "aphex.platform"
    adopt: bool = False
    present: bool = True

    def __post_init__(self) -> None:
        if not holds_unknown(self.tunnel_id) and not is_uuid(self.tunnel_id):
            raise invalid(f"The tunnel id {self.tunnel_id[:80]!r}", "it is no UUID", "Give the id, not the name")
        if not self.rules:
            raise invalid("The tunnel rules", "there is none", "Name at least one host")
        for position, rule in enumerate(self.rules):
            _check_rule(rule, self.present)
            for earlier in self.rules[:position]:
                if shadows(earlier, rule) and (self.present or _key(earlier) == _key(rule)):
                    raise invalid(
                        f"The tunnel rule for {_label(rule)}",
                        f"it never matches, the one for {_label(earlier)} before it takes all of its requests",
                        "Put it first, or leave it out",
                    )

    @classmethod
    def from_params(cls, params: dict[str, t.Any], check: bool = False) -> TunnelRules:
        """Return the rules that a module's params ask for.

        In check mode, a tunnel id that an earlier task would have made known is null and counts as UNKNOWN.
        """
        if params["tunnel_id"] is None and not check:
            raise invalid("tunnel_id", "it is missing", "Give the id of the tunnel")
        return cls(
            tunnel_id=UNKNOWN if params["tunnel_id"] is None else params["tunnel_id"],
            rules=tuple(_rule_of(item) for item in params["rules"]),
            adopt=params["adopt"],
            present=params["state"] == "present",
        )

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "cloudflare"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Rules of {self.owner} in tunnel {self.tunnel_id}"


def plan(client: Client, desired: TunnelRules) -> tuple[list[Step], t.Any]:
    """Return the steps, and the rules as they will be."""
    if holds_unknown(desired.tunnel_id):
        ingress = merge([], desired) if desired.present else []
        steps = [_step(desired, None, {"ingress": _view(ingress, desired)})] if desired.present else []
        return steps, _result(desired, ingress, UNKNOWN)
    tunnel = get_tunnel(client, desired.tunnel_id)
    if tunnel is None:
        if desired.present:
            raise _no_tunnel(desired)
        return [], None
    if config_src(tunnel) != REMOTE:
        raise _local_tunnel(desired, tunnel)
    config, version = _read(client, desired)
    before = _ingress(config)
    after = merge(before, desired)
    if before == after:
        return [], _result(desired, after, version)
    step = _step(desired, {"ingress": _view(before, desired)}, {"ingress": _view(after, desired)})
    return [step], _result(desired, after, UNKNOWN)


def perform(client: Client, step: Step) -> t.Any:
    """Write until our rules stand as desired; return them."""
    desired: TunnelRules = step.desired
    with client.runtime.cache.lock(f"cloudflare tunnel rules {desired.tunnel_id}"):
        attempt, waited = 0, 0.0
        while True:
            config, version = _read(client, desired)
            before = _ingress(config)
            after = merge(before, desired)
            if before == after:
                return _result(desired, after, version)
            attempt += 1
            if attempt > WRITES:
                raise _rewritten(desired)
            if attempt > 1:
                delay = client.backoff.delay(attempt - 1, waited) or 0.0
                client.sleep(delay)
                waited += delay
            path = _path(client, desired)
            client.put(path, {"config": {**config, "ingress": after}}, tried="Writing the", on=desired.title)


def merge(ingress: list[Rule], desired: TunnelRules) -> list[Rule]:
    """Return the whole list with our rules in it, or without them. Raises Failure(refused) for a foreign rule. Pure."""
    body, last = _split(ingress)
    if not desired.present:
        kept = [rule for rule in body if not _is_meant(rule, desired)]
        return ingress if kept == body else [*kept, last]
    for rule in desired.rules:
        body = _with_rule(body, rule, desired)
    return [*body, last]


def shadows(earlier: Rule, later: Rule) -> bool:
    """Tell whether every request for the later rule is taken by the earlier one, as far as that can be told.

    Paths are regular expressions; only an empty one and an equal one are known to cover another.
    """
    host, other = _key(earlier)[0], _key(later)[0]
    covers = host in ("", "*", other) or (host.startswith("*.") and other.endswith(host[1:]))
    return covers and _key(earlier)[1] in ("", _key(later)[1])


def _with_rule(body: list[Rule], rule: Rule, desired: TunnelRules) -> list[Rule]:
    """Put one rule of ours in its place: where it stands, else last, but before the first rule that would shadow it."""
    body = list(body)
    there = next((index for index, item in enumerate(body) if _key(item) == _key(rule)), None)
    if there is None:
        there = len(body)
        placed = dict(rule)
    else:
        placed = _taken_over(body.pop(there), rule, desired)
    shadowed = next((index for index, item in enumerate(body[:there]) if shadows(item, rule)), there)
    body.insert(shadowed, placed)
    return body


def _taken_over(found: Rule, rule: Rule, desired: TunnelRules) -> Rule:
    """Return the rule that is there with our values; keys that we do not know are left alone."""
    if _managed(found) == _managed(rule):
        return found
    if found.get("service") != rule["service"] and not desired.adopt:
        raise Failure(
            Kind.REFUSED,
            tried="Taking the tunnel rule",
            on=_label(rule),
            said=f"it leads to {found.get('service')} and not to {rule['service']}, so it may be somebody else's",
            remedy="Choose another host name or path, or set adopt: true to take that rule over",
        )
    kept = {key: value for key, value in found.items() if key != "originRequest"}
    return {**kept, **rule}


def _is_meant(found: Rule, desired: TunnelRules) -> bool:
    """Tell whether a rule should be gone; one with another service than the named one stays unless told."""
    for rule in desired.rules:
        if _key(rule) == _key(found):
            return desired.adopt or not rule.get("service") or rule["service"] == found.get("service")
    return False


def _split(ingress: list[Rule]) -> tuple[list[Rule], Rule]:
    """Return the rules before the catch-all, and the catch-all; a missing one answers 404."""
    if ingress and _key(ingress[-1]) in (("", ""), ("*", "")):
        return list(ingress[:-1]), ingress[-1]
    return list(ingress), {"service": CATCH_ALL}


def _key(rule: Rule) -> tuple[str, str]:
    return (str(rule.get("hostname") or "").lower(), str(rule.get("path") or ""))


def _label(rule: Rule) -> str:
    return "".join(_key(rule)[:1]) + (f" path {rule['path']}" if rule.get("path") else "")


def _managed(rule: Rule) -> Rule:
    """Return what we manage of a rule, without what is empty."""
    values = {key: rule.get(key) for key in ("service", "originRequest")}
    return {"key": _key(rule), **{key: value for key, value in values.items() if value}}


def _view(ingress: list[Rule], desired: TunnelRules) -> list[Rule]:
    """Return the whole list for people, in order: ours and foreign ones."""
    ours = {_key(rule) for rule in desired.rules}
    return [{**rule, "owned": _key(rule) in ours} for rule in ingress]


def _result(desired: TunnelRules, ingress: list[Rule], version: int | str) -> dict[str, t.Any]:
    ours = {_key(rule) for rule in desired.rules}
    return {
        "tunnel_id": desired.tunnel_id,
        "version": version,
        "rules": [rule for rule in ingress if _key(rule) in ours],
        "ingress": ingress,
    }


def _step(desired: TunnelRules, before: t.Any, after: t.Any) -> Step:
    unknown = holds_unknown(desired.tunnel_id)
    return Step("cloudflare", "update", desired.title, desired, Change(before, after), unknown=unknown)


def _path(client: Client, desired: TunnelRules) -> str:
    return f"/accounts/{client.account_id}/cfd_tunnel/{desired.tunnel_id}/configurations"


def _read(client: Client, desired: TunnelRules) -> tuple[dict[str, t.Any], int]:
    found = client.get(_path(client, desired), tried="Reading the rules of the tunnel", on=desired.tunnel_id) or {}
    return dict(found.get("config") or {}), int(found.get("version") or 0)


def _ingress(config: dict[str, t.Any]) -> list[Rule]:
    return list(config.get("ingress") or [])


def _no_tunnel(desired: TunnelRules) -> Failure:
    return Failure(
        Kind.MISSING,
        tried="Reading the tunnel",
        on=desired.tunnel_id,
        said="there is no live tunnel with this id in the account",
        remedy="Create it first, with config_src: cloudflare",
    )


def _local_tunnel(desired: TunnelRules, tunnel: dict[str, t.Any]) -> Failure:
    return Failure(
        Kind.REFUSED,
        tried="Writing rules of the tunnel",
        on=f"{tunnel.get('name')} ({desired.tunnel_id})",
        said="it is managed locally, its connectors read their own configuration file and not these rules",
        remedy="Write the rules into that file, or use a tunnel with config_src: cloudflare",
    )


def _rewritten(desired: TunnelRules) -> Failure:
    return Failure(
        Kind.CONFLICT,
        tried="Writing the",
        on=desired.title,
        said=f"they were written {WRITES} times, and each time something else replaced them",
        remedy="Look for a second writer of this tunnel's configuration",
    )


def _rule_of(params: dict[str, t.Any]) -> Rule:
    """Return a rule in the API's words; what is not said is left out."""
    names = {"hostname": "hostname", "path": "path", "service": "service", "origin_request": "originRequest"}
    rule = {name: params[key] for key, name in names.items() if params.get(key)}
    return {**rule, "hostname": str(rule.get("hostname", "")).lower()}


def _check_rule(rule: Rule, present: bool) -> None:
    what = f"The tunnel rule for {_label(rule)[:120]!r}"
    if not _HOST.fullmatch(str(rule.get("hostname") or "")):
        raise invalid(what, "its hostname is no host name", "Write it without port or scheme, with *. only in front")
    if any(letter.isspace() for letter in str(rule.get("path") or "")):
        raise invalid(what, "its path has blanks", "Write a regular expression such as ^/hook/")
    if rule.get("service"):
        _check_service(what, str(rule["service"]))
    elif present:
        raise invalid(what, "its service is missing", "Say where requests go, such as http://web.shop:8080")
    for key, value in (rule.get("originRequest") or {}).items():
        if key not in ORIGIN_KEYS:
            raise invalid(what, f"originRequest has no key {key!r}", f"Use one of {', '.join(sorted(ORIGIN_KEYS))}")
        if key in ORIGIN_DURATIONS and (isinstance(value, bool) or not isinstance(value, int)):
            raise invalid(what, f"{key} is no whole number of seconds")


def _check_service(what: str, service: str) -> None:
    if service in _NAMED_SERVICES or service.startswith(("unix:/", "unix+tls:/")):
        return
    if re.fullmatch(r"http_status:[1-9][0-9]{2}", service):
        return
    try:
        parts = urlsplit(service)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise invalid(what, f"its service {service[:120]!r} is no address", "Write it such as http://web.shop:8080")
    if parts.path or parts.query or parts.fragment:
        raise invalid(what, f"its service {service[:120]!r} has a path", "Leave it out: the request's path is kept")
