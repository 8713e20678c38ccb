"""platform_backup_info: what the backups of a folder hold, and one that cannot be opened.

In: a backup. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract import backups
from tests.contract.case import Args, Bad, Case
from tests.contract.cases.platform_authority import files
from tests.contract.world import World


def _prepare(world: World) -> None:
    path = backups.made(world)
    (path.parent / "platform-backup-20200101T000000Z.yml.vault").write_text("$ANSIBLE_VAULT;1.1;AES256\n61\n")


def _good(world: World) -> Args:
    return {name: backups.good(world)[name] for name in ("folder", "vault_password")}


CASE = Case(
    module="platform_backup_info",
    key="backups",
    prepare=_prepare,
    good=_good,
    files=files,
    bad=(
        Bad("no folder", lambda world: {"folder": None}, ("folder",)),
        Bad("a short password", lambda world: {"vault_password": "hunter2"}, ("7 characters", "12")),
    ),
    found=lambda world: ("aphex.platform/backup/1", "it is damaged", "'Secret': 2"),
)
