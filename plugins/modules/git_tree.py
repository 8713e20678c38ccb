#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module git_tree: files in a folder of a Git branch, written as one commit.

In: options. Out: the result ``tree``. Never here: a decision.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: git_tree
short_description: Write files into a Git repository as one commit, and push it
version_added: 0.1.0
author:
  - aphex.platform contributors (@aphex-platform)
description:
  - Compares the files with the branch as the repository has it now. When something differs, it makes one commit and
    pushes it. When nothing does, it makes none.
  - The files that it wrote, and what it wrote into them last, stand in C(.aphex/tree.yaml) below O(path). A file that
    people have edited since is not overwritten unless O(on_edited) says so; while O(files) asks for what was written
    before, such an edit is no difference.
  - It never pushes over what somebody else has pushed. When somebody was faster, it compares with what they pushed and
    starts again, a few times.
  - A push that was cut off is found again by looking at the repository.
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_git
  - aphex.platform._git
options:
  repository:
    description:
      - URL of the repository, or its absolute path on the host that runs the task. Credentials in it are refused.
      - It may be empty. When it has branches, O(branch) must be one of them.
    type: str
    required: true
  branch:
    description:
      - Branch to write to.
    type: str
    default: main
  path:
    description:
      - Folder of the repository that the files are in. Nothing outside it is touched. The whole repository when left
        out.
    type: str
    default: ''
  files:
    description:
      - The files. Needed for O(state=present). They get the mode 0644.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - Path below O(path).
        type: str
        required: true
      content:
        description:
          - Text of the file. It gets a line end at its end. Either this or O(files[].src), an empty file without both.
        type: raw
      src:
        description:
          - Absolute path of a file to take the bytes of, on the host that runs the task.
        type: path
      sha256:
        description:
          - Digest that the file must have. With another one the task fails before anything is asked of the repository.
        type: str
  prune:
    description:
      - Whether files that this module wrote and that are not in O(files) any more are deleted. Others never are.
    type: bool
    default: false
  only:
    description:
      - Files and folders below O(path) that this task brings about. What differs elsewhere is left for another task,
        the files as well as the record of them. Everything when left out, nothing when empty.
      - So one set of O(files) is written by several commits, in an order. Not for O(state=absent).
    type: list
    elements: str
  on_edited:
    description:
      - What to do with a file that people have edited, or deleted, since this module wrote it, and that should change.
      - V(refuse) fails and names the files, V(keep) leaves them as they are, V(overwrite) writes them, also when
        O(files) asks for what was written before.
    type: str
    choices: [refuse, keep, overwrite]
    default: refuse
  adopt:
    description:
      - Whether files that stand there already, and that this module did not write, are taken over.
    type: bool
    default: false
  commit_message:
    description:
      - Message of the commit.
    type: str
    default: Write the tree
  author_name:
    description:
      - Name of the author and committer.
    type: str
    default: aphex.platform
  author_email:
    description:
      - E-mail address of the author and committer.
    type: str
    default: aphex.platform@localhost
  signing_key:
    description:
      - File with a private SSH key, without a passphrase, that signs the commit.
    type: path
  revert_to:
    description:
      - Commit to go back to, for O(state=reverted). RV(tree.parent) of an earlier task is one, and
        M(aphex.platform.git_tree_info) lists others.
    type: str
  state:
    description:
      - V(present) writes O(files).
      - V(absent) deletes all files that this module wrote, and its record.
      - V(reverted) makes a new commit that brings the files of this module back to what they were at O(revert_to). A
        second run finds nothing to do.
    type: str
    choices: [present, absent, reverted]
    default: present
seealso:
  - module: aphex.platform.git_tree_info
"""

EXAMPLES = r"""
- name: Two files in the folder of a part
  aphex.platform.git_tree:
    repository: https://git.example.org/platform/tree.git
    git_token: "{{ vault_git_token }}"
    path: parts/greeting
    files:
      - path: kustomization.yaml
        content: |
          resources:
            - namespace.yaml
      - path: namespace.yaml
        src: /srv/parts/greeting/namespace.yaml
    prune: true
    commit_message: Install the greeting
  register: written

- name: As it was before
  aphex.platform.git_tree:
    repository: https://git.example.org/platform/tree.git
    git_token: "{{ vault_git_token }}"
    path: parts/greeting
    revert_to: "{{ written.tree.parent }}"
    commit_message: Go back to the greeting of before
    state: reverted

- name: One of two folders; the same task without only writes the other one as well
  aphex.platform.git_tree:
    repository: https://git.example.org/platform/tree.git
    git_token: "{{ vault_git_token }}"
    path: parts
    files:
      - path: first/namespace.yaml
        src: /srv/parts/greeting/namespace.yaml
      - path: second/namespace.yaml
        src: /srv/parts/greeting/namespace.yaml
    only: [first]
    commit_message: Install the first part

- name: By SSH, signed
  aphex.platform.git_tree:
    repository: git@git.example.org:platform/tree.git
    git_ssh_key_file: ~/.ssh/tree
    signing_key: ~/.ssh/signing
    path: parts/greeting
    files:
      - path: namespace.yaml
        src: /srv/parts/greeting/namespace.yaml

- name: No such files
  aphex.platform.git_tree:
    repository: https://git.example.org/platform/tree.git
    git_token: "{{ vault_git_token }}"
    path: parts/greeting
    state: absent
"""

RETURN = r"""
tree:
  description: The tree as it is after the task, V(null) when it is absent. In check mode, what cannot be known before
    the commit is made is V(null).
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
      description: Commit that the branch is at, the new one if one was made. V(null) for a branch that is not there.
      type: str
      returned: success
      sample: 5f0c1b5f2a9d3e8c7b6a5948372615040302010f
    parent:
      description: Commit before that one, V(null) for the first of a repository.
      type: str
      returned: success
      sample: 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c
    files_changed:
      description: Files that the commit of this task writes or deletes, below RV(tree.path). Empty when it made none.
      type: list
      elements: str
      returned: success
      sample: [kustomization.yaml, namespace.yaml]
    paths:
      description: All files that are this module's, below RV(tree.path).
      type: list
      elements: str
      returned: success
      sample: [kustomization.yaml, namespace.yaml]
    edited:
      description: Files of this module that people have edited or deleted, and that were left so.
      type: list
      elements: str
      returned: success
      sample: []
steps:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - product: git
      verb: push
      target: Tree parts/greeting on main of https://git.example.org/platform/tree.git
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
      sample: refused
"""

import typing as t

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Declared, Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, Params, Products, run_module
from ansible_collections.aphex.platform.plugins.module_utils._git.product import Git
from ansible_collections.aphex.platform.plugins.module_utils._git.tree import GitTree
from ansible_collections.aphex.platform.plugins.module_utils._options import GIT

OPTIONS: dict[str, t.Any] = {
    "repository": {"type": "str", "required": True},
    "branch": {"type": "str", "default": "main"},
    "path": {"type": "str", "default": ""},
    "files": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "content": {"type": "raw"},
            "src": {"type": "path"},
            "sha256": {"type": "str"},
        },
        "mutually_exclusive": [["content", "src"]],
    },
    "prune": {"type": "bool", "default": False},
    "only": {"type": "list", "elements": "str"},
    "on_edited": {"type": "str", "choices": ["refuse", "keep", "overwrite"], "default": "refuse"},
    "adopt": {"type": "bool", "default": False},
    "commit_message": {"type": "str", "default": "Write the tree"},
    "author_name": {"type": "str", "default": "aphex.platform"},
    "author_email": {"type": "str", "default": "aphex.platform@localhost"},
    "signing_key": {"type": "path", "no_log": False},
    "revert_to": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent", "reverted"], "default": "present"},
    **GIT,
}


def declare(params: Params, products: Products, runtime: Runtime) -> Declared:
    """Return the use case: this one tree."""
    return Declared([GitTree.from_params(params)], products)


ENTRY_POINT = EntryPoint(
    options=OPTIONS,
    products={"git": Git},
    use_case=declare,
    result_key="tree",
    rules={"required_if": [["state", "present", ["files"]], ["state", "reverted", ["revert_to"]]]},
    libraries=("yaml",),
)


def main() -> None:
    """Be a module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
