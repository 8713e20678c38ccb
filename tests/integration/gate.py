"""A real gate process beside a GitHub that is a stand-in: started, killed, and started again on what it has stored.

In: a folder, a policy. Out: a process that decides, deliveries with signatures of their own, what GitHub heard of it.
Never here: what a test expects; product code, but for the store, which tests read as its commands do.

The stand-in runs in the test's own process, without a Kubernetes control plane: that costs a second in place of thirty.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.gate.audit import Record
from services.gate.sqlite import SqliteInbox
from tests.sandbox.gate import STARTS_WITHIN, configure
from tests.sandbox.process import Process, answers
from tests.sandbox.standins.github import GitHub
from tests.sandbox.standins.server import Entry

REPOSITORY = "acme-corp/web-shop"
SECRET = "It's a Secret to Everybody"
APP = "main"
RULE = "/deployment_protection_rule"
APPROVE_ALL = "version: 1\nrules: [{name: all, decision: approve}]\n"
EVENT = "deployment_protection_rule"

_POLL = 0.05
_OPEN = re.compile(r'^gate_queue_entries\{state="(?:received|deferred|deciding)"\} ([0-9.e+]+)$', re.MULTILINE)


class Gate:
    """The process and its folder. What it is told beyond the least comes as keywords, each a key of its configuration.

    The folder outlives the process: ``start`` after ``kill`` goes on with what was stored.
    """

    def __init__(self, folder: Path, github: GitHub, policy: str = APPROVE_ALL, **more: Any) -> None:
        self.folder = folder
        self._process: Process | None = None
        self._starts = 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "key.pem").write_text(github.private_key, encoding="ascii")
        (folder / "secret").write_text(SECRET, encoding="utf-8")
        self.write_policy(policy)
        app = {
            "app_id": str(github.app_id),
            "key_file": str(folder / "key.pem"),
            "secret_files": [str(folder / "secret")],
            "api_url": github.url,
        }
        self._configured = configure(folder, {APP: app}, **more)

    @property
    def config(self) -> Path:
        return self._configured.file

    @property
    def port(self) -> int:
        return self._configured.port

    @property
    def internal_port(self) -> int:
        return self._configured.internal_port

    @property
    def url(self) -> str:
        return self._configured.url

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.running

    def write_policy(self, text: str) -> None:
        (self.folder / "policy.yml").write_text(text, encoding="utf-8")

    def start(self, wait: bool = True) -> Gate:
        """Start it, and wait until it receives unless told otherwise."""
        self._starts += 1
        self._process = self._configured.process(self.folder / f"gate-{self._starts}.log").start()
        if wait:
            self.wait()
        return self

    def wait(self) -> None:
        """Wait until it receives."""
        self._running.wait_ready(self.ready, STARTS_WITHIN)

    def ready(self) -> bool:
        """Does it receive now?"""
        return answers(self.port)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the gate with its configuration."""
        return self._configured.command(*arguments)

    def kill(self) -> None:
        """End it the hard way, as a power cut would."""
        self._running.kill()

    def stop(self, grace: float = 20.0) -> None:
        """End it the polite way. A gate that does not run is left as it is."""
        if self._process is not None:
            self._process.stop(grace)

    def records(self, run_id: int, *kinds: str) -> list[Record]:
        """Return what the audit log says of a run, of these kinds alone when there are any."""
        found = SqliteInbox(self.folder / "gate.sqlite3").records(where={"run_id": run_id})
        return [record for record in found if not kinds or record.kind in kinds]

    def over(self, run_id: int) -> bool:
        """Wait until nothing of a run is open any more."""
        inbox = SqliteInbox(self.folder / "gate.sqlite3")
        return bool(eventually(lambda: not any(f" {run_id} " in entry.key for entry in inbox.entries())))

    def idle(self) -> bool:
        """Wait until nothing that it has stored is open any more."""
        return bool(eventually(lambda: self.open_entries() == 0))

    def open_entries(self) -> int:
        """Return how much of what it has stored is not over yet, as its own figures tell."""
        text = self.inside("/metrics")
        return sum(int(float(count)) for count in _OPEN.findall(text))

    def inside(self, path: str) -> str:
        """Return what the internal listener answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.internal_port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def said(self) -> str:
        """Everything that every process of this gate has logged."""
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("gate-*.log")))

    def deliver(self, body: bytes, guid: str = "", event: str = EVENT, **headers: str) -> int | None:
        """Send a delivery with a right signature, and return the code of the answer; None when there was none."""
        sent = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid or str(uuid.uuid4()),
            "X-Hub-Signature-256": sign(body),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", f"/webhook/{APP}", body, sent)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("the gate was not started")
        return self._process


@contextmanager
def a_github(*environments: str, repository: str = REPOSITORY) -> Iterator[GitHub]:
    """A GitHub whose App has a rule on these environments. Its deliveries reach nobody before `connect`."""
    with GitHub() as github:
        for name in environments or ("production",):
            github.guard(repository, name)
        yield github


@contextmanager
def a_gate(folder: Path, github: GitHub, policy: str = APPROVE_ALL, **more: Any) -> Iterator[Gate]:
    """A gate that runs, and hears of what happens at that GitHub."""
    gate = Gate(folder, github, policy, **more)
    connect(github, gate)
    try:
        yield gate.start()
    finally:
        gate.stop()


def connect(github: GitHub, gate: Gate) -> None:
    """Let the App's deliveries go to a gate."""
    github.deliver_to = gate.url
    hook(github)


def hook(github: GitHub) -> None:
    """Give the App its webhook; whom it reaches is what ``deliver_to`` says."""
    github.hook_app(f"https://gate.example.com/webhook/{APP}", SECRET)


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def delivered(github: GitHub) -> list[dict[str, Any]]:
    """Return the App's deliveries when none is under way, the oldest first, whole."""
    github.settle()
    return list(reversed(github.log_of(github.app_id)))


def body_of(delivery: Mapping[str, Any]) -> bytes:
    """Return the body of a delivery in GitHub's log, as it was sent."""
    return json.dumps(delivery["request"]["payload"], separators=(",", ":")).encode()


def posts(github: GitHub, run_id: int | None = None) -> list[Entry]:
    """Return every decision that was sent, heard or not; comments without a decision are none."""
    below = RULE if run_id is None else f"/actions/runs/{run_id}{RULE}"
    sent = [entry for entry in github.log.entries() if entry.method == "POST" and entry.path.endswith(below)]
    return [entry for entry in sent if "state" in json.loads(entry.body or "{}")]


def decided(github: GitHub, run_id: int) -> list[str]:
    """Return the decisions about a run that took effect, by whomever."""
    return [each["state"] for each in run_of(github, run_id)["reviews"] if each["state"] != "pending"]


def run_of(github: GitHub, run_id: int) -> dict[str, Any]:
    """Return a run as GitHub has it, with its deployments and reviews."""
    return next(run for run in github.state()["runs"] if run["id"] == run_id)


def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return the first true answer; the last one when none came in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(_POLL)
