#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_backup_info
short_description: Show the backups of a folder
version_added: 0.1.0
description:
  - Opens each file of M(aphex.platform.platform_backup) in a folder and returns its manifest, the newest first. Nothing
    else of its content leaves the module.
  - A file that is damaged or has another password is a row as well.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
options:
  folder:
    description:
      - Where the backups are, on the host that runs the task.
    type: path
    required: true
  vault_password:
    description:
      - What the files were locked with.
    type: str
    required: true
requirements:
  - cryptography
seealso:
  - module: aphex.platform.platform_backup
"""

EXAMPLES = r"""
- name: Look at the backups
  aphex.platform.platform_backup_info:
    folder: /srv/backups
    vault_password: "{{ backup_password }}"
  register: found

- name: The newest one can be opened
  ansible.builtin.assert:
    that: found.backups[0].readable
    fail_msg: "{{ found.backups[0].path }}: {{ found.backups[0].said }}."
"""

RETURN = r"""
backups:
  description: One row for each file, the newest first.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The file.
      type: str
      returned: success
      sample: /srv/backups/platform-backup-20261121T201500Z.yml.vault
    readable:
      description: Whether it could be opened, and holds what its manifest says.
      type: bool
      returned: success
      sample: true
    said:
      description: Why it could not be opened.
      type: str
      returned: success
      sample: ""
    format:
      description: Its format.
      type: str
      returned: when readable
      sample: aphex.platform/backup/1
    version:
      description: Release of the collection that wrote it.
      type: str
      returned: when readable
      sample: 0.1.0
    time:
      description: When it was made.
      type: str
      returned: when readable
      sample: "2026-11-21T20:15:00Z"
    counts:
      description: How many objects of each kind it holds.
      type: dict
      returned: when readable
      sample:
        Organization: 3
        Secret: 41
    sha256:
      description: What tells whether two backups hold the same.
      type: str
      returned: when readable
      sample: 4a1f0c...
    tree:
      description: Where the platform's tree was.
      type: dict
      returned: when readable
      sample:
        repository: https://git.example.org/platform.git
        commit: 0123456789abcdef0123456789abcdef01234567
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: denied
    tried: opening
    "on": /srv/backups/platform-backup-20261121T201500Z.yml.vault
"""

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.restore import read
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._files.product import Files

ENTRY_POINT = EntryPoint(
    options={
        "folder": {"type": "path", "required": True},
        "vault_password": {"type": "str", "required": True, "no_log": True},
    },
    products={"files": Files},
    read=read,
    result_key="backups",
    libraries=("cryptography",),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
