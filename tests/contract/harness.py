"""Runs of the product in processes of their own, on tenants of their own, with everything between them and the world.

In: a sandbox on which the platform is installed. Out: `Bed` with `Site`s: each has a tenant's name, a proxy before the
API server, a Cloudflare and a GitHub stand-in, so that kills and faults strike one run and no other. Never here: an
expectation.

The product has no test hooks: what kills it or breaks its answers sits in the proxy and in the stand-ins.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.contract import platform, snapshot
from tests.contract.listener import Listener
from tests.sandbox import build, stack
from tests.sandbox.api import Api
from tests.sandbox.cluster import Reader
from tests.sandbox.edge import Edge
from tests.sandbox.faults import Faults
from tests.sandbox.proxy import Proxy
from tests.sandbox.sandbox import CHECKOUT, Sandbox, join
from tests.sandbox.standins.cloudflare import BASE, Cloudflare
from tests.sandbox.standins.github import GitHub, writes
from tests.sandbox.state import User

Say = Callable[[str], None]

MODULES = ("organization", "repo_binding")
PATIENT, IMPATIENT = 30, 2
"""Seconds that a run waits for an answer: ordinarily, and where an answer is held back on purpose."""


def patience(kind: str) -> int:
    """Return how long a run waits for an answer under a fault of that kind.

    Only where answers are held back is it short: on a busy machine an ordinary answer may take a second.
    """
    return IMPATIENT if kind == "timeout" else PATIENT


MARK = "x7"
"""What every tenant's name here begins with, so that its objects are told apart by name alone."""

_ENDS_WITHIN = 300.0

REPOSITORY = "repository"
"""The repository of every binding; each has a GitHub of its own."""

GITHUB = {"owner": platform.OWNER}
EACH_THEIR_OWN = {**GITHUB, "webhook": "repositories"}
"""What organizations say of GitHub: that theirs is the one webhook, or that each repository has one."""

PIPELINE = """
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: any}
spec:
  tasks:
    - name: hello
      taskSpec: {steps: [{name: say, image: registry.example.org/busybox:1.37, script: "echo hello"}]}
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended: the task's result, or None when it was killed."""

    result: dict[str, Any] | None

    @property
    def killed(self) -> bool:
        return self.result is None

    @property
    def ok(self) -> bool:
        return self.result is not None and not self.result.get("failed")

    @property
    def changed(self) -> bool:
        return bool(self.result and self.result["changed"])

    @property
    def msg(self) -> str:
        return str((self.result or {}).get("msg", ""))


class Run:
    """A run that has been started."""

    def __init__(self, answer: Path) -> None:
        self._answer = answer
        self.process: Future[int] = Future()
        self.status: Future[int] = Future()

    def kill(self) -> None:
        """End it the hard way."""
        os.kill(self.process.result(_ENDS_WITHIN), signal.SIGKILL)

    def ended(self) -> Ended:
        """Wait for its end. Raises RuntimeError when the child broke in a way that is no answer of the product."""
        status = self.status.result(_ENDS_WITHIN)
        if status == -signal.SIGKILL:
            return Ended(None)
        if status != 0:
            raise RuntimeError(f"the child ended with {status}; what it said stands on standard error")
        result = json.loads(self._answer.read_text(encoding="utf-8"))
        self._answer.unlink()
        return Ended(result)


class Runner:
    """The forking process and those who wait for its children; may be used from several threads."""

    def __init__(self, folder: Path, modules: Iterable[str]) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(platform.COLLECTIONS)]),
            "PATH": os.pathsep.join([str(build.folder_of("sops")), os.environ["PATH"]]),
        }
        command = [sys.executable, "-m", "tests.contract.forker", *modules]
        self._process = subprocess.Popen(
            command, cwd=CHECKOUT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, module: str, params: dict[str, Any], timeout: int) -> Run:
        """Start a run of that module."""
        identity = uuid.uuid4().hex
        run = Run(self._folder / f"{identity}.json")
        order = {"id": identity, "module": module, "params": params, "timeout": timeout, "answer": str(run._answer)}
        with self._lock:
            self._runs[identity] = run
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        return run

    def stop(self) -> None:
        """End the forking process, and with it its children."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            words = json.loads(line)
            with self._lock:
                run = self._runs[words["id"]] if "pid" in words else self._runs.pop(words["id"])
            if "pid" in words:
                run.process.set_result(words["pid"])
            else:
                run.status.set_result(words["status"])


@dataclass(eq=False)
class Site:
    """One tenant's surroundings. `organization` and `binding` are names; calls and trouble are counted here alone."""

    bed: Bed
    organization: str
    binding: str
    proxy: Proxy
    cloudflare: Cloudflare
    github: GitHub
    edge: Edge
    """What leads to the real listeners; it is started where there are some."""
    history: list[Ended] = field(default_factory=list)

    @property
    def faults(self) -> Faults:
        """What is armed before the API server, at Cloudflare and at GitHub alike."""
        return self.proxy.faults

    def start(self, module: str, timeout: int = PATIENT, **params: Any) -> Run:
        """Start a run of the module on this tenant."""
        arguments = self._organization() if module == "organization" else self._repo_binding()
        if module == "organization":
            arguments["cloudflare_timeout"] = timeout
        return self.bed.runner.start(module, {**arguments, "github_timeout": timeout, **params}, timeout)

    def run(self, module: str, timeout: int = PATIENT, **params: Any) -> Ended:
        """Run the module on this tenant to its end, whatever that is."""
        ended = self.start(module, timeout, **params).ended()
        self.history.append(ended)
        return ended

    def done(self, module: str, **params: Any) -> Ended:
        """Run the module, which must succeed."""
        ended = self.run(module, **params)
        assert ended.ok, f"{module} {params} of {self.organization}/{self.binding}: {ended.msg or 'killed'}"
        return ended

    def clear(self) -> None:
        """Forget all requests, and disarm everything."""
        self.proxy.clear()
        self.cloudflare.log.clear()
        self.github.log.clear()

    def writes(self) -> list[str]:
        """The requests since the last `clear()` that change state, in all places."""
        outside = [*self.cloudflare.log.writes(), *(entry for entry in self.github.log.entries() if writes(entry))]
        found = [str(seen) for seen in self.proxy.writes()]
        return found + [f"{entry.method} {entry.path} -> {entry.status}" for entry in outside]

    def stop(self) -> None:
        """Close all servers. What they have seen, and what the stand-ins hold, can still be read."""
        self.proxy.stop()
        self.github.stop()
        self.edge.stop()
        self.cloudflare.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.stop()

    def _connection(self) -> dict[str, Any]:
        cluster = {"host": self.proxy.url, "api_key": self.bed.token}
        return {**cluster, "github_api_url": self.github.url, "github_token": self.github.token}

    def _organization(self) -> dict[str, Any]:
        return {
            "name": self.organization,
            "display_name": "An organization",
            "admin_users": ["alice@example.org", "bob@example.org"],
            "github": GITHUB,
            "tunnel": {"replicas": 1},
            "wait": False,
            "wait_timeout": 240,
            "cloudflare_api_url": f"{self.cloudflare.url}{BASE}",
            "cloudflare_api_token": self.cloudflare.token,
            "cloudflare_account_id": self.cloudflare.account_id,
            **self._connection(),
        }

    def _repo_binding(self) -> dict[str, Any]:
        return {
            "name": self.binding,
            "aphex_org": self.organization,
            "repo_org": platform.OWNER,
            "repo_name": REPOSITORY,
            "pipeline_spec": PIPELINE,
            "wait_timeout": 240,
            **self._connection(),
        }


@dataclass
class Bed:
    """A cluster with the platform on it, and the process that forks runs."""

    sandbox: Sandbox
    runner: Runner
    before: frozenset[str] | None
    """The names of all objects that were there before the first tenant; None where others make objects as well."""
    listener: Listener | None
    """What answers to GitHub where no listener is played."""

    @property
    def api(self) -> Api:
        return self.sandbox.api

    @property
    def token(self) -> str:
        """The admin's token: what a proxy hands on, which speaks plain HTTP."""
        token = self.api.identity.token
        assert token is not None, "the sandbox gives its admin a token"
        return token

    def site(self, organization: str = "") -> Site:
        """Make the surroundings of a new tenant; a binding may share the organization of others."""
        faults = Faults()
        cloudflare = Cloudflare()
        cloudflare.faults = faults
        cloudflare.start()
        cloudflare.add_zone(stack.ZONE)
        edge = Edge(cloudflare, Reader(self.api), self.sandbox.address)
        github = GitHub(deliver_to=self.listener.url if self.listener else edge.start().url)
        github.faults = faults
        github.start()
        github.add_repository(f"{platform.OWNER}/{REPOSITORY}")
        return Site(self, organization or _name(), _name(), self.sandbox.proxy(faults), cloudflare, github, edge)


def _name() -> str:
    return f"{MARK}{uuid.uuid4().hex[:8]}"


@contextmanager
def joined() -> Iterator[Sandbox]:
    """Join a sandbox without nodes and Tekton, since hundreds of tenants live in it, and install the platform."""
    version = os.environ.get("APHEX_SANDBOX_EMULATED_VERSION")
    name = os.environ.get("APHEX_SANDBOX", "tests") + "-crash"
    sandbox = join(name, ["crds"], user=User.this_process("pytest"), emulated_version=version)
    try:
        platform.install(sandbox)
        yield sandbox
    finally:
        sandbox.leave()


@contextmanager
def runner(modules: Iterable[str] = MODULES) -> Iterator[Runner]:
    """Start the process that forks runs of these modules."""
    with tempfile.TemporaryDirectory(prefix="aphex-runs-") as folder:
        made = Runner(Path(folder), modules)
        try:
            yield made
        finally:
            made.stop()


@contextmanager
def bed() -> Iterator[Bed]:
    """Make a bed of a sandbox that nobody else makes objects in."""
    with joined() as sandbox, on(sandbox, alone=True) as made:
        yield made


@contextmanager
def on(sandbox: Sandbox, alone: bool = False) -> Iterator[Bed]:
    """Make a bed of a sandbox with the platform; ``alone`` when nobody else makes objects in it."""
    sandbox.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    with runner() as forking:
        listener = Listener(sandbox.api).start() if alone else None
        try:
            yield Bed(sandbox, forking, snapshot.names(sandbox.api) if alone else None, listener)
        finally:
            if listener is not None:
                listener.stop()
