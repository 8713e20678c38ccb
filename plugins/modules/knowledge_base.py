#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: knowledge_base
short_description: Keep track of repositories whose documents belong together, or stop it
version_added: 0.1.0
description:
  - Makes the resource C(KnowledgeBase), and a ConfigMap that lists its repositories for the programs that index them.
  - With O(mcp_server), runs a server that answers questions about their documents.
  - While a controller is at work, the module writes the resource alone and waits until the controller has done the
    rest.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_git_kubernetes
  - aphex.platform._tenant
  - aphex.platform._kubernetes
  - aphex.platform._git
options:
  name:
    description:
      - Name of the knowledge base, at most 52 lower-case letters, digits and inner hyphens.
    type: str
    required: true
  namespace:
    description:
      - Where the resource and its objects live. The namespace must be there.
    type: str
    default: platform-system
  display_name:
    description:
      - How people call it. Required with O(state=present).
    type: str
  description:
    description:
      - What it is about.
    type: str
  repositories:
    description:
      - The repositories, at least one with O(state=present) and at most 50, each once.
    type: list
    elements: dict
    suboptions:
      url:
        description: Address of the repository, C(https://github.com/<owner>/<name>).
        type: str
        required: true
      branch:
        description: The branch to read. V(main) when left out.
        type: str
      paths:
        description: Folders with documents, each C(.kiro/docs) or below it. V(.kiro/docs) when left out.
        type: list
        elements: str
  mcp_server:
    description:
      - A server that answers questions about the documents. None when left out, and one that was there is removed.
    type: dict
    suboptions:
      image:
        description: Its image. That of the platform's settings when left out.
        type: str
      port:
        description: Its port, from 1024 to 65535. 8090 when left out.
        type: int
      replicas:
        description: Number of its pods, from 1 to 10. One when left out.
        type: int
      query_service_url:
        description: Where it asks. C(http://query.<namespace>:8080) when left out.
        type: str
seealso:
  - module: aphex.platform.knowledge_base_info
"""

EXAMPLES = r"""
- name: Keep track of two repositories
  aphex.platform.knowledge_base:
    name: handbook
    display_name: Engineering handbook
    repositories:
      - url: https://github.com/acme-corp/web-shop
      - url: https://github.com/acme-corp/billing
        branch: release/1.2
        paths: [.kiro/docs/api]

- name: Run a server for them
  aphex.platform.knowledge_base:
    name: handbook
    display_name: Engineering handbook
    repositories: "{{ handbook_repositories }}"
    mcp_server:
      image: registry.example.org/mcp-server:1.4.0
      replicas: 2

- name: Stop it
  aphex.platform.knowledge_base:
    name: handbook
    state: absent
"""

RETURN = r"""
knowledge_base:
  description: The knowledge base as it is after the run, null when it is gone. What is not known in check mode is null.
  type: dict
  returned: success
  sample:
    name: handbook
    namespace: platform-system
    phase: Ready
    message: Tracking 2 repositories
    conditions:
      - type: Ready
        status: "True"
        reason: Provisioned
        message: Tracking 2 repositories
        lastTransitionTime: "2026-11-21T12:00:00Z"
    repository_count: 2
    mcp:
      deployed: true
      service_name: mcp-server-handbook
      service_url: http://mcp-server-handbook.platform-system:8090
      ready_replicas: 2
  contains:
    name:
      description: Name of the knowledge base.
      type: str
      returned: success
    namespace:
      description: Where it lives.
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
    repository_count:
      description: Number of its repositories.
      type: int
      returned: success
    mcp:
      description: Its server - its Service, the address of that, and how many pods are ready. Null without one.
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
      verb: apply
      target: KnowledgeBase platform-system/handbook
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: invalid
    tried: KnowledgeBase handbook
"""

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._git.product import Git
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import GIT, KUBERNETES, TENANT
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.knowledge_base import use_case

ENTRY_POINT = EntryPoint(
    options={
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": "platform-system"},
        "display_name": {"type": "str"},
        "description": {"type": "str"},
        "repositories": {
            "type": "list",
            "elements": "dict",
            "options": {
                "url": {"type": "str", "required": True},
                "branch": {"type": "str"},
                "paths": {"type": "list", "elements": "str"},
            },
        },
        "mcp_server": {
            "type": "dict",
            "options": {
                "image": {"type": "str"},
                "port": {"type": "int"},
                "replicas": {"type": "int"},
                "query_service_url": {"type": "str"},
            },
        },
        **TENANT,
        **KUBERNETES,
        **GIT,
    },
    rules={
        "required_if": [
            ("state", "present", ("display_name", "repositories")),
            ("write_to", "git", ("tree",)),
        ]
    },
    products={"git": Git, "kubernetes": Kubernetes},
    use_case=use_case,
    result_key="knowledge_base",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
