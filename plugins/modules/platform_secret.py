#!/usr/bin/python
# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_secret
short_description: Have a Kubernetes Secret whose values are made once, kept, rotated and mirrored
version_added: 0.1.0
description:
  - Makes a Secret with random values, and keeps the values on every later run. Two runs at once make one value.
  - A value is made anew only when its number in O(rotate) is raised; all other keys of the Secret stay as they are.
  - Values that must be equal come from one source, by O(keys[].from_secret) or O(copies).
  - Keys of the Secret that are not named stay, also those that somebody else has put there.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  name:
    description:
      - Name of the Secret, at most 63 characters.
    type: str
    required: true
  namespace:
    description:
      - Namespace of the Secret. It must exist.
    type: str
    required: true
  state:
    description:
      - V(present) makes or repairs the Secret and its copies, V(absent) deletes them with all values.
    type: str
    choices: [present, absent]
    default: present
  type:
    description:
      - Type of the Secret. With O(authority) it is V(kubernetes.io/tls) by itself.
    type: str
    default: Opaque
  labels:
    description:
      - Labels of the Secret, beside those that say whose it is.
    type: dict
    default: {}
  keys:
    description:
      - What the Secret holds. Either this or O(authority) is needed with O(state=present).
      - A key with its name alone gets 32 random bytes in base64.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the key.
        type: str
        required: true
      generate:
        description: Make the value once, at random.
        type: dict
        suboptions:
          length:
            description: How many bytes of chance, from 16 to 1024.
            type: int
            default: 32
          encoding:
            description: How they are written. V(base64url) has no padding.
            type: str
            choices: [alphanumeric, base64, base64url, hex]
            default: base64
      value:
        description: The value, where somebody else has made it.
        type: str
      text:
        description: A value that is no secret, such as an address, and is not masked.
        type: str
      from_secret:
        description: Another Secret whose value this key always has. It must be there.
        type: dict
        suboptions:
          namespace:
            description: Its namespace.
            type: str
            required: true
          name:
            description: Its name.
            type: str
            required: true
          key:
            description: The key there.
            type: str
            required: true
  rotate:
    description:
      - A number for each key that is to have a new value, V(2) for the first time. The number is recorded at the
        Secret, so the same number changes nothing, and a key that is not named keeps its value.
      - With O(authority), C(tls.key) renews key and certificate.
    type: dict
    default: {}
  copies:
    description:
      - Secrets elsewhere that hold the same values. One that is not named any more is deleted.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Namespace of the copy. It must exist.
        type: str
        required: true
      name:
        description: Name of the copy.
        type: str
        required: true
      keys:
        description: Which keys, each with its name in the copy. All under their own names when left out.
        type: dict
      labels:
        description: Labels of the copy.
        type: dict
        default: {}
      type:
        description: Type of the copy.
        type: str
        default: Opaque
  authority:
    description:
      - Hold a certificate authority, its certificate in C(tls.crt) and its key in C(tls.key). One that is there is
        kept, whatever the files say.
    type: dict
    suboptions:
      common_name:
        description: What the authority is called.
        type: str
        required: true
      days:
        description: How long a new certificate lasts.
        type: int
        default: 3650
      permitted_domains:
        description: The only domains, with all below them, for which its certificates hold. All when empty.
        type: list
        elements: str
        default: []
      certificate_file:
        description: A certificate that was made before, such as by M(aphex.platform.platform_authority).
        type: path
      private_key_file:
        description: The key of that certificate.
        type: path
  adopt:
    description:
      - Whether to take over Secrets of these names that somebody else has made. Values that are there are kept.
    type: bool
    default: false
  return_secrets:
    description:
      - Whether the result holds the values. Set C(no_log=true) on the task then.
    type: bool
    default: false
requirements:
  - cryptography, for O(authority)
seealso:
  - module: aphex.platform.platform_authority
  - module: aphex.platform.kubernetes_objects
"""

EXAMPLES = r"""
- name: The secrets of Dex, and that of Argo CD, which is the same
  aphex.platform.platform_secret:
    namespace: auth-system
    name: dex-secrets
    keys:
      - name: argocd-client-secret
      - name: dashboard-client-secret
        generate:
          length: 32
          encoding: hex
    copies:
      - namespace: argocd
        name: argocd-oidc
        keys:
          argocd-client-secret: clientSecret
        labels:
          app.kubernetes.io/part-of: argocd

- name: A new secret for Argo CD, here and there; that of the dashboard stays
  aphex.platform.platform_secret:
    namespace: auth-system
    name: dex-secrets
    keys:
      - name: argocd-client-secret
      - name: dashboard-client-secret
    copies:
      - namespace: argocd
        name: argocd-oidc
        keys:
          argocd-client-secret: clientSecret
    rotate:
      argocd-client-secret: 2

- name: The authority that was made before the cluster
  aphex.platform.platform_secret:
    namespace: cert-manager
    name: aphex-ca
    authority:
      common_name: Aphex platform
      certificate_file: /srv/platform/ca.crt
      private_key_file: /srv/platform/ca.key
"""

RETURN = r"""
secret:
  description: The Secret, V(null) when it is absent.
  type: dict
  returned: success
  contains:
    namespace:
      description: Its namespace.
      type: str
      returned: success
      sample: auth-system
    name:
      description: Its name.
      type: str
      returned: success
      sample: dex-secrets
    type:
      description: Its type.
      type: str
      returned: success
      sample: Opaque
    secret_keys:
      description: A row for each key, with its version, and a fingerprint that tells whether two values are equal and
        nothing else about them.
      type: list
      elements: dict
      returned: success
      sample:
        - name: argocd-client-secret
          version: 1
          fingerprint: 5f1d3c2b7a6e9081
    copies:
      description: Where the copies are.
      type: list
      elements: str
      returned: success
      sample: [argocd/argocd-oidc]
    authority:
      description: What the certificate of the authority says. V(null) without one.
      type: dict
      returned: success
      sample:
        common_name: Aphex platform
        ends: "2036-11-18T19:36:00Z"
        certificate_fingerprint: 4a1f...
        permitted_domains: []
    secret_values:
      description: The values by key. One that was given is masked all the same, as Ansible does with secret input.
      type: dict
      returned: when O(return_secrets=true)
      sample:
        argocd-client-secret: "***"
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: kubernetes
      verb: create
      target: Secret auth-system/dex-secrets
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: missing
    tried: taking over the key clientSecret of
    "on": Secret argocd/argocd-oidc
"""

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.secret import use_case
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES, STATE

_NAME = {"type": "str", "required": True}

ENTRY_POINT = EntryPoint(
    options={
        "name": _NAME,
        "namespace": _NAME,
        **STATE,
        "type": {"type": "str", "default": "Opaque"},
        "labels": {"type": "dict", "default": {}},
        "keys": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "no_log": False,
            "options": {
                "name": _NAME,
                "generate": {
                    "type": "dict",
                    "options": {
                        "length": {"type": "int", "default": 32},
                        "encoding": {
                            "type": "str",
                            "choices": ["alphanumeric", "base64", "base64url", "hex"],
                            "default": "base64",
                        },
                    },
                },
                "value": {"type": "str", "no_log": True},
                "text": {"type": "str"},
                "from_secret": {
                    "type": "dict",
                    "no_log": False,
                    "options": {"namespace": _NAME, "name": _NAME, "key": {**_NAME, "no_log": False}},
                },
            },
        },
        "rotate": {"type": "dict", "default": {}},
        "copies": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "namespace": _NAME,
                "name": _NAME,
                "keys": {"type": "dict", "no_log": False},
                "labels": {"type": "dict", "default": {}},
                "type": {"type": "str", "default": "Opaque"},
            },
        },
        "authority": {
            "type": "dict",
            "options": {
                "common_name": _NAME,
                "days": {"type": "int", "default": 3650},
                "permitted_domains": {"type": "list", "elements": "str", "default": []},
                "certificate_file": {"type": "path"},
                "private_key_file": {"type": "path", "no_log": False},
            },
            "required_together": [("certificate_file", "private_key_file")],
        },
        "adopt": {"type": "bool", "default": False},
        "return_secrets": {"type": "bool", "default": False, "no_log": False},
        **KUBERNETES,
    },
    products={"kubernetes": Kubernetes},
    use_case=use_case,
    result_key="secret",
    libraries=(*LIBRARIES, "cryptography"),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
