"""platform_backup: a locked file of what a namespace holds, once for each state.

In: a namespace with Secrets, a folder of the machine. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract import backups
from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.cases.platform_authority import files
from tests.contract.world import World


def _change(world: World) -> None:
    world.patch(f"{backups.secrets(world)}/first", {"data": {"password": world.secret64("another-password")}})


def _update(world: World) -> Args:
    return {"databases": [{"name": "authentik", "command": backups.DUMP}]}


def _command(*words: str) -> Args:
    return {"databases": [{"name": "authentik", "command": list(words)}]}


CASE = Case(
    module="platform_backup",
    key="backup",
    prepare=backups.prepare,
    good=backups.good,
    files=files,
    bad=(
        Bad("no password", lambda world: {"vault_password": None}, ("vault_password",)),
        Bad("a short password", lambda world: {"vault_password": "hunter2"}, ("7 characters", "12")),
        Bad("a path that is not absolute", lambda world: {"folder": "backups"}, ("absolute",)),
        Bad("fewer than none", lambda world: {"keep": -1}, ("keep", "-1")),
        Bad("an empty command", lambda world: _command(), ("authentik", "command", "empty")),
        Bad("a command that is not there", lambda world: _command("no-such-dump"), ("no-such-dump", "not there"), True),
        Bad("a command that fails", lambda world: _command("false"), ("false", "code 1"), looks=True),
    ),
    drifts=(Drift("another password in a Secret", _change, lambda world: ("platform-backup-", "0600")),),
    update=_update,
    update_shows=lambda world: ("platform-backup-",),
)
