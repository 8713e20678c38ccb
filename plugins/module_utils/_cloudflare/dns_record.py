# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DnsRecord: one record of a zone, owned by its comment.

In: a DnsRecord and a client. Out: steps, and what is known of the record as plain data.
Never here: a tunnel; a record whose comment is not ours is never changed unless told.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step, holds_unknown
from .client import Client, CloudflareFailure

TYPES = ("A", "AAAA", "CNAME", "TXT")
DEFAULT_OWNER = "aphex.platform"
AUTOMATIC = 1
SHORTEST, LONGEST = 60, 86400
LONGEST_COMMENT = 100
LONGEST_TEXT = 2048
_ADDRESSES = ("A", "AAAA")
_HOSTS = ("A", "AAAA", "CNAME")  # only these can be proxied, and a CNAME stands alone among them
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_STRING_BYTES = 255
_PLAN_ORDER = {"delete": 0, "create": 1, "update": 1}


@dataclass(frozen=True)
class DnsRecord:
    """A record that should be there, or not.

    ``name`` is whole (``www.example.org``), ``content`` may hold UNKNOWN, and may be None only for ``present=False``:
    then every owned record of that name and type goes. ``ttl`` is in seconds, 1 is automatic and the only value of a
    proxied record. ``exclusive`` makes it the only owned record of its name and type; without it, several A, AAAA or
    TXT records stand side by side. Raises Failure(invalid) for values that Cloudflare would refuse.
    """

    zone: str
    name: str
    type: str
    content: str | None
    proxied: bool = False
    ttl: int = AUTOMATIC
    owner: str = DEFAULT_OWNER
    adopt: bool = False
    present: bool = True
    exclusive: bool = True

    def __post_init__(self) -> None:
        _check_name("The zone", self.zone)
        _check_name("The DNS record", self.name)
        if self.name != self.zone and not self.name.endswith(f".{self.zone}"):
            raise invalid(f"The DNS record {self.name!r}", f"it is not in the zone {self.zone}")
        if self.type not in TYPES:
            raise invalid(f"The DNS record type {self.type[:20]!r}", f"it is none of {', '.join(TYPES)}")
        printable = re.fullmatch(r"[\x20-\x7e]+", self.comment)
        if not self.owner.strip() or not printable or len(self.comment) > LONGEST_COMMENT:
            raise invalid(
                f"The owner {self.owner[:120]!r}",
                f"it must be plain text that fits a comment of {LONGEST_COMMENT} characters",
            )
        if self.proxied and self.type not in _HOSTS:
            raise invalid(self.title, f"a {self.type} record cannot be proxied", "Set proxied: false")
        if self.ttl != AUTOMATIC and not SHORTEST <= self.ttl <= LONGEST:
            raise invalid(
                self.title, f"ttl {self.ttl} is neither 1 (automatic) nor between {SHORTEST} and {LONGEST} seconds"
            )
        self._check_content()

    def _check_content(self) -> None:
        if self.content is None:
            if self.present:
                raise invalid(self.title, "content is missing", "Say what the record should hold")
        elif not holds_unknown(self.content):
            normal(self.type, self.content)

    @classmethod
    def from_params(cls, params: dict[str, t.Any], check: bool = False) -> DnsRecord:
        """Return the record that a module's params ask for.

        In check mode, content that an earlier task would have made known is null and counts as UNKNOWN.
        """
        present = params["state"] == "present"
        zone = params["zone"].lower().rstrip(".")
        content = params["content"]
        return cls(
            zone=zone,
            name=whole_name(params["record"], zone),
            type=params["type"],
            content=UNKNOWN if content is None and present and check else content,
            proxied=params["proxied"],
            ttl=params["ttl"],
            owner=params["owner"],
            adopt=params["adopt"],
            present=present,
            exclusive=params["exclusive"],
        )

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "cloudflare"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs; one of several records of a name shows its content."""
        one_of_many = self.type != "CNAME" and not self.exclusive and self.content
        return _title(self.name, self.type, self.content if one_of_many else None)

    @property
    def comment(self) -> str:
        """The comment that says whose the record is."""
        return marker(self.owner)

    def fields(self) -> dict[str, t.Any]:
        """Return the fields that we manage, as Cloudflare compares them."""
        content = self.content or ""
        return {
            "content": content if holds_unknown(content) else normal(self.type, content),
            "proxied": self.proxied,
            "ttl": AUTOMATIC if self.proxied else self.ttl,
            "comment": self.comment,
        }


@dataclass(frozen=True)
class RecordWrite:
    """What ``perform`` needs: the record that was asked for, and the id of the one to change or to delete."""

    of: DnsRecord
    record_id: str = ""


def marker(owner: str) -> str:
    """Return the comment of an owner's records. Whoever edits it takes the record over."""
    return DEFAULT_OWNER if owner == DEFAULT_OWNER else f"{DEFAULT_OWNER} {owner}"


def whole_name(record: str, zone: str) -> str:
    """Return the whole name of a record given as ``@``, relative to its zone, or whole."""
    name = record.lower().rstrip(".")
    if name in ("@", "", zone):
        return zone
    return name if name.endswith(f".{zone}") else f"{name}.{zone}"


def normal(kind: str, content: str) -> str:
    """Return content in the one spelling in which two equal contents are equal texts. Raises Failure(invalid)."""
    if kind in _ADDRESSES:
        return _address(kind, content)
    if kind == "CNAME":
        return _check_name("The CNAME content", content.lower().rstrip("."))
    text = _unquoted(content)
    if not text or len(text) > LONGEST_TEXT:
        raise invalid("The TXT content", f"it is empty or longer than {LONGEST_TEXT} characters")
    return text


def find_records(client: Client, zone: str, name: str | None = None, kind: str | None = None) -> list[dict[str, t.Any]]:
    """Return the records of a zone, or those of exactly this name, or of this type, in a stable order."""
    query = {key: value for key, value in (("name", name), ("type", kind)) if value}
    path = f"/zones/{client.zone_id(zone)}/dns_records"
    found = client.list(path, query, tried="Looking for the DNS records of", on=name or zone)
    mine = [item for item in found if name in (None, item.get("name")) and kind in (None, item.get("type"))]
    return sorted(mine, key=lambda item: (str(item.get("name")), str(item.get("type")), str(item.get("content"))))


def describe(record: dict[str, t.Any], zone: str) -> dict[str, t.Any]:
    """Return what results show of a record."""
    keys = ("id", "name", "type", "content", "proxied", "ttl", "comment")
    return {"zone": zone, **{key: record.get(key) for key in keys}}


def plan(client: Client, desired: DnsRecord) -> tuple[list[Step], t.Any]:
    """Return the steps, and the record as it will be."""
    records = find_records(client, desired.zone, desired.name)
    if not desired.present:
        return [_delete(desired, item) for item in records if _is_meant(desired, item)], None
    rivals = [item for item in records if _conflicts(desired, item)]
    foreign = [item for item in rivals if not (desired.adopt or owned(desired, item))]
    if foreign:
        raise _refusal(desired, foreign[0])
    kept = _kept(desired, rivals)
    steps = [_delete(desired, item) for item in rivals if item is not kept]
    result = {"id": UNKNOWN, "name": desired.name, "type": desired.type, **desired.fields()}
    if kept is None:
        steps.append(_step("create", desired, "", Change(None, {"type": desired.type, **desired.fields()})))
    else:
        result["id"] = kept["id"]
        before = _fields_of(kept)
        if before != desired.fields():
            steps.append(_step("update", desired, kept["id"], Change(before, desired.fields())))
    return steps, describe(result, desired.zone)


def perform(client: Client, step: Step) -> t.Any:
    """Do one step; return the record after it."""
    write: RecordWrite = step.desired
    desired = write.of
    path = f"/zones/{client.zone_id(desired.zone)}/dns_records"
    if step.verb == "delete":
        return client.delete(f"{path}/{write.record_id}", tried="Deleting the", on=step.target)
    if step.verb == "create":
        record = client.post(
            path, _body(desired), look=lambda: _look_for(client, desired), tried="Creating the", on=step.target
        )
    else:
        path = f"{path}/{write.record_id}"
        record = client.patch(
            path, _body(desired), look=lambda: _look_at(client, path, desired), tried="Updating the", on=step.target
        )
    return describe({**record, **_fields_of(record)}, desired.zone)


def owned(desired: DnsRecord, record: dict[str, t.Any]) -> bool:
    """Tell whether a record carries the comment of the desired one's owner."""
    return record.get("comment") == desired.comment


def _check_name(what: str, name: str) -> str:
    labels = name.removeprefix("*.").split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise invalid(
            f"{what} {name[:80]!r}",
            "it is no DNS name",
            "Use letters, digits and hyphens, labels of at most 63 characters, other alphabets in their xn-- spelling",
        )
    return name


def _address(kind: str, content: str) -> str:
    try:
        return str(ipaddress.IPv4Address(content) if kind == "A" else ipaddress.IPv6Address(content))
    except ValueError as error:
        version = "IPv4" if kind == "A" else "IPv6"
        raise invalid(f"The {kind} content {content[:80]!r}", f"it is no {version} address") from error


def _unquoted(content: str) -> str:
    """Return the text of a TXT record: its quoted strings joined, or the content itself when it has no quotes."""
    parts = _QUOTED.findall(content)
    if not parts or _QUOTED.sub("", content).strip():
        return content
    return re.sub(r"\\(.)", r"\1", "".join(parts))


def _quoted(text: str) -> str:
    """Return a text as quoted strings of at most 255 bytes, as Cloudflare wants it."""
    raw = text.encode()
    parts, start = [], 0
    while start < len(raw):
        end = min(start + _STRING_BYTES, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(raw[start:end].decode())
        start = end
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def _title(name: str, kind: str, content: str | None) -> str:
    shown = f"{kind} {content[:60]}" if content else kind
    return f"DNS record {name} ({shown})"


def _same_content(kind: str, record: dict[str, t.Any], content: str | None) -> bool:
    if content is None or holds_unknown(content) or record.get("type") != kind:
        return False
    return _normal_or_raw(kind, str(record.get("content"))) == normal(kind, content)


def _normal_or_raw(kind: str, content: str) -> str:
    """Return what is there in its one spelling; content that our rules refuse stands as it is."""
    try:
        return normal(kind, content)
    except Failure:
        return content


def _fields_of(record: dict[str, t.Any]) -> dict[str, t.Any]:
    kind = str(record.get("type"))
    content = str(record.get("content"))
    return {
        "content": _normal_or_raw(kind, content) if kind in TYPES else content,
        "proxied": bool(record.get("proxied")),
        "ttl": record.get("ttl"),
        "comment": record.get("comment"),
    }


def _conflicts(desired: DnsRecord, record: dict[str, t.Any]) -> bool:
    """Tell whether a record cannot stay as it is beside the desired one.

    A CNAME stands alone; addresses of one type share the traffic, so they conflict unless several are wanted; texts
    stand side by side, so only our own former one is in the way.
    """
    kind = record.get("type")
    if _same_content(desired.type, record, desired.content):
        return True
    if desired.type == "TXT":
        return kind == "TXT" and desired.exclusive and owned(desired, record)
    if desired.type == "CNAME" or kind == "CNAME":
        return kind in _HOSTS
    return kind == desired.type and desired.exclusive


def _kept(desired: DnsRecord, rivals: list[dict[str, t.Any]]) -> dict[str, t.Any] | None:
    """Return the record to leave or to update: of the same content, else ours, else any of that type."""
    same_type = [item for item in rivals if item.get("type") == desired.type]

    def distance(record: dict[str, t.Any]) -> tuple[bool, bool]:
        return (not _same_content(desired.type, record, desired.content), not owned(desired, record))

    return min(same_type, key=distance, default=None)


def _is_meant(desired: DnsRecord, record: dict[str, t.Any]) -> bool:
    """Tell whether a record is one that should be absent; a foreign one stays unless told."""
    if record.get("type") != desired.type or not (desired.adopt or owned(desired, record)):
        return False
    return desired.content is None or _same_content(desired.type, record, desired.content)


def _refusal(desired: DnsRecord, record: dict[str, t.Any]) -> Failure:
    kind = str(record.get("type"))
    there = f"{kind} {_fields_of(record)['content'][:100]}"
    return Failure(
        Kind.REFUSED,
        tried="Taking the DNS name",
        on=desired.name,
        said=f"its record {there} does not carry the comment {desired.comment!r}, so it is somebody else's",
        remedy="Choose another name, or set adopt: true to take that record over",
    )


def _step(verb: str, desired: DnsRecord, record_id: str, change: Change) -> Step:
    return Step(
        "cloudflare",
        verb,
        desired.title,
        RecordWrite(desired, record_id),
        change,
        rank=_PLAN_ORDER[verb],
        unknown=holds_unknown(desired.content) and verb != "delete",
    )


def _delete(desired: DnsRecord, record: dict[str, t.Any]) -> Step:
    kind = str(record.get("type"))
    fields = _fields_of(record)
    target = _title(desired.name, kind, None if kind == "CNAME" else fields["content"])
    change = Change({"type": kind, **fields}, None)
    return Step("cloudflare", "delete", target, RecordWrite(desired, record["id"]), change, rank=_PLAN_ORDER["delete"])


def _body(desired: DnsRecord) -> dict[str, t.Any]:
    fields = desired.fields()
    if desired.type == "TXT":
        fields["content"] = _quoted(fields["content"])
        del fields["proxied"]
    return {"type": desired.type, "name": desired.name, **fields}


def _look_for(client: Client, desired: DnsRecord) -> dict[str, t.Any] | None:
    """Return the record that an unanswered attempt made: the same in every field, the comment among them."""
    found = find_records(client, desired.zone, desired.name)
    wanted = desired.fields()
    return next((item for item in found if item.get("type") == desired.type and _fields_of(item) == wanted), None)


def _look_at(client: Client, path: str, desired: DnsRecord) -> dict[str, t.Any] | None:
    """Return the record when an unanswered attempt has changed it."""
    try:
        found = client.get(path, tried="Reading the", on=desired.title)
    except CloudflareFailure as failure:
        if failure.kind is Kind.MISSING:
            return None
        raise
    return found if isinstance(found, dict) and _fields_of(found) == desired.fields() else None
