#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: repo_binding
short_description: Bind a repository to an organization, or release it
version_added: 0.1.0
description:
  - Makes what a push to a repository needs to start its pipeline - the pipeline's namespace with quota, limits, network
    policy and Pod Security labels, its accounts and rights, the Pipeline itself, an Argo CD project of its own, and the
    trigger that takes pushes to the wanted branches of this repository alone.
  - A repository whose pushes no webhook of the organization sends gets a webhook of its own at GitHub, which is pinged
    until the listener has answered; see O(aphex.platform.organization#module:github).
  - The resource C(RepoBinding) is the record. The module writes it and its status. While a controller is at work, the
    module writes the resource alone and waits until the controller has done the rest.
  - The namespace is the claim on the pipeline's name. A namespace of that name that belongs to somebody else is never
    taken.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_git_github_kubernetes
  - aphex.platform._tenant
  - aphex.platform._tenant.namespace
  - aphex.platform._kubernetes
  - aphex.platform._github
  - aphex.platform._git
options:
  name:
    description:
      - Name of the repo binding.
    type: str
    required: true
  namespace:
    description:
      - Where the resource lives. Operators bind in C(platform-system), admins of an organization in
        C(org-<organization>).
    type: str
    default: platform-system
  aphex_org:
    description:
      - The organization that the repository is bound to. It must be there, and cannot be changed.
      - Required with O(state=present).
    type: str
  repo_org:
    description:
      - The owner of the repository at GitHub, one of those that the platform has approved. It cannot be changed.
      - Required with O(state=present).
    type: str
  repo_name:
    description:
      - The repository's name at GitHub, without its owner. It cannot be changed.
      - Required with O(state=present).
    type: str
  pipeline_name:
    description:
      - Name of the Pipeline, of its namespace and of its Argo CD project, at most 52 characters, unique in the whole
        cluster. It cannot be changed.
      - O(name) when left out.
    type: str
  template_ref:
    description:
      - How the pipeline is started. There is one way so far.
    type: str
    choices: [run-pipeline-v1]
    default: run-pipeline-v1
  pipeline_spec:
    description:
      - The Tekton Pipeline, as YAML text or as a mapping, at most 96 KiB. Required with O(state=present).
      - It must be exactly one Pipeline of C(tekton.dev/v1), without anchors and aliases. C(tekton.dev/v1beta1) is
        refused, it is not converted.
      - Where a pipeline holds two opening braces, Ansible takes it for a template of its own. Read such a pipeline from
        a file, or mark it with C(!unsafe).
    type: raw
  branches:
    description:
      - Branches whose pushes start the pipeline, without C(refs/heads/). The default branch of the repository when left
        out.
    type: list
    elements: str
  permission_profile:
    description:
      - What the account of the pipeline's runs may do in its namespace. V(standard) can read and write configuration
        and secrets and start pods, V(elevated) can deploy as well.
    type: str
    choices: [standard, elevated]
    default: standard
  egress:
    description:
      - What the pipeline's namespace may reach beside name servers and public addresses.
    type: dict
    suboptions:
      api_server:
        description: Whether it may reach the Kubernetes API server. It may when left out.
        type: bool
      allow:
        description: Networks that it may reach, private ones for instance.
        type: list
        elements: dict
        suboptions:
          cidr:
            description: A network in CIDR notation, such as V(192.0.2.0/24).
            type: str
            required: true
          ports:
            description: TCP ports. All when left out.
            type: list
            elements: int
  secrets:
    description:
      - Whether External Secrets in the pipeline's namespace may read the Secret C(org-secrets) of the organization.
    type: str
    choices: [none, organization]
    default: none
  retention:
    description:
      - How many finished runs Tekton's pruner keeps, and for how long.
      - A kept run keeps its volumes. So fewer are kept where the next one would find none left in the quota.
    type: dict
    suboptions:
      successful:
        description: Number of successful runs. Five when left out.
        type: int
      failed:
        description: Number of failed runs. Five when left out.
        type: int
      days:
        description: Days for which a run is kept. Seven when left out.
        type: int
seealso:
  - module: aphex.platform.repo_binding_info
  - module: aphex.platform.organization
"""

EXAMPLES = r"""
- name: Bind a repository
  aphex.platform.repo_binding:
    name: web-shop
    aphex_org: acme-corp
    repo_org: acme-corp
    repo_name: web-shop
    pipeline_spec: "{{ lookup('ansible.builtin.file', 'pipelines/web-shop.yaml') }}"

- name: Bind a repository whose pipeline deploys, from two branches
  aphex.platform.repo_binding:
    name: billing
    aphex_org: acme-corp
    repo_org: acme-corp
    repo_name: billing
    branches: [main, release/1.2]
    permission_profile: elevated
    egress:
      allow:
        - cidr: 192.0.2.0/24
          ports: [5432]
    quota:
      limits_memory: 24Gi
    pipeline_spec: !unsafe |
      apiVersion: tekton.dev/v1
      kind: Pipeline
      metadata:
        name: billing
      spec:
        tasks:
          - name: deploy
            taskSpec:
              steps:
                - name: status
                  image: registry.example.org/kubectl:1.36.3
                  command: [kubectl, get, pods, -o, 'go-template={{range .items}}{{.metadata.name}}{{end}}']

- name: Release it, keeping what its namespace holds
  aphex.platform.repo_binding:
    name: web-shop
    state: absent
"""

RETURN = r"""
repo_binding:
  description: The repo binding as it is after the run, null when it is gone. What is not known in check mode is null.
  type: dict
  returned: success
  sample:
    name: web-shop
    namespace: platform-system
    organization: acme-corp
    repository: acme-corp/web-shop
    pipeline_namespace: web-shop
    phase: Ready
    message: Tenant resources provisioned successfully
    conditions:
      - type: Ready
        status: "True"
        reason: Provisioned
        message: Tenant resources provisioned successfully
        lastTransitionTime: "2026-11-21T12:00:00Z"
    webhook_configuration:
      url: https://acme-corp.example.org
      secret_ref:
        namespace: org-acme-corp
        name: github-webhook-secret
        key: secret
      events: [push]
    webhook:
      owner: acme-corp
      repository: web-shop
      url: https://acme-corp.example.org
      fingerprint: 5d2e6a0c1f7b9384
      delivery_id: 72d3162e-cc78-11e3-81ab-4c9367dc0958
  contains:
    name:
      description: Name of the repo binding.
      type: str
      returned: success
    namespace:
      description: Where the resource lives.
      type: str
      returned: success
    organization:
      description: The organization that the repository is bound to.
      type: str
      returned: success
    repository:
      description: The repository as GitHub writes it, with its owner.
      type: str
      returned: success
    pipeline_namespace:
      description: The namespace in which the pipeline runs.
      type: str
      returned: success
    phase:
      description: One of V(Pending), V(Provisioning), V(Ready) and V(Failed).
      type: str
      returned: success
    message:
      description: The phase in one sentence.
      type: str
      returned: success
    conditions:
      description: The conditions of the resource.
      type: list
      elements: dict
      returned: success
    webhook_configuration:
      description: What the webhook at GitHub needs - address, events, and where the secret is; never its value.
      type: dict
      returned: success
    webhook:
      description:
        - The webhook of its own at GitHub - where it is, the fingerprint of its secret, the delivery that proved it.
          Null when the organization's webhook sends its pushes.
      type: dict
      returned: success
    spec:
      description: Specification of the resource as it stands in the file, with O(write_to=git).
      type: dict
      returned: with O(write_to=git)
    tree:
      description: The file in the platform's Git tree, with O(write_to=git).
      type: dict
      returned: with O(write_to=git)
      contains:
        commit:
          description: Commit that the branch is at, the new one if one was made.
          type: str
          returned: success
        path:
          description: Path of the file in the repository.
          type: str
          returned: success
        edited:
          description: Whether people have edited or deleted the file since it was written, and it was left so.
          type: bool
          returned: success
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: kubernetes
      verb: create
      target: Namespace web-shop
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: refused
    tried: changing
    "on": Namespace web-shop
"""

from ansible_collections.aphex.platform.plugins.module_utils._clock import Clock
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._git.product import Git
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import (
    GIT,
    GITHUB,
    KUBERNETES,
    TENANT,
    TENANT_NAMESPACE,
)
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.repo_binding import use_case

ENTRY_POINT = EntryPoint(
    options={
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": "platform-system"},
        "aphex_org": {"type": "str"},
        "repo_org": {"type": "str"},
        "repo_name": {"type": "str"},
        "pipeline_name": {"type": "str"},
        "template_ref": {"type": "str", "choices": ["run-pipeline-v1"], "default": "run-pipeline-v1"},
        "pipeline_spec": {"type": "raw"},
        "branches": {"type": "list", "elements": "str"},
        "permission_profile": {"type": "str", "choices": ["standard", "elevated"], "default": "standard"},
        "egress": {
            "type": "dict",
            "options": {
                "api_server": {"type": "bool"},
                "allow": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "cidr": {"type": "str", "required": True},
                        "ports": {"type": "list", "elements": "int"},
                    },
                },
            },
        },
        "secrets": {"type": "str", "choices": ["none", "organization"], "default": "none", "no_log": False},
        "retention": {
            "type": "dict",
            "options": {
                "successful": {"type": "int"},
                "failed": {"type": "int"},
                "days": {"type": "int"},
            },
        },
        **TENANT,
        **TENANT_NAMESPACE,
        **KUBERNETES,
        **GITHUB,
        **GIT,
    },
    rules={
        "required_if": [
            ("state", "present", ("aphex_org", "repo_org", "repo_name", "pipeline_spec")),
            ("write_to", "git", ("tree",)),
        ]
    },
    products={"kubernetes": Kubernetes, "github": GitHub, "git": Git, "clock": Clock},
    use_case=use_case,
    result_key="repo_binding",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
