#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_certificate
short_description: Have a kubeconfig with a short-lived client certificate
version_added: 0.1.0
description:
  - Makes a key where the task runs, has it signed by the cluster as a client certificate by the API for certificate
    requests, approves the request, and writes a kubeconfig with both, readable by its user alone.
  - A certificate that is there is kept as long as it is for the same user, groups and cluster, and lasts long enough.
  - A certificate brings no right by itself. Bind O(user) or one of O(groups); to take the rights back, delete the
    binding, since a certificate cannot be taken back.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  user:
    description:
      - Whom the API server takes the bearer for. Names that begin with C(system:) are refused.
    type: str
    required: true
  groups:
    description:
      - The groups of the bearer. Names that begin with C(system:) are refused.
    type: list
    elements: str
    default: []
  kubeconfig_file:
    description:
      - The kubeconfig to write, an absolute path. Its folder is made when it is not there. A file that is something
        else is left alone.
      - Until it is written, the key lies beside it, with C(.key) at its end.
    type: path
    required: true
  context_name:
    description:
      - The name of cluster and context in it.
    type: str
    default: aphex
  days:
    description:
      - How long a new certificate lasts, 30 days at most.
    type: int
    default: 30
  renew_days:
    description:
      - A certificate that ends in fewer days is replaced.
    type: int
    default: 7
  state:
    description:
      - V(absent) removes the files. The certificate itself stays good until it ends.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - cryptography
notes:
  - The account needs to create requests, to update their C(approval), and the verb C(approve) on the signer
    C(kubernetes.io/kube-apiserver-client).
seealso:
  - module: aphex.platform.kubernetes_objects
  - name: Certificates and certificate signing requests
    description: The API in the documentation of Kubernetes.
    link: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""

EXAMPLES = r"""
- name: Have a certificate for an emergency
  aphex.platform.client_certificate:
    user: break-glass
    groups: [aphex:break-glass]
    kubeconfig_file: /srv/break-glass/kubeconfig

- name: Remove it
  aphex.platform.client_certificate:
    user: break-glass
    kubeconfig_file: /srv/break-glass/kubeconfig
    state: absent
"""

RETURN = r"""
certificate:
  description: Whose certificate lies where, and until when it holds. Null when it is gone.
  type: dict
  returned: success
  contains:
    kubeconfig_file:
      description: The kubeconfig.
      type: str
      returned: success
      sample: /srv/break-glass/kubeconfig
    user:
      description: The user that it names.
      type: str
      returned: success
      sample: break-glass
    groups:
      description: The groups that it names.
      type: list
      elements: str
      returned: success
      sample: ["aphex:break-glass"]
    ends:
      description: When it ends. Null in check mode when a new one would be made.
      type: str
      returned: success
      sample: "2026-12-21T19:37:32Z"
    days_left:
      description: How many whole days are left.
      type: int
      returned: success
      sample: 29
steps:
  description: The steps that were performed, or in check mode would be, in order.
  type: list
  elements: dict
  returned: success
  sample:
    - product: kubernetes
      verb: approve
      target: CertificateSigningRequest aphex-0123456789abcdef-0123456789abcdef approval
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: invalid
    tried: days is 90
"""

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.client_certificate import use_case
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._files.product import Files
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

ENTRY_POINT = EntryPoint(
    options={
        "user": {"type": "str", "required": True},
        "groups": {"type": "list", "elements": "str", "default": []},
        "kubeconfig_file": {"type": "path", "required": True},
        "context_name": {"type": "str", "default": "aphex"},
        "days": {"type": "int", "default": 30},
        "renew_days": {"type": "int", "default": 7},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **KUBERNETES,
    },
    products={"files": Files, "kubernetes": Kubernetes},
    use_case=use_case,
    result_key="certificate",
    libraries=(*LIBRARIES, "cryptography"),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
