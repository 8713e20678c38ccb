# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option group KUBERNETES for people; ``module_utils/_options.py`` says the same to Ansible.

In: nothing. Out: a documentation fragment. Never here: an option that only one module has.
The names and variables are those of kubernetes.core. Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach a Kubernetes cluster."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path to a Kubernetes config file, several of them separated by C(:), or the content of one as a dictionary.
      - When neither this nor another connection option is given, the files named by E(KUBECONFIG) are taken, then
        C(~/.kube/config), and in a pod the service account of the pod.
      - Can also be specified via the environment variable E(K8S_AUTH_KUBECONFIG).
    type: raw
  context:
    description:
      - The name of a context found in the config file.
      - Can also be specified via the environment variable E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description:
      - A URL for accessing the API.
      - Can also be specified via the environment variable E(K8S_AUTH_HOST).
    type: str
  api_key:
    description:
      - Token used to authenticate with the API.
      - Can also be specified via the environment variable E(K8S_AUTH_API_KEY).
    type: str
  username:
    description:
      - A user name for authenticating with the API, for servers that take HTTP basic authentication.
      - Can also be specified via the environment variable E(K8S_AUTH_USERNAME).
    type: str
  password:
    description:
      - A password for authenticating with the API, for servers that take HTTP basic authentication.
      - Can also be specified via the environment variable E(K8S_AUTH_PASSWORD).
    type: str
  validate_certs:
    description:
      - Whether or not to verify the API server's certificate.
      - Can also be specified via the environment variable E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description:
      - Path to a CA certificate used to authenticate the API server. The full certificate chain must be in it.
      - Can also be specified via the environment variable E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - Path to a certificate used to authenticate with the API.
      - Can also be specified via the environment variable E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path to the key of that certificate.
      - Can also be specified via the environment variable E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
  proxy:
    description:
      - The URL of an HTTP proxy to use for the connection.
      - Can also be specified via the environment variable E(K8S_AUTH_PROXY).
    type: str
  no_proxy:
    description:
      - A list of hosts, domains and addresses, separated by commas, that are reached without the proxy.
      - Can also be specified via the environment variable E(K8S_AUTH_NO_PROXY).
    type: str
  impersonate_user:
    description:
      - The user to impersonate for the operation.
      - Can also be specified via the environment variable E(K8S_AUTH_IMPERSONATE_USER).
    type: str
  impersonate_groups:
    description:
      - The groups to impersonate for the operation.
      - Can also be specified via the environment variable E(K8S_AUTH_IMPERSONATE_GROUPS), separated by commas.
    type: list
    elements: str
requirements:
  - kubernetes >= 31.0
  - PyYAML >= 6.0
"""
