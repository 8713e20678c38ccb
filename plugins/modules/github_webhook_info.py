#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_webhook_info: the webhooks of a repository, an organization or an App, and their deliveries.

In: options. Out: the result ``webhooks``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_webhook_info
short_description: Read webhooks of GitHub, and their deliveries
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Returns the webhooks of a repository, of an organization, or the one of an App, with their newest deliveries when
    asked.
  - The App or token needs the permission C(Webhooks) or C(Organization webhooks) (read).
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_github
  - aphex.platform._github
options:
  owner:
    description:
      - Organization or user. Needed unless O(app=true).
    type: str
  repository:
    description:
      - Name of the repository, without its owner. When left out, the webhooks of the organization.
    type: str
  app:
    description:
      - The webhook of the App itself, which O(github_app_id) names.
    type: bool
    default: false
  url:
    description:
      - Only webhooks with exactly this address.
    type: str
  deliveries:
    description:
      - How many of the newest deliveries of each webhook to return. GitHub keeps them for three days, an Enterprise
        Server for seven. Each webhook costs a request for each hundred.
    type: int
    default: 0
seealso:
  - module: aphex.platform.github_webhook
  - module: aphex.platform.github_webhook_redeliver
"""

EXAMPLES = r"""
- name: What the webhooks of a repository last delivered
  aphex.platform.github_webhook_info:
    owner: acme-corp
    repository: web-shop
    deliveries: 20
  register: found

- name: Deliveries that failed
  ansible.builtin.debug:
    msg: "{{ found.webhooks | map(attribute='deliveries') | flatten | rejectattr('status', 'eq', 'OK') }}"
"""

RETURN = r"""
webhooks:
  description: The webhooks, the oldest first. Empty when there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the webhook, V(null) for an App's.
      type: int
      returned: success
      sample: 290000001
    level:
      description: Whose it is, V(repository), V(organization) or V(app).
      type: str
      returned: success
      sample: repository
    owner:
      description: Owner at GitHub, empty for an App's.
      type: str
      returned: success
      sample: acme-corp
    repository:
      description: Repository, V(null) for other webhooks.
      type: str
      returned: success
      sample: web-shop
    url:
      description: Address that GitHub delivers to.
      type: str
      returned: success
      sample: https://flux.example.org/hook/0f5a0c
    events:
      description: Events, sorted. Empty for an App's, whose events are a setting of the App.
      type: list
      elements: str
      returned: success
      sample: [push]
    active:
      description: Whether deliveries are sent, V(null) for an App's.
      type: bool
      returned: success
      sample: true
    content_type:
      description: Form of the deliveries.
      type: str
      returned: success
      sample: json
    insecure_ssl:
      description: Whether certificates are not verified.
      type: bool
      returned: success
      sample: false
    has_secret:
      description: Whether deliveries are signed.
      type: bool
      returned: success
      sample: true
    last_status:
      description: HTTP status of the last delivery, which GitHub tells of a repository's webhook only.
      type: int
      returned: success
      sample: 200
    created_at:
      description: When it was made.
      type: str
      returned: success
      sample: '2026-09-01T12:00:00Z'
    updated_at:
      description: When it was written last.
      type: str
      returned: success
      sample: '2026-09-01T12:00:00Z'
    deliveries:
      description: The newest deliveries, the newest first, each without its payload.
      type: list
      elements: dict
      returned: success
      sample:
        - id: 1870000000000000001
          guid: 0b989ba4-242f-11e5-81e1-c7b6966d2516
          event: push
          action: null
          status: OK
          status_code: 200
          duration: 0.11
          delivered_at: '2026-09-01T12:00:01Z'
          redelivery: false
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
from ansible_collections.aphex.platform.plugins.module_utils._github.hooks import Place
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB

OPTIONS: dict[str, t.Any] = {
    "owner": {"type": "str"},
    "repository": {"type": "str"},
    "app": {"type": "bool", "default": False},
    "url": {"type": "str"},
    "deliveries": {"type": "int", "default": 0},
    **GITHUB,
}


def read(params: Params, products: Products, runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return the webhooks."""
    product: GitHub = products["github"]
    return product.webhooks(Place.from_params(params), params["url"], params["deliveries"])


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    read=read,
    result_key="webhooks",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
