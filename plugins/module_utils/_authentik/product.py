# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Authentik's face: connect, plan, perform, result.

In: params of the option group AUTHENTIK, desired things. Out: steps, and results as plain data.
Never here: how one desired thing is compared; each has its own file.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._core.plan import Desired, Step
from .._core.reconcile import Runtime
from .._http import READ_TIMEOUT
from . import blueprint, oauth2_provider
from .client import Client


@dataclass(frozen=True)
class _Kind:
    """How one kind of desired thing is planned (steps, and the thing as it will be) and performed."""

    plan: t.Callable[[Client, t.Any], tuple[list[Step], t.Any]]
    perform: t.Callable[[Client, Step], t.Any]


_KINDS: dict[type, _Kind] = {
    blueprint.Blueprint: _Kind(blueprint.plan, blueprint.perform),
    oauth2_provider.OAuth2Provider: _Kind(oauth2_provider.plan, oauth2_provider.perform),
}


class Authentik:
    """A light handle for one reconcile; it sends nothing before it is asked."""

    name = "authentik"

    def __init__(self, client: Client) -> None:
        self._client = client
        self._results: dict[str, t.Any] = {}

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Authentik:
        """Return a handle for the option group AUTHENTIK. Sends nothing."""
        timeout = params.get("authentik_timeout")
        client = Client(
            url=params.get("authentik_url"),
            token=params.get("authentik_token"),
            runtime=runtime,
            ca_file=params.get("authentik_ca_cert"),
            verify=params.get("authentik_validate_certs") is not False,
            read_timeout=READ_TIMEOUT if timeout is None else float(timeout),
        )
        runtime.at_end.append(client.close)
        return cls(client)

    def require(self) -> None:
        """Raise Failure(invalid) when the connection options cannot work, such as a missing token. Sends nothing."""
        self._client.require()

    def plan(self, desired: t.Any) -> list[Step]:
        """Return the steps from what is there to what is desired. Reads only."""
        self._client.require()
        steps, self._results[_name(desired)] = _KINDS[type(desired)].plan(self._client, desired)
        return steps

    def perform(self, step: Step) -> None:
        """Do one step; what it tells of the thing is put into the result."""
        desired = getattr(step.desired, "of", step.desired)
        told = _KINDS[type(desired)].perform(self._client, step)
        known = self._results.get(_name(desired))
        if told is not None and isinstance(known, dict):
            self._results[_name(desired)] = {**known, **told}

    def result(self, desired: t.Any) -> t.Any:
        """Return the desired thing as read, as last written or, in check mode, as it would be; None when absent."""
        return self._results.get(_name(desired))


def _name(desired: Desired) -> str:
    return f"{type(desired).__name__} {desired.title}"
