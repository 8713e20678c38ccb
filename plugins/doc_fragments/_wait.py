# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option group WAIT for people; ``module_utils/_options.py`` says the same to Ansible.

In: nothing. Out: a documentation fragment. Never here: what a module waits for.
Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Whether and how long to wait."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until what was written is ready. The module says what ready means for it.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait before the task fails. Ignored when O(wait=false).
    type: int
    default: 120
"""
