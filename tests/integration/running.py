"""Runs a role of the collection against a sandbox.

In: a sandbox, a role's name, variables. Out: how the run ended. Never here: what it should have done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.contract.platform import kept_modules
from tests.integration.installed import CHECKOUT, FILES, Run


def run_role(kubeconfig: Path, role: str, *arguments: str, door: str = "main", **variables: Any) -> Run:
    """Run `door` of the role with these variables as the owner of that kubeconfig."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))}
    env |= {
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache" / "collections"),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "K8S_AUTH_KUBECONFIG": str(kubeconfig),
        **kept_modules(),
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        mine = {"role": role, "door": door, "ansible_python_interpreter": sys.executable}
        json.dump({**mine, **variables}, file)
        file.flush()
        command = [str(Path(sys.executable).with_name("ansible-playbook")), str(FILES / "role.yml")]
        command += ["-i", "localhost,", "-c", "local", "-e", f"@{file.name}", *arguments]
        ended = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
    return Run(ended.returncode, ended.stdout + ended.stderr)
