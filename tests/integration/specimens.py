"""Tenant resources that are right in every way, for tests to spoil one field of.

In: fields. Out: plain objects. Never here: a request.
"""

from __future__ import annotations

from typing import Any

from tests.sandbox.api import Object


def organization(name: str = "acme", namespace: str = "platform-system", **spec: Any) -> Object:
    """An Organization; a field given as None is left out."""
    return _resource("Organization", name, namespace, {"displayName": "ACME", "adminUsers": ["ann@acme.example"]}, spec)


def repo_binding(name: str = "web", namespace: str = "platform-system", **spec: Any) -> Object:
    """A RepoBinding of the organization acme with its six fields; the pipeline is called as the resource."""
    fields = {
        "aphexOrg": "acme",
        "repoOrg": "acme-corp",
        "repoName": name,
        "pipelineName": name,
        "templateRef": "run-pipeline-v1",
        "pipelineSpec": "apiVersion: tekton.dev/v1\nkind: Pipeline\n",
    }
    return _resource("RepoBinding", name, namespace, fields, spec)


def knowledge_base(name: str = "docs", namespace: str = "platform-system", **spec: Any) -> Object:
    """A KnowledgeBase of one repository."""
    fields = {"displayName": "Documents", "repositories": [{"url": "https://github.com/acme-corp/web"}]}
    return _resource("KnowledgeBase", name, namespace, fields, spec)


SPECIMENS = {"Organization": organization, "RepoBinding": repo_binding, "KnowledgeBase": knowledge_base}


def _resource(kind: str, name: str, namespace: str, fields: dict[str, Any], spec: dict[str, Any]) -> Object:
    whole = {field: value for field, value in {**fields, **spec}.items() if value is not None}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "aphex.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": whole}
