#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_deployment_protection_rule: one custom protection rule of an environment.

In: options. Out: the result ``protection_rule``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_deployment_protection_rule
short_description: Enable a custom deployment protection rule on a GitHub environment
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Lets an App decide about the deployments to an environment, or no longer. Six Apps at most can do so.
  - The App must be installed on the repository, with the permission C(Deployments) (write) and the event
    C(deployment_protection_rule).
  - Each enabled rule must pass by itself. While the App says nothing the deployment waits, whatever reviewers say, for
    30 days at most.
  - Who runs this needs the permissions C(Administration) (write) and C(Actions) (read). In private repositories GitHub
    offers custom rules with GitHub Enterprise only.
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
      - Name of the repository, without its owner.
    type: str
    required: true
  environment:
    description:
      - Name of the environment. It must be there.
    type: str
    required: true
  app:
    description:
      - Slug or id of the App that decides.
    type: str
    required: true
  state:
    description:
      - Whether the rule should be enabled.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: aphex.platform.github_environment
  - module: aphex.platform.github_deployment_review
"""

EXAMPLES = r"""
- name: The gate decides about production
  aphex.platform.github_deployment_protection_rule:
    owner: acme-corp
    repository: web-shop
    environment: production
    app: acme-deployment-gate

- name: It no longer does
  aphex.platform.github_deployment_protection_rule:
    owner: acme-corp
    repository: web-shop
    environment: production
    app: acme-deployment-gate
    state: absent
"""

RETURN = r"""
protection_rule:
  description: The rule as it is after the task, V(null) when it is absent. In check mode, what cannot be known before
    it is enabled is V(null).
  returned: success
  type: dict
  contains:
    id:
      description: Id of the rule.
      type: int
      returned: success
      sample: 3
    owner:
      description: Owner at GitHub.
      type: str
      returned: success
      sample: acme-corp
    repository:
      description: Repository.
      type: str
      returned: success
      sample: web-shop
    environment:
      description: Environment.
      type: str
      returned: success
      sample: production
    enabled:
      description: Whether it is enabled.
      type: bool
      returned: success
      sample: true
    app_id:
      description: Id of the App.
      type: int
      returned: success
      sample: 123456
    app_slug:
      description: Slug of the App.
      type: str
      returned: success
      sample: acme-deployment-gate
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: github
      verb: create
      target: Protection rule acme-deployment-gate of environment production of acme-corp/web-shop
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
from ansible_collections.aphex.platform.plugins.module_utils._github.protection_rule import ProtectionRule
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB, STATE

OPTIONS: dict[str, t.Any] = {
    "owner": {"type": "str", "required": True},
    "repository": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "app": {"type": "str", "required": True},
    **STATE,
    **GITHUB,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one rule."""
    return Declared([ProtectionRule.from_params(params)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    use_case=declare,
    result_key="protection_rule",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
