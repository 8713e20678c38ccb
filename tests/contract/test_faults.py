"""Every call of every journey x every fault: it converges, or says so in a sentence and the next run converges.

A fault that strikes once is overcome by the same run. One that lasts ends the run in a sentence; without it, the next
run goes on. In the end each tenant is in the state of one that nobody disturbed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle

import pytest

from tests.contract import harness, journey
from tests.contract.harness import Bed, Ended, Say, Site, patience
from tests.contract.journey import Call, Journey, in_words
from tests.contract.strikes import Strikes, comes_again
from tests.contract.verdict import Reference, compare, demand_none, unclear
from tests.sandbox.faults import KINDS, Fault, Match
from tests.sandbox.sandbox import Sandbox

SIDE_BY_SIDE = 10
EACH = 16
"""How many calls of one run are struck, each once, far apart from each other."""

_CLOUDFLARE = "/client/v4/"


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with harness.bed() as made:
        yield made


@dataclass(frozen=True)
class Trial:
    """One disturbed run: the kind of fault and the calls that it strikes."""

    kind: str
    calls: frozenset[Call]

    def __str__(self) -> str:
        return f"{self.kind} once at each of {', '.join(map(str, sorted(self.calls)))}"


@pytest.mark.parametrize("way", journey.JOURNEYS, ids=lambda way: way.name)
def test_a_fault_at_any_call_is_overcome_by_the_same_run(bed: Bed, way: Journey, say: Say) -> None:
    reference = Reference.of(bed, way)
    calls = journey.without_polls(reference.calls)
    if way not in journey.IN_AND_OUT:
        # Their reads are those of the others.
        calls = journey.writes(calls)
    groups = -(-len(calls) // EACH)
    trials = [Trial(kind, frozenset(calls[start::groups])) for kind in KINDS for start in range(groups)]
    sites: dict[Site, str] = {}
    struck: set[tuple[str, Call]] = set()

    def attempt(trial: Trial) -> str:
        with way.site(bed, reference.organization) as site:
            sites[site] = str(trial)
            strikes = Strikes(partial(in_words, site), trial.calls, comes_again(trial.kind))
            site.faults.arm(Fault(trial.kind, match=strikes, times=None))
            ended = way.start(site, patience(trial.kind)).ended()
        struck.update((trial.kind, call) for call in strikes.struck)
        return "" if ended.ok else f"{trial}: {ended.msg}"

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        problems = [text for text in pool.map(attempt, trials) if text]
    problems += compare(bed, reference, sites)
    problems += [f"{kind} never struck {call}" for kind in KINDS for call in calls if (kind, call) not in struck]
    say(f"{way.name}: {len(struck)} combinations of {len(calls)} calls and {len(KINDS)} faults in {len(trials)} runs")
    demand_none(problems)


@pytest.mark.parametrize("module", ["organization", "repo_binding"])
def test_a_fault_that_lasts_ends_in_a_sentence_and_the_next_run_converges(bed: Bed, module: str, say: Say) -> None:
    problems: list[str] = []
    tried: set[tuple[str, str]] = set()
    for way in (*journey.IN_AND_OUT, journey.ROTATION):
        if way.module == module:
            reference = Reference.of(bed, way)
            # Leaving reads much of what coming in has read: what is left are its own calls.
            pairs = _pairs(reference.calls, {family for family, _unused in tried})
            problems += _lasting(bed, reference, pairs)
            tried.update(pairs)
    say(f"{module}: {len(tried)} combinations of a family of calls and a fault that lasts")
    demand_none(problems)


def _lasting(bed: Bed, reference: Reference, pairs: list[tuple[str, str]]) -> list[str]:
    sites: dict[Site, str] = {}
    way = reference.way

    def attempt(pair: tuple[str, str]) -> list[str]:
        family, kind = pair
        label = f"{kind} at every {family}"
        with way.site(bed, reference.organization) as site:
            sites[site] = label
            site.faults.arm(Fault(kind, match=_of_family(site, family), times=None))
            ended = way.start(site, patience(kind)).ended()
            if not site.faults.struck():
                return [f"{label}: never struck"]
            site.faults.clear()
            next_one = way.go(site)
        said = _against(kind, family, ended)
        if not next_one.ok:
            said.append(f"the next run failed: {next_one.msg}")
        return [f"{label}: {text}" for text in said]

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        problems = [text for found in pool.map(attempt, pairs) for text in found]
    return problems + compare(bed, reference, sites)


def _against(kind: str, family: str, ended: Ended) -> list[str]:
    """Return what speaks against the end of a run under a fault that lasts."""
    if _harmless(kind, family):
        return [] if ended.ok else [f"it failed: {ended.msg}"]
    if family.startswith("POST") and family.endswith("/pings") and ended.ok:
        # The ping that GitHub sends to a new webhook by itself was answered in time: that proves as much.
        return []
    return unclear(ended)


@pytest.mark.parametrize("path", ["/cfd_tunnel$", "/dns_records$"])
def test_what_cloudflare_made_unanswered_is_found_and_not_asked_for_again(bed: Bed, path: str) -> None:
    with bed.site() as site:
        site.faults.arm(Fault("lost", match=Match("POST", path)))
        site.done("organization")
        assert [struck.kind for struck in site.faults.struck()] == ["lost"]
        asked = [entry.path.rpartition("/")[2] for entry in site.cloudflare.log.writes()]
        assert asked == ["cfd_tunnel", "dns_records"]
        assert len(site.cloudflare.tunnels()) == 1
        assert sum(len(zone["records"]) for zone in site.cloudflare.state()["zones"]) == 1


@pytest.mark.parametrize("path", ["/hooks$", "/pings$"])
def test_what_github_did_unanswered_is_found_and_not_asked_for_again(bed: Bed, path: str) -> None:
    with bed.site() as site:
        journey.BINDING_IN.host(site)
        site.clear()
        site.faults.arm(Fault("lost", match=Match("POST", path)))
        site.done("repo_binding")
        assert [struck.kind for struck in site.faults.struck()] == ["lost"]
        assert [entry.path.rpartition("/")[2] for entry in site.github.log.writes()] == ["hooks", "pings"]
        (webhook,) = site.github.state()["webhooks"]
        # Its own, which GitHub sends to every new one, and the one that was asked for.
        assert [item["event"] for item in site.github.log_of(webhook["id"])] == ["ping", "ping"]


@pytest.mark.parametrize("path", [r"/api/v1/namespaces\?", "/secrets"])
def test_what_was_made_in_the_cluster_unanswered_is_recognised_as_ours(bed: Bed, path: str) -> None:
    with bed.site() as site:
        site.faults.arm(Fault("lost", match=Match("POST", path)))
        site.done("organization")
        made = [seen for seen in site.proxy.writes() if seen.method == "POST" and re.search(path, seen.uri)]
        assert [seen.fault for seen in made].count("lost") == 1
        assert [seen.status for seen in made].count(409) == 1


@pytest.mark.parametrize("path", ["/dns_records/", "/cfd_tunnel/[^/]+$", r"/api/v1/namespaces/[^/]+$"])
def test_a_deletion_that_was_done_unanswered_counts_as_done(bed: Bed, path: str) -> None:
    with bed.site() as site:
        site.done("organization")
        site.faults.arm(Fault("lost", match=Match("DELETE", path)))
        site.done("organization", state="absent")
        assert [struck.kind for struck in site.faults.struck()] == ["lost"]
        assert not site.bed.api.exists(f"/api/v1/namespaces/org-{site.organization}")
        assert all(tunnel.deleted_at for tunnel in site.cloudflare.tunnels())
        assert all(zone["records"] == [] for zone in site.cloudflare.state()["zones"])


@pytest.mark.parametrize("kind", ["500", "reset", "lost"])
def test_a_run_that_waits_overcomes_a_fault_at_every_call(installed: Sandbox, kind: str) -> None:
    """With nodes and Tekton: what is waited for becomes ready while answers fail."""
    with harness.on(installed) as bed, bed.site() as site:
        try:
            strikes = Strikes(partial(in_words, site))
            site.faults.arm(Fault(kind, match=strikes, times=None))
            site.done("organization", wait=True)
            assert [call for call in strikes.struck if call.path.endswith("/github-listener") and call.nth > 2]
            site.clear()
            assert not site.done("organization", wait=True).changed
            assert site.writes() == []
        finally:
            site.clear()
            site.done("organization", state="absent")


def _pairs(calls: Iterable[Call], known: set[str]) -> list[tuple[str, str]]:
    """Every family of calls that is not known with one fault after the other; writes outside the cluster with each."""
    families = sorted({call.family for call in calls} - known)
    far = [family for family in families if _is_outside(family) and not family.startswith("GET")]
    near = [family for family in families if family not in far]
    return [*zip(near, cycle(KINDS), strict=False), *((family, kind) for family in far for kind in KINDS)]


def _harmless(kind: str, family: str) -> bool:
    """Does the run succeed although that fault lasts?

    A Lease that cannot be given back costs the next run nothing, since its holder is dead by then. What Cloudflare or
    GitHub has made although its answer was lost is found by looking.
    """
    if family == "DELETE /apis/coordination.k8s.io/v1/namespaces/*/leases/*":
        return True
    return kind == "lost" and family.startswith("POST") and _is_outside(family)


def _is_outside(family: str) -> bool:
    """Is that a call to Cloudflare or to GitHub?"""
    path = family.partition(" ")[2]
    return path.startswith(_CLOUDFLARE) or journey.GITHUB.match(path) is not None


def _of_family(site: Site, family: str) -> Callable[[str, str], bool]:
    return lambda method, path: Call(in_words(site, path), method).family == family
