#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module github_environment_info: the environments of a repository.

In: options. Out: the result ``environments``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: github_environment_info
short_description: Read the environments of a GitHub repository
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Returns the environments of a repository with their reviewers, wait timers and branch policies.
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
  name:
    description:
      - Only the environment of this name.
    type: str
seealso:
  - module: aphex.platform.github_environment
"""

EXAMPLES = r"""
- name: All environments
  aphex.platform.github_environment_info:
    owner: acme-corp
    repository: web-shop
  register: found

- name: Those that nobody reviews
  ansible.builtin.debug:
    msg: "{{ unreviewed | map(attribute='name') }}"
  vars:
    unreviewed: "{{ found.environments | rejectattr('reviewer_users') | rejectattr('reviewer_teams') }}"
"""

RETURN = r"""
environments:
  description: The environments, sorted by name. Empty when there is none.
  returned: success
  type: list
  elements: dict
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
    "name": {"type": "str"},
    **GITHUB,
}


def read(params: Params, products: Products, runtime: Runtime) -> list[dict[str, t.Any]]:
    """Return the environments."""
    product: GitHub = products["github"]
    return product.environments(params["owner"], params["repository"], params["name"])


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"github": GitHub},
    read=read,
    result_key="environments",
    libraries=("httpx",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
