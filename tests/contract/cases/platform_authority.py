"""platform_authority: an authority as two files, and one that a cluster has already.

In: a folder of the machine, later a Secret. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World
from tests.sandbox.pki import Pki


def folder(world: World) -> Path:
    """A folder of this world on the machine that runs the tasks."""
    if "folder" not in world.memo:
        made = Path(tempfile.gettempdir()) / f"aphex-{world.name}"
        made.mkdir(mode=0o700)
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        world.memo["folder"] = made
    path: Path = world.memo["folder"]
    return path


def files(world: World) -> list[Any]:
    """All files of the folder with when they were written and who may read them."""
    found = [(path, path.stat()) for path in sorted(folder(world).rglob("*"))]
    return [[str(path), stat.st_mtime_ns, stat.st_ino, stat.st_mode] for path, stat in found if path.is_file()]


def _good(world: World) -> Args:
    return {"folder": str(folder(world) / "ca"), "permitted_domains": ["platform.example.org"]}


def _file(world: World, name: str) -> Path:
    return folder(world) / "ca" / name


def _lose_certificate(world: World) -> None:
    _file(world, "ca.crt").unlink()


def _open_key(world: World) -> None:
    _file(world, "ca.key").chmod(0o644)


def _bad_folder(world: World, name: str, key: str, certificate: str) -> Args:
    path = folder(world) / name
    path.mkdir(exist_ok=True)
    (path / "ca.key").write_text(key, encoding="utf-8")
    (path / "ca.crt").write_text(certificate, encoding="utf-8")
    return {"folder": str(path)}


def _authority(world: World, name: str) -> tuple[str, str]:
    """Certificate and key of an authority that somebody else has made."""
    made = Pki(folder(world) / name)
    made.create_ca(name)
    return made.ca.read_text(encoding="utf-8"), made.ca_key.read_text(encoding="utf-8")


def _strangers(world: World) -> Args:
    """A certificate with the key of another one."""
    one, other = _authority(world, "one"), _authority(world, "other")
    return _bad_folder(world, "strangers", other[1], one[0])


def _cluster(world: World) -> Args:
    """The cluster has an authority: its certificate becomes the file, the key that was here is moved aside."""
    path = f"/api/v1/namespaces/{world.name}/secrets/aphex-ca"
    if world.find(path) is None:
        certificate, key = _authority(world, "theirs")
        metadata = {"name": "aphex-ca", "namespace": world.name}
        data = {"tls.crt": certificate, "tls.key": key}
        world.make({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls",
                    "stringData": data})  # fmt: skip
    return {"secret": {"namespace": world.name, "name": "aphex-ca"}}


CASE = Case(
    module="platform_authority",
    key="authority",
    prepare=lambda world: world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.name}}),
    good=_good,
    files=files,
    bad=(
        Bad("no folder", lambda world: {"folder": None}, ("folder",)),
        Bad("a name without letters", lambda world: {"common_name": ""}, ("common_name",)),
        Bad("no day", lambda world: {"days": 0}, ("days is 0",)),
        Bad("a domain that is none", lambda world: {"permitted_domains": ["*.example.org"]}, ("*.example.org",)),
        Bad("a path that is not absolute", lambda world: {"folder": "ca"}, ("absolute",)),
        Bad("files that are neither", lambda world: _bad_folder(world, "neither", "key", "text"), ("ca.crt", "PEM")),
        Bad("an empty key", lambda world: _bad_folder(world, "empty", "", "text"), ("ca.key", "empty")),
        Bad("a key of another certificate", _strangers, ("ca.key", "not the key of", "ca.crt")),
    ),
    drifts=(
        Drift("the certificate is lost", _lose_certificate, lambda world: ("ca.crt",)),
        Drift("everybody may read the key", _open_key, lambda world: ("0644", "0600")),
    ),
    update=_cluster,
    update_shows=lambda world: ("ca.crt", "ca.key"),
)
