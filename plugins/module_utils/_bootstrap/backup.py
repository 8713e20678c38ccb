# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The use case of a backup: all that cannot be made again, in one locked file, and no more files than wanted.

In: checked options, Kubernetes, commands that dump databases, the folder. Out: what should be.
Never here: the format, which the archive knows; what a tenant's controller or Argo CD makes again by itself.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import typing as t
from dataclasses import dataclass, field

from .._command.product import Commands
from .._core.failure import Failure, invalid
from .._core.names import check_label
from .._core.plan import Desired
from .._core.reconcile import Outcome, Runtime, Traceless
from .._core.sensitive import Sensitive
from .._crypto import require_library
from .._files.product import File, Files
from .._kubernetes.objects import LABEL_PREFIX, OWNER_KIND, Object
from .._kubernetes.product import Kubernetes
from .archive import FILE, Archive, Locked, item_of, opened

API_VERSION = "aphex.io/v1alpha1"
TENANTS = ("Organization", "RepoBinding", "KnowledgeBase")
PLATFORM_NAMESPACE = "platform-system"
RETAINED = LABEL_PREFIX + "retained-for"
# What the API server or a controller makes anew, for another cluster.
_BORN_THERE = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")
RESTORED = "aphex-restored-"
_OF_THE_CLUSTER = (RESTORED, "kube-root-ca.crt", "part-")
_INVENTORY = "-inventory"
_NAME = "platform-backup-%Y%m%dT%H%M%SZ.yml.vault"
SHORTEST_PASSWORD = 12


@dataclass(frozen=True)
class Dump:
    """A database, and the command that writes it out."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """What a backup should be."""

    folder: str
    password: Sensitive = field(repr=False)
    keep: int
    namespaces: tuple[str, ...]
    tenants: bool
    dumps: tuple[Dump, ...]
    tree: t.Mapping[str, str] = field(hash=False)


@dataclass(frozen=True)
class Observed:
    """What there is to keep, the files that are there, and which one holds it, or is to."""

    archive: Archive
    files: list[str]
    name: str
    settled: bool


class Backup(Traceless):
    """A backup that should be there."""

    def __init__(self, order: Order, products: t.Mapping[str, t.Any], runtime: Runtime) -> None:
        self.order = order
        self.kubernetes: Kubernetes = products["kubernetes"]
        self.files: Files = products["files"]
        self.commands: Commands = products["command"]
        self.runtime = runtime
        self.now = datetime.datetime.fromtimestamp(runtime.now(), datetime.UTC)

    # observe --------------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        """Read all that cannot be made again, and the newest backup."""
        items = tuple(item_of(live) for live in sorted(self._objects(), key=_place))
        # A dump only reads, yet it takes long and is no part of what a check can tell.
        dumps = {} if self.runtime.check else {
            dump.name: self.commands.output(f"the dump of {dump.name}", dump.command) for dump in self.order.dumps
        }  # fmt: skip
        files = self.files.names(self.order.folder, FILE)
        time = self.now
        while time.strftime(_NAME) in files:
            time += datetime.timedelta(seconds=1)
        archive = Archive(time.strftime("%Y-%m-%dT%H:%M:%SZ"), items, dumps, self.order.tree)
        same = self._same(archive, files)
        return Observed(same or archive, files, files[-1] if same else time.strftime(_NAME), same is not None)

    def _objects(self) -> list[Object]:
        kinds = TENANTS if self.order.tenants else ()
        tenants = [item for kind in kinds for item in self.kubernetes.list(API_VERSION, kind)]
        tenants = [item for item in tenants if not item["metadata"].get("deletionTimestamp")]
        homes = {*self.order.namespaces, *(item["metadata"]["namespace"] for item in tenants)}
        namespaces = [
            item for item in self.kubernetes.list("v1", "Namespace") if _is_kept(item, homes, self.order.tenants)
        ]
        names = {item["metadata"]["name"] for item in namespaces}
        secrets = [
            item
            for item in self.kubernetes.list("v1", "Secret")
            if item["metadata"]["namespace"] in names and item.get("type") not in _BORN_THERE
        ]
        maps = [
            item
            for item in (
                self.kubernetes.list("v1", "ConfigMap", PLATFORM_NAMESPACE) if PLATFORM_NAMESPACE in names else []
            )
            if _is_told(item)
        ]
        return [item for item in (*tenants, *namespaces, *secrets, *maps) if not _is_child(item)]

    def _same(self, archive: Archive, files: list[str]) -> Archive | None:
        """Return the newest backup if it holds just this; one of another password says nothing."""
        if not files or (self.order.dumps and self.runtime.check):
            return None
        path = os.path.join(self.order.folder, files[-1])
        text = self.files.read(path)
        try:
            found = opened(text, self.order.password, path) if text is not None else None
        except Failure:
            return None
        return found if found is not None and found.digest == archive.digest else None

    # desired --------------------------------------------------------------------------------------------------------

    def desired(self, observed: Observed) -> t.Sequence[Desired]:
        """Return the file, unless the newest one holds the same, and that files beyond the wanted number should go."""
        made: list[Desired] = []
        if not observed.settled:
            content = Locked(archive=observed.archive, password=self.order.password)
            made = [File(self._path(observed.name), content, create=True)]
        return [*made, *(File(self._path(name), present=False) for name in self._too_old(observed))]

    def _path(self, name: str) -> str:
        return os.path.join(self.order.folder, name)

    def _too_old(self, observed: Observed) -> list[str]:
        wanted = list(dict.fromkeys([*observed.files, observed.name]))
        return [name for name in wanted[: -self.order.keep] if name in observed.files] if self.order.keep else []

    # the rest of a use case -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def exclusive(self) -> t.Iterator[None]:
        """Hold the folder against another run on this machine."""
        with self.runtime.cache.lock(f"platform backup {self.order.folder}"):
            yield

    def result(self, outcome: Outcome) -> dict[str, t.Any]:
        """Return where the backup is, and its manifest."""
        observed: Observed = outcome.observed
        return {
            "path": self._path(observed.name),
            "removed": [self._path(name) for name in self._too_old(observed)],
            **observed.archive.manifest,
        }


def _place(item: Object) -> tuple[str, str, str]:
    metadata = item["metadata"]
    return (item["kind"], metadata.get("namespace") or "", metadata["name"])


def _is_kept(namespace: Object, homes: set[str], tenants: bool) -> bool:
    """Tell whether a namespace is the platform's, a tenant's, or was kept for one."""
    metadata = namespace["metadata"]
    if metadata.get("deletionTimestamp"):
        return False
    theirs = (metadata.get("labels") or {}).get(OWNER_KIND) in TENANTS
    return metadata["name"] in homes or (tenants and (theirs or RETAINED in (metadata.get("annotations") or {})))


def _is_told(config_map: Object) -> bool:
    """Tell whether a ConfigMap says something that was told, and not what is in this very cluster."""
    name = config_map["metadata"]["name"]
    return not name.startswith(_OF_THE_CLUSTER) and not name.endswith(_INVENTORY)


def _is_child(item: Object) -> bool:
    """Tell whether a controller has made an object out of another one: it makes it again."""
    return any(reference.get("controller") for reference in item["metadata"].get("ownerReferences") or [])


def use_case(params: dict[str, t.Any], products: t.Mapping[str, t.Any], runtime: Runtime) -> Backup:
    """Return the use case for checked params. Raises Failure(invalid) for what the input alone shows to be wrong."""
    require_library()
    folder = params["folder"]
    if not os.path.isabs(folder):
        raise invalid("folder", f"{folder[:200]!r} is no absolute path", "Write it from / on")
    if params["keep"] < 0:
        raise invalid("keep", f"it is {params['keep']}", "Give the number of files to keep, 0 for all")
    order = Order(
        folder=folder,
        password=checked_password(params["vault_password"]),
        keep=params["keep"],
        namespaces=tuple(params["namespaces"]),
        tenants=params["tenants"],
        dumps=tuple(Dump(*checked_command(row)) for row in params["databases"] or []),
        tree={name: text for name, text in (params["tree"] or {}).items() if text},
    )
    return Backup(order, products, runtime)


def checked_password(password: Sensitive) -> Sensitive:
    """Return a password that is worth something, or raise Failure(invalid)."""
    if len(password) < SHORTEST_PASSWORD:
        said = f"it has {len(password)} characters, {SHORTEST_PASSWORD} are wanted"
        raise invalid("vault_password", said, "Take a longer one, from a vault")
    return password


def checked_command(row: dict[str, t.Any]) -> tuple[str, tuple[str, ...]]:
    """Return the name of a database and its command, or raise Failure(invalid)."""
    if not row["command"] or not row["command"][0]:
        raise invalid(f"databases, {row['name']}", "its command is empty", "Give the program and its arguments")
    check_label("The name of the database", row["name"], 40)
    return row["name"], tuple(row["command"])
