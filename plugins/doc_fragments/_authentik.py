# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option group AUTHENTIK for people; ``module_utils/_options.py`` says the same to Ansible.

In: nothing. Out: a documentation fragment. Never here: an option that only one module has.
Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach Authentik."""

    DOCUMENTATION = r"""
options:
  authentik_url:
    description:
      - Address of Authentik as browsers know it, such as V(https://auth.example.org). The path of the API is added.
      - Must be set here or in the environment variable E(AUTHENTIK_URL).
    type: str
  authentik_token:
    description:
      - API token of a user who may read and write what the module manages.
      - Must be set here or in the environment variable E(AUTHENTIK_TOKEN).
    type: str
  authentik_validate_certs:
    description:
      - Whether the certificate of Authentik is verified. Leave it on.
      - Falls back to the environment variable E(AUTHENTIK_VALIDATE_CERTS).
    type: bool
    default: true
  authentik_ca_cert:
    description:
      - File with the certificates of the authorities to trust, in PEM form, for a platform with its own authority.
      - Falls back to the environment variable E(AUTHENTIK_CA_CERT).
    type: path
  authentik_timeout:
    description:
      - Seconds to wait for one answer. A request without an answer is repeated a few times, a request that creates
        something only after a look whether it took effect.
      - Falls back to the environment variable E(AUTHENTIK_TIMEOUT).
    type: int
    default: 30
requirements:
  - httpx >= 0.27
notes:
  - Proxies are taken from the environment variables E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY).
  - Written for the API of Authentik 2024.12 and later, where redirects are a list of addresses with a mode each.
"""
