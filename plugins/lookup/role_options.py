# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup role_options: what the inputs of roles of this collection have to be.

In: names of roles. Out: the options of their argument specs. Never here: a value; a judgement.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: role_options
author:
  - aphex.platform contributors (@aphex-platform)
version_added: 0.1.0
short_description: The options of roles, to check them together
description:
  - Returns the options of the entry point C(main) of roles of this collection, without their descriptions, and without
    those that may be left out and take any text.
  - Ansible checks the inputs of a role when it comes to it, by a task for each. By this lookup and
    M(ansible.builtin.validate_argument_spec) a play checks those of all its roles at once, before the first one acts.
options:
  _terms:
    description:
      - Names of roles, without that of the collection.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Check the inputs of both roles before the first one acts
  ansible.builtin.validate_argument_spec:
    argument_spec: "{{ query('aphex.platform.role_options', 'argocd', 'dex') | combine }}"
"""

RETURN = r"""
_raw:
  description: A mapping from option to what it has to be, for each role.
  type: list
  elements: dict
"""

import os
import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.aphex.platform.plugins.module_utils._yaml import load_documents

_ROLES = os.path.join(os.path.dirname(__file__), "..", "..", "roles")
_FILE = os.path.join("meta", "argument_specs.yml")
_TOLD = "description"


class LookupModule(LookupBase):
    """Options of roles."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, t.Any]]:
        """Return the options of each role. Raises AnsibleLookupError for one that is not there."""
        return [self._of(str(term)) for term in terms]

    def _of(self, role: str) -> dict[str, t.Any]:
        path = os.path.realpath(os.path.join(_ROLES, role, _FILE))
        if not os.path.isfile(path):
            raise AnsibleLookupError(f"There is no role aphex.platform.{role}.")
        with open(path, encoding="utf-8") as file:
            [found] = load_documents(file.read(), path)
        options = found["argument_specs"]["main"]["options"]
        return {name: _untold(spec) for name, spec in options.items() if not _takes_anything(spec)}


def _untold(spec: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return what is checked of an option: all but what it tells people."""
    return {key: _inner(key, value) for key, value in spec.items() if key != _TOLD}


def _inner(key: str, value: t.Any) -> t.Any:
    return {name: _untold(spec) for name, spec in value.items()} if key == "options" else value


def _takes_anything(spec: dict[str, t.Any]) -> bool:
    return spec.get("type", "str") == "str" and not spec.get("required") and "choices" not in spec
