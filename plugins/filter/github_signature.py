# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter github_signature: signs the body of a delivery as GitHub does.

In: a text, and a secret. Out: the header X-Hub-Signature-256. Never here: a request, the secret in a message.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github import signature


def github_signature(body: t.Any, secret: t.Any) -> str:
    """Return the signature. Raises AnsibleFilterError for what is no text, and for a secret that is empty."""
    if not isinstance(body, str):
        raise AnsibleFilterError("github_signature wants the body of a delivery as a text")
    if not isinstance(secret, str) or not secret:
        raise AnsibleFilterError("github_signature wants the secret as a text that is not empty")
    return signature.sign(body.encode(), Sensitive(secret))


class FilterModule:
    """The filters of this file by name."""

    def filters(self) -> dict[str, t.Callable[[t.Any, t.Any], str]]:
        """Return them."""
        return {"github_signature": github_signature}
