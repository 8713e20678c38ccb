# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One file of YAML: its data, and the line of each part of it.

In: a name, a text. Out: data, places as ``file:line``. Never here: what the data mean.
"""

from __future__ import annotations

import typing as t

from .._core.failure import invalid
from .._yaml import lines, load_documents


class Source:
    """One file: its data, and where each part of it stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.data: dict[str, t.Any] = {}
        self._lines: dict[tuple[t.Any, ...], int] = {}

    def parse(self) -> None:
        """Read the file. Raises Failure(invalid)."""
        documents = load_documents(self.text, self.name)
        if len(documents) != 1 or not isinstance(documents[0], dict):
            raise invalid(self.name, "it is no single mapping", "Begin it with `version: 1`")
        self.data = documents[0]
        self._lines = lines(self.text)

    def place(self, *path: t.Any) -> str:
        """Return file and line of a part, for messages."""
        while path and path not in self._lines:
            path = path[:-1]
        return f"{self.name}:{self._lines.get(path, 1)}"
