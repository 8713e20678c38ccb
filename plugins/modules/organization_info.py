#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: organization_info
short_description: Read organizations
version_added: 0.1.0
description:
  - Returns organizations as their resources record them. Nothing is asked but the Kubernetes API server.
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
      - Name of one organization. All of them when left out.
      - One that is not there is no error, the list is empty then.
    type: str
seealso:
  - module: aphex.platform.organization
"""

EXAMPLES = r"""
- name: Read all organizations
  aphex.platform.organization_info:
  register: tenants

- name: Show where GitHub delivers to
  ansible.builtin.debug:
    msg: "{{ tenants.organizations | items2dict(key_name='name', value_name='webhook_url') }}"

- name: Wait until an organization that was made with kubectl is ready
  aphex.platform.organization_info:
    name: acme-corp
  register: acme
  until: acme.organizations | map(attribute='phase') | first | default('') == 'Ready'
  retries: 30
  delay: 2
"""

RETURN = r"""
organizations:
  description: The organizations, in the order of their names.
  type: list
  elements: dict
  returned: success
  sample:
    - name: acme-corp
      namespace: platform-system
      display_name: ACME Corporation
      organization_namespace: org-acme-corp
      phase: Ready
      message: Organization provisioned successfully
      conditions:
        - type: Ready
          status: "True"
          reason: Provisioned
          message: Organization provisioned successfully
          lastTransitionTime: "2026-11-21T12:00:00Z"
      webhook_url: https://acme-corp.example.org
      webhook:
        owner: acme-corp
        url: https://acme-corp.example.org
        fingerprint: 5d2e6a0c1f7b9384
        delivery_id: 72d3162e-cc78-11e3-81ab-4c9367dc0958
      tunnel_id: c1744f8b-faa1-48a4-9e5c-02ac921467fa
      deleting: false
  contains:
    name:
      description: Name of the organization.
      type: str
      returned: success
    namespace:
      description: Where the resource lives.
      type: str
      returned: success
    display_name:
      description: How people call it.
      type: str
      returned: success
    organization_namespace:
      description: The organization's own namespace, null before it has one.
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
    tunnel_id:
      description: Id of its tunnel at Cloudflare, null before there is one.
      type: str
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
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.organization import read

ENTRY_POINT = EntryPoint(
    options={"name": {"type": "str"}, **KUBERNETES},
    products={"kubernetes": Kubernetes},
    read=read,
    result_key="organizations",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
