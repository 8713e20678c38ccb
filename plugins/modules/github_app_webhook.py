#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_app_webhook: the configuration of a GitHub App's own webhook.

In: options. Out: the result ``webhook``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_app_webhook
short_description: Configure the webhook of a GitHub App
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Sets address, secret, content type and verification of certificates of the App's own webhook, each only when it is
    given and differs. An App has exactly one, so there is nothing to create or to delete. Its events are a setting of
    the App.
  - To read its deliveries use M(aphex.platform.github_webhook_info), to have lost ones delivered again
    M(aphex.platform.github_webhook_redeliver), both with C(app=true).
  - Only the App itself may do this, so O(github_app_id) with its key must be given, and no token.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_github
  - aphex.platform._github
options:
  url:
    description:
      - Address to deliver to.
    type: str
  secret:
    description:
      - Secret to sign deliveries with. When left out, the secret is left alone.
    type: str
  secret_fingerprint:
    description:
      - Fingerprint of the secret that was written last, as RV(webhook.secret_fingerprint) told it. The secret is
        written when its own fingerprint is another one.
    type: str
  update_secret:
    description:
      - V(on_change) writes the secret when there is none, and when O(secret_fingerprint) says that it differs.
      - V(always) writes it each time; the task is then changed each time.
    type: str
    choices: [on_change, always]
    default: on_change
  content_type:
    description:
      - Form of the deliveries.
    type: str
    choices: [json, form]
  insecure_ssl:
    description:
      - Whether GitHub delivers without verifying the certificate. Leave it off.
    type: bool
seealso:
  - module: aphex.platform.github_webhook
  - module: aphex.platform.github_webhook_info
  - module: aphex.platform.github_webhook_redeliver
"""

EXAMPLES = r"""
- name: Where the App delivers to
  aphex.platform.github_app_webhook:
    url: https://gate.example.org/webhook
    content_type: json
    secret: "{{ vault_app_webhook_secret }}"
    github_app_id: "123456"
    github_app_private_key_file: /etc/aphex/app.pem
  register: app

- name: Another secret
  aphex.platform.github_app_webhook:
    secret: "{{ vault_new_app_webhook_secret }}"
    secret_fingerprint: "{{ app.webhook.secret_fingerprint }}"
    github_app_id: "123456"
    github_app_private_key_file: /etc/aphex/app.pem
"""

RETURN = r"""
webhook:
  description: The configuration as it is after the task.
  returned: success
  type: dict
  contains:
    url:
      description: Address that GitHub delivers to, empty when none was set.
      type: str
      returned: success
      sample: https://gate.example.org/webhook
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
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: github
      verb: update
      target: Webhook of the App
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
from ansible_collections.aphex.platform.plugins.module_utils._github.webhook import AppWebhook
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB

OPTIONS: dict[str, t.Any] = {
    "url": {"type": "str"},
    "secret": {"type": "str", "no_log": True},
    "secret_fingerprint": {"type": "str", "no_log": False},
    "update_secret": {"type": "str", "choices": ["on_change", "always"], "default": "on_change", "no_log": False},
    "content_type": {"type": "str", "choices": ["json", "form"]},
    "insecure_ssl": {"type": "bool"},
    **GITHUB,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this configuration."""
    return Declared([AppWebhook.from_params(params)], products)


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
