#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cloudflare_tunnel_ingress: our rules in the configuration of a remotely managed tunnel.

In: options. Out: the result ``tunnel_ingress``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudflare_tunnel_ingress
short_description: Manage rules of a remotely managed Cloudflare tunnel
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Puts rules (host name and path to service) into the configuration that a tunnel with C(config_src=cloudflare) keeps
    at Cloudflare, or takes them out.
  - Other rules, their order, the catch-all and all other settings of the configuration are left as they are. A new rule
    goes last, before the catch-all, and before every rule that would take all of its requests, such as a wildcard.
    A missing catch-all is added as C(http_status:404).
  - The configuration has no place for a mark, so a rule is known by its host name and path. One that leads to the same
    service is ours, and its other settings are repaired. One that leads to another service may be somebody else's and
    is refused, unless O(adopt=true).
  - A rule that is no longer listed stays. List it with O(state=absent) to take it out.
  - Cloudflare takes the configuration as a whole and without a precondition. Tasks of one run write it one after the
    other; what was written is read back, and written again when another writer has replaced it.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_cloudflare
  - aphex.platform._cloudflare
options:
  tunnel_id:
    description:
      - Id of the tunnel. In check mode it may be V(null), for a tunnel that an earlier task would make.
    type: str
  rules:
    description:
      - The rules, in the order in which they are tried.
    type: list
    elements: dict
    required: true
    suboptions:
      hostname:
        description:
          - Host name without port. C(*.) is allowed in front.
        type: str
        required: true
      path:
        description:
          - Regular expression (RE2) that the path of the request must match. All paths when left out.
        type: str
      service:
        description:
          - Where requests go, such as V(http://web.shop:8080) or V(http_status:403). Needed for O(state=present).
          - With O(state=absent), only a rule with this service is taken out, or one with any when left out.
        type: str
      origin_request:
        description:
          - How the connector speaks to the service, in the words of Cloudflare's API (C(originRequest)), such as
            C(noTLSVerify) or C(connectTimeout). Durations are whole seconds.
        type: dict
  state:
    description:
      - V(present) when the rules should be in the configuration, V(absent) when not.
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description:
      - Whether rules of the same host name and path that lead to another service may be changed or taken out.
      - This is also how a rule of ours is moved to another service.
    type: bool
    default: false
seealso:
  - module: aphex.platform.cloudflare_tunnel
"""

EXAMPLES = r"""
- name: Two hosts of the shop
  aphex.platform.cloudflare_tunnel_ingress:
    tunnel_id: "{{ shop.tunnel.id }}"
    rules:
      - hostname: shop.example.org
        path: ^/api/
        service: http://api.shop:8080
      - hostname: shop.example.org
        service: http://web.shop:8080
        origin_request:
          connectTimeout: 10

- name: The shop moves to another service
  aphex.platform.cloudflare_tunnel_ingress:
    tunnel_id: "{{ shop.tunnel.id }}"
    adopt: true
    rules:
      - hostname: shop.example.org
        service: http://web-2.shop:8080

- name: The shop is closed
  aphex.platform.cloudflare_tunnel_ingress:
    tunnel_id: "{{ shop.tunnel.id }}"
    state: absent
    rules:
      - hostname: shop.example.org
"""

RETURN = r"""
tunnel_ingress:
  description: The rules as they are after the task, V(null) when the tunnel is gone.
  returned: success
  type: dict
  contains:
    tunnel_id:
      description: Id of the tunnel.
      type: str
      returned: success
      sample: f70ff985-a4ef-4643-bbbc-4a0ed4fc8415
    version:
      description: Version of the configuration. V(null) in check mode when it would change.
      type: int
      returned: success
      sample: 4
    rules:
      description: Our rules, in the words of Cloudflare's API.
      type: list
      elements: dict
      returned: success
      sample:
        - hostname: shop.example.org
          service: http://web.shop:8080
    ingress:
      description: All rules in their order, foreign ones and the catch-all among them.
      type: list
      elements: dict
      returned: success
      sample:
        - hostname: shop.example.org
          service: http://web.shop:8080
        - service: http_status:404
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: cloudflare
      verb: update
      target: Rules of aphex.platform in tunnel f70ff985-a4ef-4643-bbbc-4a0ed4fc8415
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
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.tunnel_rules import TunnelRules
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._options import CLOUDFLARE, STATE

OPTIONS: dict[str, t.Any] = {
    "tunnel_id": {"type": "str"},
    "rules": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "hostname": {"type": "str", "required": True},
            "path": {"type": "str"},
            "service": {"type": "str"},
            "origin_request": {"type": "dict"},
        },
    },
    "adopt": {"type": "bool", "default": False},
    **STATE,
    **CLOUDFLARE,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: these rules of one tunnel."""
    return Declared([TunnelRules.from_params(params, runtime.check)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"cloudflare": Cloudflare},
    use_case=declare,
    result_key="tunnel_ingress",
    libraries=("cloudflare", "httpx"),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
