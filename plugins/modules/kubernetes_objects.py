#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_objects
short_description: Apply a set of Kubernetes objects
version_added: 0.1.0
description:
  - Brings a whole set of objects to what is desired, by server-side apply, several at once in an order that respects
    what they need of each other.
  - Only what differs is written. A second run with the same input sends no write.
  - An object that is there already and was not made by this module is left alone and reported, unless O(adopt=true).
  - With O(inventory), the module remembers what it made, with uids; O(prune=true) then deletes what is not desired any
    more. Objects that controllers make are never pruned.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
requirements:
  - kubernetes >= 31.0
  - PyYAML >= 6.0
options:
  state:
    description:
      - V(present) creates and updates the objects, V(absent) deletes them and everything in O(inventory).
    type: str
    choices: [present, absent]
    default: present
  definition:
    description:
      - The objects, as YAML text with one or more documents, as one mapping, or as a list of mappings or texts.
      - V(stringData) of a Secret is written as V(data), so that a key that is dropped here is dropped there.
    type: raw
    aliases: [resource_definition]
  src:
    description:
      - A file with the objects, on the host that runs the task.
    type: path
  kustomization:
    description:
      - A kustomization, built by kustomize on the host that runs the task.
    type: dict
    suboptions:
      files:
        description: Its files, a mapping from path to text. One of them is C(kustomization.yaml).
        type: dict
        required: true
      sources:
        description: Larger files, a mapping from their path in the kustomization to the file on the host.
        type: dict
        default: {}
      command:
        description: The program that builds it, with arguments. The folder is put behind them.
        type: list
        elements: str
        default: [kubectl, kustomize]
  namespace:
    description:
      - The namespace of objects that name none themselves.
    type: str
    default: ""
  adopt:
    description:
      - Whether to take over objects that are there already and were not made by this module.
    type: bool
    default: false
  force_conflicts:
    description:
      - Whether to take fields that another field manager owns.
      - When it is not set, fields are taken back on the module's own objects, and a conflict on adopted objects is an
        error that names the field and its owner.
    type: bool
  field_manager:
    description:
      - The name under which the API server records the fields that are set here.
    type: str
    default: aphex.platform.kubernetes_objects
  inventory:
    description:
      - The ConfigMap that remembers what was made. Its namespace must exist or be part of the set.
    type: dict
    suboptions:
      name:
        description: Name of the ConfigMap.
        type: str
        required: true
      namespace:
        description: Namespace of the ConfigMap.
        type: str
        required: true
  prune:
    description:
      - Whether to delete objects that stand in O(inventory) and are not desired any more.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the objects are ready, or gone with O(state=absent).
      - CustomResourceDefinitions are always waited for, since objects of their kinds cannot be made before.
      - With O(state=absent), a sync of an Application of Argo CD that still runs is ended, since nothing is deleted
        before that.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long to wait for one object, in seconds.
    type: int
    default: 120
  wait_condition:
    description:
      - The condition to wait for. When it is not set, each kind's own notion of ready is used.
    type: dict
    suboptions:
      type:
        description: Type of the condition.
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
      - The commit that Applications of Argo CD must have synced, or at least seven digits of it.
      - An Application is ready when it is Synced and Healthy, when that was found for the source that it names now, and
        when no sync is running. Without this option, any commit will do.
      - Has no effect beside O(wait_condition), and none on other kinds.
    type: str
  return_objects:
    description:
      - Whether to return the whole objects. Values of Secrets are masked.
    type: bool
    default: false
seealso:
  - name: Server-side apply
    description: How the API server merges what several managers set.
    link: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

EXAMPLES = r"""
- name: Apply the manifests of an application and delete what it does not contain any more
  aphex.platform.kubernetes_objects:
    definition: "{{ lookup('ansible.builtin.template', 'shop.yaml.j2') }}"
    namespace: shop
    inventory:
      name: shop-inventory
      namespace: shop
    prune: true
    wait: true

- name: Apply a kustomization
  aphex.platform.kubernetes_objects:
    kustomization:
      files:
        kustomization.yaml: |
          namespace: shop
          resources: [upstream.yaml]
      sources:
        upstream.yaml: /srv/releases/shop-1.4.2.yaml

- name: Take over a ConfigMap that was made by hand
  aphex.platform.kubernetes_objects:
    definition:
      apiVersion: v1
      kind: ConfigMap
      metadata:
        name: shop-settings
        namespace: shop
      data:
        currency: EUR
    adopt: true

- name: Apply the root Application, and wait until Argo CD has brought the commit that was pushed before
  aphex.platform.kubernetes_objects:
    definition: "{{ lookup('ansible.builtin.file', 'root.yaml') }}"
    wait: true
    wait_revision: "{{ tree.commit }}"
    wait_timeout: 900

- name: Remove everything that the inventory remembers
  aphex.platform.kubernetes_objects:
    state: absent
    definition: []
    inventory:
      name: shop-inventory
      namespace: shop
    wait: true
"""

RETURN = r"""
objects:
  description: One row for each object of the set, in its order.
  type: list
  elements: dict
  returned: success
  sample:
    - api_version: v1
      kind: ConfigMap
      namespace: shop
      name: shop-settings
      uid: 0b9e5a3e-6d0c-4f2c-8d0e-3a4e4f4a1f10
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: kubernetes
      verb: create
      target: ConfigMap shop/shop-settings
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: conflict
    tried: applying
    status: 409
"""

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.definitions import use_case
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES, STATE

ENTRY_POINT = EntryPoint(
    options={
        **STATE,
        "definition": {"type": "raw", "aliases": ["resource_definition"]},
        "src": {"type": "path"},
        "kustomization": {
            "type": "dict",
            "options": {
                "files": {"type": "dict", "required": True},
                "sources": {"type": "dict", "default": {}},
                "command": {"type": "list", "elements": "str", "default": ["kubectl", "kustomize"]},
            },
        },
        "namespace": {"type": "str", "default": ""},
        "adopt": {"type": "bool", "default": False},
        "force_conflicts": {"type": "bool"},
        "field_manager": {"type": "str", "default": "aphex.platform.kubernetes_objects"},
        "inventory": {
            "type": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "namespace": {"type": "str", "required": True},
            },
        },
        "prune": {"type": "bool", "default": False},
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
    rules={
        "mutually_exclusive": [("definition", "src", "kustomization")],
        "required_one_of": [("definition", "src", "kustomization")],
    },
    products={"kubernetes": Kubernetes},
    use_case=use_case,
    result_key="objects",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
