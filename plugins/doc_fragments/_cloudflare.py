# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option group CLOUDFLARE for people; ``module_utils/_options.py`` says the same to Ansible.

In: nothing. Out: a documentation fragment. Never here: an option that only one module has.
Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach Cloudflare."""

    DOCUMENTATION = r"""
options:
  cloudflare_api_token:
    description:
      - API token, not the global API key.
      - It needs the rights Account / Cloudflare Tunnel / Edit for tunnels, and Zone / DNS / Edit and Zone / Zone / Read
        for DNS records.
      - Must be set here or in the environment variable E(CLOUDFLARE_API_TOKEN).
    type: str
  cloudflare_api_url:
    description:
      - Base URL of the API, for a proxy or a stand-in. Cloudflare's own when left out.
      - Falls back to the environment variable E(CLOUDFLARE_API_URL).
    type: str
  cloudflare_account_id:
    description:
      - Account to work in, 32 hexadecimal digits.
      - When left out, the only account that the token can see is taken. With several, or with a token that may not list
        accounts, it must be set.
      - Falls back to the environment variable E(CLOUDFLARE_ACCOUNT_ID).
    type: str
  cloudflare_validate_certs:
    description:
      - Whether the certificate of the API is verified. Leave it on.
      - Falls back to the environment variable E(CLOUDFLARE_VALIDATE_CERTS).
    type: bool
    default: true
  cloudflare_ca_cert:
    description:
      - File with the certificates of the authorities to trust, in PEM form, for an API behind a private authority.
      - Falls back to the environment variable E(CLOUDFLARE_CA_CERT).
    type: path
  cloudflare_timeout:
    description:
      - Seconds to wait for one answer. A request without an answer is repeated a few times, a request that creates
        something only after a look whether it took effect.
      - Falls back to the environment variable E(CLOUDFLARE_TIMEOUT).
    type: int
    default: 30
requirements:
  - cloudflare >= 5.0
  - httpx >= 0.27
notes:
  - Proxies are taken from the environment variables E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY).
"""
