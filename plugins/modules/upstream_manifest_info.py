#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module upstream_manifest_info: release manifests of other projects, and the digests of their images.

In: options. Out: the result ``upstream``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: upstream_manifest_info
short_description: Read release manifests of other projects, checked by a lock
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Returns files with the texts of release manifests, and the digests of all images that they name.
  - What O(lock) knows must still be the same. A release that was changed after it was published is refused.
  - What O(lock) does not know is read as it is published now, and returned in RV(upstream.lock) to be kept, unless
    O(trust_on_first_use=false).
  - With O(upstream_mirror) nothing is downloaded. Otherwise texts are kept in O(upstream_cache), and registries are
    asked for digests.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_upstream
  - aphex.platform._upstream
requirements:
  - PyYAML >= 6.0
options:
  parts:
    description:
      - What to read, a mapping from the name of a part to a mapping.
      - Its V(manifests) are a list of mappings with V(name), V(version), V(url) and V(sha256). Without V(sha256)
        O(lock) decides.
      - Its V(texts) are manifests of one's own, whose images are looked up as well. Images of objects that a patch
        among them deletes, by C($patch=delete), are not.
    type: dict
    required: true
  lock:
    description:
      - The lock of an earlier run, RV(upstream.lock).
    type: dict
    default: {}
  trust_on_first_use:
    description:
      - Whether what the lock does not know is taken as it is published now.
    type: bool
    default: true
seealso:
  - module: aphex.platform.git_tree
"""

EXAMPLES = r"""
- name: Fetch the release of cert-manager
  aphex.platform.upstream_manifest_info:
    parts:
      cert_manager:
        manifests:
          - name: cert-manager
            version: v1.18.2
            url: https://github.com/cert-manager/cert-manager/releases/download/v1.18.2/cert-manager.yaml
    # Nothing is known before the first run.
    lock: "{{ lookup('ansible.builtin.file', 'versions.lock.yaml', errors='ignore') | default('{}', true)
      | from_yaml }}"
  register: fetched

- name: Say what its images are
  ansible.builtin.debug:
    msg: "{{ fetched.upstream.parts.cert_manager.images }}"
"""

RETURN = r"""
upstream:
  description: What is published.
  type: dict
  returned: success
  contains:
    parts:
      description: Each part by its name. Its C(manifests) have C(name), C(version), C(url), C(sha256), C(images) and
        the C(path) of the file with their text. Its C(images) are the rows for C(images) of a kustomization.
      type: dict
      returned: success
      sample:
        cert_manager:
          images:
            - digest: sha256:0f2b5d5c8e2f3b1a4c6d7e8f90123456789abcdef0123456789abcdef0123456
              name: quay.io/jetstack/cert-manager-controller
          manifests:
            - images: ["quay.io/jetstack/cert-manager-controller:v1.18.2"]
              name: cert-manager
              path: /srv/mirror/cert-manager.yaml
              sha256: 8a4d2e8d3c6d5b7f0c0f2a9d2d1f1b5c7f3e9a6b1c4d8e2f5a7b9c0d3e6f1a28
              url: https://github.com/cert-manager/cert-manager/releases/download/v1.18.2/cert-manager.yaml
              version: v1.18.2
    images:
      description: All images of these parts, each once and with its digest. That is what a registry has to hold.
      type: list
      elements: str
      returned: success
      sample:
        - docker.io/library/traefik:v3.5.3@sha256:0f2b5d5c8e2f3b1a4c6d7e8f90123456789abcdef0123456789abcdef0123456
    lock:
      description: The lock of exactly what these parts take.
      type: dict
      returned: success
      sample: {manifests: {}, images: {}}
failure:
  description: The failure for programs. Its RV(failure.kind) is one of V(invalid), V(refused), V(missing), V(denied),
    V(conflict), V(busy), V(timeout) and V(broken).
  returned: failure
  type: dict
  contains:
    kind:
      description: What went wrong, as far as a caller can act on it.
      type: str
      returned: failure
      sample: refused
"""

import typing as t

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._options import UPSTREAM
from ansible_collections.aphex.platform.plugins.module_utils._upstream.lock import Lock
from ansible_collections.aphex.platform.plugins.module_utils._upstream.product import Part, Upstream

OPTIONS: dict[str, t.Any] = {
    "parts": {"type": "dict", "required": True},
    "lock": {"type": "dict", "default": {}},
    "trust_on_first_use": {"type": "bool", "default": True},
    **UPSTREAM,
}


def read(params: Params, products: Products, runtime: Runtime) -> dict[str, t.Any]:
    """Return files, digests and the lock."""
    upstream: Upstream = products["upstream"]
    parts = [Part.from_data(str(name), data) for name, data in params["parts"].items()]
    return upstream.read(parts, Lock.from_data(params["lock"], "lock"), params["trust_on_first_use"])


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"upstream": Upstream},
    read=read,
    result_key="upstream",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
