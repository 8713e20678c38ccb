"""A Flux webhook of tests: from the public host through edge and tunnel rule to the real notification-controller.

In: a sandbox. Out: task results of our modules, signed deliveries at the edge, and what they did to sources. Never
here: an object of Flux that the product is there to make.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, answer, conceal, plain
from ansible_collections.aphex.platform.plugins.modules import (
    cloudflare_dns_record,
    cloudflare_tunnel,
    cloudflare_tunnel_ingress,
    flux_receiver,
    flux_receiver_info,
    flux_webhook_verify,
)
from tests.integration.tenants import a_run
from tests.sandbox import stack
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.cloudflare import BASE
from tests.sandbox.standins.cloudflared import Credentials

TOKEN = "0123456789abcdef0123456789abcdef"
SERVICE = "http://webhook-receiver.flux-system.svc.cluster.local:80"
PATH_RULE = "^/hook/[0-9a-f]{64}$"

_MODULES = (
    cloudflare_dns_record,
    cloudflare_tunnel,
    cloudflare_tunnel_ingress,
    flux_receiver,
    flux_receiver_info,
    flux_webhook_verify,
)
ENTRY_POINTS: dict[str, EntryPoint] = {module.__name__.rpartition(".")[2]: module.ENTRY_POINT for module in _MODULES}


@dataclass
class Flux:
    """A namespace of its own with sources and a Receiver, and a public host."""

    sandbox: Sandbox
    namespace: str = field(default_factory=lambda: f"flux-{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.sandbox.add("flux")
        self.sandbox.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})

    @property
    def host(self) -> str:
        """The public host; one label below the zone (A35)."""
        return f"{self.namespace}.{stack.ZONE}"

    def run(self, module: str, **arguments: Any) -> dict[str, Any]:
        """Run a module as its action plugin does, and return the task's result."""
        entry_point = ENTRY_POINTS[module]
        cloudflare = self.sandbox.cloudflare
        connection = {
            "kubeconfig": str(self.sandbox.kubeconfig),
            "cloudflare_api_token": cloudflare.token,
            "cloudflare_api_url": cloudflare.url + BASE,
            "cloudflare_account_id": cloudflare.account_id,
        }
        known = {name: value for name, value in connection.items() if name in entry_point.options}
        checked = ArgumentSpecValidator(entry_point.options, **entry_point.rules).validate({**known, **arguments})
        assert not checked.error_messages, checked.error_messages
        params = conceal(plain(checked.validated_parameters), entry_point.options)
        return answer(entry_point, params, a_run())

    def receiver(self, name: str = "hooks", **arguments: Any) -> dict[str, Any]:
        """Make the Receiver; its result."""
        given = {"branches": ["main"], "resources": [{"name": "apps"}], "token": TOKEN, **arguments}
        result = self.run("flux_receiver", name=name, namespace=self.namespace, **given)
        assert not result.get("failed"), result
        return result

    def source(self, name: str, kind: str = "GitRepository", **labels: str) -> None:
        """Make a source that nothing fetches."""
        metadata = {"name": name, "namespace": self.namespace, "labels": labels}
        spec = {"url": f"https://github.com/acme-corp/{name}", "interval": "10m"}
        version = "source.toolkit.fluxcd.io/v1"
        self.sandbox.api.apply({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})

    def expose(self) -> Credentials:
        """Make tunnel, rule and DNS record; the credentials for a connector."""
        tunnel = self.run("cloudflare_tunnel", name=self.namespace, config_src="cloudflare", return_credentials=True)
        identity = tunnel["tunnel"]["id"]
        rule = {"hostname": self.host, "path": PATH_RULE, "service": SERVICE}
        for result in (
            tunnel,
            self.run("cloudflare_tunnel_ingress", tunnel_id=identity, rules=[rule]),
            self.run(
                "cloudflare_dns_record",
                zone=stack.ZONE,
                record=self.host,
                type="CNAME",
                content=f"{identity}.cfargotunnel.com",
                proxied=True,
            ),
        ):
            assert not result.get("failed"), result
        return Credentials.from_token(tunnel["tunnel"]["token"])

    def verify(self, name: str = "hooks", **arguments: Any) -> list[tuple[str, str]]:
        """Look at every hop; ids and severities."""
        result = self.run(
            "flux_webhook_verify",
            name=name,
            namespace=self.namespace,
            url=f"http://{self.host}",
            connect_to=urlsplit(self.sandbox.edge.url).netloc,
            **arguments,
        )
        assert not result.get("failed"), result
        return [(finding["id"], finding["severity"]) for finding in result["findings"]]

    def deliver(self, path: str, event: str = "push", token: str = TOKEN, **payload: Any) -> int:
        """Send what GitHub would send, to the public host; the status."""
        body = json.dumps({"ref": "refs/heads/main", **payload} if event == "push" else payload).encode()
        headers = {
            "Host": self.host,
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(uuid4()),
            "X-Hub-Signature-256": f"sha256={hmac.new(token.encode(), body, hashlib.sha256).hexdigest()}",
        }
        parts = urlsplit(self.sandbox.edge.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def requested_at(self, name: str = "hooks") -> dict[str, str | None]:
        """When each source of the Receiver was last asked to look."""
        found = self.run("flux_receiver_info", name=name, namespace=self.namespace)["receivers"]
        return {source["name"]: source["requested_at"] for source in found[0]["sources"]}

    def metrics(self) -> str:
        """What the controller exports."""
        with urllib.request.urlopen(self.sandbox.env_now["APHEX_FLUX_METRICS"], timeout=60) as got:
            return str(got.read().decode())

    def clear(self) -> None:
        """Remove the namespace with everything in it."""
        self.sandbox.api.delete(f"/api/v1/namespaces/{self.namespace}")
