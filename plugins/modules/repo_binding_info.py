#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: repo_binding_info
short_description: Read repo bindings
version_added: 0.1.0
description:
  - Returns repo bindings as their resources record them. Nothing is asked but the Kubernetes API server.
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
      - Name of one repo binding. All of them when left out.
      - One that is not there is no error, the list is empty then.
    type: str
  namespace:
    description:
      - Namespace to read from. All namespaces when left out.
    type: str
seealso:
  - module: aphex.platform.repo_binding
"""

EXAMPLES = r"""
- name: Read all repo bindings of all organizations
  aphex.platform.repo_binding_info:
  register: tenants

- name: Show those that are not ready, and why
  ansible.builtin.debug:
    msg: "{{ item.repository }}: {{ item.message }}"
  loop: "{{ tenants.repo_bindings | rejectattr('phase', 'eq', 'Ready') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Read what the admins of one organization have bound themselves
  aphex.platform.repo_binding_info:
    namespace: org-acme-corp
"""

RETURN = r"""
repo_bindings:
  description: The repo bindings, in the order of their namespaces and names.
  type: list
  elements: dict
  returned: success
  sample:
    - name: web-shop
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
      webhook_url: https://acme-corp.example.org
      webhook:
        owner: acme-corp
        repository: web-shop
        url: https://acme-corp.example.org
        fingerprint: 5d2e6a0c1f7b9384
        delivery_id: 72d3162e-cc78-11e3-81ab-4c9367dc0958
      deleting: false
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
    webhook_url:
      description: The address for the webhook at GitHub, null before there is one.
      type: str
      returned: success
    webhook:
      description:
        - The webhook at GitHub that belongs to it - where it is, the fingerprint of its secret, and the delivery that
          proved it. Null when it has none of its own.
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
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.repo_binding import read

ENTRY_POINT = EntryPoint(
    options={"name": {"type": "str"}, "namespace": {"type": "str"}, **KUBERNETES},
    products={"kubernetes": Kubernetes},
    read=read,
    result_key="repo_bindings",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
