# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of the collection have in common in Ansible's attribute tables.

In: nothing. Out: documentation fragments. Never here: an option, what only one module can do.
Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Descriptions of the attributes, and the support that most modules share; a module may state its own."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - python >= 3.11
attributes:
  check_mode:
    description: Can run in check mode, sends no request that changes something, and predicts what would change.
    support: full
  diff_mode:
    description: Returns the managed fields before and after, with secrets replaced.
    support: full
  idempotent:
    description: A second run with the same options changes nothing, and sends no request that changes something.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: full
  in_process:
    description: Runs inside the C(ansible-playbook) process, without starting Python anew for each task.
    support: partial
    details:
      - Only on a local connection, without C(become) and C(async). Otherwise it runs as an ordinary module; C(-vv) says
        why.
      - Set the variable C(aphex_platform_in_process) to V(false) to run it as an ordinary module always.
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module only reads.
  diff_mode:
    support: N/A
    details:
      - This module only reads.
  idempotent:
    support: full
    details:
      - This module only reads.
"""

    ACTIONGROUP_KUBERNETES = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.kubernetes
"""

    ACTIONGROUP_CLOUDFLARE = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.cloudflare
"""

    ACTIONGROUP_GITHUB = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.github
"""

    ACTIONGROUP_GIT_KUBERNETES = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.git
      - aphex.platform.kubernetes
"""

    ACTIONGROUP_GIT_GITHUB_KUBERNETES = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.git
      - aphex.platform.github
      - aphex.platform.kubernetes
"""

    ACTIONGROUP_CLOUDFLARE_GIT_GITHUB_KUBERNETES = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.cloudflare
      - aphex.platform.git
      - aphex.platform.github
      - aphex.platform.kubernetes
"""

    ACTIONGROUP_GIT = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.git
"""

    ACTIONGROUP_UPSTREAM = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.upstream
"""

    ACTIONGROUP_AUTHENTIK = r"""
options: {}
attributes:
  action_group:
    description: Takes its defaults from these groups in C(module_defaults).
    support: full
    membership:
      - aphex.platform.authentik
"""
