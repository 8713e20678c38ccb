"""platform_restore: Secrets that are gone come back, what is there stays; a dump is read once.

In: a backup of a namespace that has lost a Secret since. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract import backups
from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.cases.platform_authority import files, folder
from tests.contract.world import World


def _prepare(world: World) -> None:
    backups.made(world)
    world.api.delete(f"{backups.secrets(world)}/first")


def _good(world: World) -> Args:
    return {"file": str(world.memo["backup"]), "vault_password": world.secret("vault-password")}


def _lose(world: World) -> None:
    world.api.delete(f"{backups.secrets(world)}/second")


def _thin_out(world: World) -> None:
    """Somebody takes a key and a label away, and adds a key that stays."""
    path = f"{backups.secrets(world)}/first"
    world.patch(path, {"data": {"password": None, "added": "YWRkZWQ="}, "metadata": {"labels": {"team": None}}})


def _feed(world: World, name: str = "") -> Args:
    return {"databases": [{"name": name or world.name, "command": ["tee", str(folder(world) / "dump.sql")]}]}


def _file(world: World, text: str) -> Args:
    path = folder(world) / "other.yml.vault"
    path.write_text(text, encoding="utf-8")
    return {"file": str(path)}


def _whole(world: World) -> list[Any]:
    """Every Secret of the namespace, and what the database has read."""
    found: list[Any] = [
        [item["metadata"]["name"], item["metadata"].get("labels"), sorted(item["data"])]
        for item in world.api.list(backups.secrets(world))
    ]
    read = folder(world) / "dump.sql"
    return [*found, read.read_text(encoding="utf-8") if read.is_file() else None]


CASE = Case(
    module="platform_restore",
    key="restore",
    prepare=_prepare,
    good=_good,
    files=files,
    whole=_whole,
    bad=(
        Bad("no file", lambda world: {"file": None}, ("file",)),
        Bad("a short password", lambda world: {"vault_password": "hunter2"}, ("7 characters", "12")),
        Bad("nothing to bring back", lambda world: {"objects": False}, ("objects", "database")),
        Bad("a file that is not there", lambda world: {"file": "/nowhere/backup"}, ("/nowhere/backup",), looks=True),
        Bad(
            "another password",
            lambda world: {"vault_password": world.secret("other-password")},
            ("password", "fit"),
            looks=True,
        ),
        Bad("a file of somebody else", lambda world: _file(world, "a: b"), ("ansible-vault",), looks=True),
        Bad("a database that is not in it", lambda world: _feed(world, "theirs"), ("theirs",), looks=True),
    ),
    drifts=(
        Drift("a Secret is gone", _lose, lambda world: ("second", "***")),
        Drift("a key and a label are gone", _thin_out, lambda world: ("first", "team")),
    ),
    update=_feed,
    update_shows=lambda world: ("tee", "sha256"),
)
