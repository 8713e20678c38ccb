"""A kubeconfig is read as kubectl reads it, wherever it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._kubernetes.client import Client


def _kubeconfig(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    path = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "home",
        "contexts": [{"name": "home", "context": {"cluster": "home", "user": "me"}}],
        "clusters": [{"name": "home", "cluster": {"server": "https://home.example:6443", **cluster}}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def _open(path: Path) -> Any:
    client = Client({"kubeconfig": str(path)}, Runtime(now=lambda: 0.0))
    assert client.server[0] == "https://home.example:6443"
    return client


@pytest.mark.parametrize("relative", [False, True])
def test_files_lie_beside_the_kubeconfig(tmp_path: Path, relative: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ca.crt", "me.crt", "me.key"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    user = {"client-certificate": "me.crt", "client-key": str(tmp_path / "me.key")}
    path = _kubeconfig(tmp_path, {"certificate-authority": "ca.crt"}, user)
    monkeypatch.chdir(tmp_path.parent)
    client = _open(path.relative_to(tmp_path.parent) if relative else path)
    assert client.server[1] == b"ca.crt"
    opened = client._configuration
    assert (opened.cert_file, opened.key_file) == (str(tmp_path / "me.crt"), str(tmp_path / "me.key"))


def test_a_token_of_a_file_beside_the_kubeconfig_is_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary", encoding="utf-8")
    client = _open(_kubeconfig(tmp_path, {}, {"tokenFile": "token"}))
    assert client._headers(None)["Authorization"] == "Bearer canary"
