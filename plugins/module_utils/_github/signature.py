# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures of deliveries: sign one, verify one against several secrets.

In: the raw bytes of a body, a signature header, secrets. Out: a header's value, or which secret fits.
Never here: a request, a parsed body (the signature is over the bytes), a word about why a signature does not fit.
"""

from __future__ import annotations

import hmac
import re
import typing as t

from .._core.sensitive import Sensitive

HEADER = "X-Hub-Signature-256"
_FORM = re.compile(r"sha256=[0-9a-f]{64}")


def sign(body: bytes, secret: Sensitive) -> str:
    """Return what GitHub puts into the header X-Hub-Signature-256 for this body."""
    return f"sha256={secret.hmac(body)}"


def verify(body: bytes, signature: str | None, secrets: t.Sequence[Sensitive]) -> int | None:
    """Return the position of the secret that signed this body, or None when none of them did.

    Several secrets stand side by side while one is rotated: GitHub signs with one, and a delivery that is under way may
    still carry the former one. All of them are compared, in constant time. A header that is missing, of another form or
    of another algorithm fits none (errata C4 to C6); SHA-1 is never looked at.
    """
    if signature is None or not _FORM.fullmatch(signature):
        return None
    found: int | None = None
    for position, secret in enumerate(secrets):
        if hmac.compare_digest(sign(body, secret), signature) and found is None:
            found = position
    return found
