# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup manifests: the templates of a folder, rendered, by the names of the files that they become.

In: folders. Out: for each a mapping from path to text.
Never here: what the text means; a write.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: manifests
author:
  - aphex.platform contributors (@aphex-platform)
version_added: 0.1.0
short_description: Render a folder of manifests
description:
  - Returns a mapping for each folder. Its keys are the paths of the files in the folder, sorted, with C(.j2) taken
    away; its values are the texts, templates rendered and other files as they are.
  - A file that is empty after rendering is left out, so a condition around the whole template decides whether the file
    exists.
  - The same variables give the same bytes. Each text ends with one line end.
options:
  _terms:
    description:
      - Folders with templates. Relative ones are looked for in C(templates/) of the role or beside the playbook.
    type: list
    elements: path
    required: true
  below:
    description:
      - A folder that is put before each path of the result.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show which files the templates of this role become
  ansible.builtin.debug:
    msg: "{{ lookup('aphex.platform.manifests', role_path ~ '/templates').keys() | list }}"

- name: Apply all of them
  aphex.platform.kubernetes_objects:
    definition: "{{ lookup('aphex.platform.manifests', role_path ~ '/templates').values() | list }}"
"""

RETURN = r"""
_raw:
  description: A mapping from path to text for each folder.
  type: list
  elements: dict
"""

import os
import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.aphex.platform.plugins.plugin_utils._templates import rendered, templar_of

_TEMPLATE = ".j2"


class LookupModule(LookupBase):
    """Rendered folders."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, str]]:
        """Return a mapping for each folder. Raises AnsibleLookupError for one that is not there."""
        self.set_options(var_options=variables, direct=kwargs)
        below = str(self.get_option("below"))
        return [self._folder(str(term), below, variables) for term in terms]

    def _folder(self, term: str, below: str, variables: t.Any) -> dict[str, str]:
        folder = self.find_file_in_search_path(variables, "templates", term, ignore_missing=True)
        if not folder or not os.path.isdir(folder):
            raise AnsibleLookupError(f"There is no folder of templates {term}.")
        templar = templar_of(self, variables, folder)
        texts = {path: self._text(os.path.join(folder, path), templar) for path in _paths(folder)}
        return {
            os.path.join(below, path.removesuffix(_TEMPLATE)): text.strip("\n") + "\n"
            for path, text in texts.items()
            if text.strip()
        }

    def _text(self, path: str, templar: t.Any) -> str:
        if path.endswith(_TEMPLATE):
            return rendered(self, templar, path)
        return str(self._loader.get_text_file_contents(path))


def _paths(folder: str) -> list[str]:
    found = [os.path.join(parent, name) for parent, _folders, names in os.walk(folder) for name in names]
    return sorted(os.path.relpath(path, folder) for path in found)
