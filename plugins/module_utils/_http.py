# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP clients over httpx: one TLS context, time-outs, quiet loggers, proxies from the environment only.

In: time-out, CA file, whether to verify. Out: an ``httpx.Client`` that a product uses or lends to its SDK.
Never here: an endpoint.

A task is a fresh fork of ansible-playbook. The parent imports this file, so httpcore and the default TLS context are
paid once and inherited; made per client they cost 170 ms a task (N1).
"""

from __future__ import annotations

import logging
import os
import ssl
import typing as t
import urllib.request

from ._core.failure import Failure, Kind
from ._core.version import USER_AGENT

try:
    import httpcore
    import httpx
except ImportError:
    httpcore = None  # type: ignore[assignment]
    httpx = None  # type: ignore[assignment]

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0

# These libraries log whole URLs, and some URLs are secrets; Ansible's log file takes the root logger (N12).
for _name in ("httpx", "httpcore", "urllib3", "cloudflare", "kubernetes"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_DEFAULT_CONTEXT: ssl.SSLContext | None = None
if httpx is not None:
    _DEFAULT_CONTEXT = httpx.create_ssl_context(trust_env=False)


def require_httpx() -> None:
    """Raise Failure(missing) when the library is not installed here."""
    if httpx is None:
        raise Failure(
            Kind.MISSING,
            tried="loading the Python library httpx",
            remedy="Install it for the Python that runs this task: pip install httpx",
        )


def tls_context(ca_file: str | None = None, verify: bool = True) -> ssl.SSLContext | bool:
    """Return the shared TLS context, or one of its own for a private CA or for no verification at all."""
    if not verify:
        return False
    if ca_file:
        try:
            return ssl.create_default_context(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Failure(
                Kind.INVALID,
                tried="reading the CA file",
                on=ca_file,
                said=type(error).__name__,
                remedy="Name a readable file with certificates in PEM form",
            ) from error
    return _DEFAULT_CONTEXT if _DEFAULT_CONTEXT is not None else True


def make_client(*, ca_file: str | None = None, verify: bool = True, read_timeout: float = READ_TIMEOUT) -> t.Any:
    """Return an ``httpx.Client``; it follows no redirects and reads no environment but the proxy variables.

    ``trust_env`` is off because proxy detection after a fork crashes on macOS; proxies are read from the environment
    by hand instead.
    """
    require_httpx()
    context = tls_context(ca_file, verify)
    return httpx.Client(
        mounts=_proxies(context),
        verify=context,
        trust_env=False,
        timeout=httpx.Timeout(read_timeout, connect=CONNECT_TIMEOUT),
        headers={"User-Agent": USER_AGENT},
    )


def _proxies(context: ssl.SSLContext | bool) -> dict[str, t.Any]:
    found = urllib.request.getproxies_environment()
    mounts: dict[str, t.Any] = {
        f"{scheme}://": httpx.HTTPTransport(proxy=found[scheme], verify=context)
        for scheme in ("http", "https")
        if scheme in found
    }
    if mounts:
        for host in [item.strip() for item in os.environ.get("no_proxy", "").split(",") if item.strip()]:
            mounts["all://*" if host == "*" else f"all://*{host.lstrip('*')}"] = None
    return mounts


__all__ = ["httpcore", "httpx", "make_client", "require_httpx", "tls_context"]
