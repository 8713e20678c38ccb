#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_backup
short_description: Write all that a platform cannot make again into one locked file
version_added: 0.1.0
description:
  - Reads the tenants with their status, their namespaces and all Secrets of platform and tenants, such as credentials
    of tunnels, secrets of webhooks, the state of Terraform and the authority. Dumps of databases join them.
  - Writes them to C(platform-backup-<time>.yml.vault) where the task runs, readable by its user alone and locked as
    C(ansible-vault) does. C(ansible-vault view) shows it.
  - Writes nothing when the newest backup holds the same.
  - What a controller makes again by itself is left out, and so is the content of volumes.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  folder:
    description:
      - Where backups are, an absolute path. It is made when it is not there.
    type: path
    required: true
  vault_password:
    description:
      - What locks the file. Keep it somewhere else. At least 12 characters.
    type: str
    required: true
  keep:
    description:
      - How many backups to keep in the folder, the newest ones. V(0) keeps all.
    type: int
    default: 10
  namespaces:
    description:
      - Namespaces of the platform. Those of tenants are found.
    type: list
    elements: str
    default:
      - argocd
      - auth-system
      - cert-manager
      - external-secrets
      - ingress-system
      - pipeline-catalog
      - platform-system
      - tekton-pipelines
  tenants:
    description:
      - Whether organizations, bindings and knowledge bases are in it, with all that their namespaces hold of Secrets.
    type: bool
    default: true
  databases:
    description:
      - Databases, each with a command that writes it out as text. It is not run in check mode.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the database is called here and when it is restored.
        type: str
        required: true
      command:
        description: The program and its arguments. There is no shell.
        type: list
        elements: str
        required: true
  tree:
    description:
      - Where the platform's Git tree is, to be found again.
    type: dict
    suboptions:
      repository:
        description: Its address.
        type: str
      commit:
        description: Its commit.
        type: str
requirements:
  - cryptography
seealso:
  - module: aphex.platform.platform_restore
  - module: aphex.platform.platform_backup_info
"""

EXAMPLES = r"""
- name: Back the platform up, with the database of Authentik
  aphex.platform.platform_backup:
    folder: /srv/backups
    vault_password: "{{ backup_password }}"
    databases:
      - name: authentik
        command:
          - kubectl
          - --namespace=auth-system
          - exec
          - statefulset/authentik-postgresql
          - --
          - pg_dump
          - --username=authentik
          - --clean
          - --if-exists
          - authentik
"""

RETURN = r"""
backup:
  description: The newest backup.
  type: dict
  returned: success
  contains:
    path:
      description: Its file.
      type: str
      returned: success
      sample: /srv/backups/platform-backup-20261121T201500Z.yml.vault
    removed:
      description: Files that were too many.
      type: list
      elements: str
      returned: success
      sample: []
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
    - product: files
      verb: create
      target: /srv/backups/platform-backup-20261121T201500Z.yml.vault
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: denied
    tried: opening
    "on": /srv/backups/platform-backup-20261121T201500Z.yml.vault
"""

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.backup import use_case
from ansible_collections.aphex.platform.plugins.module_utils._command.product import Commands
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._files.product import Files
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

ENTRY_POINT = EntryPoint(
    options={
        "folder": {"type": "path", "required": True},
        "vault_password": {"type": "str", "required": True, "no_log": True},
        "keep": {"type": "int", "default": 10},
        "namespaces": {
            "type": "list",
            "elements": "str",
            "default": [
                "argocd",
                "auth-system",
                "cert-manager",
                "external-secrets",
                "ingress-system",
                "pipeline-catalog",
                "platform-system",
                "tekton-pipelines",
            ],
        },
        "tenants": {"type": "bool", "default": True},
        "databases": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "command": {"type": "list", "elements": "str", "required": True},
            },
        },
        "tree": {"type": "dict", "options": {"repository": {"type": "str"}, "commit": {"type": "str"}}},
        **KUBERNETES,
    },
    products={"kubernetes": Kubernetes, "files": Files, "command": Commands},
    use_case=use_case,
    result_key="backup",
    libraries=(*LIBRARIES, "cryptography"),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
