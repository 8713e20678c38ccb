#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_objects_info
short_description: Read Kubernetes objects, and whether they are ready
version_added: 0.1.0
description:
  - Returns a row for each object that is asked for. It says whether the object is there, whether it is ready, and what
    is missing.
  - Each kind has its own notion of ready. A Deployment has all its replicas, an Application of Argo CD is Synced and
    Healthy, a definition is established. O(wait_condition) asks for a condition of the status instead.
  - An object that is missing is no error, and neither is one that is not ready when the time is up.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
requirements:
  - kubernetes >= 31.0
options:
  objects:
    description:
      - The objects.
    type: list
    elements: dict
    required: true
    suboptions:
      api_version:
        description: Group and version, such as V(apps/v1).
        type: str
        required: true
      kind:
        description: Kind of the object.
        type: str
        required: true
      namespace:
        description: Its namespace. Without one and without O(objects[].name), all namespaces are looked at.
        type: str
      name:
        description: Its name. All objects of the kind when left out.
        type: str
  wait:
    description:
      - Whether to look again until all of them are ready.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long to look again, in seconds.
    type: int
    default: 120
  wait_condition:
    description:
      - The condition that means ready.
    type: dict
    suboptions:
      type:
        description: Type of the condition. V(gone) means that the object is not there.
        type: str
        required: true
      status:
        description: The status that is wanted.
        type: str
        choices: ["True", "False", Unknown]
        default: "True"
      reason:
        description: The reason that is wanted as well.
        type: str
  wait_revision:
    description:
      - The commit that Applications of Argo CD must have synced to be ready, or at least seven digits of it.
      - Has no effect beside O(wait_condition), and none on other kinds.
    type: str
  return_objects:
    description:
      - Whether to return the whole objects. Values of Secrets are masked.
    type: bool
    default: false
seealso:
  - module: aphex.platform.kubernetes_objects
"""

EXAMPLES = r"""
- name: Wait until the certificate of the platform is issued
  aphex.platform.kubernetes_objects_info:
    objects:
      - api_version: cert-manager.io/v1
        kind: Certificate
        namespace: ingress-system
        name: platform-tls
    wait: true
    wait_condition:
      type: Ready
  register: found

- name: Say what is missing
  ansible.builtin.assert:
    that: item.ready
    fail_msg: "{{ item.kind }} {{ item.name }}: {{ item.said }}."
  loop: "{{ found.objects }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
objects:
  description: One row for each object, in the order in which they were asked for.
  type: list
  elements: dict
  returned: success
  contains:
    api_version:
      description: Group and version.
      type: str
      returned: success
      sample: apps/v1
    kind:
      description: Kind of the object.
      type: str
      returned: success
      sample: Deployment
    namespace:
      description: Its namespace, null for an object without one.
      type: str
      returned: success
      sample: argocd
    name:
      description: Its name.
      type: str
      returned: success
      sample: argocd-server
    there:
      description: Whether it is there.
      type: bool
      returned: success
      sample: true
    ready:
      description: Whether it is ready.
      type: bool
      returned: success
      sample: false
    said:
      description: What there is to say about that.
      type: str
      returned: success
      sample: 0 of 1 replicas available
    object:
      description: The whole object.
      type: dict
      returned: with O(return_objects=true)
      sample: {}
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
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.reading import read
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

ENTRY_POINT = EntryPoint(
    options={
        "objects": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "api_version": {"type": "str", "required": True},
                "kind": {"type": "str", "required": True},
                "namespace": {"type": "str"},
                "name": {"type": "str"},
            },
        },
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 120},
        "wait_condition": {
            "type": "dict",
            "options": {
                "type": {"type": "str", "required": True},
                "status": {"type": "str", "choices": ["True", "False", "Unknown"], "default": "True"},
                "reason": {"type": "str"},
            },
        },
        "wait_revision": {"type": "str"},
        "return_objects": {"type": "bool", "default": False},
        **KUBERNETES,
    },
    products={"kubernetes": Kubernetes},
    read=read,
    result_key="objects",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
