"""The CustomResourceDefinitions of the systems that the platform talks to.

In: a cluster. Out: those kinds, established: with their real schemas where the folder `../shared/upstream-crds` lies
beside the checkout, else with permissive ones. Never here: a kind of our own group.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.api import Api, ApiError

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "upstream-crds"

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ESTABLISHED_WITHIN = 60.0
_POLL = 0.05


@dataclass(frozen=True)
class Definition:
    """One foreign kind: `file` is its name in the upstream folder."""

    group: str
    versions: tuple[str, ...]
    kind: str
    plural: str
    namespaced: bool
    file: str

    @property
    def name(self) -> str:
        return f"{self.plural}.{self.group}"

    def text(self, upstream: Path) -> str:
        """The definition as YAML: the upstream one if there, else one that accepts every object of that kind."""
        path = upstream / self.file
        return path.read_text(encoding="utf-8") if path.is_file() else yaml.safe_dump(self.permissive())

    def permissive(self) -> dict[str, Any]:
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            # The server wants a word of approval for groups of Kubernetes' own domain, and takes this one.
            "metadata": {"name": self.name, "annotations": {"api-approved.kubernetes.io": "unapproved, of a sandbox"}},
            "spec": {
                "group": self.group,
                "scope": "Namespaced" if self.namespaced else "Cluster",
                "names": {"kind": self.kind, "plural": self.plural, "singular": self.kind.lower()},
                "versions": [
                    {
                        "name": version,
                        "served": True,
                        # The newest, which stands last.
                        "storage": version == self.versions[-1],
                        "schema": {"openAPIV3Schema": anything},
                        "subresources": {"status": {}},
                    }
                    for version in self.versions
                ],
            },
        }


_TEKTON = "tekton.dev"
_TRIGGERS = "triggers.tekton.dev"
_ARGOCD = "argoproj.io"
_EXTERNAL_SECRETS = "external-secrets.io"

DEFINITIONS = (
    Definition(_TEKTON, ("v1",), "Pipeline", "pipelines", True, "tekton-pipeline.yaml"),
    Definition(_TEKTON, ("v1",), "PipelineRun", "pipelineruns", True, "tekton-pipelinerun.yaml"),
    Definition(_TEKTON, ("v1",), "Task", "tasks", True, "tekton-task.yaml"),
    Definition(_TEKTON, ("v1",), "TaskRun", "taskruns", True, "tekton-taskrun.yaml"),
    Definition(
        _TRIGGERS, ("v1alpha1",), "ClusterInterceptor", "clusterinterceptors", False, "triggers-clusterinterceptor.yaml"
    ),
    Definition(_TRIGGERS, ("v1alpha1",), "Interceptor", "interceptors", True, "triggers-interceptor.yaml"),
    Definition(
        _TRIGGERS,
        ("v1alpha1", "v1beta1"),
        "ClusterTriggerBinding",
        "clustertriggerbindings",
        False,
        "triggers-clustertriggerbinding.yaml",
    ),
    Definition(
        _TRIGGERS, ("v1alpha1", "v1beta1"), "EventListener", "eventlisteners", True, "triggers-eventlistener.yaml"
    ),
    Definition(_TRIGGERS, ("v1alpha1", "v1beta1"), "Trigger", "triggers", True, "triggers-trigger.yaml"),
    Definition(
        _TRIGGERS, ("v1alpha1", "v1beta1"), "TriggerBinding", "triggerbindings", True, "triggers-triggerbinding.yaml"
    ),
    Definition(
        _TRIGGERS, ("v1alpha1", "v1beta1"), "TriggerTemplate", "triggertemplates", True, "triggers-triggertemplate.yaml"
    ),
    Definition(_ARGOCD, ("v1alpha1",), "Application", "applications", True, "argocd-application.yaml"),
    Definition(_ARGOCD, ("v1alpha1",), "AppProject", "appprojects", True, "argocd-appproject.yaml"),
    Definition(
        _EXTERNAL_SECRETS, ("v1",), "ClusterSecretStore", "clustersecretstores", False, "eso-clustersecretstores.yaml"
    ),
    Definition(_EXTERNAL_SECRETS, ("v1",), "SecretStore", "secretstores", True, "eso-secretstores.yaml"),
    Definition(_EXTERNAL_SECRETS, ("v1",), "ExternalSecret", "externalsecrets", True, "eso-externalsecrets.yaml"),
)
"""What tenants are made of."""


# The namespaces of programs that do not run here, but whose objects are written there.
NAMESPACES = ("argocd",)


def load(api: Api, definitions: Iterable[Definition] = DEFINITIONS, upstream: Path = UPSTREAM) -> str:
    """Create what is missing and wait until all are established; answers a word on where they came from.

    A definition that is there already is left as it is. Raises TimeoutError, or ApiError.
    """
    api.apply_together({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES)
    texts = {definition: definition.text(upstream) for definition in definitions}
    # The largest first: the server works longest on them.
    wanted = sorted(texts, key=lambda definition: len(texts[definition]), reverse=True)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda definition: _create(api, definition.name, texts[definition]), wanted))
        list(pool.map(lambda definition: _wait(api, definition), wanted))
    strict = sum(1 for definition in wanted if (upstream / definition.file).is_file())
    return f"{len(wanted)} kinds, {strict} with their upstream schema"


def _create(api: Api, name: str, text: str) -> None:
    # Sent as the YAML that it is: parsing the large ones here would take longer than all the rest.
    status, body = api.request("POST", _PATH, text.encode(), "application/yaml")
    if status not in (201, 409):
        raise ApiError("POST", f"{_PATH} ({name})", status, body.decode("utf-8", "replace"))


def _wait(api: Api, definition: Definition) -> None:
    deadline = time.monotonic() + _ESTABLISHED_WITHIN
    while not (_established(api, definition) and _served(api, definition)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{definition.name} is not served after {_ESTABLISHED_WITHIN:.0f} s")
        time.sleep(_POLL)


def _established(api: Api, definition: Definition) -> bool:
    found = api.get(f"{_PATH}/{definition.name}")
    conditions = found.get("status", {}).get("conditions") or []
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)


def _served(api: Api, definition: Definition) -> bool:
    """Established is not enough: the first requests may still be answered by 429, storage is (re)initializing."""
    path = f"/apis/{definition.group}/{definition.versions[-1]}/{definition.plural}?limit=1"
    return api.request("GET", path)[0] == 200
