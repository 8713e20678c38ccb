# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.aphex.platform.plugins.modules.protection_policy import ENTRY_POINT
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import InProcess


class ActionModule(InProcess):
    """Run module M(aphex.platform.protection_policy) inside the ansible-playbook process."""

    entry_point = ENTRY_POINT
