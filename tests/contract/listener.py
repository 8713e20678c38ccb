"""What answers in place of Tekton's listeners where hundreds of organizations live, too many for a listener each.

In: deliveries of a GitHub stand-in, the webhook secrets of the cluster. Out: 202 to everything, as Tekton answers, and
for a ping that was signed with the organization's current secret the Event that proves it. Never here: a run.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from tests.contract.world import eventually
from tests.sandbox.api import Api, Object
from tests.sandbox.standins.server import Answer, Request, StandIn

_VERSION = "triggers.tekton.dev/v1beta1"
_NAME = "github-listener"


def proof(organization: str, delivery: str) -> Object:
    """The Event that a listener makes of a ping."""
    namespace = f"org-{organization}"
    about = {"apiVersion": _VERSION, "kind": "EventListener", "namespace": namespace, "name": _NAME}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"hook-{delivery}", "namespace": namespace},
        "involvedObject": about,
        "reason": "WebhookProven",
    }


def make_ready(api: Api, organization: str) -> None:
    """Say of an organization's connector and of its listener what a node and Tekton say as soon as they run."""
    namespace = f"namespaces/org-{organization}"
    eventually("the connector has a pod", lambda: api.list(f"/api/v1/{namespace}/pods"))
    for pod in api.list(f"/api/v1/{namespace}/pods"):
        runs = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        api.patch(f"/api/v1/{namespace}/pods/{pod['metadata']['name']}/status", {"status": runs})
    conditions = [{"type": name, "status": "True"} for name in ("Available", "Ready")]
    path = f"/apis/{_VERSION}/{namespace}/eventlisteners/{_NAME}"
    api.patch(f"{path}/status", {"status": {"conditions": conditions}})
    connector = f"/apis/apps/v1/{namespace}/deployments/cloudflared-{organization}"
    eventually("the connector is available", lambda: api.get(connector)["status"].get("availableReplicas"))


class Listener(StandIn):
    """The listeners of all organizations of a cluster; a delivery says by its host whose it is."""

    def __init__(self, api: Api) -> None:
        super().__init__()
        self._api = api

    def answer(self, request: Request) -> Answer:
        organization = request.headers["host"].partition(".")[0]
        if request.headers["x-github-event"] == "ping" and self._is_signed(organization, request):
            self._api.create(proof(organization, request.headers["x-github-delivery"]))
        return Answer(202)

    def _is_signed(self, organization: str, request: Request) -> bool:
        secret = self._api.find(f"/api/v1/namespaces/org-{organization}/secrets/github-webhook-secret")
        if secret is None:
            return False
        key = base64.b64decode(secret["data"]["secret"])
        wanted = "sha256=" + hmac.new(key, request.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(request.headers.get("x-hub-signature-256", ""), wanted)
