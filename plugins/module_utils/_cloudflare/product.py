# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cloudflare's face: connect, plan, perform, result, and what use cases read.

In: params of the option group CLOUDFLARE, desired things. Out: steps, results, tunnels and records as plain data.
Never here: how one desired thing is compared; each has its own file.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.plan import Desired, Step
from .._core.reconcile import Runtime
from .._core.sensitive import Sensitive
from .._http import READ_TIMEOUT
from . import dns_record, tunnel, tunnel_rules
from .client import DEFAULT_URL, Client


@dataclass(frozen=True)
class _Kind:
    """How one kind of desired thing is planned (steps, and the thing as it will be) and performed."""

    plan: t.Callable[[Client, t.Any], tuple[list[Step], t.Any]]
    perform: t.Callable[[Client, Step], t.Any]


_KINDS: dict[type, _Kind] = {
    tunnel.Tunnel: _Kind(tunnel.plan, tunnel.perform),
    tunnel_rules.TunnelRules: _Kind(tunnel_rules.plan, tunnel_rules.perform),
    dns_record.DnsRecord: _Kind(dns_record.plan, dns_record.perform),
}


class Cloudflare:
    """A light handle for one reconcile; it sends nothing before it is asked."""

    name = "cloudflare"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._results: dict[str, t.Any] = {}

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Cloudflare:
        """Return a handle for the option group CLOUDFLARE. Sends nothing.

        A missing token is told by the first use, or by ``require()``: a use case may turn out not to need Cloudflare.
        """
        timeout = params.get("cloudflare_timeout")
        client = Client(
            token=params.get("cloudflare_api_token"),
            runtime=runtime,
            url=params.get("cloudflare_api_url") or DEFAULT_URL,
            account_id=params.get("cloudflare_account_id") or None,
            ca_file=params.get("cloudflare_ca_cert"),
            verify=params.get("cloudflare_validate_certs") is not False,
            read_timeout=READ_TIMEOUT if timeout is None else float(timeout),
        )
        return cls(client)

    def require(self) -> None:
        """Raise Failure(invalid) when the connection options cannot work, such as a missing token. Sends nothing."""
        self._client.require()

    def assume(self, account_id: str) -> None:
        """Work in this account unless an option names another one."""
        self._client.assume(account_id)

    def plan(self, desired: t.Any) -> list[Step]:
        """Return the steps from what is there to what is desired. Reads only."""
        steps, self._results[_name(desired)] = _KINDS[type(desired)].plan(self._client, desired)
        return steps

    def perform(self, step: Step) -> None:
        """Do one step."""
        desired = getattr(step.desired, "of", step.desired)
        result = _KINDS[type(desired)].perform(self._client, step)
        if step.verb in ("create", "update"):
            self._results[_name(desired)] = result

    def result(self, desired: t.Any) -> t.Any:
        """Return the desired thing as read, as last written or, in check mode, as it would be; None when absent."""
        return self._results.get(_name(desired))

    @property
    def account_id(self) -> str:
        """The account to work in: the option, else the token's only one."""
        return self._client.account_id

    def find_tunnel(self, name: str) -> dict[str, t.Any] | None:
        """Return the live tunnel of exactly this name in the words of results, or None."""
        found = tunnel.find_tunnel(self._client, name)
        return tunnel.describe(found, self.account_id) if found else None

    def tunnels(self, name: str | None = None) -> list[dict[str, t.Any]]:
        """Return the live tunnels of the account, or the one of this name."""
        return [tunnel.describe(item, self.account_id) for item in tunnel.find_tunnels(self._client, name)]

    def tunnel_token(self, tunnel_id: str) -> Sensitive:
        """Return the token of a tunnel."""
        return tunnel.tunnel_token(self._client, tunnel_id)

    def find_records(self, zone: str, name: str | None = None, kind: str | None = None) -> list[dict[str, t.Any]]:
        """Return the DNS records of a zone, or those of exactly this name, or of this type."""
        return [dns_record.describe(item, zone) for item in dns_record.find_records(self._client, zone, name, kind)]


def _name(desired: Desired) -> str:
    return f"{type(desired).__name__} {desired.title}"
