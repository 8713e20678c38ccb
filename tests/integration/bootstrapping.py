"""A machine with a cluster and a Git server of its own, on which the playbook bootstrap is run, disturbed and searched.

In: a sandbox without any kind but Kubernetes', and a name. Out: runs with what they said, ended by force where a test
wants it; what stands in the cluster and in the tree; every place where a secret could have been left. Never here: what
should have come of it.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.contract import search, snapshot
from tests.contract.platform import BIN, VARIABLES, environment
from tests.sandbox import git_server, mirror
from tests.sandbox.api import Object
from tests.sandbox.demo_bootstrap import PLATFORM
from tests.sandbox.faults import Faults, Kill
from tests.sandbox.git_server import READ, GitServer
from tests.sandbox.proxy import Proxy
from tests.sandbox.sandbox import CHECKOUT, Sandbox, join
from tests.sandbox.state import User

PARTS = ("api_server", "control_plane", "kwok")
TREE, RECORD = "tree", ".aphex/tree.yaml"
READER, CLOUDFLARE = "CANARY-of-who-reads-the-tree-4711", "CANARY-of-cloudflare-4711"
_WITHIN = 600.0
_NEVER = 1_000_000
_TELLING = 16
_STAMP = re.compile(r"^[-0-9 :,]+p=\d+ u=\w+ n=\w+ \w+\| ")
# What stands in a Secret beside secrets: where the tree lies, and who reads it.
_PLAIN = {"tls.crt", "ca.crt", "url", "username", "type", "name", "project"}
# What each control plane makes for itself, with values of its own.
_OF_THE_SERVER = (
    "kube-root-ca.crt",
    "extension-apiserver-authentication",
    "kube-apiserver-legacy-service-account-token-tracking",
    "kubernetes",
)
_OWN_KINDS = {
    "APIService",
    "ComponentStatus",
    "CSINode",
    "FlowSchema",
    "Lease",
    "Node",
    "PersistentVolume",
    "PriorityLevelConfiguration",
}
_VOLUME = re.compile(r'(?<="volumeName": ")[^"]+')


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code (negative for a signal) and all that it said."""

    code: int
    output: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def changed(self) -> int:
        """How many tasks changed something, by the recap; -1 without one."""
        told = re.findall(r"changed=(\d+)", self.output.rpartition("PLAY RECAP")[2])
        return sum(map(int, told)) if told else -1

    @property
    def said(self) -> str:
        """What it said when it failed, in one line, or its end when it did not say."""
        found = re.findall(r"^fatal: .*?\n(?=\S)|^\[ERROR\]: .*?\n", self.output, re.MULTILINE | re.DOTALL)
        return " ".join(" ".join(found).split()) or self.output[-2000:]


@dataclass
class Watch:
    """Every write to the API server or to Git, in order; a matcher that never strikes."""

    seen: list[str] = field(default_factory=list)

    def __call__(self, method: str, path: str) -> bool:
        if path.rpartition("/")[2].startswith("git-") and not git_server.writes(method, path):
            return False
        self.seen.append(f"{method} {path.partition('?')[0]}")
        return False


@dataclass
class Machine:
    """Where the playbook runs. ``folder`` is all that it may leave something in."""

    sandbox: Sandbox
    git: GitServer
    proxy: Proxy
    folder: Path
    repository: str
    variables: dict[str, Any]
    runs: list[Path] = field(default_factory=list)

    @property
    def faults(self) -> Faults:
        """What is armed before the API server and at the Git server alike."""
        return self.proxy.faults

    @property
    def platform(self) -> Path:
        """The folder of the platform."""
        return self.folder / "platform"

    def start(self, **more: Any) -> tuple[subprocess.Popen[bytes], Path]:
        """Start the playbook; the process, and the file with what it says."""
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        inputs = self.folder.parent / f"{self.folder.name}-inputs.json"
        inputs.write_text(json.dumps({**self.variables, **more}), encoding="utf-8")
        env = environment(
            self.folder,
            TMPDIR=str(temporary),
            ANSIBLE_LOG_PATH=str(self.folder / "ansible.log"),
            K8S_AUTH_HOST=self.proxy.url,
            K8S_AUTH_API_KEY=str(self.sandbox.api.identity.token),
            GIT_TOKEN=self.git.token,
            APHEX_UPSTREAM_MIRROR=str(mirror.make(mirror.cache())),
            APHEX_PLATFORM_FOLDER=str(self.platform),
            APHEX_SANDBOX_TREE=self.repository,
            APHEX_SANDBOX_ZONE=str(VARIABLES["crds_zone"]),
            CLOUDFLARE_ACCOUNT_ID=str(VARIABLES["crds_account_id"]),
            CLOUDFLARE_API_URL="https://cloudflare.example.org/client/v4",
        )
        env["PATH"] = f"{self.sandbox.folder}{os.pathsep}{env['PATH']}"
        output = self.folder / f"output-{len(self.runs)}"
        self.runs.append(output)
        command = [str(BIN / "ansible-playbook"), "-vvv", "--diff", "-i", PLATFORM, "aphex.platform.bootstrap"]
        with output.open("wb") as file:
            process = subprocess.Popen([*command, "-e", f"@{inputs}"], cwd=CHECKOUT, env=env, stdout=file, stderr=file)
        return process, output

    def play(self, **more: Any) -> Ended:
        """Run the playbook to its end."""
        process, output = self.start(**more)
        return Ended(process.wait(_WITHIN), output.read_text(encoding="utf-8"))

    def strike(self, *kills: Kill, **more: Any) -> Ended:
        """Run the playbook, and end it and all that it has started at the first of these kills."""
        started: Future[int] = Future()
        for kill in kills:
            self.faults.arm(replace(kill, action=lambda: end(started.result())))
        process, output = self.start(**more)
        started.set_result(process.pid)
        return Ended(process.wait(_WITHIN), output.read_text(encoding="utf-8"))

    def watch(self) -> Watch:
        """Note the writes from now on."""
        watch = Watch()
        self.faults.arm(Kill(_NEVER, match=watch))
        return watch

    def secrets(self) -> dict[str, str]:
        """Every value that a Secret of the cluster holds, by namespace/name.key, but for what is none."""
        return {
            f"{item['metadata']['namespace']}/{item['metadata']['name']}.{key}": _text(value)
            for item in self.sandbox.api.list("/api/v1/secrets")
            for key, value in (item.get("data") or {}).items()
            if key not in _PLAIN
        }

    def objects(self) -> list[str]:
        """Every object that each cluster has alike, in words; random values by their length."""
        found = [item for item in snapshot.everything(self.sandbox.api) if _counts(item)]
        return [_VOLUME.sub("<any>", line) for line in snapshot.told(found, {self.git.url: "<git>"})]

    def tree(self) -> dict[str, str]:
        """Every file of the tree, but for the record, which says the same once more by digests."""
        files = self.git.files(TREE).items()
        return {path: text.replace(self.git.url, "<git>") for path, text in files if path != RECORD}

    def leaks(self) -> list[str]:
        """Every place where a secret stands: one that was made, or one that was given."""
        given = {"git_token": self.git.token, "token of a reader": READER, "token for Cloudflare": CLOUDFLARE}
        given["token for the cluster"] = str(self.sandbox.api.identity.token)
        pairs = {f"{name}, coded": base64.b64encode(f"git:{value}".encode()).decode() for name, value in given.items()}
        return search.found(self._places(), {**_lines(self.secrets()), **given, **pairs})

    def _places(self) -> Iterator[tuple[str, str]]:
        for kind, content in self.git.everything(TREE):
            yield f"a {kind} of the repository", content.decode("utf-8", "replace")
        copy = self.platform / "tree"
        for kind, content in git_server.everything(copy) if (copy / "HEAD").is_file() else []:
            yield f"a {kind} of the working copy", content.decode("utf-8", "replace")
        for entry in self.git.log.entries():
            yield "an address that Git was asked for", f"{entry.path}?{entry.query}"
        for seen in self.proxy.requests():
            yield "an address that the API server was asked for", f"{seen.uri} {seen.agent}"
        said = [*self.runs, self.folder / "ansible.log"]
        yield "the outputs, and the log", _lines_once(said)
        # The authority is made before the cluster; the documents say where its key lies.
        searched = {*said, self.platform / "ca.key"}
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in searched:
                place = str(path.relative_to(self.folder))
                yield place, f"{place}\n{path.read_bytes().decode('utf-8', 'replace')}"


@contextmanager
def machine(name: str, folder: Path, **variables: Any) -> Iterator[Machine]:
    """A sandbox with an empty API server, a Git server with an empty repository, and an empty folder."""
    sandbox = join(f"{name}-{os.getpid()}", PARTS, user=User.this_process(name))
    faults = Faults()
    folder.mkdir()
    try:
        with GitServer(folder.parent / f"{folder.name}-git") as git, sandbox.proxy(faults) as proxy:
            git.faults = faults
            git.make(TREE)
            git.add_token(READ, READER)
            given = {
                "platform_tree_wait": False,
                "platform_secrets_cloudflare_token": CLOUDFLARE,
                "platform_secrets_tree_access": "password",
                "platform_secrets_tree_username": "reader",
                "platform_secrets_tree_password": READER,
            }
            yield Machine(sandbox, git, proxy, folder, git.url_of(TREE), {**given, **variables})
    finally:
        sandbox.leave()


def same_authority(source: Machine, target: Machine) -> None:
    """Give one machine the authority of another, which is made at random before any cluster is asked."""
    target.platform.mkdir(mode=0o700, exist_ok=True)
    for name in ("ca.crt", "ca.key"):
        shutil.copy2(source.platform / name, target.platform / name)


def changes_of_another_run(on: Machine, **inputs: Any) -> list[str]:
    """Play once more, and return what it changed or wrote, or why it failed."""
    watch = on.watch()
    again = on.play(**inputs)
    problems = [] if (again.code, again.changed) == (0, 0) else [f"another run: {again.code} {again.said}"]
    return problems + [f"another run writes {call}" for call in watch.seen]


def end(pid: int) -> None:
    """End a playbook and all that it has started, the hard way.

    Its workers, and the programs that they run, lead sessions of their own, so there is no group to kill. Each process
    is halted before its children are listed, and so starts no other.
    """
    halted: list[int] = []
    waiting = [pid]
    while waiting:
        halted += [each for each in waiting if _send(each, signal.SIGSTOP)]
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
        waiting = [child for child, parent in pairs if parent in halted and child not in halted]
    for each in reversed(halted):
        _send(each, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _counts(item: Object) -> bool:
    return item["kind"] not in _OWN_KINDS and item["metadata"]["name"] not in _OF_THE_SERVER


def _text(value: str) -> str:
    return base64.b64decode(value).decode("utf-8", "replace").strip()


def _lines_once(files: list[Path]) -> str:
    """Every line that one of these files has: from run to run most of a hundred megabytes are the same."""
    lines: set[str] = set()
    for path in files:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines.update(_STAMP.sub("", line) for line in file)
    return "".join(lines)


def _lines(secrets: dict[str, str]) -> dict[str, str]:
    """Values as they are looked for: of a key over many lines one line, since a log may show it line by line."""
    answer = {}
    for name, value in secrets.items():
        lines = [line for line in value.splitlines() if not line.startswith("-----")]
        longest = max(lines, key=len, default="")
        if len(longest) >= _TELLING:
            answer[name] = longest
    return answer
