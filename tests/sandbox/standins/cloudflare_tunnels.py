"""Cloudflare's tunnels: ``/accounts/{account}/cfd_tunnel``, both kinds, with configurations, tokens and connections.

In: requests of the API, and connectors that come and go (the edge reports them). Out: answers and tunnel facts.
Never here: DNS, or what a connector reads.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.sandbox.standins.cloudflare_answers import Refused, ok, page
from tests.sandbox.standins.cloudflared import BadConfig, Credentials, read_rules
from tests.sandbox.standins.server import Answer, Clock, Request, Route, route

UUID = "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
COLOS = ("ams01", "ams04", "fra03", "fra08")
NAME_TAKEN = (
    "You already have a tunnel with this name. Delete the existing tunnel, or choose a different name for your new "
    "tunnel."
)
SECRET_BYTES = 32
RECONNECT_SECONDS = 2.0
"""How long a connector needs to come back after its connections were deleted: in this time the tunnel can go."""


class ConnectorRefused(Exception):
    """The edge does not let this connector register; the text is what cloudflared logs."""


@dataclass
class Connector:
    """One running cloudflared as Cloudflare sees it: four connections."""

    id: str
    run_at: str
    version: str
    origin_ip: str
    connections: list[dict[str, Any]]

    def view(self, config_version: int) -> dict[str, Any]:
        return {
            "id": self.id,
            "features": ["allow_remote_config", "serialized_headers"],
            "version": self.version,
            "arch": "linux_amd64",
            "conns": self.connections,
            "run_at": self.run_at,
            "config_version": config_version,
        }


@dataclass
class Tunnel:
    """One tunnel; deleted ones stay in the list. ``secret`` is base64. ``quiet_until`` keeps connectors out."""

    id: str
    account_id: str
    name: str
    config_src: str
    secret: str
    created_at: str
    deleted_at: str | None = None
    active_at: str | None = None
    inactive_at: str | None = None
    version: int = 0
    configuration: dict[str, Any] | None = None
    configured_at: str | None = None
    quiet_until: datetime | None = None
    connectors: dict[str, Connector] = field(default_factory=dict)

    @property
    def status(self) -> str:
        if self.connectors:
            return "healthy"
        return "down" if self.active_at or self.deleted_at else "inactive"

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.account_id, self.id, self.secret)

    def view(self) -> dict[str, Any]:
        """Return the tunnel as the API shows it; ``connections`` is empty since they have their own endpoint."""
        return {
            "id": self.id,
            "account_tag": self.account_id,
            "created_at": self.created_at,
            "deleted_at": self.deleted_at,
            "name": self.name,
            "connections": [],
            "conns_active_at": self.active_at if self.connectors else None,
            "conns_inactive_at": None if self.connectors else self.inactive_at or self.created_at,
            "tun_type": "cfd_tunnel",
            "metadata": {},
            "status": self.status,
            "remote_config": self.config_src == "cloudflare",
            "config_src": self.config_src,
        }


class Tunnels:
    """All tunnels of all accounts. The caller holds the lock; ``account`` checks that an account is the token's."""

    def __init__(self, clock: Clock, account: Callable[[str], object]) -> None:
        self._clock = clock
        self._account = account
        self._tunnels: dict[str, Tunnel] = {}

    def routes(self, base: str) -> list[Route]:
        root = f"{base}/accounts/([^/]+)/cfd_tunnel"
        one = f"{root}/{UUID}"
        return [
            route("GET", root, self._list),
            route("POST", root, self._create),
            route("GET", one, lambda request: ok(self._known(request).view())),
            route("PATCH", one, self._patch),
            route("DELETE", one, self._delete),
            route("GET", f"{one}/token", lambda request: ok(self._live(request).credentials.to_token())),
            route("GET", f"{one}/connections", self._connections),
            route("DELETE", f"{one}/connections", self._disconnect_all),
            route("GET", f"{one}/connectors/{UUID}", self._connector),
            route("GET", f"{one}/configurations", lambda request: ok(self._configuration(self._known(request)))),
            route("PUT", f"{one}/configurations", self._configure),
        ]

    def get(self, tunnel_id: str) -> Tunnel | None:
        return self._tunnels.get(tunnel_id)

    def all(self) -> list[Tunnel]:
        return list(self._tunnels.values())

    def connect(self, credentials: Credentials, connector_id: str, origin_ip: str, version: str) -> None:
        """Register a connector. Registering one that is there changes nothing; it keeps its connections even when
        the tunnel's secret has changed since. Raises ConnectorRefused."""
        tunnel = self._tunnels.get(credentials.tunnel)
        if tunnel is None or tunnel.deleted_at or tunnel.account_id != credentials.account:
            raise ConnectorRefused("Unauthorized: Tunnel not found")
        if connector_id in tunnel.connectors:
            return
        if tunnel.secret != credentials.secret:
            raise ConnectorRefused("Unauthorized: Invalid tunnel secret")
        if tunnel.quiet_until is not None and self._clock.now() < tunnel.quiet_until:
            raise ConnectorRefused("Connection terminated, retrying")
        now = self._clock.stamp()
        tunnel.connectors[connector_id] = _new_connector(connector_id, now, origin_ip, version)
        tunnel.active_at = now

    def disconnect(self, tunnel_id: str, connector_id: str) -> None:
        tunnel = self._tunnels.get(tunnel_id)
        if tunnel is not None and tunnel.connectors.pop(connector_id, None) is not None:
            tunnel.inactive_at = self._clock.stamp()

    def _known(self, request: Request) -> Tunnel:
        """Return the tunnel of the path, deleted or not."""
        self._account(request.params[0])
        tunnel = self._tunnels.get(request.params[1])
        if tunnel is None or tunnel.account_id != request.params[0]:
            raise Refused(404, 1003, "Tunnel not found")
        return tunnel

    def _live(self, request: Request) -> Tunnel:
        tunnel = self._known(request)
        if tunnel.deleted_at:
            raise Refused(404, 1003, "Tunnel not found")
        return tunnel

    def _list(self, request: Request) -> Answer:
        self._account(request.params[0])
        mine = (tunnel for tunnel in self._tunnels.values() if tunnel.account_id == request.params[0])
        found = [tunnel.view() for tunnel in mine if _listed(tunnel, request)]
        return page(found, request, default=20, most=1000)

    def _create(self, request: Request) -> Answer:
        account = request.params[0]
        self._account(account)
        body = _body(request)
        name = self._free_name(account, body)
        secret = _secret(body) or base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        kind = body.get("config_src", "local")
        if kind not in ("local", "cloudflare"):
            raise _unreadable(f"unknown variant `{kind}`, expected `local` or `cloudflare`")
        tunnel = Tunnel(str(uuid.uuid4()), account, name, kind, secret, self._clock.stamp())
        self._tunnels[tunnel.id] = tunnel
        file = {"AccountTag": account, "TunnelID": tunnel.id, "TunnelName": name, "TunnelSecret": secret}
        return ok({**tunnel.view(), "credentials_file": file, "token": tunnel.credentials.to_token()})

    def _patch(self, request: Request) -> Answer:
        tunnel = self._live(request)
        body = _body(request)
        name = self._free_name(tunnel.account_id, body, tunnel) if "name" in body else tunnel.name
        secret = _secret(body) or tunnel.secret
        tunnel.name, tunnel.secret = name, secret
        return ok(tunnel.view())

    def _delete(self, request: Request) -> Answer:
        tunnel = self._live(request)
        if tunnel.connectors and request.argument("cascade") != "true":
            raise Refused(400, 1022, "Cannot delete tunnel because it has active connections")
        tunnel.connectors.clear()
        tunnel.deleted_at = tunnel.inactive_at = self._clock.stamp()
        return ok(tunnel.view())

    def _connections(self, request: Request) -> Answer:
        tunnel = self._known(request)
        return ok([connector.view(tunnel.version) for connector in tunnel.connectors.values()])

    def _connector(self, request: Request) -> Answer:
        tunnel = self._known(request)
        connector = tunnel.connectors.get(request.params[2])
        if connector is None:
            raise Refused(404, 1003, "Connector not found")  # not documented
        return ok(connector.view(tunnel.version))

    def _disconnect_all(self, request: Request) -> Answer:
        tunnel = self._live(request)
        client = request.argument("client_id")
        gone = [connector_id for connector_id in tunnel.connectors if client in (None, connector_id)]
        for connector_id in gone:
            self.disconnect(tunnel.id, connector_id)
        if gone:
            tunnel.quiet_until = self._clock.now() + timedelta(seconds=RECONNECT_SECONDS)
        return ok(None)

    def _configure(self, request: Request) -> Answer:
        """Store the whole document. For a locally managed tunnel it is stored too, and no connector reads it."""
        tunnel = self._live(request)
        config = _body(request).get("config")
        if not isinstance(config, dict):
            raise _unreadable("missing field `config`")
        try:
            read_rules(config, from_file=False)
        except BadConfig as error:
            raise Refused(400, 1056, f"Bad Configuration: Validation failed: {error}") from error
        tunnel.configuration = config
        tunnel.version += 1
        tunnel.configured_at = self._clock.stamp()
        return ok(self._configuration(tunnel))

    def _configuration(self, tunnel: Tunnel) -> dict[str, Any]:
        return {
            "account_id": tunnel.account_id,
            "tunnel_id": tunnel.id,
            "version": tunnel.version,
            "config": tunnel.configuration,
            "source": tunnel.config_src,
            "created_at": tunnel.configured_at or tunnel.created_at,
        }

    def _free_name(self, account: str, body: dict[str, Any], itself: Tunnel | None = None) -> str:
        name = body.get("name")
        if not isinstance(name, str) or not name.strip():
            raise _unreadable("missing field `name`")
        if _looks_like_uuid(name):
            raise Refused(400, 1002, "The tunnel name must not be a UUID")  # not documented
        for tunnel in self._tunnels.values():
            if tunnel is not itself and not tunnel.deleted_at and (tunnel.account_id, tunnel.name) == (account, name):
                raise Refused(409, 1013, NAME_TAKEN)
        return name


def _listed(tunnel: Tunnel, request: Request) -> bool:
    """Say whether the filters of a list let a tunnel through; without ``is_deleted`` deleted ones are listed too."""
    deleted = request.argument("is_deleted")
    prefix, without = request.argument("include_prefix"), request.argument("exclude_prefix")
    return (
        deleted in (None, "", "true" if tunnel.deleted_at else "false")
        and request.argument("name") in (None, tunnel.name)
        and request.argument("uuid") in (None, tunnel.id)
        and request.argument("status") in (None, tunnel.status)
        and tunnel.name.startswith(prefix or "")
        and not (without and tunnel.name.startswith(without))
    )


def _new_connector(connector_id: str, now: str, origin_ip: str, version: str) -> Connector:
    connections = []
    for colo in COLOS:
        number = str(uuid.uuid4())
        connections.append(
            {
                "id": number,
                "uuid": number,
                "colo_name": colo,
                "is_pending_reconnect": False,
                "origin_ip": origin_ip,
                "opened_at": now,
                "client_id": connector_id,
                "client_version": version,
            }
        )
    return Connector(connector_id, now, version, origin_ip, connections)


def _looks_like_uuid(name: str) -> bool:
    try:
        uuid.UUID(name)
    except ValueError:
        return False
    return True


def _body(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError as error:
        raise _unreadable(str(error)) from error
    if not isinstance(body, dict):
        raise _unreadable("invalid type, expected a map")
    return body


def _secret(body: dict[str, Any]) -> str | None:
    """Return the base64 secret of the body, or None when it has none."""
    secret = body.get("tunnel_secret")
    if secret is None:
        return None
    try:
        raw = base64.b64decode(str(secret), validate=True)
    except binascii.Error as error:
        raise _unreadable(f"tunnel_secret: {error}") from error
    if len(raw) < SECRET_BYTES:
        raise Refused(400, 1002, f"tunnel_secret must have at least {SECRET_BYTES} bytes")  # not documented
    return str(secret)


def _unreadable(why: str) -> Refused:
    return Refused(400, 1030, f"Could not parse input. Json deserialize error: {why}")
