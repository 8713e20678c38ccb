# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup rendered: the texts of templates.

In: files. Out: the text of each. Never here: what the text means; a write.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: rendered
author:
  - aphex.platform contributors (@aphex-platform)
version_added: 0.1.0
short_description: Render templates
description:
  - Returns the text of each template, rendered with the variables of the task.
  - Does what P(ansible.builtin.template#lookup) does when it has no options, and does not copy all variables of the
    play before. In a long play that copy takes longer than the rendering.
options:
  _terms:
    description:
      - Templates. Relative ones are looked for in C(templates/) of the role or beside the playbook.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Apply what a template of this role says
  aphex.platform.kubernetes_objects:
    definition: "{{ lookup('aphex.platform.rendered', 'settings.yaml.j2') }}"
"""

RETURN = r"""
_raw:
  description: The text of each template.
  type: list
  elements: str
"""

import os
import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.aphex.platform.plugins.plugin_utils._templates import rendered, templar_of


class LookupModule(LookupBase):
    """Rendered templates."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[str]:
        """Return the text of each template. Raises AnsibleLookupError for one that is not there."""
        return [self._text(str(term), variables) for term in terms]

    def _text(self, term: str, variables: t.Any) -> str:
        path = self.find_file_in_search_path(variables, "templates", term, ignore_missing=True)
        if not path or not os.path.isfile(path):
            raise AnsibleLookupError(f"There is no template {term}.")
        return rendered(self, templar_of(self, variables, os.path.dirname(path)), path)
