"""Cloudflare's zones and DNS records: ``/zones`` and ``/zones/{zone}/dns_records``.

In: requests of the API, and a host name that the edge looks up. Out: answers, and the record behind a name.
Never here: what a record leads to.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.standins.cloudflare_answers import Refused, not_allowed, ok, page, zone_not_allowed
from tests.sandbox.standins.server import Answer, Clock, Request, Route, route

ID = "([0-9a-f]{32})"
TYPES = ("A", "AAAA", "CNAME", "TXT", "MX", "NS", "CAA", "SRV")
PROXIABLE = ("A", "AAAA", "CNAME")
PLANS = {"free": (100, 0, 200), "pro": (500, 20, 3500), "business": (500, 20, 3500), "enterprise": (500, 20, 3500)}
"""Of each plan: characters of a comment, tags of a record, records of a zone."""
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
TEXT_FILTERS = ("name", "content", "comment")
WRITABLE = ("type", "name", "content", "proxied", "ttl", "comment", "tags", "priority", "data", "settings")


@dataclass
class Record:
    """One DNS record, as the API shows it."""

    id: str
    type: str
    name: str
    content: str
    proxied: bool
    ttl: int
    comment: str | None
    tags: list[str]
    created_on: str
    modified_on: str

    def view(self) -> dict[str, Any]:
        return {**vars(self), "proxiable": self.type in PROXIABLE, "settings": {}, "meta": {}}


@dataclass
class Zone:
    """One zone with its records."""

    id: str
    name: str
    account_id: str
    account_name: str
    plan: str
    status: str
    created_on: str
    records: dict[str, Record] = field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "paused": False,
            "type": "full",
            "development_mode": 0,
            "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
            "account": {"id": self.account_id, "name": self.account_name},
            "plan": {"id": self.plan, "name": f"{self.plan.capitalize()} Website", "legacy_id": self.plan},
            "created_on": self.created_on,
            "modified_on": self.created_on,
            "activated_on": self.created_on if self.status == "active" else None,
        }


class Dns:
    """All zones of all accounts. The caller holds the lock and has checked the token's rights."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zones: dict[str, Zone] = {}

    def routes(self, base: str) -> list[Route]:
        records = f"{base}/zones/{ID}/dns_records"
        return [
            route("GET", f"{base}/zones", self._list_zones),
            route("GET", f"{base}/zones/{ID}", self._get_zone),
            route("GET", records, self._list),
            route("POST", records, self._create),
            route("GET", f"{records}/{ID}", lambda request: ok(self._record(request).view())),
            route("PUT", f"{records}/{ID}", lambda request: self._update(request, whole=True)),
            route("PATCH", f"{records}/{ID}", lambda request: self._update(request, whole=False)),
            route("DELETE", f"{records}/{ID}", self._delete),
        ]

    def add_zone(self, name: str, account_id: str, account_name: str, plan: str, status: str) -> Zone:
        zone = Zone(secrets.token_hex(16), name, account_id, account_name, plan, status, self._clock.stamp())
        self._zones[zone.id] = zone
        return zone

    def all(self) -> list[Zone]:
        return list(self._zones.values())

    def lookup(self, host: str) -> tuple[Zone, Record] | None:
        """Return the record (A, AAAA or CNAME) that answers for a host: the exact name, else the nearest wildcard."""
        labels = host.split(".")
        names = [host] + ["*." + ".".join(labels[cut:]) for cut in range(1, len(labels))]
        for name in names:
            for zone in self._zones.values():
                for record in zone.records.values():
                    if record.name == name and record.type in PROXIABLE and zone.status == "active":
                        return zone, record
        return None

    def _list_zones(self, request: Request) -> Answer:
        wanted = {
            "name": request.argument("name"),
            "status": request.argument("status"),
            "account_id": request.argument("account.id"),
            "account_name": request.argument("account.name"),
        }
        found = [
            zone.view()
            for zone in sorted(self._zones.values(), key=lambda zone: zone.name)
            if all(value in (None, getattr(zone, key)) for key, value in wanted.items())
        ]
        return page(found, request, default=20, most=50)

    def _get_zone(self, request: Request) -> Answer:
        zone = self._zones.get(request.params[0])
        if zone is None:
            raise zone_not_allowed()
        return ok(zone.view())

    def _zone(self, request: Request) -> Zone:
        zone = self._zones.get(request.params[0])
        if zone is None:
            raise not_allowed()
        return zone

    def _record(self, request: Request) -> Record:
        record = self._zone(request).records.get(request.params[1])
        if record is None:
            raise Refused(404, 81044, "Record does not exist.")
        return record

    def _list(self, request: Request) -> Answer:
        found = [record.view() for record in self._zone(request).records.values() if _passes(record, request)]
        order = request.argument("order") or "type"
        if order in ("type", "name", "content", "ttl", "proxied"):
            found.sort(
                key=lambda record: (record[order], record["name"]), reverse=request.argument("direction") == "desc"
            )
        return page(found, request, default=100, most=5_000_000)

    def _create(self, request: Request) -> Answer:
        zone = self._zone(request)
        record = self._checked(zone, {"proxied": False, "ttl": 1, **_body(request)}, None)
        if len(zone.records) >= PLANS[zone.plan][2]:
            raise Refused(400, 81045, "The record quota has been exceeded.")
        zone.records[record.id] = record
        return ok(record.view())

    def _update(self, request: Request, whole: bool) -> Answer:
        """PUT replaces the record: what is not said falls back to its default, the comment too. PATCH keeps it."""
        zone, old = self._zone(request), self._record(request)
        kept = {"proxied": False, "ttl": 1} if whole else old.view()
        record = self._checked(zone, {**kept, **_body(request)}, old)
        zone.records[old.id] = record
        return ok(record.view())

    def _delete(self, request: Request) -> Answer:
        record = self._record(request)
        del self._zone(request).records[record.id]
        return ok({"id": record.id})

    def _checked(self, zone: Zone, body: dict[str, Any], old: Record | None) -> Record:
        """Return the record that the body describes, or raise what the API would refuse it with."""
        kind, name, content = (body.get(key) for key in ("type", "name", "content"))
        if not all(isinstance(value, str) and value for value in (kind, name, content)) or kind not in TYPES:
            raise Refused(400, 9207, "Request body is invalid.")
        proxied = body["proxied"] is True
        now = self._clock.stamp()
        record = Record(
            id=old.id if old else secrets.token_hex(16),
            type=str(kind),
            name=_full_name(str(name), zone),
            content=_content(str(kind), str(content)),
            proxied=proxied,
            ttl=1 if proxied else _ttl(body["ttl"]),
            comment=_comment(body.get("comment"), zone),
            tags=_tags(body.get("tags") or [], zone),
            created_on=old.created_on if old else now,
            modified_on=now,
        )
        if proxied and kind not in PROXIABLE:
            raise Refused(400, 9004, "This record type cannot be proxied.")
        for other in zone.records.values():
            if other is not old:
                _refuse_conflict(record, other)
        return record


def _refuse_conflict(record: Record, other: Record) -> None:
    """Refuse two records that cannot live side by side under one name."""
    if record.name != other.name:
        return
    if record.type == "CNAME" and other.type in PROXIABLE:
        raise Refused(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
    if other.type == "CNAME" and record.type in PROXIABLE:
        raise Refused(400, 81054, "A CNAME record with that host already exists.")
    if record.type == "CNAME" and other.type == "NS":
        raise Refused(400, 81056, "NS records with that host already exist.")
    if (record.type, record.content) == (other.type, other.content):
        raise Refused(400, 81058, "An identical record already exists.")


def _full_name(name: str, zone: Zone) -> str:
    """Return the whole name in lower case; a name outside the zone gets the zone appended, as the API does."""
    name = name.lower().rstrip(".")
    if name == "@":
        return zone.name
    if name != zone.name and not name.endswith(f".{zone.name}"):
        name = f"{name}.{zone.name}"
    labels = name.removeprefix("*.").split(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise Refused(400, 9000, "DNS name is invalid.")
    return name


def _content(kind: str, content: str) -> str:
    if kind in ("A", "AAAA"):
        version, code = (4, 9005) if kind == "A" else (6, 9006)
        try:
            address = ipaddress.ip_address(content)
        except ValueError:
            address = None
        if address is None or address.version != version:
            raise Refused(400, code, f"Content for {kind} record must be a valid IPv{version} address.")
        return str(address)
    if kind == "CNAME":
        content = content.lower().rstrip(".")
        if not all(LABEL.fullmatch(label) for label in content.split(".")):
            raise Refused(400, 9007, "Content for CNAME record is invalid.")
    return content


def _ttl(ttl: Any) -> int:
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not (ttl == 1 or 60 <= ttl <= 86400):
        raise Refused(400, 9021, "TTL must be between 60 and 86400 seconds, or 1 for Automatic.")
    return ttl


def _comment(comment: Any, zone: Zone) -> str | None:
    if comment is None or comment == "":
        return None
    most = PLANS[zone.plan][0]
    if len(str(comment)) > most:
        raise Refused(400, 9313, f"DNS record comment exceeds the maximum length of {most} characters.")
    return str(comment)


def _tags(tags: list[str], zone: Zone) -> list[str]:
    most = PLANS[zone.plan][1]
    if len(tags) > most:
        raise Refused(400, 9300, f"DNS record has {len(tags)} tags, exceeding the quota of {most}.")
    return [str(tag) for tag in tags]


def _body(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError as error:
        raise Refused(400, 9207, "Request body is invalid.") from error
    if not isinstance(body, dict):
        raise Refused(400, 9207, "Request body is invalid.")
    return {key: value for key, value in body.items() if key in WRITABLE}


def _passes(record: Record, request: Request) -> bool:
    """Say whether a list's filters let a record through: all of them, or any with ``match=any``."""
    verdicts = []
    for key in ("type", "proxied"):
        wanted = request.argument(key)
        if wanted is not None:
            verdicts.append(wanted.lower() == str(getattr(record, key)).lower())
    for key in TEXT_FILTERS:
        verdicts += _text_verdicts(key, getattr(record, key), request)
    search = request.argument("search")
    if search is not None:
        verdicts.append(search.lower() in f"{record.name} {record.content} {record.comment or ''}".lower())
    return (any if request.argument("match") == "any" and verdicts else all)(verdicts)


def _text_verdicts(key: str, text: str | None, request: Request) -> list[bool]:
    """Judge the filters ``key``, ``key.exact``, ``key.contains``... of one field; case does not matter."""
    have = (text or "").lower()
    tests: dict[str, Callable[[str], bool]] = {
        "": lambda wanted: have == wanted,
        ".exact": lambda wanted: have == wanted,
        ".contains": lambda wanted: wanted in have,
        ".startswith": have.startswith,
        ".endswith": have.endswith,
        ".present": lambda wanted: bool(have),
        ".absent": lambda wanted: not have,
    }
    found = ((test, request.argument(key + suffix)) for suffix, test in tests.items())
    return [test(wanted.lower()) for test, wanted in found if wanted is not None]
