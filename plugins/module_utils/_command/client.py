# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command of the user's, run where the task runs; what goes in and what comes out may be secret.

In: words of a command, what it reads. Out: what it wrote, as Sensitive. Never here: a shell, a command of ours, or what
a command said in a message, since nobody knows what it says.
"""

from __future__ import annotations

import typing as t

from .._core.failure import Failure, Kind, known
from .._core.reconcile import Runtime
from .._core.sensitive import Sensitive


def run(runtime: Runtime, title: str, argv: t.Sequence[str], data: Sensitive | None = None) -> Sensitive:
    """Run a command to its end. Raises Failure when it does not end well."""
    lent = known(runtime.run, "the edge lends a way to run commands")
    code, out, _err = lent(list(argv), data=None if data is None else data.reveal())
    if code:
        raise Failure(
            Kind.MISSING if code == 127 else Kind.BROKEN,
            tried="running",
            on=title,
            said=f"the command {argv[0]} is not there" if code == 127 else f"{argv[0]} ended with code {code}",
            remedy="Run it by hand to see why",
        )
    try:
        return Sensitive(out.encode())
    except UnicodeEncodeError as error:
        remedy = "Have it write text, such as the plain format of pg_dump"
        raise Failure(Kind.INVALID, tried="reading", on=title, said="it wrote no text", remedy=remedy) from error
