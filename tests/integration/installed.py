"""A control plane of its own on which the role crds has run: the platform before its first tenant.

In: a name. Out: the running sandbox and what tests do with it. Never here: a shared sandbox, since tests of admission
take away parameters, policies and kinds that other tests rely on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.platform import kept_modules
from tests.sandbox.api import Api, ApiError, Object
from tests.sandbox.sandbox import Sandbox, join

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = Path(__file__).parent / "files"
ROLE = CHECKOUT / "roles" / "crds"

SETTINGS = "/api/v1/namespaces/platform-system/configmaps/aphex-platform"
VARIABLES: dict[str, Any] = {
    "crds_zone": "example.com",
    "crds_account_id": "0123456789abcdef0123456789abcdef",
    "crds_approved_owners": ["acme-corp", "Second-Owner"],
}

_POLL = 0.05


@dataclass(frozen=True)
class Run:
    """What a run of a playbook ended with."""

    code: int
    output: str

    @property
    def changed(self) -> int:
        """How many tasks changed something, by the recap."""
        return int(self.output.rpartition("changed=")[2].split()[0])


@dataclass(frozen=True)
class Platform:
    """The sandbox, as admin and as anybody else."""

    sandbox: Sandbox

    @property
    def api(self) -> Api:
        return self.sandbox.api

    def run(self, *arguments: str, **variables: Any) -> Run:
        """Run the role crds with the usual variables and these."""
        env = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache" / "collections"),
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "K8S_AUTH_KUBECONFIG": str(self.sandbox.kubeconfig),
            **kept_modules(),
        }
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({**VARIABLES, **variables}, file)
            file.flush()
            command = [str(Path(sys.executable).with_name("ansible-playbook")), str(FILES / "crds.yml")]
            command += ["-i", "localhost,", "-c", "local", "-e", f"@{file.name}", *arguments]
            ended = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
        return Run(ended.returncode, ended.stdout + ended.stderr)

    def kubectl(self, *arguments: str) -> str:
        """The output of kubectl as admin. Raises CalledProcessError."""
        command = [str(self.sandbox.kubectl), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def namespace(self, name: str, labels: dict[str, str] | None = None) -> Object:
        """Make a namespace."""
        metadata = {"name": name, "labels": labels or {}}
        return self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    def change_settings(self, **data: str | None) -> None:
        """Write these keys of the settings; None takes a key away."""
        self.api.patch(SETTINGS, {"data": data})


@contextmanager
def sandbox_for(name: str, emulated_version: str | None = None) -> Iterator[Sandbox]:
    """Join a sandbox of that name with nothing but a control plane, one for each test process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    sandbox = join(f"{name}-{worker}", ["control_plane"], emulated_version=emulated_version)
    try:
        yield sandbox
    finally:
        sandbox.leave()


@contextmanager
def platform(name: str, emulated_version: str | None = None) -> Iterator[Platform]:
    """The same after the role has run on it."""
    with sandbox_for(name, emulated_version) as sandbox:
        installed = Platform(sandbox)
        run = installed.run()
        assert run.code == 0, run.output
        yield installed


def role_objects(*paths: str) -> list[Object]:
    """The objects in these files of the role, in their order."""
    texts = [(ROLE / "files" / path).read_text(encoding="utf-8") for path in paths]
    documents = [document for text in texts for document in yaml.safe_load_all(text)]
    return [item for found in documents for item in (found["items"] if found["kind"] == "List" else [found])]


def refusal(status: int, request: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """The server's message when it refuses that request with that status."""
    with pytest.raises(ApiError) as caught:
        request(*arguments, **options)
    assert caught.value.status == status, caught.value
    return caught.value.message


def denied_by(policy: str, request: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """The message with which an admission policy refuses that request."""
    message = refusal(403, request, *arguments, **options)
    assert f"ValidatingAdmissionPolicy '{policy}'" in message, message
    return message


def eventually(what: str, holds: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until that holds: policies, parameters and rights reach the API server's caches a moment later."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(_POLL)


def refused(request: Callable[..., object], *arguments: Any, **options: Any) -> bool:
    """Is that request refused now?"""
    try:
        request(*arguments, **options)
    except ApiError as error:
        if error.status in (403, 422):
            return True
        raise
    return False
