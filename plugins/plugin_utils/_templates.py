# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates of a role as texts.

In: a file, and a templar with the variables. Out: its text. Never here: what the text means; a write.

Ansible's own lookup copies every variable of the play first, down to the last result that was registered. That takes
longer than the rendering, and a template is not able to change a variable.
"""

from __future__ import annotations

import typing as t

from ansible.template import trust_as_template


def templar_of(plugin: t.Any, variables: t.Any, folder: str) -> t.Any:
    """Return what renders for a lookup: with these variables, and includes from this folder."""
    return plugin._templar.copy_with_new_env(available_variables=variables, searchpath=[folder])


def rendered(plugin: t.Any, templar: t.Any, path: str) -> str:
    """Return the text of a template, rendered."""
    text = plugin._loader.get_text_file_contents(path)
    # As Ansible's own templates: the backslash of an expression like join('\\n') is Jinja's, and not a letter.
    found = templar.template(trust_as_template(text), escape_backslashes=False)
    # A template of which nothing is left answers None.
    return "" if found is None else str(found)
