#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cloudflare_tunnel_info: the live tunnels of an account.

In: options. Out: the result ``tunnels``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudflare_tunnel_info
short_description: Read the Cloudflare tunnels of an account
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Returns the live tunnels (C(cfd_tunnel)) of a Cloudflare account. Deleted ones, which Cloudflare keeps listed, are
    left out.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_cloudflare
  - aphex.platform._cloudflare
options:
  name:
    description:
      - Only the tunnel of exactly this name.
    type: str
seealso:
  - module: aphex.platform.cloudflare_tunnel
"""

EXAMPLES = r"""
- name: All tunnels
  aphex.platform.cloudflare_tunnel_info:
  register: all_tunnels

- name: Tunnels without a connector
  ansible.builtin.debug:
    msg: "{{ all_tunnels.tunnels | rejectattr('status', 'equalto', 'healthy') | map(attribute='name') }}"

- name: One tunnel
  aphex.platform.cloudflare_tunnel_info:
    name: webhooks-acme
"""

RETURN = r"""
tunnels:
  description: The tunnels. Empty when there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the tunnel.
      type: str
      returned: success
      sample: f70ff985-a4ef-4643-bbbc-4a0ed4fc8415
    name:
      description: Name of the tunnel.
      type: str
      returned: success
      sample: webhooks-acme
    account_id:
      description: Account that the tunnel belongs to.
      type: str
      returned: success
      sample: 023e105f4ecef8ad9ca31a8372d0c353
    status:
      description: V(inactive) (never connected), V(healthy), V(degraded) or V(down). It says nothing about the service
        behind the tunnel.
      type: str
      returned: success
      sample: healthy
    config_src:
      description: Where the rules of the tunnel stand, V(local) or V(cloudflare).
      type: str
      returned: success
      sample: local
    created_at:
      description: When the tunnel was made.
      type: str
      returned: success
      sample: "2026-01-31T09:30:00.123456Z"
    cname:
      description: What a DNS record for the tunnel points to.
      type: str
      returned: success
      sample: f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com
"""

import typing as t

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._options import CLOUDFLARE

OPTIONS: dict[str, t.Any] = {"name": {"type": "str"}, **CLOUDFLARE}


def read(params: Params, products: Products, runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return the tunnels."""
    product: Cloudflare = products["cloudflare"]
    return product.tunnels(params["name"])


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"cloudflare": Cloudflare},
    read=read,
    result_key="tunnels",
    libraries=("cloudflare", "httpx"),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
