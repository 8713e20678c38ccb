# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnel: a named tunnel of an account, its kind, its secret.

In: a Tunnel and a client. Out: steps, and what is known of the tunnel as plain data.
Never here: a tunnel rule, a DNS record, an object of Kubernetes; a live tunnel is never deleted to make it anew.
"""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .._core.plan import UNKNOWN, Change, Step
from .._core.sensitive import Generated, Sensitive
from .client import Client, CloudflareFailure
from .cloudflared import SECRET_BYTES, check_secret, is_uuid, secret_of

LOCAL, REMOTE = "local", "cloudflare"
_DOMAIN = "cfargotunnel.com"
_CONNECTED = 1022  # "active connections": the tunnel cannot be deleted yet


@dataclass(frozen=True)
class Tunnel:
    """A tunnel that should be there, or not.

    ``secret`` is base64 of at least 32 bytes, UNKNOWN while it is still to be made, or None: then a local tunnel gets a
    random one when it is made, and a tunnel of that name is taken as it stands. With a secret, a tunnel of that name is
    ours when its token holds the same one; another one is replaced (``rotate``, or ``adopt``) or refused (``refuse``).
    ``tunnel_id`` is the id under which the caller recorded it as its own. ``return_credentials`` puts the token into
    the result. Raises Failure(invalid) for values that Cloudflare would refuse.
    """

    name: str
    present: bool = True
    config_src: str = LOCAL
    secret: Sensitive | str | None = None
    on_secret_mismatch: t.Literal["rotate", "refuse"] = "rotate"
    adopt: bool = False
    tunnel_id: str | None = None
    return_credentials: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip() or self.name != self.name.strip() or not self.name.isprintable():
            raise invalid(f"The tunnel name {self.name[:80]!r}", "it is empty, has blanks around it or control letters")
        if _reads_as_uuid(self.name):
            raise invalid(f"The tunnel name {self.name!r}", "it looks like a tunnel id", "Choose a readable name")
        if self.tunnel_id and not is_uuid(self.tunnel_id):
            raise invalid(f"The tunnel id {self.tunnel_id[:80]!r}", "it is no UUID", "Give the id, not the name")
        if self.config_src not in (LOCAL, REMOTE):
            raise invalid(f"config_src {self.config_src[:80]!r}", "it is neither local nor cloudflare")
        if isinstance(self.secret, Sensitive):
            check_secret(self.secret)
        elif self.secret not in (None, UNKNOWN):
            raise invalid("The tunnel secret", "it came as plain text")

    @classmethod
    def from_params(cls, params: dict[str, t.Any]) -> Tunnel:
        """Return the tunnel that a module's params ask for."""
        return cls(
            name=params["name"],
            present=params["state"] == "present",
            config_src=params["config_src"],
            secret=params["tunnel_secret"],
            on_secret_mismatch="refuse",
            adopt=params["adopt"],
            return_credentials=params["return_credentials"],
        )

    @property
    def product(self) -> str:
        """Name of the product that plans and performs it."""
        return "cloudflare"

    @property
    def title(self) -> str:
        """What people call it in messages and diffs."""
        return f"Tunnel {self.name}"


@dataclass(frozen=True)
class TunnelWrite:
    """What ``perform`` needs: the tunnel that was asked for, the id of the one that is there, the fields to write."""

    of: Tunnel
    tunnel_id: str = ""
    fields: tuple[str, ...] = ()


def find_tunnels(client: Client, name: str | None = None) -> list[dict[str, t.Any]]:
    """Return the live tunnels of the account, or the one of exactly this name; Cloudflare lists deleted ones too."""
    query = {"is_deleted": "false", **({"name": name} if name else {})}
    path = f"/accounts/{client.account_id}/cfd_tunnel"
    found = client.list(path, query, tried="Looking for the tunnel", on=name or "")
    return [item for item in found if not item.get("deleted_at") and name in (None, item.get("name"))]


def find_tunnel(client: Client, name: str) -> dict[str, t.Any] | None:
    """Return the live tunnel of exactly this name, or None."""
    found = find_tunnels(client, name)
    return found[0] if found else None


def get_tunnel(client: Client, tunnel_id: str) -> dict[str, t.Any] | None:
    """Return the live tunnel of this id, or None when it was never there or is deleted."""
    try:
        found = client.get(_path(client, tunnel_id), tried="Reading the tunnel", on=tunnel_id)
    except CloudflareFailure as failure:
        if failure.kind is Kind.MISSING:
            return None
        raise
    return None if not isinstance(found, dict) or found.get("deleted_at") else found


def tunnel_token(client: Client, tunnel_id: str, hidden: bool = True) -> Sensitive:
    """Return the token of a tunnel; ``hidden=False`` lets it into a result, since the user asked for it."""
    text = client.get(f"{_path(client, tunnel_id)}/token", tried="Reading the token of the tunnel", on=tunnel_id)
    if not isinstance(text, str):
        raise Failure(Kind.BROKEN, tried="Reading the token of the tunnel", on=tunnel_id, said="the answer is no text")
    token = Sensitive(text, hidden)
    if hidden:
        client.conceal(token)
    return token


def describe(tunnel: dict[str, t.Any], account_id: str) -> dict[str, t.Any]:
    """Return what results show of a tunnel; ``cname`` is what a DNS record for it points to."""
    return {
        "id": tunnel["id"],
        "name": tunnel.get("name"),
        "account_id": account_id,
        "status": tunnel.get("status"),
        "config_src": config_src(tunnel),
        "created_at": tunnel.get("created_at"),
        "cname": f"{tunnel['id']}.{_DOMAIN}",
    }


def config_src(tunnel: dict[str, t.Any]) -> str:
    """Return where a tunnel's rules come from; older answers say it by ``remote_config``."""
    return str(tunnel.get("config_src") or (REMOTE if tunnel.get("remote_config") else LOCAL))


def plan(client: Client, desired: Tunnel) -> tuple[list[Step], t.Any]:
    """Return the steps, and the tunnel as it will be."""
    live = _live(client, desired)
    if not desired.present:
        return _plan_absent(client, desired, live), None
    if live is None:
        return [_create(desired)], _predicted(client, desired)
    if config_src(live) != desired.config_src:
        raise _other_kind(desired, live)
    before, after = _differences(client, desired, live)
    result = describe({**live, "name": desired.name}, client.account_id)
    if before == after:
        return [], _with_token(client, desired, result)
    # The token changes with the secret: what it will be is not known before the write.
    result.update({"token": UNKNOWN} if desired.return_credentials else {})
    return [
        Step(
            "cloudflare",
            "update",
            desired.title,
            TunnelWrite(desired, live["id"], tuple(after)),
            Change(before, after),
            unknown=desired.secret == UNKNOWN,
        )
    ], result


def perform(client: Client, step: Step) -> t.Any:
    """Do one step; return the tunnel after it."""
    write: TunnelWrite = step.desired
    if step.verb == "create":
        return _with_token(client, write.of, describe(_perform_create(client, write.of), client.account_id))
    if step.verb == "update":
        return _with_token(client, write.of, describe(_perform_update(client, write), client.account_id))
    if step.verb == "disconnect":
        _disconnect(client, write)
    else:
        _perform_delete(client, write)
    return None


def _reads_as_uuid(name: str) -> bool:
    """Tell whether Cloudflare would take a name for an id, in any of the spellings of a UUID."""
    try:
        uuid.UUID(name)
    except ValueError:
        return False
    return True


def _path(client: Client, tunnel_id: str) -> str:
    return f"/accounts/{client.account_id}/cfd_tunnel/{tunnel_id}"


def _live(client: Client, desired: Tunnel) -> dict[str, t.Any] | None:
    recorded = get_tunnel(client, desired.tunnel_id) if desired.tunnel_id else None
    return recorded or find_tunnel(client, desired.name)


def _create(desired: Tunnel) -> Step:
    secret = desired.secret or ("generated" if desired.config_src == LOCAL else "Cloudflare's")
    after = {"name": desired.name, "config_src": desired.config_src, "secret": _shown(secret)}
    return Step(
        "cloudflare",
        "create",
        desired.title,
        TunnelWrite(desired),
        Change(None, after),
        unknown=desired.secret == UNKNOWN,
    )


def _predicted(client: Client, desired: Tunnel) -> dict[str, t.Any]:
    born = {"id": UNKNOWN, "name": desired.name, "status": "inactive", "config_src": desired.config_src}
    result = describe({**born, "created_at": UNKNOWN}, client.account_id)
    return {**result, "token": UNKNOWN} if desired.return_credentials else result


def _with_token(client: Client, desired: Tunnel, result: dict[str, t.Any]) -> dict[str, t.Any]:
    if not desired.return_credentials:
        return result
    return {**result, "token": tunnel_token(client, result["id"], hidden=False)}


def _secret_in(client: Client, desired: Tunnel, tunnel_id: str) -> Sensitive:
    """Return the secret of a live tunnel; its token is not concealed when the user wants it in the result."""
    secret = secret_of(tunnel_token(client, tunnel_id, hidden=not desired.return_credentials))
    client.conceal(secret)
    return secret


def _differences(client: Client, desired: Tunnel, live: dict[str, t.Any]) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Return the differing managed fields before and after; a secret shows as its fingerprint."""
    before: dict[str, t.Any] = {}
    after: dict[str, t.Any] = {}
    if live.get("name") != desired.name:
        before["name"], after["name"] = live.get("name"), desired.name
    if desired.secret is not None:
        present = _secret_in(client, desired, live["id"])
        if present != desired.secret:
            if not _may_take(desired, live):
                raise _foreign(desired)
            before["secret"], after["secret"] = _shown(present), _shown(desired.secret)
    return before, after


def _may_take(desired: Tunnel, live: dict[str, t.Any]) -> bool:
    """Tell whether a tunnel with another secret may be changed: told so, or recorded as ours by its id."""
    return desired.adopt or desired.on_secret_mismatch == "rotate" or live["id"] == desired.tunnel_id


def _shown(secret: Sensitive | str) -> str:
    return f"fingerprint {secret.fingerprint()}" if isinstance(secret, Sensitive) else secret


def _foreign(desired: Tunnel) -> Failure:
    return Failure(
        Kind.REFUSED,
        tried="Taking the tunnel",
        on=desired.name,
        said="a live tunnel of that name has another secret, so it may be somebody else's",
        remedy="Choose another name, or set adopt: true to take it over with the new secret",
    )


def _other_kind(desired: Tunnel, live: dict[str, t.Any]) -> Failure:
    return Failure(
        Kind.REFUSED,
        tried="Changing config_src of the tunnel",
        on=desired.name,
        said=f"it is {config_src(live)}, a tunnel keeps its kind, and a live tunnel is not replaced",
        remedy=f"Use config_src: {config_src(live)}, or make a tunnel of another name and move its DNS records first",
    )


def _plan_absent(client: Client, desired: Tunnel, live: dict[str, t.Any] | None) -> list[Step]:
    if live is None:
        return []
    judged = isinstance(desired.secret, Sensitive) and not _may_take(desired, live)
    if judged and _secret_in(client, desired, live["id"]) != desired.secret:
        raise _foreign(desired)
    before = {"name": live.get("name"), "config_src": config_src(live)}
    write = TunnelWrite(desired, live["id"])
    steps = [Step("cloudflare", "delete", desired.title, write, Change(before, None), rank=1)]
    # The list of connections in a tunnel's answer is deprecated and may be empty; the status tells it as well.
    if live.get("connections") or live.get("status") in ("healthy", "degraded"):
        steps.insert(0, Step("cloudflare", "disconnect", f"connections of {desired.title}", write))
    return steps


def _perform_create(client: Client, desired: Tunnel) -> dict[str, t.Any]:
    secret = desired.secret if isinstance(desired.secret, Sensitive) else None
    if secret is None and desired.config_src == LOCAL:
        secret = Generated(SECRET_BYTES, "base64").make()
        client.conceal(secret)
    body: dict[str, t.Any] = {"name": desired.name, "config_src": desired.config_src}
    if secret is not None:
        body["tunnel_secret"] = secret

    def look() -> dict[str, t.Any] | None:
        """Return the tunnel that an unanswered attempt made: it holds the secret that was sent."""
        found = find_tunnel(client, desired.name)
        if found is None or secret is None:
            return found if found and config_src(found) == desired.config_src else None
        return found if _secret_in(client, desired, found["id"]) == secret else None

    path = f"/accounts/{client.account_id}/cfd_tunnel"
    made: dict[str, t.Any] = client.post(path, body, look=look, tried="Creating the tunnel", on=desired.name)
    return made


def _perform_update(client: Client, write: TunnelWrite) -> dict[str, t.Any]:
    desired = write.of
    body: dict[str, t.Any] = {}
    if "name" in write.fields:
        body["name"] = desired.name
    if "secret" in write.fields:
        body["tunnel_secret"] = desired.secret

    def look() -> dict[str, t.Any] | None:
        """Return the tunnel when it already is what was asked for."""
        found = get_tunnel(client, write.tunnel_id)
        if found is None or found.get("name") != desired.name:
            return None
        if "secret" in write.fields and _secret_in(client, desired, found["id"]) != desired.secret:
            return None
        return found

    path = _path(client, write.tunnel_id)
    done: dict[str, t.Any] = client.patch(path, body, look=look, tried="Updating the tunnel", on=desired.name)
    return done


def _disconnect(client: Client, write: TunnelWrite) -> None:
    path = f"{_path(client, write.tunnel_id)}/connections"
    client.delete(path, tried="Closing the connections of the tunnel", on=write.of.name)


def _perform_delete(client: Client, write: TunnelWrite) -> None:
    """Delete the tunnel; a connector that came back in between is disconnected again, a bounded number of times."""
    attempt, waited = 0, 0.0
    while True:
        attempt += 1
        try:
            return client.delete(_path(client, write.tunnel_id), tried="Deleting the tunnel", on=write.of.name)
        except Failure as refused:
            if not (isinstance(refused, CloudflareFailure) and _CONNECTED in refused.codes):
                raise
            delay = client.backoff.delay(attempt, waited)
            if delay is None:
                raise Failure(
                    Kind.BUSY,
                    tried="Deleting the tunnel",
                    on=write.of.name,
                    said="its connectors connect again each time",
                    remedy="Stop cloudflared wherever it runs with this tunnel's credentials, then run this again",
                    status=refused.status,
                    request_id=refused.request_id,
                ) from refused
            client.sleep(delay)
            waited += delay
            _disconnect(client, write)
