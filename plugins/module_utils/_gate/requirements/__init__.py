# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of requirement, by name: what is found by looking would not travel to a remote host (N8).

In: nothing. Out: the table. Never here: a requirement; each stands in the file of its subject.
"""

from __future__ import annotations

from .branch import BRANCH_IS
from .calendar import CALENDAR
from .canary import CANARY
from .changed import CHANGED_ONLY
from .checks import CHECKS_ENDED
from .commit import MAX_AGE, SIGNED_COMMITS, TICKET
from .history import MAX_CONCURRENT, RATE
from .http import HTTP
from .kind import Kind
from .no_freeze import NO_FREEZE
from .people import ACTOR, APPROVALS_GIVEN
from .promoted_from import PROMOTED_FROM
from .run import NOT_FORK, RUN_IS
from .set_aside import ONCE_PER_RUN, OVERRIDE
from .when import WHEN

_ALL = (
    ACTOR,
    APPROVALS_GIVEN,
    BRANCH_IS,
    CALENDAR,
    CANARY,
    CHANGED_ONLY,
    CHECKS_ENDED,
    HTTP,
    MAX_AGE,
    MAX_CONCURRENT,
    NOT_FORK,
    NO_FREEZE,
    ONCE_PER_RUN,
    OVERRIDE,
    PROMOTED_FROM,
    RATE,
    RUN_IS,
    SIGNED_COMMITS,
    TICKET,
    WHEN,
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
