"""The real Argo CD for these tests: in a sandbox by the role that installs it, and in another with the whole platform.

In: the name in APHEX_SANDBOX, if there is one. Out: Argo CD that syncs from a repository. Never here: an expectation.
"""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.argo import Argo
from tests.e2e.home import Home, brought
from tests.e2e.tree import Repository, Tree
from tests.sandbox.sandbox import Sandbox, join
from tests.sandbox.state import User

LAST = ("test_platform.py", "test_teardown.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of the whole platform come last, and at the very end those that take it away."""
    items.sort(key=lambda item: LAST.index(item.path.name) if item.path.name in LAST else -1)


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line, whatever is captured."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def line(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(text, file=sys.stderr, flush=True)

    return line


@pytest.fixture(scope="session")
def sandbox(say: Callable[[str], None]) -> Iterator[Sandbox]:
    """A sandbox with nothing in it but nodes and what will run Argo CD."""
    name = f"{os.environ.get('APHEX_SANDBOX', '')}e2e"
    begin = time.monotonic()
    joined = join(name, ("argocd",), user=User.this_process("pytest"), say=lambda line: say(f"sandbox: {line}"))
    say(f"sandbox {name}: up after {time.monotonic() - begin:.1f} s")
    yield joined
    joined.leave()


@pytest.fixture(scope="session")
def argo(sandbox: Sandbox, say: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Argo:
    """Argo CD, installed by the role `argocd`."""
    folder = tmp_path_factory.mktemp("e2e")
    made = Argo(sandbox, Repository(folder / "repository").make(), folder)
    begin = time.monotonic()
    listening = made.install()
    say(f"Argo CD: installed after {time.monotonic() - begin:.1f} s, its programs listen {listening:.1f} s later")
    return made


@pytest.fixture
def tree(argo: Argo, request: pytest.FixtureRequest) -> Iterator[Tree]:
    """A tree of this test alone; its applications are deleted with what they brought."""
    made = Tree(argo.repository, f"t{zlib.crc32(request.node.name.encode())}")
    yield made
    argo.remove(made.name)


@pytest.fixture(scope="session")
def home(say: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The whole platform, brought by the playbook that people run."""
    with brought(tmp_path_factory.mktemp("home"), say) as made:
        yield made
