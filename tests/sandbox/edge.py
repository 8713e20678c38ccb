"""Cloudflare's edge and the connectors: from a public host name to the local process behind a Service.

In: requests with ``Host: <public host>``; DNS records and tunnels of the Cloudflare stand-in; connectors in the cluster
or registered by hand. Out: the origin's answer, or what Cloudflare shows where the chain is broken: 530 with "error
code: 1016" (the name leads nowhere) or 1033 (no connector), 502 (no origin), 503 (no rules), 524 (origin too slow).
Never here: TLS, or a change of what passes through: signatures cover the raw bytes.
"""

from __future__ import annotations

import http.client
import threading
import uuid
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

from tests.sandbox.connectors import Api, Cluster, Running, with_tunnel
from tests.sandbox.standins.cloudflare import Cloudflare
from tests.sandbox.standins.cloudflare_answers import ray
from tests.sandbox.standins.cloudflare_tunnels import ConnectorRefused, Tunnel
from tests.sandbox.standins.cloudflared import Credentials, Rule, find_rule, read_config, read_rules
from tests.sandbox.standins.server import Answer, Request, StandIn

Resolve = Callable[[str, str, int], tuple[str, int] | None]
"""From namespace, Service and port to the address of the local process behind it; None when there is no Service."""

TUNNEL_DOMAIN = ".cfargotunnel.com"
VERSION = "2026.9.0"
ORIGIN_IP = "198.51.100.7"
HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
WHY = "X-Sandbox-Why"
"""Header of the stand-in alone: where the chain broke, in words."""


class Broken(Exception):
    """The chain ends here: the HTTP status, Cloudflare's code (what the body shows), and why."""

    def __init__(self, status: int, code: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.code = code


class Edge(StandIn):
    """The edge of one Cloudflare stand-in.

    ``api`` reads the cluster (None: connectors by hand only), ``resolve`` finds local processes, ``needs_available``
    False takes wanted replicas for running ones (when nothing plays the nodes), ``origin_timeout`` is in seconds.
    """

    def __init__(
        self,
        cloudflare: Cloudflare,
        api: Api | None = None,
        resolve: Resolve = lambda namespace, service, port: None,
        port: int = 0,
        needs_available: bool = True,
        origin_timeout: float = 30.0,
    ) -> None:
        super().__init__(port)
        self._cloudflare = cloudflare
        self._cluster = Cluster(api, needs_available) if api is not None else None
        self._resolve = resolve
        self._origin_timeout = origin_timeout
        self._lock = threading.Lock()
        self._by_hand: dict[str, Running] = {}
        self._known: dict[str, Running] = {}
        self._refused: dict[str, str] = {}
        self.actions = {"register": self._register_json, "unregister": self.unregister}

    def start(self) -> Self:
        self._cloudflare.before_tunnels = self.refresh
        return super().start()

    def stop(self) -> None:
        self._cloudflare.before_tunnels = lambda: None
        super().stop()

    def register(
        self, tunnel_id: str, credentials: Credentials, config_text: str | None = None, namespace: str = "default"
    ) -> str:
        """Run a connector without a cluster and return its id; raises BadConfig when cloudflared would not start."""
        config = read_config(config_text) if config_text is not None else None
        connector_id = str(uuid.uuid4())
        name = f"by hand in {namespace}"
        with self._lock:
            who = with_tunnel(credentials, tunnel_id)
            self._by_hand[connector_id] = Running(connector_id, name, namespace, who, config)
        self.refresh()
        return connector_id

    def unregister(self, connector_id: str) -> None:
        """Stop a connector that was registered by hand."""
        with self._lock:
            self._by_hand.pop(connector_id, None)
        self.refresh()

    def refresh(self) -> None:
        """Bring the stand-in's connections in line with the connectors that run."""
        with self._lock:
            running = {connector.id: connector for connector in self._by_hand.values()}
            if self._cluster is not None:
                running |= {connector.id: connector for connector in self._cluster.running()}
            for connector in self._known.values():
                if connector.id not in running:
                    self._cloudflare.disconnect(connector.credentials.tunnel, connector.id)
            self._known = running
            self._refused = {}
            for connector in running.values():
                try:
                    self._cloudflare.connect(connector.credentials, connector.id, ORIGIN_IP, VERSION)
                except ConnectorRefused as refused:
                    self._refused[connector.name] = str(refused)

    def state(self) -> Any:
        """Return the connectors that run and those that do not, with the reason."""
        self.refresh()
        with self._lock:
            problems = self._cluster.problems if self._cluster is not None else {}
            return {
                "running": {
                    connector.name: {
                        "id": connector.id,
                        "tunnel": connector.credentials.tunnel,
                        "warnings": list(connector.config.warnings) if connector.config else [],
                    }
                    for connector in self._known.values()
                    if connector.name not in self._refused
                },
                "refused": dict(self._refused),
                "not_started": dict(problems),
            }

    def answer(self, request: Request) -> Answer:
        try:
            answer = self._pass_on(request)
        except Broken as broken:
            body = f"error code: {broken.code}".encode()
            # A reason may quote a file: one line of ASCII is what a header can carry.
            why = " ".join(ascii(str(broken))[1:-1].replace("\\n", " ").split())
            answer = Answer(broken.status, body, {"Content-Type": "text/plain; charset=UTF-8", WHY: why})
        return Answer(answer.status, answer.body, {**answer.headers, "Server": "cloudflare", "CF-Ray": ray()})

    def _pass_on(self, request: Request) -> Answer:
        host = request.headers.get("host", "").split(":")[0].lower()
        tunnel = self._find_tunnel(host)
        connector = self._find_connector(tunnel)
        rules = _rules(tunnel, connector)
        if not rules:
            return Answer(503, b"", {WHY: f"{connector.name} has no tunnel rules"})
        return self._serve(find_rule(rules, host, request.path), connector, request, host)

    def _find_tunnel(self, host: str) -> Tunnel:
        found = self._cloudflare.lookup(host)
        if found is None:
            raise Broken(530, 1016, f"no DNS record for {host}")
        zone, record = found
        if not record.proxied:
            raise Broken(530, 1016, f"the DNS record for {host} is not proxied")
        if record.type != "CNAME" or not record.content.endswith(TUNNEL_DOMAIN):
            raise Broken(530, 1016, f"{record.type} {record.content} of {host} is no tunnel")
        tunnel = self._cloudflare.tunnel(record.content.removesuffix(TUNNEL_DOMAIN))
        # The name of a tunnel goes with the tunnel: to DNS a deleted one is like one that never was.
        if tunnel is None or tunnel.deleted_at:
            raise Broken(530, 1016, f"{host} leads to a tunnel that is not there")
        if tunnel.account_id != zone.account_id:
            raise Broken(530, 1033, f"{host} leads to a tunnel of another account")
        return tunnel

    def _find_connector(self, tunnel: Tunnel) -> Running:
        self.refresh()
        with self._lock:
            for connector_id in list(tunnel.connectors):
                if connector_id in self._known:
                    return self._known[connector_id]
            reasons = [f"{name}: {why}" for name, why in self._refused.items()]
            if self._cluster is not None:
                reasons += [f"{name}: {why}" for name, why in self._cluster.problems.items()]
        raise Broken(530, 1033, f"no connector for the tunnel {tunnel.name} ({'; '.join(reasons) or 'none runs'})")

    def _serve(self, rule: Rule, connector: Running, request: Request, host: str) -> Answer:
        if rule.service.startswith("http_status:"):
            return Answer(int(rule.service.removeprefix("http_status:")))
        if rule.service in ("hello_world", "hello-world"):
            return Answer(200, b"Congrats! You created a tunnel!", {"Content-Type": "text/plain"})
        return self._forward(self._address(rule.service, connector), rule, request, host)

    def _address(self, service: str, connector: Running) -> tuple[str, int]:
        """Return the process behind ``http://name[.namespace[.svc[.domain]]][:port]``, as a pod would resolve it."""
        parts = urlsplit(service)
        if parts.scheme not in ("http", "ws"):
            raise Broken(502, 502, f"the sandbox speaks plain HTTP to origins, not {service}")
        name, *rest = str(parts.hostname).split(".")
        namespace = rest[0] if rest else connector.namespace
        address = None
        if rest[1:2] in ([], ["svc"]):
            address = self._resolve(namespace, name, parts.port or 80)
        if address is None:
            raise Broken(502, 502, f"{connector.name} cannot resolve {service}")
        return address

    def _forward(self, address: tuple[str, int], rule: Rule, request: Request, host: str) -> Answer:
        connection = http.client.HTTPConnection(*address, timeout=self._origin_timeout)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in _origin_headers(request, rule.origin.get("httpHostHeader") or host).items():
                connection.putheader(name, value)
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), _visible_headers(answer))
        except TimeoutError as error:
            raise Broken(524, 524, f"{rule.service} did not answer within {self._origin_timeout:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise Broken(502, 502, f"{rule.service} at {address[0]}:{address[1]}: {error!r}") from error
        finally:
            connection.close()

    def _register_json(
        self, tunnel_id: str, credentials: str, config_text: str | None = None, namespace: str = "default"
    ) -> str:
        return self.register(tunnel_id, Credentials.from_json(credentials), config_text, namespace)


def _rules(tunnel: Tunnel, connector: Running) -> tuple[Rule, ...]:
    """Return the rules in force: the API's for a remotely managed tunnel, else those of the connector's file."""
    if tunnel.config_src == "cloudflare":
        return read_rules(tunnel.configuration or {}, from_file=False)[0]
    return connector.config.rules if connector.config else ()


def _origin_headers(request: Request, host: str) -> dict[str, str]:
    """Return the caller's headers with what Cloudflare adds; whatever a caller claims about itself is overwritten."""
    headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
    before = request.headers.get("x-forwarded-for")
    headers |= {
        "host": host,
        "cf-ray": ray(),
        "cf-connecting-ip": request.peer,
        "cf-ipcountry": "XX",
        "cf-visitor": '{"scheme":"https"}',
        "cdn-loop": "cloudflare; loops=1",
        "x-forwarded-for": f"{before}, {request.peer}" if before else request.peer,
        "x-forwarded-proto": "https",
    }
    if request.body or request.writes:
        headers["content-length"] = str(len(request.body))
    return headers


def _visible_headers(answer: http.client.HTTPResponse) -> dict[str, str]:
    hidden = HOP_BY_HOP | {"server", "date"}
    return {name: value for name, value in answer.getheaders() if name.lower() not in hidden}
