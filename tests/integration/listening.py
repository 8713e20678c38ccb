"""An organization with a listener of its own, made of plain objects: the least that a push needs.

In: a sandbox. Out: Tenant, to push to and to be asked for its runs. Never here: product code, or an assertion about it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.request
from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

import yaml

from tests.sandbox.api import Api, Server
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.stack import ZONE
from tests.sandbox.standins.cloudflared import Credentials

T = TypeVar("T")

PUSH_SECRET = b"the secret of this test"

# The least that a push needs, with the rights that P5 proved to be enough.
ORGANIZATION = """
{apiVersion: v1, kind: Namespace, metadata: {name: ORG, labels: {pod-security.kubernetes.io/enforce: restricted}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: PIPELINE}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: eventlistener, namespace: ORG}}
---
{apiVersion: v1, kind: Secret, metadata: {name: hook, namespace: ORG}, stringData: {secret: the secret of this test}}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: TriggerBinding
metadata: {name: push, namespace: ORG}
spec: {params: [{name: delivery, value: $(header.X-GitHub-Delivery)}]}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: TriggerTemplate
metadata: {name: push, namespace: ORG}
spec:
  params: [{name: delivery}]
  resourcetemplates:
    - apiVersion: tekton.dev/v1
      kind: PipelineRun
      metadata: {name: push-$(tt.params.delivery), namespace: PIPELINE}
      spec: {pipelineRef: {name: PIPELINE}}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: Trigger
metadata: {name: push, namespace: ORG, labels: {on: push}}
spec:
  bindings: [{kind: TriggerBinding, ref: push}]
  template: {ref: push}
  interceptors:
    - ref: {kind: ClusterInterceptor, name: cel}
      params: [{name: filter, value: body.ref == 'refs/heads/main'}]
---
apiVersion: triggers.tekton.dev/v1beta1
kind: EventListener
metadata: {name: github, namespace: ORG}
spec:
  serviceAccountName: eventlistener
  triggerGroups:
    - name: push
      triggerSelector: {labelSelector: {matchLabels: {on: push}}}
      interceptors:
        - ref: {kind: ClusterInterceptor, name: github}
          params:
            - {name: secretRef, value: {secretName: hook, secretKey: secret}}
            - {name: eventTypes, value: [push]}
"""

RIGHTS = """
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ORG}, rules: [
  {apiGroups: [triggers.tekton.dev], resources: [clusterinterceptors, clustertriggerbindings], verbs: [list, watch]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: ORG},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ORG},
 subjects: [{kind: ServiceAccount, name: eventlistener, namespace: ORG}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: listener, namespace: ORG}, rules: [
  {apiGroups: [triggers.tekton.dev], verbs: [list, watch],
   resources: [eventlisteners, triggers, triggerbindings, triggertemplates, interceptors]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: listener, namespace: ORG},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: listener},
 subjects: [{kind: ServiceAccount, name: eventlistener, namespace: ORG}]}
"""

RIGHT_TO_RUN = """
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: run, namespace: PIPELINE}, rules: [
  {apiGroups: [tekton.dev], resources: [pipelineruns], verbs: [create]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: run, namespace: PIPELINE},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: run},
 subjects: [{kind: ServiceAccount, name: eventlistener, namespace: ORG}]}
"""


def eventually(what: Callable[[], T], seconds: float = 120.0) -> T:
    """What it answers as soon as that is something; the last answer when the time is over."""
    end = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


class Tenant:
    """An organization and a pipeline of one test."""

    def __init__(self, sandbox: Sandbox) -> None:
        mark = uuid4().hex[:8]
        self.sandbox, self.organization, self.pipeline = sandbox, f"org-{mark}", f"pipeline-{mark}"

    def apply(self, text: str) -> None:
        text = text.replace("ORG", self.organization).replace("PIPELINE", self.pipeline)
        self.sandbox.api.apply_all(yaml.safe_load_all(text))

    def address(self) -> tuple[str, int] | None:
        return self.sandbox.address(self.organization, "el-github")

    def push(
        self, delivery: str, secret: bytes = PUSH_SECRET, ref: str = "refs/heads/main", url: str = "", host: str = ""
    ) -> int:
        """Send a signed push to the listener itself, or to a URL with another Host header; answers the status."""
        if not url:
            address = self.address()
            assert address is not None
            url = f"http://{address[0]}:{address[1]}"
        body = json.dumps({"ref": ref}).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
        }
        if host:
            headers["Host"] = host
        request = urllib.request.Request(f"{url}/", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)

    def runs(self) -> list[str]:
        found = self.sandbox.api.list(f"/apis/tekton.dev/v1/namespaces/{self.pipeline}/pipelineruns")
        return sorted(item["metadata"]["name"] for item in found)

    def remove(self) -> None:
        for namespace in (self.organization, self.pipeline):
            self.sandbox.api.delete(f"/api/v1/namespaces/{namespace}")
        for kind in ("clusterroles", "clusterrolebindings"):
            path = f"/apis/rbac.authorization.k8s.io/v1/{kind}/{self.organization}"
            if self.sandbox.api.exists(path):
                self.sandbox.api.delete(path)


class PublicHost:
    """A public host name with a tunnel behind it, made at Cloudflare from outside; the connector is run by hand."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox, self.name, self.host = sandbox, name, f"{name}.{ZONE}"
        self._cloudflare = Api(Server(sandbox.cloudflare.url)).with_token(sandbox.cloudflare.token)
        path = f"/client/v4/accounts/{sandbox.cloudflare.account_id}/cfd_tunnel"
        self._tunnel = self._cloudflare.post(path, {"name": name})["result"]
        self._connector = ""

    def name_in_dns(self) -> None:
        """Let the name lead to the tunnel."""
        zone = self._cloudflare.get("/client/v4/zones", name=ZONE)["result"][0]["id"]
        content = f"{self._tunnel['id']}.cfargotunnel.com"
        record = {"type": "CNAME", "name": self.host, "content": content, "proxied": True, "ttl": 1}
        self._cloudflare.post(f"/client/v4/zones/{zone}/dns_records", record)

    def connect(self, service: str, namespace: str = "default", path: str = "") -> None:
        """Run a connector, in place of the one before, whose one rule leads to that service."""
        self.disconnect()
        rule = {"hostname": self.host, "service": service} | ({"path": path} if path else {})
        rules = [rule, {"service": "http_status:404"}]
        config = yaml.safe_dump({"tunnel": self._tunnel["id"], "credentials-file": "/c.json", "ingress": rules})
        credentials = Credentials.from_token(self._tunnel["token"])
        self._connector = self.sandbox.edge.register(self._tunnel["id"], credentials, config, namespace=namespace)

    def disconnect(self) -> None:
        """End the connector."""
        if self._connector:
            self.sandbox.edge.unregister(self._connector)
        self._connector = ""
