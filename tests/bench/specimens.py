"""What is applied: the objects of repositories, as files for every contestant.

In: names. Out: files with objects, playbooks and inventories. Never here: a clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.objects import Owner
from ansible_collections.aphex.platform.plugins.module_utils._tenancy import names, pipeline
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.repo_binding_objects import Builder
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.settings import Settings
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.specs import RepoBindingSpec
from tests.sandbox.api import Api

ORGANIZATION = "bench"
ZONE = "example.org"
PIPELINE = """\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  params:
    - name: git-url
    - name: git-revision
  tasks:
    - name: build
      taskSpec:
        steps:
          - name: build
            image: registry.example.org/builder@sha256:{digest}
            command: [make]
""".format(digest="0" * 64)

Object = dict[str, Any]


def objects(name: str) -> list[Object]:
    """Return the objects of one repository: its namespace and what lies in it, its project and its trigger."""
    spec = RepoBindingSpec(
        name=name,
        aphex_org=ORGANIZATION,
        repo_org="acme",
        repo_name=name,
        pipeline_name=name,
        pipeline_spec=PIPELINE,
    )
    # No owner of ours: these sets are applied as anybody's objects, by all contestants alike.
    builder = Builder(spec, Settings(zone=ZONE), Owner(names.REPO_BINDING, name, names.PLATFORM_NAMESPACE), "0")
    parsed = pipeline.parse(PIPELINE)
    found = [
        builder.namespace_object(),
        builder.account(names.RUNNER),
        builder.account(names.DEPLOYER),
        builder.runner_binding(),
        builder.deployer_binding(),
        builder.listener_binding(),
        builder.limits({}),
        builder.quota({}),
        builder.isolation([]),
        builder.pruner(parsed, {}),
        builder.pipeline(parsed),
        builder.project(),
        builder.template(parsed),
        builder.trigger(),
    ]
    return [_anybodys(item) for item in found]


def _anybodys(item: Object) -> Object:
    """Take our ownership labels off: module kubernetes_objects refuses a tenant's objects."""
    labels = {key: value for key, value in item["metadata"]["labels"].items() if "/owner-" not in key}
    return {**item, "metadata": {**item["metadata"], "labels": labels}}


def write_objects(path: Path, repositories: Iterable[str]) -> Path:
    """Write the objects of repositories as one file of YAML documents (JSON is YAML)."""
    found = [item for name in repositories for item in objects(name)]
    path.write_text("".join(f"---\n{json.dumps(item)}\n" for item in found), encoding="utf-8")
    return path


def write_json(path: Path, data: Any) -> Path:
    """Write a playbook, an inventory or a list of objects; Ansible reads JSON as YAML."""
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def playbook(path: Path, tasks: list[Object], hosts: str = "localhost") -> Path:
    """Write a play of these tasks."""
    return write_json(path, [{"hosts": hosts, "gather_facts": False, "tasks": tasks}])


def make_ready(api: Api) -> None:
    """Make what the specimens need: the organization's namespace and Argo CD's."""
    for name in (f"org-{ORGANIZATION}", "argocd"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
