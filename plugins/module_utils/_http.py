# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP clients over httpx: one TLS context, time-outs, quiet loggers, proxies from the environment only.

In: time-out, CA file, whether to verify. Out: an ``httpx.Client`` that a product uses or lends to its SDK; what it
means that a request got no answer; the one loop that repeats a request. Never here: an endpoint.

A task is a fresh fork of ansible-playbook. The parent imports this file, so httpcore and the default TLS context are
paid once and inherited; made per client they cost 170 ms a task (N1).
"""

from __future__ import annotations

import ipaddress
import logging
import re
import ssl
import typing as t
import urllib.request
from dataclasses import dataclass

from ._core.failure import Failure, Kind, invalid
from ._core.retry import Backoff
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

_T = t.TypeVar("_T")

_DEFAULT_CONTEXT: ssl.SSLContext | None = None
if httpx is not None:
    _DEFAULT_CONTEXT = httpx.create_ssl_context(trust_env=False)


def require_httpx() -> None:
    """Raise Failure(missing) when the library is not installed here."""
    if httpx is None:
        raise Failure(
            Kind.MISSING,
            tried="loading the Python library httpx",
            said="it is not installed here",
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


class RequestFailure(Failure):
    """A Failure of one request.

    ``again`` says that the same request may succeed later; ``unclear`` that it may have taken effect although no proper
    answer came.
    """

    again: bool = False
    unclear: bool = False


def persist(
    send: t.Callable[[], _T],
    *,
    backoff: Backoff,
    sleep: t.Callable[[float], None],
    look: t.Callable[[], _T | None] | None = None,
) -> _T:
    """Send until it is clear what happened, within the budget of the backoff; return what came of it.

    ``send`` raises RequestFailure. ``look``, of requests that must not take effect twice, answers what an unclear or
    conflicting attempt did, or None: only then the request is repeated. Raises the failure of the last attempt.
    """
    attempt, waited = 0, 0.0
    while True:
        attempt += 1
        try:
            return send()
        except RequestFailure as failure:
            delay = backoff.delay(attempt, waited, failure.retry_after) if failure.again else None
            if delay is not None:
                sleep(delay)
                waited += delay
            if look and (failure.unclear or failure.kind is Kind.CONFLICT):
                found = look()
                if found is not None:
                    return found
            if delay is None:
                raise


@dataclass(frozen=True)
class Unanswered:
    """What it means that a request got no answer.

    ``again`` says that the same request may succeed later; ``unclear`` that it may have taken effect all the same;
    ``certificate`` that the other side's is not trusted.
    """

    kind: Kind
    said: str
    certificate: bool
    again: bool
    unclear: bool


def unanswered(cause: BaseException | None) -> Unanswered:
    """Return what an error of httpx means: time-out, reset, no connection, no TLS."""
    timed_out = isinstance(cause, httpx.TimeoutException)
    certificate = _certificate_problem(cause)
    never_sent = isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    usable = isinstance(cause, (httpx.TransportError, httpx.DecodingError))
    again = usable and not certificate and not isinstance(cause, httpx.UnsupportedProtocol)
    return Unanswered(
        kind=Kind.TIMEOUT if timed_out else Kind.BROKEN,
        said=certificate or ("no answer in time" if timed_out else f"no answer ({type(cause).__name__})"),
        certificate=bool(certificate),
        again=again,
        unclear=again and not never_sent,
    )


def _certificate_problem(cause: BaseException | None) -> str:
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    return ""


def checked_token(what: str, token: str) -> str:
    """Return a token that can stand in a header, else raise Failure(invalid): the transport would quote it."""
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise invalid(
            what,
            "it holds blanks, line ends or letters that no token has",
            "Give the token alone, without a line end",
        )
    return token


def _proxies(context: ssl.SSLContext | bool) -> dict[str, t.Any]:
    found = urllib.request.getproxies_environment()
    mounts: dict[str, t.Any] = {
        f"{scheme}://": httpx.HTTPTransport(proxy=_proxy_url(found[scheme]), verify=context)
        for scheme in ("http", "https", "all")
        if scheme in found
    }
    direct = [item.strip() for item in found.get("no", "").split(",")]
    if not mounts or "*" in direct:
        return {}
    patterns = [_reached_directly(item) for item in direct]
    return {**mounts, **{pattern: None for pattern in patterns if pattern}}


def _proxy_url(text: str) -> str:
    """Return a proxy's URL; many write only host and port."""
    return text if "://" in text else f"http://{text}"


def _reached_directly(host: str) -> str | None:
    """Return the pattern of one entry of NO_PROXY, or None for what httpx cannot express, such as a network."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None if not host or "/" in host else f"all://*{host.lstrip('*')}"
    return f"all://[{address.compressed}]" if address.version == 6 else f"all://{address}"


__all__ = [
    "RequestFailure",
    "checked_token",
    "httpcore",
    "httpx",
    "make_client",
    "persist",
    "require_httpx",
    "tls_context",
    "unanswered",
]
