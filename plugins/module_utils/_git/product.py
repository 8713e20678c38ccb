# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Git's face: connect, plan, perform, result, and what readers ask.

In: params of the option group GIT, desired trees. Out: steps, results. Never here: how a tree is compared.
"""

from __future__ import annotations

import hashlib
import os
import typing as t

from .._core.failure import invalid
from .._core.plan import Step
from .._core.reconcile import Runtime
from . import info, tree
from .client import Access, Client, password_in
from .tree import GitTree
from .working_copy import Copy


class Git:
    """A light handle for one reconcile; it runs nothing before it is asked."""

    name = "git"

    def __init__(self, client: Client, folder: str | None = None) -> None:
        self._client = client
        self._folder = folder
        self._copies: dict[tuple[str, str], Copy] = {}
        self._results: dict[str, t.Any] = {}

    @classmethod
    def connect(cls, params: dict[str, t.Any], runtime: Runtime) -> Git:
        """Return a handle for the option group GIT. Runs nothing."""
        password = password_in(params.get("repository") or "")
        if password:
            runtime.secrets.add(password)
        return cls(Client(runtime, Access.from_params(params)), params.get("working_copy") or None)

    def plan(self, desired: GitTree) -> list[Step]:
        """Return the step from what is there to what is desired. Reads only."""
        steps, self._results[desired.title] = tree.plan(self._copy(desired), desired)
        return steps

    def perform(self, step: Step) -> None:
        """Do one step."""
        desired = step.desired.of
        self._results[desired.title] = tree.perform(self._copy(desired), step)

    def result(self, desired: GitTree) -> t.Any:
        """Return the tree as read, as last written or, in check mode, as it would be; None when absent."""
        return self._results.get(desired.title)

    def read(self, asked: info.Question) -> dict[str, t.Any] | None:
        """Return what is known of a tree, None when its branch is not there."""
        return info.read(self._copy(asked), asked)

    def _copy(self, of: GitTree | info.Question) -> Copy:
        place = (of.repository, of.branch)
        if place not in self._copies:
            self._client.require(of.repository)
            folder = self._folder or default_folder(of.repository)
            if not folder.startswith("/"):
                raise invalid("working_copy", "it is no absolute path")
            self._copies[place] = Copy(self._client, folder, *place)
        return self._copies[place]


def default_folder(repository: str) -> str:
    """Return where the copy of a repository is kept when nobody says."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(caches, "aphex-platform", "git", hashlib.sha256(repository.encode()).hexdigest()[:24])
