# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup github_app_token: an installation token of a GitHub App, as narrow as asked for.

In: owners, an App with its key, permissions, repositories. Out: a token for each owner.
Never here: a token in a message; a token that another template of the same run could share and does not.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: github_app_token
author:
  - aphex.platform contributors (@aphex-platform)
version_added: 0.1.0
short_description: Get an installation token of a GitHub App
description:
  - Returns a token for each owner, narrowed to the permissions and repositories that are asked for. It is valid for an
    hour at most.
  - All templates and tasks of a run that ask for the same get the same token. Between them it lies encrypted with a key
    made of the App's own in Ansible's temporary folder, and is gone when the run ends.
  - The modules of this collection take O(github_app_id) themselves, so this lookup is for other tools. Give the token
    to options that hide their value, or set C(no_log); it shows in the output of everything else.
options:
  _terms:
    description:
      - Owners whose installation of the App is meant.
    type: list
    elements: str
    required: true
  permissions:
    description:
      - Permissions by name with their level, V(read), V(write) or V(admin). All that the installation has when left
        out.
    type: dict
  repositories:
    description:
      - Names of the repositories, without their owner, that the token opens. All of the installation when left out.
    type: list
    elements: str
  github_app_id:
    description:
      - Id or client id of the App.
    type: str
    required: true
    env:
      - name: GITHUB_APP_ID
  github_app_private_key:
    description:
      - Private key of the App, the text of the PEM file. Either this or O(github_app_private_key_file).
    type: str
    env:
      - name: GITHUB_APP_PRIVATE_KEY
  github_app_private_key_file:
    description:
      - File with the private key of the App, where ansible-playbook runs.
    type: path
    env:
      - name: GITHUB_APP_PRIVATE_KEY_FILE
  github_installation_id:
    description:
      - Installation of the App to use. Found by the owner when left out.
    type: str
    env:
      - name: GITHUB_INSTALLATION_ID
  github_api_url:
    description:
      - Base URL of the API, V(https://api.github.com) when left out.
    type: str
    env:
      - name: GITHUB_API_URL
  github_validate_certs:
    description:
      - Whether the certificate of the API is verified. Leave it on.
    type: bool
    default: true
    env:
      - name: GITHUB_VALIDATE_CERTS
  github_ca_cert:
    description:
      - File with the certificates of the authorities to trust, in PEM form.
    type: path
    env:
      - name: GITHUB_CA_CERT
  github_timeout:
    description:
      - Seconds to wait for one answer.
    type: int
    default: 30
    env:
      - name: GITHUB_TIMEOUT
requirements:
  - httpx >= 0.27
  - PyJWT >= 2.8 with cryptography
seealso:
  - module: aphex.platform.github_webhook
"""

EXAMPLES = r"""
- name: Clone a private repository
  ansible.builtin.git:
    repo: "https://x-access-token:{{ token }}@github.com/acme-corp/web-shop.git"
    dest: /srv/web-shop
  no_log: true
  vars:
    token: >-
      {{ lookup('aphex.platform.github_app_token', 'acme-corp', repositories=['web-shop'],
                permissions={'contents': 'read'}, github_app_id='123456',
                github_app_private_key_file='/etc/aphex/app.pem') }}

- name: Give a token back before it ends by itself
  ansible.builtin.uri:
    url: https://api.github.com/installation/token
    method: DELETE
    headers:
      Authorization: "Bearer {{ lookup('aphex.platform.github_app_token', 'acme-corp') }}"
    status_code: 204
  no_log: true
"""

RETURN = r"""
_raw:
  description: A token for each owner.
  type: list
  elements: str
"""

import time
import typing as t

from ansible import constants
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.aphex.platform.plugins.module_utils._core.failure import Failure
from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._github.product import GitHub
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import RunCache

_PLAIN = (
    "github_app_id",
    "github_app_private_key_file",
    "github_installation_id",
    "github_api_url",
    "github_ca_cert",
)


class LookupModule(LookupBase):
    """Installation tokens."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[str]:
        """Return a token for each owner. Raises AnsibleLookupError with one sentence."""
        self.set_options(var_options=variables, direct=kwargs)
        params: dict[str, t.Any] = {name: _text(self.get_option(name)) for name in _PLAIN}
        key = _text(self.get_option("github_app_private_key"))
        params["github_app_private_key"] = Sensitive(key) if key else None
        params["github_validate_certs"] = bool(self.get_option("github_validate_certs"))
        params["github_timeout"] = int(self.get_option("github_timeout"))
        permissions = {str(name): str(level) for name, level in (self.get_option("permissions") or {}).items()}
        repositories = [str(name) for name in self.get_option("repositories") or []]
        runtime = Runtime(now=time.time, cache=RunCache(constants.DEFAULT_LOCAL_TMP))
        product = GitHub.connect(params, runtime)
        try:
            return [product.installation_token(str(owner), permissions, repositories) for owner in terms]
        except Failure as failure:
            # Without its cause: Ansible would print that as well (N3).
            raise AnsibleLookupError(failure.sentence()) from None
        finally:
            product.close()


def _text(value: t.Any) -> str | None:
    """Return an option as plain text; Ansible hands over tagged values (N2)."""
    return None if value is None else "".join(str(value))
