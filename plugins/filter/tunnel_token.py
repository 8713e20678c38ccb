# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters tunnel_token_to_credentials and tunnel_credentials_to_token.

In: the token, or the text or mapping of the credentials file, of a Cloudflare tunnel. Out: the other one, as text.
Never here: a request; what is wrong with a value is said without quoting it.
"""

from __future__ import annotations

import json
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare import cloudflared
from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure


def to_credentials(value: t.Any) -> str:
    """Return the text of the credentials file for a token."""
    if not isinstance(value, str):
        raise AnsibleFilterError("The tunnel token: it is no text.")
    return _said(cloudflared.credentials_from_token, value)


def to_token(value: t.Any) -> str:
    """Return the token for the credentials file, given as its text or as a mapping."""
    if isinstance(value, t.Mapping):
        value = json.dumps({str(key): str(item) for key, item in value.items() if item is not None})
    if not isinstance(value, str):
        raise AnsibleFilterError("The tunnel credentials: they are neither text nor a mapping.")
    return _said(cloudflared.token_from_credentials, value)


def _said(convert: t.Callable[[str], str], value: str) -> str:
    try:
        return convert(str(value))
    except Failure as failure:
        # Without the cause: Ansible would print it after the sentence.
        raise AnsibleFilterError(failure.sentence()) from None


class FilterModule:
    """The filters of this file by name."""

    def filters(self) -> dict[str, t.Callable[[t.Any], str]]:
        """Return them."""
        return {"tunnel_token_to_credentials": to_credentials, "tunnel_credentials_to_token": to_token}
