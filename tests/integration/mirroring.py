"""Fill a mirror folder by the playbook, as a user with internet would.

In: what other projects have published, as the sandbox's own mirror has it. Out: a folder, and what was asked for it.
Never here: an assertion, a cluster.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox import mirror
from tests.sandbox.demo_bootstrap import PLATFORM
from tests.sandbox.sandbox import CHECKOUT
from tests.sandbox.standins.releases import Releases

_WITHIN = 300


@dataclass(frozen=True)
class Played:
    """One run of the playbook."""

    code: int
    text: str
    changed: int


@dataclass(frozen=True)
class Online:
    """A machine with internet: what is behind its proxy, its home, and the folder that is to be carried away."""

    releases: Releases
    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "mirror"

    def play(self, *more: str, **extra: Any) -> Played:
        """Run the playbook mirror. There is no cluster, no authority, and no token."""
        foreign = ("K8S_AUTH_", "KUBECONFIG", "CLOUDFLARE_", "GIT", "APHEX_", "BACKUP_")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache" / "collections"),
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "APHEX_PLATFORM_FOLDER": str(self.home / "nothing"),
            "APHEX_SANDBOX_TREE": "https://git.example.org/platform/tree.git",
            # The inventory names the folder by it, and the modules know it too: it is not read from while it is filled.
            "APHEX_UPSTREAM_MIRROR": str(self.folder),
            "APHEX_UPSTREAM_CA_CERT": str(self.releases.ca),
            "HOME": str(self.home),
            "HTTPS_PROXY": self.releases.proxy,
        }
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", PLATFORM, "aphex.platform.mirror"]
        command += [*more, "-e", json.dumps(extra)]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=_WITHIN, check=False
        )
        text = done.stdout + done.stderr
        changed = sum(int(word.split("=")[1]) for word in text.split() if word.startswith("changed="))
        return Played(done.returncode, text, changed)

    def files(self) -> dict[str, tuple[int, bytes]]:
        """What the folder holds: time of the last change, and content."""
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def published(folder: Path) -> Releases:
    """The hosts of all that the parts take."""
    there = mirror.make(mirror.cache())
    index = yaml.safe_load((there / mirror.INDEX).read_text(encoding="utf-8"))
    texts = {url: (there / row["file"]).read_text(encoding="utf-8") for url, row in index["manifests"].items()}
    return Releases(folder, texts, index["images"])
