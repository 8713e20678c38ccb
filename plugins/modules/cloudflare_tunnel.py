#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cloudflare_tunnel: one tunnel of an account.

In: options. Out: the result ``tunnel``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudflare_tunnel
short_description: Manage a Cloudflare tunnel
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Creates, renews and deletes a tunnel (C(cfd_tunnel)) of a Cloudflare account.
  - A live tunnel is never deleted in order to make it anew. What would need that is refused with a sentence.
  - Deleting first closes the connections of the tunnel, then deletes it. A connector that comes back in between is
    disconnected again, a few times; then the task fails and says so.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_cloudflare
  - aphex.platform._cloudflare
options:
  name:
    description:
      - Name of the tunnel, unique among the live tunnels of the account. It must not look like a UUID.
    type: str
    required: true
  state:
    description:
      - V(present) for a live tunnel of that name, V(absent) for none.
    type: str
    choices: [present, absent]
    default: present
  config_src:
    description:
      - Where the rules of the tunnel stand, V(local) in the configuration file of its connectors, V(cloudflare) in
        Cloudflare's API (see M(aphex.platform.cloudflare_tunnel_ingress)).
      - A tunnel keeps its kind. Another kind than that of the live tunnel is refused.
    type: str
    choices: [local, cloudflare]
    default: local
  tunnel_secret:
    description:
      - Secret of the tunnel, base64 of at least 32 bytes.
      - When left out, a new tunnel gets a random one, and a live tunnel of that name is taken as it stands.
      - When given, a live tunnel of that name with another secret is refused, unless O(adopt=true).
    type: str
  adopt:
    description:
      - Whether a live tunnel of that name with another secret than O(tunnel_secret) may be taken over. It then gets
        O(tunnel_secret); this is also how a secret is rotated. Its connectors keep running until they connect anew.
    type: bool
    default: false
  return_credentials:
    description:
      - Whether the result holds the token, which lets everybody who has it run the tunnel.
      - Set C(no_log=true) on the task then. The filter P(aphex.platform.tunnel_token_to_credentials#filter) makes the
        credentials file of it.
    type: bool
    default: false
seealso:
  - module: aphex.platform.cloudflare_tunnel_info
  - module: aphex.platform.cloudflare_tunnel_ingress
  - module: aphex.platform.cloudflare_dns_record
  - plugin: aphex.platform.tunnel_token_to_credentials
    plugin_type: filter
"""

EXAMPLES = r"""
- name: A tunnel whose connectors read their own configuration file
  aphex.platform.cloudflare_tunnel:
    name: webhooks-acme
    tunnel_secret: "{{ vault_tunnel_secret }}"
  register: webhooks

- name: Its public name
  aphex.platform.cloudflare_dns_record:
    zone: example.org
    record: acme
    type: CNAME
    content: "{{ webhooks.tunnel.cname }}"
    proxied: true

- name: A tunnel whose rules stand at Cloudflare, with the token for its connectors
  aphex.platform.cloudflare_tunnel:
    name: shop
    config_src: cloudflare
    return_credentials: true
  register: shop
  no_log: true

- name: No tunnel of that name
  aphex.platform.cloudflare_tunnel:
    name: webhooks-acme
    state: absent
"""

RETURN = r"""
tunnel:
  description: The tunnel as it is after the task, V(null) when it is absent. In check mode, what cannot be known before
    the tunnel is made is V(null).
  returned: success
  type: dict
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
      description: Where the rules of the tunnel stand.
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
    token:
      description: Token that runs the tunnel.
      type: str
      returned: when O(return_credentials=true)
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: cloudflare
      verb: create
      target: Tunnel webhooks-acme
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

from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.tunnel import Tunnel
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._options import CLOUDFLARE, STATE

OPTIONS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "config_src": {"type": "str", "choices": ["local", "cloudflare"], "default": "local"},
    "tunnel_secret": {"type": "str", "no_log": True},
    "adopt": {"type": "bool", "default": False},
    "return_credentials": {"type": "bool", "default": False},
    **STATE,
    **CLOUDFLARE,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one tunnel."""
    return Declared([Tunnel.from_params(params)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"cloudflare": Cloudflare},
    use_case=declare,
    result_key="tunnel",
    libraries=("cloudflare", "httpx"),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
