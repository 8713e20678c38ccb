"""Every way in which the two tenant modules can be called, so that every object is built in every shape.

In: tenants on a platform. Out: onboarded tenants by the name of their variant, and the objects that each consists of.
Never here: a judgement about an object.
"""

from __future__ import annotations

import base64
import copy
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.integration.tenants import PIPELINE, PLATFORM, Tenants, succeeded
from tests.sandbox.api import Api, Object

_SERVER_SIDE = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")

_SIDE_BY_SIDE = 4

QUOTA = {
    "requests_cpu": "2",
    "limits_cpu": "4500m",
    "requests_memory": "1.5Gi",
    "limits_memory": "6Gi",
    "persistent_volume_claims": 3,
    "pods": 7,
}
LIMITS = {
    "default_cpu": "250m",
    "default_memory": "256Mi",
    "default_request_cpu": "50m",
    "default_request_memory": "64Mi",
    "max_cpu": "1",
    "max_memory": "2Gi",
}

ORGANIZATIONS: dict[str, dict[str, Any]] = {
    "acme": {},
    "replicas": {"listener": {"replicas": 2}, "tunnel": {"replicas": 3}},
    "amounts": {"quota": QUOTA, "limits": LIMITS, "deletion_policy": "Delete"},
    "people": {"admin_users": ["Ann.Oneil+ops@Acme.Example", "b_b@acme.example", "c-d@acme.example"]},
    # With the mark: 59 characters, the longest name.
    "o" + "x" * 51: {},
}


def _pipeline(**spec: Any) -> Object:
    whole = copy.deepcopy(PIPELINE)
    whole["spec"] = {"tasks": [{"name": "only", "taskRef": {"name": "greet"}}], **spec}
    return whole


_PARAMS = [
    {"name": name}
    for name in ("git-url", "git-revision", "git-ref", "event-type", "event-id", "triggered-at", "pipeline-name",
                 "pipeline-namespace", "org-name")
]  # fmt: skip

BINDINGS: dict[str, dict[str, Any]] = {
    "web": {},
    "elevated": {"permission_profile": "elevated"},
    "amounts": {"quota": QUOTA, "limits": LIMITS},
    "closed": {"egress": {"api_server": False}},
    "open": {"egress": {"allow": [{"cidr": "10.20.0.0/16", "ports": [443, 8443]}, {"cidr": "fd00::/8"}]}},
    "secrets": {"secrets": "organization"},
    "branches": {"branches": ["main", "release/1.x", "a_b-c.d"]},
    "retention": {"retention": {"successful": 0, "failed": 1, "days": 1}},
    "delete": {"deletion_policy": "Delete"},
    "bare": {"pipeline_spec": _pipeline()},
    "params": {"pipeline_spec": _pipeline(params=[*_PARAMS, {"name": "repo-full-name", "type": "array"}])},
    "workspaces": {"pipeline_spec": _pipeline(workspaces=[{"name": "one"}, {"name": "two", "optional": True}])},
    "labelled": {
        "pipeline_spec": {
            **_pipeline(),
            "metadata": {"name": "theirs", "labels": {"team": "blue"}, "annotations": {"why": "because", "n": 1}},
        }
    },
    # With the mark: 52 characters, the longest name of a pipeline; and the longest name at GitHub.
    "p" + "x" * 44: {"repo_name": "r" * 99 + "-"},
}


def onboard_all(on: Tenants) -> None:
    """Onboard every variant; the bindings belong to the organization acme, and one to each other organization."""
    on.api.apply(_given_secret(on))
    organizations = {**ORGANIZATIONS, "given": {"webhook_secret_ref": {"name": on.name("given"), "key": "token"}}}
    # Each tenant has its own writer, so they may be onboarded side by side.
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        assert all(pool.map(lambda item: succeeded(on.organization(item[0], **item[1])), organizations.items()))
        bindings = [(word, "acme", options) for word, options in BINDINGS.items()]
        bindings += [(f"of-{word[:6]}", word, {}) for word in organizations if word != "acme"]
        bindings += [("self", "acme", {"namespace": f"org-{on.name('acme')}"})]
        assert all(pool.map(lambda item: succeeded(on.repo_binding(item[0], item[1], **item[2])), bindings))


def _given_secret(on: Tenants) -> Object:
    metadata = {"name": on.name("given"), "namespace": PLATFORM}
    value = base64.b64encode(b"a secret that somebody has chosen").decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"token": value}}


def objects_of(on: Tenants) -> list[Object]:
    """All live objects of all tenants with this mark: what their inventories name, and what is made once."""
    found: list[Object] = []
    for item in on.api.list(f"/api/v1/namespaces/{PLATFORM}/configmaps"):
        name = item["metadata"]["name"]
        if on.mark in name and name.endswith("-inventory"):
            rows = json.loads(item["data"]["objects"])
            found += [on.api.get(on.api.path_of(_named(*row[:4]))) for row in rows]
    for namespace in on.api.list("/api/v1/namespaces"):
        name = namespace["metadata"]["name"]
        if on.mark in name and "platform.aphex/owner-kind" in namespace["metadata"]["labels"]:
            found.append(namespace)
            found += _owned(on.api, f"/api/v1/namespaces/{name}/secrets")
    for plural in ("organizations", "repobindings"):
        everywhere = on.api.list(f"/apis/aphex.io/v1alpha1/{plural}")
        found += [item for item in everywhere if on.mark in item["metadata"]["name"]]
    return [stripped(item) for item in found]


def _owned(api: Api, path: str) -> list[Object]:
    return [item for item in api.list(path) if "platform.aphex/owner-kind" in (item["metadata"].get("labels") or {})]


def _named(api_version: str, kind: str, namespace: str, name: str) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def stripped(item: Object) -> Object:
    """The object as somebody would write it: without what the server keeps about it."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in _SERVER_SIDE}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}
