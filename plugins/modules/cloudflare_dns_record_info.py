#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cloudflare_dns_record_info: the records of a zone.

In: options. Out: the result ``dns_records``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudflare_dns_record_info
short_description: Read the DNS records of a Cloudflare zone
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Returns the DNS records of a zone, of every type and every owner.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_cloudflare
  - aphex.platform._cloudflare
options:
  zone:
    description:
      - Name of the zone.
    type: str
    required: true
  record:
    description:
      - Only records of this name, whole (V(www.example.org)), relative to O(zone) (V(www)), or V(@) for the zone
        itself.
    type: str
  type:
    description:
      - Only records of this type, such as V(A) or V(MX).
    type: str
seealso:
  - module: aphex.platform.cloudflare_dns_record
"""

EXAMPLES = r"""
- name: All records of a name
  aphex.platform.cloudflare_dns_record_info:
    zone: example.org
    record: www
  register: www

- name: Whose they are
  ansible.builtin.debug:
    msg: "{{ www.dns_records | map(attribute='comment') | unique }}"
"""

RETURN = r"""
dns_records:
  description: The records, sorted by name, type and content. Empty when there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the record.
      type: str
      returned: success
      sample: 372e67954025e0ba6aaa6d586b9e0b59
    zone:
      description: Name of the zone.
      type: str
      returned: success
      sample: example.org
    name:
      description: Whole name of the record.
      type: str
      returned: success
      sample: www.example.org
    type:
      description: Type of the record.
      type: str
      returned: success
      sample: A
    content:
      description: What the record holds, as Cloudflare returns it.
      type: str
      returned: success
      sample: 192.0.2.10
    proxied:
      description: Whether requests go through Cloudflare.
      type: bool
      returned: success
      sample: false
    ttl:
      description: Time to live in seconds, 1 is automatic.
      type: int
      returned: success
      sample: 300
    comment:
      description: Comment of the record. It names the owner when the collection made the record.
      type: str
      returned: success
      sample: aphex.platform
"""

import typing as t

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.dns_record import whole_name
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._options import CLOUDFLARE

OPTIONS: dict[str, t.Any] = {
    "zone": {"type": "str", "required": True},
    "record": {"type": "str"},
    "type": {"type": "str"},
    **CLOUDFLARE,
}


def read(params: Params, products: Products, runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return the records."""
    product: Cloudflare = products["cloudflare"]
    zone = params["zone"].lower().rstrip(".")
    name = whole_name(params["record"], zone) if params["record"] else None
    return product.find_records(zone, name, params["type"])


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"cloudflare": Cloudflare},
    read=read,
    result_key="dns_records",
    libraries=("cloudflare", "httpx"),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
