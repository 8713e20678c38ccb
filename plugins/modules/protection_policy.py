#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: protection_policy
short_description: Lint the policy of a deployment-protection gate and publish it
version_added: 0.1.0
description:
  - Reads the files of a policy together, as the gate does, and refuses a policy that the gate would refuse or that
    fails one of its cases, with file, line and what to write in its place. Nothing is written then.
  - Publishes them as a ConfigMap or into a folder, and tells by rule what changes.
  - Without O(config_map) and O(folder) it lints alone, and changes nothing.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  src:
    description:
      - Files of the policy (C(.yml), C(.yaml)), of cases that test it (C(.cases.yml)) and of holidays (C(.ics)), or
        folders that hold them, on the host that runs the task. Cases are not published.
      - This or O(content) is needed unless O(state=absent).
    type: list
    elements: path
  content:
    description:
      - The same as a mapping from a file's name to its text.
    type: dict
  config_map:
    description:
      - The ConfigMap to publish as. It is this module's alone; a key that no file has goes.
    type: dict
    suboptions:
      namespace:
        description: Its namespace. It must exist.
        type: str
        required: true
      name:
        description: Its name.
        type: str
        default: aphex-gate-policy
      labels:
        description: Labels, beside those that say whose it is.
        type: dict
        default: {}
  folder:
    description:
      - The folder to publish into, an absolute path on the host that runs the task. It is this module's alone; another
        policy or holiday file in it goes.
    type: path
  state:
    description:
      - Whether the policy is published.
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description:
      - Whether a ConfigMap of that name that somebody else has made is taken over.
    type: bool
    default: false
requirements:
  - jmespath >= 1.0
  - jsonschema >= 4.20
  - icalendar >= 6.1 and recurring-ical-events >= 3.3 for holidays
  - PyYAML
seealso:
  - module: aphex.platform.github_deployment_protection_rule
"""

EXAMPLES = r"""
- name: Lint a policy before it is merged
  aphex.platform.protection_policy:
    src: [policy]

- name: Publish it for the gate in the cluster
  aphex.platform.protection_policy:
    src: [policy]
    config_map:
      namespace: aphex-gate
  register: published

- name: A small one, on a host
  aphex.platform.protection_policy:
    content:
      policy.yml: |
        version: 1
        rules:
          - name: staging
            match: {environment: staging}
            decision: approve
    folder: /etc/aphex-gate/policy
"""

RETURN = r"""
policy:
  description: The policy as it is now, null when it is gone.
  type: dict
  returned: success
  contains:
    digest:
      description: What tells one policy from another. The gate writes it into each decision.
      type: str
      returned: success
      sample: 2f1c8e0a7b53
    files:
      description: Names of the policy's files.
      type: list
      elements: str
      returned: success
      sample: [policy.yml]
    holidays:
      description: Names of the files of holidays.
      type: list
      elements: str
      returned: success
      sample: [italy.ics]
    content:
      description: The text of each file by its name, to publish it from another host.
      type: dict
      returned: success
      sample:
        policy.yml: "version: 1 ..."
    rules:
      description: The rules, in the order in which they are tried.
      type: list
      elements: dict
      returned: success
      sample:
        - name: staging
          decision: approve
          mode: enforce
    added:
      description: Names of the rules that were not published before.
      type: list
      elements: str
      returned: success
      sample: [staging]
    changed:
      description: Names of the rules that were published otherwise.
      type: list
      elements: str
      returned: success
      sample: []
    removed:
      description: Names of the rules that are published no more.
      type: list
      elements: str
      returned: success
      sample: []
    moved:
      description: Whether rules that stay are tried in another order than before.
      type: bool
      returned: success
      sample: false
    cases:
      description: How many cases the policy has passed.
      type: int
      returned: success
      sample: 12
    warnings:
      description: What is right by the letter and hardly what people mean, in the words of C(aphex-gate lint).
      type: list
      elements: dict
      returned: success
      sample:
        - file: policy.yml
          line: 7
          said: the group ops is not used
          remedy: ""
          severity: warning
steps:
  description: What was done, or in check mode what would be done.
  type: list
  elements: dict
  returned: success
  sample:
    - product: kubernetes
      verb: create
      target: ConfigMap aphex-gate/aphex-gate-policy
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: invalid
    tried: policy.yml:7
    said: there is no calendar 'business'
"""

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._gate.publish import (
    PolicyFiles,
    PolicyKubernetes,
    use_case,
)
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES, STATE

ENTRY_POINT = EntryPoint(
    options={
        "src": {"type": "list", "elements": "path"},
        "content": {"type": "dict"},
        "config_map": {
            "type": "dict",
            "options": {
                "namespace": {"type": "str", "required": True},
                "name": {"type": "str", "default": "aphex-gate-policy"},
                "labels": {"type": "dict", "default": {}},
            },
        },
        "folder": {"type": "path"},
        **STATE,
        "adopt": {"type": "bool", "default": False},
        **KUBERNETES,
    },
    rules={
        "mutually_exclusive": [("config_map", "folder")],
        "required_if": [("state", "present", ("src", "content"), True)],
    },
    products={"files": PolicyFiles, "kubernetes": PolicyKubernetes},
    use_case=use_case,
    result_key="policy",
    libraries=(*LIBRARIES, "jmespath", "jsonschema"),
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
