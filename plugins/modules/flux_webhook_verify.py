#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flux_webhook_verify
short_description: Find the broken hop of a Flux webhook
version_added: 0.1.0
description:
  - Looks at a Receiver, then asks its public address, and says which hop is broken and what to do.
  - The question is a HEAD of the right path. It changes nothing, and the hop where it ends answers it. HTTP 400 means
    that it came through, and that only a signature was missing.
  - A Receiver of type C(generic) takes any request for a delivery, so it is asked at a path that is nobody's.
  - Only O(prove) sends a delivery.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
attributes:
  check_mode:
    details:
      - This module only reads. In check mode O(prove) sends nothing.
options:
  name:
    description:
      - Name of the Receiver.
    type: str
    required: true
  namespace:
    description:
      - Its namespace.
    type: str
    default: flux-system
  url:
    description:
      - The public address without a path, such as C(https://flux.example.org). Only the cluster is looked at when left
        out.
    type: str
  connect_to:
    description:
      - Where to connect in place of the address that the name has, as C(host:port). Name and certificate are those of
        O(url) all the same.
    type: str
  url_ca_cert:
    description:
      - File with the certificates to trust for O(url), in PEM form.
    type: path
  timeout:
    description:
      - Seconds to wait for an answer, and for sources to be polled. GitHub waits 10.
    type: int
    default: 10
  polled_since:
    description:
      - A time in RFC 3339. A source that was not asked to look since then is an error.
    type: str
  prove:
    description:
      - Send one delivery, signed with the token of the Receiver, when nothing is broken. For type C(github).
      - V(ping) polls nothing. V(push) must poll every source, which changes their annotation C(requestedAt) and
        nothing else.
    type: str
    choices: [nothing, ping, push]
    default: nothing
  branch:
    description:
      - Branch of O(prove=push).
    type: str
    default: main
seealso:
  - module: aphex.platform.flux_receiver
  - module: aphex.platform.flux_webhook_lint
notes:
  - A rule or a challenge that concerns GitHub's addresses alone shows only in GitHub's own delivery log.
"""

EXAMPLES = r"""
- name: Look at every hop
  aphex.platform.flux_webhook_verify:
    name: apps
    url: https://flux.example.org
  register: seen

- name: Stop at the first broken one
  ansible.builtin.assert:
    that: errors | length == 0
    fail_msg: "{{ (errors | first).hop }}: {{ (errors | first).said }}. {{ (errors | first).remedy }}"
  vars:
    errors: "{{ seen.findings | selectattr('severity', 'eq', 'error') }}"

- name: Send a signed push, and see every source polled
  aphex.platform.flux_webhook_verify:
    name: apps
    url: https://flux.example.org
    prove: push
    branch: main
"""

RETURN = r"""
findings:
  description: What each hop showed, from the cluster outwards. The first error is the hop to look at.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: What was found, the same word in every release.
      type: str
      returned: success
      sample: tunnel-down
    severity:
      description: One of V(ok), V(warning) and V(error).
      type: str
      returned: success
      sample: error
    subject:
      description: The Receiver, or the address.
      type: str
      returned: success
      sample: https://flux.example.org
    hop:
      description: One of V(source), V(receiver), V(origin), V(tunnel), V(name) and V(edge).
      type: str
      returned: success
      sample: tunnel
    said:
      description: What it showed.
      type: str
      returned: success
      sample: "HTTP 530: error 1033: no connector runs"
    remedy:
      description: What to do.
      type: str
      returned: success
      sample: Start cloudflared, and see its log
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: invalid
    tried: the address of a hop
"""

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._flux.verify import verify
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

ENTRY_POINT = EntryPoint(
    options={
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": "flux-system"},
        "url": {"type": "str"},
        "connect_to": {"type": "str"},
        "url_ca_cert": {"type": "path"},
        "timeout": {"type": "int", "default": 10},
        "polled_since": {"type": "str"},
        "prove": {"type": "str", "choices": ["nothing", "ping", "push"], "default": "nothing"},
        "branch": {"type": "str", "default": "main"},
        **KUBERNETES,
    },
    products={"kubernetes": Kubernetes},
    read=verify,
    result_key="findings",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
