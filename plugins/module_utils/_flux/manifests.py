# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A set of manifests as lint reads it: from text, from files, or from a cluster.

In: options of a task. Out: Manifests, with the place of each document. Never here: a judgement about what stands there.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, field

from .._core.failure import invalid
from .._kubernetes.objects import Object
from .._kubernetes.product import Kubernetes
from .._yaml import load_documents
from .spec import API_VERSION, SOURCE_VERSIONS

CLUSTER = "cluster"
# What a cluster is asked for: everything that a Flux webhook may consist of.
_KINDS = (
    (API_VERSION, "Receiver"),
    ("notification.toolkit.fluxcd.io/v1beta3", "Alert"),
    ("notification.toolkit.fluxcd.io/v1beta3", "Provider"),
    *((version, kind) for kind, version in SOURCE_VERSIONS.items() if version),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "ConfigMap"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "DaemonSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("traefik.io/v1alpha1", "IngressRoute"),
    ("traefik.io/v1alpha1", "Middleware"),
    ("external-secrets.io/v1", "ExternalSecret"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
)


@dataclass(frozen=True)
class Manifest:
    """One object and where it stands."""

    obj: Object = field(hash=False)
    where: str = ""

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.obj.get("kind") or "")

    @property
    def metadata(self) -> dict[str, t.Any]:
        """Its metadata."""
        return mapping(self.obj.get("metadata"))

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        """Its namespace, ``default`` when it says none."""
        return str(self.metadata.get("namespace") or "default")

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations as text."""
        return {str(key): str(value) for key, value in mapping(self.metadata.get("annotations")).items()}

    @property
    def spec(self) -> dict[str, t.Any]:
        """Its spec."""
        return mapping(self.obj.get("spec"))

    @property
    def subject(self) -> str:
        """What people call it, with its place."""
        named = f"{self.kind} {self.metadata.get('namespace', '')}/{self.name}".replace(" /", " ")
        return f"{named} ({self.where})" if self.where else named


@dataclass(frozen=True)
class Manifests:
    """All of them. ``complete``: they are everything that is there, so what is not among them is missing.

    ``zone`` and ``external_dns`` (a version such as ``0.21``) are what manifests alone do not say; empty when unknown.
    """

    items: tuple[Manifest, ...] = ()
    complete: bool = False
    zone: str = ""
    external_dns: str = ""

    def of(self, *kinds: str) -> list[Manifest]:
        """Return those of these kinds."""
        return [item for item in self.items if item.kind in kinds]

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return one of them by its name."""
        found = (item for item in self.of(kind) if (item.namespace, item.name) == (namespace, name))
        return next(found, None)


def mapping(value: t.Any) -> dict[str, t.Any]:
    """Return a mapping, empty for what is none: a manifest may say anything anywhere."""
    return value if isinstance(value, dict) else {}


def mappings(value: t.Any) -> list[dict[str, t.Any]]:
    """Return the mappings of a list, none for what is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def gather(params: dict[str, t.Any], kubernetes: Kubernetes) -> Manifests:
    """Return the manifests that a task names. Raises Failure(invalid) for no YAML, and for files that are not there."""
    items = [*_given(params["definition"]), *_files(params["src"] or [])]
    if params["namespaces"]:
        items += _live(kubernetes, params["namespaces"])
    return Manifests(
        items=tuple(items),
        complete=bool(params["namespaces"]) and params["definition"] is None and not params["src"],
        zone=(params["zone"] or "").rstrip("."),
        external_dns=params["external_dns_version"] or "",
    )


def _given(definition: t.Any) -> list[Manifest]:
    if definition is None:
        return []
    entries = definition if isinstance(definition, list) else [definition]
    documents = [
        document
        for entry in entries
        for document in (load_documents(entry, "definition") if isinstance(entry, str) else [entry])
    ]
    return _opened(documents, "")


def _files(paths: t.Sequence[str]) -> list[Manifest]:
    items: list[Manifest] = []
    for path in paths:
        if not os.path.exists(path):
            raise invalid(f"src {path}", "there is no such file or folder", "Name one on the host that runs this task")
        for name in _names(path):
            with open(name, encoding="utf-8") as file:
                items += _opened(
                    load_documents(file.read(), f"src {name}"),
                    os.path.relpath(name, path) if os.path.isdir(path) else name,
                )
    return items


def _names(path: str) -> list[str]:
    if os.path.isfile(path):
        return [path]
    found = [os.path.join(folder, name) for folder, _folders, names in os.walk(path) for name in names]
    return sorted(name for name in found if name.endswith((".yaml", ".yml")))


def _opened(documents: t.Iterable[t.Any], where: str) -> list[Manifest]:
    items: list[Manifest] = []
    for document in documents:
        if not isinstance(document, dict):
            raise invalid(where or "definition", f"a mapping is wanted, not {type(document).__name__}")
        many = str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list)
        items += [Manifest(item, where) for item in (document["items"] if many else [document])]
    return items


def _live(kubernetes: Kubernetes, namespaces: t.Sequence[str]) -> list[Manifest]:
    return [
        Manifest(item, CLUSTER)
        for namespace in dict.fromkeys(namespaces)
        for version, kind in _KINDS
        for item in kubernetes.list(version, kind, namespace)
    ]
