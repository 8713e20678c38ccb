#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_webhook: one webhook of a repository or of an organization.

In: options. Out: the result ``webhook``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_webhook
short_description: Manage a webhook of a GitHub repository or organization, and prove it
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Creates, updates and deletes a webhook, pings it, and waits for the answer to the ping.
  - An update never drops the secret. A change of the address, the content type or the verification of certificates is
    written without it. A change of the events or of O(active) is written with it, so then O(secret) must be given.
  - An unchanged webhook costs one request.
  - For a repository the App or token needs the permission C(Webhooks) (write), for an organization C(Organization
    webhooks) (write). Classic tokens need the scope C(admin:repo_hook) or C(admin:org_hook).
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_github
  - aphex.platform._github
options:
  owner:
    description:
      - Organization or user.
    type: str
    required: true
  repository:
    description:
      - Name of the repository, without its owner. When left out, it is a webhook of the organization, which hears of
        all its repositories.
    type: str
  url:
    description:
      - Address to deliver to. It is what the webhook is found by.
    type: str
    required: true
  path_pattern:
    description:
      - Glob of the path, such as V(/hook/*). A webhook with the same host and a path that fits it is this webhook too,
        so that a new path moves it instead of leaving an old one behind. The path of O(url) must fit it.
      - When several fit and none has exactly this address, the task fails. With O(state=absent) all that fit go.
    type: str
  events:
    description:
      - Events to deliver, or V(*) alone for all. Those that a webhook of that level cannot have are refused before any
        request.
    type: list
    elements: str
    default: [push]
  secret:
    description:
      - Secret to sign deliveries with. When left out, the secret is left alone.
      - GitHub never shows it again, so see O(secret_fingerprint) and O(update_secret) for when it is written again.
    type: str
  secret_fingerprint:
    description:
      - Fingerprint of the secret that was written last, as RV(webhook.secret_fingerprint) told it. The secret is
        written when its own fingerprint is another one.
      - It is a keyed hash of 64 bits. It tells whether two secrets are equal, and of a long random one nothing else,
        so it may be kept in an inventory.
    type: str
  update_secret:
    description:
      - V(on_change) writes the secret when the webhook is made, when it has none, and when O(secret_fingerprint) says
        that it differs.
      - V(always) writes it each time; the task is then changed each time.
    type: str
    choices: [on_change, always]
    default: on_change
  content_type:
    description:
      - Form of the deliveries.
    type: str
    choices: [json, form]
    default: json
  insecure_ssl:
    description:
      - Whether GitHub delivers without verifying the certificate. Leave it off.
    type: bool
    default: false
  active:
    description:
      - Whether deliveries are sent.
    type: bool
    default: true
  ping:
    description:
      - When to ping the webhook, and to fail unless it was answered with success.
      - V(changed) pings after it was written, and when there is no proof of it. Of a repository's webhook GitHub tells
        whether the last delivery failed. Of an organization's webhook it does not, so its log is looked at for three
        days after it was written, which costs a request more.
      - An answer proves that the address is reached and answers. What stands there may answer before it looks at the
        signature.
    type: str
    choices: [changed, always, never]
    default: changed
  ping_timeout:
    description:
      - How many seconds to wait for the answer to a ping.
    type: int
    default: 60
  state:
    description:
      - Whether the webhook should be there.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: aphex.platform.github_webhook_info
  - module: aphex.platform.github_webhook_redeliver
  - module: aphex.platform.github_app_webhook
"""

EXAMPLES = r"""
- name: An organization's webhook, pinged and answered
  aphex.platform.github_webhook:
    owner: acme-corp
    url: https://acme-corp-webhooks.example.org/
    events: [push]
    secret: "{{ vault_webhook_secret }}"
  register: made

- name: A repository's webhook that follows its path
  aphex.platform.github_webhook:
    owner: acme-corp
    repository: web-shop
    url: https://flux.example.org/hook/0f5a0c
    path_pattern: /hook/*
    secret: "{{ vault_webhook_secret }}"

- name: Another secret, told from the old one by the fingerprint that the last run returned
  aphex.platform.github_webhook:
    owner: acme-corp
    url: https://acme-corp-webhooks.example.org/
    secret: "{{ vault_new_webhook_secret }}"
    secret_fingerprint: "{{ made.webhook.secret_fingerprint }}"

- name: No such webhook
  aphex.platform.github_webhook:
    owner: acme-corp
    url: https://acme-corp-webhooks.example.org/
    state: absent
"""

RETURN = r"""
webhook:
  description: The webhook as it is after the task, V(null) when it is absent. In check mode, what cannot be known
    before it is made is V(null).
  returned: success
  type: dict
  contains:
    id:
      description: Id of the webhook.
      type: int
      returned: success
      sample: 290000001
    level:
      description: Whose it is, V(repository) or V(organization).
      type: str
      returned: success
      sample: organization
    owner:
      description: Owner at GitHub.
      type: str
      returned: success
      sample: acme-corp
    repository:
      description: Repository, V(null) for an organization's webhook.
      type: str
      returned: success
      sample: web-shop
    url:
      description: Address that GitHub delivers to.
      type: str
      returned: success
      sample: https://acme-corp-webhooks.example.org/
    events:
      description: Events, sorted.
      type: list
      elements: str
      returned: success
      sample: [push]
    active:
      description: Whether deliveries are sent.
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
    secret_fingerprint:
      description: Fingerprint of the secret that GitHub has, V(null) when that is not known.
      type: str
      returned: success
      sample: 3f1c0a94bb6de210
    last_status:
      description: HTTP status of the last delivery, V(null) when there is none, or for an organization's webhook that
        was not pinged.
      type: int
      returned: success
      sample: 202
    created_at:
      description: When it was made.
      type: str
      returned: success
      sample: '2026-09-01T12:00:00Z'
    updated_at:
      description: When it was written last, as known before the task.
      type: str
      returned: success
      sample: '2026-09-01T12:00:00Z'
    ping:
      description: The delivery that proved the webhook, V(null) when none was needed.
      type: dict
      returned: success
      contains:
        id:
          description: Id of the delivery.
          type: int
          returned: success
          sample: 1870000000000000001
        guid:
          description: GUID of the delivery, which the receiver sees as X-GitHub-Delivery.
          type: str
          returned: success
          sample: 0b989ba4-242f-11e5-81e1-c7b6966d2516
        event:
          description: Always V(ping).
          type: str
          returned: success
          sample: ping
        status:
          description: GitHub's words for the answer.
          type: str
          returned: success
          sample: OK
        status_code:
          description: HTTP status of the answer.
          type: int
          returned: success
          sample: 202
        delivered_at:
          description: When it was delivered.
          type: str
          returned: success
          sample: '2026-09-01T12:00:01Z'
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: github
      verb: create
      target: Webhook https://acme-corp-webhooks.example.org/ of acme-corp
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
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._github.proof import proven
from ansible_collections.aphex.platform.plugins.module_utils._github.webhook import Webhook
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB, STATE

OPTIONS: dict[str, t.Any] = {
    "owner": {"type": "str", "required": True},
    "repository": {"type": "str"},
    "url": {"type": "str", "required": True},
    "path_pattern": {"type": "str"},
    "events": {"type": "list", "elements": "str", "default": ["push"]},
    "secret": {"type": "str", "no_log": True},
    "secret_fingerprint": {"type": "str", "no_log": False},
    "update_secret": {"type": "str", "choices": ["on_change", "always"], "default": "on_change", "no_log": False},
    "content_type": {"type": "str", "choices": ["json", "form"], "default": "json"},
    "insecure_ssl": {"type": "bool", "default": False},
    "active": {"type": "bool", "default": True},
    "ping": {"type": "str", "choices": ["changed", "always", "never"], "default": "changed"},
    "ping_timeout": {"type": "int", "default": 60},
    **STATE,
    **GITHUB,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one webhook, and its proof."""
    return Declared(proven(Webhook.from_params(params), params["ping"], params["ping_timeout"]), products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    use_case=declare,
    result_key="webhook",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
