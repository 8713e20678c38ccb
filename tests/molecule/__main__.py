"""`python -m tests.molecule`: what a scenario cannot do by a playbook alone.

In: a command line. Out: one JSON document on the standard output. Never here: product code, or a sandbox that is
started: `python -m tests.sandbox` does that.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.molecule import gate
from tests.sandbox import mirror
from tests.sandbox.build import built
from tests.sandbox.cluster import Cluster
from tests.sandbox.standins.commands import Commands
from tests.sandbox.state import Place

_K3S = "v1.36.4+k3s1"
_IMAGES = "k3s-airgap-images-amd64.tar.zst"
_ROOT = ("usr/local/bin", "etc/systemd/system")


def machine(folder: Path) -> dict[str, Any]:
    """Make a machine: a folder as its root, the real kind, stand-ins of the container engine, systemd and k3s.

    A release of k3s lies in a folder, as for a machine without internet.
    """
    root, release = folder / "root", folder / "release"
    for path in (*(root / name for name in _ROOT), release):
        path.mkdir(parents=True, exist_ok=True)
    commands = Commands(folder / "commands")
    commands.install("docker")
    commands.install("systemctl", str(root))
    kind = commands.path / "kind"
    kind.unlink(missing_ok=True)
    kind.symlink_to(built("kind") / "kind")
    files = {"k3s": commands.script("k3s", _K3S), _IMAGES: f"images of {_K3S}"}
    for name, text in files.items():
        (release / name).write_text(text, encoding="utf-8")
    return {
        "root": str(root),
        "programs": str(commands.path),
        "release": str(release),
        "version": _K3S,
        "checksums": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()},
    }


def releases() -> str:
    """Return the mirror folder of this user, filled."""
    return str(mirror.make(mirror.cache()))


def mark(sandbox: str) -> int:
    """Return now, as a position in what a sandbox's API server has been asked."""
    return _cluster(sandbox).audit.mark()


def writes(sandbox: str, since: int) -> list[str]:
    """Return the writes of the product since a mark."""
    return [str(request) for request in _cluster(sandbox).audit.product_writes(since)]


def _cluster(sandbox: str) -> Cluster:
    return Cluster(Place(sandbox).folder)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m tests.molecule", description="What scenarios need.")
    commands = parser.add_subparsers(required=True, metavar="command")
    made = commands.add_parser("machine", help="make a machine for kind and k3s in a folder")
    made.add_argument("folder", type=Path)
    made.set_defaults(run=lambda given: machine(given.folder))
    gated = commands.add_parser("gate", help="make a machine for the gate in a folder")
    gated.add_argument("folder", type=Path)
    gated.set_defaults(run=lambda given: gate.machine(given.folder))
    filled = commands.add_parser("releases", help="fill the mirror folder, and say where it is")
    filled.set_defaults(run=lambda given: releases())
    marked = commands.add_parser("mark", help="say how far the log of the API server is")
    marked.add_argument("sandbox")
    marked.set_defaults(run=lambda given: mark(given.sandbox))
    written = commands.add_parser("writes", help="list what the product has written since a mark")
    written.add_argument("sandbox")
    written.add_argument("since", type=int)
    written.set_defaults(run=lambda given: writes(given.sandbox, given.since))
    given = parser.parse_args(words)
    print(json.dumps(given.run(given)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
