# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What GitHub adds to a delivery, for scenarios that play GitHub.

In: the text of a delivery, the secret as a Secret of Kubernetes holds it. Out: the signature header. Never here: an
import of the collection: a signature that the product had made would prove nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable


def github_signature(body: str, secret: str) -> str:
    """Return the value of X-Hub-Signature-256 for that body; ``secret`` is in base64."""
    return "sha256=" + hmac.new(base64.b64decode(secret), body.encode(), hashlib.sha256).hexdigest()


class FilterModule:
    """The filters of the scenarios."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return them by name."""
        return {"github_signature": github_signature}
