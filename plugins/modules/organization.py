#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: organization
short_description: Onboard an organization, or take it away
version_added: 0.1.0
description:
  - Makes an organization and all that belongs to it - its namespace, its webhook secret, a Cloudflare tunnel with DNS
    record and connectors, a listener that takes signed deliveries from GitHub only, the rights of its admins, and the
    webhook at GitHub.
  - The resource C(Organization) in C(platform-system) is the record. The module writes it and its status. While a
    controller is at work, the module writes the resource alone and waits until the controller has done the rest.
  - The webhook secret is made once in the cluster and never returned. With O(github), this module gives it to GitHub,
    which then has the webhook pinged and waits until the listener has answered to the ping's signature.
    Without O(github), create the webhook by hand, with the address and the Secret that the result names.
  - With O(state=absent), an organization that has repo bindings is marked and waits until they are gone, or is refused
    with O(wait=false). Then webhook, DNS record, tunnel and namespace are removed, in this order.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_cloudflare_git_github_kubernetes
  - aphex.platform._tenant
  - aphex.platform._tenant.namespace
  - aphex.platform._kubernetes
  - aphex.platform._cloudflare
  - aphex.platform._github
  - aphex.platform._git
options:
  name:
    description:
      - Name of the organization, at most 59 lower-case letters, digits and inner hyphens. It cannot be changed.
      - Its namespace is C(org-<name>), its public host C(<name>.<zone>).
    type: str
    required: true
  display_name:
    description:
      - How people call it. Required with O(state=present).
    type: str
  admin_users:
    description:
      - Verified e-mail addresses of its admins, at least one with O(state=present). They may bind repositories to the
        organization and edit its Secret C(org-secrets).
      - Whoever is taken off the list loses these rights with the same run.
    type: list
    elements: str
  webhook_secret_ref:
    description:
      - A Secret in C(platform-system) whose value becomes the webhook secret, in place of a generated one.
      - There is no option for the secret itself, since everybody who may read the resource would see it.
    type: dict
    suboptions:
      name:
        description: Name of the Secret.
        type: str
        required: true
      key:
        description: Key of the Secret.
        type: str
        default: secret
  webhook_secret_version:
    description:
      - Raise it by one to rotate the webhook secret. Both secrets are accepted until GitHub uses the new one.
      - Without it the version stays as it is. It cannot be lowered.
    type: int
  rotate_webhook_secret:
    description:
      - Rotates the webhook secret now, whatever its version is. A rotation that is under way is finished in its place.
      - Each run with V(true) rotates once more, so set it for one run. Not together with O(webhook_secret_version).
      - With O(github), the run waits until nobody can have the former secret any more, about 20 seconds.
    type: bool
    default: false
  github:
    description:
      - Where the organization's repositories are at GitHub, and which webhooks send their pushes here.
      - Left out, no webhook is made, and one that was made before is removed.
    type: dict
    suboptions:
      owner:
        description: Organization at GitHub, one of the platform's approved owners.
        type: str
        required: true
      webhook:
        description:
          - With V(organization), one webhook of the owner sends the pushes of all its repositories. A repository of
            another owner that is bound to this organization gets one of its own.
          - With V(repositories), each bound repository gets a webhook of its own, by M(aphex.platform.repo_binding).
        type: str
        choices:
          - organization
          - repositories
        default: organization
  listener:
    description:
      - The listener of the organization.
    type: dict
    suboptions:
      replicas:
        description: Number of its pods, from 1 to 5. One when left out.
        type: int
  tunnel:
    description:
      - The Cloudflare tunnel through which GitHub reaches the listener.
    type: dict
    suboptions:
      hostname:
        description: The public host, inside the platform's zone. C(<name>.<zone>) when left out.
        type: str
      replicas:
        description: Number of connectors, from 1 to 10. Two when left out.
        type: int
seealso:
  - module: aphex.platform.organization_info
  - module: aphex.platform.repo_binding
"""

EXAMPLES = r"""
- name: Onboard an organization
  aphex.platform.organization:
    name: acme-corp
    display_name: ACME Corporation
    admin_users:
      - admin@example.com
    cloudflare_api_token: "{{ cloudflare_api_token }}"

- name: Onboard an organization with its webhook at GitHub
  aphex.platform.organization:
    name: acme-corp
    display_name: ACME Corporation
    admin_users: "{{ acme_admins }}"
    github:
      owner: acme-corp
    cloudflare_api_token: "{{ cloudflare_api_token }}"
    github_app_id: "123456"
    github_app_private_key_file: ~/aphex-platform.pem

- name: Give its pipelines more room, and keep what they have made when the organization leaves
  aphex.platform.organization:
    name: acme-corp
    display_name: ACME Corporation
    admin_users: "{{ acme_admins }}"
    tunnel:
      hostname: hooks.acme.example.org
    quota:
      limits_memory: 32Gi
      pods: 40
    deletion_policy: Retain
    cloudflare_api_token: "{{ cloudflare_api_token }}"

- name: Write it into the platform's Git tree, from which Argo CD brings it
  aphex.platform.organization:
    name: acme-corp
    display_name: ACME Corporation
    admin_users: "{{ acme_admins }}"
    write_to: git
    tree:
      repository: https://git.example.org/platform/tree.git
    git_token: "{{ vault_git_token }}"

- name: Rotate its webhook secret
  aphex.platform.organization:
    name: acme-corp
    display_name: ACME Corporation
    admin_users: "{{ acme_admins }}"
    webhook_secret_version: 2
    cloudflare_api_token: "{{ cloudflare_api_token }}"

- name: Take it away, with everything in its namespace, since it was onboarded with deletion_policy Delete
  aphex.platform.organization:
    name: acme-corp
    state: absent
    confirm: acme-corp
    cloudflare_api_token: "{{ cloudflare_api_token }}"
"""

RETURN = r"""
organization:
  description: The organization as it is after the run, null when it is gone. What is not known in check mode is null.
  type: dict
  returned: success
  sample:
    name: acme-corp
    namespace: platform-system
    organization_namespace: org-acme-corp
    webhook_url: https://acme-corp.example.org
    phase: Ready
    message: Organization provisioned successfully
    conditions:
      - type: Ready
        status: "True"
        reason: Provisioned
        message: Organization provisioned successfully
        lastTransitionTime: "2026-11-21T12:00:00Z"
    tunnel_id: c1744f8b-faa1-48a4-9e5c-02ac921467fa
    webhook_secret:
      namespace: org-acme-corp
      name: github-webhook-secret
      key: secret
      version: 1
    webhook:
      owner: acme-corp
      url: https://acme-corp.example.org
      fingerprint: 5d2e6a0c1f7b9384
      delivery_id: 72d3162e-cc78-11e3-81ab-4c9367dc0958
  contains:
    name:
      description: Name of the organization.
      type: str
      returned: success
    namespace:
      description: Where the resource lives.
      type: str
      returned: success
    organization_namespace:
      description: The organization's own namespace.
      type: str
      returned: success
    webhook_url:
      description: The address for the webhook at GitHub.
      type: str
      returned: success
    phase:
      description: One of V(Pending), V(Provisioning), V(Ready) and V(Failed).
      type: str
      returned: success
    message:
      description: The phase in one sentence.
      type: str
      returned: success
    conditions:
      description: The conditions of the resource.
      type: list
      elements: dict
      returned: success
    tunnel_id:
      description: Id of its tunnel at Cloudflare.
      type: str
      returned: success
    webhook_secret:
      description: Where the webhook secret is, and its version; never its value.
      type: dict
      returned: success
    webhook:
      description:
        - The webhook at GitHub - where it is, the fingerprint of its secret, and the delivery that proved it. Null
          without O(github), or when its webhooks are those of the repositories.
      type: dict
      returned: success
    spec:
      description: Specification of the resource as it stands in the file, with O(write_to=git).
      type: dict
      returned: with O(write_to=git)
    tree:
      description: The file in the platform's Git tree, with O(write_to=git).
      type: dict
      returned: with O(write_to=git)
      contains:
        commit:
          description: Commit that the branch is at, the new one if one was made.
          type: str
          returned: success
        path:
          description: Path of the file in the repository.
          type: str
          returned: success
        edited:
          description: Whether people have edited or deleted the file since it was written, and it was left so.
          type: bool
          returned: success
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: kubernetes
      verb: create
      target: Namespace org-acme-corp
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: refused
    tried: changing
    "on": Namespace org-acme-corp
"""

from ansible_collections.aphex.platform.plugins.module_utils._clock import Clock
from ansible_collections.aphex.platform.plugins.module_utils._cloudflare.product import Cloudflare
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._git.product import Git
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import (
    CLOUDFLARE,
    GIT,
    GITHUB,
    KUBERNETES,
    TENANT,
    TENANT_NAMESPACE,
)
from ansible_collections.aphex.platform.plugins.module_utils._tenancy.organization import use_case

ENTRY_POINT = EntryPoint(
    options={
        "name": {"type": "str", "required": True},
        "display_name": {"type": "str"},
        "admin_users": {"type": "list", "elements": "str"},
        "webhook_secret_ref": {
            "type": "dict",
            # The name of a key is no secret, though it sounds like one.
            "no_log": False,
            "options": {
                "name": {"type": "str", "required": True},
                "key": {"type": "str", "default": "secret", "no_log": False},
            },
        },
        "webhook_secret_version": {"type": "int", "no_log": False},
        "rotate_webhook_secret": {"type": "bool", "default": False, "no_log": False},
        "github": {
            "type": "dict",
            "options": {
                "owner": {"type": "str", "required": True},
                "webhook": {
                    "type": "str",
                    "choices": ["organization", "repositories"],
                    "default": "organization",
                },
            },
        },
        "listener": {"type": "dict", "options": {"replicas": {"type": "int"}}},
        "tunnel": {"type": "dict", "options": {"hostname": {"type": "str"}, "replicas": {"type": "int"}}},
        **TENANT,
        **TENANT_NAMESPACE,
        **KUBERNETES,
        **CLOUDFLARE,
        **GITHUB,
        **GIT,
    },
    rules={
        "required_if": [
            ("state", "present", ("display_name", "admin_users")),
            ("write_to", "git", ("tree",)),
        ]
    },
    products={"kubernetes": Kubernetes, "cloudflare": Cloudflare, "github": GitHub, "git": Git, "clock": Clock},
    use_case=use_case,
    result_key="organization",
    libraries=(*LIBRARIES, "cloudflare", "httpx"),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
