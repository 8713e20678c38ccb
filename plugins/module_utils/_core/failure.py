# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error type of everything below the edges.

In: what was tried, on what, what the other side said, what to do. Out: one sentence, and the same facts as a dict.
Never here: a library's exception class, a request body, a secret.
"""

from __future__ import annotations

import enum
import typing as t

_T = t.TypeVar("_T")


class Kind(enum.StrEnum):
    """What went wrong, as far as a caller can act on it."""

    INVALID = "invalid"  # the input is wrong; the same call fails again
    REFUSED = "refused"  # allowed by the API, refused by us: foreign, reserved, still in use
    MISSING = "missing"  # something that must be there first is not
    DENIED = "denied"  # a right is missing
    CONFLICT = "conflict"  # somebody else changed or owns it
    BUSY = "busy"  # rate limit, quota, lock: later it works
    TIMEOUT = "timeout"  # no answer, or a condition not reached in time
    BROKEN = "broken"  # the other side failed, or answered what no API answers


class Failure(Exception):
    """Something could not be done. Always raised ``from`` its cause where there is one."""

    def __init__(
        self,
        kind: Kind,
        *,
        tried: str,
        on: str = "",
        said: str = "",
        remedy: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(tried, on, said)
        self.kind = kind
        self.tried = tried
        self.on = on
        self.said = said
        self.remedy = remedy
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.reason = ""

    def sentence(self) -> str:
        """Return the failure for people: what was tried, on what, what was said, what to do."""
        text = " ".join(part for part in (self.tried, self.on) if part)
        if self.said:
            text += ": " + self.said.strip().rstrip(".")
        text += "."
        if self.remedy:
            text += " " + self.remedy.strip().rstrip(".") + "."
        return text

    def as_dict(self) -> dict[str, t.Any]:
        """Return the failure for programs; the shape of ``failure`` in every result."""
        return {
            "kind": self.kind.value,
            "tried": self.tried,
            "on": self.on,
            "said": self.said,
            "remedy": self.remedy,
            "status": self.status,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
        }

    def __str__(self) -> str:
        return self.sentence()


def known(value: _T | None, why: str) -> _T:
    """Return a value that cannot be None here, for the reason given; that it is None is a fault of ours."""
    if value is None:
        raise Failure(Kind.BROKEN, tried="relying on that", on=why, remedy="Please report this fault")
    return value


def invalid(what: str, said: str, remedy: str = "") -> Failure:
    """Return the failure for input that is wrong by itself; raised before any request."""
    return Failure(Kind.INVALID, tried=what, said=said, remedy=remedy)
