"""The playbooks of a Flux webhook, killed at their writes, forwards and backwards.

In: webhooks beside each other, each with a namespace, a zone, a tunnel and a repository of its own. Out: each journey
that was killed and run again ends where an undisturbed one does, nothing twice, and a further run writes nothing.
APHEX_KILL_PACE=1 kills at each write; without it, at every third of each journey, from one that chance picks.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract import pace, snapshot
from tests.contract.platform import BIN, OWNER, environment
from tests.contract.verdict import demand_none
from tests.integration.flux import SERVICE, Flux
from tests.sandbox.api import Object
from tests.sandbox.faults import Faults, Kill
from tests.sandbox.proxy import Proxy
from tests.sandbox.sandbox import Sandbox
from tests.sandbox.standins.cloudflare import BASE
from tests.sandbox.standins.cloudflared import Credentials

SIDE_BY_SIDE = 4
EVERY = 3
_FORKS = 8
_WITHIN = 300.0
_SETTLES_WITHIN = 120.0
_POLL = 0.5
_NEVER = 1_000_000
_PAUSE = 4
_MARK = "flux-"

NO_RULES = 'rules {"ingress": [{"service": "http_status:404"}]}'
"""What is left of rules: the last one, which every configuration must have."""


@dataclass(frozen=True)
class Journey:
    """A run of a playbook, from where the journey before it ended."""

    name: str
    playbook: str = "flux_webhook"
    variables: dict[str, Any] = field(default_factory=dict)


ROTATED = {"flux_webhook_version": 2}

# Those with the most writes first, since the later ones need fewer webhooks then.
JOURNEYS = (
    Journey("forward from nothing"),
    Journey("full", "rollback", {"level": "full"}),
    Journey("forward from full"),
    Journey("rotation", variables=ROTATED),
    Journey("partial", "rollback", {"level": "partial", **ROTATED}),
    Journey("forward from partial", variables=ROTATED),
    Journey("emergency", "rollback", {"level": "emergency", **ROTATED}),
    Journey("forward from emergency", variables=ROTATED),
)


@dataclass
class Site:
    """One webhook's surroundings. Every write that concerns it has one of its `marks` in the path."""

    flux: Flux
    tunnel_id: str
    zone_id: str
    connector_id: str

    @property
    def name(self) -> str:
        return self.flux.namespace

    @property
    def zone(self) -> str:
        return self.flux.host

    @property
    def host(self) -> str:
        return f"hooks.{self.zone}"

    @property
    def marks(self) -> tuple[str, ...]:
        return (self.name, self.tunnel_id, self.zone_id)

    def variables(self, edge_url: str) -> dict[str, Any]:
        """What the playbooks are told of this webhook."""
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "flux_webhook_host": self.host,
            "flux_webhook_name": "hooks",
            "flux_webhook_namespace": self.name,
            "flux_webhook_resources": [{"name": "apps"}],
            "flux_webhook_origin": SERVICE,
            "flux_webhook_tunnel_name": self.name,
            "flux_webhook_github_owner": OWNER,
            "flux_webhook_github_repository": self.name,
            "flux_webhook_monitoring_namespace": self.name,
            "flux_webhook_verify_url": f"http://{self.host}",
            "flux_webhook_verify_connect_to": urlsplit(edge_url).netloc,
            "flux_webhook_rotation_pause": 1,
        }


class Writes:
    """Every write that concerns one site, in order; a matcher of kills."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.seen: list[str] = []
        self.at: list[float] = []

    def __call__(self, method: str, path: str) -> bool:
        if not any(mark in path for mark in self._site.marks):
            return False
        self.seen.append(f"{method} {path.partition('?')[0]}")
        self.at.append(time.monotonic())
        return True


@dataclass
class Bed:
    """A sandbox with everything between the playbooks and the world."""

    sandbox: Sandbox
    faults: Faults
    proxy: Proxy
    folder: Path

    def site(self) -> Site:
        """Make the surroundings of a webhook, and nothing of the webhook."""
        cloudflare, edge = self.sandbox.cloudflare, self.sandbox.edge
        flux = Flux(self.sandbox)
        flux.source("apps")
        self.sandbox.github.add_repository(f"{OWNER}/{flux.namespace}")
        given = {"name": flux.namespace, "config_src": "cloudflare", "return_credentials": True}
        tunnel = flux.run("cloudflare_tunnel", **given)["tunnel"]
        connector = edge.register(tunnel["id"], Credentials.from_token(tunnel["token"]))
        return Site(flux, tunnel["id"], cloudflare.add_zone(flux.host), connector)

    def clear(self, site: Site) -> None:
        """Take away what stands in the cluster, and the connector. The stand-ins keep the rest to themselves."""
        self.sandbox.edge.unregister(site.connector_id)
        site.flux.clear()

    def watch(self, site: Site) -> Writes:
        """Count the writes of a site from now on."""
        writes = Writes(site)
        self.faults.arm(Kill(_NEVER, match=writes))
        return writes

    def start(self, journey: Journey, sites: list[Site], **more: Any) -> tuple[subprocess.Popen[bytes], Path]:
        """Start the playbook for these sites; the process, and the file with what it says."""
        folder = self.folder / f"run-{time.monotonic_ns()}-{sites[0].name}"
        folder.mkdir()
        hosts = {site.name: site.variables(self.sandbox.edge.url) for site in sites}
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
        extra = json.dumps({"target": "all", **journey.variables, **more})
        command = [str(BIN / "ansible-playbook"), "-i", str(folder / "hosts.json"), "-f", str(_FORKS), "-e", extra]
        cloudflare, github = self.sandbox.cloudflare, self.sandbox.github
        env = environment(
            self.folder,
            K8S_AUTH_HOST=self.proxy.url,
            K8S_AUTH_API_KEY=str(self.sandbox.api.identity.token),
            CLOUDFLARE_API_URL=f"{cloudflare.url}{BASE}",
            CLOUDFLARE_API_TOKEN=cloudflare.token,
            CLOUDFLARE_ACCOUNT_ID=cloudflare.account_id,
            GITHUB_API_URL=github.url,
            GITHUB_TOKEN=github.token,
        )
        path = folder / "output"
        with path.open("wb") as output:
            command.append(f"aphex.platform.{journey.playbook}")
            process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output)
        return process, path

    def play(self, journey: Journey, sites: list[Site], **more: Any) -> dict[str, str]:
        """Run the playbook for these sites to its end; what was not well, by site, and "changed" where it was."""
        process, path = self.start(journey, sites, **more)
        process.wait(_WITHIN)
        output = path.read_text(encoding="utf-8")
        recap = dict(re.findall(r"^(flux-\w+) +: (ok=.*)$", output.rpartition("PLAY RECAP")[2], re.MULTILINE))
        ended = {}
        for site in sites:
            line = recap.get(site.name, "")
            if "failed=0" not in line or "unreachable=0" not in line:
                said = [text for text in output.splitlines() if site.name in text and "fatal" in text]
                ended[site.name] = "\n".join(said) or output[-2000:]
            else:
                ended[site.name] = "" if "changed=0" in line else "changed"
        return ended

    def kill(self, journey: Journey, site: Site, nth: int, when: str) -> str:
        """Run the playbook for one site and kill it at that write; which write that was, or "" if none came."""
        started: Future[subprocess.Popen[bytes]] = Future()
        struck: list[str] = []
        writes = Writes(site)

        def strike() -> None:
            struck.append(writes.seen[-1])
            _kill(started.result())

        self.faults.arm(Kill(nth, when, strike, writes))
        process, _unused = self.start(journey, [site])
        started.set_result(process)
        code = process.wait(_WITHIN)
        return struck[0] if struck and code == -signal.SIGKILL else ""

    def told(self, sites: list[Site]) -> dict[str, list[str]]:
        """What there is of each site, in the cluster, at Cloudflare and at GitHub."""
        groups = snapshot.by_mark(snapshot.everything(self.sandbox.api), _MARK)
        cloudflare, webhooks = self.sandbox.cloudflare.state(), self.sandbox.github.state()["webhooks"]
        return {site.name: _told(site, groups.get(site.name, []), cloudflare, webhooks) for site in sites}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a playbook and all its workers the hard way.

    Workers lead sessions of their own, so there is no group to kill. The parent is halted first and starts no other.
    """
    os.kill(process.pid, signal.SIGSTOP)
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    for pid in [pid for pid, parent in pairs if parent == process.pid]:
        os.kill(pid, signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)


def _told(site: Site, objects: list[Object], cloudflare: Any, webhooks: list[dict[str, Any]]) -> list[str]:
    tokens = {
        base64.b64decode(item["data"]["token"]).decode()
        for item in objects
        if item["kind"] == "Secret" and "token" in (item.get("data") or {})
    }
    lines = [
        "rules " + json.dumps(item["config"], sort_keys=True)
        for item in cloudflare["tunnels"]
        if item["id"] == site.tunnel_id
    ]
    for zone in cloudflare["zones"]:
        for record in zone["records"] if zone["id"] == site.zone_id else []:
            kept = {key: record.get(key) for key in ("name", "type", "content", "proxied", "ttl", "comment")}
            lines.append("record " + json.dumps(kept, sort_keys=True))
    for item in webhooks:
        if site.host in item["url"]:
            kept = {key: item[key] for key in ("url", "content_type", "events", "active")}
            kept["signed by the token"] = tokens == {item["secret"]}
            kept["answered"] = item["active"] and item["deliveries"][-1]["status_code"]
            lines.append("webhook " + json.dumps(kept, sort_keys=True))
    text = "\n".join(sorted(lines)).replace(site.tunnel_id, "<tunnel>").replace(site.name, "<site>")
    return [*snapshot.told(objects, {site.tunnel_id: "<tunnel>", site.name: "<site>"}), *_plain(text)]


def _plain(text: str) -> list[str]:
    return re.sub(r"(?<=/hook/)[0-9a-f]{64}", "<digest>", text).splitlines()


@pytest.fixture
def bed(sandbox: Sandbox, tmp_path: Path) -> Iterator[Bed]:
    sandbox.add("flux")
    standins = (sandbox.cloudflare, sandbox.github)
    faults = Faults()
    for standin in standins:
        standin.faults = faults
    proxy = sandbox.proxy(faults)
    yield Bed(sandbox, faults, proxy, tmp_path)
    proxy.stop()
    for standin in standins:
        standin.faults = Faults()


@dataclass(frozen=True)
class Reference:
    """A journey that nobody disturbed: its writes, and what there was in the end."""

    journey: Journey
    writes: list[str]
    told: list[str]

    @property
    def points(self) -> list[tuple[int, str]]:
        """After each write, and before the first: what is there before another is what was there after the last.

        Of these, as many as the pace takes.
        """
        found = [(1, "before"), *((nth, "after") for nth in range(1, len(self.writes) + 1))]
        return pace.some(found, EVERY, self.journey.name)


def test_a_kill_at_a_write_of_any_level_is_taken_up(bed: Bed, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"{time.monotonic() - begun:5.0f} s  {line}", file=sys.stderr, flush=True)

    say(f"APHEX_KILL_SEED={pace.SEED}")
    references = _undisturbed(bed, say)
    sites = [bed.site() for _unused in range(max(len(reference.points) for reference in references))]
    problems: list[str] = []
    for number, reference in enumerate(references):
        needed = max(len(later.points) for later in references[number:])
        for site in sites[needed:]:
            bed.clear(site)
        sites = sites[:needed]
        found = _disturbed(bed, reference, sites)
        points = f"{len(reference.points)} points of {len(reference.writes)} writes"
        say(f"{reference.journey.name}: killed at {points}, {len(found)} problems")
        problems += found
    say(f"killed at {sum(len(reference.points) for reference in references)} points")
    for site in sites:
        bed.clear(site)
    demand_none(problems)


def test_each_webhook_of_a_play_waits_for_its_own_deliveries(bed: Bed) -> None:
    first, second = bed.site(), bed.site()
    forward = Journey("forward")
    rotation = Journey("rotation", variables={**ROTATED, "flux_webhook_prove": "nothing"})
    assert set(bed.play(forward, [first, second]).values()) == {"changed"}
    assert bed.play(rotation, [first]) == {first.name: "changed"}
    writes = bed.watch(second)
    # What the first host has to wait for says nothing about the second.
    assert bed.play(rotation, [first, second], flux_webhook_rotation_pause=_PAUSE) == {
        first.name: "",
        second.name: "changed",
    }
    [moved] = [at for text, at in zip(writes.seen, writes.at, strict=True) if text.startswith("PATCH /repos/")]
    gone = [at for text, at in zip(writes.seen, writes.at, strict=True) if re.match("DELETE .*/receivers/hooks$", text)]
    assert gone[0] - moved >= _PAUSE
    for site in (first, second):
        bed.clear(site)


def _undisturbed(bed: Bed, say: Callable[[str], None]) -> list[Reference]:
    """Make all journeys one after the other, and see that each ends where it should."""
    site = bed.site()
    before = bed.told([site])[site.name]
    references = []
    for journey in JOURNEYS:
        bed.faults.clear()
        writes = bed.watch(site)
        ended = bed.play(journey, [site])
        assert ended == {site.name: "changed"}, ended
        references.append(Reference(journey, writes.seen, bed.told([site])[site.name]))
    say(f"undisturbed: {sum(len(item.writes) for item in references)} writes")
    by_name = {item.journey.name: item.told for item in references}
    bed.clear(site)
    _demand_ends(before, by_name)
    return references


def _demand_ends(before: list[str], told: dict[str, list[str]]) -> None:
    """What each level leaves, and that forwards leads to the same from everywhere."""
    assert told["forward from full"] == told["forward from nothing"]
    assert told["forward from partial"] == told["forward from emergency"] == told["rotation"]
    # Flux's own policy was not there before, and is given back.
    left = [line for line in told["full"] if line not in (*before, NO_RULES)]
    assert len(left) == 1, left
    assert '"kind": "NetworkPolicy"' in left[0]
    for name, active in (("forward from nothing", True), ("rotation", True), ("emergency", False), ("partial", False)):
        webhooks = [json.loads(line.partition(" ")[2]) for line in told[name] if line.startswith("webhook ")]
        assert [(item["active"], item["signed by the token"]) for item in webhooks] == [(active, True)], name
        assert [item["answered"] for item in webhooks] == [200 if active else False], name


def _disturbed(bed: Bed, reference: Reference, sites: list[Site]) -> list[str]:
    """Make a journey on every site, one killed at each point; return what was not as it should be."""
    journey, points = reference.journey, reference.points
    labels = {site.name: f"{journey.name}, undisturbed" for site in sites}
    problems = []
    bed.faults.clear()

    def attempt(site: Site, nth: int, when: str) -> None:
        struck = bed.kill(journey, site, nth, when)
        labels[site.name] = f"{journey.name}, killed {when} write {nth}, {struck.replace(site.name, '<site>')}"
        if not struck:
            problems.append(f"{labels[site.name]}: it was not killed")

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in [pool.submit(attempt, site, *point) for site, point in zip(sites, points, strict=False)]:
            done.result()
    bed.faults.clear()
    again = bed.play(journey, sites)
    problems += [
        f"{labels[name]}: the next run failed: {text}" for name, text in again.items() if text not in ("", "changed")
    ]
    watched = {site.name: bed.watch(site) for site in sites}
    third = bed.play(journey, sites, flux_webhook_prove="nothing")
    problems += [f"{labels[name]}: the run after that: {text}" for name, text in third.items() if text]
    problems += [f"{labels[name]}: the run after that wrote {item.seen}" for name, item in watched.items() if item.seen]
    return problems + _differences(bed, reference, sites, labels)


def _differences(bed: Bed, reference: Reference, sites: list[Site], labels: dict[str, str]) -> list[str]:
    """Return how sites differ from the reference. Controllers act at times of their own: a difference must last."""
    deadline = time.monotonic() + _SETTLES_WITHIN
    while True:
        problems = []
        for name, told in bed.told(sites).items():
            problems += [f"{labels[name]}: missing {line}" for line in reference.told if line not in told]
            problems += [f"{labels[name]}: too much {line}" for line in told if line not in reference.told]
            if len(told) != len(reference.told):
                problems.append(f"{labels[name]}: {len(told)} things in place of {len(reference.told)}")
        if not problems or time.monotonic() > deadline:
            return problems
        time.sleep(_POLL)
