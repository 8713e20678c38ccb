"""What an installation of Tekton Triggers consists of in the cluster: identities, rights, settings, interceptors.

In: where the interceptors listen. Out: plain objects, with the names and rights of Tekton's own release. Never here: a
right that the release does not give, since the product's manifests are proven against it.
"""

from __future__ import annotations

import json
from typing import Any

NAMESPACE = "tekton-pipelines"
CONTROLLER = "tekton-triggers-controller"
INTERCEPTORS = "tekton-triggers-core-interceptors"
CERTIFICATE_SECRET = "tekton-triggers-core-interceptors-certs"
CORE_INTERCEPTORS = ("cel", "github")

CONFIG_LOGGING = "config-logging-triggers"
CONFIG_OBSERVABILITY = "config-observability-triggers"
CONFIG_DEFAULTS = "config-defaults-triggers"
CONFIG_FEATURES = "feature-flags-triggers"
CONFIG_LEADER_ELECTION = "config-leader-election-triggers-controllers"

_RBAC = "rbac.authorization.k8s.io"
_WRITE = ("get", "list", "create", "update", "delete", "patch", "watch")
_READ = ("get", "list", "watch")
_TRIGGERS = "triggers.tekton.dev"
_KINDS = (
    "clustertriggerbindings",
    "clusterinterceptors",
    "interceptors",
    "eventlisteners",
    "triggerbindings",
    "triggertemplates",
    "triggers",
)


def installation(interceptors_url: str) -> list[dict[str, Any]]:
    """All objects, in an order in which they can be applied; the URL is where the core interceptors listen."""
    return [
        _object("v1", "Namespace", NAMESPACE, namespace=None),
        *_rights(),
        *_settings(),
        # Empty: the interceptors put their certificate into it.
        _object("v1", "Secret", CERTIFICATE_SECRET),
        *(_cluster_interceptor(name, interceptors_url) for name in CORE_INTERCEPTORS),
    ]


def _object(version: str, kind: str, name: str, namespace: str | None = NAMESPACE, **fields: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "tekton-triggers", "app.kubernetes.io/instance": "default"}
    metadata: dict[str, Any] = {"name": name, "labels": labels}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def _rule(
    group: str, resources: tuple[str, ...], verbs: tuple[str, ...], names: tuple[str, ...] = ()
) -> dict[str, Any]:
    rule: dict[str, Any] = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    return {**rule, "resourceNames": list(names)} if names else rule


def _rights() -> list[dict[str, Any]]:
    admin = [
        _rule("", ("configmaps", "services", "events"), _WRITE),
        _rule("apps", ("deployments", "deployments/finalizers"), _WRITE),
        _rule(_TRIGGERS, (*_KINDS, "eventlisteners/finalizers"), _WRITE),
        _rule(_TRIGGERS, tuple(f"{kind}/status" for kind in _KINDS), _WRITE),
        _rule("coordination.k8s.io", ("leases",), _WRITE),
        _rule("serving.knative.dev", ("*", "*/status", "*/finalizers"), _WRITE),
        _rule("", ("namespaces",), ("get",), (NAMESPACE,)),
        _rule("", ("namespaces/finalizers",), ("update",), (NAMESPACE,)),
    ]
    secrets = [
        _rule(_TRIGGERS, ("clusterinterceptors",), ("get", "list", "watch", "update")),
        _rule("", ("secrets",), ("get", "list", "watch", "update"), (CERTIFICATE_SECRET,)),
    ]
    listener = [
        _rule(_TRIGGERS, ("eventlisteners", "triggerbindings", "interceptors", "triggertemplates", "triggers"), _READ),
        _rule("", ("configmaps",), _READ),
        _rule("tekton.dev", ("pipelineruns", "pipelineresources", "taskruns"), ("create",)),
        _rule("", ("serviceaccounts",), ("impersonate",)),
        _rule("", ("events",), ("create", "patch")),
    ]
    listener_cluster = [
        _rule(_TRIGGERS, ("clustertriggerbindings", "clusterinterceptors"), _READ),
        _rule("", ("secrets",), _READ),
    ]
    return [
        _object("v1", "ServiceAccount", CONTROLLER),
        _object("v1", "ServiceAccount", INTERCEPTORS),
        _cluster_role("tekton-triggers-admin", admin),
        _cluster_role(INTERCEPTORS, [_rule("", ("secrets",), _READ)]),
        _cluster_role(f"{INTERCEPTORS}-secrets", secrets),
        # Offered by the release for listeners, and bound by nobody here.
        _cluster_role("tekton-triggers-eventlistener-roles", listener),
        _cluster_role("tekton-triggers-eventlistener-clusterroles", listener_cluster),
        _binding("tekton-triggers-controller-admin", "tekton-triggers-admin", CONTROLLER),
        _binding(INTERCEPTORS, INTERCEPTORS, INTERCEPTORS),
        _binding(f"{INTERCEPTORS}-secrets", f"{INTERCEPTORS}-secrets", INTERCEPTORS),
        _object(f"{_RBAC}/v1", "Role", INTERCEPTORS, rules=[_rule("", ("configmaps",), _READ)]),
        _binding(INTERCEPTORS, INTERCEPTORS, INTERCEPTORS, kind="Role"),
    ]


def _cluster_role(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return _object(f"{_RBAC}/v1", "ClusterRole", name, namespace=None, rules=rules)


def _binding(name: str, role: str, account: str, kind: str = "ClusterRole") -> dict[str, Any]:
    return _object(
        f"{_RBAC}/v1",
        f"{kind}Binding",
        name,
        namespace=NAMESPACE if kind == "Role" else None,
        roleRef={"apiGroup": _RBAC, "kind": kind, "name": role},
        subjects=[{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    )


def _settings() -> list[dict[str, Any]]:
    defaults = {
        "default-service-account": "default",
        "default-run-as-user": "65532",
        "default-run-as-group": "65532",
        "default-fs-group": "65532",
        "default-run-as-non-root": "true",
    }
    features = {"enable-api-fields": "stable", "labels-exclusion-pattern": ""}
    # Debug of the listener tells which trigger refused a delivery and why; its HTTP answer never does (P6). Its pod is
    # given nothing of this ConfigMap but zap-logger-config, so the level stands there; the others have their own.
    zap = {"level": "debug", "encoding": "json", "outputPaths": ["stdout"], "errorOutputPaths": ["stderr"]}
    keys = {"timeKey": "timestamp", "levelKey": "severity", "nameKey": "logger", "messageKey": "message"}
    encoder = {**keys, "levelEncoder": "", "timeEncoder": "iso8601"}
    levels = {f"loglevel.{name}": "info" for name in ("controller", "webhook", "core-interceptors")}
    logging = {"zap-logger-config": json.dumps({**zap, "encoderConfig": encoder}), **levels}
    leases = {"lease-duration": "60s", "renew-deadline": "40s", "retry-period": "10s", "buckets": "1"}
    observability = {"metrics.backend-destination": "prometheus"}
    tables = {
        CONFIG_DEFAULTS: defaults,
        CONFIG_FEATURES: features,
        CONFIG_LOGGING: logging,
        CONFIG_LEADER_ELECTION: leases,
        CONFIG_OBSERVABILITY: observability,
    }
    return [_object("v1", "ConfigMap", name, data=data) for name, data in tables.items()]


def _cluster_interceptor(name: str, url: str) -> dict[str, Any]:
    item = _object(
        f"{_TRIGGERS}/v1alpha1",
        "ClusterInterceptor",
        name,
        namespace=None,
        # The release names a Service here; without pods it is the address itself.
        spec={"clientConfig": {"url": f"{url}/{name}"}},
    )
    # The interceptors write their caBundle into those with this label, and listeners wait for it.
    item["metadata"]["labels"]["server/type"] = "https"
    return item
