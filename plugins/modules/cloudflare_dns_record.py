#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cloudflare_dns_record: one record of a zone.

In: options. Out: the result ``dns_record``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudflare_dns_record
short_description: Manage a DNS record of a Cloudflare zone
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Creates, updates and deletes an A, AAAA, CNAME or TXT record.
  - A record belongs to the owner that its comment names. Records of others are never changed or deleted; when one of
    them is in the way, the task fails and says how to take it over. Whoever edits the comment takes the record over.
  - In the way of a CNAME is every A, AAAA or CNAME record of that name, in the way of an address every CNAME, and with
    O(exclusive=true) every address of the same type. A TXT record is never in the way of another one.
extends_documentation_fragment:
  - aphex.platform._attributes
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
      - Name of the record, whole (V(www.example.org)), relative to O(zone) (V(www)), or V(@) for the zone itself.
    type: str
    required: true
  type:
    description:
      - Type of the record.
    type: str
    choices: [A, AAAA, CNAME, TXT]
    required: true
  content:
    description:
      - Address, host name or text. A text may stand with or without the quotes that Cloudflare adds.
      - Needed for O(state=present). In check mode it may be V(null), for a value that an earlier task would make known.
      - With O(state=absent), only a record with this content is deleted, or every record of that name, type and owner
        when left out.
    type: str
    aliases: [value]
  proxied:
    description:
      - Whether requests go through Cloudflare. A name that leads to a tunnel must be proxied.
      - Not for TXT records.
    type: bool
    default: false
  ttl:
    description:
      - Time to live in seconds, from 60 to 86400, or 1 for automatic. A proxied record always has 1.
    type: int
    default: 1
  owner:
    description:
      - Whose the record is. It stands in the comment as C(aphex.platform) followed by this value; the comment has at
        most 100 characters.
      - Tasks that manage records for different purposes should say so here.
    type: str
    default: aphex.platform
  adopt:
    description:
      - Whether foreign records that are in the way may be taken over or, when several are in the way, deleted. With
        O(state=absent), whether foreign records of that name and type are deleted.
    type: bool
    default: false
  exclusive:
    description:
      - Whether this is the only record of its name, type and owner. Another one of the same owner is then replaced.
      - Set it to V(false) for several addresses or texts of one name, each in a task of its own. A CNAME is always
        alone.
    type: bool
    default: true
  state:
    description:
      - Whether the record should be there or not.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: aphex.platform.cloudflare_dns_record_info
  - module: aphex.platform.cloudflare_tunnel
"""

EXAMPLES = r"""
- name: A name that leads to a tunnel
  aphex.platform.cloudflare_dns_record:
    zone: example.org
    record: acme
    type: CNAME
    content: "{{ webhooks.tunnel.cname }}"
    proxied: true

- name: Two addresses of one name
  aphex.platform.cloudflare_dns_record:
    zone: example.org
    record: www
    type: A
    content: "{{ item }}"
    exclusive: false
  loop:
    - 192.0.2.10
    - 192.0.2.11

- name: Take over a record that was made by hand
  aphex.platform.cloudflare_dns_record:
    zone: example.org
    record: "@"
    type: A
    content: 192.0.2.20
    adopt: true

- name: No such record
  aphex.platform.cloudflare_dns_record:
    zone: example.org
    record: acme
    type: CNAME
    state: absent
"""

RETURN = r"""
dns_record:
  description: The record as it is after the task, V(null) when it is absent. In check mode, what cannot be known before
    the record is made is V(null).
  returned: success
  type: dict
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
      sample: acme.example.org
    type:
      description: Type of the record.
      type: str
      returned: success
      sample: CNAME
    content:
      description: What the record holds.
      type: str
      returned: success
      sample: f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com
    proxied:
      description: Whether requests go through Cloudflare.
      type: bool
      returned: success
      sample: true
    ttl:
      description: Time to live in seconds, 1 is automatic.
      type: int
      returned: success
      sample: 1
    comment:
      description: Comment of the record, which names its owner.
      type: str
      returned: success
      sample: aphex.platform
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: cloudflare
      verb: create
      target: DNS record acme.example.org (CNAME)
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

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.dns_record import DnsRecord
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._options import CLOUDFLARE, STATE

OPTIONS: dict[str, t.Any] = {
    "zone": {"type": "str", "required": True},
    "record": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["A", "AAAA", "CNAME", "TXT"], "required": True},
    "content": {"type": "str", "aliases": ["value"]},
    "proxied": {"type": "bool", "default": False},
    "ttl": {"type": "int", "default": 1},
    "owner": {"type": "str", "default": "aphex.platform"},
    "adopt": {"type": "bool", "default": False},
    "exclusive": {"type": "bool", "default": True},
    **STATE,
    **CLOUDFLARE,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one record."""
    return Declared([DnsRecord.from_params(params, runtime.check)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"cloudflare": Cloudflare},
    use_case=declare,
    result_key="dns_record",
    libraries=("cloudflare", "httpx"),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
