#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module git_tree_info: the files that M(aphex.platform.git_tree) wrote, and the commits that it made.

In: options. Out: the result ``tree``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: git_tree_info
short_description: Read a tree of files in a Git repository
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Returns the commit that a branch is at, which files M(aphex.platform.git_tree) wrote, which of them people have
    edited since, the contents of files, and the newest commits of M(aphex.platform.git_tree) with their signatures.
  - Credentials that may only read are enough.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_git
  - aphex.platform._git
options:
  repository:
    description:
      - URL of the repository, or its absolute path on the host that runs the task. Credentials in it are refused.
    type: str
    required: true
  branch:
    description:
      - Branch to read.
    type: str
    default: main
  path:
    description:
      - Folder of the repository. The whole repository when left out.
    type: str
    default: ''
  files:
    description:
      - Files to return the contents of, below O(path).
    type: list
    elements: str
  log:
    description:
      - How many of the newest commits of M(aphex.platform.git_tree) to return.
    type: int
    default: 0
  allowed_signers:
    description:
      - File with the SSH keys that may sign, in the form of C(ssh-keygen), on the host that runs the task. Signatures
        are looked at only with it.
    type: path
seealso:
  - module: aphex.platform.git_tree
"""

EXAMPLES = r"""
- name: What the tree says now, and its last ten commits
  aphex.platform.git_tree_info:
    repository: https://git.example.org/platform/tree.git
    git_token: "{{ vault_read_only_token }}"
    path: parts/greeting
    files: [kustomization.yaml]
    log: 10
    allowed_signers: /etc/platform/allowed_signers
  register: found

- name: Nobody but the platform has written into it
  ansible.builtin.assert:
    that:
      - found.tree.edited == []
      - found.tree.log | map(attribute='signature') | unique == ['good']
"""

RETURN = r"""
tree:
  description: The tree, V(null) when the branch is not there.
  returned: success
  type: dict
  contains:
    repository:
      description: Repository.
      type: str
      returned: success
      sample: https://git.example.org/platform/tree.git
    branch:
      description: Branch.
      type: str
      returned: success
      sample: main
    path:
      description: Folder of the repository.
      type: str
      returned: success
      sample: parts/greeting
    commit:
      description: Commit that the branch is at.
      type: str
      returned: success
      sample: 5f0c1b5f2a9d3e8c7b6a5948372615040302010f
    parent:
      description: Commit before that one, V(null) for the first of a repository.
      type: str
      returned: success
      sample: 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c
    record:
      description: Files that M(aphex.platform.git_tree) wrote, each with the sha256 of what it wrote last.
      type: dict
      returned: success
      sample:
        kustomization.yaml: 7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069
    edited:
      description: Those of them that were edited or deleted since.
      type: list
      elements: str
      returned: success
      sample: []
    files:
      description: The files that were asked for, in that order.
      type: list
      elements: dict
      returned: success
      contains:
        path:
          description: Path below RV(tree.path).
          type: str
          returned: success
          sample: kustomization.yaml
        present:
          description: Whether it is there.
          type: bool
          returned: success
          sample: true
        content:
          description: Its text, V(null) when it is not there, or no text in UTF-8.
          type: str
          returned: success
          sample: "resources: [namespace.yaml]"
        sha256:
          description: Its digest, V(null) when it is not there.
          type: str
          returned: success
          sample: 7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069
    log:
      description: The newest commits of M(aphex.platform.git_tree), the newest first.
        O(aphex.platform.git_tree#module:revert_to) takes a RV(tree.log[].commit).
      type: list
      elements: dict
      returned: success
      contains:
        commit:
          description: Commit.
          type: str
          returned: success
          sample: 5f0c1b5f2a9d3e8c7b6a5948372615040302010f
        parent:
          description: Commit before it, V(null) for the first of a repository.
          type: str
          returned: success
          sample: 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c
        author_name:
          description: Name of the author.
          type: str
          returned: success
          sample: aphex.platform
        author_email:
          description: E-mail address of the author.
          type: str
          returned: success
          sample: aphex.platform@localhost
        date:
          description: When it was made.
          type: str
          returned: success
          sample: '2026-09-01T12:00:00Z'
        message:
          description: First line of its message.
          type: str
          returned: success
          sample: Install the greeting
        signature:
          description: V(good) for one by an allowed signer, V(unknown) for one by somebody else, V(none), V(bad).
            V(null) without O(allowed_signers).
          type: str
          returned: success
          sample: good
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
from ansible_collections.aphex.platform.plugins.module_utils._git.info import Question
from ansible_collections.aphex.platform.plugins.module_utils._git.product import Git
from ansible_collections.aphex.platform.plugins.module_utils._options import GIT

OPTIONS: dict[str, t.Any] = {
    "repository": {"type": "str", "required": True},
    "branch": {"type": "str", "default": "main"},
    "path": {"type": "str", "default": ""},
    "files": {"type": "list", "elements": "str"},
    "log": {"type": "int", "default": 0},
    "allowed_signers": {"type": "path"},
    **GIT,
}


def read(params: Params, products: Products, runtime: Runtime) -> dict[str, t.Any] | None:
    """Return the tree."""
    product: Git = products["git"]
    return product.read(Question.from_params(params))


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"git": Git},
    read=read,
    result_key="tree",
    libraries=("yaml",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
