"""client_certificate: a kubeconfig on the machine, signed by the cluster, replaced when it is for somebody else.

In: a folder of the machine. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World


def _folder(world: World) -> Path:
    """A folder of this world, of a name that is as long on both sides."""
    path = Path(tempfile.gettempdir()) / f"aphex-{world.name}"
    if "folder" not in world.memo:
        atexit.register(shutil.rmtree, path, ignore_errors=True)
        path.mkdir(mode=0o700)
        world.memo["folder"] = path
    return path


def _files(world: World) -> list[Any]:
    """All files of the folder with when they were written and who may read them."""
    found = [(path, path.stat()) for path in sorted(_folder(world).rglob("*"))]
    return [[str(path), stat.st_mtime_ns, stat.st_ino, stat.st_mode] for path, stat in found if path.is_file()]


def _path(world: World) -> str:
    return str(_folder(world) / "glass" / "kubeconfig")


def _good(world: World) -> Args:
    return {"user": f"break-{world.name}", "groups": [f"aphex:{world.name}"], "kubeconfig_file": _path(world)}


def _left(world: World) -> list[str]:
    return [str(path) for path in _folder(world).rglob("kubeconfig*")]


def _lose(world: World) -> None:
    (_folder(world) / "glass" / "kubeconfig").unlink()


def _open(world: World) -> None:
    (_folder(world) / "glass" / "kubeconfig").chmod(0o644)


def _foreign(world: World) -> Args:
    path = _folder(world) / "theirs"
    path.write_text("apiVersion: v1\nkind: Config\n", encoding="ascii")
    return {"kubeconfig_file": str(path)}


def _other_group(world: World) -> dict[str, Any]:
    return {"groups": [f"aphex:{world.name}", "aphex:more"]}


CASE = Case(
    module="client_certificate",
    key="certificate",
    good=_good,
    files=_files,
    left=_left,
    bad=(
        Bad("no user", lambda world: {"user": None}, ("user",)),
        Bad("a name of the cluster", lambda world: {"user": "system:admin"}, ("system:admin", "cluster's own")),
        Bad("a group of the cluster", lambda world: {"groups": ["system:masters"]}, ("system:masters", "P32")),
        Bad("too long", lambda world: {"days": 31}, ("days is 31", "30")),
        Bad("always anew", lambda world: {"renew_days": 30}, ("renew_days is 30",)),
        Bad("a path that is not absolute", lambda world: {"kubeconfig_file": "here"}, ("absolute",)),
        Bad("a file of somebody else", _foreign, ("theirs", "no kubeconfig of", "Move it away")),
    ),
    drifts=(
        Drift("the kubeconfig is lost", _lose, lambda world: ("kubeconfig", "0600")),
        Drift("everybody may read it", _open, lambda world: ("0644", "0600")),
    ),
    update=_other_group,
    update_shows=lambda world: ("kubeconfig",),
    absent=lambda world: {"state": "absent"},
)
