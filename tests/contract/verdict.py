"""Is a tenant that was disturbed in the same state as one that was not?

In: sites on which everything has been done. Out: one line for each difference, none when all is well. Never here: what
disturbed them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.contract import snapshot
from tests.contract.harness import MARK, Bed, Ended, Site
from tests.contract.journey import Call, Journey, calls, words
from tests.sandbox.api import Object

_SETTLES_WITHIN = 120.0
_POLL = 1.0
_SHOWN = 400
_LISTED = 30


@dataclass(frozen=True)
class Reference:
    """A journey that nobody disturbed: its calls, its tenant, and the organization that other tenants may share."""

    way: Journey
    organization: str
    site: Site
    calls: list[Call]

    @classmethod
    def of(cls, bed: Bed, way: Journey) -> Reference:
        """Make the journey, and see that a second one changes nothing."""
        with bed.site() as host:
            way.host(host)
        with way.site(bed, host.organization) as site:
            first = way.go(site)
            assert first.ok, f"{way.name}: {first.msg}"
            found = calls(site)
            site.clear()
            again = way.go(site)
            assert again.ok, f"{way.name}, again: {again.msg}"
            assert not again.changed, f"{way.name}: a second run changes {again.result}"
            assert site.writes() == [], f"{way.name}: a second run writes"
        return cls(way, host.organization, site, found)


def compare(bed: Bed, reference: Reference, sites: Mapping[Site, str]) -> list[str]:
    """Return what differs between each site and the reference, in the whole cluster, at Cloudflare and at GitHub.

    Controllers act at times of their own, so a difference must last. The text of a site says what disturbed it.
    """
    deadline = time.monotonic() + _SETTLES_WITHIN
    while True:
        problems = _differences(bed, reference, sites)
        if not problems or time.monotonic() > deadline:
            return problems
        time.sleep(_POLL)


def _differences(bed: Bed, reference: Reference, sites: Mapping[Site, str]) -> list[str]:
    objects = snapshot.everything(bed.api)
    groups = snapshot.by_mark(objects, MARK)
    wanted = _told(reference.way, reference.site, groups)
    problems = []
    for site, label in sites.items():
        found = _told(reference.way, site, groups)
        problems += [f"{label}: missing {line[:_SHOWN]}" for line in _without(wanted, found)]
        problems += [f"{label}: too much {line[:_SHOWN]}" for line in _without(found, wanted)]
    if bed.before is not None:
        ours = {snapshot.name(item) for item in groups.get("", []) if snapshot.made_by_us(item)}
        problems += [f"belongs to no tenant: {name}" for name in sorted(ours - bed.before)]
    return problems


def _told(way: Journey, site: Site, groups: Mapping[str, list[Object]]) -> list[str]:
    objects = list(groups.get(site.binding, []))
    if not way.shares:
        objects += groups.get(site.organization, [])
    told = words(site)
    # Of a shared organization as well, which is not among the tenant's own objects.
    secret = snapshot.webhook_secret(groups.get(site.organization, []))
    return [
        *snapshot.told(objects, told),
        *snapshot.told_of_cloudflare(site.cloudflare, told),
        *snapshot.told_of_github(site.github, secret, told),
    ]


def _without(lines: list[str], others: list[str]) -> list[str]:
    """Return the lines that stand more often here than there."""
    left = list(others)
    answer = []
    for line in lines:
        if line in left:
            left.remove(line)
        else:
            answer.append(line)
    return answer


def demand_none(problems: list[str]) -> None:
    """Raise AssertionError with the problems, if there are any."""
    shown = "\n".join(problems[:_LISTED])
    assert not problems, f"{len(problems)} problems\n{shown}"


def unclear(ended: Ended) -> list[str]:
    """Return what is wrong with the answer of a run that could not be done: it must be one clear sentence."""
    if ended.ok or ended.result is None:
        return ["it did not fail"]
    failure, msg = ended.result["failure"], ended.msg
    problems = []
    if failure["kind"] not in ("busy", "timeout", "broken"):
        problems.append(f"its kind is {failure['kind']}: {msg}")
    if re.search(r"Traceback|\n|0x[0-9a-f]{6}|Error\(|<class", msg) or not msg.endswith(".") or len(msg) > 500:
        problems.append(f"no clear sentence: {msg!r}")
    return problems
