# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names as Kubernetes and Ansible spell them.

In: a name. Out: whether it is legal, or the same name in the other spelling. Never here: a name of our own.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from .failure import invalid

LABEL_MAX = 63
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_CAMEL_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ACRONYMS = {"url": "URL"}


def check_label(what: str, name: str, longest: int = LABEL_MAX) -> str:
    """Return the name when it is a DNS-1123 label of at most ``longest`` characters, else raise Failure(invalid)."""
    if len(name) > longest:
        raise invalid(
            f"{what} {name[:80]!r}", f"it has {len(name)} characters, {longest} are allowed", "Choose a shorter name"
        )
    if not _LABEL.fullmatch(name):
        raise invalid(
            f"{what} {name[:80]!r}",
            "only lower-case letters, digits and inner hyphens are allowed",
            "Choose a name such as web-shop",
        )
    return name


def is_subdomain(name: str) -> bool:
    """Tell whether a name is a DNS-1123 subdomain of at most 253 characters."""
    return len(name) <= 253 and bool(_SUBDOMAIN.fullmatch(name))


def camel(name: str) -> str:
    """Return an option's name as the resource spells it: ``webhook_secret_version`` is ``webhookSecretVersion``."""
    first, *rest = name.split("_")
    return first + "".join(_ACRONYMS.get(part, part.capitalize()) for part in rest)


def snake(name: str) -> str:
    """Return a resource field's name as Ansible spells it: ``queryServiceURL`` is ``query_service_url``."""
    return _CAMEL_BREAK.sub("_", name).lower()


def camel_keys(value: t.Any) -> t.Any:
    """Return plain data with every key in the resource's spelling."""
    if isinstance(value, dict):
        return {camel(key): camel_keys(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [camel_keys(item) for item in value]
    return value


def snake_keys(value: t.Any) -> t.Any:
    """Return plain data with every key in Ansible's spelling."""
    if isinstance(value, dict):
        return {snake(key): snake_keys(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [snake_keys(item) for item in value]
    return value


def short_hash(text: str, length: int = 10) -> str:
    """Return the first hexadecimal digits of a text's SHA-256, for names that a text itself cannot be part of."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
