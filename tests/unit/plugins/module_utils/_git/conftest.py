"""A real Git server, and the product in front of it.

In: nothing. Out: `World`: trees are written into a repository as a module would. Never here: an expectation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aphex.platform.plugins.module_utils._core.reconcile import (
    Declared,
    Outcome,
    Runtime,
    reconcile,
)
from ansible_collections.aphex.platform.plugins.module_utils._core.retry import Backoff
from ansible_collections.aphex.platform.plugins.module_utils._core.sensitive import Sensitive
from ansible_collections.aphex.platform.plugins.module_utils._git.client import Access, Client
from ansible_collections.aphex.platform.plugins.module_utils._git.compare import Rules
from ansible_collections.aphex.platform.plugins.module_utils._git.info import Question
from ansible_collections.aphex.platform.plugins.module_utils._git.product import Git
from ansible_collections.aphex.platform.plugins.module_utils._git.tree import GitTree
from ansible_collections.aphex.platform.plugins.plugin_utils._in_process import run_here
from tests.sandbox.git_server import GitServer, writes

NAME = "tree"
NOW = 1_700_000_000.0
FAST = Backoff(attempts=3, first=0.001, longest=0.002)


@dataclass
class World:
    """A server with an empty repository, and runs that each have a product of their own, as tasks have."""

    server: GitServer
    folder: Path
    commands: list[tuple[list[str], dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url_of(NAME)

    def runtime(self, check: bool = False) -> Runtime:
        """What a process lends; every command is noted with its environment."""

        def run(argv: Any, *, env: Mapping[str, str] | None = None, data: str | None = None) -> tuple[int, str, str]:
            self.commands.append((list(argv), dict(env or {})))
            return run_here(argv, env=env, data=data)

        return Runtime(now=lambda: NOW, check=check, run=run)

    def product(self, runtime: Runtime, **access: Any) -> Git:
        """The product of one task."""
        given = {"token": Sensitive(self.server.token), "timeout": 5, **access}
        return Git(Client(runtime, Access(**given), FAST, sleep=lambda _seconds: None), str(self.folder / "copy"))

    def tree(self, files: Mapping[str, str | bytes], *, rules: Rules | None = None, **given: Any) -> GitTree:
        """A tree in the folder `part`."""
        whole = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        place = {"repository": self.url, "branch": "main", "path": "part", **given}
        return GitTree(files=whole, rules=rules or Rules(), **place)

    def run(self, tree: GitTree, check: bool = False, **access: Any) -> tuple[Outcome, Any]:
        """Bring a tree about; return the outcome and the result."""
        runtime = self.runtime(check)
        product = self.product(runtime, **access)
        try:
            outcome = reconcile(Declared([tree], {"git": product}), {"git": product}, runtime)
            return outcome, product.result(tree)
        finally:
            for function in runtime.at_end:
                function()

    def write(self, files: Mapping[str, str | bytes], **given: Any) -> tuple[Outcome, Any]:
        """Write files into the folder `part`."""
        return self.run(self.tree(files, **given))

    def read(self, **given: Any) -> Any:
        """Ask about the folder `part`."""
        runtime = self.runtime()
        try:
            return self.product(runtime).read(
                Question(**{"repository": self.url, "branch": "main", "path": "part", **given})
            )
        finally:
            for function in runtime.at_end:
                function()

    def by_hand(self, files: Mapping[str, str | None], **given: Any) -> str:
        """Somebody else's commit."""
        return self.server.commit(NAME, files, **given)

    @property
    def files(self) -> dict[str, str]:
        """What is in the repository, without our record."""
        found = self.server.files(NAME)
        return {path: text for path, text in found.items() if not path.endswith(".aphex/tree.yaml")}

    @property
    def commits(self) -> int:
        return len(self.server.commits(NAME))

    @property
    def pushes(self) -> int:
        """Requests so far that write."""
        return sum(writes(entry.method, entry.path) for entry in self.server.log.entries())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with GitServer(tmp_path / "server") as server:
        server.make(NAME)
        yield World(server, tmp_path)
