"""git_tree: two files in a folder of a repository that somebody else writes to as well.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from typing import Any

from tests.contract.case import Args, Bad, Case, Drift
from tests.contract.world import World

FOLDER = "parts/shop"
SETTINGS = "replicas: 2\nzone: example.org\n"
NOTES = "What stands here, and why.\n"


def _good(world: World) -> Args:
    return {
        "repository": world.tree,
        "path": FOLDER,
        "files": [{"path": "settings.yaml", "content": SETTINGS}, {"path": "docs/notes.txt", "content": NOTES}],
        "prune": True,
        "on_edited": "overwrite",
        "commit_message": "Write the shop",
        "working_copy": copy_of(world),
    }


def copy_of(world: World) -> str:
    """A working copy for this world alone."""
    return str(world.git.folder / "copies" / world.name)


def _prepare(world: World) -> None:
    world.git.make(world.name)
    world.git.commit(world.name, {"README.md": "Theirs.\n", "theirs/settings.yaml": "a: 1\n"}, message="Begin")


def _edit(world: World) -> None:
    world.git.commit(world.name, {f"{FOLDER}/settings.yaml": "replicas: 5\n", "README.md": f"{world.name}\n"})


def _lose(world: World) -> None:
    world.git.commit(world.name, {f"{FOLDER}/docs/notes.txt": None})


def _other(text: str) -> list[Args]:
    return [{"path": "settings.yaml", "content": text}]


def _secret(world: World) -> list[Args]:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{a: {world.secret('tree')}}}\n"
    return [{"path": "secret.yaml", "content": text}]


def _whole(world: World) -> Any:
    """Every file, and how many commits there are."""
    return [world.git.files(world.name), len(world.git.commits(world.name))]


CASE = Case(
    module="git_tree",
    key="tree",
    good=_good,
    prepare=_prepare,
    bad=(
        Bad("no repository", lambda world: {"repository": None}, ("repository",)),
        Bad("a state that is none", lambda world: {"state": "there"}, ("state", "there")),
        Bad("no files", lambda world: {"files": None}, ("files",)),
        Bad(
            "a path that leaves the tree",
            lambda world: {"files": [{"path": "../a", "content": "a"}]},
            ("../a", "inside"),
        ),
        Bad(
            "the record as a file", lambda world: {"files": [{"path": ".aphex/tree.yaml"}]}, (".aphex", "another name")
        ),
        Bad("a file twice", lambda world: {"files": _other("a") + _other("b")}, ("settings.yaml", "twice")),
        Bad("another digest", lambda world: {"files": [{**_other("a")[0], "sha256": "0" * 64}]}, ("sha256",)),
        Bad("a source that is not there", lambda world: {"files": [{"path": "a", "src": "/nowhere"}]}, ("/nowhere",)),
        Bad("a secret in clear", lambda world: {"files": _secret(world)}, ("secret.yaml", "in clear", "SOPS")),
        Bad("a branch that is none", lambda world: {"branch": "a..b"}, ("a..b",)),
        Bad(
            "credentials in the URL",
            lambda world: {"repository": f"https://me:{world.secret('url')}@git.example.org/tree.git"},
            ("git_token", "https://git.example.org/tree.git"),
        ),
        Bad(
            "a token in clear over the network",
            lambda world: {"repository": "http://git.example.org/tree.git"},
            ("in clear", "https"),
        ),
        Bad(
            "a token with a line end",
            lambda world: {"git_token": world.secret("token") + "\n"},
            ("Git token", "line end"),
        ),
        Bad("no time", lambda world: {"git_timeout": 0}, ("git_timeout",)),
        Bad(
            "a commit that is none",
            lambda world: {"state": "reverted", "revert_to": "yesterday"},
            ("revert_to", "no commit"),
        ),
        Bad("a piece outside of the tree", lambda world: {"only": ["docs/../.."]}, ("docs/../..", "inside")),
        Bad(
            "a piece of an absent tree",
            lambda world: {"state": "absent", "files": None, "only": ["docs"]},
            ("only", "absent"),
        ),
        Bad("a working copy of something else", lambda world: {"working_copy": "/usr"}, ("working_copy", "/usr")),
        Bad(
            "a repository that is not there",
            lambda world: {"repository": world.git.url_of("nothing")},
            ("nothing.git", "git"),
            looks=True,
        ),
        Bad("another branch", lambda world: {"branch": "trunk"}, ("no such branch", "main"), looks=True),
        Bad("a token that nobody knows", lambda world: {"git_token": "x" * 20}, ("git_token",), looks=True),
        Bad(
            "a commit of nowhere",
            lambda world: {"state": "reverted", "revert_to": "0123456789"},
            ("0123456789", "history"),
            looks=True,
        ),
        Bad("files of somebody else", lambda world: {"path": "theirs"}, ("settings.yaml", "adopt"), looks=True),
    ),
    left=lambda world: [path for path in world.git.files(world.name) if path.startswith(FOLDER)],
    whole=_whole,
    drifts=(
        Drift("edited by hand", _edit, lambda world: ("replicas: 5", "replicas: 2")),
        Drift("deleted by hand", _lose, lambda world: ("What stands here", f"{FOLDER}/docs/notes.txt")),
    ),
    update=lambda world: {"files": _other("replicas: 3\n")},
    update_shows=lambda world: ("replicas: 3", f"{FOLDER}/docs/notes.txt"),
    back_shows=lambda world: ("replicas: 3", "replicas: 2"),
    absent=lambda world: {"state": "absent", "files": None},
)
