# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a repository bound to an organization, one function an object, plain dicts. Pure.

In: the spec, the settings, what was observed. Out: objects. Never here: a read, a clock, randomness.
"""

from __future__ import annotations

import json
import typing as t

from .._core.sensitive import Sensitive
from .._kubernetes.objects import LABEL_PREFIX, OWNER_UID, Object, Owner
from . import names
from .network import dns_rule, internet_rule
from .organization_objects import EVENT_LABEL, RBAC
from .pipeline import declared_params, declared_workspaces
from .settings import Settings
from .specs import RepoBindingSpec

ARGO_CD_SERVER = "https://kubernetes.default.svc"
RUN_TIMEOUT = "1h0m0s"
WORKSPACE_SIZE = "1Gi"
_RETENTION = {"successful": 5, "failed": 5, "days": 7}
# What a tenant's Git may never bring: the walls of its own namespace, and what starts pipelines (S5, S6).
_FORBIDDEN_KINDS = (
    ("", "ResourceQuota"),
    ("", "LimitRange"),
    ("networking.k8s.io", "NetworkPolicy"),
    (RBAC, "Role"),
    (RBAC, "RoleBinding"),
    ("triggers.tekton.dev", "*"),
    ("aphex.io", "*"),
)


class Builder:
    """Builds every object of one binding; holds only what it was given."""

    def __init__(self, spec: RepoBindingSpec, settings: Settings, owner: Owner, uid: str) -> None:
        self.spec = spec
        self.settings = settings
        self.owner = owner
        self.uid = uid
        self.namespace = spec.pipeline_name
        self.organization_namespace = names.organization_namespace(spec.aphex_org)

    def _metadata(
        self, name: str, labels: dict[str, str] | None = None, namespace: str | None = None
    ) -> dict[str, t.Any]:
        wanted = self.namespace if namespace is None else namespace
        metadata: dict[str, t.Any] = {
            "name": name,
            "labels": {
                **self.owner.labels(),
                names.LABEL_ORGANIZATION: self.spec.aphex_org,
                names.LABEL_PIPELINE: self.spec.pipeline_name,
                **(labels or {}),
            },
        }
        if wanted:
            metadata["namespace"] = wanted
        return metadata

    # namespace and walls --------------------------------------------------------------------------------------------

    def claim(self) -> Object:
        """Return the namespace as it is created; who creates it has the pipeline's name (P10)."""
        metadata = self._metadata(self.namespace, {OWNER_UID: self.uid}, namespace="")
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}

    def namespace_object(self) -> Object:
        """Return the namespace: Pod Security baseline for both profiles, restricted as a warning (P1)."""
        labels = {
            OWNER_UID: self.uid,
            "pod-security.kubernetes.io/enforce": "baseline",
            "pod-security.kubernetes.io/warn": "restricted",
            "pod-security.kubernetes.io/audit": "restricted",
        }
        if self.spec.secrets == "organization":
            labels[names.SECRET_STORE_SELECTOR] = self.spec.aphex_org
        metadata = self._metadata(self.namespace, labels, namespace="")
        # An annotation: owner/name is no legal label value, and long names are no shorter with a hyphen (D18, P14).
        metadata["annotations"] = {names.REPOSITORY: self.spec.repository}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}

    def limits(self, organization: dict[str, t.Any]) -> Object:
        """Return the limits of a container: binding over organization over platform."""
        values = {**self.settings.limits, **organization, **self.spec.limits}
        limit = {
            "type": "Container",
            "default": {"cpu": values["default_cpu"], "memory": values["default_memory"]},
            "defaultRequest": {"cpu": values["default_request_cpu"], "memory": values["default_request_memory"]},
            "max": {"cpu": values["max_cpu"], "memory": values["max_memory"]},
        }
        metadata = self._metadata(names.LIMITS)
        return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": [limit]}}

    def quota(self, organization: dict[str, t.Any]) -> Object:
        """Return the quota of the namespace: binding over organization over platform."""
        values = self._amounts(organization)
        hard = {
            "requests.cpu": str(values["requests_cpu"]),
            "limits.cpu": str(values["limits_cpu"]),
            "requests.memory": str(values["requests_memory"]),
            "limits.memory": str(values["limits_memory"]),
            "persistentvolumeclaims": str(values["persistent_volume_claims"]),
            "pods": str(values["pods"]),
            # What listens outside of the cluster is the platform's, as host names are.
            "services.nodeports": "0",
            "services.loadbalancers": "0",
        }
        metadata = self._metadata(names.QUOTA)
        return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}

    def _amounts(self, organization: dict[str, t.Any]) -> dict[str, t.Any]:
        return {**self.settings.quota, **organization, **self.spec.quota}

    def isolation(self, api_servers: t.Sequence[dict[str, t.Any]]) -> Object:
        """Return the network policy: its own namespace, names, the API server, the internet without private ranges."""
        egress: list[dict[str, t.Any]] = [{"to": [{"podSelector": {}}]}, *dns_rule(self.settings)]
        egress += internet_rule(self.settings)
        if self.spec.egress.get("api_server", True):
            egress += api_servers
        for item in self.spec.egress.get("allow") or []:
            rule: dict[str, t.Any] = {"to": [{"ipBlock": {"cidr": item["cidr"]}}]}
            if item.get("ports"):
                rule["ports"] = [{"protocol": "TCP", "port": port} for port in item["ports"]]
            egress.append(rule)
        spec = {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {}}]}],
            "egress": egress,
        }
        metadata = self._metadata(names.ISOLATION)
        return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}

    # identities and rights ------------------------------------------------------------------------------------------

    def account(self, name: str) -> Object:
        """Return a ServiceAccount."""
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self._metadata(name)}

    def runner_binding(self) -> Object:
        """Return the runner's rights; named after the role, so another profile is another object (P12)."""
        role = names.ROLE_RUNNER[self.spec.permission_profile]
        return self._binding(role, names.RUNNER, self.namespace)

    def deployer_binding(self) -> Object:
        """Return the rights as which Argo CD syncs here, so that RBAC and policies judge the tenant."""
        return self._binding(names.ROLE_DEPLOYER, names.DEPLOYER, self.namespace)

    def listener_binding(self) -> Object:
        """Return the listener's right to start runs here, and nowhere else by this object (S3)."""
        return self._binding(names.ROLE_LISTENER_RUN, names.LISTENER_ACCOUNT, self.organization_namespace)

    def _binding(self, role: str, account: str, namespace: str) -> Object:
        return {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": self._metadata(role),
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }

    # pipeline -------------------------------------------------------------------------------------------------------

    def pipeline(self, parsed: Object) -> Object:
        """Return the tenant's Pipeline under the name and in the place that the binding gives it."""
        given = parsed.get("metadata") or {}
        metadata = self._metadata(self.spec.pipeline_name)
        metadata["labels"] = {**_texts(given.get("labels")), **metadata["labels"]}
        if given.get("annotations"):
            metadata["annotations"] = _texts(given["annotations"])
        return {"apiVersion": parsed["apiVersion"], "kind": "Pipeline", "metadata": metadata, "spec": parsed["spec"]}

    def terraform_backend(self) -> Object:
        """Return the configuration of Terraform's state, which lives in this namespace."""
        text = (
            'terraform {\n  backend "kubernetes" {\n'
            f'    secret_suffix     = "{self.namespace}"\n'
            f'    namespace         = "{self.namespace}"\n'
            "    in_cluster_config = true\n  }\n}\n"
        )
        data = {"backend.tf": Sensitive(text).base64()}
        metadata = self._metadata(names.TERRAFORM_BACKEND)
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}

    def pruner(self, parsed: Object, organization: dict[str, t.Any]) -> Object:
        """Return how many finished runs are kept; a quota without it ends in runs that never start (B15, P27).

        Each kept run holds its volumes, so no more are kept than leave the next run the claims that it needs.
        """
        wanted = {**_RETENTION, **self.spec.retention}
        volumes = len(declared_workspaces(parsed))
        if volumes:
            room = max(0, int(self._amounts(organization)["persistent_volume_claims"]) // volumes - 1)
            wanted["failed"] = min(wanted["failed"], room // 2)
            wanted["successful"] = min(wanted["successful"], room - wanted["failed"])
        config = {
            "successfulHistoryLimit": wanted["successful"],
            "failedHistoryLimit": wanted["failed"],
            "ttlSecondsAfterFinished": wanted["days"] * 86400,
        }
        text = "".join(f"{name}: {value}\n" for name, value in config.items())
        labels = {"app.kubernetes.io/part-of": "tekton-pruner", "pruner.tekton.dev/config-type": "namespace"}
        metadata = self._metadata(names.PRUNER_CONFIG, labels)
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ns-config": text}}

    # delivery by Argo CD --------------------------------------------------------------------------------------------

    def project(self) -> Object:
        """Return the Argo CD project: this repository into this namespace, as the deployer, without the walls."""
        source = f"https://github.com/{self.spec.repository}"
        spec = {
            "description": f"Project for {self.spec.pipeline_name} pipeline",
            "sourceRepos": [source, f"{source}.git"],
            "sourceNamespaces": [self.namespace],
            "destinations": [{"server": ARGO_CD_SERVER, "namespace": self.namespace}],
            "destinationServiceAccounts": [
                {
                    "server": ARGO_CD_SERVER,
                    "namespace": self.namespace,
                    "defaultServiceAccount": f"{self.namespace}:{names.DEPLOYER}",
                }
            ],
            "clusterResourceWhitelist": [],
            "namespaceResourceBlacklist": [{"group": group, "kind": kind} for group, kind in _FORBIDDEN_KINDS],
        }
        metadata = self._metadata(self.spec.pipeline_name, namespace=self.settings.argocd_namespace)
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": metadata, "spec": spec}

    # trigger --------------------------------------------------------------------------------------------------------

    def template(self, parsed: Object) -> Object:
        """Return what a push makes: one run named after the delivery, so a redelivery makes no second one (P6).

        Only params that the Pipeline declares are passed, each in the type that it declares (B16). What a push may
        choose freely is none of them: repository and address come from the binding, the others are filtered (S16).
        """
        metadata = {
            "name": "push-$(tt.params.event-id)",
            "namespace": self.namespace,
            "labels": {
                names.LABEL_ORGANIZATION: self.spec.aphex_org,
                names.LABEL_PIPELINE: self.spec.pipeline_name,
                LABEL_PREFIX + "triggered": "true",
                LABEL_PREFIX + "event-type": "push",
            },
            "annotations": {
                names.REPOSITORY: self.spec.repository,
                LABEL_PREFIX + "revision": "$(tt.params.git-revision)",
            },
        }
        spec: dict[str, t.Any] = {
            "pipelineRef": {"name": self.spec.pipeline_name},
            "params": self._run_params(declared_params(parsed)),
            "taskRunTemplate": {"serviceAccountName": names.RUNNER},
            "timeouts": {"pipeline": RUN_TIMEOUT},
        }
        workspaces = [_workspace(name) for name in declared_workspaces(parsed)]
        if workspaces:
            spec["workspaces"] = workspaces
        run = {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": metadata, "spec": spec}
        params = [{"name": name} for name in ("git-revision", "git-ref", "event-id", "triggered-at")]
        body = {"params": params, "resourcetemplates": [run]}
        return self._trigger_part("TriggerTemplate", names.template_name(self.spec.pipeline_name), body)

    def _run_params(self, declared: dict[str, str]) -> list[dict[str, t.Any]]:
        known = {
            "git-url": f"https://github.com/{self.spec.repository}.git",
            "git-revision": "$(tt.params.git-revision)",
            "git-ref": "$(tt.params.git-ref)",
            "repo-full-name": self.spec.repository,
            "event-type": "push",
            "event-id": "$(tt.params.event-id)",
            "triggered-at": "$(tt.params.triggered-at)",
            "pipeline-name": self.spec.pipeline_name,
            "pipeline-namespace": self.namespace,
            "org-name": self.spec.aphex_org,
        }
        return [
            {"name": name, "value": [known[name]] if kind == "array" else known[name]}
            for name, kind in declared.items()
            if name in known and kind != "object"
        ]

    def trigger(self) -> Object:
        """Return the trigger of pushes to this repository and its branches."""
        filter_ = {"name": "filter", "value": push_filter(self.spec)}
        spec = {
            "interceptors": [{"ref": {"name": "cel", "kind": "ClusterInterceptor"}, "params": [filter_]}],
            "bindings": [{"ref": names.PUSH_BINDING, "kind": "TriggerBinding"}],
            "template": {"ref": names.template_name(self.spec.pipeline_name)},
        }
        return self._trigger_part("Trigger", names.trigger_name(self.spec.pipeline_name), spec, {EVENT_LABEL: "push"})

    def _trigger_part(
        self, kind: str, name: str, spec: dict[str, t.Any], labels: dict[str, str] | None = None
    ) -> Object:
        metadata = self._metadata(name, labels, namespace=self.organization_namespace)
        return {"apiVersion": "triggers.tekton.dev/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}


def push_filter(spec: RepoBindingSpec) -> str:
    """Return the filter of a push in CEL: this repository, these branches, nothing deleted, nothing that needs quoting.

    It is built from checked characters only, so no name can end the text and add a condition of its own (P14).
    """
    if spec.branches:
        wanted = json.dumps([f"refs/heads/{branch}" for branch in spec.branches])
        branch = f"body.ref in {wanted}"
    else:
        branch = "body.ref == 'refs/heads/' + body.repository.default_branch"
    return " && ".join(
        [
            f"body.repository.full_name.lowerAscii() == '{spec.repository.lower()}'",
            "!body.deleted",
            branch,
            "body.ref.matches('^refs/heads/[A-Za-z0-9._/-]{1,200}$')",
            "body.after.matches('^[0-9a-f]{40,64}$')",
            "string(body.repository.pushed_at).matches('^[0-9A-Za-z:.+-]{1,40}$')",
            "header.canonical('X-GitHub-Delivery').matches('^[0-9A-Za-z-]{1,64}$')",
        ]
    )


def _workspace(name: str) -> dict[str, t.Any]:
    request = {"resources": {"requests": {"storage": WORKSPACE_SIZE}}}
    return {"name": name, "volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], **request}}}


def _texts(values: t.Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in (values or {}).items()}
