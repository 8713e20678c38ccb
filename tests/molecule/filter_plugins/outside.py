# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What scenarios need to look from outside: the signature of GitHub, questions to the API server.

In: plain values. Out: a header, a list of objects. Never here: an import of the collection, since a signature that the
product had made would prove nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def github_signature(body: str, secret: str) -> str:
    """Return the value of X-Hub-Signature-256 for that body; ``secret`` is in base64, as Kubernetes has it."""
    return "sha256=" + hmac.new(base64.b64decode(secret), body.encode(), hashlib.sha256).hexdigest()


def access_reviews(rights: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a SubjectAccessReview for each right, as one List that kubectl creates."""
    return {"apiVersion": "v1", "kind": "List", "items": [_review(right) for right in rights]}


def _review(right: Mapping[str, Any]) -> dict[str, Any]:
    asked = {name: right[name] for name in ("verb", "group", "resource", "name", "namespace") if name in right}
    spec = {"user": right["user"], "resourceAttributes": asked}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


class FilterModule:
    """The filters of the scenarios."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"github_signature": github_signature, "access_reviews": access_reviews}
