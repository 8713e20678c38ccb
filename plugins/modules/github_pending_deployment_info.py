#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_pending_deployment_info: the deployments of a repository that wait at an environment.

In: options. Out: the result ``pending``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_pending_deployment_info
short_description: Read which deployments wait at an environment
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Returns what waits at the environments of a repository, of one workflow run or of all that wait, with who may review
    it.
  - GitHub does not say for which protection rule a deployment waits. What waits without reviewers and without a timer
    waits for an App.
  - The App or token needs the permission C(Actions) (read).
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
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
      - Only what waits of the workflow run with this id, which is not its number. It costs one request.
      - Without it all runs that wait are looked at, one request each.
    type: int
  environment:
    description:
      - Only what waits at the environment of this name.
    type: str
seealso:
  - module: aphex.platform.github_deployment_review
  - module: aphex.platform.github_deployment_protection_rule
"""

EXAMPLES = r"""
- name: All that waits
  aphex.platform.github_pending_deployment_info:
    owner: acme-corp
    repository: web-shop
  register: found

- name: Approve what waits for production
  aphex.platform.github_deployment_review:
    owner: acme-corp
    repository: web-shop
    run_id: "{{ item.run_id }}"
    environment: "{{ item.environment }}"
    state: approved
    comment: The change was announced.
  loop: "{{ found.pending | selectattr('environment', 'eq', 'production') }}"
  loop_control:
    label: "{{ item.run_id }}"
"""

RETURN = r"""
pending:
  description: What waits, the oldest run first. Empty when nothing does.
  returned: success
  type: list
  elements: dict
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
      sample: 12000001015
    environment:
      description: Name of the environment as GitHub spells it.
      type: str
      returned: success
      sample: production
    environment_id:
      description: Id of the environment.
      type: int
      returned: success
      sample: 161088068
    wait_timer:
      description: Minutes that a deployment waits there.
      type: int
      returned: success
      sample: 0
    wait_timer_started_at:
      description: When the timer has begun.
      type: str
      returned: when there is a timer
      sample: '2026-09-01T12:00:00Z'
    can_approve:
      description: Whether the owner of the token may review it.
      type: bool
      returned: success
      sample: true
    reviewer_users:
      description: Users who may review it, in lower case, sorted.
      type: list
      elements: str
      returned: success
      sample: [octocat]
    reviewer_teams:
      description: Teams who may review it, by slug, sorted.
      type: list
      elements: str
      returned: success
      sample: [release]
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
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB

OPTIONS: dict[str, t.Any] = {
    "owner": {"type": "str", "required": True},
    "repository": {"type": "str", "required": True},
    "run_id": {"type": "int"},
    "environment": {"type": "str"},
    **GITHUB,
}


def read(params: Params, products: Products, runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return what waits."""
    product: GitHub = products["github"]
    return product.pending_deployments(params["owner"], params["repository"], params["run_id"], params["environment"])


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    read=read,
    result_key="pending",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
