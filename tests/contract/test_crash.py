"""Killed at every single write, and run again: the same state as without the kill (issue: crash).

For each write of each journey there is a tenant whose process is killed (SIGKILL) before the write is handed on, or
after it took effect and before the answer comes back: in turn, chance picks which comes first. It runs again with the
same input. With APHEX_KILL_PACE=1 there is a tenant for each of the two. The playbook is killed at every second of six
points, from one that chance picks, or at each.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from tests.contract import harness, journey, pace
from tests.contract.harness import Bed, Run, Say, Site
from tests.contract.journey import Call, Journey, generated
from tests.contract.platform import BIN, OWNER, environment
from tests.contract.verdict import Reference, compare, demand_none
from tests.sandbox.faults import WHEN, Kill, Match
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.cloudflare import BASE

SIDE_BY_SIDE = 20
_PLAYED_WITHIN = 300.0
_AGAIN = 5.0


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with harness.bed() as made:
        yield made


@dataclass(frozen=True)
class Point:
    """A moment at which a run is killed."""

    call: Call
    when: str

    def __str__(self) -> str:
        return f"killed {self.when} {self.call}"


@pytest.mark.parametrize("way", journey.JOURNEYS, ids=lambda way: way.name)
def test_a_kill_at_any_write_changes_nothing_in_the_end(bed: Bed, way: Journey, say: Say) -> None:
    reference = Reference.of(bed, way)
    points = _points(way, journey.writes(reference.calls))
    sites: dict[Site, str] = {}

    def attempt(point: Point) -> list[str]:
        with way.site(bed, reference.organization) as site:
            sites[site] = str(point)
            return [f"{point}: {text}" for text in _killed(way, site, point)]

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        problems = [text for found in pool.map(attempt, points) for text in found]
    problems += compare(bed, reference, sites)
    writes = len({point.call for point in points})
    say(f"{way.name}: killed at {len(points)} points of {writes} writes, APHEX_KILL_SEED={pace.SEED}")
    demand_none(problems)


def _points(way: Journey, writes: list[Call]) -> list[Point]:
    """Each write before and after it by the pace of 1, else before or after it in turn.

    Journeys that are other ends of the same way are never asked for more.
    """
    if pace.PACE == 1 and way not in journey.KEEPING:
        return [Point(call, when) for call in writes for when in WHEN]
    order = WHEN if pace.some(WHEN, len(WHEN), way.name) == [WHEN[0]] else WHEN[::-1]
    return [Point(call, when) for call, when in zip(writes, cycle(order), strict=False)]


def _killed(way: Journey, site: Site, point: Point) -> list[str]:
    """Run and kill, run again, run once more; return what was not as it should be."""
    old = generated(site)
    started: Future[Run] = Future()
    site.faults.arm(Kill(point.call.nth, point.when, lambda: started.result().kill(), point.call.matches(site)))
    started.set_result(way.start(site))
    if not started.result().ended().killed:
        return ["the write never came"]
    made = generated(site)
    site.clear()
    again = way.go(site)
    if not again.ok:
        return [f"the next run failed: {again.msg}"]
    leaves = way.params(site).get("state") == "absent"
    problems = [] if leaves else [f"{name} was replaced" for name in _replaced(way, old, made, generated(site))]
    site.clear()
    third = way.go(site)
    if not third.ok or third.changed or site.writes():
        problems.append(f"the run after that changed something: {third.msg} {site.writes()}")
    return problems


def _replaced(way: Journey, old: dict[str, str], made: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return what was made once, was there after the kill and is another one now.

    A rotation moves a value on purpose, the coming one to the first place, and ends without the former one.
    """
    wanted = dict(made)
    if way is journey.ROTATION:
        coming = wanted.pop(journey.COMING, now[journey.CURRENT])
        if made[journey.CURRENT] == old[journey.CURRENT]:
            wanted[journey.CURRENT] = coming
    if way in (journey.ROTATION, journey.ROTATION_ENDS):
        wanted.pop(journey.PREVIOUS, None)
    return [name for name, value in wanted.items() if now.get(name) != value]


WAY_IN = Journey("onboard", "organization")
"""An organization and its repository, in by the playbook."""

PLAYED = [
    ("worker", "PATCH", "/deployments/", "before"),
    ("worker", "POST", "/dns_records", "after"),
    ("parent", "PATCH", "/secrets/cloudflared-credentials", "after"),
    ("parent", "POST", "/cfd_tunnel", "before"),
    ("worker", "POST", "/hooks$", "after"),
    ("parent", "POST", "/pings$", "before"),
]
EVERY = 2


@pytest.fixture(scope="module")
def real_bed(installed: Sandbox) -> Iterator[Bed]:
    """A bed with nodes and Tekton, so that runs may wait until everything is ready."""
    with harness.on(installed) as made:
        yield made


def test_n18_a_killed_playbook_is_taken_up_by_the_next_one(real_bed: Bed, tmp_path: Path, say: Say) -> None:
    """N18: a dead worker ends the play without a recap; after a dead parent the worker goes on alone for a while."""
    points = pace.some(PLAYED, EVERY)
    with ExitStack() as stack:
        sites = [stack.enter_context(real_bed.site()) for _unused in range(len(points) + 1)]
        for site in sites:
            stack.callback(_offboard, site)
        plays = [Play(site, tmp_path / site.organization) for site in sites]
        undisturbed, *others = plays
        with ThreadPoolExecutor(len(plays)) as pool:
            first = pool.submit(undisturbed.to_the_end)
            problems = [text for found in pool.map(_killed_while_playing, others, points) for text in found]
            assert first.result() == 0, undisturbed.output
        reference = Reference(WAY_IN, "", undisturbed.site, [])
        labels = {
            play.site: f"{who} killed {when} {method} {path}"
            for play, (who, method, path, when) in zip(others, points, strict=True)
        }
        problems += compare(real_bed, reference, labels)
    say(f"playbook: killed at {len(points)} of {len(PLAYED)} points, APHEX_KILL_SEED={pace.SEED}: {points}")
    demand_none(problems)


@dataclass
class Play:
    """ansible-playbook aphex.platform.onboard for the organization and the repository of one site."""

    site: Site
    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        organization = {
            "organization_display_name": "An organization",
            "organization_admin_users": ["a@example.org"],
            "organization_github": harness.GITHUB,
        }
        binding = {
            "repo_binding_aphex_org": self.site.organization,
            "repo_binding_repo_org": OWNER,
            "repo_binding_repo_name": harness.REPOSITORY,
            "repo_binding_pipeline_spec": harness.PIPELINE,
        }
        groups = {
            "organizations": {"hosts": {self.site.organization: organization}},
            "repositories": {"hosts": {self.site.binding: binding}},
        }
        (self.folder / "hosts.json").write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")

    @property
    def output(self) -> str:
        """What the last run has said."""
        return (self.folder / "output").read_text(encoding="utf-8")

    def start(self) -> subprocess.Popen[bytes]:
        site = self.site
        env = environment(
            self.folder,
            K8S_AUTH_HOST=site.proxy.url,
            K8S_AUTH_API_KEY=site.bed.token,
            CLOUDFLARE_API_URL=f"{site.cloudflare.url}{BASE}",
            CLOUDFLARE_API_TOKEN=site.cloudflare.token,
            CLOUDFLARE_ACCOUNT_ID=site.cloudflare.account_id,
            GITHUB_API_URL=site.github.url,
            GITHUB_TOKEN=site.github.token,
        )
        command = [str(BIN / "ansible-playbook"), "-i", str(self.folder / "hosts.json"), "aphex.platform.onboard"]
        with (self.folder / "output").open("wb") as output:
            # Into a file: a worker that outlives its parent would hold a pipe open.
            return subprocess.Popen(command, cwd=self.folder, env=env, stdout=output, stderr=output)

    def to_the_end(self) -> int:
        """Run it; its exit code."""
        return self.start().wait(_PLAYED_WITHIN)

    def worker(self) -> int:
        """The process that does the work now: the one that holds the organization's Lease."""
        name = f"aphex-organization-{self.site.organization}"
        lease = self.site.bed.api.get(f"/apis/coordination.k8s.io/v1/namespaces/platform-system/leases/{name}")
        return int(lease["spec"]["holderIdentity"].rpartition("/")[2])


def _killed_while_playing(play: Play, point: tuple[str, str, str, str]) -> list[str]:
    who, method, path, when = point
    started: Future[subprocess.Popen[bytes]] = Future()

    def kill() -> None:
        os.kill(play.worker() if who == "worker" else started.result().pid, signal.SIGKILL)

    play.site.faults.arm(Kill(1, when, kill, Match(method, path)))
    started.set_result(play.start())
    code = started.result().wait(_PLAYED_WITHIN)
    if code == 0 or "PLAY RECAP" in play.output or play.site.faults.waiting():
        return [f"{point}: it was not killed: {code} {play.output}"]
    deadline = time.monotonic() + _PLAYED_WITHIN
    while play.to_the_end() != 0:
        # The worker that lost its parent still works, and says so by its Lease.
        if "is working on it" not in play.output or time.monotonic() > deadline:
            return [f"{point}: the next run failed: {play.output}"]
        time.sleep(_AGAIN)
    play.site.clear()
    if play.to_the_end() != 0 or play.site.writes() or len(re.findall(r"changed=0 ", play.output)) != 2:
        return [f"{point}: the run after that changed something: {play.output} {play.site.writes()}"]
    return []


def _offboard(site: Site) -> None:
    site.done("repo_binding", state="absent")
    site.done("organization", state="absent")
