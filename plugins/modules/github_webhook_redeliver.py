#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_webhook_redeliver: no delivery of a webhook stays lost.

In: options. Out: the result ``redelivery``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_webhook_redeliver
short_description: Redeliver what a GitHub webhook lost
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - GitHub repeats no delivery by itself. This module looks into the log of a webhook, has each lost delivery delivered
    again, the oldest first, and waits for the answers.
  - A delivery is lost when no attempt of its GUID was answered with success, also when there was no answer at all. Each
    GUID is sent once, so a second run changes nothing.
  - GitHub keeps the log for three days, an Enterprise Server for seven. What is older cannot be redelivered.
  - The App or token needs the permission C(Webhooks) or C(Organization webhooks) (write).
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_github
  - aphex.platform._github
options:
  owner:
    description:
      - Organization or user. Needed unless O(app=true).
    type: str
  repository:
    description:
      - Name of the repository, without its owner. When left out, it is a webhook of the organization.
    type: str
  app:
    description:
      - The webhook of the App itself, which O(github_app_id) names.
    type: bool
    default: false
  url:
    description:
      - Address of the webhook. Needed unless O(app=true).
    type: str
  path_pattern:
    description:
      - Glob of the path, such as V(/hook/*). The webhook may also have the same host and a path that fits it.
    type: str
  window:
    description:
      - How many hours to look back.
    type: int
    default: 72
  events:
    description:
      - Only deliveries of these events. All when left out.
    type: list
    elements: str
  newest_push:
    description:
      - Whether to leave out a push to a branch that was pushed to again later, for receivers that only want the newest
        state. It costs a request for each push since the first lost one.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait for the answers, and to fail when a delivery is lost again.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait before the task fails. Ignored when O(wait=false).
    type: int
    default: 120
seealso:
  - module: aphex.platform.github_webhook
  - module: aphex.platform.github_webhook_info
"""

EXAMPLES = r"""
- name: After an outage, send what an organization's webhook lost
  aphex.platform.github_webhook_redeliver:
    owner: acme-corp
    url: https://acme-corp-webhooks.example.org/

- name: For Flux only the newest push of each branch counts
  aphex.platform.github_webhook_redeliver:
    owner: acme-corp
    repository: web-shop
    url: https://flux.example.org/hook/0f5a0c
    events: [push]
    newest_push: true

- name: What the App lost in the last hour
  aphex.platform.github_webhook_redeliver:
    app: true
    window: 1
    github_app_id: "123456"
    github_app_private_key_file: /etc/aphex/app.pem
"""

RETURN = r"""
redelivery:
  description: What was lost and is delivered again.
  returned: success
  type: dict
  contains:
    redelivered:
      description: The deliveries that were sent again, or in check mode would be, as they stood in the log before.
      type: list
      elements: dict
      returned: success
      sample:
        - id: 1870000000000000001
          guid: 0b989ba4-242f-11e5-81e1-c7b6966d2516
          event: push
          action: null
          status: 'Invalid HTTP Response: 503'
          status_code: 503
          duration: 0.11
          delivered_at: '2026-09-01T12:00:01Z'
          redelivery: false
    seen:
      description: How many deliveries the log shows in that time, each GUID counted once.
      type: int
      returned: success
      sample: 240
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: github
      verb: redeliver
      target: Delivery 0b989ba4-242f-11e5-81e1-c7b6966d2516 (push)
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

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._github.delivery import Redelivery
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB, WAIT

OPTIONS: dict[str, t.Any] = {
    "owner": {"type": "str"},
    "repository": {"type": "str"},
    "app": {"type": "bool", "default": False},
    "url": {"type": "str"},
    "path_pattern": {"type": "str"},
    "window": {"type": "int", "default": 72},
    "events": {"type": "list", "elements": "str"},
    "newest_push": {"type": "bool", "default": False},
    **WAIT,
    **GITHUB,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: nothing of this webhook is lost."""
    return Declared([Redelivery.from_params(params)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    use_case=declare,
    result_key="redelivery",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
