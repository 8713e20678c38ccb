"""Build the Go programs of the sandbox, once for each user and version.

In: a family (a folder under `go/` with its own module). Out: the folder with its programs, in the user's cache, named
by the hash of the module's files. Never here: a version; versions stand in the family's go.mod.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GO = Path(__file__).parent / "go"

_PROGRESS_EVERY = 10.0
_FORGET_AFTER_DAYS = 30
_ERROR_LINES = 40

Say = Callable[[str], None]


class BuildFailed(RuntimeError):
    """A Go build ended with an error; the text carries its last lines."""


@dataclass(frozen=True)
class Family:
    """One Go module: what to build in it, and which programs come out."""

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return GO / self.name

    def module_files(self) -> list[Path]:
        return sorted([self.folder / "go.mod", self.folder / "go.sum", *self.folder.rglob("*.go")])

    def key(self) -> str:
        """The hash of everything that decides what the programs are."""
        digest = hashlib.sha256(f"{platform.system()} {platform.machine()} {self.packages}".encode())
        for path in self.module_files():
            digest.update(str(path.relative_to(self.folder)).encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()[:16]

    def link_flags(self) -> str:
        """Smaller programs; and Kubernetes' own version, which a build as a dependency would report as v0.0.0."""
        flags = ["-s", "-w"]
        found = re.search(
            r"^\s+k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)$", self.folder.joinpath("go.mod").read_text(), re.M
        )
        if found:
            base = "k8s.io/component-base/version"
            version, major, minor = found.groups()
            flags += [f"-X {base}.gitVersion={version}", f"-X {base}.gitMajor={major}", f"-X {base}.gitMinor={minor}"]
        return " ".join(flags)


FAMILIES = {
    family.name: family
    for family in (
        Family("controlplane", (".",), ("controlplane",)),
        Family(
            "tekton",
            ("tool", "./controller", "./interceptors", "./validate"),
            ("controller", "eventlistenersink", "interceptors", "validate"),
        ),
        Family("kwok", ("tool",), ("kwok",)),
        Family("flux", ("tool",), ("notification-controller",)),
        # One program for every role of Argo CD, named after its folder; it is told which by its own name.
        Family("argocd", ("tool",), ("cmd",)),
        Family("kustomize", ("tool",), ("kustomize",)),
        # What writes a node's configuration, and what makes its static pods of it; both without a node.
        Family("kind", ("tool",), ("kind",)),
        Family("kubeadm", ("tool",), ("kubeadm",)),
        # What encrypts the secrets of a tree, and makes the keys for that.
        Family("sops", ("tool",), ("sops", "age-keygen")),
    )
}


OF_E2E = ("argocd",)
"""What one suite alone needs, and what takes long to build."""


def cache_folder() -> Path:
    """Where built programs of all checkouts of this user lie."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "aphex-platform" / "bin"


def folder_of(name: str) -> Path:
    """Where the programs of that family are once it is built."""
    family = FAMILIES[name]
    return cache_folder() / f"{family.name}-{family.key()}"


def built(name: str, say: Say = print) -> Path:
    """The folder with the programs of that family; built first if it is not there. Raises BuildFailed."""
    family = FAMILIES[name]
    target = folder_of(name)
    if not target.is_dir():
        with _alone(family, say):
            # Whoever held the lock may have built the very same.
            if not target.is_dir():
                _build(family, target, say)
    os.utime(target)
    return target


@contextmanager
def _alone(family: Family, say: Say) -> Iterator[None]:
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f"{family.name}.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{family.name}: another process builds it, waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(family: Family, target: Path, say: Say) -> None:
    go = shutil.which("go")
    if go is None:
        raise BuildFailed(f"{family.name} has to be built, and there is no `go` on the PATH: install Go (see go.mod).")
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    say(f"{family.name}: building {', '.join(family.programs)} (once; some minutes with an empty Go cache)")
    begin = time.monotonic()
    command = [go, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", family.link_flags()]
    _run([*_nicely(), *command, "-o", f"{partial}{os.sep}", *family.packages], family, say)
    missing = [program for program in family.programs if not (partial / program).is_file()]
    if missing:
        raise BuildFailed(f"{family.name}: the build went through but made no {', '.join(missing)}")
    partial.rename(target)
    say(f"{family.name}: built in {time.monotonic() - begin:.0f} s, {_megabytes(target)} MB")
    _forget_old(family, target)


def _run(command: list[str], family: Family, say: Say) -> None:
    # GOFLAGS of the user must not decide what comes out; the module files may not be changed by a build.
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    process = subprocess.Popen(
        command, cwd=family.folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    lines: list[str] = []
    done = threading.Event()
    reporter = threading.Thread(target=_report, args=(family.name, lines, done, say), daemon=True)
    reporter.start()
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line.rstrip())
    code = process.wait()
    done.set()
    reporter.join()
    if code:
        raise BuildFailed(f"{family.name}: go build ended with {code}\n" + "\n".join(lines[-_ERROR_LINES:]))


def _report(name: str, lines: list[str], done: threading.Event, say: Say) -> None:
    begin = time.monotonic()
    while not done.wait(_PROGRESS_EVERY):
        packages = [line for line in list(lines) if not line.startswith("go:")]
        now = lines[-1] if lines else "reading the module"
        say(f"{name}: {time.monotonic() - begin:4.0f} s, {len(packages):4d} packages compiled, now {now}")


def _nicely() -> list[str]:
    nice = shutil.which("nice")
    return [nice, "-n", "10"] if nice else []


def _megabytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) // 1_000_000


def _forget_old(family: Family, current: Path) -> None:
    """Remove builds of the family that no checkout has used for a month; each is a hundred megabytes."""
    limit = time.time() - _FORGET_AFTER_DAYS * 86400
    pattern = re.compile(rf"{re.escape(family.name)}-[0-9a-f]{{16}}(\.partial)?")
    for folder in cache_folder().iterdir():
        if folder != current and pattern.fullmatch(folder.name) and folder.stat().st_mtime < limit:
            shutil.rmtree(folder)


def build_all(names: list[str], say: Say = print) -> None:
    """Build these families, or all but those of `make e2e`, one after the other: a Go build takes every core."""
    for name in names or [name for name in FAMILIES if name not in OF_E2E]:
        say(f"{name}: {built(name, say)}")


def report_to_stderr(line: str) -> None:
    """A `Say` for commands whose standard output is data."""
    print(line, file=sys.stderr, flush=True)
