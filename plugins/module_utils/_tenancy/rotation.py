# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the rotation of a webhook secret stands, told by the Secret alone (P16). Pure.

In: the Secret, absent is None. Out: its version, whether two values are accepted, from when on the new one counts.
Never here: a value of the Secret, a clock.
"""

from __future__ import annotations

import datetime

from .._core.failure import invalid
from .._kubernetes.objects import Object
from . import names
from .organization_objects import ROTATED_AT, SECRET_VERSION

IN_FLIGHT = 10.0
"""Seconds after which GitHub has given up on what it signed before."""

# Seconds for which an interceptor may take a secret that is no longer there: it reads again after 5, clocks differ.
_REMEMBERED = 10.0


def version(webhook: Object | None) -> int:
    """Return the version of a webhook secret; one without a mark is the first. Raises Failure(invalid)."""
    text = _annotation(webhook, SECRET_VERSION) or "1"
    if not text.isdigit():
        raise invalid(f"The annotation {SECRET_VERSION}", f"{text!r} is no number", "Correct it on the Secret")
    return int(text)


def under_way(webhook: Object | None) -> bool:
    """Tell whether a former secret is still accepted beside the current one."""
    return names.WEBHOOK_KEY_PREVIOUS in ((webhook or {}).get("data") or {})


def rotated_at(webhook: Object | None) -> str:
    """Return when the current secret took the first place, as the Secret tells it; empty for never."""
    return _annotation(webhook, ROTATED_AT)


def counts_from(webhook: Object | None, now: float, coming: bool) -> float:
    """Return from when on the first secret is the one that interceptors take, in seconds since 1970; 0 for always.

    ``coming`` says that this run is about to change it, at ``now``. Raises Failure(invalid) for a time that is none.
    """
    if coming:
        return now + _REMEMBERED
    return _seconds(rotated_at(webhook)) + _REMEMBERED if under_way(webhook) else 0.0


def is_proven(webhook: Object | None, proven_at: str) -> bool:
    """Tell whether a ping that was answered at that time was signed with the current secret."""
    return _seconds(proven_at) > counts_from(webhook, 0.0, coming=False)


def _annotation(webhook: Object | None, name: str) -> str:
    return str(((webhook or {}).get("metadata", {}).get("annotations") or {}).get(name, ""))


def _seconds(time: str) -> float:
    try:
        return datetime.datetime.fromisoformat(time).timestamp() if time else 0.0
    except ValueError as error:
        what = f"The annotation {ROTATED_AT}"
        raise invalid(what, f"{time!r} is no time", "Correct it on the Secret") from error
