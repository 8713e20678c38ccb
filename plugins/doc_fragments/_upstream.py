# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option group UPSTREAM for people; ``module_utils/_options.py`` says the same to Ansible.

In: nothing. Out: a documentation fragment. Never here: an option that only one module has.
Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Where releases of other projects are read from."""

    DOCUMENTATION = r"""
options:
  upstream_mirror:
    description:
      - Folder that holds everything, for machines without internet. Nothing is downloaded then.
      - It holds C(versions.lock.yaml), which names a file and its sha256 for each URL, and a digest for each image.
      - Falls back to the environment variable E(APHEX_UPSTREAM_MIRROR).
    type: path
  upstream_cache:
    description:
      - Folder for what was downloaded. It can be deleted at any time.
    type: path
    default: ~/.cache/aphex-platform/upstream
  upstream_ca_cert:
    description:
      - File with the certificates of the authorities to trust, in PEM form, for a proxy with a private authority.
      - Falls back to the environment variable E(APHEX_UPSTREAM_CA_CERT).
    type: path
  upstream_timeout:
    description:
      - Seconds to wait for one answer.
      - Falls back to the environment variable E(APHEX_UPSTREAM_TIMEOUT).
    type: int
    default: 60
requirements:
  - httpx >= 0.27
notes:
  - Proxies are taken from the environment variables E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY).
"""
