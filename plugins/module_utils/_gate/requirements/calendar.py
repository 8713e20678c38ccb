# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requirement ``calendar``: only while a calendar is open.

In: the name of a calendar. Out: yes, or no until it opens next. Never here: opening hours; see calendar.py.
"""

from __future__ import annotations

from ..answer import Answer, no, yes
from ..calendar import Calendar
from ..expression import Context
from ..facts import Facts
from .kind import Kind, Names


def _parse(argument: str, names: Names, what: str) -> Calendar:
    return names.calendar(argument, what)


def _judge(calendar: Calendar, facts: Facts, context: Context) -> Answer:
    if calendar.is_open(context.now):
        return yes(f"the calendar {calendar.name} is open")
    opens = calendar.opens(context.now)
    if opens is None:
        return no(f"the calendar {calendar.name} does not open any more")
    shown = opens.astimezone(calendar.zone)
    return no(f"the calendar {calendar.name} opens on {shown:%Y-%m-%d at %H:%M %Z}", until=opens)


CALENDAR = Kind(
    name="calendar",
    says="Only while the calendar of this name is open; until then the deployment waits.",
    schema={"type": "string"},
    example="business",
    parse=_parse,
    judge=_judge,
)
