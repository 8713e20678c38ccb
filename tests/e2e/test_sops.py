"""Does Argo CD bring the Secrets that the tree holds encrypted, and decrypt them for the platform alone?

Repository server, application controller and plugin server are the real ones, and so is sops; the plugin is what role
argocd makes of it, but for the folder that it lies in.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.argo import Argo, eventually
from tests.e2e.tree import SERVER, Tree, application
from tests.integration.rendering import parts_of
from tests.sandbox import build
from tests.sandbox.api import Object
from tests.sandbox.process import Process

CANARY = "CANARY-of-the-tree-4711"
PLUGIN = "platform-sops"
SECRET = "/api/v1/namespaces/platform-system/secrets/login"


@pytest.fixture
def key(argo: Argo, tmp_path: Path) -> Iterator[Path]:
    """The platform's age key; the plugin that has it runs, where the repository server looks for plugins."""
    file = tmp_path / "keys.txt"
    file.write_bytes(subprocess.run([build.built("sops") / "age-keygen"], capture_output=True, check=True).stdout)
    rendered = parts_of("argocd", argocd_sops=True, argocd_domain="home.local", argocd_repository=argo.repository.url)
    for name, text in rendered["argocd"].one("ConfigMap", PLUGIN)["data"].items():
        (tmp_path / name).write_text(text.replace("/platform-sops/plugin", str(tmp_path)), encoding="utf-8")
    # One program that finds out by the name of its file what it is to be.
    server = tmp_path / "argocd-cmp-server"
    server.symlink_to(build.built("argocd") / "cmd")
    sockets = argo.sandbox.folder / "argocd" / "plugins"
    env = {
        "PATH": f"{build.built('sops')}{os.pathsep}/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "ARGOCD_PLUGINSOCKFILEPATH": str(sockets),
        "SOPS_AGE_KEY_FILE": str(file),
    }
    command = [str(server), "--config-dir-path", str(tmp_path)]
    process = Process(PLUGIN, command, tmp_path / "plugin.log", env).start()
    try:
        eventually("the plugin listens", lambda: (sockets / f"{PLUGIN}.sock").exists() or not process.running)
        assert process.running, (tmp_path / "plugin.log").read_text(encoding="utf-8")
        yield file
    finally:
        process.stop()


def encrypted(key: Path, value: str) -> str:
    """A Secret of the tree."""
    metadata = {"name": "login", "namespace": "platform-system"}
    data = {"password": base64.b64encode(value.encode()).decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
    programs = build.built("sops")
    public = subprocess.run([programs / "age-keygen", "-y", key], capture_output=True, check=True).stdout.decode()
    command = [str(programs / "sops"), "encrypt", "--filename-override", "a.yaml", "--age", public.strip()]
    command += ["--encrypted-regex", "^data$", "/dev/stdin"]
    done = subprocess.run(command, input=json.dumps(secret).encode(), capture_output=True, check=True)
    return done.stdout.decode()


def write(tree: Tree, key: Path, value: str, project: str = "platform") -> str:
    """Push a part that the plugin brings, in Applications of that project; answers the commit."""
    path = f"{tree.name}/parts/secrets"
    source = {"repoURL": tree.repository.url, "targetRevision": "main", "path": path, "plugin": {"name": PLUGIN}}
    tree.part("secrets", 0, [], source=source, project=project)
    file = tree.repository.work / path / "secrets" / "platform-system" / "login.enc.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(encrypted(key, value), encoding="utf-8")
    return tree.push()


def password(found: Object | None) -> str:
    return base64.b64decode(((found or {}).get("data") or {}).get("password", "")).decode()


def test_argo_cd_brings_a_secret_that_the_tree_holds_encrypted(argo: Argo, tree: Tree, key: Path) -> None:
    commit = write(tree, key, CANARY)
    argo.api.apply(tree.root())
    argo.wait(tree.application_name("secrets"), commit)
    assert password(argo.api.find(SECRET)) == CANARY
    write(tree, key, f"{CANARY}-rotated")
    eventually("the new value is there", lambda: password(argo.api.find(SECRET)) == f"{CANARY}-rotated")


def test_another_project_gets_nothing_decrypted(argo: Argo, tree: Tree, key: Path) -> None:
    spec = {
        "sourceRepos": [argo.repository.url],
        "destinations": [{"server": SERVER, "namespace": "platform-system"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    project = application("tenant", spec) | {"kind": "AppProject"}
    argo.api.apply(project)
    write(tree, key, CANARY, project="tenant")
    argo.api.apply(tree.root())
    name = tree.application_name("secrets")
    eventually("Argo CD refuses it", lambda: "Only Applications of the project platform" in argo.complaint(name))
    assert argo.api.find(SECRET) is None
    assert CANARY not in json.dumps(argo.application(name))
