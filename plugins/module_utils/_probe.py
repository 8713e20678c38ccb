# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks one hop of a chain: its name, TLS with SNI, its answer to one request.

In: a URL, and where to connect when the name is not to be asked. Out: Answer. Never here: a write, a verdict.

Each stage fails in its own words, since which stage failed is the question. Nothing is repeated and no redirect is
followed: the first answer is what a sender gets.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import typing as t
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ._core.failure import invalid
from ._core.version import USER_AGENT

LARGEST = 4096
Stage = t.Literal["", "name", "connection", "tls", "timeout", "answer"]


@dataclass(frozen=True)
class Answer:
    """What a hop answered; without a status, ``stage`` is where it ended and ``said`` why."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict, hash=False)
    body: str = ""
    stage: Stage = ""
    said: str = ""


@dataclass(frozen=True)
class Target:
    """A place to ask. ``connect_to`` is ``host:port`` to connect to in place of the URL's, as curl's ``--resolve``."""

    url: str
    connect_to: str = ""
    ca_file: str = ""
    timeout: float = 10.0

    @property
    def parts(self) -> SplitResult:
        """The URL in its parts."""
        return urlsplit(self.url)


def checked_target(url: str, connect_to: str = "", ca_file: str = "", timeout: float = 10.0) -> Target:
    """Return a target. Raises Failure(invalid) for what is no address."""
    target = Target(url, connect_to, ca_file, timeout)
    parts = target.parts
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise invalid("the address of a hop", "it is no URL with http or https and a host", "Write it like https://a.b")
    if connect_to and not connect_to.rpartition(":")[2].isdigit():
        raise invalid(f"connect_to {connect_to[:80]!r}", "it is no host:port", "Write it like 192.0.2.1:443")
    return target


def ask(
    target: Target,
    path: str,
    method: str = "HEAD",
    headers: t.Mapping[str, str] | None = None,
    body: bytes | None = None,
    largest: int = LARGEST,
) -> Answer:
    """Send one request and return what came of it, with ``largest`` bytes of its body.

    Raises nothing but for a CA file that cannot be read: every end is an answer.
    """
    host, port = _where(target)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Answer(stage="name", said=str(error))
    connection = _connection(target, host, port)
    try:
        connection.connect()
    except ssl.SSLError as error:
        return Answer(stage="tls", said=getattr(error, "verify_message", "") or str(error.reason or error))
    except TimeoutError:
        return Answer(stage="timeout", said=f"no connection within {target.timeout:g} s")
    except OSError as error:
        return Answer(stage="connection", said=error.strerror or type(error).__name__)
    try:
        return _exchange(connection, target, path, method, headers or {}, body, largest)
    except TimeoutError:
        return Answer(stage="timeout", said=f"no answer within {target.timeout:g} s")
    except (OSError, http.client.HTTPException) as error:
        return Answer(stage="answer", said=type(error).__name__)
    finally:
        connection.close()


def _where(target: Target) -> tuple[str, int]:
    if target.connect_to:
        host, _colon, port = target.connect_to.rpartition(":")
        return host.strip("[]"), int(port)
    default = 443 if target.parts.scheme == "https" else 80
    return str(target.parts.hostname), target.parts.port or default


def _connection(target: Target, host: str, port: int) -> http.client.HTTPConnection:
    if target.parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=target.timeout)
    context = ssl.create_default_context(cafile=target.ca_file or None)
    return _WithName(str(target.parts.hostname), host, port, target.timeout, context)


class _WithName(http.client.HTTPSConnection):
    """A connection to one place that asks for the name of another, and checks the certificate for that name (B16)."""

    def __init__(self, name: str, host: str, port: int, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._name = name
        self._tls = context

    def connect(self) -> None:
        """Connect, and shake hands as for the name."""
        plain = socket.create_connection((self.host, self.port), self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)
        except OSError:
            plain.close()
            raise


def _exchange(
    connection: http.client.HTTPConnection,
    target: Target,
    path: str,
    method: str,
    headers: t.Mapping[str, str],
    body: bytes | None,
    largest: int,
) -> Answer:
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": target.parts.netloc, "User-Agent": USER_AGENT, **headers}.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    text = response.read(largest).decode("utf-8", "replace")
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
