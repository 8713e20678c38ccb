"""The platform that tenants need, installed once in a shared sandbox by the role that its users run.

In: a running sandbox. Out: the same sandbox with kinds, settings, rights and admission policies. Never here: a second
way to install it, or a setting that belongs to one test alone: many tests and processes share the one platform.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.sandbox import build, stack
from tests.sandbox.sandbox import CHECKOUT, Sandbox

OWNER = "acme-corp"
"""The GitHub owner that the platform has approved."""

ROLE = CHECKOUT / "roles" / "crds"
COLLECTIONS = CHECKOUT / ".cache" / "collections"
BIN = Path(sys.executable).parent
KEPT = Path(__file__).parent / "kept"

# Each test process has a Cloudflare stand-in of its own, so the account is an option there and this one is never used.
VARIABLES: dict[str, Any] = {
    "crds_zone": stack.ZONE,
    "crds_account_id": "0123456789abcdef0123456789abcdef",
    "crds_approved_owners": [OWNER],
    "crds_mcp_image": "registry.example.org/mcp-server:1.0.0",
}


def install(sandbox: Sandbox) -> None:
    """Run the role crds on that sandbox unless it has been run, in these words, since it started."""
    wanted = _digest()
    stamp = sandbox.folder / "platform-installed"
    with _locked(sandbox.folder / "platform-installed.lock"):
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return
        # Argo CD's own installation makes it; the projects of tenants go there.
        sandbox.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
        _run_role(sandbox)
        stamp.write_text(wanted, encoding="utf-8")


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a run of Ansible sees: this Python's programs, this checkout, nothing of the caller's own."""
    return {
        "PATH": os.pathsep.join([str(BIN), str(build.folder_of("sops")), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        **kept_modules(),
        **more,
    }


def kept_modules() -> dict[str, str]:
    """What lets all runs of this process share the modules that Ansible packs: the code does not change meanwhile."""
    return {"ANSIBLE_CALLBACK_PLUGINS": str(KEPT), "APHEX_KEPT_MODULES": _packed().name}


@functools.cache
def _packed() -> tempfile.TemporaryDirectory[str]:
    place = CHECKOUT / ".cache" / "modules"
    place.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=place)


def _digest() -> str:
    digest = hashlib.sha256(json.dumps(VARIABLES, sort_keys=True).encode())
    for path in sorted(path for path in ROLE.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run_role(sandbox: Sandbox) -> None:
    play = [{"hosts": "localhost", "gather_facts": False, "roles": ["aphex.platform.crds"], "vars": VARIABLES}]
    with tempfile.TemporaryDirectory(prefix="aphex-platform-") as folder:
        path = Path(folder) / "install.json"
        path.write_text(json.dumps(play), encoding="utf-8")
        env = environment(Path(folder), K8S_AUTH_KUBECONFIG=str(sandbox.kubeconfig))
        command = [str(BIN / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(path)]
        command += ["-e", "ansible_python_interpreter={{ ansible_playbook_python }}"]
        ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the role crds failed on sandbox {sandbox.name}\n{ended.stdout}\n{ended.stderr}")
