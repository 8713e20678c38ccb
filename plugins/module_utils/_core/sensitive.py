# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that must not show.

In: a secret as text or bytes. Out: an object that can be passed around, hashed and transformed, and prints as ``***``.
Never here: a place that stores secrets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac as _hmac
import math
import secrets
import string
import typing as t
from dataclasses import dataclass

MASK = "***"
_FINGERPRINT_CONTEXT = b"aphex.platform fingerprint"
_ALPHANUMERIC = string.ascii_letters + string.digits


class Sensitive:
    """A value that prints, formats and serialises as ``***``.

    ``reveal()`` is called only where a client puts the value on the wire; a test on the syntax tree keeps it so.
    ``hidden=False`` marks a value that the user asked to have in the result; it is still masked everywhere else.
    """

    __slots__ = ("_value", "hidden")

    def __init__(self, value: str | bytes, hidden: bool = True) -> None:
        self._value = value.encode() if isinstance(value, str) else bytes(value)
        self.hidden = hidden

    def reveal(self) -> str:
        """Return the value as text. Raises UnicodeDecodeError for bytes that are no text."""
        return self._value.decode()

    def wanted(self) -> str:
        """Return the value when the user asked to have it in the result, else the mask."""
        return MASK if self.hidden else self._value.decode()

    def shown(self) -> Sensitive:
        """Return the value as one that the user asked to have in the result."""
        return Sensitive(self._value, hidden=False)

    def map(self, function: t.Callable[[str], str]) -> Sensitive:
        """Return another sensitive value made from this one's text."""
        return Sensitive(function(self._value.decode()), self.hidden)

    def base64(self) -> Sensitive:
        """Return the value in base64, as Kubernetes wants it in ``data``."""
        return Sensitive(base64.b64encode(self._value), self.hidden)

    def decoded(self) -> Sensitive:
        """Return the value that this one holds in base64."""
        return Sensitive(base64.b64decode(self._value), self.hidden)

    def digest(self) -> str:
        """Return the SHA-256 of the value in hexadecimal digits."""
        return hashlib.sha256(self._value).hexdigest()

    def hmac(self, message: bytes) -> str:
        """Return the HMAC-SHA256 of a message under this value in hexadecimal digits."""
        return _hmac.new(self._value, message, hashlib.sha256).hexdigest()

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that tell whether two values are equal, and nothing else about them."""
        return self.hmac(_FINGERPRINT_CONTEXT)[:16]

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sensitive):
            return NotImplemented
        return _hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce__(self) -> t.NoReturn:
        raise TypeError("a sensitive value is not serialised")


@dataclass(frozen=True)
class Generated:
    """A value that ``perform`` makes while it creates; never part of an apply, so no second writer replaces it.

    ``length`` is the number of random bytes, ``encoding`` how they are written. ``base64url`` has no padding, and
    ``alphanumeric`` as many letters and digits as it takes to hold as much chance as those bytes.
    """

    length: int = 32
    encoding: t.Literal["hex", "base64", "base64url", "alphanumeric"] = "hex"

    def make(self) -> Sensitive:
        """Return a fresh random value from the operating system's source."""
        if self.encoding == "alphanumeric":
            count = math.ceil(self.length * 8 / math.log2(len(_ALPHANUMERIC)))
            return Sensitive("".join(secrets.choice(_ALPHANUMERIC) for _number in range(count)))
        raw = secrets.token_bytes(self.length)
        if self.encoding == "base64url":
            return Sensitive(base64.urlsafe_b64encode(raw).rstrip(b"="))
        return Sensitive(raw.hex() if self.encoding == "hex" else base64.b64encode(raw))

    def __str__(self) -> str:
        return MASK


def redact(value: t.Any) -> t.Any:
    """Return a copy of plain data with every sensitive and generated value replaced by ``***``."""
    if isinstance(value, (Sensitive, Generated)):
        return MASK
    if isinstance(value, dict):
        return {key: redact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value
