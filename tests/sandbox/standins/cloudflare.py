"""Cloudflare's API v4 below ``/client/v4``: tokens, accounts, zones, DNS records, tunnels.

In: requests with a bearer token. Out: Cloudflare's envelope with its codes. Never here: the edge (``edge.py``).
"""

from __future__ import annotations

import re
import secrets
import string
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.sandbox.faults import Fault
from tests.sandbox.standins.cloudflare_answers import (
    Refused,
    bad_access_token,
    bad_header,
    bad_token,
    broken,
    no_headers,
    no_method,
    no_route,
    no_zone_list,
    not_allowed,
    ok,
    page,
    rate_limited,
    ray,
    refusal,
)
from tests.sandbox.standins.cloudflare_dns import ID, PLANS, Dns, Record, Zone
from tests.sandbox.standins.cloudflare_tunnels import Tunnel, Tunnels
from tests.sandbox.standins.cloudflared import Credentials
from tests.sandbox.standins.server import GARBAGE, Answer, Request, StandIn, route

BASE = "/client/v4"
SCOPES = frozenset({"account", "zone", "dns", "tunnel"})
TOKEN = re.compile(r"[A-Za-z0-9_-]{40,}")


@dataclass
class Token:
    """An API token: what it may do, and whether it is ``active``, ``disabled`` or ``expired``."""

    id: str
    value: str
    scopes: frozenset[str]
    status: str = "active"


class Cloudflare(StandIn):
    """The stand-in: one account and one token with every right to begin with.

    ``before_tunnels`` is called before each request that concerns tunnels, without the lock: the edge brings the
    connections up to date there.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.before_tunnels: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._accounts: dict[str, str] = {}
        self._tokens: dict[str, Token] = {}
        self._dns = Dns(self.clock)
        self._tunnels = Tunnels(self.clock, self._known_account)
        self.account_id = self.add_account("Sandbox")
        self.token = self.add_token()
        self.actions = {
            "add_zone": self.add_zone,
            "add_account": self.add_account,
            "add_token": self.add_token,
            "set_token_status": self.set_token_status,
        }
        self.add_routes(
            route("GET", f"{BASE}/user/tokens/verify", self._verify),
            route("GET", f"{BASE}/accounts", self._list_accounts),
            route("GET", f"{BASE}/accounts/{ID}", self._get_account),
            route("GET", f"{BASE}/accounts/{ID}/tokens/verify", self._verify),
            *self._tunnels.routes(BASE),
            *self._dns.routes(BASE),
        )

    # What tests and the sandbox set up

    def add_account(self, name: str) -> str:
        """Add an account and return its id."""
        with self._lock:
            account_id = secrets.token_hex(16)
            self._accounts[account_id] = name
            return account_id

    def add_zone(self, name: str, account_id: str | None = None, plan: str = "free", status: str = "active") -> str:
        """Add a zone (to the first account unless told) and return its id; raises ValueError for an unknown plan."""
        if plan not in PLANS:
            raise ValueError(f"plan {plan!r} is not one of {', '.join(PLANS)}")
        with self._lock:
            account = account_id or self.account_id
            return self._dns.add_zone(name.lower(), account, self._accounts[account], plan, status).id

    def add_token(self, scopes: list[str] | None = None, value: str | None = None) -> str:
        """Add a token with rights out of SCOPES (all unless told) and return its value."""
        with self._lock:
            text = value or "".join(secrets.choice(string.ascii_letters + string.digits) for _unused in range(40))
            token = Token(secrets.token_hex(16), text, SCOPES if scopes is None else frozenset(scopes))
            if token.scopes - SCOPES or not TOKEN.fullmatch(text):
                raise ValueError("a token has rights out of SCOPES and 40 or more letters, digits, _ and -")
            self._tokens[text] = token
            return text

    def set_token_status(self, value: str, status: str) -> None:
        """Make a token active, disabled or expired."""
        with self._lock:
            self._tokens[value].status = status

    # What the edge asks and reports

    def lookup(self, host: str) -> tuple[Zone, Record] | None:
        with self._lock:
            return self._dns.lookup(host)

    def tunnel(self, tunnel_id: str) -> Tunnel | None:
        with self._lock:
            return self._tunnels.get(tunnel_id)

    def tunnels(self) -> list[Tunnel]:
        """Return all tunnels, deleted ones too."""
        with self._lock:
            return self._tunnels.all()

    def connect(self, credentials: Credentials, connector_id: str, origin_ip: str, version: str) -> None:
        """Register a connector; raises ConnectorRefused."""
        with self._lock:
            self._tunnels.connect(credentials, connector_id, origin_ip, version)

    def disconnect(self, tunnel_id: str, connector_id: str) -> None:
        with self._lock:
            self._tunnels.disconnect(tunnel_id, connector_id)

    def state(self) -> Any:
        with self._lock:
            return {
                "accounts": dict(self._accounts),
                "zones": [
                    {**zone.view(), "records": [record.view() for record in zone.records.values()]}
                    for zone in self._dns.all()
                ],
                "tunnels": [
                    {
                        **tunnel.view(),
                        "tunnel_secret": tunnel.secret,
                        "config": tunnel.configuration,
                        "connectors": sorted(tunnel.connectors),
                    }
                    for tunnel in self._tunnels.all()
                ],
            }

    # How a request is answered

    def answer(self, request: Request) -> Answer:
        try:
            self._demand(self._authenticate(request), request)
            if "/cfd_tunnel" in request.path:
                self.before_tunnels()
            with self._lock:
                return super().answer(request)
        except Refused as refused:
            return refusal(refused)

    def no_route(self, request: Request) -> Answer:
        raise no_route(request.path)

    def no_method(self, request: Request) -> Answer:
        raise no_method(request.method)

    def fault_answer(self, fault: Fault, request: Request) -> Answer:
        if fault.kind == "429":
            return refusal(rate_limited(), retry_after=fault.retry_after)
        if fault.kind == "500":
            return refusal(broken())
        return Answer(200, GARBAGE, {"Content-Type": "application/json", "CF-Ray": ray(), "Server": "cloudflare"})

    def _authenticate(self, request: Request) -> Token:
        header = request.headers.get("authorization")
        if header is None:
            raise no_headers()
        scheme, _unused, value = header.partition(" ")
        if scheme.lower() != "bearer" or not TOKEN.fullmatch(value):
            raise bad_header()
        with self._lock:
            token = self._tokens.get(value)
        if token is not None and (token.status == "active" or request.path.endswith("/tokens/verify")):
            return token
        if request.path.endswith("/tokens/verify"):
            raise bad_token()
        raise bad_access_token() if request.path.startswith(f"{BASE}/zones") else not_allowed()

    def _demand(self, token: Token, request: Request) -> None:
        """Raise unless the token has the right that the path asks for. Listing accounts needs none (see there)."""
        if request.path == f"{BASE}/zones" and "zone" not in token.scopes:
            raise no_zone_list(token.id)
        for part, scope in (("/cfd_tunnel", "tunnel"), ("/dns_records", "dns"), ("/zones/", "zone")):
            if part in request.path:
                if scope not in token.scopes:
                    raise not_allowed()
                return

    def _known_account(self, account_id: str) -> str:
        """Return the account's name; raises what the API says to an id that is none, or is not the token's."""
        if account_id in self._accounts:
            return self._accounts[account_id]
        if re.fullmatch(ID, account_id):
            raise not_allowed()
        raise no_route(f"{BASE}/accounts/{account_id}/cfd_tunnel")

    def _verify(self, request: Request) -> Answer:
        if request.params:
            self._known_account(request.params[0])
        token = self._authenticate(request)
        message = {"code": 10000, "message": f"This API Token is valid and {token.status}", "type": None}
        return ok({"id": token.id, "status": token.status}, [message])

    def _list_accounts(self, request: Request) -> Answer:
        """A token without the right to read accounts gets an empty list, no refusal."""
        visible = self._accounts if "account" in self._authenticate(request).scopes else {}
        wanted = request.argument("name")
        found = [_account(key, name) for key, name in visible.items() if wanted in (None, name)]
        return page(found, request, default=20, most=50)

    def _get_account(self, request: Request) -> Answer:
        if "account" not in self._authenticate(request).scopes:
            raise not_allowed()
        return ok(_account(request.params[0], self._known_account(request.params[0])))


def _account(account_id: str, name: str) -> dict[str, Any]:
    return {"id": account_id, "name": name, "type": "standard", "settings": {"enforce_twofactor": False}}
