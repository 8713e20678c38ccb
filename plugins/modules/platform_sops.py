#!/usr/bin/python
# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_sops
short_description: Have Kubernetes Secrets as files of a Git tree, encrypted with SOPS
version_added: 0.1.0
description:
  - Returns each Secret as a file that is encrypted for an age key of the platform and for O(recipients). It writes no
    file but that key; M(aphex.platform.git_tree) takes what it returns to the tree.
  - The tree is where values are kept. What O(files) has is decrypted and stays, and a file of which nothing changes is
    returned byte for byte. Only a value that the tree lacks is taken from the cluster, or made at random.
  - The age key is made once, as C(age.key) in O(folder) and as O(key_secret) in the cluster. On another machine it is
    taken from the cluster, and on an empty cluster from the file.
  - A file that no key opens ends the task before anything is written.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  folder:
    description:
      - Where C(age.key) is, an absolute path. It is made when it is not there.
    type: path
    required: true
  key_secret:
    description:
      - The Secret of the cluster that holds the age key in C(keys.txt), as Argo CD reads it. Its namespace must exist.
      - V(platform-sops-age) in the namespace V(argocd) when left out.
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
  recipients:
    description:
      - Public age keys of people who can read the files as well.
    type: list
    elements: str
    default: []
  secrets:
    description:
      - The Secrets. One whose values come from another one stands below it.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Namespace of the Secret. It must exist.
        type: str
        required: true
      name:
        description: Name of the Secret.
        type: str
        required: true
      type:
        description: Type of the Secret.
        type: str
        default: Opaque
      labels:
        description: Labels of the Secret, beside those that say whose it is.
        type: dict
        default: {}
      keys:
        description: What the Secret holds. A key with its name alone gets 32 random bytes in base64.
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
            description: A Secret of O(secrets), further up, whose value this key always has.
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
        description: A number for each key that is to have a new value, V(2) for the first time.
        type: dict
        default: {}
      copies:
        description: Secrets elsewhere that hold the same values.
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
      adopt:
        description: Whether a Secret that somebody else has made is taken over. Values that are there are kept.
        type: bool
        default: false
  files:
    description:
      - The files as the tree has them, a mapping from path to text, with paths as in RV(sops.files). Paths of no Secret
        are left out of account.
    type: dict
    default: {}
  bring:
    description:
      - Which Secrets are written to the cluster. V(missing) are those that are not there or lack a key, so that Argo CD
        can start and bring the rest, V(all) are those that differ as well.
    type: str
    choices: [missing, all]
    default: missing
requirements:
  - sops 3.9 or newer
  - age-keygen of age 1.1 or newer
  - PyYAML
seealso:
  - module: aphex.platform.platform_secret
  - module: aphex.platform.git_tree
"""

EXAMPLES = r"""
- name: What the tree has
  aphex.platform.git_tree_info:
    repository: https://git.example.org/platform/tree.git
    path: parts/platform_secrets
    files: [secrets/auth-system/dex-secrets.enc.yaml]
  register: tree

- name: The secrets of Dex, for the platform and for Ann
  aphex.platform.platform_sops:
    folder: /srv/platform
    recipients: [age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq]
    secrets:
      - namespace: auth-system
        name: dex-secrets
        keys:
          - name: argocd-client-secret
    files: "{{ tree.tree.files | items2dict(key_name='path', value_name='content') }}"
  register: encrypted

- name: To the tree
  aphex.platform.git_tree:
    repository: https://git.example.org/platform/tree.git
    path: parts/platform_secrets
    files: "{{ encrypted.sops.files | dict2items(key_name='path', value_name='content') }}"
"""

RETURN = r"""
sops:
  description: The files, and whom they are for. All of it is public.
  type: dict
  returned: success
  contains:
    key_file:
      description: Where the age key is.
      type: str
      returned: success
      sample: /srv/platform/age.key
    recipients:
      description: The public keys of all who can read the files.
      type: list
      elements: str
      returned: success
      sample: [age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq]
    files:
      description: The text of each file by its path.
      type: dict
      returned: success
      sample:
        secrets/auth-system/dex-secrets.enc.yaml: "apiVersion: v1 ..."
    files_changed:
      description: The paths of those that are not as O(files) has them.
      type: list
      elements: str
      returned: success
      sample: [secrets/auth-system/dex-secrets.enc.yaml]
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: files
      verb: create
      target: /srv/platform/age.key
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: denied
    tried: decrypting
    "on": secrets/auth-system/dex-secrets.enc.yaml
"""

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.sops import use_case
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._files.product import Files
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES
from ansible_collections.aphex.platform.plugins.module_utils._sops.product import Sops

_NAME = {"type": "str", "required": True}
_LABELS = {"type": "dict", "default": {}}
_TYPE = {"type": "str", "default": "Opaque"}
_ENCODING = {"type": "str", "choices": ["alphanumeric", "base64", "base64url", "hex"], "default": "base64"}
_KEYS = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "no_log": False,
    "options": {
        "name": _NAME,
        "generate": {"type": "dict", "options": {"length": {"type": "int", "default": 32}, "encoding": _ENCODING}},
        "value": {"type": "str", "no_log": True},
        "text": {"type": "str"},
        "from_secret": {
            "type": "dict",
            "no_log": False,
            "options": {"namespace": _NAME, "name": _NAME, "key": {**_NAME, "no_log": False}},
        },
    },
}
_COPIES = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "namespace": _NAME,
        "name": _NAME,
        "keys": {"type": "dict", "no_log": False},
        "labels": _LABELS,
        "type": _TYPE,
    },
}

ENTRY_POINT = EntryPoint(
    options={
        "folder": {"type": "path", "required": True},
        "key_secret": {"type": "dict", "no_log": False, "options": {"namespace": _NAME, "name": _NAME}},
        "recipients": {"type": "list", "elements": "str", "default": []},
        "secrets": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "no_log": False,
            "options": {
                "namespace": _NAME,
                "name": _NAME,
                "type": _TYPE,
                "labels": _LABELS,
                "keys": _KEYS,
                "rotate": {"type": "dict", "default": {}},
                "copies": _COPIES,
                "adopt": {"type": "bool", "default": False},
            },
        },
        "files": {"type": "dict", "default": {}},
        "bring": {"type": "str", "choices": ["missing", "all"], "default": "missing"},
        **KUBERNETES,
    },
    products={"files": Files, "kubernetes": Kubernetes, "sops": Sops},
    use_case=use_case,
    result_key="sops",
    libraries=(*LIBRARIES, "yaml"),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
