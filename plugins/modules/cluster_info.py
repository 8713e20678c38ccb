#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Read what a cluster is, what is in it, and what you may do
version_added: 0.1.0
description:
  - Returns the version of the API server and what it serves, whether the connection has the rights that it is asked
    about, and what is there of the namespaces, kinds and addresses that are named, with who made it.
  - Changes nothing. What the connection may not read is V(null) in the answer, so that a right that is missing is seen
    among the rights and not as a failure.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  rights:
    description:
      - Rights to ask the API server about, by a SelfSubjectAccessReview each.
    type: list
    elements: dict
    default: []
    suboptions:
      api_group:
        description: The group, empty for the core group.
        type: str
        default: ""
      resource:
        description: The plural name of the kind, with a subresource if need be, such as V(pods/log).
        type: str
        required: true
      verbs:
        description: The verbs.
        type: list
        elements: str
        required: true
      namespace:
        description: The namespace. All of them, or the cluster, when empty.
        type: str
        default: ""
  namespaces:
    description:
      - Names of namespaces to look for.
    type: list
    elements: str
    default: []
  definitions:
    description:
      - Names of CustomResourceDefinitions to look for, such as V(certificates.cert-manager.io).
    type: list
    elements: str
    default: []
  addresses:
    description:
      - IP addresses to look for among those of the Services.
    type: list
    elements: str
    default: []
seealso:
  - module: aphex.platform.kubernetes_objects_info
"""

EXAMPLES = r"""
- name: Ask before the installation
  aphex.platform.cluster_info:
    rights:
      - resource: namespaces
        verbs: [create, patch]
      - api_group: apiextensions.k8s.io
        resource: customresourcedefinitions
        verbs: [create, patch]
    namespaces: [argocd]
    addresses: [10.96.0.80]
  register: found

- name: See that nothing is missing
  ansible.builtin.assert:
    that: found.cluster.rights | rejectattr('allowed') | length == 0
    fail_msg: "Not allowed: {{ found.cluster.rights | rejectattr('allowed') | map(attribute='said') | join(', ') }}"
"""

RETURN = r"""
cluster:
  description: What was found.
  type: dict
  returned: success
  contains:
    version:
      description: The version of the API server.
      type: str
      returned: success
      sample: v1.36.3
    api_versions:
      description: Every group with every version that is served, but the core group.
      type: list
      elements: str
      returned: success
      sample: [apps/v1, networking.k8s.io/v1]
    rights:
      description: Each right that was asked about, a row for each verb.
      type: list
      elements: dict
      returned: success
      contains:
        verb:
          description: The verb.
          type: str
          returned: success
          sample: create
        api_group:
          description: The group.
          type: str
          returned: success
          sample: ""
        resource:
          description: The plural name of the kind.
          type: str
          returned: success
          sample: namespaces
        namespace:
          description: The namespace, V(null) for all.
          type: str
          returned: success
          sample: argocd
        allowed:
          description: Whether the connection has it.
          type: bool
          returned: success
          sample: true
        said:
          description: The right in words.
          type: str
          returned: success
          sample: create namespaces
    namespaces:
      description: Those that are there. V(null) when they may not be read.
      type: list
      elements: dict
      returned: success
      contains: &made
        name:
          description: Its name.
          type: str
          returned: success
          sample: argocd
        made_by:
          description: Who made it, as far as it says. V(aphex.platform) for this collection, V(argocd NAME) for an
            Application, V(argocd) where Argo CD names none, V(helm NAME) for a release, the name of another tool, or
            empty.
          type: str
          returned: success
          sample: helm argo-cd
    definitions:
      description: Those that are there. V(null) when they may not be read.
      type: list
      elements: dict
      returned: success
      contains: *made
    storage_classes:
      description: All of them. V(null) when they may not be read.
      type: list
      elements: dict
      returned: success
      contains:
        name:
          description: Its name.
          type: str
          returned: success
          sample: standard
        default:
          description: Whether volumes get it that name none.
          type: bool
          returned: success
          sample: true
        provisioner:
          description: What makes the volumes.
          type: str
          returned: success
          sample: rancher.io/local-path
    service_ranges:
      description: Networks that Services get their addresses from. V(null) when they may not be read.
      type: list
      elements: str
      returned: success
      sample: [10.96.0.0/16]
    addresses:
      description: Those that were asked about. V(null) when they may not be read.
      type: list
      elements: dict
      returned: success
      contains:
        address:
          description: The address.
          type: str
          returned: success
          sample: 10.96.0.80
        in_range:
          description: Whether a Service can have it.
          type: bool
          returned: success
          sample: true
        service:
          description: Namespace and name of the Service that has it, V(null) when it is free.
          type: str
          returned: success
          sample: ingress-system/traefik
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: denied
    tried: reading
"""

import typing as t

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes import cluster
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

_RIGHT: dict[str, t.Any] = {
    "api_group": {"type": "str", "default": ""},
    "resource": {"type": "str", "required": True},
    "verbs": {"type": "list", "elements": "str", "required": True},
    "namespace": {"type": "str", "default": ""},
}


def read(params: Params, products: Products, runtime: Runtime) -> dict[str, t.Any]:
    """Return what was asked for."""
    kubernetes: Kubernetes = products["kubernetes"]
    return cluster.read(params, kubernetes.cluster)


ENTRY_POINT = EntryPoint(
    options={
        "rights": {"type": "list", "elements": "dict", "default": [], "options": _RIGHT},
        "namespaces": {"type": "list", "elements": "str", "default": []},
        "definitions": {"type": "list", "elements": "str", "default": []},
        "addresses": {"type": "list", "elements": "str", "default": []},
        **KUBERNETES,
    },
    products={"kubernetes": Kubernetes},
    read=read,
    result_key="cluster",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
