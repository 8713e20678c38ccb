#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_restore
short_description: Bring back what a backup holds
version_added: 0.1.0
description:
  - Makes the objects of a file of M(aphex.platform.platform_backup) that are not there. What is there stays as it is,
    so a restore that was interrupted is taken up by the next one.
  - Tenants get their status back, by which tunnels, DNS records and webhooks are found again. Uids become those of the
    new cluster.
  - The kinds and policies come first, by the role C(aphex.platform.crds). What tenants consist of beside that is
    made again by the playbook C(onboard).
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  file:
    description:
      - The backup, on the host that runs the task.
    type: path
    required: true
  vault_password:
    description:
      - What the file was locked with.
    type: str
    required: true
  objects:
    description:
      - Whether to bring objects back. Set it to false for databases alone, once their pods are there.
    type: bool
    default: true
  databases:
    description:
      - Databases of the backup, each with a command that reads its dump from its standard input. It is run once for
        each dump, which a ConfigMap C(platform-system/aphex-restored-<name>) records.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the database is called in the backup.
        type: str
        required: true
      command:
        description: The program and its arguments. There is no shell.
        type: list
        elements: str
        required: true
requirements:
  - cryptography
seealso:
  - module: aphex.platform.platform_backup
  - module: aphex.platform.platform_backup_info
"""

EXAMPLES = r"""
- name: Bring the tenants and all secrets back
  aphex.platform.platform_restore:
    file: /srv/backups/platform-backup-20261121T201500Z.yml.vault
    vault_password: "{{ backup_password }}"

- name: Bring the database of Authentik back, once it runs
  aphex.platform.platform_restore:
    file: /srv/backups/platform-backup-20261121T201500Z.yml.vault
    vault_password: "{{ backup_password }}"
    objects: false
    databases:
      - name: authentik
        command:
          - kubectl
          - --namespace=auth-system
          - exec
          - --stdin
          - statefulset/authentik-postgresql
          - --
          - psql
          - --username=authentik
          - --single-transaction
          - --set=ON_ERROR_STOP=1
          - authentik
"""

RETURN = r"""
restore:
  description: What the backup holds, and how much of it was there.
  type: dict
  returned: success
  contains:
    path:
      description: Its file.
      type: str
      returned: success
      sample: /srv/backups/platform-backup-20261121T201500Z.yml.vault
    kept:
      description: How many objects are there, so that they stayed or have been brought back before.
      type: int
      returned: success
      sample: 0
    restored:
      description: How many objects were brought back, or in check mode would be.
      type: int
      returned: success
      sample: 57
    format:
      description: Its format.
      type: str
      returned: success
      sample: aphex.platform/backup/1
    version:
      description: Release of the collection that wrote it.
      type: str
      returned: success
      sample: 0.1.0
    time:
      description: When it was made.
      type: str
      returned: success
      sample: "2026-11-21T20:15:00Z"
    counts:
      description: How many objects of each kind it holds.
      type: dict
      returned: success
      sample:
        Organization: 3
        Secret: 41
    sha256:
      description: What tells whether two backups hold the same.
      type: str
      returned: success
      sample: 4a1f0c...
    tree:
      description: Where the platform's tree was.
      type: dict
      returned: success
      sample:
        repository: https://git.example.org/platform.git
        commit: 0123456789abcdef0123456789abcdef01234567
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: kubernetes
      verb: create
      target: Organization platform-system/acme-corp
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: denied
    tried: opening
    "on": /srv/backups/platform-backup-20261121T201500Z.yml.vault
"""

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.restore import use_case
from ansible_collections.aphex.platform.plugins.module_utils._command.product import Commands
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._files.product import Files
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

ENTRY_POINT = EntryPoint(
    options={
        "file": {"type": "path", "required": True},
        "vault_password": {"type": "str", "required": True, "no_log": True},
        "objects": {"type": "bool", "default": True},
        "databases": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "command": {"type": "list", "elements": "str", "required": True},
            },
        },
        **KUBERNETES,
    },
    products={"kubernetes": Kubernetes, "files": Files, "command": Commands},
    use_case=use_case,
    result_key="restore",
    libraries=(*LIBRARIES, "cryptography"),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
