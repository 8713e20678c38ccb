#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_deployment_review: a decision about a deployment that waits.

In: options. Out: the result ``review``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_deployment_review
short_description: Approve or reject a waiting deployment at GitHub
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Decides about what waits of a workflow run at an environment. With an App it decides the App's own custom protection
    rule, with a personal token it reviews as one of the environment's reviewers. Each rule of an environment must pass
    by itself.
  - A decision that was made already is left alone; when it was another one, the task fails, since it is final. When
    nothing waits and nobody has decided, the task fails too.
  - The App or token needs the permissions C(Deployments) (write) and C(Actions) (read).
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
  run_id:
    description:
      - Id of the workflow run, as in its address.
    type: int
    required: true
  environment:
    description:
      - Name of the environment at which it waits.
    type: str
    required: true
  state:
    description:
      - The decision. A rejected deployment fails its run; only a new run can be decided otherwise.
    type: str
    choices: [approved, rejected]
    required: true
  comment:
    description:
      - Why, at most 1024 characters. Everybody who sees the run can read it.
    type: str
    default: ''
seealso:
  - module: aphex.platform.github_pending_deployment_info
  - module: aphex.platform.github_environment
  - module: aphex.platform.github_deployment_protection_rule
"""

EXAMPLES = r"""
- name: Let the deployment pass
  aphex.platform.github_deployment_review:
    owner: acme-corp
    repository: web-shop
    run_id: 12000000123
    environment: production
    state: approved
    comment: Change CHG-1234 was approved
"""

RETURN = r"""
review:
  description: The decision, and what was said before.
  returned: success
  type: dict
  contains:
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
    run_id:
      description: Id of the workflow run.
      type: int
      returned: success
      sample: 12000000123
    environment:
      description: Environment.
      type: str
      returned: success
      sample: production
    state:
      description: The decision.
      type: str
      returned: success
      sample: approved
    reviews:
      description: What was said about that environment before this task, the oldest first. A comment of an App that
        decides nothing has the state V(pending).
      type: list
      elements: dict
      returned: success
      sample:
        - state: pending
          user: acme-deployment-gate[bot]
          comment: The window opens at 14:00
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: github
      verb: review
      target: Deployment of run 12000000123 of acme-corp/web-shop to production
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
from ansible_collections.aphex.platform.plugins.module_utils._github.deployment import Review
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB

OPTIONS: dict[str, t.Any] = {
    "owner": {"type": "str", "required": True},
    "repository": {"type": "str", "required": True},
    "run_id": {"type": "int", "required": True},
    "environment": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["approved", "rejected"], "required": True},
    "comment": {"type": "str", "default": ""},
    **GITHUB,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one decision."""
    return Declared([Review.from_params(params)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    use_case=declare,
    result_key="review",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
