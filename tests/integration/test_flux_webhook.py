"""Do the playbooks bring a Flux webhook about, prove it, rotate it, and take it back at each level?

The whole chain is asked from outside: GitHub's stand-in delivers through the edge and a tunnel rule to the real
notification-controller.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._flux.lint import lint
from ansible_collections.aphex.platform.plugins.module_utils._flux.manifests import Manifest, Manifests
from tests.contract.platform import BIN, environment
from tests.integration.flux import Flux
from tests.integration.tenants import eventually
from tests.sandbox import stack
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.cloudflared import Credentials
from tests.sandbox.standins.control import Control

_BETWEEN_PUSHES = 0.2
LEVELS = ("emergency", "partial", "full")

OWNER = "acme-corp"


@dataclass
class Webhook:
    """One webhook that the playbooks make, and questions from outside."""

    flux: Flux
    folder: Path
    env: dict[str, str]

    @property
    def github(self) -> Control:
        return Control(self.env["APHEX_SANDBOX_GITHUB"])

    @property
    def repository(self) -> str:
        """A repository of this webhook alone: the sandbox's GitHub is shared, and tells every webhook of a push."""
        return self.flux.namespace

    def play(self, playbook: str, *words: str, **variables: Any) -> dict[str, int]:
        """Run one of our playbooks; the recap of its one host. A failed run is an error."""
        recap = self.text(playbook, *words, **variables).rpartition("localhost ")[2].split("\n")[0]
        return {key: int(value) for key, _equals, value in (word.partition("=") for word in recap.split()[1:])}

    def text(self, playbook: str, *words: str, **variables: Any) -> str:
        """Run one of our playbooks; all that it printed."""
        given = {
            "flux_webhook_host": self.flux.host,
            "flux_webhook_name": "hooks",
            "flux_webhook_namespace": self.flux.namespace,
            "flux_webhook_resources": [{"name": "apps"}],
            "flux_webhook_origin": "http://webhook-receiver.flux-system.svc.cluster.local:80",
            "flux_webhook_tunnel_name": self.flux.namespace,
            "flux_webhook_github_owner": OWNER,
            "flux_webhook_github_repository": self.repository,
            "flux_webhook_monitoring_namespace": self.flux.namespace,
            "flux_webhook_verify_url": f"http://{self.flux.host}",
            "flux_webhook_verify_connect_to": urlsplit(self.env["APHEX_EDGE_URL"]).netloc,
            "flux_webhook_rotation_pause": 1,
            "flux_webhook_alert_provider": {"type": "generic", "address": "http://alerts.example.org"},
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            **variables,
        }
        path = self.folder / "vars.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        command = [str(BIN / "ansible-playbook"), "-i", "localhost,", "-c", "local", f"aphex.platform.{playbook}"]
        env = environment(self.folder, **self.env)
        done = subprocess.run(
            [*command, "-e", f"@{path}", *words], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def hooks(self) -> list[dict[str, Any]]:
        """The webhooks at GitHub that lead to this host."""
        found = [hook for hook in self.github.state()["webhooks"] if self.flux.host in hook["url"]]
        return sorted(found, key=lambda hook: int(hook["id"]))

    def push(self, ref: str = "refs/heads/main") -> None:
        """Push at GitHub."""
        self.github.do("push", repository=f"{OWNER}/{self.repository}", ref=ref)

    def receivers(self) -> dict[str, bool]:
        """The Receivers, and whether each is suspended."""
        listed = self.flux.sandbox.api.list(
            f"/apis/notification.toolkit.fluxcd.io/v1/namespaces/{self.flux.namespace}/receivers"
        )
        return {item["metadata"]["name"]: bool(item["spec"].get("suspend")) for item in listed}

    def objects(self, group: str, plural: str) -> list[dict[str, Any]]:
        """Objects of a kind in the namespace."""
        return self.flux.sandbox.api.list(f"/apis/{group}/namespaces/{self.flux.namespace}/{plural}")

    def records(self) -> list[str]:
        """Where the DNS records of this host lead."""
        zones = Control(self.env["APHEX_SANDBOX_CLOUDFLARE"]).state()["zones"]
        return [record["content"] for zone in zones for record in zone["records"] if record["name"] == self.flux.host]

    def requested_at(self) -> Any:
        """When the source was last asked to look."""
        path = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{self.flux.namespace}/gitrepositories/apps"
        metadata = self.flux.sandbox.api.get(path)["metadata"]
        return (metadata.get("annotations") or {}).get("reconcile.fluxcd.io/requestedAt")

    def policy(self) -> dict[str, Any]:
        """Whom the network policy lets in."""
        path = f"/apis/networking.k8s.io/v1/namespaces/{self.flux.namespace}/networkpolicies/allow-webhooks"
        spec: dict[str, Any] = self.flux.sandbox.api.get(path)["spec"]["ingress"][0]["from"][0]["namespaceSelector"]
        return spec


@pytest.fixture
def webhook(sandbox: Sandbox, tmp_path: Path) -> Iterator[Webhook]:
    flux = Flux(sandbox)
    flux.source("apps")
    env = sandbox.env_now
    made = Webhook(flux, tmp_path, env)
    made.github.do("add_repository", full_name=f"{OWNER}/{made.repository}")
    tunnel = flux.run(
        "cloudflare_tunnel",
        name=flux.namespace,
        config_src="cloudflare",
        return_credentials=True,
        cloudflare_api_url=env["CLOUDFLARE_API_URL"],
        cloudflare_api_token=env["CLOUDFLARE_API_TOKEN"],
        cloudflare_account_id=env["CLOUDFLARE_ACCOUNT_ID"],
    )["tunnel"]
    edge = Control(env["APHEX_EDGE_URL"])
    connector = edge.do(
        "register", tunnel_id=tunnel["id"], credentials=Credentials.from_token(tunnel["token"]).to_json()
    )
    yield made
    edge.do("unregister", connector_id=connector)
    flux.clear()


def test_a_push_wakes_flux_and_a_second_run_changes_nothing(webhook: Webhook) -> None:
    assert webhook.play("flux_webhook", "--check")["changed"] > 0
    assert (webhook.hooks(), webhook.receivers()) == ([], {})
    assert webhook.play("flux_webhook")["changed"] > 0
    [hook] = webhook.hooks()
    assert hook["active"]
    assert hook["content_type"] == "json"
    assert webhook.requested_at() is None
    webhook.push("refs/heads/other")
    webhook.push()
    eventually("the source is asked to look", webhook.requested_at)
    assert webhook.play("flux_webhook")["changed"] == 0
    assert webhook.policy() == {"matchLabels": {"kubernetes.io/metadata.name": "cloudflared"}}
    assert len(webhook.objects("monitoring.coreos.com/v1", "prometheusrules")) == 1
    assert len(webhook.objects("notification.toolkit.fluxcd.io/v1beta3", "alerts")) == 1


def test_A22_a_raised_version_moves_github_before_the_first_receiver_goes(webhook: Webhook) -> None:
    webhook.play("flux_webhook")
    [before] = webhook.hooks()
    webhook.play("flux_webhook", flux_webhook_version=2)
    [after] = webhook.hooks()
    assert after["id"] == before["id"]
    assert after["url"] != before["url"]
    assert webhook.receivers() == {"hooks-v2": False}
    webhook.push()
    eventually("the source is asked to look", webhook.requested_at)
    assert webhook.play("flux_webhook", flux_webhook_version=2)["changed"] == 0


def test_no_delivery_is_refused_or_lost_while_the_token_changes(webhook: Webhook) -> None:
    webhook.play("flux_webhook")
    done = threading.Event()

    def pushing() -> None:
        while not done.wait(_BETWEEN_PUSHES):
            webhook.push()

    traffic = threading.Thread(target=pushing, daemon=True)
    traffic.start()
    try:
        webhook.play("flux_webhook", flux_webhook_version=2)
    finally:
        done.set()
        traffic.join()
    webhook.github.do("settle")
    [hook] = webhook.hooks()
    codes = [item["status_code"] for item in hook["deliveries"] if item["event"] == "push"]
    assert len(codes) > 10
    assert set(codes) == {200}


@pytest.mark.parametrize("level", LEVELS)
def test_A38_A39_each_level_goes_back_and_comes_again(webhook: Webhook, level: str) -> None:
    webhook.play("flux_webhook")
    [before] = webhook.hooks()
    assert webhook.play("rollback", level=level)["changed"] > 0
    webhook.push()
    if level == "full":
        assert (webhook.hooks(), webhook.receivers()) == ([], {})
        assert webhook.objects("monitoring.coreos.com/v1", "podmonitors") == []
        # Our own record: what external-dns has made may outlive its annotations, by its policy.
        assert webhook.records() == []
    else:
        [stopped] = webhook.hooks()
        assert (stopped["id"], stopped["active"]) == (before["id"], False)
        assert webhook.receivers() == {"hooks": True}
        assert len(webhook.objects("monitoring.coreos.com/v1", "podmonitors")) == 1
        assert len(webhook.records()) == 1
    narrow = {"matchLabels": {"kubernetes.io/metadata.name": "cloudflared"}}
    assert webhook.policy() == (narrow if level == "emergency" else {})
    assert webhook.play("rollback", level=level)["changed"] == 0
    assert webhook.requested_at() is None
    webhook.play("flux_webhook")
    assert webhook.receivers() == {"hooks": False}
    webhook.push()
    eventually("the source is asked to look", webhook.requested_at)


@pytest.mark.parametrize("exposure", ["gateway", "traefik", "ingress"])
def test_what_exposes_it_is_free_of_known_faults(webhook: Webhook, exposure: str) -> None:
    given = {
        "flux_webhook_exposure": exposure,
        "flux_webhook_origin": "http://gateway.example.svc.cluster.local:80",
        "flux_webhook_gateway": {"name": "public", "namespace": "gateway"},
        "flux_webhook_dns": "external_dns",
        "flux_webhook_github_owner": OWNER,
    }
    webhook.play("flux_webhook", "--tags", "flux_webhook_receiver,flux_webhook_exposure", **given)
    webhook.play("flux_webhook", "--tags", "flux_webhook_monitoring", **given)
    found = [
        Manifest(item)
        for group, plural in (
            ("networking.k8s.io/v1", "ingresses"),
            ("networking.k8s.io/v1", "networkpolicies"),
            ("traefik.io/v1alpha1", "ingressroutes"),
            ("traefik.io/v1alpha1", "middlewares"),
            ("gateway.networking.k8s.io/v1", "httproutes"),
            ("notification.toolkit.fluxcd.io/v1", "receivers"),
            ("notification.toolkit.fluxcd.io/v1beta3", "alerts"),
            ("notification.toolkit.fluxcd.io/v1beta3", "providers"),
            ("monitoring.coreos.com/v1", "podmonitors"),
            ("monitoring.coreos.com/v1", "prometheusrules"),
        )
        for item in webhook.objects(group, plural)
    ]
    routes = [item.kind for item in found if item.kind in ("HTTPRoute", "IngressRoute", "Ingress")]
    assert routes == [{"gateway": "HTTPRoute", "traefik": "IngressRoute", "ingress": "Ingress"}[exposure]]
    assert lint(Manifests(tuple(found), zone=stack.ZONE)) == []


def test_a_broken_hop_is_named(webhook: Webhook) -> None:
    host = f"{webhook.flux.namespace}x.{stack.ZONE}"
    given = {"flux_webhook_host": host, "flux_webhook_verify_url": f"http://{host}", "flux_webhook_tunnel": "none"}
    with pytest.raises(AssertionError, match="The hop origin is broken: HTTP 503"):
        webhook.play("flux_webhook", **given)
    assert webhook.hooks() == []


def test_a_source_that_is_not_there_is_named(webhook: Webhook) -> None:
    with pytest.raises(AssertionError, match=r"there is no GitRepository [a-z0-9-]+/gone"):
        webhook.play("flux_webhook", flux_webhook_resources=[{"name": "gone"}])


def test_no_token_shows(webhook: Webhook) -> None:
    token = "canary-0123456789abcdef"
    shown = [webhook.text("flux_webhook", "-vvv", "--diff", flux_webhook_token=token)]
    shown += [webhook.text("rollback", "-vvv", "--diff", flux_webhook_token=token, level=level) for level in LEVELS]
    assert [text for text in shown if token in text] == []
