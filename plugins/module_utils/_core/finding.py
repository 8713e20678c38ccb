# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify, lint and doctor answer.

In: what one hop showed. Out: Finding. Never here: how it was found.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """One observation; ``id`` is stable and documented, ``severity`` is ``ok``, ``warning`` or ``error``."""

    id: str
    severity: t.Literal["ok", "warning", "error"]
    subject: str
    hop: str
    said: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return asdict(self)
