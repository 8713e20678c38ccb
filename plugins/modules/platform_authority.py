#!/usr/bin/python
# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_authority
short_description: Have a certificate authority as two files, before there is a cluster
version_added: 0.1.0
description:
  - Makes the certificate authority of a platform where the task runs, as C(ca.crt) and C(ca.key), readable by its user
    alone. The API server of a new cluster wants its certificate before the cluster is there.
  - An authority that is there is kept, on every later run and whatever the options say. What a run that was killed has
    left half is completed.
  - When the cluster has an authority in O(secret), that one counts. Its certificate becomes the file, its key stays in
    the cluster, and files of another authority are moved aside.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  folder:
    description:
      - Where the files are, an absolute path. It is made when it is not there.
    type: path
    required: true
  common_name:
    description:
      - What a new authority is called.
    type: str
    default: Aphex platform
  days:
    description:
      - How long the certificate of a new authority lasts.
    type: int
    default: 3650
  permitted_domains:
    description:
      - The only domains, with all below them, for which certificates of a new authority hold. All when empty.
    type: list
    elements: str
    default: []
  secret:
    description:
      - The Secret of the cluster that holds the authority, to look there first. Leave it out while there is no cluster.
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
requirements:
  - cryptography
seealso:
  - module: aphex.platform.platform_secret
"""

EXAMPLES = r"""
- name: An authority for one domain, before the cluster
  aphex.platform.platform_authority:
    folder: /srv/platform
    permitted_domains: [platform.example.org]
  register: made

- name: Say how long it lasts
  ansible.builtin.debug:
    msg: "{{ made.authority.days_left }} days"

- name: The certificate of a cluster that is there, on another machine
  aphex.platform.platform_authority:
    folder: /srv/platform
    secret:
      namespace: cert-manager
      name: aphex-ca
"""

RETURN = r"""
authority:
  description: The authority. All of it is public.
  type: dict
  returned: success
  contains:
    certificate_file:
      description: Where its certificate is.
      type: str
      returned: success
      sample: /srv/platform/ca.crt
    private_key_file:
      description: Where its key is, V(null) when that is in the cluster alone.
      type: str
      returned: success
      sample: /srv/platform/ca.key
    certificate:
      description: The certificate in PEM form, V(null) while it is still to be made.
      type: str
      returned: success
      sample: "-----BEGIN CERTIFICATE-----..."
    common_name:
      description: What it is called.
      type: str
      returned: when there is one
      sample: Aphex platform
    ends:
      description: When it ends.
      type: str
      returned: when there is one
      sample: "2036-11-18T19:36:00Z"
    days_left:
      description: How many whole days that is from now.
      type: int
      returned: when there is one
      sample: 3649
    certificate_fingerprint:
      description: SHA-256 of the certificate.
      type: str
      returned: when there is one
      sample: 4a1f0c...
    permitted_domains:
      description: The only domains for which its certificates hold.
      type: list
      elements: str
      returned: when there is one
      sample: [platform.example.org]
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: files
      verb: create
      target: /srv/platform/ca.key
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: invalid
    tried: /srv/platform/ca.key
    said: it is not the key of /srv/platform/ca.crt
"""

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.authority import use_case
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._files.product import Files
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

_NAME = {"type": "str", "required": True}

ENTRY_POINT = EntryPoint(
    options={
        "folder": {"type": "path", "required": True},
        "common_name": {"type": "str", "default": "Aphex platform"},
        "days": {"type": "int", "default": 3650},
        "permitted_domains": {"type": "list", "elements": "str", "default": []},
        "secret": {"type": "dict", "no_log": False, "options": {"namespace": _NAME, "name": _NAME}},
        **KUBERNETES,
    },
    products={"files": Files, "kubernetes": Kubernetes},
    use_case=use_case,
    result_key="authority",
    libraries=("cryptography",),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
