#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flux_webhook_lint
short_description: Find known faults in the manifests of a Flux webhook
version_added: 0.1.0
description:
  - Reads manifests from text, from files or from a cluster, and says what is known not to work, why, and what to write
    in its place.
  - Looks at Receivers and their tokens, at cloudflared's configuration, at Ingress, IngressRoute and HTTPRoute with the
    annotations of external-dns, and at monitors, rules and alerts.
  - A correct set gives no finding. The guide lists the rules.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  definition:
    description:
      - Manifests as YAML text with one or more documents, as one mapping, or as a list of mappings or texts.
    type: raw
  src:
    description:
      - Files with manifests, or folders of which all C(.yaml) and C(.yml) files are read, on the host that runs the
        task. Templates are no manifests; render them first.
    type: list
    elements: path
  namespaces:
    description:
      - Namespaces of a cluster to read, such as C(flux-system), that of the connectors and that of the monitoring.
      - When manifests come from nowhere else, they are taken for all that is there, so what they name and is not among
        them is missing.
    type: list
    elements: str
  zone:
    description:
      - The DNS zone of the public host, to tell how deep a name is.
    type: str
  external_dns_version:
    description:
      - Version of external-dns, such as C(0.21). Both prefixes of its annotations are wanted when it is not known.
    type: str
  ignore:
    description:
      - Ids of rules to leave out.
    type: list
    elements: str
    default: []
seealso:
  - module: aphex.platform.flux_webhook_verify
"""

EXAMPLES = r"""
- name: Lint a Git tree
  aphex.platform.flux_webhook_lint:
    src: [infrastructure/flux-webhook, infrastructure/cloudflare-tunnel]
    zone: example.org
  register: lint

- name: Fail on what cannot work
  ansible.builtin.assert:
    that: lint.findings | selectattr('severity', 'eq', 'error') | length == 0
    fail_msg: "{{ lint.findings }}"

- name: Lint what runs
  aphex.platform.flux_webhook_lint:
    namespaces: [flux-system, cloudflare-tunnel, monitoring]
    ignore: [A15]
"""

RETURN = r"""
findings:
  description: What is wrong, in the order of the rules.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Id of the rule, the same in every release.
      type: str
      returned: success
      sample: A2
    severity:
      description: V(error) for what does not work or is unsafe, V(warning) for what may be meant.
      type: str
      returned: success
      sample: error
    subject:
      description: The manifest and its place.
      type: str
      returned: success
      sample: Ingress flux-system/flux-webhook (ingress.yaml)
    hop:
      description: The hop that it concerns.
      type: str
      returned: success
      sample: origin
    said:
      description: What is wrong.
      type: str
      returned: success
      sample: Service webhook-receiver has no port 9292
    remedy:
      description: What to write in its place.
      type: str
      returned: success
      sample: Write port 80, or its name http; 9292 is the container's
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: invalid
    tried: src nowhere
"""

from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._flux.lint import read
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

ENTRY_POINT = EntryPoint(
    options={
        "definition": {"type": "raw"},
        "src": {"type": "list", "elements": "path"},
        "namespaces": {"type": "list", "elements": "str"},
        "zone": {"type": "str"},
        "external_dns_version": {"type": "str"},
        "ignore": {"type": "list", "elements": "str", "default": []},
        **KUBERNETES,
    },
    rules={"required_one_of": [("definition", "src", "namespaces")]},
    products={"kubernetes": Kubernetes},
    read=read,
    result_key="findings",
    libraries=LIBRARIES,
)


def main() -> None:
    """Be the module."""
    run_module(ENTRY_POINT)


if __name__ == "__main__":
    main()
