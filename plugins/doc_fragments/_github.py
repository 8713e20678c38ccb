# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option group GITHUB for people; ``module_utils/_options.py`` says the same to Ansible.

In: nothing. Out: a documentation fragment. Never here: an option that only one module has.
Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach GitHub, and as whom."""

    DOCUMENTATION = r"""
options:
  github_token:
    description:
      - Personal token, fine-grained or classic. Either this or O(github_app_id) must be given, not both.
      - Falls back to the environment variable E(GITHUB_TOKEN).
    type: str
  github_app_id:
    description:
      - Id or client id of a GitHub App to act as. It gets an installation token that holds the permissions that the
        module needs and no others. On a local connection all tasks of a run share it.
      - Falls back to the environment variable E(GITHUB_APP_ID).
    type: str
  github_app_private_key:
    description:
      - Private key of the App, the text of the PEM file. Either this or O(github_app_private_key_file).
      - Falls back to the environment variable E(GITHUB_APP_PRIVATE_KEY).
    type: str
  github_app_private_key_file:
    description:
      - File with the private key of the App, on the host that runs the task.
      - Falls back to the environment variable E(GITHUB_APP_PRIVATE_KEY_FILE).
    type: path
  github_installation_id:
    description:
      - Installation of the App to use. Found by the owner when left out.
      - Falls back to the environment variable E(GITHUB_INSTALLATION_ID).
    type: str
  github_revoke_token:
    description:
      - Whether a task that acts as an App gets a token of its own, and revokes it when it ends. Otherwise all tasks of
        the run share one that ends by itself within the hour. Costs two requests for each task.
      - Falls back to the environment variable E(GITHUB_REVOKE_TOKEN).
    type: bool
    default: false
  github_api_url:
    description:
      - Base URL of the API. V(https://api.github.com) when left out, V(https://api.SUBDOMAIN.ghe.com) with data
        residency, V(https://HOST/api/v3) of an Enterprise Server.
      - Falls back to the environment variable E(GITHUB_API_URL).
    type: str
  github_validate_certs:
    description:
      - Whether the certificate of the API is verified. Leave it on.
      - Falls back to the environment variable E(GITHUB_VALIDATE_CERTS).
    type: bool
    default: true
  github_ca_cert:
    description:
      - File with the certificates of the authorities to trust, in PEM form, for an Enterprise Server behind a private
        authority.
      - Falls back to the environment variable E(GITHUB_CA_CERT).
    type: path
  github_timeout:
    description:
      - Seconds to wait for one answer. A request without an answer is repeated a few times, a request that creates
        something only after a look whether it took effect. Rate limits are waited for when that takes no longer than a
        minute and a half.
      - Falls back to the environment variable E(GITHUB_TIMEOUT).
    type: int
    default: 30
requirements:
  - httpx >= 0.27
  - PyJWT >= 2.8 with cryptography, for Apps
notes:
  - Proxies are taken from the environment variables E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY).
  - When a permission is missing, the failure names it.
"""
