"""Stand-ins of programs that need a machine of their own: a container engine, systemd, k3s.

In: a folder. Out: scripts to be put on a PATH; each keeps what it did and what is there in files of that folder, and
logs every call with what it was given. Never here: a service, a container, or a change outside of the folder.

The container engine is asked by the real `kind`, so what is kept of a node is what kind and kubeadm would read there.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

_LABEL = "io.x-k8s.kind."
CANARY = "canary-key-of-an-administrator"
"""What stands in the kubeconfigs for a private key."""

KUBECONFIG = f"""\
apiVersion: v1
kind: Config
clusters:
  - name: default
    cluster: {{server: "https://127.0.0.1:6443", certificate-authority-data: "Y2E="}}
contexts:
  - name: default
    context: {{cluster: default, user: default}}
current-context: default
users:
  - name: default
    user: {{client-certificate-data: "Y2VydA==", client-key-data: "{CANARY}"}}
"""


@dataclass(frozen=True)
class Commands:
    """The stand-ins of one test."""

    folder: Path

    @property
    def path(self) -> Path:
        """What comes first on the PATH."""
        return self.folder / "bin"

    def script(self, name: str, *baked: str) -> str:
        """The text of a stand-in; `baked` are its first arguments."""
        words = " ".join(f"'{word}'" for word in (sys.executable, "-I", __file__, str(self.folder), name, *baked))
        return f'#!/bin/sh\nexec {words} "$@"\n'

    def install(self, name: str, *baked: str) -> None:
        """Put a stand-in on the PATH."""
        self.path.mkdir(parents=True, exist_ok=True)
        target = self.path / name
        target.write_text(self.script(name, *baked), encoding="utf-8")
        target.chmod(0o755)

    def calls(self, name: str = "") -> list[list[str]]:
        """Every call so far, of one stand-in or of all, without the program's own name."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        found = [json.loads(line) for line in lines]
        return [argv for called, argv in found if name in ("", called)]

    def forget(self) -> None:
        """Begin the log of calls anew."""
        (self.folder / "calls.jsonl").unlink(missing_ok=True)

    def state(self) -> dict[str, Any]:
        """What the stand-ins hold."""
        return _load(self.folder)

    def put(self, **values: Any) -> None:
        """Change what they hold."""
        with _kept(self.folder) as state:
            state.update(values)

    def node_file(self, node: str, path: str) -> str:
        """A file that kind has written into a node."""
        return (self.folder / "nodes" / node / path.lstrip("/")).read_text(encoding="utf-8")


def _load(folder: Path) -> dict[str, Any]:
    path = folder / "state.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


@contextmanager
def _kept(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        flock(lock, LOCK_EX)
        state = _load(folder)
        yield state
        # Whole at once: others read without the lock.
        written = folder / "state.new"
        written.write_text(json.dumps(state), encoding="utf-8")
        written.replace(folder / "state.json")


def _log(folder: Path, name: str, argv: list[str]) -> None:
    with (folder / "calls.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps([name, argv]) + "\n")


def _after(argv: list[str], *names: str) -> str:
    """The value of an option, as two words or as one with an equals sign; empty when it is not there."""
    for at, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else argv[at + 1]
    return ""


# the container engine -------------------------------------------------------------------------------------------------


def docker(folder: Path, argv: list[str]) -> int:
    """Answer what kind asks of a container engine."""
    if _load(folder).get("engine_down"):
        print("Cannot connect to the Docker daemon", file=sys.stderr)
        return 1
    verb = argv[0]
    if verb == "exec":
        return _exec(folder, argv)
    with _kept(folder) as state:
        containers = state.setdefault("containers", {})
        if verb == "info":
            wanted = {"CgroupDriver": "systemd", "CgroupVersion": "2", "MemoryLimit": True, "PidsLimit": True}
            print(json.dumps(wanted) if "json" in argv[-1] else str(folder))
        elif verb == "ps":
            label = _after(argv, "--filter").removeprefix("label=").removeprefix(f"{_LABEL}cluster").lstrip("=")
            found = {name: item for name, item in containers.items() if label in ("", item["cluster"])}
            shown = found if "Names" in _after(argv, "--format") else {item["cluster"]: 1 for item in found.values()}
            print("".join(f"{name}\n" for name in shown), end="")
        elif verb == "run":
            labels = dict(word.split("=", 1) for at, word in enumerate(argv) if argv[at - 1] == "--label")
            containers[_after(argv, "--name")] = {
                "cluster": labels[f"{_LABEL}cluster"],
                "role": labels[f"{_LABEL}role"],
                "argv": argv,
            }
        elif verb == "logs":
            print("Reached target Multi-User System.")
        elif verb == "rm":
            for name in [word for word in argv[1:] if not word.startswith("-")]:
                containers.pop(name, None)
                shutil.rmtree(folder / "nodes" / name, ignore_errors=True)
        elif verb == "network":
            print("0123456789ab" if "{{.ID}}" in argv[-1] else "kind")
        elif verb == "inspect":
            print(_inspected(containers, argv))
    return 0


def _inspected(containers: dict[str, Any], argv: list[str]) -> str:
    asked = _after(argv, "--format", "-f")
    container = containers.get(argv[-1], {})
    if f"{_LABEL}role" in asked:
        return str(container["role"])
    if "IPAddress" in asked:
        return f"172.18.0.{2 + list(containers).index(argv[-1])},"
    if "NetworkSettings.Ports" in asked:
        published = next(word for word in container["argv"] if "6443/" in word)
        found = re.search(r"([0-9.]+):([0-9]*):6443", published)
        assert found is not None
        return f"{found[1]}\t{found[2] or '34567'}"
    return ""


def _exec(folder: Path, argv: list[str]) -> int:
    """Do in a node what leaves a file there, and agree to the rest."""
    words = argv[1:]
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] == "-e" else words[1:]
    node, command = words[0], words[1:]
    place = folder / "nodes" / node
    if command[:2] == ["cp", "/dev/stdin"]:
        target = place / command[2].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(sys.stdin.buffer.read())
    elif command[0] == "cat":
        print(_file_of(folder, place, node, command[1]), end="")
    elif command[0] == "kubeadm":
        fails = _load(folder).get("kubeadm_fails")
        if fails:
            print(fails, file=sys.stderr)
            return 1
    elif command[0] == "kubectl" and "nodes" in command and "get" in command:
        print("'True'", end="")
    return 0


def _file_of(folder: Path, place: Path, node: str, path: str) -> str:
    if (place / path.lstrip("/")).is_file():
        return (place / path.lstrip("/")).read_text(encoding="utf-8")
    if path == "/kind/version":
        image = _load(folder)["containers"][node]["argv"][-1]
        found = re.search(r":(v[0-9.]+)@", image)
        return found[1] if found else "v1.36.1"
    if path == "/etc/kubernetes/admin.conf":
        return KUBECONFIG
    return "apiVersion: v1\nkind: List\nitems: []\n"


# systemd --------------------------------------------------------------------------------------------------------------


def systemctl(folder: Path, argv: list[str]) -> int:
    """Keep one service that is described below the root that was baked in."""
    root = Path(argv[0])
    words = [word for word in argv[1:] if not word.startswith("-")]
    unit = root / "etc/systemd/system/k3s.service"
    verb = words[0] if words else "--version"
    with _kept(folder) as state:
        if verb == "show":
            loaded, active = unit.is_file(), state.get("active")
            print(f"Id=k3s.service\nLoadState={'loaded' if loaded else 'not-found'}")
            print(f"ActiveState={'active' if active else 'inactive'}\nSubState={'running' if active else 'dead'}")
            print(f"UnitFileState={'enabled' if state.get('enabled') else 'disabled'}")
        elif verb == "is-enabled":
            print("enabled" if state.get("enabled") else "disabled")
            return 0 if state.get("enabled") else 1
        elif verb == "is-active":
            print("active" if state.get("active") else "inactive")
            return 0 if state.get("active") else 3
        elif verb in ("enable", "disable"):
            state["enabled"] = verb == "enable"
        elif verb in ("start", "restart"):
            return _started(root, unit, state)
        elif verb == "stop":
            state["active"] = False
    return 0


def _started(root: Path, unit: Path, state: dict[str, Any]) -> int:
    if not unit.is_file() or state.get("start_fails"):
        print("Job for k3s.service failed.", file=sys.stderr)
        return 1
    state["active"] = True
    state["starts"] = state.get("starts", 0) + 1
    state["running"] = {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in (unit, root / "usr/local/bin/k3s", *sorted((root / "etc/rancher/k3s").glob("*.yaml")))
    }
    target = root / "etc/rancher/k3s/k3s.yaml"
    target.write_text(KUBECONFIG, encoding="utf-8")
    target.chmod(0o600)
    return 0


# k3s ------------------------------------------------------------------------------------------------------------------


def k3s(folder: Path, argv: list[str]) -> int:
    """Be the program of one version, which is baked in."""
    version, words = argv[0], argv[1:]
    if "--version" in words:
        print(f"k3s version {version} (0123abcd)\ngo version go1.26.0")
        return 0
    if "kubectl" in words and not _load(folder).get("active"):
        print("The connection to the server was refused", file=sys.stderr)
        return 1
    print("ok" if "/readyz" in words else "")
    return 0


_PROGRAMS: dict[str, Callable[[Path, list[str]], int]] = {"docker": docker, "systemctl": systemctl, "k3s": k3s}


def main(argv: list[str]) -> int:
    """Be the stand-in that the script names."""
    folder, name, words = Path(argv[0]), argv[1], argv[2:]
    _log(folder, name, words)
    return _PROGRAMS[name](folder, words)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
