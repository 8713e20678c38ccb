"""Backups for cases that need one: made by the module itself, of one namespace alone.

In: a world with a namespace of its name. Out: its folder, and the file in it. Never here: an assertion.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import Runtime
from ansible_collections.aphex.platform.plugins.module_utils._edge import answer, conceal, plain
from ansible_collections.aphex.platform.plugins.modules.platform_backup import ENTRY_POINT
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import run_here
from tests.contract.cases.platform_authority import folder
from tests.contract.world import World

DUMP = ["printf", "select 1;"]


def good(world: World) -> dict[str, Any]:
    """Arguments for a backup of the world's own namespace."""
    return {
        "folder": str(folder(world) / "backups"),
        "vault_password": world.secret("vault-password"),
        "namespaces": [world.name],
        "tenants": False,
        "keep": 2,
    }


def secrets(world: World) -> str:
    """The path of the Secrets of the world's namespace."""
    return f"/api/v1/namespaces/{world.name}/secrets"


def prepare(world: World) -> None:
    """Make a namespace with Secrets."""
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}})
    for name in ("first", "second"):
        metadata = {"name": name, "namespace": world.name, "labels": {"team": "web"}}
        data = {"password": world.secret64(f"password-{name}")}
        world.make({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data})


def made(world: World) -> Path:
    """Make the namespace and its backup; return the file."""
    prepare(world)
    databases = [{"name": world.name, "command": DUMP}]
    given = {**good(world), "databases": databases}
    given["kubeconfig"] = str(world.side.sandbox.kubeconfig)
    checked = ArgumentSpecValidator(ENTRY_POINT.options).validate(given)
    params = conceal(plain(checked.validated_parameters), ENTRY_POINT.options)
    result = answer(ENTRY_POINT, params, Runtime(now=time.time, run=run_here))
    world.memo["backup"] = Path(result["backup"]["path"])
    path: Path = world.memo["backup"]
    return path
