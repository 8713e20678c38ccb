# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order in which kinds are made, with the reason of each rank, and the plural names of known kinds.

In: group and kind. Out: rank, plural, scope, what ready means. Never here: a request.
Deletion goes the other way round. Kinds that are not in the table come last and are looked up at the server.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

UNKNOWN_KIND_RANK = 80
SYNCED = "synced"
"""What ready means for an Application of Argo CD, which reports no condition of that kind."""


@dataclass(frozen=True)
class Row:
    """What is known of a kind without asking."""

    rank: int
    plural: str
    namespaced: bool
    ready: str = ""


# rank: why it comes there
#  0 namespaces: everything lives in one
#  5 definitions: their kinds exist only once they are established
# 10 identities and parameters: what others refer to by name
# 20 rights: before whatever uses them (B1)
# 25 limits: a LimitRange before a ResourceQuota, else pods without limits are refused at once (B15)
# 28 admission: a policy before its binding
# 30 isolation: before the first pod
# 40 configuration that pods mount
# 50 services: names before the pods that ask for them
# 60 workloads
# 70 what acts on all of the above: listeners, triggers, projects
_TABLE: dict[tuple[str, str], Row] = {
    ("", "Namespace"): Row(0, "namespaces", False),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Row(5, "customresourcedefinitions", False, "Established"),
    ("scheduling.k8s.io", "PriorityClass"): Row(10, "priorityclasses", False),
    ("storage.k8s.io", "StorageClass"): Row(10, "storageclasses", False),
    ("", "ServiceAccount"): Row(10, "serviceaccounts", True),
    ("rbac.authorization.k8s.io", "ClusterRole"): Row(20, "clusterroles", False),
    ("rbac.authorization.k8s.io", "Role"): Row(20, "roles", True),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): Row(22, "clusterrolebindings", False),
    ("rbac.authorization.k8s.io", "RoleBinding"): Row(22, "rolebindings", True),
    ("", "LimitRange"): Row(25, "limitranges", True),
    ("", "ResourceQuota"): Row(26, "resourcequotas", True),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): Row(28, "validatingadmissionpolicies", False),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): Row(
        29, "validatingadmissionpolicybindings", False
    ),
    ("networking.k8s.io", "NetworkPolicy"): Row(30, "networkpolicies", True),
    ("", "Secret"): Row(40, "secrets", True),
    ("", "ConfigMap"): Row(10, "configmaps", True),
    ("", "PersistentVolumeClaim"): Row(42, "persistentvolumeclaims", True),
    ("", "Service"): Row(50, "services", True),
    ("discovery.k8s.io", "EndpointSlice"): Row(51, "endpointslices", True),
    ("coordination.k8s.io", "Lease"): Row(40, "leases", True),
    ("apps", "Deployment"): Row(60, "deployments", True, "rollout"),
    ("apps", "StatefulSet"): Row(60, "statefulsets", True, "rollout"),
    ("apps", "DaemonSet"): Row(60, "daemonsets", True, "rollout"),
    ("batch", "Job"): Row(60, "jobs", True, "Complete"),
    ("batch", "CronJob"): Row(60, "cronjobs", True),
    ("", "Pod"): Row(60, "pods", True, "Ready"),
    ("certificates.k8s.io", "CertificateSigningRequest"): Row(40, "certificatesigningrequests", False),
    ("policy", "PodDisruptionBudget"): Row(62, "poddisruptionbudgets", True),
    ("networking.k8s.io", "Ingress"): Row(65, "ingresses", True),
    ("external-secrets.io", "ClusterSecretStore"): Row(65, "clustersecretstores", False),
    ("external-secrets.io", "SecretStore"): Row(65, "secretstores", True),
    ("external-secrets.io", "ExternalSecret"): Row(66, "externalsecrets", True, "Ready"),
    ("tekton.dev", "Task"): Row(70, "tasks", True),
    ("tekton.dev", "Pipeline"): Row(71, "pipelines", True),
    ("triggers.tekton.dev", "ClusterInterceptor"): Row(70, "clusterinterceptors", False),
    ("triggers.tekton.dev", "TriggerBinding"): Row(72, "triggerbindings", True),
    ("triggers.tekton.dev", "TriggerTemplate"): Row(72, "triggertemplates", True),
    ("triggers.tekton.dev", "Trigger"): Row(74, "triggers", True),
    ("triggers.tekton.dev", "EventListener"): Row(76, "eventlisteners", True, "Available"),
    ("argoproj.io", "AppProject"): Row(70, "appprojects", True),
    ("argoproj.io", "Application"): Row(78, "applications", True, SYNCED),
    ("aphex.io", "Organization"): Row(85, "organizations", True, "Ready"),
    ("aphex.io", "RepoBinding"): Row(86, "repobindings", True, "Ready"),
    ("aphex.io", "KnowledgeBase"): Row(86, "knowledgebases", True, "Ready"),
}


def row(group: str, kind: str) -> Row | None:
    """Return what is known of a kind, or None."""
    return _TABLE.get((group, kind))


def rank(group: str, kind: str) -> int:
    """Return the rank of a kind."""
    known = row(group, kind)
    return known.rank if known else UNKNOWN_KIND_RANK


def waits_for(group: str, kind: str) -> str:
    """Return the condition that means ready for a kind: a condition's type, ``rollout``, ``synced``, or nothing."""
    known = row(group, kind)
    return known.ready if known else ""


def custom_kinds(objects: t.Iterable[dict[str, t.Any]]) -> dict[tuple[str, str], Row]:
    """Return the kinds that definitions in a set will bring, so that they can be planned before they exist."""
    found: dict[tuple[str, str], Row] = {}
    for obj in objects:
        # One that is to go may be given by its name alone.
        spec = obj.get("spec")
        if spec and obj["kind"] == "CustomResourceDefinition":
            names = spec["names"]
            found[(spec["group"], names["kind"])] = Row(
                UNKNOWN_KIND_RANK, names["plural"], spec.get("scope") != "Cluster", "Ready"
            )
    return found
