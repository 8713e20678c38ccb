"""What an installation of Flux consists of in the cluster, as far as webhooks are concerned.

In: nothing. Out: kinds, and plain objects with the names and rights of Flux's own release. Never here: a right that the
release does not give, or a Receiver.
"""

from __future__ import annotations

from typing import Any

from tests.sandbox.crds import Definition

NAMESPACE = "flux-system"
ACCOUNT = "notification-controller"
RECEIVER_SERVICE = "webhook-receiver"

_NOTIFICATION = "notification.toolkit.fluxcd.io"
_SOURCE = "source.toolkit.fluxcd.io"
_PROMETHEUS = "monitoring.coreos.com"
_TRAEFIK = "traefik.io"
_GATEWAY = "gateway.networking.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_WRITE = [*_READ, "create", "update", "patch", "delete"]

DEFINITIONS = (
    Definition(_NOTIFICATION, ("v1",), "Receiver", "receivers", True, "flux-receivers.yaml"),
    Definition(_NOTIFICATION, ("v1beta3",), "Alert", "alerts", True, "flux-alerts.yaml"),
    Definition(_NOTIFICATION, ("v1beta3",), "Provider", "providers", True, "flux-providers.yaml"),
    Definition(_SOURCE, ("v1",), "GitRepository", "gitrepositories", True, "flux-gitrepositories.yaml"),
    # Sources of the sandbox alone: no upstream file, so they accept everything.
    Definition(_SOURCE, ("v1",), "OCIRepository", "ocirepositories", True, "flux-ocirepositories.yaml"),
    Definition(_SOURCE, ("v1",), "HelmRepository", "helmrepositories", True, "flux-helmrepositories.yaml"),
    Definition(_SOURCE, ("v1",), "Bucket", "buckets", True, "flux-buckets.yaml"),
    Definition(_PROMETHEUS, ("v1",), "PrometheusRule", "prometheusrules", True, "prom-prometheusrules.yaml"),
    Definition(_PROMETHEUS, ("v1",), "PodMonitor", "podmonitors", True, "prom-podmonitors.yaml"),
    Definition(_PROMETHEUS, ("v1",), "ServiceMonitor", "servicemonitors", True, "prom-servicemonitors.yaml"),
    Definition(_TRAEFIK, ("v1alpha1",), "IngressRoute", "ingressroutes", True, "traefik-ingressroutes.yaml"),
    Definition(_TRAEFIK, ("v1alpha1",), "Middleware", "middlewares", True, "traefik-middlewares.yaml"),
    Definition(_GATEWAY, ("v1",), "HTTPRoute", "httproutes", True, "gateway-httproutes.yaml"),
)
"""The kinds of Flux that a Receiver speaks of, and those by which it is exposed and watched."""


def installation() -> list[dict[str, Any]]:
    """All objects, in an order in which they can be applied."""
    return [
        _object("v1", "Namespace", NAMESPACE, namespace=None),
        _object("v1", "ServiceAccount", ACCOUNT),
        *_rights(),
        *_services(),
        *_policies(),
    ]


def _object(version: str, kind: str, name: str, namespace: str | None = NAMESPACE, **fields: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": NAMESPACE}
    metadata: dict[str, Any] = {"name": name, "labels": labels}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _rights() -> list[dict[str, Any]]:
    groups = ("source", "kustomize", "helm", "notification", "image", "source.extensions")
    own = [{"apiGroups": [_group(name)], "resources": ["*"], "verbs": ["*"]} for name in groups]
    rules = [
        *own,
        _rule("", ["namespaces", "secrets", "configmaps", "serviceaccounts"], _READ),
        _rule("", ["events"], ["create", "patch"]),
        _rule("", ["configmaps"], _WRITE),
        _rule("", ["configmaps/status"], ["get", "update", "patch"]),
        _rule("coordination.k8s.io", ["leases"], _WRITE),
        _rule("", ["serviceaccounts/token"], ["create"]),
    ]
    role = f"crd-controller-{NAMESPACE}"
    return [
        _object(f"{_RBAC}/v1", "ClusterRole", role, namespace=None, rules=rules),
        _object(
            f"{_RBAC}/v1",
            "ClusterRoleBinding",
            role,
            namespace=None,
            roleRef={"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            subjects=[{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
        ),
    ]


def _group(name: str) -> str:
    return "source.extensions.fluxcd.io" if name == "source.extensions" else f"{name}.toolkit.fluxcd.io"


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _services() -> list[dict[str, Any]]:
    """Both listen on 80; 9292 is the port of the container alone (A2)."""

    def service(name: str, target: str) -> dict[str, Any]:
        port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": target}
        return _object("v1", "Service", name, spec={"selector": {"app": ACCOUNT}, "ports": [port]})

    return [service(ACCOUNT, "http"), service(RECEIVER_SERVICE, "http-webhook")]


def _policies() -> list[dict[str, Any]]:
    """The policies of `flux install`: what a narrower one has to replace, since policies add up."""

    def policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
        return _object("networking.k8s.io/v1", "NetworkPolicy", name, spec=spec)

    anywhere: list[dict[str, Any]] = [{"namespaceSelector": {}}]
    return [
        policy(
            "allow-egress",
            {
                "podSelector": {},
                "egress": [{}],
                "ingress": [{"from": [{"podSelector": {}}]}],
                "policyTypes": ["Ingress", "Egress"],
            },
        ),
        policy(
            "allow-scraping",
            {
                "podSelector": {},
                "ingress": [{"from": anywhere, "ports": [{"port": 8080, "protocol": "TCP"}]}],
                "policyTypes": ["Ingress"],
            },
        ),
        policy(
            "allow-webhooks",
            {
                "podSelector": {"matchLabels": {"app": ACCOUNT}},
                "ingress": [{"from": anywhere}],
                "policyTypes": ["Ingress"],
            },
        ),
    ]
