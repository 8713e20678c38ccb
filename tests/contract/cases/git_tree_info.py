"""git_tree_info: a tree that was written before, with one file that somebody has edited since.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

import hashlib

from tests.contract.case import Args, Bad, Case
from tests.contract.cases.git_tree import FOLDER, SETTINGS, copy_of
from tests.contract.world import World


def _good(world: World) -> Args:
    return {
        "repository": world.tree,
        "path": FOLDER,
        "files": ["settings.yaml", "nothing.yaml"],
        "log": 5,
        "working_copy": copy_of(world),
    }


def _prepare(world: World) -> None:
    digests = {"settings.yaml": SETTINGS, "edited.yaml": "a: 1\n"}
    lines = "".join(f'  "{path}": "{hashlib.sha256(text.encode()).hexdigest()}"\n' for path, text in digests.items())
    files = {"settings.yaml": SETTINGS, "edited.yaml": "a: 2\n", ".aphex/tree.yaml": f"version: 1\nfiles:\n{lines}"}
    world.git.make(world.name)
    world.git.commit(world.name, {f"{FOLDER}/{path}": text for path, text in files.items()}, message="The shop")


def _break_the_record(world: World) -> None:
    world.git.commit(world.name, {"broken/.aphex/tree.yaml": "version: 9\n"})


CASE = Case(
    module="git_tree_info",
    key="tree",
    good=_good,
    prepare=_prepare,
    bad=(
        Bad("no repository", lambda world: {"repository": None}, ("repository",)),
        Bad("a number that is none", lambda world: {"log": "many"}, ("log",)),
        Bad("a file outside of the tree", lambda world: {"files": ["../a"]}, ("../a", "inside")),
        Bad("too long a log", lambda world: {"log": 100000}, ("log", "1000")),
        Bad("a repository that is a word", lambda world: {"repository": "tree"}, ("tree", "no URL")),
        Bad("another branch", lambda world: {"branch": "trunk"}, ("no such branch", "main"), looks=True),
        Bad(
            "a damaged record",
            lambda world: {"path": "broken"},
            (".aphex/tree.yaml", "history"),
            looks=True,
            prepare=_break_the_record,
        ),
    ),
    found=lambda world: (SETTINGS.strip().replace("\n", "\\n"), "edited.yaml", "The shop", "Somebody"),
)
