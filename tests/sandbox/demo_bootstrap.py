"""The told story of a bootstrap: from an empty API server to the platform, its Git tree, and a tenant that lives there.

In: nothing. Out: what each step prints, and exit code 0 when all of it came true. Never here: product code; the story
uses what a user has, playbooks and a repository.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.sandbox import mirror
from tests.sandbox.sandbox import Sandbox, join
from tests.sandbox.stack import ALL, TREE
from tests.sandbox.standins.control import Control
from tests.sandbox.state import User
from tests.sandbox.telling import Broken, play, say, title, until

PLATFORM, TENANTS = "inventory/platform", "inventory/sandbox"
EMPTY = ("api_server", "control_plane", "kwok", "cloudflare", "edge", "github", "git")
"""What runs before the bootstrap: no kind but Kubernetes' own is there."""

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_RUNS = "/apis/tekton.dev/v1/namespaces/web-shop/pipelineruns"
_QUICKLY = ("-e", '{"platform_tree_wait": false}')
_BOTH = ("-e", '{"platform_write_to": ["git", "cluster"]}')


def main() -> int:
    """Tell the story; what it started is stopped whatever happens."""
    begun = time.monotonic()
    title("An empty API server on this machine, a Git server, and a mirror of what others release")
    releases = mirror.make(mirror.cache())
    sandbox = join("demo-bootstrap", EMPTY, user=User.this_process("demo-bootstrap"), say=say)
    try:
        with tempfile.TemporaryDirectory(prefix="aphex-demo-") as folder:
            _story(sandbox, environment(sandbox, releases, Path(folder)))
    except Broken as problem:
        say(f"the demo stopped: {problem}")
        return 1
    finally:
        sandbox.leave()
        say("sandbox stopped")
    say(f"done in {time.monotonic() - begun:.0f} s")
    return 0


def environment(sandbox: Sandbox, releases: Path, folder: Path) -> dict[str, str]:
    """What the inventory of the platform reads, and kubectl on the path."""
    return {
        "APHEX_UPSTREAM_MIRROR": str(releases),
        "APHEX_PLATFORM_FOLDER": str(folder),
        "PATH": f"{sandbox.kubeconfig.parent}{os.pathsep}{os.environ['PATH']}",
    }


def _story(sandbox: Sandbox, env: dict[str, str]) -> None:
    say(f"{len(sandbox.api.list(_DEFINITIONS))} kinds beside those of Kubernetes itself")
    title("The platform: one playbook, the tree pushed, the parts applied wave by wave")
    play(sandbox, PLATFORM, "bootstrap", *_BOTH, *_QUICKLY, environment=env)
    _tree(sandbox)
    title("The same playbook again")
    before, mark = _head(sandbox), sandbox.audit.mark()
    changed = play(sandbox, PLATFORM, "bootstrap", *_BOTH, *_QUICKLY, environment=env)
    writes = sandbox.audit.product_writes(mark)
    if changed or writes or _head(sandbox) != before:
        raise Broken(f"the second run changed {changed} things, with {len(writes)} writes: {writes[:3]}")
    say(f"0 writes, and the tree is still at {before[:12]}")
    title("Tekton's programs take up what the bootstrap has made, and tenants come")
    joined = join("demo-bootstrap", ALL, user=sandbox.user, say=say)
    play(joined, TENANTS, "onboard")
    delivery = Control(joined.env["APHEX_SANDBOX_GITHUB"]).do("push", repository="acme-corp/web-shop")
    run = until(lambda: joined.api.find(f"{_RUNS}/push-{delivery}"))
    say(f"push, delivery {delivery}: PipelineRun web-shop/{run['metadata']['name']}")


def _tree(sandbox: Sandbox) -> None:
    kinds = sandbox.api.list(_DEFINITIONS)
    written = sandbox.audit.product_writes()
    say(f"{len(kinds)} kinds, {len(written)} writes, every object accepted under strict validation")
    say(f"tree at {_head(sandbox)[:12]}:")
    for line in _git(sandbox, "ls-tree", "--name-only", "main", "applications/"):
        say(f"  {line}")


def _head(sandbox: Sandbox) -> str:
    return _git(sandbox, "rev-parse", "main")[0]


def _git(sandbox: Sandbox, *arguments: str) -> list[str]:
    repository = Path(sandbox.env["APHEX_SANDBOX_GIT_FOLDER"]) / f"{TREE}.git"
    answer = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True)
    return answer.stdout.split("\n")[:-1]


if __name__ == "__main__":
    sys.exit(main())
