# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster is and what the connection may do in it, for ``cluster_info``.

In: names of what to look at. Out: plain rows; what the connection may not read is None. Never here: a write, a name of
ours, a judgement of what has to be there.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from .._core.failure import Failure, Kind, invalid
from .client import Client
from .memory import Memory, side_by_side
from .objects import APPLIED_BY, COLLECTION, MANAGED_BY, MANAGER_PREFIX, Object, ObjectKey

Row = dict[str, t.Any]

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_NETWORKING = "networking.k8s.io/v1"
# Who has made an object, by what its tools write on it; the first that is there counts.
_MAKERS = (
    ("labels", MANAGED_BY, ""),
    ("annotations", "argocd.argoproj.io/tracking-id", "argocd "),
    ("labels", "argocd.argoproj.io/instance", "argocd "),
    ("annotations", "meta.helm.sh/release-name", "helm "),
    ("labels", "app.kubernetes.io/managed-by", ""),
)
# Argo CD marks no definition of kinds with its Application, since several may bring it: only its manager is seen there.
_ARGO_CD_MANAGER = "argocd-controller"


@dataclass(frozen=True)
class Right:
    """One question to the authorizer."""

    verb: str
    group: str
    resource: str
    namespace: str = ""

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}" + (f" in {self.namespace}" if self.namespace else "")


class Cluster:
    """Questions about one cluster, none of which changes it."""

    def __init__(self, client: Client, memory: Memory) -> None:
        self._client = client
        self._memory = memory

    def version(self) -> str:
        """Return the version of the API server, as it names it."""
        return str((self._client.get("/version") or {}).get("gitVersion") or "")

    def api_versions(self) -> list[str]:
        """Return every group with every version that is served, but not the core group."""
        groups = (self._client.get("/apis") or {}).get("groups") or []
        return sorted(version["groupVersion"] for group in groups for version in group["versions"])

    def rights(self, rights: t.Sequence[Right]) -> list[Row]:
        """Return for each right whether the connection has it. Asked side by side."""
        return side_by_side(self._right, rights)

    def _right(self, right: Right) -> Row:
        asked: Row = {"verb": right.verb, "group": right.group, "resource": right.resource}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**asked, "namespace": right.namespace}},
        }
        answer = self._client.request("POST", _REVIEWS, body=body, on=str(right))
        allowed = bool(((answer.data or {}).get("status") or {}).get("allowed"))
        return {
            "verb": right.verb,
            "api_group": right.group,
            "resource": right.resource,
            "namespace": right.namespace or None,
            "allowed": allowed,
            "said": str(right),
        }

    def makers(self, api_version: str, kind: str, names: t.Sequence[str]) -> list[Row] | None:
        """Return who made each of these objects without a namespace; those that are not there are left out."""
        keys = [ObjectKey(api_version, kind, "", name) for name in names]
        found = _unless_denied(lambda: self._memory.read(keys))
        if found is None:
            return None
        return [{"name": key.name, "made_by": maker(live)} for key, live in found.items() if live is not None]

    def storage_classes(self) -> list[Row] | None:
        """Return the storage classes, and which is the default."""
        items = _unless_denied(lambda: self._items("storage.k8s.io/v1", "storageclasses"))
        if items is None:
            return None
        return [
            {
                "name": item["metadata"]["name"],
                "default": (item["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true",
                "provisioner": item.get("provisioner"),
            }
            for item in items
        ]

    def service_ranges(self) -> list[str] | None:
        """Return the networks that Services get their addresses from."""
        items = _unless_denied(lambda: self._items(_NETWORKING, "servicecidrs"))
        if items is None:
            return None
        return [cidr for item in items for cidr in (item.get("spec") or {}).get("cidrs") or []]

    def addresses(self, addresses: t.Sequence[str]) -> list[Row] | None:
        """Return for each address whether Services may have it, and which one has."""
        ranges = self.service_ranges()
        items = _unless_denied(lambda: self._items(_NETWORKING, "ipaddresses"))
        if ranges is None or items is None:
            return None
        taken = {item["metadata"]["name"]: item["spec"]["parentRef"] for item in items}
        return [_address(text, ranges, taken) for text in addresses]

    def _items(self, api_version: str, plural: str) -> list[Object]:
        return list((self._client.get(f"/apis/{api_version}/{plural}") or {}).get("items") or [])


def read(params: Row, cluster: Cluster) -> Row:
    """Return all that was asked for. Raises Failure(invalid) for an address that is none, before any request."""
    for text in params["addresses"]:
        try:
            ipaddress.ip_address(text)
        except ValueError as error:
            raise invalid("addresses", f"'{text}' is no IP address") from error
    rights = [
        Right(verb, item["api_group"] or "", item["resource"], item["namespace"] or "")
        for item in params["rights"]
        for verb in item["verbs"]
    ]
    definition = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    return {
        "version": cluster.version(),
        "api_versions": cluster.api_versions(),
        "rights": cluster.rights(rights),
        "namespaces": cluster.makers("v1", "Namespace", params["namespaces"]),
        "definitions": cluster.makers(*definition, params["definitions"]),
        "storage_classes": cluster.storage_classes(),
        "service_ranges": cluster.service_ranges(),
        "addresses": cluster.addresses(params["addresses"]),
    }


def maker(live: Object) -> str:
    """Return who made an object: this collection, a tool with the name of what it installed, or nobody known."""
    metadata = live["metadata"]
    if (metadata.get("annotations") or {}).get(APPLIED_BY, "").startswith(COLLECTION):
        return COLLECTION
    for place, name, before in _MAKERS:
        value = (metadata.get(place) or {}).get(name)
        if value:
            return before + str(value).partition(":")[0]
    managers = [str(item.get("manager") or "") for item in metadata.get("managedFields") or []]
    if any(name.startswith(MANAGER_PREFIX) for name in managers):
        return COLLECTION
    return "argocd" if _ARGO_CD_MANAGER in managers else ""


def _address(text: str, ranges: t.Sequence[str], taken: t.Mapping[str, t.Any]) -> Row:
    address = ipaddress.ip_address(text)
    parent = taken.get(str(address))
    return {
        "address": text,
        "in_range": any(address in ipaddress.ip_network(item) for item in ranges),
        "service": f"{parent['namespace']}/{parent['name']}" if parent else None,
    }


def _unless_denied(function: t.Callable[[], t.Any]) -> t.Any:
    """Return what a function reads, or None when the connection may not."""
    try:
        return function()
    except Failure as failure:
        if failure.kind is Kind.DENIED and failure.status == 403:
            return None
        raise
