#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flux_receiver_info
short_description: Read Flux Receivers and when their sources were last polled
version_added: 0.1.0
description:
  - Returns the Receivers of Flux's notification-controller with their state, and for each of their sources when a
    delivery last asked it to look. So a delivery is proven by reading before and after.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  name:
    description:
      - Name of the Receivers. All when left out.
    type: str
  namespace:
    description:
      - Namespace to look in. All when left out.
    type: str
  return_secrets:
    description:
      - Whether the result holds the path where that is a secret. Set C(no_log=true) on the task then.
    type: bool
    default: false
seealso:
  - module: aphex.platform.flux_receiver
"""

EXAMPLES = r"""
- name: Read a Receiver
  aphex.platform.flux_receiver_info:
    name: apps
    namespace: flux-system
  register: found

- name: Show when its sources were last polled
  ansible.builtin.debug:
    msg: "{{ found.receivers | map(attribute='sources') | flatten }}"
"""

RETURN = r"""
receivers:
  description: The Receivers, in the order of their namespaces and names.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Its name.
      type: str
      returned: success
      sample: apps
    namespace:
      description: Its namespace.
      type: str
      returned: success
      sample: flux-system
    type:
      description: Who sends.
      type: str
      returned: success
      sample: github
    events:
      description: Kinds of events that are let in, all when empty.
      type: list
      elements: str
      returned: success
      sample: [ping, push]
    resource_filter:
      description: The CEL expression that a delivery must meet.
      type: str
      returned: success
      sample: has(req.ref) && req.ref in ['refs/heads/main']
    secret_name:
      description: Name of the Secret with the token.
      type: str
      returned: success
      sample: apps
    webhook_path:
      description: Path that Flux serves, V(null) before it does, masked where it is a secret.
      type: str
      returned: success
      sample: /hook/106120121d366c2f67e93200f6c1dbe938235eb588daa5e8c0516d3a77ac1dee
    path_is_secret:
      description: Whether whoever knows the path may trigger the Receiver.
      type: bool
      returned: success
      sample: false
    suspended:
      description: Whether deliveries are refused. A suspended Receiver keeps the state that it had.
      type: bool
      returned: success
      sample: false
    ready:
      description: Whether Flux serves it.
      type: bool
      returned: success
      sample: true
    reason:
      description: Reason of the condition Ready.
      type: str
      returned: success
      sample: Succeeded
    message:
      description: Message of the condition Ready.
      type: str
      returned: success
      sample: "Receiver initialized for path: /hook/106120121d366c2f"
    sources:
      description: What a delivery polls, labels resolved.
      type: list
      elements: dict
      returned: success
      contains:
        kind:
          description: Kind of the source.
          type: str
          returned: success
          sample: GitRepository
        namespace:
          description: Namespace of the source.
          type: str
          returned: success
          sample: flux-system
        name:
          description: Name of the source.
          type: str
          returned: success
          sample: apps
        found:
          description: Whether it is there.
          type: bool
          returned: success
          sample: true
        requested_at:
          description: When it was last asked to look, V(null) when never.
          type: str
          returned: success
          sample: "2026-11-21T12:00:00.123456789Z"
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: denied
    tried: reading
"""

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._flux.info import read
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

ENTRY_POINT = EntryPoint(
    options={
        "name": {"type": "str"},
        "namespace": {"type": "str"},
        "return_secrets": {"type": "bool", "default": False, "no_log": False},
        **KUBERNETES,
    },
    products={"kubernetes": Kubernetes},
    read=read,
    result_key="receivers",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
