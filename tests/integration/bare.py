"""Every module with the least that it wants, and Pythons in which something is missing.

In: the running Python, and the packages that an environment is to have. Out: arguments by module, kept virtual
environments. Never here: a package that a test asks for by a moving name only: each is pinned, so that it is made once.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.contract.runner import Task
from tests.sandbox.sandbox import CHECKOUT

CACHE = CHECKOUT / ".cache" / "tests"
NOWHERE = "/nowhere/kubeconfig"
"""A kubeconfig that is not there: a module that names it has come as far as its connection."""

_PIPELINE = """\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: build}
spec:
  tasks:
    - name: build
      taskSpec: {steps: [{name: build, image: registry.example.org/build:1.0.0, script: make}]}
"""

LEAST: dict[str, dict[str, Any]] = {
    "cloudflare_dns_record": {"zone": "example.org", "record": "www", "type": "A", "content": "192.0.2.1"},
    "cloudflare_dns_record_info": {"zone": "example.org"},
    "cloudflare_tunnel": {"name": "shop"},
    "cloudflare_tunnel_info": {},
    "cloudflare_tunnel_ingress": {
        "tunnel_id": "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
        "rules": [{"hostname": "shop.example.org", "service": "http://web.shop:8080"}],
    },
    "knowledge_base": {
        "name": "handbook",
        "display_name": "Handbook",
        "repositories": [{"url": "https://github.com/acme-corp/handbook"}],
    },
    "knowledge_base_info": {},
    "kubernetes_objects": {
        "definition": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    },
    "organization": {"name": "acme-corp", "display_name": "Acme", "admin_users": ["ann@acme.example"]},
    "organization_info": {},
    "repo_binding": {
        "name": "web-shop",
        "aphex_org": "acme-corp",
        "repo_org": "acme-corp",
        "repo_name": "web-shop",
        "pipeline_spec": _PIPELINE,
    },
    "repo_binding_info": {},
}
"""The good arguments of every module, without a connection."""


def every_module(**words: Any) -> list[Task]:
    """One task of every module, in the order of LEAST; `words` are keywords of each task."""
    return [Task(module, args, words=words) for module, args in LEAST.items()]


def bare_python(name: str, packages: Iterable[str]) -> Path:
    """The Python of a virtual environment with these packages alone; made at first use, and kept."""
    wanted = hashlib.sha256("\n".join([sys.executable, *packages]).encode()).hexdigest()
    # Two versions of Python may run this at the same time.
    name = f"{name}-py{sys.version_info[0]}.{sys.version_info[1]}"
    folder = CACHE / name
    stamp = folder / "aphex-packages"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
            subprocess.run(pip, check=True)
            stamp.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"
