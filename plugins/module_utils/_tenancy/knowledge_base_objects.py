# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a knowledge base, one function an object, plain dicts. Pure.

In: the spec, the settings. Out: objects. Never here: a read, a clock, randomness.
"""

from __future__ import annotations

import typing as t

from .._core.failure import Failure, Kind
from .._kubernetes.objects import Object, Owner
from . import names
from .settings import Settings
from .specs import KnowledgeBaseSpec

DEFAULT_BRANCH = "main"
DEFAULT_PATHS = (".kiro/docs",)
DEFAULT_PORT = 8090
DEFAULT_REPLICAS = 1
USER = 65532
_HEALTH = "/health"


class Builder:
    """Builds every object of one knowledge base; holds only what it was given."""

    def __init__(self, spec: KnowledgeBaseSpec, settings: Settings, owner: Owner) -> None:
        self.spec = spec
        self.settings = settings
        self.owner = owner
        self.server_name = names.server_name(spec.name)
        self._server = spec.mcp_server or {}

    @property
    def port(self) -> int:
        """The port of the server and of its Service."""
        return int(self._server.get("port") or DEFAULT_PORT)

    @property
    def replicas(self) -> int:
        """How many pods the server has."""
        return int(self._server.get("replicas") or DEFAULT_REPLICAS)

    @property
    def server_url(self) -> str:
        """Where the server is reached inside the cluster."""
        return f"http://{self.server_name}.{self.spec.namespace}:{self.port}"

    def _metadata(self, name: str, labels: dict[str, str] | None = None) -> dict[str, t.Any]:
        return {"name": name, "namespace": self.spec.namespace, "labels": {**self.owner.labels(), **(labels or {})}}

    def repositories(self) -> Object:
        """Return the list of repositories, for the programs that index them; numbers begin with 0."""
        data = {
            "displayName": self.spec.display_name,
            "description": self.spec.description,
            "repositoryCount": str(len(self.spec.repositories)),
        }
        for number, repository in enumerate(self.spec.repositories):
            data[f"repo.{number}.url"] = str(repository["url"])
            data[f"repo.{number}.branch"] = str(repository.get("branch") or DEFAULT_BRANCH)
            data[f"repo.{number}.paths"] = ",".join(repository.get("paths") or DEFAULT_PATHS)
        metadata = self._metadata(names.repositories_name(self.spec.name))
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    def server(self) -> Object:
        """Return the server's Deployment; it passes Pod Security ``restricted``."""
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self._metadata(self.server_name, self._pod_labels()),
            "spec": {
                "replicas": self.replicas,
                "revisionHistoryLimit": 3,
                "selector": {"matchLabels": self._selector()},
                # Pods carry no labels of ownership: a controller makes them, not we (P3).
                "template": {"metadata": {"labels": self._pod_labels()}, "spec": self._pod()},
            },
        }

    def service(self) -> Object:
        """Return the server's Service."""
        port = {"name": "http", "port": self.port, "targetPort": "http", "protocol": "TCP"}
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self._metadata(self.server_name, self._pod_labels()),
            "spec": {"selector": self._selector(), "ports": [port]},
        }

    def _selector(self) -> dict[str, str]:
        return {"app": "mcp-server", "knowledgebase": self.spec.name}

    def _pod_labels(self) -> dict[str, str]:
        return {
            **self._selector(),
            "app.kubernetes.io/name": "mcp-server",
            "app.kubernetes.io/instance": self.spec.name,
            "app.kubernetes.io/part-of": "archon",
            "app.kubernetes.io/component": "mcp",
        }

    def _pod(self) -> dict[str, t.Any]:
        return {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [self._container()],
            "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
        }

    def _container(self) -> dict[str, t.Any]:
        health = {"httpGet": {"path": _HEALTH, "port": "http"}, "failureThreshold": 3}
        query = self._server.get("query_service_url") or f"http://query.{self.spec.namespace}:8080"
        return {
            "name": "mcp-server",
            "image": self._image(),
            "env": [{"name": "QUERY_SERVICE_URL", "value": query}],
            "ports": [{"name": "http", "containerPort": self.port, "protocol": "TCP"}],
            "livenessProbe": {**health, "initialDelaySeconds": 10, "periodSeconds": 30, "timeoutSeconds": 3},
            "readinessProbe": {**health, "initialDelaySeconds": 5, "periodSeconds": 10, "timeoutSeconds": 3},
            "resources": {
                "requests": {"cpu": "50m", "memory": "128Mi"},
                "limits": {"cpu": "200m", "memory": "256Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        }

    def _image(self) -> str:
        image = self._server.get("image") or self.settings.mcp_image
        if not image:
            raise Failure(
                Kind.MISSING,
                tried="provisioning",
                on=str(self.owner),
                said="neither mcp_server nor the platform's settings name an image for the server",
                remedy="Set mcp_server.image, or crds_mcp_image in the role aphex.platform.crds",
            )
        return str(image)
