# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option group GIT for people; ``module_utils/_options.py`` says the same to Ansible.

In: nothing. Out: a documentation fragment. Never here: an option that only one module has.
Private to the collection: other collections must not use it.
"""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach a Git repository, and as whom."""

    DOCUMENTATION = r"""
options:
  git_username:
    description:
      - Name that goes with O(git_token). Most servers take any.
      - Falls back to the environment variable E(GIT_USERNAME).
    type: str
    default: git
  git_token:
    description:
      - Token or password for C(https) repositories. It is handed to Git in the environment of its process alone, for
        this server alone, and is refused for C(http) beyond this machine. Without it, Git asks the credential helpers
        that are set up.
      - Falls back to the environment variable E(GIT_TOKEN).
    type: str
  git_ssh_key_file:
    description:
      - File with the private SSH key for C(ssh) repositories, on the host that runs the task. Without it, what C(ssh)
        finds by itself.
      - Falls back to the environment variable E(GIT_SSH_KEY_FILE).
    type: path
  git_known_hosts_file:
    description:
      - File with the keys of SSH hosts. Hosts that are not in it are then refused. Without it, what C(ssh) is set up
        for.
      - Falls back to the environment variable E(GIT_KNOWN_HOSTS_FILE).
    type: path
  git_ca_cert:
    description:
      - File with the certificates of the authorities to trust, in PEM form, for a server behind a private authority.
      - Falls back to the environment variable E(GIT_CA_CERT).
    type: path
  git_timeout:
    description:
      - Seconds without a byte from the server after which an attempt ends, and seconds to wait for another run that
        uses the same O(working_copy). What failed over the network is tried again a few times; a push only after a
        look whether it arrived.
      - Falls back to the environment variable E(GIT_TIMEOUT).
    type: int
    default: 30
  working_copy:
    description:
      - Folder in which fetched commits are kept, on the host that runs the task. It is a cache and may be deleted at
        any time. It holds no checked-out files and no credentials.
      - When left out, a folder for this repository below C(~/.cache/aphex-platform/git).
    type: path
requirements:
  - git >= 2.34
notes:
  - Proxies are taken from the environment variables E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY).
  - Of the settings in the user's own C(.gitconfig), hooks and credential helpers are put aside; others hold.
"""
