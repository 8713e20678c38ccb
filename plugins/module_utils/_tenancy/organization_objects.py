# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of an organization, one function an object, plain dicts. Pure.

In: the spec, the settings, what was observed. Out: objects. Never here: a read, a clock, randomness.
"""

from __future__ import annotations

import hashlib
import typing as t

from .._cloudflare import cloudflared
from .._core.plan import UNKNOWN
from .._core.sensitive import Generated, Sensitive
from .._kubernetes.objects import LABEL_PREFIX, Object, Owner
from . import names
from .network import dns_rule, internet_rule, peer_namespace
from .settings import Settings
from .specs import OrganizationSpec

RBAC = "rbac.authorization.k8s.io"
EVENT_LABEL = LABEL_PREFIX + "event"
SECRET_VERSION = LABEL_PREFIX + "secret-version"
ROTATED_AT = LABEL_PREFIX + "rotated-at"
RESTORED_AT = LABEL_PREFIX + "restored-at"
INTERCEPTOR_PORT = 8443
TEKTON_NAMESPACE = "tekton-pipelines"


class Builder:
    """Builds every object of one organization; holds only what it was given."""

    def __init__(self, spec: OrganizationSpec, settings: Settings, owner: Owner) -> None:
        self.spec = spec
        self.settings = settings
        self.owner = owner
        self.namespace = names.organization_namespace(spec.name)

    def _metadata(self, name: str, labels: dict[str, str] | None = None, cluster: bool = False) -> dict[str, t.Any]:
        metadata: dict[str, t.Any] = {
            "name": name,
            "labels": {**self.owner.labels(), names.LABEL_ORGANIZATION: self.spec.name, **(labels or {})},
        }
        if not cluster:
            metadata["namespace"] = self.namespace
        return metadata

    # namespace and secrets ------------------------------------------------------------------------------------------

    def claim(self) -> Object:
        """Return the namespace as it is created: whose it is, and nothing else."""
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": self._metadata(self.namespace, cluster=True)}

    def namespace_object(self) -> Object:
        """Return the namespace; Pod Security restricted, since nothing of a tenant's own runs here (P1)."""
        labels = {
            names.SECRET_STORE_SELECTOR: self.spec.name,
            "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/warn": "restricted",
            "pod-security.kubernetes.io/audit": "restricted",
        }
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": self._metadata(self.namespace, labels, True)}

    def webhook_secret(self, value: Sensitive | Generated, version: int) -> Object:
        """Return the webhook secret as it is created."""
        return self._versioned(names.WEBHOOK_SECRET, {names.WEBHOOK_KEY: value}, version)

    def next_secret(self, value: Sensitive | Generated, version: int) -> Object:
        """Return the Secret that holds the coming value until it is in use."""
        return self._versioned(f"{names.WEBHOOK_SECRET}-{version}", {names.WEBHOOK_KEY: value}, version)

    def rotated_secret(self, current: t.Any, previous: t.Any, version: int, now: str) -> Object:
        """Return the webhook secret with its new value; the previous one is accepted until it is dropped (P16)."""
        data = {names.WEBHOOK_KEY: current} | ({names.WEBHOOK_KEY_PREVIOUS: previous} if previous else {})
        secret = self._versioned(names.WEBHOOK_SECRET, data, version)
        secret["metadata"]["annotations"][ROTATED_AT] = now
        return secret

    def _versioned(self, name: str, data: dict[str, t.Any], version: int) -> Object:
        metadata = {**self._metadata(name), "annotations": {SECRET_VERSION: str(version)}}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}

    def org_secrets(self) -> Object:
        """Return the Secret that the organization's admins fill; made empty, since they may not create one."""
        metadata = self._metadata(names.ORG_SECRETS)
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {}}

    def tunnel_secret(self) -> Object:
        """Return the tunnel's secret, made before the tunnel: it proves after a crash that the tunnel is ours."""
        data = {names.WEBHOOK_KEY: Generated(32, "base64")}
        metadata = self._metadata(names.TUNNEL_SECRET)
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}

    # identities and rights ------------------------------------------------------------------------------------------

    def account(self, name: str) -> Object:
        """Return a ServiceAccount."""
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self._metadata(name)}

    def listener_binding(self) -> Object:
        """Return the listener's rights in its own namespace (P5)."""
        return self._binding(names.ROLE_LISTENER, names.ROLE_LISTENER, self._subject(names.LISTENER_ACCOUNT))

    def store_binding(self) -> Object:
        """Return the right to read org-secrets, and nothing else, for External Secrets."""
        return self._binding(names.ROLE_SECRETS_READER, names.ROLE_SECRETS_READER, self._subject(names.STORE_ACCOUNT))

    def admin_binding(self, address: str) -> Object:
        """Return an admin's rights; it disappears with the admin, because it is pruned (S17, B26)."""
        subject = {"apiGroup": RBAC, "kind": "User", "name": f"{self.settings.username_prefix}{address}"}
        return self._binding(names.admin_binding(address), names.ROLE_ORG_ADMIN, subject)

    def _subject(self, account: str) -> dict[str, str]:
        return {"kind": "ServiceAccount", "name": account, "namespace": self.namespace}

    def _binding(self, name: str, role: str, subject: dict[str, str]) -> Object:
        return {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": self._metadata(name),
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        }

    def secret_store(self) -> Object:
        """Return the store from which labelled pipeline namespaces get values of org-secrets (facts 5)."""
        account = {"name": names.STORE_ACCOUNT, "namespace": self.namespace}
        ca = {"type": "ConfigMap", "name": "kube-root-ca.crt", "key": "ca.crt", "namespace": self.namespace}
        return {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ClusterSecretStore",
            "metadata": self._metadata(names.store_name(self.spec.name), cluster=True),
            "spec": {
                "conditions": [{"namespaceSelector": {"matchLabels": {names.SECRET_STORE_SELECTOR: self.spec.name}}}],
                "provider": {
                    "kubernetes": {
                        "remoteNamespace": self.namespace,
                        "server": {"caProvider": ca},
                        "auth": {"serviceAccount": account},
                    }
                },
            },
        }

    # isolation ------------------------------------------------------------------------------------------------------

    def deny_all(self) -> Object:
        """Return the policy that closes the namespace; the others open what is needed (S10)."""
        return self._policy("default-deny", {}, ingress=[], egress=[])

    def connector_policy(self) -> Object:
        """Return what the connector may reach: Cloudflare's edge, names, and the listener."""
        edge = internet_rule(self.settings, [("TCP", 7844), ("UDP", 7844), ("TCP", 443)])
        listener = {
            "to": [{"podSelector": {"matchLabels": listener_labels()}}],
            "ports": [{"protocol": "TCP", "port": names.LISTENER_PORT}],
        }
        return self._policy(
            "connector", dict(cloudflared.POD_LABELS), ingress=[], egress=[*edge, *dns_rule(self.settings), listener]
        )

    def listener_policy(self, api_servers: t.Sequence[dict[str, t.Any]]) -> Object:
        """Return who reaches the listener, the connector alone, and what the listener reaches (P8b)."""
        source = {
            "from": [{"podSelector": {"matchLabels": dict(cloudflared.POD_LABELS)}}],
            "ports": [{"protocol": "TCP", "port": names.LISTENER_PORT}],
        }
        interceptors = {
            "to": [peer_namespace(TEKTON_NAMESPACE)],
            "ports": [{"protocol": "TCP", "port": INTERCEPTOR_PORT}],
        }
        egress = [interceptors, *dns_rule(self.settings), *api_servers]
        return self._policy("listener", listener_labels(), ingress=[source], egress=egress)

    def _policy(self, name: str, pods: dict[str, str], ingress: list[t.Any], egress: list[t.Any]) -> Object:
        selector: dict[str, t.Any] = {"matchLabels": pods} if pods else {}
        # Empty lists are said too: a field that is left out is nobody's, and what somebody writes there would stay.
        spec = {
            "podSelector": selector,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        }
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": self._metadata(name),
            "spec": spec,
        }

    # connector ------------------------------------------------------------------------------------------------------

    def credentials(self, credentials: Sensitive | str) -> Object:
        """Return the tunnel's credentials, written right after the tunnel was made."""
        value = credentials.base64() if isinstance(credentials, Sensitive) else UNKNOWN
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self._metadata(names.credentials_name(self.spec.name)),
            "type": "Opaque",
            "data": {"credentials.json": value},
        }

    def connector_config(self, text: str) -> Object:
        """Return the connector's configuration."""
        metadata = self._metadata(names.TUNNEL_CONFIG)
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yaml": text}}

    def config_text(self, tunnel_id: str) -> str:
        """Return the text of the connector's configuration: the public host leads to the listener."""
        service = f"http://{names.LISTENER_SERVICE}:{names.LISTENER_PORT}"
        return cloudflared.config_text(
            tunnel_id, [{"hostname": self.spec.hostname(self.settings.zone), "service": service}]
        )

    def restored(self, file: Object, live: Object | None, now: str) -> Object:
        """Return an object that pods read once, with the time at which it was last put right, if it ever was wrong.

        The time is written together with what it tells of, so a run that is killed right after leaves it for the next.
        """
        restored_at = ((live or {}).get("metadata", {}).get("annotations") or {}).get(RESTORED_AT)
        if live is not None and not file["data"].items() <= (live.get("data") or {}).items():
            restored_at = now
        if not restored_at:
            return file
        return {**file, "metadata": {**file["metadata"], "annotations": {RESTORED_AT: restored_at}}}

    def connector(self, config: str, credentials: Sensitive | str, files: t.Sequence[Object] = ()) -> Object:
        """Return the connector's Deployment; new credentials or configuration restart it (B5).

        So does a file that was put right: who spoilt it may have restarted the pods, which then hold what was wrong.
        """
        mark = UNKNOWN
        if isinstance(credentials, Sensitive):
            restored = "".join(item["metadata"].get("annotations", {}).get(RESTORED_AT, "") for item in files)
            mark = hashlib.sha256(f"{config}{credentials.fingerprint()}{restored}".encode()).hexdigest()
        metadata = self._metadata(names.connector_name(self.spec.name))
        return cloudflared.deployment(
            name=metadata["name"],
            namespace=self.namespace,
            labels=metadata["labels"],
            image=self.settings.cloudflared_image,
            replicas=self.spec.tunnel.get("replicas") or 2,
            credentials_secret=names.credentials_name(self.spec.name),
            config_map=names.TUNNEL_CONFIG,
            checksum=mark,
        )

    # listener -------------------------------------------------------------------------------------------------------

    def push_binding(self) -> Object:
        """Return what a push tells that is not already known from the binding."""
        values = {
            "git-revision": "$(body.after)",
            "git-ref": "$(body.ref)",
            "event-id": "$(header.X-GitHub-Delivery)",
            "triggered-at": "$(body.repository.pushed_at)",
        }
        return self._trigger_part("TriggerBinding", names.PUSH_BINDING, {"params": _params(values)})

    def ping_binding(self) -> Object:
        """Return what a ping tells."""
        values = {"event-id": "$(header.X-GitHub-Delivery)", "hook-id": "$(body.hook_id)"}
        return self._trigger_part("TriggerBinding", names.PING, {"params": _params(values)})

    def ping_template(self) -> Object:
        """Return the Event that a correctly signed ping makes; it is the only proof of a webhook (P6)."""
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "hook-$(tt.params.event-id)", "namespace": self.namespace},
            "type": "Normal",
            "reason": "WebhookProven",
            "message": "A correctly signed ping of webhook $(tt.params.hook-id) was answered",
            "involvedObject": {
                "apiVersion": "triggers.tekton.dev/v1beta1",
                "kind": "EventListener",
                "name": names.LISTENER,
                "namespace": self.namespace,
            },
            "source": {"component": "aphex.platform"},
        }
        spec = {"params": [{"name": "event-id"}, {"name": "hook-id"}], "resourcetemplates": [event]}
        return self._trigger_part("TriggerTemplate", names.PING, spec)

    def ping_trigger(self) -> Object:
        """Return the trigger of pings."""
        spec = {"bindings": [{"ref": names.PING, "kind": "TriggerBinding"}], "template": {"ref": names.PING}}
        return self._trigger_part("Trigger", names.PING, spec, {EVENT_LABEL: "ping"})

    def listener(self) -> Object:
        """Return the listener: signatures are checked in each group, before any trigger is looked at (S1, S4).

        There are two groups for pushes, one for each secret of a rotation; one whose key is absent is skipped (P16).
        No namespaceSelector: with one, Tekton wants rights on the whole cluster (P5).
        """
        security = {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        kubernetes = {
            "replicas": self.spec.listener.get("replicas") or 1,
            "spec": {"template": {"spec": {"securityContext": security}}},
        }
        spec = {
            "serviceAccountName": names.LISTENER_ACCOUNT,
            "triggerGroups": [
                self._group("push", "push", names.WEBHOOK_KEY),
                self._group("push-previous", "push", names.WEBHOOK_KEY_PREVIOUS),
                self._group("ping", "ping", names.WEBHOOK_KEY),
            ],
            "resources": {"kubernetesResource": kubernetes},
        }
        return self._trigger_part("EventListener", names.LISTENER, spec)

    def _group(self, name: str, event: str, key: str) -> dict[str, t.Any]:
        selector = {names.LABEL_ORGANIZATION: self.spec.name, EVENT_LABEL: event}
        return {
            "name": name,
            "interceptors": [
                {
                    "ref": {"name": "github", "kind": "ClusterInterceptor"},
                    "params": [
                        {"name": "secretRef", "value": {"secretName": names.WEBHOOK_SECRET, "secretKey": key}},
                        {"name": "eventTypes", "value": [event]},
                    ],
                }
            ],
            "triggerSelector": {"labelSelector": {"matchLabels": selector}},
        }

    def _trigger_part(
        self, kind: str, name: str, spec: dict[str, t.Any], labels: dict[str, str] | None = None
    ) -> Object:
        metadata = self._metadata(name, labels)
        return {"apiVersion": "triggers.tekton.dev/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}


def listener_labels() -> dict[str, str]:
    """Return the labels that Tekton gives to the listener's pods."""
    return {"eventlistener": names.LISTENER}


def _params(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]
