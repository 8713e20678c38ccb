# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option groups TENANT and TENANT_NAMESPACE for people; ``module_utils/_options.py`` says the same to Ansible.

In: nothing. Out: documentation fragments. Never here: a field that only one kind of tenant has.
Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """What every tenant takes, and what those take that have pipeline namespaces."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(present) makes the tenant and all that belongs to it, and repairs what has drifted.
      - V(absent) removes it in a safe order. A run that was interrupted is taken up by the next one.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Whether to wait until the tenant is ready, or gone with O(state=absent).
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait for one thing before the task fails. The next run goes on from there.
    type: int
    default: 300
  adopt:
    description:
      - Whether to take over objects of the names in use that are there already and carry no label of this tenant.
      - Otherwise they are left alone, and the task fails before it writes anything. What belongs to another tenant is
        never taken.
      - With O(write_to=git), whether to take over a file of the tenant's name that this module did not write.
    type: bool
    default: false
  write_to:
    description:
      - V(cluster) makes the tenant there, and all that belongs to it.
      - V(git) writes the resource into the platform's Git tree instead, as one file, and removes that file with
        O(state=absent). Neither the cluster nor Cloudflare nor GitHub is asked, so what only they know is not refused,
        and null in the result. O(wait), O(wait_timeout) and a confirmation are without meaning then. The folder and
        name of the file say which tenant it is, so each run touches the file of its own tenant alone.
      - Argo CD brings the resource into the cluster. What belongs to the tenant is made by a controller, or by a run
        with V(cluster).
    type: str
    choices: [cluster, git]
    default: cluster
  tree:
    description:
      - The platform's Git tree. Needed for O(write_to=git), without meaning otherwise.
    type: dict
    suboptions:
      repository:
        description:
          - URL of the repository, or its absolute path on the host that runs the task. Credentials in it are refused.
        type: str
        required: true
      branch:
        description: Branch to write to.
        type: str
        default: main
      path:
        description: Folder of the tree, whose folder C(tenants) the file is in. The whole repository when left out.
        type: str
        default: ''
      on_edited:
        description:
          - What to do with a file that people have edited, or deleted, since this module wrote it, and that should
            change. V(refuse) fails, V(keep) leaves it as it is, V(overwrite) writes it in any case.
        type: str
        choices: [refuse, keep, overwrite]
        default: refuse
"""

    NAMESPACE = r"""
options:
  quota:
    description:
      - What one pipeline namespace may use in sum.
      - What a repo binding says counts before what its organization says, and that before the platform's settings, each
        field by itself.
    type: dict
    suboptions:
      requests_cpu:
        description: Requested processors, such as V(4) or V(500m).
        type: str
      limits_cpu:
        description: Processors at most.
        type: str
      requests_memory:
        description: Requested memory, such as V(8Gi).
        type: str
      limits_memory:
        description: Memory at most.
        type: str
      persistent_volume_claims:
        description: Number of volumes. Each pipeline run takes one while it is kept.
        type: int
      pods:
        description: Number of pods.
        type: int
  limits:
    description:
      - What one container in a pipeline namespace gets when it asks for nothing, and what it may have at most. Fields
        are merged as those of O(quota) are.
    type: dict
    suboptions:
      default_cpu:
        description: Processors at most, for a container that does not say it.
        type: str
      default_memory:
        description: Memory at most, for a container that does not say it.
        type: str
      default_request_cpu:
        description: Requested processors, for a container that does not say it.
        type: str
      default_request_memory:
        description: Requested memory, for a container that does not say it.
        type: str
      max_cpu:
        description: Processors that a container may ask for.
        type: str
      max_memory:
        description: Memory that a container may ask for.
        type: str
  deletion_policy:
    description:
      - What becomes of a namespace that holds state (Terraform's, volumes, secrets of the organization) when the tenant
        is removed. V(Retain) keeps it, without the rights and labels of the platform.
      - V(Delete) removes it with all that is in it. O(state=absent) then needs O(confirm), and copies Secrets with
        state into C(platform-system) first. Volumes are not copied.
      - What the resource says counts, so change it with O(state=present) before O(state=absent).
    type: str
    choices: [Retain, Delete]
    default: Retain
  confirm:
    description:
      - The name of the tenant once more. Needed with O(state=absent) when its deletion policy is V(Delete) and there is
        state to lose.
    type: str
"""
