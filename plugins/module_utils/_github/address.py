# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where GitHub's API is, and which addresses cannot be its.

In: a base URL. Out: why it is none. Never here: a request: who only reads a configuration loads no HTTP library.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from .._core.failure import invalid

DEFAULT_URL = "https://api.github.com"


def check_url(url: str) -> None:
    """Raise Failure(invalid) for a base URL that cannot be one of GitHub's API."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise invalid("github_api_url", "it is no http or https URL", f"Leave it out for {DEFAULT_URL}")
    host = parts.hostname
    if host == "github.com" or (host.endswith(".ghe.com") and not host.startswith("api.")):
        raise invalid("github_api_url", "that is the address for browsers", f"The API is at https://api.{host}")
