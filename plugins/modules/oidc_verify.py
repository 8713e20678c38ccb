#!/usr/bin/python

# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: oidc_verify
short_description: Find the broken hop of a login at the API server
version_added: 0.1.0
description:
  - Asks the issuer who it is and for its keys, reads the claims of a token, asks the API server whom it takes the
    bearer for, and whether it took the last change of its configuration. Says which hop is broken and what to do.
  - A broken hop is a finding, never a failure. The module fails for input that is wrong.
  - The signature of O(token) is judged by the API server alone.
author:
  - aphex.platform contributors (@aphex-platform)
extends_documentation_fragment:
  - aphex.platform._attributes
  - aphex.platform._attributes.info_module
  - aphex.platform._attributes.actiongroup_kubernetes
  - aphex.platform._kubernetes
options:
  issuer:
    description:
      - The issuer, as it stands in tokens and in the configuration of the API server.
    type: str
    required: true
  audience:
    description:
      - The audience that a token has to name, which is the client of kubectl.
    type: str
    default: kubernetes
  issuer_ca_cert:
    description:
      - File with the certificates to trust for O(issuer), in PEM form.
    type: path
  connect_to:
    description:
      - Where to connect in place of the address that the issuer's name has, as C(host:port). Name and certificate are
        those of O(issuer) all the same.
    type: str
  configuration_file:
    description:
      - The file that the API server reads, if it is on the machine where the task runs. It is compared with what the
        API server says it uses. Without it the last reload decides.
    type: path
  timeout:
    description:
      - Seconds to wait for an answer of the issuer.
    type: int
    default: 10
  token:
    description:
      - An id token of somebody, to see what it says and what the API server makes of it. It is shown nowhere; of its
        claims, only C(iss), C(aud), C(exp), C(email_verified) and C(groups) are.
    type: str
seealso:
  - name: Authenticating
    description: AuthenticationConfiguration in the documentation of Kubernetes.
    link: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
notes:
  - This runs where the task runs. The API server has to reach the issuer by the same name, from where it runs.
  - To read the metric, the account needs the verb C(get) on the path C(/metrics). Without it that hop is a warning.
"""

EXAMPLES = r"""
- name: Look at every hop of a login
  aphex.platform.oidc_verify:
    issuer: https://dex.home.local
    issuer_ca_cert: /etc/aphex/ca.crt
  register: seen

- name: Stop at the first broken one
  ansible.builtin.assert:
    that: errors | length == 0
    fail_msg: "{{ (errors | first).hop }}: {{ (errors | first).said }}. {{ (errors | first).remedy }}"
  vars:
    errors: "{{ seen.findings | selectattr('severity', 'eq', 'error') }}"

- name: See what the API server makes of a token
  aphex.platform.oidc_verify:
    issuer: https://dex.home.local
    issuer_ca_cert: /etc/aphex/ca.crt
    token: "{{ lookup('ansible.builtin.env', 'ID_TOKEN') }}"
"""

RETURN = r"""
findings:
  description: What each hop showed, from the issuer to the API server. The first error is the hop to look at.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: What was found, the same word in every release.
      type: str
      returned: success
      sample: issuer-differs
    severity:
      description: One of V(ok), V(warning) and V(error).
      type: str
      returned: success
      sample: error
    subject:
      description: The issuer, the token, the API server or its configuration.
      type: str
      returned: success
      sample: https://dex.home.local
    hop:
      description: One of V(discovery), V(keys), V(token), V(review) and V(configuration).
      type: str
      returned: success
      sample: discovery
    said:
      description: What it showed.
      type: str
      returned: success
      sample: "it calls itself 'http://dex:5556': every token that it signs is refused (B19)"
    remedy:
      description: What to do.
      type: str
      returned: success
      sample: Give one URL to the issuer and to all who ask it, to the last slash
failure:
  description: What went wrong, for programs.
  type: dict
  returned: failure
  sample:
    kind: invalid
    tried: the address of a hop
"""

from ansible_collections.aphex.platform.plugins.module_utils._bootstrap.oidc import verify
from ansible_collections.aphex.platform.plugins.module_utils._edge import EntryPoint, run_module
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.product import LIBRARIES, Kubernetes
from ansible_collections.aphex.platform.plugins.module_utils._options import KUBERNETES

ENTRY_POINT = EntryPoint(
    options={
        "issuer": {"type": "str", "required": True},
        "audience": {"type": "str", "default": "kubernetes"},
        "issuer_ca_cert": {"type": "path"},
        "connect_to": {"type": "str"},
        "configuration_file": {"type": "path"},
        "timeout": {"type": "int", "default": 10},
        "token": {"type": "str", "no_log": True},
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
