#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_meta_info: the addresses that GitHub delivers from.

In: options. Out: the result ``meta``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_meta_info
short_description: Read the address ranges that GitHub delivers webhooks from
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Returns the address ranges of webhook deliveries, for an allow list that is refreshed.
  - Fails rather than return a list that would close a firewall, or open it to everybody. That is an empty one, one with
    fewer ranges than O(minimum), one in which a range of O(previous) is missing, and one with a range that is far too
    wide.
  - An Enterprise Server names no ranges, so there the task fails.
  - Needs no credentials. Without a token GitHub answers 60 requests an hour and address.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_github
  - aphex.platform._github
options:
  previous:
    description:
      - Ranges that are allowed now. Each must lie within a range of the answer.
    type: list
    elements: str
    default: []
  allow_removed:
    description:
      - Whether ranges of O(previous) may be missing, after somebody has looked at why.
    type: bool
    default: false
  minimum:
    description:
      - How many ranges there must be at least.
    type: int
    default: 1
seealso:
  - module: aphex.platform.github_webhook
"""

EXAMPLES = r"""
- name: Where deliveries come from
  aphex.platform.github_meta_info:
    previous: "{{ github_ranges }}"
    minimum: 3
  register: github

- name: An allow list for Traefik
  ansible.builtin.debug:
    msg:
      ipAllowList:
        sourceRange: "{{ github.meta.hooks }}"
"""

RETURN = r"""
meta:
  description: The ranges.
  returned: success
  type: dict
  contains:
    hooks:
      description: All ranges, those of version 4 first.
      type: list
      elements: str
      returned: success
      sample: [192.30.252.0/22, '2a0a:a440::/29']
    ipv4:
      description: Those of version 4.
      type: list
      elements: str
      returned: success
      sample: [192.30.252.0/22]
    ipv6:
      description: Those of version 6.
      type: list
      elements: str
      returned: success
      sample: ['2a0a:a440::/29']
    added:
      description: Those that O(previous) does not cover. Empty when none were given.
      type: list
      elements: str
      returned: success
      sample: []
    removed:
      description: Ranges of O(previous) that are missing, with O(allow_removed=true).
      type: list
      elements: str
      returned: success
      sample: []
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
      sample: denied
"""

import typing as t

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB

OPTIONS: dict[str, t.Any] = {
    "previous": {"type": "list", "elements": "str", "default": []},
    "allow_removed": {"type": "bool", "default": False},
    "minimum": {"type": "int", "default": 1},
    **GITHUB,
}


def read(params: Params, products: Products, runtime: Runtime) -> dict[str, t.Any]:
    """Return the ranges."""
    product: GitHub = products["github"]
    return product.hook_ranges(params["previous"], params["minimum"], params["allow_removed"])


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    read=read,
    result_key="meta",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
