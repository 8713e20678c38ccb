"""What a role of parts renders, as objects.

In: a role's name, variables. Out: each part's files, objects and releases. Never here: a cluster.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.contract.platform import kept_modules
from tests.integration.installed import CHECKOUT, FILES
from tests.sandbox.api import Object


@dataclass(frozen=True)
class Part:
    """One part as its role hands it over: texts by path, and the releases that it needs."""

    files: dict[str, str]
    releases: list[dict[str, str]]

    def objects(self, patches: bool = False) -> list[Object]:
        """Its own objects, or those by which it changes the releases."""
        texts = [text for path, text in sorted(self.files.items()) if path.startswith("patches/") == patches]
        return [item for text in texts for item in yaml.safe_load_all(text) if item]

    def one(self, kind: str, name: str, patches: bool = False) -> Object:
        """The object of that kind and name."""
        [found] = [item for item in self.objects(patches) if (item["kind"], item["metadata"]["name"]) == (kind, name)]
        return found


def ended(role: str, kept: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run the role so that it hands its parts over to that file."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))},
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache" / "collections"),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        **kept_modules(),
    }
    mine = {"role": role, "kept_in": str(kept), "ansible_python_interpreter": sys.executable}
    given = kept.with_name("variables.json")
    given.write_text(json.dumps({**mine, **variables}), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(FILES / "parts.yml")]
    command += ["-i", "localhost,", "-c", "local", "-e", f"@{given}"]
    return subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)


def parts_of(role: str, **variables: Any) -> dict[str, Part]:
    """The parts of a role with these variables."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "parts.json"
        done = ended(role, kept, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(kept.read_text(encoding="utf-8"))
    return {name: Part(part["files"], part["manifests"]) for name, part in found.items()}


def refusal(role: str, **variables: Any) -> str:
    """What the role says when it refuses these variables."""
    with tempfile.TemporaryDirectory() as folder:
        done = ended(role, Path(folder) / "parts.json", **variables)
    assert done.returncode != 0
    return " ".join((done.stdout + done.stderr).split())
