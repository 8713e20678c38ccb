#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: knowledge_base_info
short_description: Read knowledge bases
version_added: 0.1.0
description:
  - Returns knowledge bases as their resources record them. Nothing is asked but the Kubernetes API server.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  name:
    description:
      - Name of one knowledge base. All of them when left out.
      - One that is not there is no error, the list is empty then.
    type: str
  namespace:
    description:
      - Namespace to read from. All namespaces when left out.
    type: str
seealso:
  - module: aphex.platform.knowledge_base
"""

EXAMPLES = r"""
- name: Read all knowledge bases
  aphex.platform.knowledge_base_info:
  register: tenants

- name: Show the addresses of their servers
  ansible.builtin.debug:
    msg: "{{ tenants.knowledge_bases | map(attribute='mcp.service_url') | select | list }}"

- name: Read one of them
  aphex.platform.knowledge_base_info:
    name: handbook
    namespace: platform-system
"""

RETURN = r"""
knowledge_bases:
  description: The knowledge bases, in the order of their namespaces and names.
  type: list
  elements: dict
  returned: success
  sample:
    - name: handbook
      namespace: platform-system
      display_name: Engineering handbook
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
      deleting: false
  contains:
    name:
      description: Name of the knowledge base.
      type: str
      returned: success
    namespace:
      description: Where it lives.
      type: str
      returned: success
    display_name:
      description: How people call it.
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
    deleting:
      description: Whether it is about to leave.
      type: bool
      returned: success
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: denied
    tried: reading
    status: 403
"""

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.knowledge_base import read

ENTRY_POINT = EntryPoint(
    options={"name": {"type": "str"}, "namespace": {"type": "str"}, **KUBERNETES},
    products={"kubernetes": Kubernetes},
    read=read,
    result_key="knowledge_bases",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
