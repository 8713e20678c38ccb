# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Secret of the platform should hold, as its users say it.

In: checked options. Out: SecretSpec, which cannot exist invalid, or Failure(invalid) before any request.
Never here: a request, an object of Kubernetes, a file.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .._core.failure import invalid
from .._core.names import LABEL_MAX, check_label, is_subdomain
from .._core.sensitive import Generated, Sensitive
from .._crypto import Authority
from .._kubernetes.objects import LABEL_PREFIX

OPAQUE, TLS = "Opaque", "kubernetes.io/tls"
CERTIFICATE, PRIVATE_KEY = "tls.crt", "tls.key"
PAIR = (CERTIFICATE, PRIVATE_KEY)
SHORTEST, LONGEST = 16, 1024
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@dataclass(frozen=True)
class Source:
    """A key of another Secret whose value is taken over."""

    namespace: str
    name: str
    key: str

    def __str__(self) -> str:
        return f"Secret {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Key:
    """One key: made once, given, or equal to that of another Secret."""

    name: str
    generated: Generated | None = None
    value: Sensitive | None = None
    source: Source | None = None


@dataclass(frozen=True)
class Copy:
    """Another Secret that holds some keys as well, under the same or other names."""

    namespace: str
    name: str
    keys: t.Mapping[str, str] = field(hash=False)
    labels: t.Mapping[str, str] = field(default_factory=dict, hash=False)
    type: str = OPAQUE

    @property
    def place(self) -> str:
        """Where it is, as it is recorded."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class SecretSpec:
    """A Secret with all that is told of it; ``certificate_file`` and ``private_key_file`` are both there or neither."""

    namespace: str
    name: str
    type: str = OPAQUE
    labels: t.Mapping[str, str] = field(default_factory=dict, hash=False)
    keys: tuple[Key, ...] = ()
    versions: t.Mapping[str, int] = field(default_factory=dict, hash=False)
    copies: tuple[Copy, ...] = ()
    authority: Authority | None = None
    certificate_file: str = ""
    private_key_file: str = ""

    @property
    def names(self) -> list[str]:
        """Every key that the Secret is to hold."""
        return [key.name for key in self.keys] + (list(PAIR) if self.authority else [])

    @property
    def made(self) -> list[str]:
        """Every key whose value is made once."""
        return [key.name for key in self.keys if key.generated] + (list(PAIR) if self.authority else [])


def from_params(params: dict[str, t.Any]) -> SecretSpec:
    """Return the spec of checked options."""
    what = f"Secret {params['namespace']}/{params['name']}"
    check_label("The namespace", params["namespace"])
    if not is_subdomain(params["name"]) or len(params["name"]) > LABEL_MAX:
        said = f"at most {LABEL_MAX} lower-case letters, digits, hyphens and dots are allowed"
        raise invalid(what, said, "Choose another name")
    authority = _authority(params["authority"], what)
    spec = SecretSpec(
        namespace=params["namespace"],
        name=params["name"],
        type=TLS if authority and params["type"] == OPAQUE else params["type"],
        labels=_labels(params["labels"], what),
        keys=tuple(_key(row, what) for row in params["keys"] or []),
        versions=_versions(params["rotate"], what),
        authority=authority,
        certificate_file=(params["authority"] or {}).get("certificate_file") or "",
        private_key_file=(params["authority"] or {}).get("private_key_file") or "",
    )
    _check_names(spec, what, params["state"] == "present")
    copies = tuple(_copy(row, spec, what) for row in params["copies"] or [])
    places = [f"{spec.namespace}/{spec.name}", *(copy.place for copy in copies)]
    if len(set(places)) < len(places):
        raise invalid(f"{what}, copies", "a place stands twice", "Give each copy a name of its own")
    return SecretSpec(**{**spec.__dict__, "copies": copies})


def _check_names(spec: SecretSpec, what: str, present: bool) -> None:
    names = spec.names
    if present and not names:
        raise invalid(what, "neither keys nor authority is given", "Say what it is to hold")
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"{what}, key {name}", "it stands twice", "Remove one of them")
    if spec.authority and spec.type != TLS:
        raise invalid(f"{what}, type", f"an authority has the type {TLS}", "Leave type out")
    for name in spec.versions:
        if name not in spec.made or (spec.authority and name == CERTIFICATE):
            remedy = f"Rotate {PRIVATE_KEY}, which renews both" if spec.authority else "Name a key with generate"
            raise invalid(f"{what}, rotate", f"{name!r} is no key that is made here", remedy)


def _key(row: dict[str, t.Any], what: str) -> Key:
    name = row["name"]
    if not _KEY.fullmatch(name):
        raise invalid(f"{what}, key {name[:80]!r}", "only letters, digits and - . _ are allowed", "Choose another name")
    given = [option for option in ("generate", "value", "text", "from_secret") if row.get(option) is not None]
    if len(given) > 1:
        raise invalid(f"{what}, key {name}", f"{' and '.join(given)} exclude each other", "Give one of them")
    if row.get("value") is not None or row.get("text") is not None:
        value: Sensitive = row["value"] if row.get("value") is not None else Sensitive(row["text"])
        if not len(value):
            raise invalid(f"{what}, key {name}", "the value is empty", "Give a value, or leave it out to have one made")
        return Key(name, value=value)
    if row.get("from_secret"):
        source = row["from_secret"]
        return Key(name, source=Source(source["namespace"], source["name"], source["key"]))
    generate = row.get("generate") or {"length": 32, "encoding": "base64"}
    if not SHORTEST <= generate["length"] <= LONGEST:
        said = f"length is {generate['length']}; {SHORTEST} to {LONGEST} bytes are allowed"
        raise invalid(f"{what}, key {name}", said, "Leave it out for 32 bytes")
    return Key(name, generated=Generated(generate["length"], generate["encoding"]))


def _versions(rotate: dict[str, t.Any] | None, what: str) -> dict[str, int]:
    answer = {}
    for name, number in (rotate or {}).items():
        text = str(number)
        if not text.isdigit() or int(text) < 1:
            raise invalid(f"{what}, rotate, {name}", f"{text[:20]!r} is no version", "Give a number from 1 on")
        answer[name] = int(text)
    return answer


def _labels(labels: dict[str, t.Any] | None, what: str) -> dict[str, str]:
    for name in labels or {}:
        if name.startswith(LABEL_PREFIX):
            raise invalid(f"{what}, label {name}", f"{LABEL_PREFIX} is ours", "Remove the label")
    return {name: str(value) for name, value in (labels or {}).items()}


def _authority(row: dict[str, t.Any] | None, what: str) -> Authority | None:
    if row is None:
        return None
    return checked_authority(row["common_name"], row["days"], row["permitted_domains"], f"{what}, authority")


def checked_authority(common_name: str, days: int, domains: t.Sequence[str] | None, what: str) -> Authority:
    """Return an authority that can be made, or raise Failure(invalid)."""
    if not 1 <= len(common_name) <= 64:
        raise invalid(what, "common_name must have 1 to 64 characters", "Choose another name")
    if not 1 <= days <= 36500:
        raise invalid(what, f"days is {days}; 1 to 36500 are allowed", "Leave it out for ten years")
    for domain in domains or []:
        if not is_subdomain(domain):
            raise invalid(what, f"{domain[:80]!r} is no domain", "Write it as platform.example.org")
    return Authority(common_name, days, tuple(domains or ()))


def _copy(row: dict[str, t.Any], spec: SecretSpec, what: str) -> Copy:
    where = f"{what}, copy {row['namespace']}/{row['name']}"
    check_label("The namespace", row["namespace"])
    if not is_subdomain(row["name"]):
        raise invalid(where, "the name is no legal name", "Choose another name")
    keys = {name: str(target) for name, target in (row["keys"] or {name: name for name in spec.names}).items()}
    for name, target in keys.items():
        if name not in spec.names:
            raise invalid(where, f"the Secret has no key {name!r}", f"Name one of {', '.join(spec.names)}")
        if not _KEY.fullmatch(target):
            raise invalid(where, f"{target[:80]!r} is no name of a key", "Use letters, digits and - . _")
    return Copy(row["namespace"], row["name"], keys, _labels(row["labels"], where), row["type"])
