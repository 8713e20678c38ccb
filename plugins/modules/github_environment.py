#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_environment: one environment of a repository.

In: options. Out: the result ``environment``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_environment
short_description: Manage an environment of a GitHub repository
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Creates, updates and deletes an environment with its reviewers, its wait timer, and the branches and tags that may
    deploy to it.
  - What is not given stays as it is. GitHub itself would reset it, so it is read and written back. Custom protection
    rules stay too; see M(aphex.platform.github_deployment_protection_rule).
  - The App or token needs the permissions C(Administration) (write) and C(Actions) (read), and C(Members) (read) to
    look up teams.
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
  name:
    description:
      - Name of the environment. It may hold slashes and blanks. GitHub does not tell upper case from lower case.
    type: str
    required: true
  wait_timer:
    description:
      - Minutes that a deployment waits, at most 43200.
    type: int
  prevent_self_review:
    description:
      - Whether who started a deployment may not approve it. Needs reviewers.
    type: bool
  reviewer_users:
    description:
      - Users who may approve a deployment, exactly these. One approval is enough. Users and teams are six at most.
    type: list
    elements: str
  reviewer_teams:
    description:
      - Teams of the organization who may approve a deployment, by slug, exactly these.
    type: list
    elements: str
  admin_bypass:
    description:
      - Whether admins may start a job that waits. GitHub takes this without documenting it.
    type: bool
  branches:
    description:
      - From where may be deployed. V(all) is from everywhere, V(protected) from protected branches, V(selected) from
        what O(branch_policies) names.
    type: str
    choices: [all, protected, selected]
  branch_policies:
    description:
      - Branches and tags that may deploy, exactly these. Means O(branches=selected).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name or pattern. C(*) does not match a slash.
        type: str
        required: true
      type:
        description:
          - What the pattern is of.
        type: str
        choices: [branch, tag]
        default: branch
  state:
    description:
      - Whether the environment should be there.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: aphex.platform.github_environment_info
  - module: aphex.platform.github_deployment_protection_rule
"""

EXAMPLES = r"""
- name: Production is approved by the release team and deployed from main and from releases
  aphex.platform.github_environment:
    owner: acme-corp
    repository: web-shop
    name: production
    reviewer_teams: [release]
    prevent_self_review: true
    admin_bypass: false
    branch_policies:
      - name: main
      - name: v*
        type: tag

- name: Wait for half an hour more, and leave the rest as it is
  aphex.platform.github_environment:
    owner: acme-corp
    repository: web-shop
    name: production
    wait_timer: 30

- name: No such environment
  aphex.platform.github_environment:
    owner: acme-corp
    repository: web-shop
    name: preview/42
    state: absent
"""

RETURN = r"""
environment:
  description: The environment as it is after the task, V(null) when it is absent. In check mode, what cannot be known
    before it is made is V(null).
  returned: success
  type: dict
  contains:
    id:
      description: Id of the environment.
      type: int
      returned: success
      sample: 161088068
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
    name:
      description: Name as GitHub spells it.
      type: str
      returned: success
      sample: production
    wait_timer:
      description: Minutes that a deployment waits.
      type: int
      returned: success
      sample: 30
    prevent_self_review:
      description: Whether who started a deployment may not approve it.
      type: bool
      returned: success
      sample: true
    reviewer_users:
      description: Users who may approve, in lower case, sorted.
      type: list
      elements: str
      returned: success
      sample: [octocat]
    reviewer_teams:
      description: Teams who may approve, by slug, sorted.
      type: list
      elements: str
      returned: success
      sample: [release]
    admin_bypass:
      description: Whether admins may start a job that waits.
      type: bool
      returned: success
      sample: false
    branches:
      description: From where may be deployed, V(all), V(protected) or V(selected).
      type: str
      returned: success
      sample: selected
    branch_policies:
      description: Patterns of branches and tags that may deploy, sorted.
      type: list
      elements: dict
      returned: success
      sample:
        - type: branch
          name: release/*
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
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: github
      verb: create
      target: Environment production of acme-corp/web-shop
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
from ansible_collections.aphex.platform.plugins.module_utils._github.environment import Environment
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._options import GITHUB, STATE

OPTIONS: dict[str, t.Any] = {
    "owner": {"type": "str", "required": True},
    "repository": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "wait_timer": {"type": "int"},
    "prevent_self_review": {"type": "bool"},
    "reviewer_users": {"type": "list", "elements": "str"},
    "reviewer_teams": {"type": "list", "elements": "str"},
    "admin_bypass": {"type": "bool"},
    "branches": {"type": "str", "choices": ["all", "protected", "selected"]},
    "branch_policies": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "type": {"type": "str", "choices": ["branch", "tag"], "default": "branch"},
        },
    },
    **STATE,
    **GITHUB,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one environment."""
    return Declared([Environment.from_params(params)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    use_case=declare,
    result_key="environment",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
